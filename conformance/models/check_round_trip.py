"""Loads and runs archives that Sconce saved: the other half of conformance/bin/round-trip.ts, which starts it.

Each line of the input is a job: two archives and the case by which the first of them is known, or one archive with calls and what
Sconce made of them. The answer is a line, `ok` or what differs. Runs under PyTorch 1.13 and 2.x.
"""

import gzip
import io
import json
import os
import pathlib
import re
import sys

import numpy as np
import torch

import fill

try:
    import torchvision  # its operators, for programs that call them
except ImportError:
    torchvision = None

HERE = pathlib.Path(__file__).resolve().parent
MANIFESTS = ("jit.json", "real.json", "models.json", "scenes.json")
manifests, blobs = {}, {}


def manifest(name):
    if name not in manifests:
        manifests[name] = json.loads((HERE / name).read_text())
    return manifests[name]


def case_named(name):
    for file in MANIFESTS:
        for case in manifest(file)["cases"]:
            if case["name"] == name:
                return manifest(file), case
    return {}, {"calls": [], "data": None}   # its outputs are not known: code, graphs and state are compared


def blob(path):
    if path is None:
        return b""
    if path not in blobs:
        blobs.clear()
        blobs[path] = gzip.decompress((HERE / path).read_bytes())
    return blobs[path]


def value(stored, data):
    """A value of README.md's table."""
    if not isinstance(stored, dict):
        return stored
    [(kind, held)] = stored.items()
    if kind == "tensor":
        dtype = np.dtype(held["dtype"])
        count = int(np.prod(held["shape"], dtype=np.int64))
        flat = np.frombuffer(data, dtype, count, held["offset"])
        return torch.from_numpy(flat.reshape(held["shape"]).copy())
    if kind == "uniform":
        return torch.from_numpy(fill.uniform(held["name"], held["shape"], held["bound"]).copy())
    if kind == "dict":
        return {value(k, data): value(v, data) for k, v in held}
    if kind in ("tuple", "list"):
        return (tuple if kind == "tuple" else list)(value(item, data) for item in held)
    return {"int": int, "float": float}[kind](held)


def same(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and a.shape == b.shape and torch.allclose(a, b, 0, 0, True)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a).__name__ == type(b).__name__ and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or a != a) or str(type(a)) == str(type(b)) and not isinstance(a, (int, float, str))


def results(module, calls, data):
    for call in calls:
        inputs = [value(stored, data) for stored in call["inputs"]]
        try:
            with torch.no_grad():
                yield getattr(module, call["method"])(*inputs)
        except Exception as error:   # what is raised must be the same
            yield str(error).splitlines()[-1]


def texts(module, kind):
    """Code or graph of every method of every module, by path, without what is numbered through the process."""
    for path, child in module.named_modules():
        for name in child._c._method_names():
            text = str(getattr(child._c._get_method(name), kind))
            yield f"{kind} of {path}.{name}", re.sub(r"___torch_mangle_\d+[./]|warn_id=\d+|object\(0x\w+\)", "", text)


def loaded(path):
    """The program, on the first engine that packs its quantised parameters: each refuses some that another has saved."""
    refusals = []
    for engine in ("onednn", "qnnpack"):
        torch.backends.quantized.engine = engine
        try:
            return torch.jit.load(path)
        except RuntimeError as error:
            refusals.append(error)
    raise refusals[0]


def compare(original, saved, calls, data):
    before, after = loaded(original), loaded(saved)
    again = io.BytesIO()
    torch.jit.save(before, again)
    again.seek(0)
    # Code must be what it was; graphs, what they are once PyTorch itself has read and written the program.
    for kind, reference in ("code", before), ("graph", torch.jit.load(again)):
        wanted, found = dict(texts(reference, kind)), dict(texts(after, kind))
        if wanted.keys() != found.keys():
            return f"methods: {set(wanted) ^ set(found)}"
        for name, text in wanted.items():
            if found[name] != text:
                return f"{name}\n--- before\n{text}\n--- after\n{found[name]}"
    if str(before) != str(after):
        return f"str: {before} {after}"
    state = after.state_dict()
    if list(before.state_dict()) != list(state):
        return "state_dict has other names"
    for name, tensor in before.state_dict().items():
        if not same(tensor, state[name]):
            return f"{name} differs"
    grads = [[p.requires_grad for p in m.parameters()] for m in (before, after)]
    if grads[0] != grads[1]:
        return "requires_grad differs"
    sharing = [[a.storage().data_ptr() == b.storage().data_ptr() for a in tensors for b in tensors]
               for tensors in (list(m.state_dict().values())[:40] for m in (before, after))]
    if sharing[0] != sharing[1]:
        return "what shares a storage differs"
    for i, (a, b) in enumerate(zip(results(before, calls, data), results(after, calls, data))):
        if not same(a, b):
            return f"call {i}: {a} and {b}"
    return "ok"


def decoded(stored):
    """A value as packages/jit/test/values.ts spells it."""
    if not isinstance(stored, dict):
        return stored
    if "tensor" in stored:
        data = [float(x) if isinstance(x, str) else x for x in stored["tensor"]]
        return torch.tensor(data, dtype=getattr(torch, stored["dtype"])).reshape(stored["shape"])
    [(kind, held)] = stored.items()
    if kind == "dict":
        return {decoded(k): decoded(v) for k, v in held}
    if kind in ("tuple", "list"):
        return (tuple if kind == "tuple" else list)(map(decoded, held))
    return {"int": int, "float": float, "device": torch.device}[kind](held)


def shaped(value, type):
    """Arrays and whole numbers of JavaScript, as what a program takes them for."""
    kind = type.kind()
    if value is None:
        return None
    if kind == "OptionalType":
        return shaped(value, type.getElementType())
    if kind == "FloatType":
        return float(value)
    if kind == "ListType":
        return [shaped(v, type.getElementType()) for v in value]
    if kind == "TupleType":
        return tuple(shaped(v, t) for v, t in zip(value, type.elements()))
    return value


def near(a, b):
    """Whether PyTorch's result is what Sconce has; arrays are tuples and lists alike, whole numbers ints and floats."""
    if isinstance(b, torch.Tensor):
        if not isinstance(a, torch.Tensor) or a.dtype != b.dtype or a.shape != b.shape:
            return False
        largest = b.abs().max().item() if b.is_floating_point() and b.numel() else 0
        return torch.allclose(a, b, 1e-4, max(1e-5, 1e-4 * largest if largest < float("inf") else 0), True)
    if isinstance(b, dict):
        return isinstance(a, dict) and a.keys() == b.keys() and all(near(a[k], b[k]) for k in a)
    if isinstance(b, (list, tuple)):
        return isinstance(a, (list, tuple)) and len(a) == len(b) and all(map(near, a, b))
    if isinstance(b, float):
        return isinstance(a, (int, float)) and (abs(a - b) <= 1e-6 * max(1, abs(b)) or a == b or a != a and b != b)
    return a == b or str(a) == str(b)


def plain(graph):
    """A graph without places, which name the author's file, and without what is numbered through the process."""
    return re.sub(r" +# .*:\d+:\d+$|___torch_mangle_\d+[./]|warn_id=\d+", "", graph, flags=re.M)


# A dropout draws for a transposed tensor in the order of its indices in 1.13 and here, in 2.x in that of its memory.
DRAWN_OTHERWISE = {
    "TransformerEncoderLayer, scripted, training",
    "TransformerEncoderLayer, norm first, traced, training",
    "TransformerEncoder, scripted, training",
}


def run(job):
    try:
        module = torch.jit.load(job["saved"])
    except RuntimeError as error:
        lacks = re.search(r"Unknown builtin op: (\S+?)\.", str(error))
        if lacks and not torch._C._jit_get_schemas_for_operator(lacks[1]):
            return f"this PyTorch lacks {lacks[1]}"
        raise
    types = [argument.type for argument in module._c._get_method("forward").schema.arguments[1:]]
    for i, call in enumerate(job["calls"]):
        torch.manual_seed(job["seed"])
        try:
            with torch.set_grad_enabled(job["grad"]):
                result = module(*[shaped(decoded(a), t) for a, t in zip(call["args"], types)])
        except Exception as error:
            if "error" in call and str(error).strip().splitlines()[-1].split(": ", 1)[-1] in call["error"]:
                continue
            return f"call {i} raises {error}"
        if "error" in call:
            return f"call {i} gives {result}, not {call['error']}"
        if not near(result, decoded(call["result"])):
            if job["name"] in DRAWN_OTHERWISE and not torch.__version__.startswith("1.13"):
                return "this PyTorch draws in another order"
            return f"call {i}: {result} and {decoded(call['result'])}"
    state = dict(module.named_buffers())
    for name, want in job.get("buffers", {}).items():
        if not near(state[name], decoded(want)):
            return f"{name}: {state[name]} and {decoded(want)}"
    if torch.__version__.startswith("1.13"):
        for kind, here in ("code", module.code), ("graph", str(module.graph)):
            if plain(here) != plain(job[kind]):
                return f"{kind}\n--- PyTorch\n{plain(here)}\n--- Sconce\n{plain(job[kind])}"
    return "ok"


def main():
    torch.set_num_threads(1)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)   # what programs print
    for line in sys.stdin:
        job = json.loads(line)
        try:
            if "original" in job:
                whole, case = case_named(job["name"])
                data = blob(case.get("data", whole.get("data")))
                answer = compare(job["original"], job["saved"], case["calls"], data)
            else:
                answer = run(job)
        except Exception as error:
            answer = f"PyTorch: {error}"
        print(answer.replace("\n", "\\n"), file=answers, flush=True)


if __name__ == "__main__":
    main()
