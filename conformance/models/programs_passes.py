"""Functions that show what a pass over the IR does, and what it must leave alone. TorchScript source, for `generate_passes.py`."""

PROGRAMS = {
    "unused": """
def f(x, y):
    a = torch.mul(x, y)
    b = torch.relu(a)
    return x + y
""",
    "unused_random": """
def f(x):
    a = torch.rand([2])
    b = torch.add(x, a)
    return x
""",
    "unused_write": """
def f(x, y):
    a = x + y
    a.relu_()
    return x
""",
    "write_to_argument": """
def f(x, y):
    x.add_(y)
    b = y * 2
    return y
""",
    "write_through_window": """
def f(x, y):
    a = x * y
    b = a.t()
    b.relu_()
    return a
""",
    "dead_branch_values": """
def f(x, n: int):
    a = x
    b = x
    if n > 2:
        a = x + 1
        b = x + 2
    else:
        a = x * 3
        b = x * 4
    return a
""",
    "dead_loop_values": """
def f(x, n: int):
    a = x
    b = x
    for i in range(n):
        a = a + 1
        b = b * 2
    return a
""",
    "loop_with_print": """
def f(x, n: int):
    for i in range(n):
        print(i)
    return x
""",
    "unused_loop": """
def f(x, n: int):
    a = x
    for i in range(n):
        a = a + 1
    return x
""",
    "assertion": """
def f(x, n: int):
    assert n > 0, "positive"
    return x * n
""",
    "list_append": """
def f(x, y):
    l = [x, y]
    l.append(x)
    return l[2]
""",
    "unused_list": """
def f(x, y):
    l = [x, y]
    l.append(x)
    return y
""",
    "list_index": """
def f(x, y):
    l = [x, y]
    return l[0] + l[1] + l[-1]
""",
    "list_length": """
def f(x, y):
    l = [x, y]
    return x * len(l)
""",
    "list_unpack": """
def f(x, y):
    a, b = [x, y]
    return a - b
""",
    "tuple": """
def f(x, y):
    t = (x, y)
    a, b = t
    return a + t[1] * b
""",
    "equal_twice": """
def f(x, y):
    a = torch.tanh(x) + y
    b = torch.tanh(x) + y
    return a * b
""",
    "equal_across_write": """
def f(x, y):
    a = torch.tanh(x)
    x.neg_()
    b = torch.tanh(x)
    return a * b
""",
    "equal_returned": """
def f(x):
    a = torch.tanh(x)
    b = torch.tanh(x)
    return a, b
""",
    "equal_random": """
def f(x):
    a = torch.rand_like(x)
    b = torch.rand_like(x)
    return a + b
""",
    "equal_in_branch": """
def f(x, n: int):
    a = torch.tanh(x)
    if n > 1:
        b = torch.tanh(x) + 1
    else:
        b = torch.sigmoid(x)
    return a + b + torch.sigmoid(x)
""",
    "equal_numbers": """
def f(x, n: int, m: int):
    return x * (n + m) + x / (n + m)
""",
    "equal_sizes": """
def f(x):
    a = x.size(0)
    b = x.size(0)
    return x.reshape(a * b // b, -1)
""",
    "written_result": """
def f(x):
    a = torch.tanh(x)
    b = torch.tanh(x)
    a.add_(1)
    return a * b
""",
    "arithmetic": """
def f(x):
    n = 3
    m = n * 4 + 1
    k = m // 5 - 2 ** 3
    return x * m + k
""",
    "float_arithmetic": """
def f(x):
    a = 1.5
    b = a * 2 + 0.25
    c = float(int(b))
    return x * b - c
""",
    "constant_tensor": """
def f(x):
    a = torch.ones([2, 2])
    b = a * 3 + 1
    return x + b
""",
    "constant_tensor_written": """
def f(x):
    a = torch.ones([2, 2])
    a.add_(1)
    return x + a
""",
    "constant_list": """
def f(x):
    shape = [1, 2]
    return x.reshape(shape).sum([0])
""",
    "constant_branch": """
def f(x):
    n = 4
    if n > 3:
        y = x + 1
    else:
        y = x - 1
    return y
""",
    "nested_constant_branch": """
def f(x, n: int):
    m = 2
    y = x
    if n > 3:
        if m == 2:
            y = x + 1
        else:
            y = x - 1
    return y
""",
    "loop_never": """
def f(x):
    n = 2 - 2
    for i in range(n):
        x = x + i
    return x
""",
    "loop_three": """
def f(x):
    for i in range(3):
        x = torch.roll(x, [i], [0]) + 1
    return x
""",
    "loop_eight": """
def f(x):
    for i in range(8):
        x = torch.roll(x, [i], [0])
    return x
""",
    "loop_nine": """
def f(x):
    for i in range(9):
        x = torch.roll(x, [i], [0])
    return x
""",
    "loop_forty": """
def f(x):
    for i in range(40):
        x = torch.roll(x, [i], [0])
    return x
""",
    "loop_unknown": """
def f(x, n: int):
    for i in range(n):
        x = x + i
    return x
""",
    "loop_two_carried": """
def f(x, y, n: int):
    for i in range(n):
        x, y = y, x + y
    return x * y
""",
    "loop_nested": """
def f(x, n: int):
    for i in range(2):
        for j in range(n):
            x = x + i * j
    return x
""",
    "loop_while": """
def f(x, n: int):
    while n > 0:
        x = x * 2
        n = n - 1
    return x
""",
    "loop_break": """
def f(x, n: int):
    for i in range(n):
        x = x + 1
        if i > 3:
            break
    return x
""",
    "loop_with_branch": """
def f(x):
    for i in range(4):
        if i > 1:
            x = x + i
        else:
            x = x * 2
    return x
""",
    "is_none": """
def f(x, b: Optional[Tensor]):
    if b is None:
        y = x
    else:
        y = x + b
    return y
""",
    "transposed_twice": """
def f(x):
    return x.t().t() + x.transpose(0, 1).transpose(0, 1)
""",
    "adding_nothing": """
def f(x, n: int):
    return x * (n + 0) + x * (n * 1) + x * (n // 1 - 0)
""",
    "number_casts": """
def f(x, n: int, a: float, b: bool):
    return x * int(n) + float(a) * x + x * int(float(n)) + x * int(b)
""",
    "sums_of_constants": """
def f(x, n: int):
    m = n + 2 + 3
    k = m - 1 - 4
    return x * m * k * (n - 2 + 2)
""",
    "compared_with_itself": """
def f(x, n: int):
    if n == n and n <= n:
        x = x * 2
    if n != n:
        x = x * 3
    return x
""",
    "lists_joined": """
def f(x, n: int, m: int):
    shape = [n, m] + [m]
    return x.reshape(shape[0:2]).sum(shape[2:])
""",
    "list_joined_and_changed": """
def f(x, n: int, m: int):
    shape = [n, m] + [m]
    shape.append(n)
    return x * len(shape)
""",
    "not_not": """
def f(x, n: int):
    if not (not (n > 2)):
        x = x + 1
    return x
""",
    "not_compared": """
def f(x, n: int, m: int):
    if not (n == m):
        x = x + 1
    if not (n < m):
        x = x + 2
    return x
""",
    "dict": """
def f(x, y):
    d = {"a": x, "b": y}
    return d["a"] * d["b"] + len(d)
""",
    "sizes": """
def f(x):
    s = x.size()
    return x.reshape([s[0], s[1]]) * x.dim()
""",
    "dropouts": """
def f(x):
    a = torch.dropout(x, 0.5, False)
    b = torch.dropout(a, 0.5, True)
    c = torch.feature_dropout(b, 0.5, False)
    return c
""",
    "linear": """
def f(x, w, b):
    return torch.addmm(b, x, w.t(), beta=1, alpha=1)
""",
    "calls": """
def helper(x, y):
    a = x + y
    return a.relu() * 2

def f(x, y):
    return helper(x, y) + helper(y, helper(x, x))
""",
    "calls_with_branch": """
def helper(x, n: int):
    if n > 1:
        return x * n
    return x

def f(x):
    return helper(x, 1) + helper(x, 3)
""",
    "call_in_loop": """
def helper(x, n: int):
    return x * n

def f(x, n: int):
    for i in range(n):
        x = helper(x, i)
    return x
""",
    "happy_function": """
def f(x):
    ret = torch.rand(0)
    if True == True:
        ret = torch.rand(1)
    else:
        ret = torch.rand(2)
    return ret
""",
    "happy_function_of_numbers": """
def f(x):
    ret = torch.rand(0)
    one = 1
    if one == 1:
        ret = torch.rand(1)
    else:
        ret = torch.rand(2)
    return ret
""",
    "int_sum_and_float": """
def f(x, n: int):
    return n + 1 + 2.0, n - 1 - 2.0, n + 1 + 2
""",
    "condition_among_outputs": """
def f(x, n: int):
    a = n > 2
    if a:
        b = True
        c = 1
    else:
        b = False
        c = 2
    if c == 1:
        d = True
        e = x * 2
    else:
        d = False
        e = x * 3
    return b, d, e
""",
    "early_return": """
def helper(x, n: int):
    for i in range(4):
        if i == n:
            return x + i
        x = x * 2
    return x

def f(x, n: int):
    return helper(x, n), helper(x, 9)
""",
    "norm_that_trains_twice": """
def f(x, m, v):
    a = torch.batch_norm(x, None, None, m, v, True, 0.5, 1e-5, False)
    b = torch.batch_norm(x, None, None, m, v, True, 0.5, 1e-5, False)
    return a + b
""",
    "long_constant_loop": """
def f(n: int):
    a = 0
    for i in range(64):
        a += i * n
    for j in range(63):
        a -= j
    return a
""",
    "long_constant_loop_of_much": """
def f(a: int, n: int):
    for i in range(70):
        a = a * 3 - 5 + n
        a = a * 3 - 5 + n
        a = a * 3 - 5 + n
        a = a * 3 - 5 + n
        a = a * 3 - 5 + n
        a = a * 3 - 5 + n
        a = a * 3 - 5 + n
        a = a * 3 - 5 + n
        a = a * 3 - 5 + n
        a = a * 3 - 5 + n
        a = a * 3 - 5 + n
        a = a * 3 - 5 + n
    return a
""",
    "number_of_a_tensor": """
def f(n: int, x):
    return torch.add(x, int(torch.tensor(n))), float(torch.tensor(2.5))
""",
    "optional_float_in_list": """
def f(x):
    l: List[Optional[float]] = [1.0, None]
    a = l[0]
    r = 0.0
    if a is not None:
        r = a / 2
    return r
""",
}
