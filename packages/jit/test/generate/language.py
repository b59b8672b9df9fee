"""One scripted program per feature of the language, saved by PyTorch with what it answered there.

Run: python3 packages/jit/test/generate/language.py   (Debian's PyTorch 1.13)
Writes archives/language/NAME.pt and archives/language.json.
"""
import enum
import json
import math
import os
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import torch
from torch import Tensor, nn

from values import encode

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "archives")
out = os.path.join(here, "language")
os.makedirs(out, exist_ok=True)
cases = {}


def t(*values, dtype=None):
    return torch.tensor(values, dtype=dtype)


def case(*calls):
    """Registers a module class with the argument tuples of the calls to make, in order, on one instance."""

    def register(cls):
        torch.manual_seed(0)
        module = torch.jit.script(cls())
        name = cls.__name__
        module.save(os.path.join(out, name + ".pt"))
        loaded = torch.jit.load(os.path.join(out, name + ".pt"))
        results = []
        for args in calls:
            encoded = [encode(a) for a in args]
            try:
                results.append({"args": encoded, "result": encode(loaded(*args))})
            except (torch.jit.Error, RuntimeError, IndexError) as error:
                lines = str(error).strip().split("\n")
                results.append({"args": encoded, "error": lines[-1]})
        cases[name] = {"calls": results, "code": loaded.code, "graph": str(loaded.graph)}
        return cls

    return register


@case((3, 4), (-7, 2), (7, -2), (2**62, 4), (-(2**63) + 1, 3))
class IntArithmetic(nn.Module):
    def forward(self, a: int, b: int):
        return a + b, a - b, a * b, a // b, a % b, a & b, a | b, a ^ b, -a, abs(b), max(a, b), min(a, b)


@case((7, 2), (1, 3))
class IntDivisionAndPower(nn.Module):
    def forward(self, a: int, b: int):
        return a / b, a**b, float(a), math.sqrt(a), a << b, a >> b, divmod(a, b), round(a / b), math.floor(a / b), math.ceil(a / b)


@case((2.0, 3.0), (-7.5, 2.0), (1e300, 1e300))
class FloatArithmetic(nn.Module):
    def forward(self, a: float, b: float):
        return a + b, a - b, a * b, a / b, a // b, a % b, -a, int(b), a < b, a == b, abs(a), max(a, b)


@case((2, 3.5), (-2, 2.0))
class MixedArithmetic(nn.Module):
    def forward(self, a: int, b: float):
        return a + b, b - a, a * b, a / b, b // a, a < b, a == b, a**b, max(a, b), min(b, a)


@case((1, 0),)
class DivisionByZero(nn.Module):
    def forward(self, a: int, b: int):
        return a // b


@case((2.5,), (3.5,), (-0.5,), (1.4999,))
class Rounding(nn.Module):
    def forward(self, x: float):
        return round(x), math.floor(x), math.ceil(x), int(x), math.fabs(x)


@case((0.5,), (2.0,))
class MathFunctions(nn.Module):
    def forward(self, x: float):
        return math.exp(x), math.log(x), math.sin(x), math.cos(x), math.tan(x), math.atan(x), math.sqrt(x), math.log10(x), math.tanh(x), math.pow(x, 3.0), math.isnan(x), math.atan2(x, 2.0), math.fmod(x, 0.3), math.degrees(x), math.log1p(x)


@case((5,), (0,), (-3,))
class ForRange(nn.Module):
    def forward(self, n: int):
        total = 0
        odd: List[int] = []
        for i in range(n):
            total += i
        for j in range(1, 10, 3):
            odd.append(j)
        for k in range(n, -n, -2):
            odd.append(k)
        return total, odd


@case((10,), (1,), (27,))
class WhileLoop(nn.Module):
    def forward(self, n: int):
        steps = 0
        while n != 1:
            if n % 2 == 0:
                n = n // 2
            else:
                n = 3 * n + 1
            steps += 1
        return steps


@case((3,), (7,), (100,))
class BreakAndContinue(nn.Module):
    def forward(self, limit: int):
        seen: List[int] = []
        for i in range(20):
            if i % 3 == 0:
                continue
            if i > limit:
                break
            seen.append(i)
        j = 0
        while True:
            j += 2
            if j > limit:
                break
        return seen, j


@case((3,), (15,), (50,))
class EarlyReturn(nn.Module):
    def forward(self, n: int) -> str:
        if n < 10:
            return "small"
        for i in range(n):
            if i * i == n:
                return "square of " + str(i)
            if i > 20:
                return "large"
        return "medium"


@case((t(1.0, 2.0),), (t(-1.0, -2.0),))
class TensorCondition(nn.Module):
    def forward(self, x: Tensor):
        if x.sum() > 0:
            y = x * 2
        else:
            y = -x
        while y.sum() < 20:
            y = y + y
        return y


@case(([3, 1, 2],), ([],))
class Lists(nn.Module):
    def forward(self, x: List[int]):
        y = x.copy()
        y.append(7)
        y.insert(1, 9)
        y.extend([4, 4])
        y.sort()
        z = sorted(y)
        z.reverse()
        last = y.pop()
        y[0] = -1
        y += [5]
        return y, z, last, len(x), y[1:3], y[::2], y[-1], 4 in y, y.index(4), y.count(4), x + y, [0] * 3, sum(z), max(z), min(z), y == z


@case((["b", "a"], 2), ([], 0))
class Comprehensions(nn.Module):
    def forward(self, names: List[str], n: int):
        squares = [i * i for i in range(n)]
        lengths = [len(name) for name in names]
        pairs: List[Tuple[int, str]] = []
        for i, name in enumerate(names):
            pairs.append((i, name))
        for a, b in zip(squares, lengths):
            pairs.append((a, str(b)))
        return squares, lengths, pairs, {str(i): i for i in range(n)}


@case(({"a": 1, "b": 2}, "a"), ({"z": 26}, "q"))
class Dicts(nn.Module):
    def forward(self, d: Dict[str, int], key: str):
        e = d.copy()
        e["new"] = 3
        total = 0
        for k in e:
            total += e[k]
        for k, v in e.items():
            total += v * len(k)
        return e, key in d, d.get(key), d.get(key, -1), len(e), list(e.keys()), list(e.values()), total, e.pop("new"), e


@case(({1: 2.0, -5: 0.5},))
class IntKeys(nn.Module):
    def forward(self, d: Dict[int, float]):
        d[3] = 1.0
        del d[1]
        return d, d[-5]


@case(({"a": 1},))
class MissingKey(nn.Module):
    def forward(self, d: Dict[str, int]):
        return d["missing"]


@case(([1, 2],))
class IndexOutOfRange(nn.Module):
    def forward(self, x: List[int]):
        return x[5]


@case(("Hello, World", 3),)
class Strings(nn.Module):
    def forward(self, s: str, n: int):
        return s.upper(), s.lower(), s.split(", "), s[0], s[-1], s[1:4], s.replace("l", "L"), s.find("World"), s.startswith("Hell"), s + "!", len(s), ",".join(["a", "b"]), s.count("l"), s == "x", s < "I", s.strip("Hd"), "%d items of %s" % (n, s), "{} and {}".format(n, s), str(n), s.title(), s.center(20, "*"), s.zfill(15), s.swapcase(), s.isalpha(), "World" in s, s.rsplit("o", 1), s.partition(", "), "7".isdigit(), ord("a"), chr(98), hex(255), bin(5), oct(8)


@case((1, 2.5, True, t(1.0)),)
class Formatting(nn.Module):
    def forward(self, i: int, f: float, b: bool, x: Tensor):
        return "{} {} {}".format(i, f, b), "{}".format([1, 2]), "{}".format([1.0, 2.5]), str(f), str(b), str([1, 2]), "{}".format(1e-5), "{}".format(3.0), "{}".format(x.shape), "{}".format((1, "a")), str(None), f"{i}-{f}"


@case((3,), (None,))
class Optionals(nn.Module):
    def forward(self, x: Optional[int]):
        if x is None:
            y = -1
        else:
            y = x + 1
        z = x if x is not None else 100
        assert z > 0, "z must be positive"
        return y, z, x is None


@case((None,), (t(2.0),))
class OptionalTensor(nn.Module):
    def forward(self, x: Optional[Tensor] = None):
        if x is not None and x.dim() == 1:
            return x + 1
        return torch.zeros(2)


class Point(NamedTuple):
    x: Tensor
    label: int


@case((t(1.0, 2.0), 5),)
class NamedTuples(nn.Module):
    def forward(self, x: Tensor, n: int):
        p = Point(x, label=n)
        q = Point(p.x * 2, p.label + 1)
        return q, p.label + q[1], p


@case(((1, "a", 2.5), 1),)
class Tuples(nn.Module):
    def forward(self, x: Tuple[int, str, float], i: int):
        a, b, c = x
        y = (c, b, a)
        (p, q), r = (1, 2), 3
        return y, p + q + r, x[0], x[-1], x[1:], (1,), (), (1, 2)[i]


class Color(enum.Enum):
    RED = 1
    GREEN = 2


@case((0,), (1,))
class Enums(nn.Module):
    def __init__(self):
        super().__init__()
        self.favourite = Color.GREEN

    def forward(self, n: int):
        c = Color.RED
        if n > 0:
            c = self.favourite
        return c == Color.GREEN, c.value, c.name


@torch.jit.script
class Counter:
    def __init__(self, start: int):
        self.count = start
        self.names: List[str] = []

    def bump(self, name: str) -> int:
        self.count += 1
        self.names.append(name)
        return self.count

    def __add__(self, other: int) -> int:
        return self.count + other

    def __len__(self) -> int:
        return len(self.names)


@case((5,))
class Classes(nn.Module):
    def forward(self, n: int):
        c = Counter(n)
        d = c
        c.bump("a")
        d.bump("b")
        c.count = c.count * 10
        return d.count, d.names, c + 1, len(c), c is d


@torch.jit.interface
class Stage(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pass


class Doubler(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2


class Adder(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([1.0, 2.0]))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.w


@case((t(1.0, 2.0),))
class Interfaces(nn.Module):
    stage: Stage

    def __init__(self):
        super().__init__()
        self.stage = Adder()
        self.list = nn.ModuleList([Doubler(), Adder()])
        self.dict = nn.ModuleDict({"a": Doubler(), "b": Adder()})

    def forward(self, x: Tensor):
        x = self.stage.forward(x)
        for m in self.list:
            x = m(x)
        for name, m in self.dict.items():
            x = m(x) + len(name)
        return x


@case((t(1.0),), (t(2.0),), (t(3.0),))
class AttributesSet(nn.Module):
    total: Tensor
    calls: int
    history: List[float]
    last: Optional[Tensor]

    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(1))
        self.calls = 0
        self.history = []
        self.last = None

    def forward(self, x: Tensor):
        before = self.last
        self.total += x
        self.calls += 1
        self.history.append(float(x))
        self.last = x
        return self.total.clone(), self.calls, self.history, before


@case((t(1.0, 2.0, 3.0),))
class ViewsAndInPlace(nn.Module):
    def forward(self, x: Tensor):
        y = x.clone()
        v = y[1:]
        v += 10
        y[0] = 5.0
        z = y.view(3, 1)
        z.mul_(2)
        w = torch.zeros(2, 2)
        w[0, 1] = 1
        w[1] = torch.tensor([7.0, 8.0])
        return y, v, w, x


@case((t([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]),))
class TensorIndexing(nn.Module):
    def forward(self, x: Tensor):
        return x[0], x[:, 1:], x[..., -1], x[None, 0], x[1, 2], x[::1, ::2], x[:, [0, 2]], x[x > 2.5], x[torch.tensor([1, 0])]


@case((t([1.0, 2.0], [3.0, 4.0]),))
class TensorProperties(nn.Module):
    def forward(self, x: Tensor):
        return x.shape, x.dim(), x.size(0), x.numel(), x.dtype == torch.float32, x.is_cuda, x.requires_grad, x.device == torch.device("cpu"), len(x), x.size(), x.ndim, x.is_floating_point()


@case((2.0, 3),)
class ScalarsAndTensors(nn.Module):
    def forward(self, f: float, i: int):
        x = torch.ones(2, dtype=torch.int64)
        return x * i, x * f, 1 - x, 1.0 / (x + 1), x + 2.0, i - x, torch.full([2], i), torch.full([2], f), torch.tensor(i), torch.tensor(f), torch.tensor([i, 2]), torch.tensor([f]), torch.tensor([[1, 2], [3, 4]]), x / 2, x // 2, 2 > x


@case((t(3),), (t(-2),))
class TensorToNumber(nn.Module):
    def forward(self, x: Tensor):
        n = int(x)
        f = float(x)
        b = bool(x > 0)
        flat: List[float] = torch.zeros(2).tolist()
        deep: List[List[int]] = torch.ones(2, 1, dtype=torch.int64).tolist()
        return n, f, b, x.item(), n + 1 if b else 0, flat, deep


@case((1,), (2.5,), ("s",), ([1, 2],))
class Unions(nn.Module):
    def forward(self, x: Union[int, float, str, List[int]]):
        if isinstance(x, int):
            return "int " + str(x + 1)
        elif isinstance(x, float):
            return "float " + str(x)
        elif isinstance(x, str):
            return "str " + x
        else:
            return "list " + str(len(x))


@case((1,), (2.0,), ("x",), (None,), ([1, 2],), (t(1.0),))
class AnyValue(nn.Module):
    def forward(self, x: Any):
        kind = "other"
        if isinstance(x, int):
            kind = "int"
        elif isinstance(x, float):
            kind = "float"
        elif isinstance(x, str):
            kind = "str"
        elif isinstance(x, Tensor):
            kind = "tensor"
        elif isinstance(x, list):
            kind = "list"
        return kind


@case((-1,), (1,), (0,))
class Exceptions(nn.Module):
    def forward(self, n: int):
        if n < 0:
            raise ValueError("n is negative: {}".format(n))
        assert n != 0, "n is zero"
        return n


@case((t(1.0),))
class NoGrad(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([2.0]))

    def forward(self, x: Tensor):
        with torch.no_grad():
            y = x * self.w
            inside = torch.is_grad_enabled()
        z = x * self.w
        return y.requires_grad, inside, torch.is_grad_enabled(), z


def helper(x: Tensor, scale: float = 2.0, count: int = 0) -> Tensor:
    return x * scale + count


@torch.jit.script
def other(x: Tensor, n: int):
    return helper(x, scale=float(n)), helper(x)


@case((t(1.0), 3),)
class Functions(nn.Module):
    def forward(self, x: Tensor, n: int):
        a, b = other(x, n)
        return a, b, helper(x, count=1)

    @torch.jit.export
    def second(self, x: Tensor) -> Tensor:
        return x + 1


@case((t(1.0, 2.0),))
class Fork(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Doubler()

    def forward(self, x: Tensor):
        a = torch.jit.fork(helper, x, 3.0)
        b = torch.jit.fork(self.inner, x)
        return torch.jit.wait(a) + torch.jit.wait(b)


@case((t(1.0, 2.0, 3.0),))
class TensorLists(nn.Module):
    def forward(self, x: Tensor):
        parts = x.split(1)
        a, b, c = x.chunk(3)
        stacked = torch.stack([p * 2 for p in parts])
        e: List[Tensor] = []
        for p in parts:
            e.append(p)
        e[0] = a + 1
        return torch.cat(e), stacked, len(parts), a + b + c, torch.cat([a, b], dim=0)


@case((t([1.0, 5.0], [7.0, 2.0]),))
class MultipleOutputs(nn.Module):
    def forward(self, x: Tensor):
        values, indices = torch.max(x, 1)
        top = torch.topk(x, 1, dim=1)
        m = x.max(dim=0)
        return values, indices, top[0], m.values, m.indices, x.sort(dim=1, descending=True)


@case((True, False), (False, False), (True, True))
class BooleanLogic(nn.Module):
    def forward(self, a: bool, b: bool):
        return a and b, a or b, not a, a == b, a != b, a & b, a | b, a ^ b, int(a) + int(b), (a or b) and not b, 1 if a else 2


@case((9223372036854775807,), (5,))
class BigInts(nn.Module):
    def forward(self, n: int):
        return n, n + 1, n * 2, n // 3, n % 1000, -n, n - 9007199254740993, 9223372036854775807, -9223372036854775807, n == 9223372036854775807, n > 1


@case((t(1.0),))
class ModuleConstants(nn.Module):
    __constants__ = ["size", "names"]
    scale: torch.jit.Final[float]

    def __init__(self):
        super().__init__()
        self.size = 3
        self.names = ["a", "b"]
        self.scale = 0.5
        self.flag = True

    def forward(self, x: Tensor):
        total = 0
        for i in range(self.size):
            total += i
        return total, self.names, self.scale, self.flag, x * self.scale, "\u00e9t\u00e9", "tab\there \"quoted\" \\", float("inf"), -float("inf")


@case((t(1.0, 2.0),), (t(1.0, 2.0),))
class TrainAndEval(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm1d(2)
        self.lin = nn.Linear(2, 2)

    def forward(self, x: Tensor):
        y = self.bn(torch.stack([x, x + 1, x * 3]))
        return self.lin(y), self.training, self.bn.running_mean, self.bn.num_batches_tracked


@case((t(1.0, 2.0),))
class Hooked(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(2, 2)

    def forward(self, x: Tensor):
        return torch.nn.functional.relu(self.lin(x), inplace=True), torch.nn.functional.softmax(x, dim=0), torch.nn.functional.dropout(x, training=False)


@case((4,), (0,))
class NestedLoops(nn.Module):
    def forward(self, n: int):
        grid: List[List[int]] = []
        found = False
        for i in range(n):
            row: List[int] = []
            for j in range(n):
                if i * j > 5:
                    found = True
                    break
                row.append(i * j)
            grid.append(row)
            if found and i > 2:
                break
        return grid, found


@case((3,),)
class SwapsInLoops(nn.Module):
    def forward(self, n: int):
        a, b = torch.tensor([1.0]), torch.tensor([2.0])
        p, q = 0, 1
        for i in range(n):
            a, b = b, a + b
            p, q = q, p + q
        return a, b, p, q


@case((t(0.5, -0.5),))
class DeviceAndDtype(nn.Module):
    def forward(self, x: Tensor):
        y = torch.zeros(2, dtype=torch.float64, device=x.device)
        z = x.to(torch.int32)
        w = x.to(y)
        d = torch.device("cpu")
        return y, z, w, torch.ones_like(x, dtype=torch.bool), torch.arange(3), torch.arange(0.0, 1.0, 0.25), d.type, x.type_as(y), x.double(), x.long(), torch.empty([0]).size(0), torch.ones([2], dtype=x.dtype, device=d)


with open(os.path.join(here, "language.json"), "w") as f:
    json.dump(cases, f, indent=1, sort_keys=True)
print(len(cases), "programs")
