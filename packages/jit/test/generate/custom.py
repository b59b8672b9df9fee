"""A scripted module over operators of its own (torch.library), and what PyTorch answers and prints.

Run: python3 packages/jit/test/generate/custom.py   (Debian's PyTorch 1.13)
Writes archives/custom/operators.pt and archives/custom.json.
"""
import json
import os
from typing import Dict, List

import torch
from torch import Tensor, nn

from values import encode

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "archives")
os.makedirs(os.path.join(here, "custom"), exist_ok=True)

library = torch.library.Library("my", "DEF")
schemas = {
    "scale(Tensor x, Scalar k=2, *, bool negate=False) -> Tensor": lambda x, k=2, *, negate=False: -(x * k) if negate else x * k,
    "bounds(Tensor x, int[] dims) -> (Tensor low, Tensor high)": lambda x, dims: (x.amin(dims), x.amax(dims)),
    "pieces(Tensor x, int n) -> Tensor[]": lambda x, n: list(x.chunk(n)),
    "joined(Tensor?[] parts, str how=\"cat\") -> Tensor": lambda parts, how="cat": (torch.cat if how == "cat" else torch.stack)([p for p in parts if p is not None]),
    "count(Tensor x, float above=0.) -> int": lambda x, above=0.0: int((x > above).sum()),
    "scale.twice(Tensor x, Tensor by) -> Tensor": lambda x, by: x * by * by,
}
for text, implementation in schemas.items():
    library.define(text)
    library.impl(text.split("(")[0], implementation, "CompositeImplicitAutograd")


class Custom(nn.Module):
    def __init__(self):
        super().__init__()
        self.k = 3

    def forward(self, x: Tensor):
        y = torch.ops.my.scale(x)
        z = torch.ops.my.scale(x, self.k, negate=True)
        w = torch.ops.my.scale(y, z)
        low, high = torch.ops.my.bounds(w, [1])
        pieces = torch.ops.my.pieces(x, 2)
        n = torch.ops.my.count(z)
        if torch.ops.my.count(x, 0.5) > 1:
            n += 10
        return y, z, w, low, high, pieces, torch.ops.my.joined([low, None, high], "stack"), n


torch.jit.script(Custom()).save(os.path.join(here, "custom", "operators.pt"))
module = torch.jit.load(os.path.join(here, "custom", "operators.pt"))
inputs = [torch.tensor([[1.0, -2.0], [0.5, 4.0]]), torch.tensor([[-1.0, -2.0], [-0.5, 0.0]])]
golden = {
    "schemas": list(schemas),
    "code": module.code,
    "calls": [{"input": encode(x), "result": encode(module(x))} for x in inputs],
}
with open(os.path.join(here, "custom.json"), "w") as f:
    json.dump(golden, f, indent=1, sort_keys=True)
