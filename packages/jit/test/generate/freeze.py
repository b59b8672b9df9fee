"""What PyTorch makes of modules by torch.jit.freeze: the nodes of the graph, and results. Run with Debian 12's python3."""
import json
import pathlib
import re

import torch
from torch import nn
from values import encode

here = pathlib.Path(__file__).parent.parent / "archives"


class ConvNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.dropout = nn.Dropout(0.5)
        self.linear = nn.Linear(4, 2)
        self.scale = 3

    def forward(self, x):
        x = torch.relu(self.bn(self.conv(x)))
        x = self.dropout(x)
        if self.training:
            x = x + 1
        return self.linear(x.mean([2, 3])) * self.scale


class TransposedNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.ConvTranspose2d(4, 6, 2, groups=2)
        self.bn = nn.BatchNorm2d(6)

    def forward(self, x):
        return self.bn(self.conv(x))


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0
        self.version = 7
        self.register_buffer("total", torch.zeros(2))
        self.weight = nn.Parameter(torch.ones(2))

    def forward(self, x):
        self.calls += 1
        self.total += x
        return x * self.weight + self.total + self.calls


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.kind = "relu"
        self.times = 0
        self.weight = nn.Parameter(torch.full([3], 0.5))

    def forward(self, x):
        for _ in range(self.times):
            x = x + 1
        if self.kind == "relu":
            y = torch.relu(x)
        else:
            y = torch.tanh(x)
        return y + self.weight.t() + torch.zeros(3)


torch.manual_seed(3)
modules = {
    "ConvNorm": (ConvNorm(), torch.randn(2, 3, 5, 5)),
    "TransposedNorm": (TransposedNorm(), torch.randn(2, 4, 3, 3)),
    "Counter": (Counter(), torch.randn(2)),
    "Branches": (Branches(), torch.randn(3)),
}
out = {}
for name, (module, x) in modules.items():
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            child.running_mean.uniform_(-1, 1)
            child.running_var.uniform_(0.5, 2)
            nn.init.uniform_(child.weight, 0.5, 2)
            nn.init.uniform_(child.bias, -1, 1)
    # Traced, since a script asks for the dims of what the convolution gives, and PyTorch does not know those.
    scripted = torch.jit.trace(module.eval(), x) if name == "TransposedNorm" else torch.jit.script(module.eval())
    scripted.save(here / "freeze" / f"{name}.pt")
    frozen = torch.jit.freeze(torch.jit.load(here / "freeze" / f"{name}.pt"))
    exact = torch.jit.freeze(torch.jit.load(here / "freeze" / f"{name}.pt"), optimize_numerics=False)
    kinds = lambda m: sorted(k for k in re.findall(r" = (\w+::\w+)", str(m.graph)) if k != "prim::Constant")
    with torch.no_grad():
        results = [frozen(x.clone()), frozen(x.clone())]
    out[name] = {
        "input": encode(x),
        "results": [encode(r) for r in results],
        "frozen": kinds(frozen),
        "exact": kinds(exact),
        "attributes": sorted(n for n in ("calls", "total", "weight", "version", "kind", "scale") if hasattr(frozen, n)),
    }
(here / "freeze.json").write_text(json.dumps(out, indent=1) + "\n")
