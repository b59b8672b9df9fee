"""Texts that PyTorch refuses, each with what it says; Sconce says the same, at the same place. See generate_text.py."""
import math
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
