"""Freezes what PyTorch computes where values are special: edges/*.json, read by the suite.

Run with PyTorch 2.6 (the values say which wrote them): python3 conformance/edges/generate.py [NAME …]
"""
import json
import math
import pathlib
import struct
import sys

import torch

from aliasing import ALIASING
from edge_cases import EDGES
from modules import nn_values
from programs import freeze

HERE = pathlib.Path(__file__).parent
INF = math.inf
SPECIAL = [0.0, -0.0, INF, -INF, math.nan]


def number(x):
    """JSON has no infinities, no NaN and no -0."""
    x = float(x)
    if math.isnan(x):
        return "nan"
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    return "-0" if x == 0 and math.copysign(1, x) < 0 else x


def single(x):
    """The float32 nearest to x, so that one list of points serves both float types."""
    return x if math.isinf(x) or math.isnan(x) else struct.unpack("f", struct.pack("f", x))[0]


def grid(low, high, count):
    return [single(low + (high - low) * i / (count - 1)) for i in range(count)]


def powers(low, high):
    return [s * 2.0**e for e in range(low, high + 1, 3) for s in (1.0, -1.0, 1.25)]


UNARY = {
    "sqrt": grid(0, 10, 41) + powers(-120, 120),
    "exp": grid(-20, 20, 161) + [-104.0, -88.0, -87.5, 88.5, 89.0, 200.0],
    "expm1": grid(-5, 5, 81) + powers(-30, -1) + [-100.0, 88.0, 100.0],
    "log": grid(0.01, 20, 161) + powers(-120, 120),
    "log1p": grid(-0.99, 10, 81) + powers(-30, 10) + [-1.0, -2.0],
    "log2": grid(0.01, 20, 81) + [2.0**e for e in range(-120, 121, 5)],
    "log10": grid(0.01, 20, 81) + [1.0, 10.0, 100.0, 1e3, 1e10],
    "sin": grid(-20, 20, 161) + [100.5, -1000.25, 10000.0, 2.0**-20],
    "cos": grid(-20, 20, 161) + [100.5, -1000.25, 10000.0, 2.0**-20],
    "tan": grid(-1.5, 1.5, 61) + [2.0, -3.0, 100.5, 2.0**-20],
    "asin": grid(-1, 1, 81) + [1.5, -2.0, 2.0**-20],
    "acos": grid(-1, 1, 81) + [1.5, -2.0, 2.0**-20],
    "atan": grid(-10, 10, 81) + powers(-20, 60),
    "sinh": grid(-10, 10, 81) + powers(-20, 3) + [88.0, 100.0],
    "cosh": grid(-10, 10, 81) + powers(-20, 3) + [88.0, 100.0],
    "tanh": grid(-10, 10, 161) + powers(-20, 6),
    "asinh": grid(-10, 10, 81) + powers(-20, 60),
    "acosh": grid(1, 20, 81) + [0.5, -1.0, 1e10],
    "atanh": grid(-0.99, 0.99, 81) + powers(-20, -1) + [1.0, -1.0, 1.5],
    "erf": grid(-6, 6, 161) + powers(-20, 5),
    "erfc": grid(-6, 10, 161) + powers(-20, 5),
    "erfinv": grid(-0.999, 0.999, 161) + powers(-20, -1) + [1.0, -1.0, 1.5],
    "lgamma": grid(-6.3, 12, 161) + powers(-20, 30) + [1.0, 2.0, -1.0, -3.0, 1.4615, 170.0],
    "digamma": grid(-6.3, 12, 161) + powers(-20, 30) + [1.0, 2.0, -1.0, -3.0, 170.0],
}
BASES = [-3.0, -2.0, -1.0, -0.5, -0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 10.0, 100.0] + SPECIAL
EXPONENTS = [-10.0, -3.0, -2.0, -1.0, -0.5, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 7.5, 20.0, 21.0] + SPECIAL
SIGNED = [-7.5, -2.0, -1.0, -0.25, 0.25, 1.0, 3.0, 7.5, 1000.0] + SPECIAL


def scalar_values():
    unary = {}
    for name, points in UNARY.items():
        x = torch.tensor([single(p) for p in points] + SPECIAL, dtype=torch.float64)
        y = getattr(torch, name)(x)
        unary[name] = {"x": [number(v) for v in x], "y": [number(v) for v in y]}
    binary = {}
    for name, torch_name, lists in [
        ("pow", "pow", (BASES, EXPONENTS)),
        ("atan2", "atan2", (SIGNED, SIGNED)),
        ("rem", "fmod", (SIGNED, SIGNED)),
    ]:
        a = torch.tensor([p for p in lists[0] for _ in lists[1]], dtype=torch.float64)
        b = torch.tensor([q for _ in lists[0] for q in lists[1]], dtype=torch.float64)
        y = getattr(torch, torch_name)(a, b)
        binary[name] = {"a": [number(v) for v in a], "b": [number(v) for v in b], "y": [number(v) for v in y]}
    return {"torch": torch.__version__, "unary": unary, "binary": binary}


FILES = {
    "scalar": scalar_values,
    "aliasing": lambda: {"torch": torch.__version__, "cases": freeze(ALIASING)},
    "nn": nn_values,
    "edges": lambda: {"torch": torch.__version__, "cases": freeze(EDGES)},
}

if __name__ == "__main__":
    for name in sys.argv[1:] or FILES:
        text = json.dumps(FILES[name](), separators=(",", ":")).replace('},"', '},\n"').replace('{"name"', '\n{"name"')
        (HERE / f"{name}.json").write_text(text + "\n")
