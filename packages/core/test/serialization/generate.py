"""Writes goldens.json: pickles and archives that Python and PyTorch made, for the readers and writers of core/serialization.

Run with Debian's PyTorch:  /usr/bin/python3 packages/core/test/serialization/generate.py
"""
import base64, collections, hashlib, io, json, os, pickle, zipfile, zlib
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
b64 = lambda b: base64.b64encode(b).decode()

shared = [1, 2]
VALUES = {
    "none and booleans": [None, True, False],
    "integers at every width": [0, 255, 256, 65535, 65536, -1, 2**31 - 1, -2**31, 2**31, 2**40, -2**40, 2**53 - 1],
    "integers past 2^53": [2**53 + 1, 2**63 - 1, -2**63, 2**64, -2**200],
    "floats": [0.5, -1.5e300, float("inf"), float("-inf"), -0.0, 5e-324],
    "strings": ["", "plain", "ünïcödé", "日本", "😀", "line\nbreak\\", "\x00"],
    "bytes": [b"", b"abc", bytes(range(256))],
    "tuples and lists": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], [1], [[1], [2, (3,)]]],
    "dicts": {"a": 1, "b": {"c": [1, 2]}, 3: "int key", (1, 2): "tuple key"},
    "an empty dict": {},
    "an OrderedDict": collections.OrderedDict([("x", 1), ("y", 2)]),
    "a shared list": [shared, shared],
    "a long list": list(range(2500)),
    "a long dict": {str(i): i for i in range(1500)},
    "300 memo entries": [[i] for i in range(300)],
}

def plain(v):
    """The value in a form that JSON can carry and the test rebuilds from what it read."""
    if isinstance(v, bool) or v is None or isinstance(v, str): return v
    if isinstance(v, int): return v if abs(v) < 2**53 else {"int": str(v)}
    if isinstance(v, float): return {"float": repr(v)}
    if isinstance(v, bytes): return {"bytes": v.hex()}
    if isinstance(v, tuple): return {"tuple": [plain(x) for x in v]}
    if isinstance(v, list): return [plain(x) for x in v]
    if isinstance(v, collections.OrderedDict): return {"ordered": [[plain(k), plain(x)] for k, x in v.items()]}
    if isinstance(v, dict): return {"dict": [[plain(k), plain(x)] for k, x in v.items()]}
    if isinstance(v, (set, frozenset)): return {"set": sorted(v)}
    raise TypeError(type(v))

class Evil:
    def __reduce__(self):
        return os.system, ("echo owned",)

def pickles():
    out = []
    for name, value in VALUES.items():
        out.append({"name": name, "value": plain(value),
                    "pickles": [b64(zlib.compress(pickle.dumps(value, p), 9)) for p in range(6)],
                    "python2": hashlib.sha256(pickle.dumps(value, 2)).hexdigest()})
    value = {1, 2, 3}
    out.append({"name": "a set", "value": plain(value), "pickles": [b64(zlib.compress(pickle.dumps(value, p))) for p in range(6)]})
    return out

def archive(entries, method=zipfile.ZIP_STORED, **kw):
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", method, **kw) as z:
        for name, data in entries:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            z.writestr(info, data)
    return f.getvalue()

def zip64(entries):
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w") as z:
        for name, data in entries:
            with z.open(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), "w", force_zip64=True) as e: e.write(data)
    return f.getvalue()

ENTRIES = [("a/version", b"3\n"), ("a/empty", b""), ("a/data/0", bytes(range(256)) * 8), ("a/ünï.txt", b"text " * 500)]

def deflated(level):
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as z:
        for name, data in ENTRIES + [("a/prose", " ".join(str(i * i % 7919) for i in range(2500)).encode())]:
            z.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED, level)
    return f.getvalue()

def raw(data, level, strategy):
    c = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    return c.compress(data) + c.flush()

def pytorch_archive():
    writer_file = io.BytesIO()
    w = torch._C.PyTorchFileWriter(writer_file)
    for name, data in ENTRIES:
        w.write_record(name, data, len(data))
    w.write_end_of_file()
    return writer_file.getvalue()

def written():
    data = pytorch_archive()
    z = zipfile.ZipFile(io.BytesIO(data))
    return {"records": [[n, b64(z.read(n))] for n in z.namelist()], "archive": b64(data)}

noise = bytes((i * i * 31 + i // 7) % 251 for i in range(5000))
goldens = {
    "pickles": pickles(),
    "osSystem": [b64(pickle.dumps(Evil(), p)) for p in range(6)],
    "archives": {
        "stored": b64(archive(ENTRIES)),
        "deflated at level 1": b64(deflated(1)),
        "deflated at level 9": b64(deflated(9)),
        "zip64": b64(zip64(ENTRIES)),
    },
    "entries": [[n, hashlib.sha256(d).hexdigest()] for n, d in ENTRIES],
    "written": written(),
    "inflate": [{"name": f"level {l} strategy {s}", "size": len(noise), "sha256": hashlib.sha256(noise).hexdigest(),
                 "data": b64(raw(noise, l, s))} for l, s in [(0, 0), (1, 0), (9, 0), (9, zlib.Z_FIXED), (9, zlib.Z_HUFFMAN_ONLY), (9, zlib.Z_RLE)]],
    "crc32": [[n, zlib.crc32(noise[:n])] for n in (0, 1, 7, 8, 9, 1000, 5000)],
    "noise": b64(zlib.compress(noise, 9)),
}
with open(os.path.join(HERE, "goldens.json"), "w") as f:
    json.dump(goldens, f, separators=(",", ":"), ensure_ascii=True)
    f.write("\n")
