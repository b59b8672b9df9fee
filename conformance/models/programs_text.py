"""Programs as text: what `generate_text.py` has PyTorch compile, and Sconce compiles from the same text.

Each begins at a line `## name: calls`, `calls` being Python tuples of arguments for its last function.
"""
import math
from enum import Enum
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import torch
import torch.nn.functional as F
from torch import Tensor, nn

## add_one: (t(1., 2.),)
def add_one(x):
    return x + 1

## scale_shift: (t(1., 2.), 2.5), (t(1, 2), 3.0)
def scale_shift(x, scale: float, shift: int = 2):
    return x * scale + shift - 1

## activations: (t(-1., 0.5),)
def activations(x: Tensor) -> Tensor:
    y = torch.relu(x)
    z = x.sigmoid().mul(2)
    return torch.tanh(y - z) / 3

## sums: (m(2, 3),)
def sums(x):
    a = x.sum()
    b = x.sum(1)
    c = torch.sum(x, dim=0, keepdim=True)
    return a, b, c, x.mean(), x.max(), x.size(), x.dim()

## decision_gate: (t(1., 2.),), (t(-1., -2.),)
def decision_gate(x):
    if x.sum() > 0:
        return x
    else:
        return -x

## happy_function: (m(3, 4),)
def happy_function(x, y: Optional[Tensor] = None):
    z = x.sum(dim=1)
    if 3 < 2:
        return z
    if y is not None:
        z = z + y.sum(dim=1)
    return z * 2

## rnn_loop: (m(3, 2),)
def rnn_loop(xs):
    h = torch.zeros(2)
    for i in range(xs.size(0)):
        h = torch.tanh(xs[i] + h)
    return h

## collatz: (7,), (1,)
def collatz(n: int) -> int:
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps

## early_return_in_loop: (m(2, 2), 10), (m(2, 2), 2)
def early_return_in_loop(x, n: int):
    for i in range(n):
        if i == 3:
            return x + i
    return x

## break_and_continue: (10,), (3,)
def break_and_continue(n: int):
    total = 0
    for i in range(n):
        if i == 2:
            continue
        if i > 5:
            break
        total += i
    return total

## while_break: (5.0,)
def while_break(limit: float):
    x = 1.0
    count = 0
    while True:
        x = x * 1.5
        count += 1
        if x > limit:
            break
    return x, count

## nested_break: (4,)
def nested_break(n: int):
    found: List[int] = []
    for i in range(n):
        for j in range(n):
            if i * j == 6:
                break
            if j > i:
                continue
            found.append(i * 10 + j)
    return found

## return_from_nested_loops: (4,), (1,)
def return_from_nested_loops(n: int) -> Tuple[int, int]:
    for i in range(n):
        for j in range(n):
            if i + j == 4:
                return i, j
    return -1, -1

## while_with_return: (t(1.),)
def while_with_return(x):
    while bool(x.sum() < 100):
        x = x * 3
        if bool(x.sum() > 20):
            return x
    return -x

## nested_if_returns: (1,), (5,), (-3,)
def nested_if_returns(n: int):
    if n > 0:
        if n > 3:
            return "big"
        label = "small"
    else:
        label = "negative"
    return label

## list_operations: (3,)
def list_operations(n: int):
    xs = [1, 2, 3]
    xs.append(n)
    xs.extend([7, 8])
    xs.insert(0, 9)
    last = xs.pop()
    xs.reverse()
    ys = xs + [last]
    ys[0] = 100
    del ys[1]
    return ys, len(xs), xs[1:3], xs[-1], 3 in xs, xs.index(2), xs.count(3), sorted(xs)

## list_comprehension: ([1, 2, 3],)
def list_comprehension(xs: List[int]):
    doubled = [2 * x for x in xs]
    halves = [x / 2 for x in doubled]
    return doubled, halves, [str(x) for x in xs]

## dict_operations: ("a",)
def dict_operations(key: str):
    d: Dict[str, int] = {}
    d["a"] = 1
    d["b"] = 2
    d[key] += 10
    total = 0
    for k, v in d.items():
        total += v
    names = [k for k in d]
    if "c" in d:
        total = -1
    return d, total, names, d.get("z"), d.get("z", 5), list(d.keys()), list(d.values()), len(d)

## dict_comprehension: ([1, 2],)
def dict_comprehension(xs: List[int]):
    return {x: x * x for x in xs}

## zip_and_enumerate: ([1, 2, 3], [4., 5.])
def zip_and_enumerate(a: List[int], b: List[float]):
    total = 0.0
    for i, (x, y) in enumerate(zip(a, b)):
        total += i * x + y
    for j, z in enumerate(a, 5):
        total += j
    for p, q in zip(a, a):
        total += p * q
    return total

## range_forms: (3, 10)
def range_forms(lo: int, hi: int):
    out: List[int] = []
    for i in range(lo, hi):
        out.append(i)
    for j in range(hi, lo, -2):
        out.append(j)
    return out

## optional_refinement: (t(1.), None), (t(1.), t(2.))
def optional_refinement(x, y: Optional[Tensor]):
    if y is None:
        z = x
    else:
        z = x + y
    w = y if y is not None else x * 10
    return z, w

## assert_refinement: (t(1.), 2), (t(1.), None)
def assert_refinement(x, n: Optional[int] = None):
    assert n is not None, "n is needed"
    return x + n

## and_or_refinement: (None, 3), (2, None), (2, 3)
def and_or_refinement(a: Optional[int], b: Optional[int]):
    if a is not None and b is not None:
        return a + b
    if a is None or b is None:
        return -1
    return a * b

## union_isinstance: (1,), ("ab",), ([1, 2],)
def union_isinstance(x: Union[int, str, List[int]]):
    if isinstance(x, int):
        return x + 1
    elif isinstance(x, str):
        return len(x)
    else:
        return len(x) * 100

## any_isinstance: (1,), ("text",)
def any_isinstance(x: Any):
    if isinstance(x, int):
        return x + 1
    if isinstance(x, (str, float)):
        return -1
    return 0

## tuples: (1, 2.5)
def tuples(a: int, b: float):
    t = (a, b, "c")
    x, y, z = t
    first, *rest = t
    u = (t[0], t[-1])
    return t, x, y, z, rest, u, t[1:]

## swap: (1, 2)
def swap(a: int, b: int):
    a, b = b, a
    c = d = a + b
    return a, b, c, d

## ternary: (3,), (-3,)
def ternary(n: int):
    sign = 1 if n > 0 else -1
    return sign * n, "pos" if n > 0 else "neg"

## chained_comparison: (3,), (30,)
def chained_comparison(n: int):
    return 0 < n < 10, n == n != 4, not n > 5

## boolean_operators: (True, False), (False, False)
def boolean_operators(a: bool, b: bool):
    c = a and not b
    d = a or b and c
    return c, d, a == b, a != b, a & b, a | b, a ^ b

## precedence: (2, 3)
def precedence(a: int, b: int):
    return -a ** 2, 2 ** -1, a + b * a - b // a, (a + b) % a, a << b | 1 & b, not a == b or a > b and b > 1

## string_methods: (" Hello World ",)
def string_methods(s: str):
    t = s.strip()
    words = t.split(" ")
    return t.lower(), t.upper(), words, "-".join(words), t.replace("l", "L"), t.startswith("He"), t.find("o"), len(t), t[1:3], t[0], "lo" in t

## formatting: (3, 2.5)
def formatting(n: int, x: float):
    a = f"n={n}, x={x}"
    b = "{} and {}".format(n, x)
    c = "%d is %s" % (n, "it")
    return a, b, c

## printing: (t(1.),)
def printing(x):
    print("x is", x.dim(), 1, 2.5, True, None)
    return x

## slices: (m(4, 5),)
def slices(x):
    return x[1], x[1:3], x[:, 2], x[..., -1], x[None], x[1:, ::2], x[0, 1], x[:2, None, 1:3], x[-1, ...]

## tensor_index: (m(4, 5), ti(0, 2))
def tensor_index(x, i):
    return x[i], x[:, i], x[[0, 1]], x[i, i], x[x > 3]

## item_assignment: (m(3, 4),)
def item_assignment(x):
    y = x.clone()
    y[0] = 5
    y[1, 2] = 7.5
    y[:, 3] = x[:, 0]
    y[2:] += 1
    y[0, 0] -= 2
    return y

## masked_assignment: (m(3, 4),)
def masked_assignment(x):
    y = x.clone()
    y[x > 5] = 0
    y[torch.tensor([0, 1])] *= 2
    return y

## augmented: (t(1., 2.), 3)
def augmented(x, n: int):
    y = x.clone()
    y += 1
    y *= n
    y -= x
    y /= 2
    n += 2
    n *= 3
    n -= 1
    k = float(n)
    k /= 4
    k **= 2
    return y, n, k

## number_casts: (t(2.5),)
def number_casts(x):
    return int(x), float(x), bool(x), int(2.7), float(3), str(4), bool(0), float("2.5"), int("12")

## number_functions: (7, -2.5)
def number_functions(n: int, x: float):
    return abs(n), abs(x), max(n, 3), min(x, 1.0), divmod(n, 2), pow(n, 2), round(x), sum([n, 1]), math.sqrt(n), math.floor(x), math.ceil(x), math.exp(1.0), math.pi

## tensor_creation: (2,)
def tensor_creation(n: int):
    a = torch.zeros(n, 3)
    b = torch.ones([n, 2], dtype=torch.float64)
    c = torch.full((n,), 7.0)
    d = torch.arange(n)
    e = torch.tensor([1.5, 2.5])
    f = torch.eye(n)
    g = torch.empty(0)
    return a, b, c, d, e, f, g

## dtypes: (t(1.5, 2.5),)
def dtypes(x):
    y = x.to(torch.int64)
    z = x.double()
    w = x.int().float()
    return y, z, w, x.dtype == torch.float32, x.is_floating_point()

## shapes: (m(2, 6),)
def shapes(x):
    n, c = x.shape
    y = x.view(n, 2, 3)
    z = x.reshape([-1, 4]).t()
    return y, z, x.view(-1), x.permute(1, 0), x.unsqueeze(0).squeeze(), x.flatten(), x.shape[0], x.numel()

## cat_and_stack: (t(1., 2.), t(3., 4.))
def cat_and_stack(x, y):
    parts = [x, y]
    a = torch.cat(parts)
    b = torch.stack([x, y, x], dim=1)
    p, q = torch.split(a, 2)
    return a, b, p, q, a.chunk(2)[1]

## multiple_results: (m(3, 4),)
def multiple_results(x):
    values, indices = x.max(dim=1)
    s = x.sort(descending=True)
    k, _ = torch.topk(x, 2)
    return values, indices, s.values, s[1], k

## functional: (m(2, 4),)
def functional(x):
    y = F.relu(x - 3)
    z = F.softmax(y, dim=1)
    return F.gelu(z) + torch.sigmoid(z), F.dropout(x, 0.5, False)

## linear_layer: (m(2, 3), m(4, 3), t(1., 2., 3., 4.))
def linear_layer(x, w, b):
    return F.linear(x, w, b), F.linear(x, w), torch.matmul(x, w.t()), x @ w.t()

## helper_calls: (t(1., 2.),)
def double(x):
    return x * 2

def helper_calls(x):
    return double(double(x)) + helper2(x, 3)

def helper2(x, n: int = 1, flag: bool = False):
    if flag:
        return x
    return x - n

## keyword_arguments: (t(1., 2.),)
def shift(x, by: int = 1, scale: float = 1.0):
    return x * scale + by

def keyword_arguments(x):
    return shift(x), shift(x, 2), shift(x, scale=2.0), shift(by=3, x=x)

## type_comment: (t(1., 2.), 3)
def type_comment(x, n):
    # type: (Tensor, int) -> Tensor
    return x * n

## named_tuple: (1,)
class Pair(NamedTuple):
    first: int
    second: float

def named_tuple(n: int):
    p = Pair(n, 2.0)
    q = Pair(second=p.second + 1, first=p[0])
    a, b = q
    return p, q.first, b

## simple_class: (3,)
class Counter(object):
    def __init__(self, start: int):
        self.count = start
        self.history: List[int] = []

    def bump(self, by: int = 1) -> int:
        self.count += by
        self.history.append(self.count)
        return self.count

def simple_class(n: int):
    c = Counter(n)
    c.bump()
    c.bump(5)
    c.count = c.count * 2
    return c.count, c.history

## magic_methods: (2,)
class Vec(object):
    def __init__(self, x: float, y: float):
        self.x = x
        self.y = y

    def __add__(self, other: 'Vec') -> 'Vec':
        return Vec(self.x + other.x, self.y + other.y)

    def __mul__(self, k: float) -> 'Vec':
        return Vec(self.x * k, self.y * k)

    def __eq__(self, other: 'Vec') -> bool:
        return self.x == other.x and self.y == other.y

    def __len__(self) -> int:
        return 2

    def __getitem__(self, i: int) -> float:
        if i == 0:
            return self.x
        return self.y

    def __neg__(self) -> 'Vec':
        return Vec(-self.x, -self.y)

    def __contains__(self, v: float) -> bool:
        return v == self.x or v == self.y

    def __str__(self) -> str:
        return "vec"

def magic_methods(n: int):
    a = Vec(1.0, 2.0)
    b = Vec(float(n), 3.0)
    c = (a + b) * 2.0
    return c.x, c[1], len(c), a == b, 1.0 in a, (-a).y, str(a)

## static_method: (3,)
class Tools(object):
    def __init__(self):
        self.base = 10

    @staticmethod
    def twice(n: int) -> int:
        return n * 2

    def use(self, n: int) -> int:
        return self.base + Tools.twice(n)

def static_method(n: int):
    return Tools().use(n), Tools.twice(n)

## properties: (3.0,)
class Square(object):
    def __init__(self, side: float):
        self.side = side

    @property
    def area(self) -> float:
        return self.side * self.side

    @area.setter
    def area(self, value: float):
        self.side = math.sqrt(value)

def properties(x: float):
    s = Square(x)
    before = s.area
    s.area = 16.0
    return before, s.side

## enumeration: (1,), (2,)
class Color(Enum):
    RED = 1
    GREEN = 2

def enumeration(n: int):
    c = Color.RED
    if n == 2:
        c = Color.GREEN
    return c.value, c.name, c == Color.GREEN, c != Color.RED

## exceptions: (1,), (-1,), (0,)
def exceptions(n: int):
    if n < 0:
        raise ValueError("negative")
    elif n == 0:
        raise RuntimeError(f"zero: {n}")
    else:
        n += 1
    return n

## assertion: (m(2, 2),), (m(3, 2),)
def assertion(x):
    assert x.size(0) == 2, "two rows"
    assert x.dim() == 2
    return x.sum()

## with_no_grad: (t(1., 2.),)
def with_no_grad(x):
    with torch.no_grad():
        y = x * 2
    return y

## fork_wait: (t(1., 2.),)
def work(x, n: int):
    return x * n

def fork_wait(x):
    a = torch.jit.fork(work, x, 2)
    b = torch.jit.fork(work, x, 3)
    return torch.jit.wait(a) + torch.jit.wait(b)

## annotate_forms: (1,)
def annotate_forms(n: int):
    a = torch.jit.annotate(List[int], [])
    b: Optional[int] = None
    c: List[Optional[int]] = [1, None]
    d: Dict[str, List[float]] = {"x": [1.0]}
    a.append(n)
    if n > 0:
        b = n
    return a, b, c, d

## scripting_flag: (t(1.),)
def scripting_flag(x):
    if torch.jit.is_scripting():
        return x + 1
    else:
        return x.numpy()

## constants: (2,)
def constants(n: int):
    a = 9223372036854775807
    b = 0.1
    c = 1e-5
    d = -3
    e = -2.5
    f = float("inf")
    return a, b, c, d, e, f, 0xff, "quote\"s", 'tab\t', True, None

## inplace_methods: (t(1., -2.),)
def inplace_methods(x):
    y = x.clone()
    y.add_(1).mul_(2)
    y.clamp_(min=0)
    torch.relu_(y)
    return y

## tolist: (t(1., 2.), m(2, 2))
def tolist(x, y):
    a: List[float] = x.tolist()
    b: List[List[float]] = y.tolist()
    return a, b

## device_and_grad: (t(1., 2.),)
def device_and_grad(x):
    y = torch.zeros(2, device=x.device, dtype=x.dtype)
    return y, x.requires_grad, x.is_cuda, str(x.device), torch.is_grad_enabled()

## tensor_number_math: (t(1., 2.),)
def tensor_number_math(x):
    return 1 - x, 2 / x, 3 + x, 4 * x, 1 < x, 2 >= x, x // 2, x % 2, x ** 2, 2 ** x, -x, x == 1, x != 1

## tensor_logic: (tb(True, False), tb(True, True))
def tensor_logic(a, b):
    return a & b, a | b, a ^ b, ~a, a.logical_not(), a.any(), b.all()

## tensor_loop: (m(3, 2),)
def tensor_loop(x):
    total = torch.zeros(2)
    for row in x:
        total = total + row
    return total, len(x)

## string_loop: ("abc",)
def string_loop(s: str):
    out = ""
    for c in s:
        out = c + out
    return out

## tuple_loop: (1,)
def tuple_loop(n: int):
    total = 0
    for i in (1, 2, 3):
        total += i * n
    return total

## recursion_of_types: (2,)
def recursion_of_types(n: int):
    x: List[List[int]] = []
    for i in range(n):
        row = [i]
        row.append(i + 1)
        x.append(row)
    return x, [[1, 2], [3]], ([1], {"a": (1, 2.0)})

## del_variable: (3,)
def del_variable(n: int):
    a = n + 1
    b = a * 2
    del a
    return b

## pass_and_docstring: (3,)
def pass_and_docstring(n: int):
    """Says what it does."""
    if n > 2:
        pass
    else:
        n = 0
    return n

## no_return: (3,)
def no_return(n: int):
    x = n + 1

## loop_else_types: (3,)
def loop_else_types(n: int):
    x = torch.zeros(1)
    y = 0
    i = 0
    while i < n and y < 10:
        x = x + i
        y = y + i
        i += 1
    return x, y

## final_attributes: (2,)
class Scaler(object):
    def __init__(self, factor: int):
        self.factor: int = factor
        self.offset = torch.jit.annotate(Optional[float], None)
        self.cache: Dict[str, int] = {}

    def apply(self, x: int) -> float:
        offset = self.offset
        if offset is None:
            offset = 0.5
        self.cache["last"] = x
        return x * self.factor + offset

def final_attributes(n: int):
    s = Scaler(n)
    a = s.apply(3)
    s.offset = 1.5
    return a, s.apply(4), s.cache

## interfaces: (t(1., 2.), 1), (t(1., 2.), -1)
@torch.jit.interface
class Op(object):
    def run(self, x: Tensor) -> Tensor:
        pass

class Doubler(object):
    def __init__(self):
        self.k = 2

    def run(self, x: Tensor) -> Tensor:
        return x * self.k

class Negater(object):
    def __init__(self):
        self.k = 1

    def run(self, x: Tensor) -> Tensor:
        return -x

def apply_op(op: Op, x: Tensor) -> Tensor:
    return op.run(x)

def interfaces(x, n: int):
    if n > 0:
        return apply_op(Doubler(), x)
    return apply_op(Negater(), x)

## unused_function: (t(1.),)
@torch.jit.unused
def never(x):
    return x.numpy()

def unused_function(x):
    if torch.jit.is_scripting():
        return x
    return never(x)

## union_values: (1,), (-1,)
def union_values(n: int) -> Union[int, str]:
    x: Union[int, str] = 3
    if n < 0:
        x = "negative"
    if isinstance(x, str):
        return x + "!"
    return x + n

## optional_chain: (None, [1, 2]), (3, None)
def optional_chain(n: Optional[int], xs: Optional[List[int]]):
    total = 0
    if n is not None:
        total += n
    if xs is not None and len(xs) > 0:
        for x in xs:
            total += x
    k = n if n is not None else 7
    return total, k

## while_else_flow: (10,)
def while_else_flow(n: int):
    i = 0
    out: List[str] = []
    while i < n:
        i += 1
        if i % 3 == 0 and i % 5 == 0:
            out.append("fizzbuzz")
        elif i % 3 == 0:
            out.append("fizz")
        elif i % 5 == 0:
            out.append("buzz")
        else:
            out.append(str(i))
    return out

## nested_functions_of_loops: (4,)
def is_prime(n: int) -> bool:
    if n < 2:
        return False
    for d in range(2, n):
        if n % d == 0:
            return False
    return True

def nested_functions_of_loops(n: int):
    return [is_prime(i) for i in range(n)]

## attribute_augment: (2,)
class Acc(object):
    def __init__(self):
        self.items: List[int] = []
        self.total = 0.0
        self.best = torch.jit.annotate(Optional[int], None)

    def add(self, n: int):
        self.items += [n]
        self.total += n / 2
        best = self.best
        if best is None or n > best:
            self.best = n

def attribute_augment(n: int):
    a = Acc()
    for i in range(n + 2):
        a.add(i)
    return a.items, a.total, a.best

## list_of_tensors: (m(2, 3),)
def list_of_tensors(x):
    out: List[Tensor] = []
    for i in range(x.size(0)):
        out.append(x[i] * i)
    out[0] = x[0] + 1
    return torch.stack(out), len(out), out[-1]

## dict_of_lists: (3,)
def dict_of_lists(n: int):
    groups: Dict[int, List[int]] = {}
    for i in range(n * 2):
        k = i % n
        if k not in groups:
            groups[k] = torch.jit.annotate(List[int], [])
        groups[k].append(i)
    return groups, max(list(groups.keys()))

## einsum_and_norms: (m(2, 3),)
def einsum_and_norms(x):
    a = torch.einsum("ij,kj->ik", x, x)
    return a, x.norm(), torch.clamp(x, 0, 3), x.pow(2).sum().sqrt()

## conditional_expression_chain: (5,), (-5,), (0,)
def conditional_expression_chain(n: int):
    return "pos" if n > 0 else "neg" if n < 0 else "zero"

## starred_calls: (1, 2)
def add3(a: int, b: int, c: int) -> int:
    return a + b * c

def starred_calls(a: int, b: int):
    args = (a, b)
    return add3(*args, 3), max(*args)

## multi_assign: (3,)
def multi_assign(n: int):
    a = b = [n]
    b.append(4)
    (c, d), e = (1, 2), 3
    x, *y, z = (1, 2, 3, 4)
    return a, c + d + e, x, y, z

## bool_lists: ([1, 2], [])
def bool_lists(a: List[int], b: List[int]):
    x = 1 if a else 2
    y = 1 if b else 2
    return x, y, bool(a), not b, any([True, False]), all([True, False])

## nested_while: (3,)
def nested_while(n: int):
    i = 0
    total = 0
    while i < n:
        j = 0
        while True:
            if j >= i:
                break
            total += j
            j += 1
        i += 1
        if total > 100:
            return -1
    return total

## tensor_conditions: (t(1., -2.), t(3., 4.))
def tensor_conditions(x, y):
    if x.sum() > y.sum() or (x > 0).all():
        z = x
    elif x[0] > 0:
        z = torch.where(x > y, x, y)
    else:
        z = y
    while z.sum() < 10:
        z = z + 1
    return z

## range_with_float: (2.7,)
def range_with_float(x: float):
    n = int(x)
    total = 0.
    for i in range(n):
        total += x * float(i)
    return total, n // 2, x // 1, x % 1, -n // 2

## early_raise: (t(1., 2.), 2), (t(1., 2.), 5)
def early_raise(x, n: int):
    if n > 3:
        raise ValueError("too large: " + str(n))
    for i in range(n):
        x = x + i
    return x
