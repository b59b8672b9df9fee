"""The tutorial in Python, as it stands there; writes what it prints, for the test to compare: /usr/bin/python3 introduction.py"""
import json
import os

import torch

out = []


def show(step, value):
    out.append([step, str(value)])


torch.manual_seed(191009)


class MyCell(torch.nn.Module):
    def __init__(self):
        super().__init__()

    def forward(self, x, h):
        new_h = torch.tanh(x + h)
        return new_h, new_h


my_cell = MyCell()
x = torch.rand(3, 4)
h = torch.rand(3, 4)
show('my_cell(x, h)', my_cell(x, h))


class MyCell(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, x, h):
        new_h = torch.tanh(self.linear(x) + h)
        return new_h, new_h


LinearCell = MyCell
my_cell = MyCell()
show('my_cell', my_cell)
show('my_cell(x, h)', my_cell(x, h))


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


my_cell = MyCell(MyDecisionGate())
show('my_cell', my_cell)
show('my_cell(x, h)', my_cell(x, h))

my_cell = LinearCell()
x, h = torch.rand(3, 4), torch.rand(3, 4)
traced_cell = torch.jit.trace(my_cell, (x, h))
show('traced_cell', traced_cell)
show('traced_cell(x, h)', traced_cell(x, h))
show('traced_cell.graph', traced_cell.graph)
show('traced_cell.code', traced_cell.code)
show('my_cell(x, h)', my_cell(x, h))
show('traced_cell(x, h)', traced_cell(x, h))

my_cell = MyCell(MyDecisionGate())
traced_cell = torch.jit.trace(my_cell, (x, h))
show('traced_cell.dg.code', traced_cell.dg.code)
show('traced_cell.code', traced_cell.code)

scripted_gate = torch.jit.script(MyDecisionGate())
my_cell = MyCell(scripted_gate)
scripted_cell = torch.jit.script(my_cell)
show('scripted_gate.code', scripted_gate.code)
show('scripted_cell.code', scripted_cell.code)
x, h = torch.rand(3, 4), torch.rand(3, 4)
show('scripted_cell(x, h)', scripted_cell(x, h))


class MyRNNLoop(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = torch.jit.trace(MyCell(scripted_gate), (x, h))

    def forward(self, xs):
        h, y = torch.zeros(3, 4), torch.zeros(3, 4)
        for i in range(xs.size(0)):
            y, h = self.cell(xs[i], h)
        return y, h


rnn_loop = torch.jit.script(MyRNNLoop())
show('rnn_loop.code', rnn_loop.code)


class WrapRNN(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.loop = torch.jit.script(MyRNNLoop())

    def forward(self, xs):
        y, h = self.loop(xs)
        return torch.relu(y)


traced = torch.jit.trace(WrapRNN(), (torch.rand(10, 3, 4)))
show('traced.code', traced.code)
traced.save('/tmp/wrapped_rnn.pt')
loaded = torch.jit.load('/tmp/wrapped_rnn.pt')
show('loaded', loaded)
show('loaded.code', loaded.code)

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'introduction.json'), 'w') as file:
    json.dump(out, file, indent=1)
    file.write('\n')
