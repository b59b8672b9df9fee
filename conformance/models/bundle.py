"""How the generators write: values into one binary file a case, archives without their weights, one manifest."""

import collections
import gzip
import io
import json
import pathlib
import sys
import tarfile
import zipfile

import numpy as np
import torch

import fill

HERE = pathlib.Path(__file__).resolve().parent
DTYPES = {
    torch.float32: ("float32", "<f4"),
    torch.float64: ("float64", "<f8"),
    torch.int64: ("int64", "<i8"),
    torch.int32: ("int32", "<i4"),
    torch.uint8: ("uint8", "u1"),
    torch.int8: ("int8", "i1"),
    torch.bool: ("bool", "u1"),
}


class Blob:
    """The bytes of one case's tensors, end to end, each at a multiple of 8; written gzipped."""

    def __init__(self):
        self.parts, self.length = [], 0

    def add(self, data):
        offset = self.length
        padding = -len(data) % 8
        self.parts.append(data + b"\0" * padding)
        self.length += len(data) + padding
        return offset

    def tensor(self, t):
        name, code = DTYPES[t.dtype]
        data = t.detach().contiguous().numpy().astype(code).tobytes()
        return {"dtype": name, "shape": list(t.shape), "offset": self.add(data)}

    def value(self, v):
        """Any TorchScript value, as README.md's table of values has it."""
        if isinstance(v, Generated):
            return {"uniform": {"name": v.name, "shape": list(v.shape), "bound": v.bound}}
        if v is None or isinstance(v, (bool, str)):
            return v
        if isinstance(v, torch.Tensor):
            return {"tensor": self.tensor(v)}
        if isinstance(v, int):
            return {"int": str(v)}
        if isinstance(v, float):
            return {"float": repr(v)}
        if isinstance(v, tuple):
            return {"tuple": [self.value(item) for item in v]}
        if isinstance(v, list):
            return {"list": [self.value(item) for item in v]}
        if isinstance(v, dict):
            return {"dict": [[self.value(key), self.value(item)] for key, item in v.items()]}
        raise TypeError(f"no way to write a {type(v).__name__}")

    def write(self, path):
        write_gzip(path, b"".join(self.parts))


class Generated(collections.namedtuple("Generated", "name shape bound")):
    """An input that the manifest names instead of storing: fill.uniform(name, shape, bound)."""

    def tensor(self):
        return torch.from_numpy(fill.uniform(self.name, self.shape, self.bound).copy())


def write_gzip(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file, gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as out:
        out.write(data)


def to_bfloat16(t):
    return (t.numpy().view("<u4") >> 16).astype("<u2")


def round_statistic(t):
    """Five significant bits: the goldens are computed with the rounded values, so nothing is lost by storing few bits."""
    bits = t.numpy().view("<u4")
    return torch.from_numpy(((bits + 0x0004_0000) & 0xFFF8_0000).astype("<u4").view("<f4").reshape(t.shape))


def strip(archive, tensors, statistics):
    """An archive without what the reader can fill in.

    tensors: name -> float tensor of the model; statistics: name -> offset in the case's blob, where that holds its values.
    Returns (records that stay, recipe): the recipe lists every record in the archive's order with the tensor it holds.
    A record that no name accounts for (an index, a constant) stays.
    """
    by_bytes = {}
    for name, tensor in tensors.items():
        by_bytes.setdefault(tensor.detach().contiguous().numpy().tobytes(), name)
    kept, recipe, root = {}, [], None
    with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
        for info in zipped.infolist():
            root, _, record = info.filename.partition("/")
            if record.endswith(".debug_pkl"):
                continue
            data = zipped.read(info)
            name = by_bytes.get(data) if record.startswith("data/") else None
            if name is None:
                kept[record] = data
                recipe.append({"record": record})
            else:
                entry = {"record": record, "name": name, "shape": list(tensors[name].shape)}
                recipe.append({**entry, "statistic": statistics[name]} if name in statistics else entry)
    return root, kept, recipe


def write_stripped(path, root, kept, recipe):
    """A gzipped tar: first `recipe.json`, then the records that stayed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entries = {"recipe.json": json.dumps({"root": root, "records": recipe}, separators=(",", ":")).encode(), **kept}
        for name, data in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    write_gzip(path, buffer.getvalue())


def write_cases(manifest, names, generate, **more):
    """Generates the cases of these names, one entry each, into the manifest; it is whole after each."""
    path = HERE / manifest
    done = {entry["name"]: entry for entry in json.loads(path.read_text())["cases"]} if path.exists() else {}
    for name in names:
        entry = generate(name)
        done[entry["name"]] = entry
        write_manifest(manifest, done.values(), **more)
        print(name, entry["bytes"], [(HERE / entry[k]).stat().st_size for k in ("archive", "data")], file=sys.stderr, flush=True)


def write_manifest(name, entries, **more):
    path = HERE / name
    lines = ",\n".join("    " + json.dumps(entry, separators=(", ", ": ")) for entry in entries)
    head = "".join(f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in more.items())
    path.write_text("{\n" + head + '  "cases": [\n' + lines + "\n  ]\n}\n")
