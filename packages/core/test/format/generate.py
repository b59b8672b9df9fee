"""Writes goldens.json: how PyTorch prints tensors of many dtypes, shapes, magnitudes and print options.

Run with Debian's PyTorch:  /usr/bin/python3 packages/core/test/format/generate.py
"""
import json, math, os, random
import torch

random.seed(191009)
cases = []
inf, nan = math.inf, math.nan

def show(x):
    if isinstance(x, float) and not math.isfinite(x): return str(x)
    if isinstance(x, float) and x == 0 and math.copysign(1, x) < 0: return "-0"
    if isinstance(x, int) and not isinstance(x, bool) and abs(x) >= 2**53: return str(x)
    return x

def case(t, options=None, suffix=None, data=None):
    torch.set_printoptions(profile="default")
    if options: torch.set_printoptions(**options)
    entry = {"dtype": str(t.dtype)[6:], "shape": list(t.shape), "text": str(t)}
    entry["values"] = data if data is not None else [show(x) for x in t.detach().reshape(-1).tolist()]
    if options: entry["options"] = options
    if t.grad_fn is not None: entry["grad_fn"] = type(t.grad_fn).__name__
    if t.requires_grad: entry["requires_grad"] = True
    if torch.get_default_dtype() != torch.float32: entry["default_dtype"] = str(torch.get_default_dtype())[6:]
    cases.append(entry)

T = torch.tensor
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
INTS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)

for d in FLOATS:
    for v in (0., -0., 1., -1.5, 0.1, 1e-5, 12345.678, inf, -inf, nan, 0.5, 3e4): case(T(v, dtype=d))
    for v in ([1., 2., 3.], [1.5, 2.25], [0., 0.], [-0., 0.], [inf, 1.], [nan, 1.], [nan, inf, -inf], [1., nan, 2.5],
              [1e-3, 1e3], [1e-3, 1e-6], [1., 1001.], [1., 1000.], [0.001, 1.001], [2.0, 5e4], [-1., -0.25], [0.03125, 0.5], [0.5, 1.5, 2.5]):
        case(T(v, dtype=d))
for v in ([1e8, 1.], [1e8], [1.00000001e8], [1e9, 2e9], [99999999., 1e8], [100005., 1.], [200015e3, 3.], [1e300, 1.], [5e-324], [1e-4, 0.5], [0.99e-4, 0.05],
          [1e22, 3e25], [123456789.5], [0.00005], [0.99995], [0.99999], [9.99995, 1e5], [1.00005, 1e4], [2.5e-5, 3.5e-5], [1.00005e-5]):
    case(T(v, dtype=torch.float64)); case(T(v, dtype=torch.float32) if max(v) < 1e38 and min(v) > 1e-38 else T(v, dtype=torch.float64), {"sci_mode": False})
for v in ([1., 2.], [1.5, 2.], [inf, 0.5], [0., nan], [100., 0.25]):
    for sci in (True, False): case(T(v), {"sci_mode": sci})
for d in INTS:
    case(T(7, dtype=d)); case(T([1, 100, 3], dtype=d)); case(T([[0, 1], [2, 3]], dtype=d))
    if d != torch.uint8: case(T([-100, 1], dtype=d))
case(T([2**63 - 1, -2**63])); case(T([2**53, 2**53 + 1, 5]))
case(T(True)); case(T([True, False])); case(T([[True, True], [True, True]])); case(T([[False]] * 3))
for shape in ([0], [0, 3], [3, 0], [2, 0, 4], [0, 0]):
    for d in (torch.float32, torch.float64, torch.int64, torch.bool, torch.int32): case(torch.empty(shape, dtype=d))
g = torch.Generator().manual_seed(7)
for shape in ([5], [11], [12], [40], [3, 4], [2, 3, 4], [2, 1, 3, 2], [1, 1], [1, 30], [25, 3], [1, 1, 1, 1, 1], [4, 50], [3, 2, 20], [100]):
    case(torch.randn(shape, generator=g)); case(torch.randn(shape, generator=g, dtype=torch.float64) * 1e-3)
    case(torch.randint(-50, 2000, shape, generator=g)); case(torch.rand(shape, generator=g) > 0.5)
    case(torch.randn(shape, generator=g).round()); case(torch.randn(shape, generator=g) * 10 ** torch.randint(-6, 6, shape, generator=g).float())
    case(torch.randn(shape, generator=g).half()); case(torch.randn(shape, generator=g).bfloat16() * 100)
# Summarised: the values are those of arange, so that the file stays small.
for shape in ([1001], [1000], [2000], [7, 200], [6, 200], [40, 40], [10, 10, 11], [2, 600], [3, 3, 200], [600, 2], [4, 5, 6, 10], [7, 7, 7, 7], [1, 1001], [1001, 1]):
    n = math.prod(shape)
    case(torch.arange(n).reshape(shape), data="arange"); case(torch.arange(n, dtype=torch.float32).reshape(shape), data="arange")
    case((torch.arange(n, dtype=torch.float64) / 8).reshape(shape), data="arange/8")
    case((torch.arange(n, dtype=torch.float32) / 8).reshape(shape), {"profile": "short"}, data="arange/8")
    case(torch.arange(n).reshape(shape), {"edgeitems": 1, "linewidth": 40}, data="arange")
for options in ({"precision": 8}, {"precision": 0}, {"precision": 2, "linewidth": 30}, {"threshold": 5}, {"threshold": 5, "edgeitems": 1},
                {"edgeitems": 2}, {"linewidth": 200}, {"profile": "full"}, {"profile": "short"}, {"profile": "short", "precision": 6}, {"linewidth": 5}, {"threshold": 3, "edgeitems": 4}):
    for shape in ([3], [10], [4, 6], [2, 3, 5]):
        case(torch.randn(shape, generator=g), options); case(torch.randn(shape, generator=g).mul(20).round(), options)
        case(torch.randint(0, 500, shape, generator=g), options); case(torch.randn(shape, generator=g) * 1e6, options)
for v in (0.5, 1.5, 2.5, 0.25): case(T([v, 0.125]), {"precision": 0}); case(T([v * 1e5, 3.]), {"precision": 0, "sci_mode": True})
for n in range(1, 14):
    x = torch.randn(n, generator=g, requires_grad=True)
    case(x); case(x * 2); case((x * 2).sum()); case(torch.randn(n, generator=g, dtype=torch.float64, requires_grad=True).exp())
case(torch.randn(2, 9, generator=g).requires_grad_().softmax(1)); case(torch.randn(3, 4, generator=g, dtype=torch.float64).requires_grad_().t())
case(torch.zeros(0, 3, dtype=torch.float64, requires_grad=True) * 1)
torch.set_default_dtype(torch.float64)
for d in FLOATS + (torch.int64,): case(T([1., 2.5], dtype=d)); case(torch.empty(0, dtype=d))
torch.set_default_dtype(torch.float32)
for _ in range(150):
    shape = [random.choice([1, 2, 3, 5, 8]) for _ in range(random.randint(1, 3))]
    pool = [lambda: random.gauss(0, 1), lambda: random.gauss(0, 1) * 10.0 ** random.randint(-12, 12), lambda: float(random.randint(-5, 5)), lambda: inf, lambda: nan, lambda: 0.0,
            lambda: random.randint(-9999, 9999) / 64]
    pick = random.sample(pool, random.randint(1, 3))
    case(T([random.choice(pick)() for _ in range(math.prod(shape))], dtype=torch.float64).reshape(shape))

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens.json")
with open(path, "w") as f: f.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(len(cases), "cases")
