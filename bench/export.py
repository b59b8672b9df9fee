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

WORKLOADS = {"resnet18": (resnet, (image,)), "matmul512": (MatMul(), (torch.rand(512, 512), torch.rand(512, 512)))}
for name, (module, inputs) in WORKLOADS.items():
    module.eval()
    path = os.path.join(folder, name)
    torch.jit.trace(module, inputs).save(path + ".pt")
    names = [f"x{i}" for i in range(len(inputs))]
    torch.onnx.export(module, inputs, path + ".onnx", opset_version=14, input_names=names)
    print(name, os.path.getsize(path + ".onnx"), "bytes")
