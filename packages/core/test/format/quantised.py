"""Writes quantised.json: how PyTorch prints quantised tensors.

Run with Debian's PyTorch:  /usr/bin/python3 packages/core/test/format/quantised.py
"""
import json, os
import torch

g = torch.Generator().manual_seed(7)
cases = []


def case(x, how, dtype, *, scale=None, zero=None, axis=None):
    if axis is None:
        q = torch.quantize_per_tensor(x, scale, zero, dtype)
    else:
        q = torch.quantize_per_channel(x, torch.tensor(scale), torch.tensor(zero), axis, dtype)
    cases.append({"shape": list(x.shape), "values": q.dequantize().flatten().tolist(), "dtype": str(dtype)[6:], "text": str(q),
                  "quantizer": {"scheme": how, "scale": scale, "zero_point": zero, **({} if axis is None else {"axis": axis})}})


def random(*shape):
    return torch.randn(shape, generator=g)


for shape in ((), (1,), (5,), (2, 3), (0,), (2, 0), (3, 12), (2, 2, 3)):
    for dtype, zero in ((torch.quint8, 10), (torch.qint8, -3), (torch.qint32, 0)):
        case(random(*shape), "per_tensor_affine", dtype, scale=0.1, zero=zero)
for scale in (1.0, 1e-05, 0.00012345, 3.0517578125e-05, 123456.0, 0.3333333333333333):
    case(random(2, 2) * scale * 20, "per_tensor_affine", torch.quint8, scale=scale, zero=128)
for axis, n in ((0, 2), (1, 11), (0, 30)):
    shape = (n, 3) if axis == 0 else (2, n)
    scales = [0.25 * (i + 1) for i in range(n)]
    case(random(*shape), "per_channel_affine", torch.qint8, scale=scales, zero=[i % 3 for i in range(n)], axis=axis)
    case(random(*shape), "per_channel_affine_float_qparams", torch.quint8, scale=scales, zero=[i * 1.5 for i in range(n)], axis=axis)

with open(os.path.join(os.path.dirname(__file__), "quantised.json"), "w") as out:
    out.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
