"""PyTorch from Python: `python3 pytorch.py WORKLOAD THREADS eager|script`. Speaks serve.ts's lines."""

import json
import os
import sys
import time

workload, threads, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
began = time.perf_counter()
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

torch.set_num_threads(threads)
folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".cache", "bench")
WARM = 0.6


def say(**message):
    print(json.dumps(message), flush=True)


def digest(values):
    flat = values.detach().flatten().double()
    step = max(1, flat.numel() // 16)
    return [flat.abs().mean().item(), *flat[::step][:16].tolist()]


def network(name):
    """The archive that export.py wrote; in `eager` mode its weights in the module itself."""
    script = torch.jit.load(os.path.join(folder, name + ".pt")).eval()
    if mode == "script":
        return script
    if name in ("resnet18", "mobilenetv2"):
        import torchvision

        module = getattr(torchvision.models, {"mobilenetv2": "mobilenet_v2"}.get(name, name))(weights=None)
    else:
        from models import NETWORKS

        module = NETWORKS[name][0]()
    module.load_state_dict(script.state_dict(), strict=name != "startup")
    return module.eval()


def prepare():
    """A step that makes one sample, how many calls that is, and what the first call computed."""
    if workload == "startup":
        script = torch.jit.load(os.path.join(folder, "startup.pt"))
        state, inputs = 1, []
        for _ in range(784):
            state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
            inputs.append(state / 4294967296 - 0.5)
        with torch.no_grad():
            return None, 1, digest(script(torch.tensor(inputs).reshape(1, 1, 28, 28)))
    from models import NETWORKS, numbers

    if workload == "mnist_train":
        module = network("startup").train()
        optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
        images, labels = numbers([64, 1, 28, 28], 0), torch.arange(64) % 10

        def step():
            optimizer.zero_grad()
            loss = F.cross_entropy(module(images), labels)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step, 1, [step() for _ in range(3)]
    if workload in ("add_grad", "add_backward"):
        a, b = numbers([1], 0).requires_grad_(True), numbers([1], 1)
        if workload == "add_grad":

            def step():
                for _ in range(1000):
                    a + b

            return step, 1000, digest(a + b)

        def step():
            for _ in range(1000):
                (a + b).backward()

        (a + b).backward()
        return step, 1000, digest(a.grad)
    module = network(workload)
    inputs = [numbers(shape, i) for i, shape in enumerate(NETWORKS[workload][1])]
    inner = 1000 if workload in ("add", "linear") else 1
    if workload == "add" and mode == "eager":
        a, b = inputs

        def step():
            for _ in range(1000):
                a + b

    elif workload == "linear":

        def step():
            for _ in range(1000):
                module(*inputs)

    else:

        def step():
            with torch.no_grad():
                for _ in range(inner):
                    module(*inputs)

    with torch.no_grad():
        output = module(*inputs)
    return step, inner, digest(output[0] if isinstance(output, tuple) else output)


def sample(step, inner):
    at = time.perf_counter()
    step()
    return (time.perf_counter() - at) * 1e3 / inner


step, inner, check = prepare()
if workload == "startup":
    say(check=check, samples=[(time.perf_counter() - began) * 1e3])
    sys.exit()
warm, n = time.perf_counter(), 0
while n < 3 or time.perf_counter() - warm < WARM:
    sample(step, inner)
    n += 1
say(check=check)
for line in sys.stdin:
    budget = float(line) / 1e3
    samples, start = [], time.perf_counter()
    sample(step, inner)
    while not samples or time.perf_counter() - start < budget:
        samples.append(sample(step, inner))
    say(samples=samples)
