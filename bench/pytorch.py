"""PyTorch from Python on one thread: `python3 pytorch.py WORKLOAD BUDGET_MS`. Prints {"samples", "check"}."""

import json
import os
import sys
import time

os.environ.pop("OPENBLAS_CORETYPE", None)
import torch  # noqa: E402

torch.set_num_threads(1)
workload, budget = sys.argv[1], float(sys.argv[2]) / 1e3
folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".cache", "bench")
SHAPES = {"matmul512": [[512, 512]] * 2, "resnet18": [[1, 3, 224, 224]]}


def numbers(shape, seed):
    """The numbers of workloads.ts."""
    count = 1
    for size in shape:
        count *= size
    state, values = seed + 1, []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values.append(state / 4294967296)
    return torch.tensor(values).reshape(shape)


inputs = [numbers(shape, i) for i, shape in enumerate(SHAPES.get(workload, [[1], [1]]))]
inner = 1 if workload in SHAPES else 1000
if workload == "add requires_grad":
    inputs[0].requires_grad_(True)
model = torch.jit.load(os.path.join(folder, workload + ".pt")).eval() if workload in SHAPES else None
a, b = inputs[0], inputs[-1]


def sample():
    if model is not None:
        with torch.no_grad():
            return model(*inputs)
    for _ in range(inner):
        result = a + b
    return result


began, n = time.perf_counter(), 0
while n < 3 or time.perf_counter() - began < budget * 0.4:
    output, n = sample(), n + 1
samples, began = [], time.perf_counter()
while len(samples) < 5 or time.perf_counter() - began < budget:
    at = time.perf_counter()
    output = sample()
    samples.append((time.perf_counter() - at) * 1e3 / inner)
print(json.dumps({"samples": samples, "check": output.detach().flatten()[:4].tolist()}))
