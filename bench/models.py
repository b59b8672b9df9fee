"""The networks of the benchmark as PyTorch modules, and their inputs: what export.py writes and pytorch.py times."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

LENGTH, WIDTH, HEADS, LAYERS = 128, 384, 6, 6


def numbers(shape, seed):
    """Pseudo-random numbers between -0.5 and 0.5, as workloads.ts has them. A jump of k steps is linear, too, so each pass doubles them."""
    count = int(np.prod(shape))
    mask, a, c = 2**32 - 1, 1664525, 1013904223
    states = np.empty(count, np.uint64)
    states[0] = ((seed + 1) * a + c) & mask
    known = 1
    while known < count:
        more = min(known, count - known)
        states[known : known + more] = (states[:more] * a + c) & mask
        a, c, known = (a * a) & mask, (a * c + c) & mask, known + more
    return torch.from_numpy((states / 2.0**32 - 0.5).astype(np.float32)).reshape(shape)


class MatMul(nn.Module):
    def forward(self, a, b):
        return a @ b


class Add(nn.Module):
    def forward(self, a, b):
        return a + b


class Chain(nn.Module):
    def forward(self, x, y):
        return F.gelu(x * 2 + 1) * y + x


class Block(nn.Module):
    """A layer of a decoder-only transformer: layer norm before attention and before the MLP."""

    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.fc, self.out = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def heads(self, x):
        n, length, _ = x.shape
        parts = self.qkv(self.ln1(x)).split(WIDTH, dim=2)
        return [t.reshape(n, length, HEADS, WIDTH // HEADS).transpose(1, 2) for t in parts]

    def rest(self, x, scores, v):
        n, length, _ = x.shape
        context = torch.softmax(scores, -1) @ v
        x = x + self.proj(context.transpose(1, 2).reshape(n, length, WIDTH))
        return x + self.out(F.gelu(self.fc(self.ln2(x))))

    def forward(self, x, mask):
        q, k, v = self.heads(x)
        return self.rest(x, q @ k.transpose(2, 3) / math.sqrt(WIDTH // HEADS) + mask, v)

    def decode(self, x, past_k, past_v):
        q, k, v = self.heads(x)
        k, v = torch.cat([past_k, k], 2), torch.cat([past_v, v], 2)
        return self.rest(x, q @ k.transpose(2, 3) / math.sqrt(WIDTH // HEADS), v), k, v


class Prefill(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block() for _ in range(LAYERS)])
        self.register_buffer("mask", torch.triu(torch.full((LENGTH, LENGTH), -1e9), 1))

    def forward(self, x):
        for block in self.blocks:
            x = block(x, self.mask)
        return x


class Decode(nn.Module):
    """One token after `past`, the keys and values of each layer in turn; returns the token's output and the longer cache."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block() for _ in range(LAYERS)])

    def forward(self, x, *past):
        cache = []
        for i, block in enumerate(self.blocks):
            x, k, v = block.decode(x, past[2 * i], past[2 * i + 1])
            cache += [k, v]
        return (x, *cache)


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(1, 16, 5, padding=2), nn.Conv2d(16, 32, 5, padding=2)
        self.l = nn.Linear(1568, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.l(x.flatten(1))


class Conv(nn.Conv2d):
    """Its weights are those that webgpu/workloads.mjs gives the other systems."""

    def __init__(self):
        super().__init__(64, 64, 3, padding=1)
        self.weight.data = numbers([64, 64, 3, 3], 100) * 2 / 24
        self.bias.data = numbers([64], 101) * 0.1


def with_statistics(network):
    """A torchvision network with running statistics of its own activations, without which the outputs vanish."""
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network(numbers([4, 3, 224, 224], 0))
    return network


def torchvision_model(name):
    import torchvision

    return with_statistics(getattr(torchvision.models, name)(weights=None))


IMAGE = [1, 3, 224, 224]
CACHE = [1, HEADS, LENGTH, WIDTH // HEADS]
MILLION = [1 << 20]
SQUARE = [1024, 1024]
# Each network, made anew, and the shapes of its inputs.
NETWORKS = {
    "matmul256": (MatMul, [[256, 256]] * 2),
    "matmul512": (MatMul, [[512, 512]] * 2),
    "matmul1024": (MatMul, [SQUARE] * 2),
    "resnet18": (lambda: torchvision_model("resnet18"), [IMAGE]),
    "mobilenetv2": (lambda: torchvision_model("mobilenet_v2"), [IMAGE]),
    "prefill": (Prefill, [[1, LENGTH, WIDTH]]),
    "decode": (Decode, [[1, 1, WIDTH]] + [CACHE] * (2 * LAYERS)),
    "lstm": (lambda: nn.LSTM(128, 128), [[100, 1, 128]]),
    "chain": (Chain, [MILLION] * 2),
    "softmax": (lambda: nn.Softmax(-1), [SQUARE]),
    "layer_norm": (lambda: nn.LayerNorm(1024), [SQUARE]),
    "add": (Add, [[1], [1]]),
    "linear": (lambda: nn.Linear(4, 4), [[1, 4]]),
    "startup": (Digits, [[1, 1, 28, 28]]),
    "conv": (Conv, [[1, 64, 56, 56]]),
}
