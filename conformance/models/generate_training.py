"""Writes training.json: seeds to the bit, the proposal's Net forward and backward, a loaded program fine-tuned, seed 4's walk.

Run `nice /usr/bin/python3 conformance/models/generate_training.py` with PyTorch 1.13, after generate_models.py (it reads
the case resnet18.trace) and after examples/digits/train.py. README.md describes what comes out.
"""

import gzip
import io
import json
import tarfile
import zipfile

import numpy as np
import torch
from torch import nn

import bundle
import fill
from bundle import HERE, Blob, Generated

EXAMPLE = HERE.parent.parent / "examples" / "digits" / "digits.pt"
DIGITS = HERE / "programs" / "digits.pt"   # a copy, since the suite is installed without the examples
STEPS, BATCH = 20, 32


class Net(nn.Module):
    """The torch.js proposal's class; 4x4 images make its flattened features the 32 that its last layer takes."""

    def __init__(self):
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=1, padding=2),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 5, stride=1, padding=2),
            nn.MaxPool2d(2),
            nn.ReLU(),
        )
        self.mlp = nn.Linear(32, 10)

    def forward(self, input):
        x = self.convs(input)
        x = x.view([x.size(0), -1])
        return self.mlp(x)


def seeds(blob):
    torch.manual_seed(191009)
    rand, randn, linear = torch.rand(3, 4), torch.randn(100), nn.Linear(4, 4)
    return {
        "name": "seeds",
        "seed": 191009,
        "rand": blob.value(rand),
        "randn": blob.value(randn),
        "weight": blob.value(linear.weight),
        "bias": blob.value(linear.bias),
    }


def net(blob):
    torch.manual_seed(191009)
    model = Net()
    x = torch.randn(4, 3, 4, 4, requires_grad=True)
    target = torch.tensor([1, 0, 9, 4])
    out = model(x)
    loss = nn.functional.cross_entropy(out, target)
    loss.backward()
    return {
        "name": "net",
        "seed": 191009,
        "input": blob.value(x),
        "target": blob.value(target),
        "output": blob.value(out),
        "loss": blob.value(loss),
        "input_grad": blob.value(x.grad),
        "parameters": {n: blob.value(p) for n, p in model.named_parameters()},
        "grads": {n: blob.value(p.grad) for n, p in model.named_parameters()},
        "text": str(model),
    }


def finetune(blob, train):
    """Twenty steps of SGD on generated images: in eval mode (norms frozen, no dropout) or in train mode from a seed."""
    torch.manual_seed(191009)
    model = torch.jit.load(str(DIGITS))
    model.train(train)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    losses, labels = [], []
    for step in range(STEPS):
        x = Generated(f"finetune.{step}", (BATCH, 1, 28, 28), 1.0).tensor()
        y = torch.tensor([(step * 7 + i * i) % 10 for i in range(BATCH)])
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        labels.append(y)
    return {
        "name": "finetune.train" if train else "finetune.eval",
        "archive": "programs/digits.pt",
        "train": train,
        "seed": 191009,
        "inputs": {"uniform": {"name": "finetune.STEP", "shape": [BATCH, 1, 28, 28], "bound": 1.0}},
        "sgd": {"lr": 0.01, "momentum": 0.9, "weight_decay": 1e-4},
        "labels": blob.value(torch.stack(labels)),
        "losses": blob.value(torch.stack(losses)),
        "bias_after": blob.value(dict(model.named_parameters())["classifier.4.bias"]),
    }


def whole_archive(case):
    """The archive of one case of models.json with its weights filled in: index.ts does the same."""
    blob = gzip.decompress((HERE / case["data"]).read_bytes())
    out = io.BytesIO()
    with tarfile.open(HERE / case["archive"]) as tar:
        records = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}
    recipe = json.loads(records["recipe.json"])
    with zipfile.ZipFile(out, "w") as zipped:
        for entry in recipe["records"]:
            if "name" not in entry:
                data = records[entry["record"]]
            elif "statistic" in entry:
                bits = np.frombuffer(blob, "<u2", int(np.prod(entry["shape"])), entry["statistic"])
                data = (bits.astype("<u4") << 16).tobytes()
            else:
                data = fill.weight(entry["name"], tuple(entry["shape"])).tobytes()
            zipped.writestr(f"{recipe['root']}/{entry['record']}", data)
    return out.getvalue()


def walk():
    """Seed 4: load ResNet-18, forward on ones, the first five outputs as Python prints them."""
    cases = json.loads((HERE / "models.json").read_text())["cases"]
    case = next(c for c in cases if c["name"] == "resnet18.trace")
    model = torch.jit.load(io.BytesIO(whole_archive(case)))
    output = model(torch.ones(1, 3, 224, 224))
    exact = model.double()(torch.ones(1, 3, 224, 224).double()).float()
    head = output.slice(1, 0, 5) if hasattr(output, "slice") else output[:, 0:5]
    assert str(head) == str(exact[:, 0:5]), "an output so near to a rounding edge that its fourth digit is a matter of luck"
    try:
        model.float()(torch.ones(3))
    except RuntimeError as error:
        wrong_shape = str(error).strip().splitlines()[-1].removeprefix("RuntimeError: ")
    return {"name": "walk", "model": case["name"], "text": str(head), "wrong_shape": wrong_shape}


def main():
    torch.set_num_threads(1)
    DIGITS.write_bytes(EXAMPLE.read_bytes())
    blob = Blob()
    entries = [seeds(blob), net(blob), finetune(blob, False), finetune(blob, True), walk()]
    blob.write(HERE / "data/training.gz")
    bundle.write_manifest("training.json", entries, torch=torch.__version__, data="data/training.gz")


if __name__ == "__main__":
    main()
