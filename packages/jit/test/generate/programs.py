"""The programs of the seeds, an LSTM, a transformer encoder and a small network to train, saved and run by PyTorch.

Run: python3 packages/jit/test/generate/programs.py   (Debian's PyTorch 1.13)
Writes archives/programs/NAME.pt and archives/programs.json.
"""
import json
import os
import warnings

import torch
from torch import nn

from values import encode

warnings.filterwarnings("ignore")
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "archives")
out = os.path.join(here, "programs")
os.makedirs(out, exist_ok=True)
programs = {}


def keep(name, module, *calls):
    module.save(os.path.join(out, name + ".pt"))
    loaded = torch.jit.load(os.path.join(out, name + ".pt"))
    with torch.no_grad():
        results = [{"args": [encode(a) for a in args], "result": encode(loaded(*args))} for args in calls]
    programs[name] = {
        "calls": results,
        "code": loaded.code,
        "graph": str(loaded.graph),
        "keys": list(loaded.state_dict().keys()),
        "text": str(loaded),
    }
    return loaded


# "Introduction to TorchScript"
torch.manual_seed(191009)


class MyDecisionGate(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x
        else:
            return -x


class MyCell(nn.Module):
    def __init__(self, dg):
        super().__init__()
        self.dg = dg
        self.linear = nn.Linear(4, 4)

    def forward(self, x, h):
        new_h = torch.tanh(self.dg(self.linear(x)) + h)
        return new_h, new_h


class PlainCell(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x, h):
        new_h = torch.tanh(self.linear(x) + h)
        return new_h, new_h


x, h = torch.rand(3, 4), torch.rand(3, 4)
scripted_gate = torch.jit.script(MyDecisionGate())
keep("MyDecisionGate", scripted_gate, (x,), (-x,))
keep("PlainCellTraced", torch.jit.trace(PlainCell(), (x, h)), (x, h))
keep("MyCellTraced", torch.jit.trace(MyCell(MyDecisionGate()), (x, h)), (x, h))
keep("MyCell", torch.jit.script(MyCell(scripted_gate)), (x, h), (-x, h))


class MyRNNLoop(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = torch.jit.trace(MyCell(scripted_gate), (x, h))

    def forward(self, xs):
        h, y = torch.zeros(3, 4), torch.zeros(3, 4)
        for i in range(xs.size(0)):
            y, h = self.cell(xs[i], h)
        return y, h


class WrapRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.loop = torch.jit.script(MyRNNLoop())

    def forward(self, xs):
        y, h = self.loop(xs)
        return torch.relu(y)


xs = torch.rand(10, 3, 4)
keep("MyRNNLoop", torch.jit.script(MyRNNLoop()), (xs,), (xs[:2],))
keep("WrapRNN", torch.jit.trace(WrapRNN(), (xs,)), (xs,), (xs[:3],))


# "Loading a TorchScript model in C++"
class MyModule(nn.Module):
    def __init__(self, N, M):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(N, M))

    def forward(self, input):
        if input.sum() > 0:
            output = self.weight.mv(input)
        else:
            output = self.weight + input
        return output


keep("MyModule", torch.jit.script(MyModule(10, 20)), (torch.rand(20),), (-torch.rand(20),))

# Recurrent and attention
class Recurrent(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        out, state = self.inner(x)
        return out, state


torch.manual_seed(1)
keep("LSTM", torch.jit.script(Recurrent(nn.LSTM(3, 5, num_layers=2, bidirectional=True))), (torch.rand(4, 2, 3),))
keep("GRU", torch.jit.script(Recurrent(nn.GRU(3, 5, batch_first=True))), (torch.rand(2, 4, 3),))
keep("LSTMCell", torch.jit.script(Recurrent(nn.LSTMCell(3, 5))), (torch.rand(2, 3),))
layer = nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16, batch_first=True)
keep("TransformerEncoder", torch.jit.script(nn.TransformerEncoder(layer, num_layers=2).eval()), (torch.rand(2, 5, 8),))
keep("TransformerEncoderTraining", torch.jit.script(nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16, dropout=0.0)), (torch.rand(5, 2, 8),))
keep("Embedding", torch.jit.script(nn.Sequential(nn.Embedding(10, 4), nn.LayerNorm(4))), (torch.tensor([[1, 2], [9, 0]]),))

# Fine-tuning: 20 steps of plain gradient descent, with the loss of each
torch.manual_seed(2)
net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 5))
data, target = torch.rand(6, 1, 8, 8), torch.tensor([0, 1, 2, 3, 4, 0])
loaded = keep("Net", torch.jit.script(net.eval()), (data,))
torch.jit.script(net.train()).save(os.path.join(out, "NetTraining.pt"))
model = torch.jit.load(os.path.join(out, "NetTraining.pt"))
losses = []
for _ in range(20):
    for p in model.parameters():
        p.grad = None
    loss = nn.functional.cross_entropy(model(data), target)
    loss.backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= 0.1 * p.grad
    losses.append(loss.item())
training = {
    "data": encode(data),
    "target": encode(target),
    "losses": losses,
    "state": {k: encode(v) for k, v in model.state_dict().items()},
}

with open(os.path.join(here, "programs.json"), "w") as f:
    json.dump({"programs": programs, "training": training}, f, indent=1, sort_keys=True)
print(len(programs), "programs")
