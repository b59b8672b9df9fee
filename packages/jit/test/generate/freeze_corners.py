"""Modules on which freezing, folding and fusing are easily wrong, with what PyTorch answers before any of it, twice.

Run: python3 packages/jit/test/generate/freeze_corners.py   (Debian's PyTorch 1.13)
Writes archives/freeze-corners.json.gz: by name the archive in base64, the arguments, both results, what stays preserved, and the
nodes that PyTorch's freeze leaves.
"""
import base64
import gzip
import io
import json
import pathlib
import re
from typing import Dict, List, Optional

import torch
import torch.nn.functional as F
from torch import nn

from values import encode

CASES = {}


def case(*args, preserved=()):
    def register(cls):
        CASES[cls.__name__] = (cls, args, list(preserved))
        return cls

    return register


class Layers(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


def layers(name, make, x):
    CASES[name] = (lambda: Layers(*make()), (x,), [])


torch.manual_seed(0)
x = torch.randn(2, 4, 5, 5)
layers("ConvNoBiasBn", lambda: [nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6)], x)
layers("GroupedBn", lambda: [nn.Conv2d(4, 6, 3, groups=2), nn.BatchNorm2d(6)], x)
layers("DepthwiseBn", lambda: [nn.Conv2d(4, 8, 3, groups=4, bias=False), nn.BatchNorm2d(8, affine=False)], x)
layers("TransposedBn", lambda: [nn.ConvTranspose2d(4, 6, 3), nn.BatchNorm2d(6)], x)
layers("TransposedGroupedBn", lambda: [nn.ConvTranspose2d(4, 6, 3, groups=2, bias=False, stride=2, output_padding=1), nn.BatchNorm2d(6)], x)
layers("SameBn", lambda: [nn.Conv2d(4, 6, 3, padding="same"), nn.BatchNorm2d(6)], x)
layers("ReflectBn", lambda: [nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), nn.BatchNorm2d(6)], x)
layers("MomentumNone", lambda: [nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6, momentum=None)], x)
layers("NoStats", lambda: [nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6, track_running_stats=False)], x)
layers("ConvInstance", lambda: [nn.Conv2d(4, 6, 3), nn.InstanceNorm2d(6, affine=True, track_running_stats=True)], x)
layers("Conv1dBn", lambda: [nn.Conv1d(4, 6, 3), nn.BatchNorm1d(6)], x[:, :, 0])
layers("Conv3dBn", lambda: [nn.Conv3d(4, 6, 2), nn.BatchNorm3d(6)], torch.randn(1, 4, 3, 3, 3))
layers("LinearBn", lambda: [nn.Flatten(), nn.Linear(100, 6), nn.BatchNorm1d(6)], x)
layers("LinearBn3d", lambda: [nn.Linear(5, 6), nn.BatchNorm1d(5)], torch.randn(2, 5, 5))
layers("BnConv", lambda: [nn.BatchNorm2d(4), nn.Conv2d(4, 6, 3)], x)
layers("ConvReluBn", lambda: [nn.Conv2d(4, 6, 3), nn.ReLU(inplace=True), nn.BatchNorm2d(6)], x)
layers("ConvDropBn", lambda: [nn.Conv2d(4, 6, 3), nn.Dropout(0.5), nn.BatchNorm2d(6)], x)
layers("ConvDouble", lambda: [nn.Conv2d(4, 6, 3).double(), nn.BatchNorm2d(6).double()], x.double())
layers("ConvBnBn", lambda: [nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.BatchNorm2d(6)], x)


@case(x)
class SharedConvolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.first = nn.BatchNorm2d(4)
        self.second = nn.BatchNorm2d(4)

    def forward(self, x):
        return self.second(self.conv(self.first(self.conv(x))))


@case(x)
class UsedTwice(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x):
        y = self.conv(x)
        return self.norm(y) + y


@case(x)
class WrittenBetween(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x):
        y = self.conv(x)
        y[0] = 1.0
        return self.norm(y)


@case(x)
class DimChanged(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        y = self.conv(x)
        before = y.dim()
        y.unsqueeze_(0)
        return before, y.dim(), y.size()


@case(x)
class Broadcast(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.register_buffer("narrow", torch.rand(1, 4, 1, 1) + 0.5)
        self.register_buffer("wide", torch.rand(2, 4, 5, 5))
        self.register_buffer("deep", torch.rand(3, 1, 1, 1, 1))

    def forward(self, x):
        y = (self.conv(x) + self.narrow) * self.narrow / self.narrow - self.narrow
        return y, torch.relu(self.conv(x) + self.wide), self.conv(x) * 2 + 1, torch.relu(self.conv(x) * self.deep)


class Scaled(nn.Module):
    times: int

    def __init__(self):
        super().__init__()
        self.times = 4
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return x * self.times * self.weight


@case(x, 3, preserved=("count", "other", "scaled.times", "items"))
class Preserved(nn.Module):
    count: int
    items: List[int]

    def __init__(self):
        super().__init__()
        self.count = 2
        self.items = [1, 2]
        self.scaled = Scaled()

    def forward(self, x, k: int):
        return x * self.count + self.scaled(x) + self.items[0] * k

    @torch.jit.export
    def other(self, x):
        self.count += 1
        return x + self.count


@case(x)
class Mutated(nn.Module):
    count: int
    seen: Dict[str, int]
    history: List[torch.Tensor]

    def __init__(self):
        super().__init__()
        self.count = 0
        self.register_buffer("total", torch.zeros(1))
        self.seen = {}
        self.history = []
        self.first = Scaled()
        self.second = self.first

    def forward(self, x):
        self.count += 1
        self.total += 2
        self.seen["k"] = self.count
        self.history.append(x.sum())
        self.first.times += 1
        return self.second(x) + self.count + self.total + len(self.history) + self.seen["k"], self.second.times


@case(x)
class Containers(nn.Module):
    def __init__(self):
        super().__init__()
        self.pair = (torch.ones(1), 2)
        self.table = {"a": torch.ones(2)}
        self.nothing: Optional[torch.Tensor] = None
        self.bound = float("inf")
        self.kind = "a"

    def forward(self, x):
        y = x * self.pair[0] * self.pair[1]
        if self.nothing is not None:
            y = y + 1
        if self.kind == "a":
            y = y * 2
        for key, value in self.table.items():
            y = y + value.sum()
        return y.sum(), self.bound, self.table


@case(x)
class Returned(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.items = [1, 2]

    def forward(self, x):
        return self.weight, self.items, x.sum() + self.weight.t()


@case(x)
class Lists(nn.Module):
    def __init__(self):
        super().__init__()
        self.some = nn.ModuleList([nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.ReLU6()])
        self.named = nn.ModuleDict({"a": nn.Conv2d(4, 4, 1), "b": nn.BatchNorm2d(4)})

    def forward(self, x):
        for layer in self.some:
            x = layer(x)
        for name, layer in self.named.items():
            x = layer(x)
        if x.sum() > 1e9:
            x = self.some[0](x)
        return x


@case(x)
class Conditional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.norm = nn.BatchNorm2d(4)
        self.flag = True

    def forward(self, x):
        y = self.conv(x)
        if self.flag:
            y = self.norm(y)
        for i in range(2):
            y = self.norm(self.conv(y))
        return y


@case(x)
class TrainingNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4, 3, 3))
        self.register_buffer("mean", torch.rand(4))
        self.register_buffer("var", torch.rand(4) + 0.5)

    def forward(self, x):
        fixed = F.batch_norm(F.conv2d(x, self.weight), self.mean, self.var)
        return fixed, F.batch_norm(F.conv2d(x, self.weight * 2), self.mean, self.var, training=True), self.mean


def randomised(module):
    for norm in module.modules():
        if isinstance(norm, nn.modules.batchnorm._NormBase) and norm.running_mean is not None:
            norm.running_mean.uniform_(-1, 1)
            norm.running_var.uniform_(0.5, 2)
            if norm.weight is not None:
                nn.init.uniform_(norm.weight, 0.5, 2)
                nn.init.uniform_(norm.bias, -1, 1)
    return module


def rounded(value):
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value


golden = {}
for name, (make, args, preserved) in CASES.items():
    torch.manual_seed(1)
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(randomised(make())).eval(), file)
    load = lambda: torch.jit.load(io.BytesIO(file.getvalue())).eval()
    module = load()
    frozen = torch.jit.freeze(load(), preserved)
    golden[name] = {
        "archive": base64.b64encode(file.getvalue()).decode(),
        "arguments": [encode(a) for a in args],
        "preserved": preserved,
        "results": [rounded(encode(module(*args))) for _ in range(2)],
        "nodes": sorted(k for k in re.findall(r"= (\w+::\w+)", str(frozen.graph)) if k != "prim::Constant"),
    }
out = pathlib.Path(__file__).parent.parent / "archives" / "freeze-corners.json.gz"
out.write_bytes(gzip.compress(json.dumps(golden, separators=(",", ":")).encode(), mtime=0))
print(len(golden), "modules,", out.stat().st_size, "bytes")
