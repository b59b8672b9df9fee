"""TorchScript's language, one construct a program: (name, module to script, calls); a call is a list of inputs, or (method, inputs)."""

import enum
import math
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import torch
from torch import nn
from torch.jit import Final


class Lists(nn.Module):
    def forward(self, x: List[int], n: int) -> Tuple[List[int], List[int], int, bool, List[int], List[List[int]]]:
        y = [v * v for v in x]
        y.append(n)
        y.extend([7, 8])
        y.insert(1, -5)
        last = y.pop()
        first = y.pop(0)
        y += [first, last]
        y.sort()
        z = y[1:-1] + x[::-1] + [0] * 3
        z.reverse()
        z.remove(0)
        z[-1] = 42
        pairs = [[i, v] for i, v in enumerate(x)]
        w = y[::2]
        return y, z, z.index(42) + z.count(0) + len(z) + min(z) + max(z) + sum(x), n in y, w, pairs


class TensorLists(nn.Module):
    def forward(self, xs: List[torch.Tensor]) -> Tuple[torch.Tensor, List[torch.Tensor]]:
        out: List[torch.Tensor] = []
        for i, (a, b) in enumerate(zip(xs, xs[::-1])):
            out.append(a * i - b)
        return torch.stack(out), [torch.cat(xs), out[-1]]


class Dicts(nn.Module):
    def forward(self, d: Dict[str, torch.Tensor], key: str) -> Tuple[Dict[str, torch.Tensor], List[str], int, torch.Tensor]:
        out: Dict[str, torch.Tensor] = {}
        names: List[str] = []
        for name, value in d.items():
            out[name + "'"] = value + 1
            names.append(name)
        if key in d:
            out["found"] = d[key]
        out.update({"extra": torch.ones(2)})
        taken = out.pop("extra")
        counts = {1: 10, 2: 20}
        counts[3] = counts[1] + counts.get(5, 100)
        del counts[2]
        total = 0
        for k in counts.keys():
            total += k * counts[k]
        for v in counts.values():
            total += v
        return out, names, total, taken


class Point(NamedTuple):
    x: torch.Tensor
    label: str
    scale: float = 2.0


class Tuples(nn.Module):
    def forward(self, x: torch.Tensor) -> Tuple[Point, Tuple[int, Tuple[float, str]], Tuple[float, str]]:
        p = Point(x=x * 2, label="p")
        t = (1, (2.5, "two"), 3)
        a, (b, c), d = t
        q = Point(p.x + p.scale, p.label + c, b * p[2])
        return q, (a + d, (b, c)), t[1:][0]


class Optionals(nn.Module):
    def forward(self, x: torch.Tensor, bias: Optional[torch.Tensor] = None, scale: Optional[float] = None):
        if bias is not None:
            x = x + bias
        result: Optional[int] = None
        if scale is None:
            scale = 0.5
        else:
            result = 3
        if result is None:
            result = -1
        return x * scale, result, bias


class Strings(nn.Module):
    def forward(self, name: str, n: int, f: float) -> Tuple[List[str], List[int], List[bool]]:
        a = "{} has {} and {}".format(name, n, f)
        b = f"{name}:{n}"
        c = "%s=%d" % (name, n)
        parts = a.split(" ")
        words = [
            a, b, c, "-".join(parts), name.upper(), name.lower(), name.replace("o", "0"), name[1:3], name[-1],
            ("  " + name + "  ").strip(), str(n) + str(f) + str(True), name.capitalize(), name[::-1],
        ]
        numbers = [len(a), a.find("and"), int("17"), int(float("3.5") * 2), ord("a"), name.count("o")]
        tests = [name.startswith("to"), name.endswith("h"), "has" in parts, name == "torch", name < "z", name.isdigit()]
        return words, numbers, tests


class Formats(nn.Module):
    def forward(self, x: torch.Tensor, n: int, f: float, b: bool) -> str:
        return "{} {} {} {} {} {}".format(x.size(), n, f, b, [n, 2], (f, "s"))


class Loops(nn.Module):
    def forward(self, n: int) -> Tuple[int, int, List[int]]:
        total, i = 0, 0
        while True:
            i += 1
            if i % 3 == 0:
                continue
            if i > n:
                break
            total += i
        seen: List[int] = []
        for a in range(n, 0, -2):
            for b in range(a):
                if b == 3:
                    break
                seen.append(a * 10 + b)
        else_count = 0
        for _ in range(3, n):
            else_count += 1
        return total, else_count, seen


class EarlyReturn(nn.Module):
    def find(self, xs: List[int], wanted: int) -> int:
        for i, x in enumerate(xs):
            if x == wanted:
                return i
            if x < 0:
                if wanted < 0:
                    continue
                return -2
        return -1

    def forward(self, xs: List[int], wanted: int) -> str:
        at = self.find(xs, wanted)
        if at == -1:
            return "none"
        elif at == -2:
            return "negative"
        return "at " + str(at)


class Exceptions(nn.Module):
    def forward(self, kind: int, x: torch.Tensor) -> torch.Tensor:
        if kind == 0:
            raise ValueError("kind must not be {}".format(kind))
        assert kind != 1, "one is not allowed"
        if kind == 2:
            return x[5]
        if kind == 3:
            values = [1, 2]
            return x + values[kind]
        if kind == 4:
            table = {"a": 1}
            return x + table["b"]
        if kind == 5:
            return x + (kind // (kind - 5))
        if kind == 6:
            return x.view(7, 7)
        if kind == 7:
            return torch.matmul(x, x)
        return x


class State(nn.Module):
    history: List[float]

    def __init__(self):
        super().__init__()
        self.count = 0
        self.history = []
        self.register_buffer("total", torch.zeros(3))

    def forward(self, x: torch.Tensor) -> Tuple[int, torch.Tensor, List[float]]:
        self.count += 1
        self.total += x
        self.history.append(float(x.sum()))
        return self.count, self.total.clone(), self.history

    @torch.jit.export
    def reset(self, start: int = 5) -> int:
        self.count = start
        self.total = torch.zeros_like(self.total)
        self.history = torch.jit.annotate(List[float], [])
        return self.count


class Integers(nn.Module):
    def forward(self, a: int, b: int) -> Tuple[List[int], List[float], List[bool]]:
        big = 4611686018427387904
        ints = [
            a + b, a - b, a * b, a // b, a % b, -a // b, -a % b, a // -b, a & b, a | b, a ^ b, a << 3, a >> 1, -a >> 1,
            big * 4, big + big, big * 2 - 1, abs(-a), min(a, b), max(a, b), int(-2.7),
            math.gcd(a, b), divmod(-a, b)[0], divmod(-a, b)[1], math.floor(-2.5), math.ceil(2.1), big + a,
        ]
        floats = [
            a / b, float(a), a / 4, -7.5 // 2.0, -7.5 % 2.0, 2.0 ** 0.5, math.sqrt(2.0), math.exp(1.0), math.pi, math.log(3.0),
            a * 1.5, 1e300 * 1e10, float("inf"), math.copysign(1.0, -0.0), math.atan2(1.0, 2.0), 2 ** -1, a ** 2, round(2.5), round(3.5), round(a),
        ]
        bools = [a > b, a == b, not a, bool(b) and a > 0, a > 100 or b < 5, 1 < a < 100, a is not None, a != b]
        return ints, floats, bools


class Indexing(nn.Module):
    def forward(self, x: torch.Tensor, i: int) -> List[torch.Tensor]:
        rows = torch.tensor([2, 0])
        return [
            x[i], x[-1, ..., 1:], x[:, None, ::2], x[rows], x[rows, 1], x[x > 0.5], x[:, rows], x[..., -1], x[1:3, 0], x[i, i].view(1),
        ]


class Mutation(nn.Module):
    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        y = x.clone()
        y[:, 0] += 1
        y[0] = 5
        view = y.t()[1]
        view.mul_(-2)
        z = y.clone()
        z[z > 1] = 0
        z[torch.tensor([0, 1]), torch.tensor([1, 2])] = 9.0
        z[1:, -1] = torch.tensor([0.25, 0.5])
        w = torch.empty(2, 3).fill_(3)
        w.t()[0].zero_()
        w -= 1
        w /= 4
        return y, z, w


class Constants(nn.Module):
    __constants__ = ["factor"]
    names: Final[List[str]]
    size: Final[int]

    def __init__(self):
        super().__init__()
        self.factor = 2.5
        self.names = ["a", "b"]
        self.size = 4
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4), nn.Tanh()])
        self.table = nn.ModuleDict({"relu": nn.ReLU(), "gelu": nn.GELU()})
        self.scales = nn.ParameterList([nn.Parameter(torch.rand(4)), nn.Parameter(torch.rand(4))])
        self.pair = (3, "three")
        self.lookup = {"x": 1.5}

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, str, int, float]:
        for layer in self.layers:
            x = layer(x)
        for name, activation in self.table.items():
            x = activation(x) + len(name)
        return x * self.factor * self.scales[1], self.names[1] + self.pair[1], self.size + self.pair[0], self.lookup["x"]


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class Enums(nn.Module):
    def forward(self, x: torch.Tensor, red: bool) -> Tuple[torch.Tensor, int, str]:
        color = Color.RED if red else Color.GREEN
        total = 0
        for c in Color:
            total += c.value
        if color == Color.RED:
            x = -x
        return x, color.value * 10 + total, color.name


@torch.jit.interface
class Layer(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pass


class Double(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2


class Interfaces(nn.Module):
    layer: Layer

    def __init__(self):
        super().__init__()
        self.layer = Double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer.forward(x) + 1


@torch.jit.script
class Stack:
    def __init__(self, depth: int):
        self.depth = depth
        self.items: List[torch.Tensor] = []

    def push(self, x: torch.Tensor) -> int:
        if len(self.items) == self.depth:
            self.items.pop(0)
        self.items.append(x)
        return len(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, i: int) -> torch.Tensor:
        return self.items[i]

    @property
    def top(self) -> torch.Tensor:
        return self.items[-1]


class Classes(nn.Module):
    def forward(self, x: torch.Tensor) -> Tuple[int, torch.Tensor, torch.Tensor]:
        stack = Stack(2)
        same = stack
        for i in range(4):
            same.push(x + i)
        return len(stack), stack[0], stack.top


class Unions(nn.Module):
    def describe(self, value: Union[int, str, torch.Tensor]) -> str:
        if isinstance(value, int):
            return "int " + str(value + 1)
        if isinstance(value, str):
            return "str " + value
        return "tensor of " + str(value.dim())

    def forward(self, x: torch.Tensor, anything: Any) -> Tuple[List[str], Any]:
        out = 0.5
        if isinstance(anything, int):
            out = anything / 2
        elif isinstance(anything, torch.Tensor):
            out = 4.0
        return [self.describe(3), self.describe("s"), self.describe(x), str(out)], anything


def helper(x: torch.Tensor, times: int = 2, shift: float = 0.5) -> torch.Tensor:
    for _ in range(times):
        x = x + shift
    return x


class Functions(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return helper(x) + helper(x, 3) * helper(x, shift=1.0, times=1)


class Scalars(nn.Module):
    def forward(self, x: torch.Tensor) -> Tuple[int, float, bool, int, List[float], torch.Tensor]:
        values: List[float] = x.tolist()
        n = int(x[0]) + int(x.sum().item())
        same = bool(x[0] == x[0])
        return n, float(x.max()), same, x.numel() + x.dim() + x.shape[0], values, torch.tensor([n, 2]) + torch.tensor(1.5)


class Storages(nn.Module):
    """Tensors that share a storage, are views of it, or have another dtype."""

    def __init__(self):
        super().__init__()
        base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
        self.register_buffer("base", base)
        self.register_buffer("transposed", base.t())
        self.register_buffer("row", base[1])
        self.register_buffer("expanded", torch.tensor([1.5]).expand(3))
        self.weight = nn.Parameter(torch.rand(3, 3))
        self.tied = self.weight
        kinds = [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
        for kind in kinds:
            self.register_buffer(str(kind).replace("torch.", "as_"), torch.tensor([1.5, 0.0, 100.0]).to(kind))
        self.register_buffer("absent", None)
        self.register_buffer("empty", torch.zeros(0, 3))

    def forward(self, x: float) -> Tuple[torch.Tensor, torch.Tensor, List[torch.Tensor], int]:
        self.base.add_(x)
        wide = [
            self.as_float64, self.as_float16.double(), self.as_bfloat16.double(), self.as_int64.double(), self.as_int32.double(),
            self.as_int16.double(), self.as_int8.double(), self.as_uint8.double(), self.as_bool.double(), self.expanded.double(),
        ]
        return self.transposed.clone(), self.row + 0, wide, self.empty.size(1)


class Devices(nn.Module):
    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, bool, torch.Tensor]:
        zeros = torch.zeros(2, 3, dtype=torch.float32, device=x.device)
        same = zeros.device == torch.device("cpu")
        return torch.ones_like(x, dtype=torch.int64).to(torch.float64) + zeros.to(x.device, x.dtype), same, x.to("cpu")


class Comprehension(nn.Module):
    def forward(self, x: torch.Tensor) -> Tuple[Dict[str, int], List[torch.Tensor], torch.Tensor]:
        sizes = {str(i): s for i, s in enumerate(x.size())}
        parts = [part * 2 for part in x.unbind(0)]
        a, b = x.chunk(2, dim=1)
        return sizes, parts, a - b


class Forked(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        future = torch.jit.fork(helper, x, 4)
        y = x * 2
        return torch.jit.wait(future) + y


class Frozen(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.linear = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(torch.relu(self.norm(self.conv(x))).mean([2, 3]))


def programs():
    torch.manual_seed(191009)
    x = torch.rand(2, 3)
    yield "lists", Lists(), [[[3, 1, 2], 4], [[5], 0]]
    yield "tensor_lists", TensorLists(), [[[torch.rand(2), torch.rand(2), torch.rand(2)]]]
    yield "dicts", Dicts(), [[{"b": torch.rand(2), "a": torch.rand(2)}, "a"], [{"z": torch.rand(1)}, "a"]]
    yield "tuples", Tuples(), [[x]]
    yield "optionals", Optionals(), [[x], [x, torch.rand(3)], [x, None, 3.0]]
    yield "strings", Strings(), [["torch", 3, 2.5], ["Sconce", -1, 1e20]]
    yield "formats", Formats(), [[x, 1, 0.1, True], [x, -7, 3.0, False]]
    yield "loops", Loops(), [[0], [5], [9]]
    yield "early_return", EarlyReturn(), [[[4, 5, 6], 6], [[4, -5, 6], 6], [[1], 2], [[-1, -3], -3]]
    yield "exceptions", Exceptions(), [[kind, x] for kind in range(9)]
    yield "state", State(), [[torch.rand(3)], [torch.rand(3)], ("reset", [2]), [torch.rand(3)], ("reset", [])]
    yield "integers", Integers(), [[17, 5], [-6, 4]]
    yield "indexing", Indexing(), [[torch.rand(4, 5), 1], [torch.rand(3, 4), -2]]
    yield "mutation", Mutation(), [[torch.rand(3, 4)]]
    yield "constants", Constants(), [[torch.rand(2, 4)]]
    yield "enums", Enums(), [[x, True], [x, False]]
    yield "interfaces", Interfaces(), [[x]]
    yield "classes", Classes(), [[x]]
    yield "unions", Unions(), [[x, 7], [x, x], [x, "s"], [x, 2.0]]
    yield "functions", Functions(), [[x]]
    yield "scalars", Scalars(), [[torch.tensor([3.0, -1.5, 2.25])]]
    yield "storages", Storages(), [[1.0], [0.5]]
    yield "devices", Devices(), [[x]]
    yield "comprehension", Comprehension(), [[torch.rand(3, 4)]]
    yield "forked", Forked(), [[x]]
    images = torch.rand(2, 3, 6, 6)
    yield "frozen", torch.jit.freeze(torch.jit.script(Frozen().eval())), [[images]]
    yield "optimized", torch.jit.optimize_for_inference(torch.jit.script(Frozen().eval())), [[images]]
