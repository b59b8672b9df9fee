"""Archives for the mobile interpreter, with bytecode and without source, and what PyTorch's mobile interpreter answers.

Run: python3 packages/jit/test/generate/lite.py   (Debian's PyTorch 1.13)
Writes archives/lite/NAME.ptl and archives/lite.json.
"""
import json
import os
import sys
import warnings
import zipfile
from typing import Dict, List, Optional, Tuple

import torch
from torch import Tensor, nn
from torch.jit.mobile import _load_for_lite_interpreter

from values import encode

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "archives")
out = os.path.join(here, "lite")
os.makedirs(out, exist_ok=True)
sys.path.insert(0, os.path.join(here, "..", "..", "..", "..", "conformance", "models"))
warnings.simplefilter("ignore")
torch.manual_seed(3)
cases = {}


def case(name, module, *calls):
    if not isinstance(module, torch.jit.ScriptModule):
        module = torch.jit.script(module.eval())
    whole = os.path.join(out, "whole.ptl")
    module._save_for_lite_interpreter(whole)
    path = os.path.join(out, f"{name}.ptl")
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for info in source.infolist():
            record = info.filename.split("/", 1)[1]
            if record.startswith("code/") or record == "constants.pkl" or "debug" in record:
                continue
            target.writestr(zipfile.ZipInfo(f"lite/{record}"), source.read(info))
    os.replace(whole, os.path.join(out, "with_source.ptl")) if name == "everything" else os.remove(whole)
    loaded = _load_for_lite_interpreter(path)
    results = []
    for call in calls:
        method, args = call if isinstance(call[0], str) else ("forward", call)
        entry = {"method": method, "args": [encode(a) for a in args]}
        try:
            with torch.no_grad():
                entry["result"] = encode(loaded.run_method(method, *args))
        except Exception as error:
            entry["error"] = str(error).strip().split("\n")[-1].split(": ", 1)[-1]
        results.append(entry)
    cases[name] = {"calls": results}


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.count = 0

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        return self.linear(x) * self.count


class Everything(nn.Module):
    """Loops, branches, containers, attributes, text."""

    past: Optional[Tensor]
    names: List[str]
    table: Dict[str, float]

    def __init__(self):
        super().__init__()
        self.inner = Inner()
        self.past = None
        self.names = ["a", "b"]
        self.table = {"half": 0.5, "two": 2.0}
        self.scale = 1.5

    def forward(self, x: Tensor, n: int, names: List[str]):
        d: Dict[str, List[int]] = {}
        for i, name in enumerate(names):
            if i % 2 == 0:
                d[name] = [i, n]
            else:
                x = self.inner(x)
        y, m = x, n
        while float(y.abs().sum()) > 1.0 and m > 0:
            y = y / 2
            m -= 1
            if m == 3:
                break
        past = self.past
        if past is not None:
            y = y + past
        self.past = y
        squares = [i * i for i in range(n)]
        total = 0.0
        for key, value in self.table.items():
            if key in ("two", "three"):
                total += value
        best: Optional[int] = None
        for s in squares:
            if best is None or s > best:
                best = s
        return {"x": y}, d, f"{n} of {m}: {names}", x.dtype, x.dim(), best, total * self.scale, squares[1:], bool(y[0, 0] > 0), max(n, 3)

    @torch.jit.export
    def refuse(self, n: int) -> int:
        if n < 0:
            raise ValueError("n is negative")
        assert n < 5, "n is large"
        return n // 2 + (-n) % 3

    @torch.jit.export
    def text(self, words: List[str], pair: Tuple[int, float]) -> str:
        a, b = pair
        out = ""
        for word in words:
            out += word.upper() + "-"
        return out + str(a) + " {:} {}".format(b, self.names[-1])


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(48, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).log_softmax(-1)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 3, batch_first=True, bidirectional=True)
        self.words = nn.Embedding(7, 4)

    def forward(self, ids: Tensor, state: Optional[Tuple[Tensor, Tensor]] = None) -> Tuple[Tensor, List[float]]:
        y, (h, c) = self.lstm(self.words(ids), state)
        norms: List[float] = []
        for i in range(h.size(0)):
            norms.append(float(torch.floor(h[i].norm() * 8) / 8))
        return y, norms


@torch.jit.interface
class Layer(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pass


class Twice(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2


class Shifted(nn.Module):
    def __init__(self, by: int):
        super().__init__()
        self.by = by

    def forward(self, x: Tensor) -> Tensor:
        if self.by > 1:
            return x.relu() + self.by
        return x


class Holder(nn.Module):
    layer: Layer

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer.forward(x)


class Chosen(nn.Module):
    """Calls through an interface, of one class in two instances and of two classes in one slot."""

    first: Layer
    second: Layer

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = Shifted(3), Shifted(1), Twice()
        self.holder, self.other = Holder(Twice()), Holder(Shifted(2))

    def forward(self, x: Tensor, n: int) -> Tensor:
        y = self.first.forward(x) - self.second.forward(x)
        for _ in range(n):
            y = y + self.third(x) + self.holder(y) * self.other(x)
        return y


x = torch.randn(2, 3)
case("everything", Everything(), (x, 4, ["p", "q", "r"]), (x * 9, 6, ["q"]), (x, 2, ["only"]), ("refuse", (4,)), ("refuse", (-1,)), ("refuse", (7,)),
     ("text", (["ab", "c"], (3, 0.5))))
case("convolution", torch.jit.trace(Small().eval(), torch.randn(1, 1, 8, 8)), (torch.randn(2, 1, 8, 8),))
case("recurrent", Recurrent(), (torch.tensor([[1, 2, 6], [0, 3, 3]]),), (torch.tensor([[1], [5]]), (torch.randn(2, 2, 3), torch.randn(2, 2, 3))))

import programs_packed  # noqa: E402
import programs_real  # noqa: E402

for source, wanted in ((programs_packed, ("dynamic_linear", "mobile_optimised", "static_convolution")), (programs_real, ("voice_activity",))):
    for name, module, calls in source.programs():
        if name in wanted:
            case(name, module, *[c if isinstance(c, tuple) else tuple(c) for c in calls[:6]])
torch._C._enable_mobile_interface_call_export()   # without it PyTorch refuses to write such calls; it stays on
case("interfaces", Chosen(), (torch.ones(2, 3) * 0.5, 0), (x, 2))
with open(os.path.join(here, "lite.json"), "w") as f:
    json.dump(cases, f, sort_keys=True)
print({name: [c.get("error") for c in entry["calls"]] for name, entry in cases.items()})
