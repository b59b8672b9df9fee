"""Writes scalar.json: what PyTorch gives for every function of one or two floats, computed in float64.

Arguments are float32 values, so the same numbers serve both precisions: a float32 result must be the rounding of the
float64 one, within tolerance. Run: /usr/bin/python3 packages/backend-wasm/test/golden/scalar.py
"""
import base64, json, math, os
import torch

inf, nan = math.inf, math.nan
plain = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1e-3, -1e-3, 1e-20, 2.0, 3.0, 10.0, -10.0, 33.3, 0.25, 0.75, -0.75, 1.5, 2.5, -2.5,
         0.9999, -0.9999, 1.0001, 5.5, -3.7, 20.0, -20.0, 87.0, -87.0, 100.0, -100.0, 171.0, 700.0, -745.0, 1e5, -1e5, 1e6,
         8388609.0, 1e10, inf, -inf, nan]
torch.manual_seed(0)
spread = (torch.randn(60, dtype=torch.float64) * 10 ** (torch.arange(60, dtype=torch.float64) % 5 - 3)).tolist()
x = torch.tensor(plain + spread, dtype=torch.float32).double()
unary = {name: getattr(torch, name) for name in
         "sqrt exp expm1 log log1p log2 log10 sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc erfinv lgamma digamma floor ceil trunc round neg abs".split()}
few = torch.tensor([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 3.0, -3.0, 2.5, -7.25, 1e-3, 100.0, inf, -inf, nan], dtype=torch.float64)
a, b = (t.reshape(-1).contiguous() for t in torch.meshgrid(few, few, indexing="ij"))
binary = {"pow": torch.pow, "atan2": torch.atan2, "rem": torch.fmod, "div": torch.div, "min": torch.minimum, "max": torch.maximum}
pack = lambda t: base64.b64encode(t.numpy().tobytes()).decode()
out = {"torch": torch.__version__, "x": pack(x), "a": pack(a), "b": pack(b),
       "unary": {k: pack(f(x)) for k, f in unary.items()}, "binary": {k: pack(f(a, b)) for k, f in binary.items()}}
with open(os.path.join(os.path.dirname(__file__), "scalar.json"), "w") as f:
    json.dump(out, f, indent=0); f.write("\n")
