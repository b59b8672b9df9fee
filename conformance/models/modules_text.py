"""Modules as text: what `generate_text.py` has Python make and PyTorch compile, and Sconce makes and compiles from the same text.

Each begins at a line `## Name(arguments): calls`, `calls` being Python tuples of arguments for its forward.
"""
import math
from collections import OrderedDict
from enum import Enum
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor
from torch.jit import Final

## Perceptron(3, 4, out=2): (m(2, 3),)
class Perceptron(nn.Module):
    def __init__(self, n, hidden, out=1):
        super().__init__()
        self.first = nn.Linear(n, hidden)
        self.second = nn.Linear(in_features=hidden, out_features=out, bias=False)

    def forward(self, x):
        return self.second(torch.relu(self.first(x)))

## ConvNet(): (m(2, 32).reshape(1, 1, 8, 8),)
class Flatten2(torch.nn.Module):
    def forward(self, x):
        return x.view(x.size(0), -1)

class ConvNet(torch.nn.Module):
    def __init__(self):
        super(ConvNet, self).__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, kernel_size=3, stride=2, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.flatten = Flatten2()
        self.classifier = nn.Sequential(OrderedDict([("fc", nn.Linear(16, 3)), ("drop", nn.Dropout(0.0))]))

    def forward(self, x: Tensor) -> Tensor:
        return F.log_softmax(self.classifier(self.flatten(self.features(x))), dim=1)

## Residuals(4, 3): (m(2, 4),)
class Block(nn.Module):
    def __init__(self, width: int, index: int):
        super().__init__()
        self.index = index
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, width)

    def forward(self, x):
        return x + torch.tanh(self.fc(self.norm(x))) * self.index

class Residuals(nn.Module):
    __constants__ = ["depth", "names"]

    def __init__(self, width, depth):
        super().__init__()
        self.depth = depth
        self.names = ["b%d" % i for i in range(depth)] if False else ["x"]
        self.blocks = nn.ModuleList([Block(width, i) for i in range(depth) if i != 1])
        self.by_name = nn.ModuleDict({"a": nn.Linear(width, 1), "b": nn.Identity()})

    def forward(self, x):
        for i, block in enumerate(self.blocks):
            x = block(x) + i
        out: List[Tensor] = []
        for name, module in self.by_name.items():
            out.append(module(x))
        return out, self.by_name["a"](x) * self.depth, len(self.blocks)

## Initialised(4): (m(1, 4),)
def make_layers(widths, activation=nn.Tanh):
    layers = []
    for a, b in zip(widths[:-1], widths[1:]):
        layers += [nn.Linear(a, b), activation()]
    return nn.Sequential(*layers)

class Initialised(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.net = make_layers([n, n * 2, n // 2])
        self.scale = nn.Parameter(torch.full((1,), 1 / math.sqrt(n)))
        self.frozen = nn.Parameter(torch.arange(float(n)), requires_grad=False)
        self.register_buffer("table", torch.linspace(0, 1, n).unsqueeze(0))
        self.register_buffer("scratch", torch.zeros(1), persistent=False)
        self.register_parameter("missing", None)
        self.reset_parameters()

    def reset_parameters(self):
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                if m.bias is not None:
                    nn.init.constant_(m.bias, 0.25)
        with torch.no_grad():
            self.net[0].weight[0] = 1.0
            self.net[2].bias.uniform_(-1, 1)

    def forward(self, x):
        y = self.net(x * self.table + self.frozen) * self.scale
        if self.missing is not None:
            y = y + 1
        return y + self.scratch

## Annotated(3): (t(1.0, 2.0),), (t(1.0, 2.0), 4)
class Annotated(nn.Module):
    k: Final[int]
    rate: Final[float] = 0.5
    last: Optional[Tensor]
    seen: List[int]
    table: Dict[str, Tensor]
    pair: Tuple[int, float]

    def __init__(self, k):
        super().__init__()
        self.k = k
        self.last = None
        self.seen = []
        self.table = {}
        self.pair = (k, 1.0)
        self.count = torch.jit.Attribute(0, int)
        self.names = torch.jit.Attribute([], List[str])

    def forward(self, x, extra: Optional[int] = None):
        last = self.last
        if last is not None:
            x = x + last
        self.last = x
        self.seen.append(self.k if extra is None else extra)
        self.table["x"] = x
        self.count += 1
        self.names.append("n" + str(self.count))
        return x * self.rate * self.pair[1], self.seen, self.count, self.names, len(self.table)

## Methods(2.0): (t(1.0, -2.0),)
def outside(x, k: int):
    return x * k

class Methods(nn.Module):
    def __init__(self, gain: float):
        super().__init__()
        self.gain = gain
        self.act = F.relu
        self.out = outside

    @property
    def doubled(self) -> float:
        return self.gain * 2

    @staticmethod
    def half(x: Tensor) -> Tensor:
        return x / 2

    @torch.jit.export
    def exported(self, x, n: int = 2):
        return self.inner(x) * n

    def inner(self, x):
        return outside(x, 3) + self.gain

    @torch.jit.unused
    def unused(self, x) -> Tensor:
        import os
        print(f"{x!r}")
        return x

    def never(self, x):
        return [i for i in x if i > 0]

    def forward(self, x):
        if x.dim() > 4:
            x = self.unused(x)
        return self.act(x) + self.half(x) + self.inner(x) * self.doubled + self.out(x, 2)

## Derived(3): (m(1, 3),)
class Base(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.fc = nn.Linear(n, n)
        self.build(n)

    def build(self, n):
        self.extra = nn.Linear(n, 1)

    def head(self, x):
        return self.extra(x)

    def forward(self, x):
        return self.head(self.fc(x))

class Derived(Base):
    def __init__(self, n):
        super().__init__(n)
        self.bias = nn.Parameter(torch.ones(n) / 3)

    def build(self, n):
        super().build(n)
        self.more = nn.Linear(n, n)

    def head(self, x):
        return self.more(x) + self.bias

## Recurrent(3, 4, 2): (m(2, 6).reshape(2, 2, 3),)
class State(NamedTuple):
    h: Tensor
    steps: int

class Recurrent(nn.Module):
    def __init__(self, n, hidden, layers):
        super().__init__()
        self.rnn = nn.LSTM(n, hidden, num_layers=layers, batch_first=True)
        self.cell = nn.GRUCell(hidden, hidden)
        self.embed = nn.Embedding(num_embeddings=5, embedding_dim=hidden, padding_idx=0)
        self.hidden = hidden

    def forward(self, x: Tensor, state: Optional[Tensor] = None) -> Tuple[Tensor, State]:
        out, (h, c) = self.rnn(x)
        if state is None:
            state = torch.zeros(x.size(0), self.hidden)
        for t in range(out.size(1)):
            state = self.cell(out[:, t], state)
        return self.embed(torch.tensor([0, 3])) + h.sum(), State(state, out.size(1))

## Attention(8, 2): (m(6, 8).reshape(2, 3, 8),)
class Attention(nn.Module):
    def __init__(self, dim, heads, dropout=0.0):
        super().__init__()
        assert dim % heads == 0, f"{dim} is no multiple of {heads}"
        self.heads = heads
        self.head_dim = dim // heads
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)
        self.drop = nn.Dropout(dropout) if dropout > 0 else nn.Identity()
        mask = torch.tril(torch.ones(4, 4)).view(1, 1, 4, 4)
        self.register_buffer("mask", mask)

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.qkv(x).split(C, dim=2)
        q = q.view(B, T, self.heads, self.head_dim).transpose(1, 2)
        k = k.view(B, T, self.heads, self.head_dim).transpose(1, 2)
        v = v.view(B, T, self.heads, self.head_dim).transpose(1, 2)
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf"))
        y = F.softmax(att, dim=-1) @ v
        return self.drop(self.proj(y.transpose(1, 2).contiguous().view(B, T, C)))

## Variational(6): (m(1, 6),)
class Variational(nn.Module):
    def __init__(self, n: int, latent: int = 2):
        super(Variational, self).__init__()
        self.encoder = nn.ModuleList()
        for width in (n, 4):
            self.encoder.append(nn.Linear(n if width == n else 4, 4))
        self.mean, self.spread = nn.Linear(4, latent), nn.Linear(4, latent)
        setattr(self, "decoder", nn.Linear(latent, n))
        for i in range(2):
            self.add_module(f"tail{i}", nn.Linear(n, n))
        self.total = sum([p.numel() for p in self.parameters()])

    def encode(self, x) -> Tuple[Tensor, Tensor]:
        for layer in self.encoder:
            x = torch.relu(layer(x))
        return self.mean(x), self.spread(x)

    def forward(self, x):
        mean, spread = self.encode(x)
        z = mean + torch.exp(0.5 * spread)
        return self.tail1(self.tail0(torch.sigmoid(self.decoder(z)))), self.total

## Optionals(True): (t(1.0, 2.0),)
class Optionals(nn.Module):
    def __init__(self, deep, norm=None):
        super().__init__()
        self.deep = deep
        self.norm = norm
        if deep:
            self.fc = nn.Linear(2, 2)
        else:
            self.fc = None
        self.options = {"a": 1, "b": 2}
        self.shape = (1, 2)
        self.label = "deep" if deep else "flat"

    def forward(self, x):
        if self.norm is not None:
            x = self.norm(x)
        if self.fc is not None:
            x = self.fc(x)
        if self.deep:
            x = x * self.options["b"]
        return x.view(self.shape), self.label

## Kinds(2): (t(1.0, 2.0),)
class Kind(Enum):
    SUM = 0
    PRODUCT = 1

class Kinds(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.kind = Kind.PRODUCT
        self.terms = nn.ModuleList(nn.Linear(2, 2) for _ in range(n))

    def forward(self, x):
        total = x
        for term in self.terms:
            if self.kind == Kind.SUM:
                total = total + term(x)
            else:
                total = total * term(x)
        return total, self.terms[0](x)

## Closures(): (t(-1.0, 2.0),)
class Closures(nn.Module):
    def __init__(self):
        super().__init__()

        def block(width, *, bias=True):
            return nn.Linear(width, width, bias=bias)

        widths = {i: i * 2 for i in range(1, 4) if i % 2}
        self.layers = nn.Sequential(*[block(2, bias=False) for _ in widths])
        self.count = len(widths)
        while self.count < 10:
            self.count += 3
            if self.count > 7:
                break
        try_names = "a,b".split(",")
        self.names = ["{}-{}".format(i, n.upper()) for i, n in enumerate(try_names)]
        self.apply(self.init)

    def init(self, m):
        if type_name(m) and hasattr(m, "weight"):
            m.weight.data.fill_(0.5)

    def forward(self, x):
        return self.layers(x), self.count, self.names

def type_name(m):
    return isinstance(m, (nn.Linear, nn.Conv2d))
