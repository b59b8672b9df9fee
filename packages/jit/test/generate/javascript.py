"""The Python twins of the programs in test/javascript/programs.ts: their graphs and code, and what they answer.

Run: python3 packages/jit/test/generate/javascript.py   (Debian's PyTorch 1.13)
Writes archives/javascript.json. The comments that say where a node came from are left out.
"""
import json
import math
import os
import re
import warnings
from typing import Dict, List, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from values import encode

warnings.filterwarnings("ignore")
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "archives")
programs = {}


def bare(graph):
    return re.sub(r" +# \S+:\d+:\d+$", "", str(graph), flags=re.M)


def keep(f, *calls, name=None):
    scripted = torch.jit.script(f)
    results = []
    for args in calls:
        copy = [a.clone() if isinstance(a, Tensor) else a for a in args]
        try:
            with torch.no_grad():
                results.append({"args": [encode(a) for a in args], "result": encode(scripted(*copy))})
        except torch.jit.Error as error:
            results.append({"args": [encode(a) for a in args], "error": str(error).strip().split("\n")[-1]})
    programs[name or f.__name__] = {"graph": bare(scripted.graph), "code": scripted.code, "calls": results}


x = torch.tensor([[1.0, -2.0, 3.0], [-4.0, 5.0, 6.5]])
v = torch.tensor([1.0, 2.0, -3.0, 4.0])


def happy_function(x):
    ret = torch.rand(0)
    if True == True:
        ret = torch.rand(1)
    else:
        ret = torch.rand(2)
    return ret


def decision(x):
    if x.sum() > 0:
        return x
    else:
        return -x


def arithmetic(x, h):
    y = x + h * 2 - 1
    y = y / 0.5
    return (-y) ** 2 + 1.5 % 1.0625


def in_place(x):
    y = x * 1
    y += 1
    y *= 2.5
    y -= x
    return y


def comparisons(x, y):
    a = x > y
    b = x == 1
    c = x != y
    return a, b, c


def rnn_loop(xs, h):
    y = torch.zeros(3, 3)
    for i in range(xs.size(0)):
        y = torch.tanh(xs[i] + h)
        h = y * 0.5
    return y, h


def early(x):
    for i in range(x.size(0)):
        if x[i] < 0:
            return x[i] * i
    return x.sum()


def skipping(n: int) -> int:
    total = 0
    i = 0
    while i < n:
        i += 1
        if i == 3:
            continue
        if i > 7:
            break
        total += i
    return total


def collect(x, n: int) -> List[Tensor]:
    out: List[Tensor] = []
    for i in range(n):
        if i % 2 == 0:
            out.append(x + i)
    return out


def counting_down(n: int) -> List[int]:
    out: List[int] = []
    for i in range(n, 0, -1):
        out.append(i)
    for k in range(1, n + 1):
        out.append(k * k)
    for j in range(0, n, 2):
        out.append(j)
    return out


def over_items(xs: List[Tensor]) -> Tensor:
    total = torch.zeros(2)
    for t in xs:
        total = total + t
    return total


def enumerated(xs: List[Tensor]) -> Tensor:
    total = torch.zeros(2)
    for i, t in enumerate(xs):
        total = total + t * i
    return total


def optional(x, bias: Optional[Tensor] = None):
    if bias is not None:
        return x + bias
    return x


def defaulted(x, n: int = 2, scale: float = 0.5, flip: bool = False):
    y = x * n * scale
    return -y if flip else y


def keywords(x, dim: int = 1, keep: bool = True):
    return x.sum(dim=dim, keepdim=keep)


def dictionary(d: Dict[str, Tensor]) -> Tensor:
    total = torch.zeros(2)
    for k, t in d.items():
        if k != "skip":
            total = total + t
    if "bias" in d:
        total = total + d["bias"]
    return total


def tuples(x, pair: Tuple[Tensor, int]):
    y, n = pair
    x, y = y, x
    return x + n, y


def largest(x):
    values, indices = x.max(dim=1)
    return values, indices


def booleans(a: bool, b: bool, n: int) -> bool:
    c = a and not b
    return c or n > 3


def conditions(x, y, n: int):
    if n > 0 and x.sum() > 0 or y.sum() > 0:
        return x
    return y


def raising(x, n: int):
    if n < 0:
        raise ValueError("n must not be negative")
    return x * n


def templates(n: int, s: str) -> str:
    return "{}-{}!".format(s, n).upper()


def numbers(a: int, b: float) -> float:
    c = a * 2 + 1
    d = math.floor(b)
    return math.sqrt(a) + c / 2 + d - max(b, 0.25)


def indexing(x):
    first = x[0]
    last = x[-1]
    corner = x[0, 1:3]
    return first, last, corner


def comprehension(xs: List[Tensor]) -> List[Tensor]:
    return [t * 2 for t in xs]


def functional(x):
    y = F.relu(x)
    y = F.softmax(y, dim=1)
    return F.layer_norm(y, [3])





def scaled(x, k: int):
    return x * k * 0.25


def helper_call(x):
    return scaled(x, 3) + scaled(x, k=2)


def nested(x):
    total = torch.zeros(3)
    for i in range(2):
        for j in range(3):
            if x[i][j] > 2:
                break
            total = total + x[i]
    return total


def shapes(x):
    b, c = x.shape
    return x.view(c, b), x.reshape([-1]), x.dim(), len(x.shape)


def dtypes(x):
    return x.to(torch.int64), torch.zeros([2, 2], dtype=torch.float64), x.float()


def forked(x):
    f = torch.jit.fork(scaled, x, 2)
    y = x * 2
    return torch.jit.wait(f) + y


def looped_while(x):
    n = 0
    while x.sum() > 0.5:
        x = x / 2
        n += 1
    return x, n


for n in ["happy_function"]:
    scripted = torch.jit.script(happy_function)
    programs[n] = {"graph": bare(scripted.graph), "code": scripted.code, "calls": []}
keep(decision, [x], [-x])
keep(arithmetic, [x, x])
keep(in_place, [x])
keep(comparisons, [x, x * 2 - 1])
keep(rnn_loop, [torch.arange(12.0).view(4, 3) / 10, torch.ones(3)])
keep(early, [v], [v.abs()])
keep(skipping, [2], [5], [20])
keep(collect, [x, 4])
keep(counting_down, [4])
keep(over_items, [[torch.ones(2), torch.arange(2.0)]])
keep(enumerated, [[torch.ones(2), torch.arange(2.0)]])
keep(optional, [x, x], [x, None])
keep(defaulted, [x], [x, 3, 2.0, True])
keep(keywords, [x])
keep(dictionary, [{"a": torch.ones(2), "skip": torch.ones(2), "bias": torch.arange(2.0)}])
keep(tuples, [x, (x * 2, 3)])
keep(largest, [x])
keep(booleans, [True, False, 1], [True, True, 1], [False, False, 4])
keep(conditions, [x, -x, 1], [-x, x, 0], [-x, -x, 1])
keep(raising, [x, 2], [x, -1])
keep(templates, [3, "ab"])
keep(numbers, [9, 2.75])
keep(indexing, [x])
keep(comprehension, [[x, -x]])
keep(functional, [x])
keep(helper_call, [x])
keep(nested, [x])
keep(shapes, [x])
keep(dtypes, [x])
keep(forked, [x])
keep(looped_while, [x])


class MyDecisionGate(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x
        else:
            return -x


class MyCell(nn.Module):
    def __init__(self, dg):
        super().__init__()
        self.dg = dg
        self.linear = nn.Linear(4, 4)

    def forward(self, x, h):
        new_h = torch.tanh(self.dg(self.linear(x)) + h)
        return new_h, new_h


class MyRNNLoop(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = MyCell(MyDecisionGate())

    def forward(self, xs):
        h, y = torch.zeros(3, 4), torch.zeros(3, 4)
        for i in range(xs.size(0)):
            y, h = self.cell(xs[i], h)
        return y, h


class Net(nn.Module):
    __constants__ = ["steps"]

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.head = nn.Sequential(nn.Linear(4, 2), nn.ReLU())
        self.steps = 2
        self.count = 0

    def forward(self, x):
        for layer in self.layers:
            x = self.act(layer(x))
        if self.training:
            self.count += 1
        return self.head(x) * self.steps

    def act(self, x):
        return torch.sigmoid(x)


def keep_module(name, module):
    scripted = torch.jit.script(module)
    graphs = {
        f"{path}.{method}".lstrip("."): bare(m._c._get_method(method).graph)
        for path, m in scripted.named_modules()
        for method in m._c._method_names()
    }
    programs[name] = {"graphs": graphs, "code": scripted.code, "text": str(scripted), "calls": []}


keep_module("MyRNNLoop", MyRNNLoop())
keep_module("Net", Net())

with open(os.path.join(here, "javascript.json"), "w") as f:
    json.dump(programs, f, indent=1, sort_keys=True)
    f.write("\n")
print(len(programs), "programs")
