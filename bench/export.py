"""Writes the benchmark's networks to .cache/bench, the same weights for every system: TorchScript, ONNX, and weights alone."""

import json
import os
import struct
import sys
import warnings

import torch
from models import NETWORKS, numbers

warnings.filterwarnings("ignore")
folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".cache", "bench")
os.makedirs(folder, exist_ok=True)


def save_weights(path, state):
    """The weights as safetensors, for the systems whose networks are written by hand."""
    header, parts, at = {}, [], 0
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            continue
        data = tensor.detach().float().contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def save_onnx(path, network, inputs):
    names = [f"x{i}" for i in range(len(inputs))]
    torch.onnx.export(network, inputs, path, opset_version=14, input_names=names)


wanted = sys.argv[1:] or list(NETWORKS)
for name in wanted:
    torch.manual_seed(0)
    make, shapes = NETWORKS[name]
    network = make().eval()
    inputs = tuple(numbers(shape, i) for i, shape in enumerate(shapes))
    path = os.path.join(folder, name)
    with torch.no_grad():
        torch.jit.trace(network, inputs).save(path + ".pt")
        save_onnx(path + ".onnx", network, inputs)
    if network.state_dict():
        save_weights(path + ".safetensors", network.state_dict())
    if name in ("resnet18", "mobilenetv2"):
        # jax-js's ONNX loader knows no GlobalAveragePool: the same network with a mean.
        pool = torch.nn.functional.adaptive_avg_pool2d
        torch.nn.functional.adaptive_avg_pool2d = lambda x, _: x.mean([2, 3], keepdim=True)
        save_onnx(path + "_jax.onnx", network, inputs)
        torch.nn.functional.adaptive_avg_pool2d = pool
    print(name, os.path.getsize(path + ".onnx"), "bytes")
