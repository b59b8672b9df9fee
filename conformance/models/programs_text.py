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

## refine_not_or: (None, 3), (2, None), (2, 3)
def refine_not_or(a: Optional[int], b: Optional[int]) -> int:
    if not (a is None or b is None):
        return a + b
    if a is not None:
        return a
    return -1

## refine_ternary: (None,), (t(1.),)
def refine_ternary(x: Optional[Tensor]):
    y = x if x is not None else torch.zeros(1)
    return y + 1

## refine_attribute: (t(1.),)
class Holder(object):
    def __init__(self, v: Optional[Tensor]):
        self.v = v

    def get(self) -> Tensor:
        v = self.v
        if v is None:
            return torch.zeros(2)
        return v

def refine_attribute(x):
    h = Holder(x)
    return h.get() + Holder(None).get()

## union_refine: (1,), ("ab",), (2.5,)
def union_refine(x: Union[int, str, float]) -> float:
    if isinstance(x, int):
        return float(x + 1)
    elif isinstance(x, str):
        return float(len(x))
    else:
        return x * 2

## union_optional: (None,), (3,), ("q",)
def union_optional(x: Union[int, str, None]) -> str:
    if x is None:
        return "none"
    if isinstance(x, str):
        return x
    return str(x + 1)

## isinstance_tuple_of_types: (1,), ("a",), (1.5,)
def isinstance_tuple_of_types(x: Any) -> int:
    if isinstance(x, (int, float)):
        return 1
    if isinstance(x, str):
        return len(x)
    return 0

## isinstance_containers: ([1, 2],), ({"a": 1},), (t(1.),)
def isinstance_containers(x: Any) -> int:
    if isinstance(x, List[int]):
        return x[0]
    if isinstance(x, Dict[str, int]):
        return x["a"]
    if isinstance(x, Tensor):
        return x.dim()
    return -1

## named_tuple_defaults: (1,)
class P(NamedTuple):
    a: int
    b: float = 2.5
    c: str = "z"

def named_tuple_defaults(n: int):
    p = P(n)
    q = P(n, c="y")
    return p.b, q.c, p[0], p

## enum_iteration: (3,)
class Size(Enum):
    S = "small"
    L = "large"

def enum_iteration(n: int):
    out: List[str] = []
    for s in Size:
        out.append(s.value)
    return out

## enum_argument: (2,)
class Mode(Enum):
    A = 0
    B = 1

def pick(m: Mode) -> int:
    if m == Mode.A:
        return 10
    return 20

def enum_argument(n: int):
    return pick(Mode.A) + pick(Mode.B) * n

## defaults_all_kinds: (t(1.),)
def dd(x, n: int = 1, f: float = 1, s: str = "a", b: bool = True, t: Tuple[int, float] = (1, 2.0), o: Optional[int] = None):
    if o is not None:
        n += o
    return x * n + f + len(s) + t[0] + int(b)

def defaults_all_kinds(x):
    return dd(x) + dd(x, 2, o=3) + dd(x, s="abc", t=(4, 5.0))

## format_forms: (3, 2.5)
def format_forms(n: int, f: float):
    a = "{} {} {}".format(n, f, True)
    b = "%d-%s-%f" % (n, "x", f)
    c = "{}".format([1, 2])
    d = "{}".format((n, f))
    e = "%s" % n
    g = "{}{{}}".format("q")
    return a, b, c, d, e, g

## format_dict: (3,)
def format_dict(n: int):
    d = {"a": n}
    x: Optional[int] = None
    return "{} {} {}".format(d, x, ["s", "t"]), str(d), str(1.0), str(True), str([1.5])

## fstring_forms: (3, "w")
def fstring_forms(n: int, s: str):
    xs = [1, 2, 3]
    return f"{n}", f"a{n}b{s}c", f"{n + 1}{{}}", f"{xs[0]}" + f"{len(s)}", f"{s.upper()}" "tail"

## string_slices: ("abcdef",)
def string_slices(s: str):
    return s[1:3], s[::2], s[-2:], s[:-1], s[-1], s[::1], s[4:1]

## list_slices_negative: ([0, 1, 2, 3, 4, 5],)
def list_slices_negative(xs: List[int]):
    return xs[::-1], xs[4:1:-1], xs[-1:-4:-1], xs[:2:-2], xs[10:], xs[-100:2], xs[5:0:-2]

## list_slice_assign: ([0, 1, 2, 3, 4, 5],)
def list_slice_assign(xs: List[int]):
    xs[0] = 10
    xs[-1] = 50
    xs[1] += 5
    xs[2] *= 3
    return xs

## tuple_slices: (1,)
def tuple_slices(n: int):
    t = (n, 2.0, "c", n + 1)
    return t[1:], t[:-1], t[::2], t[-1], len(t)

## comprehension_forms: ([1, 2, 3],)
def comprehension_forms(xs: List[int]):
    a = [x * 2 for x in xs]
    b = [str(x) for x in xs]
    c = [(x, float(x)) for x in xs]
    d = {x: x * x for x in xs}
    e = [i for i in range(3)]
    return a, b, c, d, e

## comprehension_dict_items: (2,)
def comprehension_dict_items(n: int):
    d = {"a": 1, "b": 2}
    return [k for k in d], [v * n for v in d.values()], [k for k, v in d.items()]

## comprehension_zip: ([1, 2], [3, 4])
def comprehension_zip(xs: List[int], ys: List[int]):
    return [x * y for x, y in zip(xs, ys)], [i + x for i, x in enumerate(xs)]

## dict_methods: (5,)
def dict_methods(n: int):
    d: Dict[str, int] = {}
    d["x"] = n
    d.update({"y": 2})
    e = d.copy()
    v = d.pop("x")
    w = d.get("zz", 7)
    g = d.get("y")
    d.setdefault("k", 9)
    "y" in d
    d["y"] += 3
    del d["k"]
    return d, e, v, w, g, len(d), "y" in d, "q" not in d, list(e.keys()), list(e.values())

## dict_popitem_clear: (1,)
def dict_popitem_clear(n: int):
    d = {1: "a", 2: "b"}
    k = d.popitem()
    d.clear()
    return k, len(d), d

## dict_kwargs_constructor: (1,)
def dict_kwargs_constructor(n: int):
    d = dict([("a", n), ("b", 2)])
    e = {k: v for k, v in d.items()}
    return d, e

## sorted_forms: ([3, 1, 2],)
def sorted_forms(xs: List[int]):
    ys = sorted(xs)
    xs.sort(reverse=True)
    zs = [2.5, -1.0]
    zs.sort()
    return ys, xs, zs, sorted(["b", "a"])

## in_forms: (2, "ell")
def in_forms(n: int, s: str):
    return n in [1, 2], n not in [1, 2], s in "hello", "x" in ["x"], n in {2: 1}, 1.0 in [1.0]

## chained_compare_calls: (2,)
def chained_compare_calls(n: int):
    return 0 < n < 5 <= 5, 1 < n > 0 != 3, n == n == 2

## augmented_self: (3,)
class AugmentedCounter(object):
    def __init__(self):
        self.n = 0
        self.xs: List[int] = [1, 2]
        self.d: Dict[str, int] = {"a": 1}

    def go(self, k: int):
        self.n += k
        self.n *= 2
        self.xs[0] += k
        self.xs += [k]
        self.d["a"] += k

def augmented_self(k: int):
    a = AugmentedCounter()
    a.go(k)
    a.n -= 1
    return a.n, a.xs, a.d

## tensor_augmented: (m(2, 2),)
def tensor_augmented(x):
    y = x.clone()
    y += 1
    y -= x
    y *= 3
    y /= 2
    y[0] += 5
    y[0, 1] = 9.0
    y[:, 0] *= 2
    return y

## nested_break_return: ([[1, 2], [3, 4]], 3), ([[1]], 9)
def nested_break_return(xss: List[List[int]], want: int) -> int:
    seen = 0
    for xs in xss:
        for x in xs:
            if x == want:
                return seen
            if x < 0:
                break
            if x % 2 == 0:
                continue
            seen += x
        else_ = seen
        if else_ > 100:
            break
    return -1

## while_nested_flow: (10,)
def while_nested_flow(n: int) -> int:
    i = 0
    total = 0
    while i < n:
        i += 1
        j = 0
        while True:
            j += 1
            if j > i:
                break
            if j % 3 == 0:
                continue
            total += j
            if total > 60:
                return total
        if i == 8:
            break
    return total

## custom_exception: (1,), (-1,)
class MyErr(Exception):
    pass

def custom_exception(n: int) -> int:
    if n < 0:
        raise ValueError("bad {}".format(n))
    assert n > 0, f"n is {n}"
    return n

## raise_types: (0,), (1,), (2,)
def raise_types(n: int) -> int:
    if n == 0:
        raise IndexError("i")
    if n == 1:
        raise NotImplementedError
    return n

## any_values: (1,)
def any_values(n: int):
    xs: List[Any] = []
    xs.append(n)
    xs.append("s")
    x: Any = 3
    return xs, x

## annotate_all: (1,)
def annotate_all(n: int):
    a = torch.jit.annotate(List[int], [])
    b = torch.jit.annotate(Dict[str, Tensor], {})
    c = torch.jit.annotate(Optional[int], None)
    d = torch.jit.annotate(Tuple[int, Optional[str]], (n, None))
    a.append(n)
    b["x"] = torch.ones(1)
    if c is None:
        c = n
    return a, b, c, d

## device_dtype_layout: (t(1.),)
def device_dtype_layout(x):
    d = torch.device("cpu")
    y = torch.zeros([2], dtype=torch.int64, device=d, layout=torch.strided)
    z = x.to(torch.float64)
    w = x.to(d)
    return y, z, w, x.dtype == torch.float32, x.device == d, x.is_cuda, x.layout == torch.strided, d.type, x.dtype

## negative_division: (-7, 3), (7, -3), (-7, -3)
def negative_division(a: int, b: int):
    return a // b, a % b, a / b, divmod(a, b), float(a) // b, float(a) % b, abs(a), -a, a ** 2, round(2.5), round(3.5)

## string_escapes: (1,)
def string_escapes(n: int):
    return "a\nb\t\"q\" \\ \x41 \u00e9", 'it\'s', r"\n", """tri
ple""", "a" "b"

## prints: (1, t(1., 2.))
def prints(n: int, x):
    print(n, 2.5, "s", True, None, [1], (1, "a"), {"k": 1}, x)
    print()
    return n

## math_module: (2.0,)
def math_module(x: float):
    return math.sqrt(x), math.floor(x), math.ceil(2.2), math.pi, math.pow(x, 3), math.log(x), math.exp(0.0), math.isnan(x), math.inf, math.atan2(1.0, x), math.fabs(-x), math.gcd(12, 18), math.factorial(4)

## builtins_numbers: ([1, 2, 3], [1.5, 0.5])
def builtins_numbers(xs: List[int], fs: List[float]):
    return min(xs), max(xs), sum(xs), min(fs), max(1, 2), min(1.5, 2), sum(fs), any([True, False]), all([True, False]), abs(-2.5), pow(2, 3), len(xs), ord("a"), chr(98), hex(255), oct(8), bin(5)

## string_methods_more: ("Hello World",)
def string_methods_more(s: str):
    return s.split(), s.split("o"), s.find("o"), s.rfind("o"), s.replace("l", "L"), s.startswith("He"), s.endswith("d"), s.lower(), s.title(), s.swapcase(), s.center(15, "*"), s.zfill(13), s.count("l"), "-".join(["a", "b"]), s.strip("Hd"), s.partition(" "), s.splitlines(), s.isalpha(), "12".isdigit(), s.rjust(12), s.expandtabs(), s.index("W"), s.ljust(13, "."), s.capitalize()

## list_arithmetic: ([1, 2],)
def list_arithmetic(xs: List[int]):
    ys = xs + [3]
    zs = [0] * 3
    xs += [9]
    ws = xs[:]
    ws.clear()
    return ys, zs, xs, ws, xs == [1, 2, 9], xs != ys, xs.copy(), list(range(3)), list("ab")

## tuple_unpack_nested: (1,)
def tuple_unpack_nested(n: int):
    (a, b), c = (n, 2), 3
    d, *e = [1, 2, 3][:2], 4, 5
    x, y = [7, 8]
    a, b = b, a
    return a, b, c, d, e, x, y

## tuple_compare: (1,)
def tuple_compare(n: int):
    t = (n, 2)
    return t == (1, 2), t != (1, 2), (1,) + (2,) == (1, 2)

## for_over_tensor: (m(3, 2),)
def for_over_tensor(x):
    out: List[Tensor] = []
    for row in x:
        out.append(row.sum())
    a, b, c = out
    return torch.stack(out), a

## tensor_reflected: (t(2., 4.), 3)
def tensor_reflected(x, n: int):
    return n - x, 1.0 / x, n ** x, 10 // x, n % x, -x, ~(x > 2), n + x, n * x, 5 > x, x != n, x @ x, x // 3, x % 3, x ** 2

## scalar_tensor_compare: (t(3.),)
def scalar_tensor_compare(x):
    if x > 2 and x.sum() < 10:
        return x
    elif not x:
        return -x
    return x * 0

## boolean_short_circuit: ([],), ([1],)
def boolean_short_circuit(xs: List[int]) -> bool:
    return len(xs) > 0 and xs[0] == 1 or len(xs) == 0

## conditional_types: (1,), (5,)
def conditional_types(n: int):
    x: Optional[str] = "a" if n > 3 else None
    y = 1.0 if n > 3 else 2.0
    return x, y

## optional_list: (1,)
def optional_list(n: int):
    xs: List[Optional[int]] = [1, None]
    xs.append(n)
    o: Optional[List[int]] = None
    if n > 0:
        o = [n]
    return xs, o

## interface_calls: (t(1.),)
@torch.jit.interface
class Runnable(object):
    def run(self, x: Tensor) -> Tensor:
        pass

class Twice(object):
    def __init__(self, k: float):
        self.k = k

    def run(self, x: Tensor) -> Tensor:
        return x * self.k

class Plus(object):
    def __init__(self):
        self.k = 1

    def run(self, x: Tensor) -> Tensor:
        return x + self.k

def apply_runnable(op: Runnable, x: Tensor) -> Tensor:
    return op.run(x)

def interface_calls(x):
    ops: List[Runnable] = [Twice(2.0), Plus()]
    for op in ops:
        x = apply_runnable(op, x)
    return x

## class_operators: (2,)
class V(object):
    def __init__(self, a: int):
        self.a = a

    def __add__(self, o: "V") -> "V":
        return V(self.a + o.a)

    def __eq__(self, o: "V") -> bool:
        return self.a == o.a

    def __len__(self) -> int:
        return self.a

    def __getitem__(self, i: int) -> int:
        return self.a * i

    def __setitem__(self, i: int, v: int) -> None:
        self.a = i + v

    def __contains__(self, i: int) -> bool:
        return i == self.a

    def __neg__(self) -> "V":
        return V(-self.a)

    def __lt__(self, o: "V") -> bool:
        return self.a < o.a

    def __call__(self, k: int) -> int:
        return self.a * k

    def __str__(self) -> str:
        return "V{}".format(self.a)

def class_operators(n: int):
    v = V(n) + V(3)
    w = -v
    v[1] = 5
    return v.a, len(v), v[3], 6 in v, w.a, v == V(6), w < v, v(10), str(v), int(3.5)

## class_lists: (2,)
class Node(object):
    def __init__(self, v: int):
        self.v = v
        self.kids: List[int] = []

    def add(self, k: int) -> None:
        self.kids.append(k)

def class_lists(n: int):
    nodes = [Node(i) for i in range(n)]
    for i, node in enumerate(nodes):
        node.add(i * 10)
        node.v += 1
    nodes.sort if False else None
    return nodes[0].kids, nodes[1].v, len(nodes)

## class_sort: (2,)
class Item(object):
    def __init__(self, v: int):
        self.v = v

    def __lt__(self, other: "Item") -> bool:
        return self.v < other.v

def class_sort(n: int):
    xs = [Item(3), Item(n), Item(1)]
    xs.sort()
    ys = sorted(xs)
    return xs[0].v, ys[2].v

## class_default_args: (2,)
class Conf(object):
    def __init__(self, n: int, k: float = 0.5, name: Optional[str] = None):
        self.n = n
        self.k = k
        self.name = name

    def text(self, sep: str = ",") -> str:
        name = self.name
        if name is None:
            name = "anon"
        return name + sep + str(self.n) + sep + str(self.k)

def class_default_args(n: int):
    return Conf(n).text(), Conf(n, name="q").text(sep=";"), Conf(k=1.5, n=3).text()

## class_in_container: (2,)
class Pt(object):
    def __init__(self, x: int):
        self.x = x

def class_in_container(n: int):
    d: Dict[str, Pt] = {"a": Pt(n)}
    d["b"] = Pt(7)
    o: Optional[Pt] = d["a"]
    t = (Pt(1), 2)
    r = 0
    if o is not None:
        r = o.x
    return d["b"].x, r, t[0].x

## fork_function: (t(1.),)
def slow(x, n: int):
    return x * n

def fork_function(x):
    futures = [torch.jit.fork(slow, x, 2), torch.jit.fork(slow, x, n=3)]
    out: List[Tensor] = []
    for f in futures:
        out.append(torch.jit.wait(f))
    return torch.stack(out)

## ignored_never: (t(1.),)
@torch.jit.unused
def never(x) -> Tensor:
    import os
    return x

def ignored_never(x):
    if x.dim() > 3:
        return never(x)
    return x

## float_formats: (1.0, 0.1, 1e20)
def float_formats(a: float, b: float, c: float):
    return str(a), str(b), str(c), f"{a * 3}", str(1e-7), str(float("inf")), str(-a), str(float("nan"))

## bool_arithmetic: (True,)
def bool_arithmetic(b: bool):
    return int(b) + 1, b == True, not b, b and True, b or False, b != False, float(b)

## range_negative: (5,)
def range_negative(n: int):
    out: List[int] = []
    for i in range(n, 0, -2):
        out.append(i)
    for i in range(-1, -n, -1):
        out.append(i)
    for j in range(0):
        out.append(100)
    return out

## enumerate_start: ([5, 6],)
def enumerate_start(xs: List[int]):
    out: List[int] = []
    for i, x in enumerate(xs, 3):
        out.append(i * x)
    for i, (a, b) in enumerate(zip(xs, xs)):
        out.append(i + a + b)
    return out

## variable_reuse: (3,)
def variable_reuse(n: int):
    x = n
    y = x
    x += 1
    xs = [1]
    ys = xs
    ys.append(2)
    return x, y, xs

## del_things: (3,)
def del_things(n: int):
    xs = [1, 2, 3]
    del xs[0]
    d = {"a": 1}
    del d["a"]
    y = n
    del y
    return xs, d

## early_exit_loops: (m(3, 3), 2)
def early_exit_loops(x, k: int):
    for i in range(x.size(0)):
        if i == k:
            break
        for j in range(x.size(1)):
            if j == i:
                continue
            x = x + i * j
            if bool(x.sum() > 100):
                return x, i, j
    return x, -1, -1

## tensor_methods_kwargs: (m(2, 3),)
def tensor_methods_kwargs(x):
    return x.sum(dim=[0, 1]), x.mean(dim=-1, keepdim=True), x.max(dim=1), x.topk(2), x.sort(descending=True)[0], x.view(-1), x.permute(1, 0), x.reshape([3, 2]), x.clamp(min=1), x.std(unbiased=False), x.argmax(), x.chunk(2, dim=0), x.transpose(0, 1).contiguous(), x.unsqueeze(-1).squeeze(), x.expand(2, 2, 3), x.repeat(1, 2), x.split([1, 2], dim=1)

## max_result_fields: (m(2, 3),)
def max_result_fields(x):
    r = x.max(dim=1)
    v, i = torch.max(x, 1)
    s = torch.sort(x)
    return r.values, r.indices, v, i, s.values

## is_and_identity: (None,), (t(1.),)
def is_and_identity(x: Optional[Tensor]):
    return x is None, x is not None, None is None

## shadow_builtin: (3,)
def shadow_builtin(len: int):
    return len + 1

## string_iteration: ("abc",)
def string_iteration(s: str):
    out: List[str] = []
    for c in s:
        out.append(c + c)
    for i in range(len(s)):
        out.append(s[i])
    return out, [c for c in s]

## dict_key_types: (1,)
def dict_key_types(n: int):
    a = {1: "x"}
    b = {1.5: n}
    c = {True: 2}
    return a[1], b[1.5], c[True], a

## torch_tensor_nested: (1.5,)
def torch_tensor_nested(f: float):
    return torch.tensor([[1, 2], [3, 4]]), torch.tensor([f, 2.0]), torch.tensor(True), torch.tensor([1.0], dtype=torch.float64), torch.as_tensor([1, 2]), torch.scalar_tensor(2.0)

## refine_and_call: (None,), (t(1.),)
def refine_and_call(x: Optional[Tensor]):
    if x is not None and x.sum() > 0:
        return x * 2
    return torch.zeros(1)

## refine_or_else: (None, 1), (3, None)
def refine_or_else(a: Optional[int], b: Optional[int]) -> int:
    if a is None or b is None:
        return -1
    return a + b

## refine_not: (None,), (3,)
def refine_not(a: Optional[int]) -> int:
    if not a is not None:
        return 0
    assert a is not None
    return a

## refine_assert_message: (3,), (None,)
def refine_assert_message(a: Optional[int]) -> int:
    assert a is not None, "a is missing"
    return a + 1

## refine_raise: (3,)
def refine_raise(a: Optional[int]) -> int:
    if a is None:
        raise ValueError("none")
    else:
        b = a
    return a + b

## refine_reassign: (None,), (3,)
def refine_reassign(a: Optional[int]) -> int:
    if a is None:
        a = 5
    return a

## refine_tuple_member: (1,)
def refine_tuple_member(n: int) -> int:
    t: Tuple[Optional[int], str] = (n, "a")
    first = t[0]
    if first is not None:
        return first
    return -1

## refine_dict_value: (1,)
def refine_dict_value(n: int) -> int:
    d: Dict[str, Optional[int]] = {"a": n, "b": None}
    v = d["a"]
    if v is not None:
        return v
    return 0

## isinstance_optional: (None,), (4,)
def isinstance_optional(x: Optional[int]) -> int:
    if isinstance(x, int):
        return x
    return 0

## isinstance_else_union: (1,), (2.0,)
def isinstance_else_union(x: Union[int, float]) -> float:
    if not isinstance(x, int):
        return x + 0.5
    return float(x)

## union_list: ([1, "a"],)
def union_list(xs: List[Union[int, str]]) -> int:
    n = 0
    for x in xs:
        if isinstance(x, int):
            n += x
        else:
            n += len(x)
    return n

## union_return: (1,), (-1,)
def union_return(n: int) -> Union[int, str]:
    if n > 0:
        return n
    return "neg"

## annotated_union: (1,)
def annotated_union(n: int):
    x: Union[int, str] = n
    y: Optional[Union[int, str]] = None
    if n > 3:
        y = "a"
    return x, y

## named_tuple_methods: (2,)
class Point(NamedTuple):
    x: int
    y: int = 4

def swap_point(p: Point) -> Point:
    return Point(p.y, p.x)

def named_tuple_methods(n: int):
    p = swap_point(Point(n))
    a, b = p
    return p, a - b, p.x, p[1], Point(y=1, x=2), p == Point(4, 2)

## named_tuple_nested: (t(1.),)
class Inner(NamedTuple):
    t: Tensor
    n: Optional[int] = None

class Outer(NamedTuple):
    inner: Inner
    items: List[Tensor]

def named_tuple_nested(x):
    o = Outer(Inner(x), [x, x + 1])
    return o.inner.t + o.items[1], o.inner.n

## enum_compare: (1,)
class Level(Enum):
    LOW = 1
    HIGH = 5

class Holder2(object):
    def __init__(self, level: Level):
        self.level = level

    def high(self) -> bool:
        return self.level == Level.HIGH

def enum_compare(n: int):
    h = Holder2(Level.HIGH)
    xs = [Level.LOW, Level.HIGH]
    d = {"a": Level.LOW}
    return h.high(), xs[0].value, d["a"].name, Level.LOW == Level.HIGH, h.level.value + n

## class_composition: (3,)
class Engine(object):
    def __init__(self, power: int):
        self.power = power

    def boost(self, by: int) -> None:
        self.power += by

class Car(object):
    def __init__(self, power: int):
        self.engine = Engine(power)
        self.log: List[str] = []

    def drive(self, km: int) -> int:
        self.engine.boost(1)
        self.log.append("drove {}".format(km))
        return self.engine.power * km

def class_composition(n: int):
    car = Car(n)
    total = 0
    for i in range(3):
        total += car.drive(i)
    return total, car.log, car.engine.power

## class_property_setter: (4,)
class Temp(object):
    def __init__(self, c: float):
        self._c = c

    @property
    def c(self) -> float:
        return self._c

    @c.setter
    def c(self, v: float) -> None:
        self._c = v

    @property
    def f(self) -> float:
        return self.c * 2.0

def class_property_setter(n: int):
    t = Temp(1.0)
    t.c = float(n)
    t.c += 0.5
    return t.c, t.f

## class_bool_and_len: (0,), (2,)
class Bag(object):
    def __init__(self, n: int):
        self.n = n

    def __bool__(self) -> bool:
        return self.n > 0

    def __int__(self) -> int:
        return self.n

    def __float__(self) -> float:
        return float(self.n)

def class_bool_and_len(n: int):
    b = Bag(n)
    if b:
        return int(b) + 1, float(b), bool(b)
    return -1, 0.0, not b

## with_class: (2,)
class Guard(object):
    def __init__(self, log: List[str]):
        self.log = log

    def __enter__(self) -> int:
        self.log.append("in")
        return 7

    def __exit__(self, a: Any, b: Any, c: Any) -> None:
        self.log.append("out")

def with_class(n: int):
    log: List[str] = []
    with Guard(log) as k, Guard(log):
        log.append(str(k + n))
    return log

## list_of_dicts: (1,)
def list_of_dicts(n: int):
    xs: List[Dict[str, int]] = [{"a": 1}, {"b": n}]
    xs[0]["c"] = 3
    xs.append({"z": 0})
    total = 0
    for d in xs:
        for v in d.values():
            total += v
    return xs, total

## dict_of_dicts: (1,)
def dict_of_dicts(n: int):
    d: Dict[str, Dict[int, float]] = {"x": {1: 0.5}}
    d["x"][2] = 1.5
    d["y"] = {n: 2.0}
    return d, d["x"][2] + d["y"][n], "y" in d, 3 in d["x"]

## tuple_in_list_sort: (1,)
def tuple_in_list_sort(n: int):
    xs = [(3, "a"), (1, "b"), (2, "c")]
    xs.sort()
    return xs, xs[0][1], sorted([(2, 1), (1, 2)])

## unpack_in_for: (1,)
def unpack_in_for(n: int):
    out: List[int] = []
    for a, (b, c) in [(1, (2, 3)), (4, (5, 6))]:
        out.append(a * b + c)
    for i, (k, v) in enumerate({"x": 1}.items()):
        out.append(i + v)
    return out

## swap_elements: ([3, 1, 2],)
def swap_elements(xs: List[int]):
    xs[0], xs[2] = xs[2], xs[0]
    for i in range(len(xs)):
        for j in range(i + 1, len(xs)):
            if xs[j] < xs[i]:
                t = xs[i]
                xs[i] = xs[j]
                xs[j] = t
    return xs

## while_conditions: (10, 3)
def while_conditions(n: int, k: int):
    i = 0
    while i < n and not (i == k):
        i += 1
    j = n
    while j > 0 or i > 100:
        j -= k
        if j < 2:
            break
    return i, j

## fibonacci: (10,)
def fibonacci(n: int) -> List[int]:
    a, b = 0, 1
    out: List[int] = []
    while len(out) < n:
        out.append(a)
        a, b = b, a + b
    return out

## sieve: (30,)
def sieve(n: int):
    flags = [True] * n
    primes: List[int] = []
    for i in range(2, n):
        if flags[i]:
            primes.append(i)
            for j in range(i * i, n, i):
                flags[j] = False
    return primes

## gcd_loop: (48, 36)
def gcd_loop(a: int, b: int) -> int:
    while b != 0:
        a, b = b, a % b
    return a

## string_building: ("hello world",)
def string_building(s: str):
    counts: Dict[str, int] = {}
    for c in s:
        if c in counts:
            counts[c] += 1
        else:
            counts[c] = 1
    words = s.split(" ")
    out = ""
    for w in words:
        out = out + w[0].upper() + w[1:]
    return counts, out, "".join([w[::-1] for w in words]) if len(s) < 0 else out

## format_numbers: (3, 2.5, 1e-10)
def format_numbers(n: int, f: float, g: float):
    return "{} {} {}".format(n, f, g), "%d %f %s %g" % (n, f, "x", f), f"{n}{f}", str(f) + str(n), "{} %".format(n), "%s%%" % n

## tensor_in_format: (t(1., 2.),)
def tensor_in_format(x):
    print("x: {}".format(x.size()), x.dim())
    return "{}".format(x.dim()), str(x.shape)

## slices_with_none: (m(4, 4),)
def slices_with_none(x):
    a: Optional[int] = None
    return x[:2], x[-2:], x[1:-1, 1:-1], x[::2, ::3], x[:, -1], x[2:2].shape, x[100:].shape, x[:-1].sum()

## tensor_setitem_forms: (m(3, 3),)
def tensor_setitem_forms(x):
    y = x.clone()
    y[0] = 1
    y[1, :] = torch.ones(3)
    y[y > 7] = -1.0
    y[torch.tensor([2]), torch.tensor([0])] = 5.0
    y[..., 1] = y[..., 1] * 2
    y[-1][-1] = 3
    y[:, 2:] += 1
    return y

## tensor_comparisons: (t(1., 2., 3.),)
def tensor_comparisons(x):
    a = (x > 1) & (x < 3)
    b = (x == 2) | ~(x >= 2)
    return a, b, a ^ b, (x > 5).any(), bool((x > 0).all()), x[a], torch.where(a, x, -x)

## scalar_arithmetic: (7, 2, 0.5)
def scalar_arithmetic(a: int, b: int, f: float):
    return a // b, a / b, a % b, a ** b, f ** 2, f * a, a - f, a // f, a % f, -a // b, -a % b, a & b, a | b, a ^ b, a << b, a >> 1, abs(-f), round(f), int(a / b), max(a, b), min(f, 1.0), float(a) ** 0.5

## early_return_types: (1,), (-1,)
def early_return_types(n: int) -> Optional[str]:
    if n > 0:
        return "pos"
    return None

## multiple_returns: (m(2, 2), 0), (m(2, 2), 1), (m(2, 2), 7)
def multiple_returns(x, k: int) -> Tuple[Tensor, int]:
    if k == 0:
        return x, 0
    elif k == 1:
        y = x * 2
        return y, 1
    z = x.sum()
    return z, k

## return_in_with: (t(1.),)
def return_in_with(x):
    with torch.no_grad():
        y = x * 2
    return y

## global_function_chain: (t(1.),)
def first(x, k: int = 1):
    return x + k

def second(x, f: float = 2.0):
    return first(x, 3) * f

def global_function_chain(x):
    return second(first(x), f=0.5) + second(x)

## defaults_none: (t(1.),)
def maybe(x, y: Optional[Tensor] = None, n: Optional[int] = None, names: Optional[List[str]] = None):
    if y is not None:
        x = x + y
    if n is not None:
        x = x * n
    if names is not None:
        x = x + len(names)
    return x

def defaults_none(x):
    return maybe(x), maybe(x, x), maybe(x, n=3), maybe(x, names=["a", "b"])

## device_arguments: (t(1.),)
def device_arguments(x, d: torch.device = torch.device("cpu")):
    return x.to(d), torch.zeros(1, device=d), torch.empty([0], device=x.device, dtype=x.dtype).size(), str(d)

## dtype_arguments: (t(1.5),)
def dtype_arguments(x, dtype: torch.dtype = torch.float64):
    return x.to(dtype), x.to(dtype=torch.int32), torch.ones(2, dtype=dtype), x.dtype == torch.float32, x.type(torch.float64)

## shape_arithmetic: (m(4, 6),)
def shape_arithmetic(x):
    b, c = x.shape
    n = x.size(0) * x.size(-1)
    h = c // 2
    return x.view(b, 2, h).sum(-1), x.reshape([-1, h]), n, [x.size(i) for i in range(x.dim())], x.shape[0] + x.shape[-1], x.shape[1:], list(x.shape)

## lists_of_tensors_ops: (m(2, 3),)
def lists_of_tensors_ops(x):
    parts = x.split(1)
    rows = [r * 2 for r in parts]
    rows.append(x[0:1])
    stacked = torch.cat(rows, 0)
    a, b = torch.chunk(x, 2, 0)
    return stacked, a + b, torch.stack([r.sum() for r in parts]), len(parts), rows[-1]

## cross_entropy_like: (m(2, 3),)
def cross_entropy_like(x):
    target = torch.tensor([0, 2])
    return F.cross_entropy(x, target), F.nll_loss(F.log_softmax(x, 1), target, reduction="sum"), F.mse_loss(x, x + 1), F.dropout(x, 0.5, training=False), F.gelu(x), F.layer_norm(x, [3])

## multi_fork: (t(1., 2.),)
def forked_work(x, k: int) -> Tuple[Tensor, int]:
    return x * k, k

def multi_fork(x):
    futures: List[torch.jit.Future[Tuple[Tensor, int]]] = []
    for i in range(3):
        futures.append(torch.jit.fork(forked_work, x, i))
    total = 0
    out: List[Tensor] = []
    for f in futures:
        t, k = torch.jit.wait(f)
        total += k
        out.append(t)
    return out, total

## bad_condition:
def bad_condition(xs: List[int]):
    if xs is 3:
        return 1
    return 0

## bad_len:
def bad_len(n: int):
    return len(n)

## bad_generator:
def bad_generator(xs: List[int]):
    return sum(x for x in xs)

## bad_chained_assign_types:
def bad_chained_assign_types(n: int):
    a = b = n
    a = "s"
    return b

## overloads_with_out: (t(1., 2., 3.), 2)
def overloads_with_out(x, n: int):
    a = torch.searchsorted(x, n)
    b = torch.isin(x, n)
    c = torch.subtract(x, n)
    if n > 9:
        c = torch.bernoulli(c, 0.5) + torch.normal(0.5, c)
    return a, b, c

## float_defaults: (t(-1., 2.),)
def float_defaults(x):
    return torch.celu(x), torch.celu(x, 1), torch.celu(x, 1.0)
