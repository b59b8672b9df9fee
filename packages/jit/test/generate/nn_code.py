"""What PyTorch's own modules print once scripted: the code of forward, for test/javascript-nn.test.ts.

Run: python3 packages/jit/test/generate/nn_code.py   (Debian's PyTorch 1.13)
Writes archives/nn-code.json: by the name of the test's case, the code of forward, or null where PyTorch cannot script it.
"""
import json
import os
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore")
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "archives")
cases = {
    "Linear": nn.Linear(4, 3),
    "Linear without bias": nn.Linear(4, 3, bias=False),
    "Bilinear": nn.Bilinear(2, 3, 4),
    "Identity": nn.Identity(),
    "Conv1d": nn.Conv1d(2, 3, 3),
    "Conv2d": nn.Conv2d(2, 4, 3, stride=2, padding=1, dilation=1, groups=2),
    "Conv2d reflect": nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"),
    "Conv2d same": nn.Conv2d(2, 3, 3, padding="same"),
    "Conv3d": nn.Conv3d(2, 3, 3),
    "BatchNorm1d": nn.BatchNorm1d(3),
    "BatchNorm2d": nn.BatchNorm2d(3),
    "BatchNorm3d": nn.BatchNorm3d(3),
    "InstanceNorm2d": nn.InstanceNorm2d(3),
    "LayerNorm": nn.LayerNorm([4]),
    "GroupNorm": nn.GroupNorm(2, 4),
    "ReLU": nn.ReLU(),
    "ReLU6": nn.ReLU6(),
    "SELU": nn.SELU(),
    "SiLU": nn.SiLU(),
    "Mish": nn.Mish(),
    "Hardswish": nn.Hardswish(),
    "Hardsigmoid": nn.Hardsigmoid(),
    "Sigmoid": nn.Sigmoid(),
    "Tanh": nn.Tanh(),
    "LogSigmoid": nn.LogSigmoid(),
    "Softsign": nn.Softsign(),
    "Tanhshrink": nn.Tanhshrink(),
    "LeakyReLU": nn.LeakyReLU(0.2),
    "ELU": nn.ELU(),
    "CELU": nn.CELU(),
    "GELU": nn.GELU(),
    "Hardtanh": nn.Hardtanh(),
    "Softplus": nn.Softplus(),
    "Threshold": nn.Threshold(0.1, 20.5),
    "Hardshrink": nn.Hardshrink(),
    "Softshrink": nn.Softshrink(),
    "GLU": nn.GLU(),
    "Softmax": nn.Softmax(dim=1),
    "LogSoftmax": nn.LogSoftmax(dim=1),
    "Softmin": nn.Softmin(dim=1),
    "PReLU": nn.PReLU(),
    "Dropout": nn.Dropout(0.25),
    "Dropout2d": nn.Dropout2d(),
    "MaxPool1d": nn.MaxPool1d(2),
    "MaxPool2d": nn.MaxPool2d(2),
    "MaxPool2d with indices": nn.MaxPool2d(2, return_indices=True),
    "MaxPool3d": nn.MaxPool3d(2),
    "AvgPool1d": nn.AvgPool1d(2),
    "AvgPool2d": nn.AvgPool2d(2),
    "AvgPool3d": nn.AvgPool3d(2),
    "AdaptiveAvgPool1d": nn.AdaptiveAvgPool1d(2),
    "AdaptiveAvgPool2d": nn.AdaptiveAvgPool2d((2, 3)),
    "AdaptiveAvgPool3d": nn.AdaptiveAvgPool3d(2),
    "AdaptiveMaxPool1d": nn.AdaptiveMaxPool1d(2),
    "AdaptiveMaxPool2d": nn.AdaptiveMaxPool2d(2),
    "AdaptiveMaxPool3d": nn.AdaptiveMaxPool3d(2),
    "Flatten": nn.Flatten(),
    "Unflatten": nn.Unflatten(1, (2, 2)),
    "ZeroPad2d": nn.ZeroPad2d(1),
    "ReflectionPad1d": nn.ReflectionPad1d(1),
    "ReflectionPad2d": nn.ReflectionPad2d(1),
    "ReflectionPad3d": nn.ReflectionPad3d(1),
    "ReplicationPad1d": nn.ReplicationPad1d(1),
    "ReplicationPad2d": nn.ReplicationPad2d(1),
    "ReplicationPad3d": nn.ReplicationPad3d(1),
    "ConstantPad1d": nn.ConstantPad1d(1, 0.5),
    "ConstantPad2d": nn.ConstantPad2d(1, 0.5),
    "ConstantPad3d": nn.ConstantPad3d(1, 0.5),
    "PixelShuffle": nn.PixelShuffle(2),
    "PixelUnshuffle": nn.PixelUnshuffle(2),
    "Embedding": nn.Embedding(5, 3),
    "Embedding with padding": nn.Embedding(5, 3, padding_idx=1),
    "CosineSimilarity": nn.CosineSimilarity(),
    "MSELoss": nn.MSELoss(),
    "L1Loss": nn.L1Loss(),
    "SmoothL1Loss": nn.SmoothL1Loss(),
    "HuberLoss": nn.HuberLoss(),
    "NLLLoss": nn.NLLLoss(),
    "CrossEntropyLoss": nn.CrossEntropyLoss(),
    "BCELoss": nn.BCELoss(),
    "BCEWithLogitsLoss": nn.BCEWithLogitsLoss(),
    "KLDivLoss": nn.KLDivLoss(),
    "SoftMarginLoss": nn.SoftMarginLoss(),
    "Sequential": nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 2))),
}
codes = {}
for name, module in cases.items():
    try:
        codes[name] = torch.jit.script(module).code
    except Exception as error:
        print(name, str(error)[:100])
        codes[name] = None
with open(os.path.join(here, "nn-code.json"), "w") as f:
    json.dump(codes, f, indent=1, sort_keys=True)
    f.write("\n")
print(len(codes), "modules")
