"""Writes fixtures/: an archive that PyTorch scripted, and PyTorch's answers for it and for a few operators.

Run with the Python of Debian's torch 1.13: /usr/bin/python3 test/generate.py
"""
import json
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor, nn

folder = Path(__file__).parent / "fixtures"


class Point(NamedTuple):
    x: Tensor
    label: str


class Everything(nn.Module):
    """A method for each kind of value that crosses."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).relu()

    @torch.jit.export
    def scale(self, x: Tensor, factor: float, times: int = 1) -> Tensor:
        for _ in range(times):
            x = x * factor
        return x

    @torch.jit.export
    def describe(self, name: str, sizes: List[int], flag: bool, maybe: Optional[Tensor]) -> Tuple[str, int, List[float], bool, Optional[Tensor]]:
        total = 0
        for size in sizes:
            total += size
        return name + "!", total, [float(size) / 2 for size in sizes], not flag, maybe

    @torch.jit.export
    def merge(self, tensors: List[Tensor], table: Dict[str, Tensor]) -> Dict[str, Tensor]:
        out: Dict[str, Tensor] = {}
        for key, value in table.items():
            out[key] = value + tensors[0]
        out["sum"] = torch.stack(tensors).sum(0)
        return out

    @torch.jit.export
    def pair(self, both: Tuple[Tensor, float], weights: Dict[int, List[float]]) -> Tuple[Tensor, Dict[int, float]]:
        sums: Dict[int, float] = {}
        for key, values in weights.items():
            total = 0.0
            for value in values:
                total += value
            sums[key] = total
        return both[0] * both[1], sums

    @torch.jit.export
    def point(self, x: Tensor) -> Point:
        return Point(x + 1, "here")

    @torch.jit.export
    def successor(self, n: int) -> int:
        return n + 1

    @torch.jit.export
    def drop(self, x: Tensor) -> Tensor:
        return self.dropout(x)

    @torch.jit.export
    def busy(self, x: Tensor, rounds: int) -> Tensor:
        for _ in range(rounds):
            x = (x @ x).clamp(0, 1)
        return x

    @torch.jit.export
    def refuse(self, x: Tensor) -> Tensor:
        if x.size(0) > 0:
            raise ValueError("no tensor is good enough")
        return x


def plain(value):
    if isinstance(value, Tensor):
        return {"dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape), "data": value.flatten().tolist()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return str(value).removeprefix("torch.") if isinstance(value, torch.dtype) else value


def operator_cases():
    g = torch.Generator().manual_seed(1)
    randn = lambda *shape: torch.randn(*shape, generator=g)
    x, y, image = randn(2, 3), randn(2, 3), randn(1, 2, 5, 5)
    weight, bias = randn(4, 2, 3, 3), randn(4)
    aten = torch.ops.aten
    cases = [
        ("add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", aten.add.Tensor, [x, y], {"alpha": 2}),
        ("softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", aten.softmax.int, [x, -1, torch.float64], {}),
        ("convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups) -> Tensor", aten.convolution, [image, weight, bias, [2, 1], [1, 0], [1, 1], False, [0, 0], 1], {}),
        ("max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)", aten.max_pool2d_with_indices, [image, [2, 2], [2, 2], [0, 0], [1, 1], True], {}),
        ("gelu(Tensor self, *, str approximate='none') -> Tensor", aten.gelu, [x], {"approximate": "tanh"}),
        ("sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", aten.sum.dim_IntList, [torch.tensor([[1, 2], [3, 4]]), [1], True], {"dtype": torch.float32}),
        ("cat(Tensor[] tensors, int dim=0) -> Tensor", aten.cat, [[x, y], 1], {}),
        ("var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor", aten.var.correction, [x, [1]], {"correction": 0, "keepdim": False}),
        ("native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)", aten.native_layer_norm, [x, [3], None, None, 1e-5], {}),
        ("index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", aten.index.Tensor, [x, [None, torch.tensor([2, 0])]], {}),
        ("pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", aten.pow.Tensor_Scalar, [x.abs(), 2.5], {}),
    ]
    for schema, op, args, kwargs in cases:
        result = op(*args, **kwargs)
        yield {"schema": "aten::" + schema, "args": plain(args + list(kwargs.values())), "want": plain(result if isinstance(result, tuple) else (result,))}


def main():
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    module = Everything().eval()
    torch.jit.script(module).save(str(folder / "everything.pt"))
    x = torch.randn(4, 3)
    goldens = {
        "torch": torch.__version__,
        "forward": {"x": plain(x), "want": plain(module(x))},
        "dropped": {"seed": 7, "want": dropped(module)},
        "operators": list(operator_cases()),
    }
    (folder / "goldens.json").write_text(json.dumps(goldens) + "\n")


def dropped(module):
    module.train()
    torch.manual_seed(7)
    return plain(torch.jit.script(module).drop(torch.ones(8)))


main()
