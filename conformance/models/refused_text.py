"""Texts that PyTorch refuses, each with what it says; Sconce says the same, at the same place. See generate_text.py."""
import math
from enum import Enum
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import torch
import torch.nn.functional as F
from torch import Tensor, nn

## undefined_name:
def undefined_name(x):
    return x + y

## no_return_on_all_paths:
def no_return_on_all_paths(n: int) -> int:
    if n > 0:
        return n

## variable_type:
def variable_type(n: int):
    while n > 0:
        n = "text"
    return n

## branch_types:
def branch_types(n: int):
    if n > 0:
        a = 1
    else:
        a = "text"
    return a

## one_branch_only:
def one_branch_only(n: int):
    if n > 0:
        a = 1
    return a

## different_returns:
def different_returns(n: int):
    if n > 0:
        return 1
    return "text"

## not_iterable:
def not_iterable(n: int):
    for i in n:
        pass

## not_callable:
def not_callable(n: int):
    return n(3)

## no_attribute:
def no_attribute(n: int):
    return n.something

## tensor_attribute:
def tensor_attribute(x):
    return x.nothing

## break_outside:
def break_outside(n: int):
    if n > 0:
        break
    return n

## wrong_argument:
def wrong_argument(n: int):
    return torch.relu(n)

## missing_argument:
def helper(x, n: int):
    return x + n

def missing_argument(x):
    return helper(x)

## too_many_arguments:
def helper2(x, n: int):
    return x + n

def too_many_arguments(x):
    return helper2(x, 1, 2)

## unknown_keyword:
def helper3(x, n: int):
    return x + n

def unknown_keyword(x):
    return helper3(x, m=1)

## unpack_count:
def unpack_count(n: int):
    a, b = (1, 2, 3)
    return a

## unpack_number:
def unpack_number(n: int):
    a, b = n
    return a

## tuple_index:
def tuple_index(n: int):
    t = (1, 2)
    return t[5]

## tuple_dynamic_index:
def tuple_dynamic_index(n: int):
    t = (1, "a")
    return t[n]

## try_block:
def try_block(n: int):
    try:
        n = 1
    except Exception:
        n = 2
    return n

## lambda_expression:
def lambda_expression(n: int):
    f = lambda x: x + 1
    return n

## set_literal:
def set_literal(n: int):
    s = {1, 2}
    return n

## import_statement:
def import_statement(n: int):
    import os
    return n

## nested_function:
def nested_function(n: int):
    def inner(k: int):
        return k
    return n

## star_args:
def star_args(*args):
    return args

## keyword_args:
def keyword_args(**kwargs):
    return 1

## bare_annotation:
def bare_annotation(n: int):
    x: int
    return n

## recursion:
def recursion(n: int) -> int:
    return recursion(n - 1)

## mixed_list:
def mixed_list(n: int):
    a: List[int] = [1, "a"]
    return a

## annotated_mismatch:
def annotated_mismatch(n: int):
    a: str = n
    return a

## list_append_type:
def list_append_type(n: int):
    a = [1, 2]
    a.append("x")
    return a

## optional_use:
def optional_use(n: Optional[int]):
    return n + 1

## bool_of_optional:
def bool_of_optional(s: Optional[str]):
    if s:
        return 1
    return 2

## comprehension_if:
def comprehension_if(xs: List[int]):
    return [x for x in xs if x > 0]

## nested_comprehension:
def nested_comprehension(xs: List[int]):
    return [x + y for x in xs for y in xs]

## raise_string:
def raise_string(n: int):
    raise "text"

## unknown_type:
def unknown_type(n: Something):
    return n

## list_type_arguments:
def list_type_arguments(n: List[int, int]):
    return n

## set_nonexistent_attribute:
class Thing(object):
    def __init__(self):
        self.a = 1

    def change(self):
        self.b = 2

def set_nonexistent_attribute(n: int):
    return Thing().a

## attribute_type:
class Thing2(object):
    def __init__(self):
        self.a = 1

    def change(self):
        self.a = "text"

def attribute_type(n: int):
    return Thing2().a

## delete_slice:
def delete_slice(xs: List[int]):
    del xs[1:2]
    return xs

## delete_attribute:
def delete_undefined(n: int):
    del m
    return n

## slice_assignment:
def slice_assignment(xs: List[int]):
    xs[0:1] = [3]
    return xs

## index_type:
def index_type(x):
    return x[1.5]

## two_ellipses:
def two_ellipses(x):
    return x[..., 1, ...]

## starred_alone:
def starred_alone(xs: Tuple[int, int]):
    *a, = xs
    return a

## format_spec:
def format_spec(x: float):
    return f"{x:.2f}"

## floor_divide_assign:
def floor_divide_assign(n: int):
    n //= 2
    return n

## chained_attribute_on_module:
def chained_attribute_on_module(x):
    return torch.nothing_here(x)

## enumerate_arguments:
def enumerate_arguments(xs: List[int]):
    for i, x in enumerate():
        pass

## isinstance_arguments:
def isinstance_arguments(n: int):
    return isinstance(n)

## str_index_assignment:
def str_index_assignment(s: str):
    s[0] = "a"
    return s

## default_list:
def default_list(x, xs: List[int] = [1, 2]):
    return x

## getattr_variable:
def getattr_variable(x, name: str):
    return getattr(x, name)

## tolist_without_type:
def tolist_without_type(x):
    a = x.tolist()
    return a

## empty_list_item:
def empty_list_item(k: int):
    groups: Dict[int, List[int]] = {}
    groups[k] = []
    return groups

## refined_away:
def refined_away(x: Optional[int]):
    if x is None:
        return x + 1
    return x

## class_without_init:
class Bare(object):
    def get(self) -> int:
        return 1

def class_without_init(n: int):
    return Bare().get()

## loop_variable_after:
def loop_variable_after(n: int):
    for i in range(n):
        last = i
    return last

## wrong_method_argument:
class Box(object):
    def __init__(self, n: int):
        self.n = n

def wrong_method_argument(s: str):
    return Box(s).n

## string_plus_int:
def string_plus_int(s: str, n: int):
    return s + n

## named_tuple_field:
class Two(NamedTuple):
    a: int
    b: int

def named_tuple_field(n: int):
    return Two(n, n).c

## any_arithmetic:
def any_arithmetic(x: Any):
    return x + 1

## refine_while:
def refine_while(a: Optional[int]) -> int:
    total = 0
    while a is not None and a > 0:
        total += a
        a = a - 1
    return total

## refine_early_continue:
def refine_early_continue(xs: List[Optional[int]]) -> int:
    total = 0
    for x in xs:
        if x is None:
            continue
        total += x
    return total

## refine_eq_none:
def refine_eq_none(x: Optional[int]) -> bool:
    return x == None

## keyword_only:
def scaled(x, *, by: float = 2.0, plus: int):
    return x * by + plus

def keyword_only(x):
    return scaled(x, plus=1) + scaled(x, by=3.0, plus=2)

## augmented_all:
def augmented_all(n: int, f: float):
    n += 1
    n -= 2
    n *= 3
    a = n
    n //= 4
    b = n
    n %= 3
    n **= 2
    f /= 4
    f += n
    c = 5
    c |= 8
    c &= 12
    c ^= 5
    c <<= 2
    c >>= 1
    return n, f, a, b, c

## lists_of_lists:
def lists_of_lists(n: int):
    g = [[0 for _ in range(n)] for i in [1, 2]] if n < 0 else [[1, 2], [3]]
    h: List[List[int]] = []
    for i in range(n):
        h.append([i])
    h[0].append(7)
    h.extend(g)
    h.insert(0, [9])
    h.reverse()
    x = h.pop(0)
    h.remove([9])
    return h, x, len(h), h == [[1, 2]], h[0].index(1), h[0].count(2)

## string_multiply_compare:
def string_multiply_compare(s: str, n: int):
    return s * n, s + "c", s == "ab", s != "ab", s < "b", s >= "a", len(s), s[0] in "abc"

## tensor_unpack:
def tensor_unpack(x):
    a, b, c = x
    d, e = torch.unbind(x, 1)
    return a + b, c, d, e

## tensor_index_more:
def tensor_index_more(x):
    idx = torch.tensor([0, 2])
    mask = x > 7
    return x[idx], x[:, idx], x[mask], x[1:3, ::2], x[..., -1], x[None, 0], x[idx, 1], x[-1, -1], x[torch.tensor(1)], x[0][1], x[:, None, 1:2].shape, x[[0, 1]], x[True].shape

## math_on_ints:
def math_on_ints(n: int):
    return math.sqrt(n), n ** 0.5, n ** -1, 2 ** n, n / 2, -n // 2, n << 2, n >> 1, n & 3, n | 8, n ^ 1, ~n

## dict_iteration:
def dict_iteration(n: int):
    d = {"b": 1, "a": 2}
    s = ""
    t = 0
    for k in d:
        s += k
    for k, v in d.items():
        s += k * v
    for v in d.values():
        t += v
    for k in d.keys():
        s += k
    return s, t

## class_optional_member:
class Cell(object):
    def __init__(self, v: int):
        self.v = v
        self.next: Optional[int] = None

    def set(self, n: Optional[int]) -> "Cell":
        self.next = n
        return self

def class_optional_member(n: int) -> int:
    c = Cell(n).set(5)
    nxt = c.next
    if nxt is not None:
        return nxt + c.v
    return c.v

## list_equality:
def list_equality(n: int):
    return [1, 2] == [1, n + 1], [1.0] != [2.0], ["a"] == ["a"], [[1], [2]] == [[1], [2]], (1, "a") == (1, "a")

## bad_argument_type:
def bad_argument_type(x):
    return torch.cat(x, dim="a")

## bad_list_element:
def bad_list_element(n: int):
    xs: List[int] = [1, 2]
    xs.append("a")
    return xs

## bad_dict_key:
def bad_dict_key(n: int):
    d = {"a": 1}
    return d[n]

## bad_attribute_assign:
class Small(object):
    def __init__(self):
        self.a = 1

def bad_attribute_assign(n: int):
    s = Small()
    s.b = 2
    return s.a

## bad_return_type:
def bad_return_type(n: int) -> str:
    return n

## bad_recursion:
def bad_recursion(n: int) -> int:
    if n == 0:
        return 0
    return bad_recursion(n - 1)

## bad_varargs:
def bad_varargs(*xs):
    return xs[0]

## bad_kwargs:
def bad_kwargs(**xs):
    return 1

## bad_optional_arithmetic:
def bad_optional_arithmetic(n: Optional[int]):
    return n + 1

## bad_union_use:
def bad_union_use(x: Union[int, str]):
    return x + 1

## bad_enum_member:
class Tone(Enum):
    A = 1

def bad_enum_member(n: int):
    return Tone.B

## bad_named_tuple:
class Pair(NamedTuple):
    a: int
    b: int

def bad_named_tuple(n: int):
    return Pair(n)

## bad_unpack:
def bad_unpack(n: int):
    a, b = (1, 2, 3)
    return a

## bad_compare:
def bad_compare(n: int, s: str):
    return n < s

## bad_loop_type:
def bad_loop_type(n: int):
    x = 1
    for i in range(n):
        x = 2.5
    return x

## bad_while_type:
def bad_while_type(n: int):
    x = "a"
    while n > 0:
        x = n
        n -= 1
    return x

## bad_with:
def bad_with(x):
    with x:
        return x

## bad_fork:
def bad_fork(n: int):
    return torch.jit.fork(n)

## bad_slice_step:
def bad_slice_step(x):
    return x["a":2]

## bad_keyword:
def helper_kw(x, n: int):
    return x * n

def bad_keyword(x):
    return helper_kw(x, m=2)

## bad_missing_argument:
def helper_miss(x, n: int):
    return x * n

def bad_missing_argument(x):
    return helper_miss(x)

## bad_subscript:
def bad_subscript(n: int):
    return n[0]

## bad_call:
def bad_call(n: int):
    return n(1)

## bad_yield:
def bad_yield(n: int):
    yield n

## bad_global:
def bad_global(n: int):
    global q
    return n

## bad_class_in_function:
def bad_class_in_function(n: int):
    class A:
        pass
    return n

## bad_star_assign:
def bad_star_assign(xs: List[int]):
    *a, b = xs
    return b

## bad_lambda_map:
def bad_lambda_map(xs: List[int]):
    return sorted(xs, key=lambda x: -x)

## bad_decorator_default:
def bad_decorator_default(x, xs: List[int] = []):
    return x

## bad_string_index:
def bad_string_index(s: str):
    return s["a"]

## bad_not_bool:
def bad_not_bool(x: Dict[str, int]):
    while x.foo:
        return 1
    return 2

## bad_bytes:
def bad_bytes(n: int):
    return b"abc"

## bad_ellipsis:
def bad_ellipsis(xs: List[int]):
    return xs[...]

## bad_matmul_ints:
def bad_matmul_ints(n: int):
    return n @ n

## bad_assert_type:
def bad_assert_type(x: Optional[Tensor]):
    assert x
    return 1

## bad_nonlocal_import:
def bad_nonlocal_import(x):
    import math
    return x

## bad_multiple_with_return:
def bad_multiple_with_return(x: Any) -> int:
    return x

## bad_set_comp:
def bad_set_comp(xs: List[int]):
    return {x for x in xs}

## bad_walrus:
def bad_walrus(n: int):
    if (m := n) > 1:
        return m
    return 0

## bad_try_finally:
def bad_try_finally(n: int):
    try:
        return n
    finally:
        print(n)

## bad_print_kwargs:
def bad_print_kwargs(n: int):
    print(n, end="")
    return n

## bad_isinstance_value:
def bad_isinstance_value(n: int):
    return isinstance(n, 3)
