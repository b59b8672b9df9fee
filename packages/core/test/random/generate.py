"""Writes goldens.json: what PyTorch's CPU generator draws, as digests of the bytes with the first few bytes beside them.

Run with Debian's PyTorch (AVX2, no MKL):  /usr/bin/python3 packages/core/test/random/generate.py
Every case is drawn from a generator freshly seeded with 191009, unless it says another seed.
"""
import hashlib, json, os, warnings
import torch

warnings.simplefilter("ignore")
SEED = 191009
DTYPES = {str(d)[6:]: d for d in (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
                                  torch.float32, torch.float64, torch.float16, torch.bfloat16)}
FLOATS = [n for n, d in DTYPES.items() if d.is_floating_point]
cases = []

def raw(t):
    t = t.detach().contiguous()
    return (t.view(torch.int16) if t.dtype == torch.bfloat16 else t).numpy().tobytes()

def case(function, dtype, args, draw, seed=SEED):
    torch.manual_seed(seed)
    try:
        data = raw(draw())
    except RuntimeError as error:
        if "not implemented for" in str(error): return   # 1.13 lacks some distributions in float16
        raise
    cases.append({"f": function, "dtype": dtype, "args": args, "sha256": hashlib.sha256(data).hexdigest(), "head": data[:32].hex(),
                  **({"seed": str(seed)} if seed != SEED else {})})

empty = lambda n, name: torch.empty(n, dtype=DTYPES[name])
# Doubles whose way leads through libm's last bit are compared value by value: ours are rounded correctly, libm's nearly always.
close = {}
def near(key, draw):
    torch.manual_seed(SEED)
    close[key] = draw().tolist()

for name in FLOATS:
    for n, low, high in [(1, 0, 1), (12, 0, 1), (1000, 0, 1), (3000, -0.37, 2.9)]:
        case("uniform", name, [n, low, high], lambda: empty(n, name).uniform_(low, high))
    for n, mean, std in [(1, 0, 1), (15, 0, 1), (16, 0, 1), (17, 0, 1), (100, 0, 1), (20001, 0, 1), (1000, 0.7, 3.3), (13, 0.3, 2)]:
        if name == "float64":
            if n <= 1000: near(f"normal {n} {mean} {std}", lambda: empty(n, name).normal_(mean, std))
        else: case("normal", name, [n, mean, std, True], lambda: empty(n, name).normal_(mean, std))
    if name != "float64":
        case("normal", name, [500, 0.3, 2, False], lambda: torch.empty(500, 2, dtype=DTYPES[name])[:, 0].normal_(0.3, 2))
        case("exponential", name, [2000, 1.7], lambda: empty(2000, name).exponential_(1.7))
        case("cauchy", name, [2000, 0.3, 1.7], lambda: empty(2000, name).cauchy_(0.3, 1.7))
        case("log_normal", name, [2000, 0.3, 1.7], lambda: empty(2000, name).log_normal_(0.3, 1.7))
    else:
        near("exponential 1000 1.7", lambda: empty(1000, name).exponential_(1.7))
        near("cauchy 1000 0.3 1.7", lambda: empty(1000, name).cauchy_(0.3, 1.7))
        near("log_normal 1000 0.3 1.7", lambda: empty(1000, name).log_normal_(0.3, 1.7))
    p = (torch.arange(256) / 256).to(DTYPES[name])
    case("bernoulli_tensor", name, [256], lambda: torch.bernoulli(p))
for name in DTYPES:
    case("random_full", name, [300], lambda: empty(300, name).random_())
    for p in (0.3, 0.0, 1.0):
        case("bernoulli", name, [300, p], lambda: empty(300, name).bernoulli_(p))
    if name == "bool": continue
    case("geometric", name, [300, 0.3], lambda: empty(300, name).geometric_(0.3))
    case("random_from_to", name, [300, "3", "101"], lambda: empty(300, name).random_(3, 101))
    if name != "bfloat16":
        for n in (0, 1, 2, 100): case("randperm", name, [n], lambda: torch.randperm(n, dtype=DTYPES[name]))
case("randperm", "int64", [50000], lambda: torch.randperm(50000))
for low, high in [(0, 2**32), (0, 2**32 - 1), (-2**40, 2**41), (-2**63, 2**63 - 1), (2**60, 2**60 + 5), (-5, 5)]:
    case("random_from_to", "int64", [300, str(low), str(high)], lambda: empty(300, "int64").random_(low, high))
for name, low, high in [("float32", 0, 2**24 + 3), ("float32", -2**25 - 1, 2**25 + 1), ("float32", 2**30 + 7, 2**34 + 100),
                        ("float64", -2**60 - 1, 2**60 + 1), ("bfloat16", 300, 900), ("bfloat16", -1001, 999), ("float16", -4097, 5001)]:
    case("random_from_to", name, [300, str(low), str(high)], lambda: empty(300, name).random_(low, high))
case("random_full_64", "int64", [300], lambda: empty(300, "int64").random_(-2**63, None))
for name in ("float32", "float64"):
    weights = (torch.arange(1, 61) / 64).reshape(3, 20).to(DTYPES[name])
    for samples, replacement in [(1, False), (1, True), (20, False), (500, True)]:
        case("multinomial", name, [3, 20, samples, replacement], lambda: torch.multinomial(weights, samples, replacement))
for seed in (0, -1, -2**63, 2**64 - 1, 12345678901234567890, 2**32, 2**32 + 1):
    case("uniform", "float32", [10, 0, 1], lambda: torch.rand(10), seed)
seeds = []
for seed in (0, -1, -2**63, 2**64 - 1, 2**53):
    seeds.append([str(seed), str(torch.Generator().manual_seed(seed).initial_seed())])

def state_after(draw):
    torch.manual_seed(SEED)
    draw()
    return hashlib.sha256(raw(torch.get_rng_state())).hexdigest()

# What the issue asks for by name.

case("rand(3, 4)", "float32", [], lambda: torch.rand(3, 4))
case("randn(100)", "float32", [], lambda: torch.randn(100))
case("Linear weight", "float32", [], lambda: torch.nn.Linear(4, 4).weight)
case("Linear bias", "float32", [], lambda: torch.nn.Linear(4, 4).bias)
case("dropout", "float32", [], lambda: torch.nn.functional.dropout(torch.ones(500), 0.3))

goldens = {"seed": SEED, "cases": cases, "close": close, "seeds": seeds, "default": str(torch.Generator().initial_seed()),
           "states": {"fresh": state_after(lambda: None), "700 words": state_after(lambda: torch.rand(700)),
                      "an even number of normals": state_after(lambda: torch.randn(8)), "odd": state_after(lambda: torch.randn(7, dtype=torch.float16))}}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens.json")
with open(path, "w") as f:
    f.write("{" + ",\n".join(f'"{k}": ' + (json.dumps(v) if k != "cases" else "[\n" + ",\n".join(map(json.dumps, v)) + "\n]") for k, v in goldens.items()) + "}\n")
