"""Writes the benchmark's models as ONNX and as TorchScript to .cache/bench: the same weights for every system."""

import os
import warnings

import torch
import torchvision

warnings.filterwarnings("ignore")
torch.manual_seed(0)
folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".cache", "bench")
os.makedirs(folder, exist_ok=True)


class MatMul(torch.nn.Module):
    def forward(self, a, b):
        return a @ b


resnet = torchvision.models.resnet18(weights=None)
image = torch.rand(1, 3, 224, 224)
for part in resnet.modules():
    if isinstance(part, torch.nn.BatchNorm2d):
        part.momentum = 1.0
with torch.no_grad():
    resnet(image)  # statistics, without which the outputs vanish



def numbers(shape, seed):
    """The numbers of webgpu/workloads.mjs: between -0.5 and 0.5."""
    count = 1
    for size in shape:
        count *= size
    state, values = seed + 1, []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append(state / 2**32 - 0.5)
    return torch.tensor(values).reshape(shape)


class Conv(torch.nn.Conv2d):
    """Its weights are those that webgpu/workloads.mjs gives the other systems."""

    def __init__(self):
        super().__init__(64, 64, 3, padding=1)
        self.weight.data = numbers([64, 64, 3, 3], 100) * 2 / 24
        self.bias.data = numbers([64], 101) * 0.1


class Softmax(torch.nn.Module):
    def forward(self, x):
        return torch.softmax(x, -1)


class Chain(torch.nn.Module):
    def forward(self, x, y):
        return torch.nn.functional.gelu(x * 2 + 1) * y + x


WEB = {
    "conv": (Conv(), (torch.rand(1, 64, 56, 56),)),
    "softmax": (Softmax(), (torch.rand(1024, 1024),)),
    "chain": (Chain(), (torch.rand(1 << 20), torch.rand(1 << 20))),
}
WORKLOADS = {"resnet18": (resnet, (image,)), "matmul512": (MatMul(), (torch.rand(512, 512), torch.rand(512, 512)))}
for name, (module, inputs) in WORKLOADS.items():
    module.eval()
    path = os.path.join(folder, name)
    torch.jit.trace(module, inputs).save(path + ".pt")
    names = [f"x{i}" for i in range(len(inputs))]
    torch.onnx.export(module, inputs, path + ".onnx", opset_version=14, input_names=names)
    print(name, os.path.getsize(path + ".onnx"), "bytes")

for name, (module, inputs) in WEB.items():
    names = [f"x{i}" for i in range(len(inputs))]
    torch.onnx.export(module.eval(), inputs, os.path.join(folder, name) + ".onnx", opset_version=14, input_names=names)
    print(name, os.path.getsize(os.path.join(folder, name) + ".onnx"), "bytes")

# jax-js's ONNX loader knows no GlobalAveragePool: the same network with a mean.
torch.nn.functional.adaptive_avg_pool2d = lambda x, _: x.mean([2, 3], keepdim=True)
torch.onnx.export(resnet.eval(), (image,), os.path.join(folder, "resnet18_jax.onnx"), opset_version=14, input_names=["x0"])
