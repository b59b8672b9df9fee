"""The TorchScript programs of the seeds, as their documents have them: (name, program, input lists)."""

import torch
from torch import nn


class MyPlainCell(torch.nn.Module):
    def forward(self, x, h):
        new_h = torch.tanh(x + h)
        return new_h, new_h


class MyLinearCell(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, x, h):
        new_h = torch.tanh(self.linear(x) + h)
        return new_h, new_h


class MyDecisionGate(torch.nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x
        else:
            return -x


class MyCell(torch.nn.Module):
    def __init__(self, dg):
        super().__init__()
        self.dg = dg
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, x, h):
        new_h = torch.tanh(self.dg(self.linear(x)) + h)
        return new_h, new_h


class MyRNNLoop(torch.nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, xs):
        h, y = torch.zeros(3, 4), torch.zeros(3, 4)
        for i in range(xs.size(0)):
            y, h = self.cell(xs[i], h)
        return y, h


class WrapRNN(torch.nn.Module):
    def __init__(self, loop):
        super().__init__()
        self.loop = loop

    def forward(self, xs):
        y, h = self.loop(xs)
        return torch.relu(y)


class MyModule(torch.nn.Module):
    def __init__(self, N, M):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.rand(N, M))

    def forward(self, input):
        if input.sum() > 0:
            output = self.weight.mv(input)
        else:
            output = self.weight + input
        return output


def programs():
    torch.manual_seed(191009)
    x, h = torch.rand(3, 4), torch.rand(3, 4)
    xs = torch.rand(10, 3, 4)
    gate = torch.jit.script(MyDecisionGate())
    yield "seed_my_cell", torch.jit.script(MyPlainCell()), [[x, h]]
    yield "seed_my_cell_linear_traced", torch.jit.trace(MyLinearCell(), (x, h)), [[x, h]]
    yield "seed_my_decision_gate", gate, [[x], [-x]]
    yield "seed_my_cell_gate_traced", torch.jit.trace(MyCell(MyDecisionGate()), (x, h), check_trace=False), [[x, h]]
    yield "seed_my_cell_gate_scripted", torch.jit.script(MyCell(gate)), [[x, h], [-x, h]]

    def loop():
        return torch.jit.script(MyRNNLoop(torch.jit.trace(MyCell(gate), (x, h))))

    yield "seed_my_rnn_loop", loop(), [[xs], [-xs]]
    yield "seed_wrap_rnn", torch.jit.trace(WrapRNN(loop()), (xs,)), [[xs], [xs[:3]]]
    vector = torch.rand(20)
    yield "seed_my_module", torch.jit.script(MyModule(10, 20)), [[vector], [-vector], [torch.ones(1, 3, 224, 224)]]
