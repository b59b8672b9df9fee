"""Small programs over tensors, written as Python, run by PyTorch, frozen as JSON: each statement and what stood at the end."""
import ast
import math
import warnings

import torch

INF, NAN = math.inf, math.nan
warnings.filterwarnings("ignore")


def number(x):
    """A JSON number, or the text of one that JSON lacks."""
    if isinstance(x, bool):
        return int(x)
    if isinstance(x, int):
        return x if abs(x) < 2**53 else {"i": str(x)}
    if math.isnan(x):
        return "nan"
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    return "-0" if x == 0 and math.copysign(1, x) < 0 else x


def dtype_name(dtype):
    return str(dtype).split(".")[1]


def literal(value):
    """A Python value as a frozen argument: floats keep that they are floats."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return number(value)
    if isinstance(value, float):
        return {"f": number(value)}
    if isinstance(value, torch.dtype):
        return {"dtype": dtype_name(value)}
    if isinstance(value, torch.memory_format):
        return {"memory_format": str(value).split(".")[1]}
    if isinstance(value, (list, tuple)):
        return [literal(v) for v in value]
    raise TypeError(f"cannot freeze {value!r}")


def expression(node):
    """An expression's tree: `{"v": name}`, `{"call": method, "self": …}`, `{"fn": function}`, `{"get": attribute}`, or a value."""
    if isinstance(node, ast.Name) and node.id not in ("inf", "nan"):
        return {"v": node.id}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [expression(e) for e in node.elts]
    if isinstance(node, ast.Call):
        args = {"args": [expression(a) for a in node.args]}
        if node.keywords:
            args["kwargs"] = {k.arg: expression(k.value) for k in node.keywords}
        target = node.func
        if isinstance(target.value, ast.Name) and target.value.id in ("torch", "F"):
            return {"fn": {"logsigmoid": "log_sigmoid"}.get(target.attr, target.attr), **args}
        return {"call": target.attr, "self": expression(target.value), **args}
    if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "torch"):
        return {"get": node.attr, "self": expression(node.value)}
    return literal(eval(ast.unparse(node), {"torch": torch, "inf": INF, "nan": NAN}))


def statement(node):
    if isinstance(node, ast.With):
        return {"no_grad": [statement(s) for s in node.body]}
    if isinstance(node, ast.Assign):
        target = node.targets[0]
        names = [e.id for e in target.elts] if isinstance(target, ast.Tuple) else target.id
        return {"to": names, "do": expression(node.value)}
    return {"do": expression(node.value)}


def state(value, storages):
    if isinstance(value, torch.Tensor):
        data = value.detach()
        stored = {
            "d": dtype_name(data.dtype),
            "s": list(data.shape),
            "st": list(data.stride()),
            "o": data.storage_offset(),
            "values": [number(x) for x in data.flatten().tolist()],
            "version": value._version,
            "storage": storages.setdefault(data.untyped_storage().data_ptr() or id(data), len(storages)),
            "requires_grad": value.requires_grad,
        }
        if value.is_leaf and value.grad is not None:
            stored["grad"] = [number(x) for x in value.grad.flatten().tolist()]
        return {"tensor": stored}
    if isinstance(value, (list, tuple)):
        return {"list": [state(v, storages) for v in value]}
    return {"value": literal(value)}


def run(source):
    """Runs a program; an error ends its statement only."""
    scope = {"torch": torch, "F": torch.nn.functional, "inf": INF, "nan": NAN}
    frozen = []
    for node in ast.parse(source).body:
        line = statement(node)
        try:
            exec(compile(ast.Module([node], []), "program", "exec"), scope)
        except Exception as error:
            line["error"] = {"type": type(error).__name__, "message": str(error).split("\n")[0]}
        frozen.append(line)
    storages = {}
    names = [n for n in scope if n not in ("torch", "F", "inf", "nan") and not n.startswith("_")]
    return {"steps": frozen, "state": {n: state(scope[n], storages) for n in names}}


def freeze(programs):
    """`programs`: name -> source, or name -> (source, {dtype: …}) for one that runs in several dtypes."""
    cases = []
    for name, program in programs.items():
        source, dtypes = program if isinstance(program, tuple) else (program, [None])
        for dtype in dtypes:
            text = source.replace("DTYPE", f"torch.{dtype}")
            params = {"dtype": dtype} if dtype else {}
            cases.append({"name": name, "params": params, "source": text.strip(), **run(text)})
    return cases
