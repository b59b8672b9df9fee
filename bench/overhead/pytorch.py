"""The same calls in PyTorch from Python; a line on stdin is a round."""
import json, sys, time
import torch

torch.set_num_threads(1)
a, b = torch.rand(1), torch.rand(1)
ar = torch.rand(1, requires_grad=True)
m, mr = torch.rand(4, 4), torch.rand(4, 4, requires_grad=True)
linear = torch.nn.Linear(4, 4)
small = [torch.rand(s, requires_grad=True) for s in [(4, 4), (4,), (4, 4), (4,)]]
for p in small:
    p.grad = torch.rand(p.shape)
sgd = torch.optim.SGD(small, lr=1e-9)
momentum = torch.optim.SGD(small, lr=1e-9, momentum=0.9)
adam = torch.optim.Adam(small, lr=1e-9)


def backward():
    (ar + b).backward()
    ar.grad = None


def linear_backward():
    linear(m).sum().backward()
    linear.zero_grad(set_to_none=True)


def chain():
    x = ar
    for _ in range(10):
        x = x + b
    x.backward()
    ar.grad = None


def quiet(fn):
    def run():
        with torch.no_grad():
            for _ in range(100):
                fn()

    return run


calls = {
    "add": (lambda: a.add(b), 5000),
    "torch.add": (lambda: torch.add(a, b), 5000),
    "add, no_grad": (quiet(lambda: ar.add(b)), -50),
    "add, disposed": (lambda: a.add(b), 5000),
    "add, requires_grad": (lambda: ar.add(b), 5000),
    "mul, requires_grad": (lambda: ar.mul(b), 5000),
    "add_": (lambda: a.add_(b), 5000),
    "mul by a number": (lambda: a.mul(0.5), 5000),
    "add, alpha": (lambda: a.add(b, alpha=2), 5000),
    "relu": (lambda: a.relu(), 5000),
    "view": (lambda: m.view(16), 5000),
    "t": (lambda: m.t(), 5000),
    "select": (lambda: m.select(0, 1), 5000),
    "slice": (lambda: m[1:3], 5000),
    "sum": (lambda: m.sum(), 5000),
    "matmul 4x4": (lambda: m.matmul(m), 5000),
    "mm 4x4, requires_grad": (lambda: mr.mm(m), 5000),
    "Linear(4, 4)": (lambda: linear(m), 2000),
    "Linear(4, 4), no_grad": (quiet(lambda: linear(m)), -20),
    "Linear(4, 4) + backward": (linear_backward, 500),
    "add + backward": (backward, 1000),
    "10 adds + backward": (chain, 200),
    "SGD, 4 parameters": (sgd.step, 300),
    "SGD with momentum, 4 parameters": (momentum.step, 300),
    "Adam, 4 parameters": (adam.step, 100),
    "await item()": (lambda: a.item(), 5000),
}

wanted = sys.argv[1:]
for _ in sys.stdin:
    line = {}
    for name, (fn, times) in calls.items():
        if wanted and not any(w in name for w in wanted):
            continue
        n = abs(times)
        start = time.perf_counter()
        for _ in range(n):
            fn()
        line[name] = (time.perf_counter() - start) * 1e6 / (n * 100 if times < 0 else n)
    print(json.dumps(line), flush=True)
