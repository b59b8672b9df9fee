"""What PyTorch makes of the programs in programs_text.py, compiled as Python source: graphs, code, answers, and of
refused_text.py the errors; of the modules in modules_text.py what they are made of, too.

Run: /usr/bin/python3 conformance/models/generate_text.py [name ...]   (Debian's PyTorch 1.13)
Writes text.json, text-refused.json and text-modules.json. A program's names are as in a script run by itself: `__torch__.f`.
"""
import json
import os
import re
import sys
import tempfile
import types
import warnings

import torch

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "..", "packages", "jit", "test", "generate"))
from values import encode  # noqa: E402

warnings.simplefilter("ignore")
torch.set_num_threads(1)


def t(*values):
    return torch.tensor(values, dtype=torch.float32 if isinstance(values[0], float) else None)


def ti(*values):
    return torch.tensor(values)


tb = ti


def m(rows, columns):
    return torch.arange(rows * columns, dtype=torch.float32).reshape(rows, columns)


def blocks(path):
    """Name, calls and text of each program, and the imports before the first."""
    text = open(path).read()
    head, *parts = re.split(r"^## (\w+): ?(.*)\n", text, flags=re.M)
    for name, calls, body in zip(parts[::3], parts[1::3], parts[2::3]):
        yield head, name, calls, body.strip("\n") + "\n"


def strip(text):
    """Source ranges depend on the frontend that read the text."""
    return re.sub(r" # [^\n]*:\d+:\d+", "", text)


def methods(cls):
    names = [n for n in vars(cls) if isinstance(vars(cls)[n], (types.FunctionType, staticmethod))]
    out = []
    for name in names:
        fn = torch.jit._state._python_cu.find_function("__torch__." + cls.__name__ + "." + name)
        if fn is None:
            fn = torch.jit._state._python_cu.find_function("__torch__." + name)
        if fn is not None and not isinstance(vars(cls)[name], staticmethod):
            out.append([cls.__name__ + "." + name, strip(str(fn.graph)), fn.code])
    return out


def compile_program(head, name, calls, body):
    with tempfile.TemporaryDirectory() as folder:
        return compile_file(os.path.join(folder, "text.py"), head, name, calls, body)


def main_module(path, head, body):
    """A `__main__` that has run the head, and whose file is the body alone, so that errors count lines as in the text itself."""
    with open(path, "w") as f:
        f.write(body)
    module = types.ModuleType("__main__")
    module.__file__ = path
    sys.modules["__main__"] = module
    exec(head, module.__dict__)
    return module


def compile_file(path, head, name, calls, body):
    module = main_module(path, head, body)
    result = {"name": name, "text": body}
    try:
        exec(compile(body, path, "exec"), module.__dict__)
        own = [v for v in module.__dict__.values() if getattr(v, "__module__", None) == "__main__"]
        functions = [v for v in own if isinstance(v, types.FunctionType)]
        classes = [v for v in own if isinstance(v, type) and issubclass(v, object)]
        entry = functions[-1] if name not in module.__dict__ else module.__dict__[name]
        scripted = torch.jit.script(entry)
    except Exception as error:  # the refusal is the answer
        message = str(error).strip("\n").replace(path, "<string>")
        result["error"] = message
        result["kind"] = type(error).__name__
        return result
    result["functions"] = []
    for f in functions:
        if hasattr(f, "_torchscript_modifier"):
            continue
        s = torch.jit.script(f)
        result["functions"].append([f.__name__, strip(str(s.graph)), s.code])
    for cls in classes:
        if cls.__bases__ == (object,):
            result["functions"] += methods(cls)
    result["schema"] = str(scripted.schema)
    result["calls"] = []
    for args in eval(f"[{calls}]", {"t": t, "ti": ti, "tb": tb, "m": m, "torch": torch}):
        call = {"args": [encode(a) for a in args]}
        try:
            call["result"] = encode(plain(scripted(*args)))
        except Exception as error:
            call["error"] = str(error).strip().split("\n")[-1]
        result["calls"].append(call)
    return result


def unmangled(text):
    # Of an nn module's overloads of forward there is one here, by forward's own name.
    return re.sub(r"forward__0", "forward", re.sub(r"___torch_mangle_\d+\.", "", strip(text)))


def module_blocks(path):
    """As `blocks`, with the arguments that make the module."""
    text = open(path).read()
    head, *parts = re.split(r"^## (\w+)\((.*)\): ?(.*)\n", text, flags=re.M)
    for name, given, calls, body in zip(parts[::4], parts[1::4], parts[2::4], parts[3::4]):
        yield head, name, (given, calls), body.strip("\n") + "\n"


def compile_module(head, name, given_calls, body):
    given, calls = given_calls
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "text.py")
        module = main_module(path, head, body)
        exec(compile(body, path, "exec"), module.__dict__)
        torch.manual_seed(0)
        made = eval(f"{name}({given})", module.__dict__)
        names = {"t": t, "ti": ti, "m": m, "torch": torch}
        args, kwargs = eval(f"(lambda *a, **k: (a, k))({given})", names)
        scripted = torch.jit.script(made)
        result = {"name": name, "text": body, "given": [encode(a) for a in args], "named": {k: encode(v) for k, v in kwargs.items()}}
        result["printed"] = str(scripted)
        result["state"] = {k: encode(v) for k, v in scripted.state_dict().items()}
        result["methods"] = [
            [path, method, unmangled(str(getattr(sub, method).graph)), unmangled(getattr(sub, method).code)]
            for path, sub in scripted.named_modules()
            if type(made.get_submodule(path)).__module__ == "__main__"
            for method in sub._c._method_names()
            if not method.startswith("__")
        ]
        result["calls"] = []
        for call in eval(f"[{calls}]", names):
            case = {"args": [encode(a) for a in call]}
            case["result"] = encode(plain(scripted(*call)))
            result["calls"].append(case)
        return result


def plain(value):
    if isinstance(value, tuple):
        return tuple(plain(v) for v in value)
    return value


def isolated(compile_one, *args):
    """In a process of its own, so that mangled names begin at none."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.close(read)
        with os.fdopen(write, "w") as f:
            json.dump(compile_one(*args), f)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as f:
        text = f.read()
    os.wait()
    if not text:
        sys.exit(f"{args[1]}: the process that compiled it died")
    return json.loads(text)


def main():
    for source, target in (("programs_text.py", "text.json"), ("refused_text.py", "text-refused.json")):
        path = os.path.join(here, source)
        if not os.path.exists(path):
            continue
        cases = []
        for block in blocks(path):
            case = isolated(compile_program, *block)
            if ("error" in case) != source.startswith("refused"):
                print(case["name"], case.get("error", "is not refused"), file=sys.stderr)
            else:
                cases.append(case)
        with open(os.path.join(here, target), "w") as f:
            json.dump({"torch": torch.__version__, "cases": cases}, f, indent=0)
            f.write("\n")
        print(target, len(cases))
    cases = [isolated(compile_module, *block) for block in module_blocks(os.path.join(here, "modules_text.py"))]
    with open(os.path.join(here, "text-modules.json"), "w") as f:
        json.dump({"torch": torch.__version__, "cases": cases}, f, indent=0)
        f.write("\n")
    print("text-modules.json", len(cases))


main()
