"""Writes printing.json.gz: what PyTorch prints for every method and function of the archives of models.json and code.json.

Run `nice /usr/bin/python3 conformance/models/generate_printing.py` with PyTorch 1.13, after generate_models.py and generate_code.py.
Texts are kept as hashes. `--dump NAME FOLDER` writes one archive's texts instead, to be read beside ours.
"""

import argparse
import gzip
import hashlib
import io
import json
import pathlib
import re
import tarfile
import zipfile

import torch
import torchvision  # registers its operators, which detection models call

from bundle import HERE


def archive(path):
    """The archive put together again, its weights left out: a storage may be too short as long as nobody reads it."""
    with tarfile.open(HERE / path) as tar:
        recipe = json.load(tar.extractfile("recipe.json"))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as zipped:
            for record in recipe["records"]:
                held = "name" not in record and "zeros" not in record
                data = tar.extractfile(record["record"]).read() if held else bytes(64)
                zipped.writestr(f"{recipe['root']}/{record['record']}", data)
    return io.BytesIO(buffer.getvalue())


def printed(path):
    """`.code` and `.graph` by qualified name: the methods of each module type, then the functions that they call."""
    unit = torch._C.CompilationUnit()
    root = torch._C.import_ir_module_from_buffer(unit, archive(path).read(), None, {})
    texts, todo = {}, [root]
    while todo:
        module = todo.pop()
        name = module._type().qualified_name()
        for method in map(module._get_method, module._method_names()):
            texts.setdefault(f"{name}.{method.name}", (method.code, str(method.graph)))
        todo += [child for _, child in reversed(torch._C.ModuleDict(module).items())]
    for function in unit.get_functions():
        texts.setdefault(function.qualified_name, (function.code, str(function.graph)))
    return texts


def short_hash(text):
    text = re.sub(r"warn_id=\d+", "warn_id=0", text)   # counted through the whole process
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dump", nargs=2, metavar=("NAME", "FOLDER"))
    dump = parser.parse_args().dump
    cases = [c for file in ("models.json", "code.json") for c in json.loads((HERE / file).read_text())["cases"]]
    if dump:
        [path] = [case["archive"] for case in cases if case["name"] == dump[0]]
        for name, texts in printed(path).items():
            for kind, text in zip(("code", "graph"), texts):
                (pathlib.Path(dump[1]) / f"{name}.{kind}").write_text(text)
        return
    entries = []
    for case in cases:
        texts = printed(case["archive"])
        hashes = {name: [short_hash(text) for text in both] for name, both in texts.items()}
        entries.append({"name": case["name"], "archive": case["archive"], "printed": hashes})
        print(case["name"], len(hashes), flush=True)
    text = json.dumps({"torch": torch.__version__, "cases": entries}, separators=(",", ":"))
    with open(HERE / "printing.json.gz", "wb") as file, gzip.GzipFile("", "wb", 9, file, 0) as out:
        out.write(text.encode())


if __name__ == "__main__":
    main()
