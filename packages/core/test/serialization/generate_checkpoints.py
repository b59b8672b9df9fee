"""Writes checkpoints.json: checkpoints that PyTorch and the safetensors library wrote, with what is in them.

Run with Debian's PyTorch (and, for what 2.6 writes, the same script in a chroot that has it, with --only-2x FILE):
    chroot /opt/trixie python3 - --only-2x < packages/core/test/serialization/generate_checkpoints.py > /tmp/2x.json
    PYTHONPATH=<safetensors> /usr/bin/python3 packages/core/test/serialization/generate_checkpoints.py /tmp/2x.json
"""
import base64, collections, io, json, os, sys, zlib
import torch

def saved(value, **options):
    f = io.BytesIO()
    torch.save(value, f, **options)
    return base64.b64encode(zlib.compress(f.getvalue(), 9)).decode()

def describe(v):
    """A value as the test describes what it loaded."""
    if isinstance(v, torch.Tensor):
        return {"tensor": [float(x) if isinstance(x, float) else int(x) for x in v.detach().reshape(-1).tolist()], "dtype": str(v.dtype)[6:],
                "shape": list(v.shape), "strides": list(v.stride()), "offset": v.storage_offset(), "requires_grad": v.requires_grad,
                "parameter": isinstance(v, torch.nn.Parameter)}
    if isinstance(v, torch.Size): return {"tuple": list(v)}
    if isinstance(v, torch.device): return {"device": str(v)}
    if isinstance(v, torch.dtype): return str(v)[6:]
    if isinstance(v, tuple): return {"tuple": [describe(x) for x in v]}
    if isinstance(v, list): return [describe(x) for x in v]
    if isinstance(v, dict): return {"dict": [[describe(k), describe(x)] for k, x in v.items()], "ordered": isinstance(v, collections.OrderedDict)}
    if isinstance(v, bytes): return {"bytes": v.hex()}
    return v

torch.manual_seed(191009)
model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
parameter = torch.nn.Parameter(torch.tensor([1.5, -2.0]))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
model(torch.randn(8, 3)).sum().backward()
optimizer.step()
VALUES = {
    "a state dict": model.state_dict(),
    "every dtype": {str(d)[6:]: torch.tensor([0, 1, 1, 0, 1]).to(d) for d in (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64)},
    "views of one storage": [base, base.t() if base.dim() == 2 else base.permute(2, 0, 1), base[1, 1:, ::2], base[:, 1], base[0, 0].expand(5, 4)],
    "odd tensors": {"scalar": torch.tensor(2.5), "empty": torch.empty(0, 3), "int": torch.tensor(2**60), "leaf": torch.ones(2, requires_grad=True), "channels_last": torch.arange(24.).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)},
    "parameters": {"p": parameter, "again": parameter, "frozen": torch.nn.Parameter(torch.zeros(2), requires_grad=False)},
    "plain values": {"epoch": 3, "lr": 0.001, "name": "run-ü", "none": None, "flags": [True, False], "betas": (0.9, 0.999), "big": 2**70, "nested": {"a": [1, {"b": ()}]}, "bytes": b"\x00\xff", 5: "int key"},
    "a training checkpoint": {"epoch": 2, "model": model.state_dict(), "optimizer": optimizer.state_dict()},
    "sizes, devices and dtypes": [torch.Size([2, 3]), torch.device("cpu"), torch.device("cuda", 1), torch.float32, torch.int64],
}
version = torch.__version__
out = [{"name": f"{name} (zip, {version[:4]})", "value": describe(v), "bytes": saved(v)} for name, v in VALUES.items()]
out += [{"name": f"{name} (legacy, {version[:4]})", "value": describe(v), "bytes": saved(v, _use_new_zipfile_serialization=False)} for name, v in VALUES.items()]
if "--only-2x" in sys.argv:
    print(json.dumps(out))
    sys.exit()
if len(sys.argv) > 1: out += json.load(open(sys.argv[1]))

import safetensors.torch
tensors = {k: v.contiguous() for k, v in VALUES["every dtype"].items()}
tensors.update({"ünï \"quoted\"": torch.arange(6.).reshape(2, 3), "empty": torch.empty(0, 3), "scalar": torch.tensor(1.5, dtype=torch.float64)})
safe = {"value": describe(tensors), "bytes": base64.b64encode(safetensors.torch.save(tensors, {"format": "pt"})).decode()}
f = io.BytesIO(); torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), f)
g = io.BytesIO(); torch.save(model, g)
bad = {"torchscript": base64.b64encode(f.getvalue()).decode(), "a whole module": base64.b64encode(g.getvalue()).decode(),
       "complex": saved(torch.ones(2, dtype=torch.complex64)), "quantized": saved(torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)), "sparse": saved(torch.eye(2).to_sparse())}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "checkpoints.json")
with open(path, "w") as f:
    f.write('{"checkpoints":[\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in out) + '\n],\n"safetensors":' + json.dumps(safe) + ',\n"bad":' + json.dumps(bad) + "}\n")
print(len(out), os.path.getsize(path))
