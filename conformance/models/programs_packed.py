"""Quantised and mobile-optimised programs: (name, module, calls)."""

import torch
from torch import nn
from torch.ao import quantization
from torch.utils.mobile_optimizer import optimize_for_mobile


class Quantities(nn.Module):
    """Quantised tensors by hand: their integers, scales and arithmetic."""

    def __init__(self):
        super().__init__()
        weight = torch.quantize_per_channel(torch.randn(3, 4), torch.tensor([0.02, 0.03, 0.04]), torch.zeros(3, dtype=torch.long), 0, torch.qint8)
        self.by_channel = torch.ops.quantized.linear_prepack(weight, torch.randn(3))

    def forward(self, x: torch.Tensor, y: torch.Tensor):
        a = torch.quantize_per_tensor(x, 0.05, 128, torch.quint8)
        b = torch.quantize_per_tensor(y, 0.1, -3, torch.qint8)
        c = torch.ops.quantized.add(a, torch.quantize_per_tensor(y, 0.1, 100, torch.quint8), 0.2, 64)
        d = torch.ops.quantized.mul(a, a, 0.07, 3)
        e = torch.ops.quantized.cat([a, d], 1, 0.1, 50)
        weight = torch.quantize_per_tensor(y, 0.05, 0, torch.qint8)
        packed = torch.ops.quantized.linear_prepack(weight, None)
        f = torch.ops.quantized.linear(a.reshape([-1, 4]), packed, 0.2, 100)
        g = torch.ops.quantized.linear_relu(a, packed, 0.2, 10)
        h = torch.ops.quantized.linear_dynamic(x, self.by_channel)
        unpacked, bias = torch.ops.quantized.linear_unpack(packed)
        return (a.int_repr(), b.dequantize(), a.q_scale(), b.q_zero_point(), c.dequantize(), d.int_repr(), e.int_repr(), f.dequantize(), g.int_repr(), h,
                unpacked.int_repr(), a.view([-1])[1:3].dequantize(), a.transpose(0, 1).int_repr())


class Pools(nn.Module):
    """What stays quantised without operators of its own."""

    def forward(self, x: torch.Tensor):
        q = torch.quantize_per_tensor(x, 0.05, 100, torch.quint8)
        a = torch.relu(q)
        b = torch.max_pool2d(q, [2, 2])
        c = torch.nn.functional.adaptive_avg_pool2d(q, [2, 2])
        d = q.mean([2, 3])
        f = q.permute(0, 2, 3, 1).contiguous().clone()
        return a.int_repr(), b.int_repr(), c.dequantize(), d.q_scale(), d.dequantize(), f.int_repr()


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 8, bias=False), nn.Tanh(), nn.Linear(8, 4))

    def forward(self, x):
        return self.layers(x)


class Sequences(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.gru = nn.LSTM(4, 3, num_layers=2, bidirectional=True, batch_first=True), nn.GRU(6, 3)
        self.out = nn.Linear(3, 2)

    def forward(self, x):
        y, (h, c) = self.lstm(x)
        z, last = self.gru(y)
        return self.out(z), h, c, last


class Images(nn.Module):
    def __init__(self):
        super().__init__()
        self.quantize, self.dequantize = quantization.QuantStub(), quantization.DeQuantStub()
        self.first, self.relu = nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.ReLU()
        self.second = nn.Conv2d(6, 6, 3, padding=1, groups=2, bias=False)
        self.sum = nn.quantized.FloatFunctional()
        self.head = nn.Linear(6 * 16, 5)

    def forward(self, x):
        x = self.relu(self.first(self.quantize(x)))
        x = self.sum.add(x, self.second(x))
        return self.dequantize(self.head(x.flatten(1)))


class Digits(nn.Module):
    """What optimize_for_mobile packs: convolutions and products with their activations."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, stride=2, groups=4, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.hidden, self.out = nn.Linear(36, 10), nn.Linear(10, 3)

    def forward(self, x):
        x = torch.relu(self.first(x))
        x = torch.nn.functional.hardtanh(self.norm(self.second(x)), -0.5, 0.75)
        x = torch.relu(self.hidden(x.flatten(1)))
        return self.out(x)


def statically_quantised(model, calibration):
    model.eval()
    model.qconfig = quantization.get_default_qconfig("fbgemm")
    model = quantization.fuse_modules(model, [["first", "relu"]])
    quantization.prepare(model, inplace=True)
    model(calibration)
    return quantization.convert(model)


def programs():
    torch.manual_seed(7)
    torch.backends.quantized.engine = "qnnpack"
    x, y = torch.randn(3, 4), torch.randn(3, 4)
    yield "quantities", Quantities().eval(), [[x, y], [x * 3, y * 0.1]]
    yield "quantised_pools", Pools().eval(), [[torch.randn(1, 2, 6, 6)], [torch.randn(2, 3, 6, 6) * 2]]
    torch.backends.quantized.engine = "onednn"   # QNNPACK ignores reduce_range, which the others heed
    dynamic = quantization.quantize_dynamic(Perceptron().eval(), {nn.Linear}, dtype=torch.qint8)
    yield "dynamic_linear", dynamic, [[torch.randn(5, 12)], [torch.randn(2, 3, 12).abs()], [torch.zeros(1, 12)]]
    recurrent = quantization.quantize_dynamic(Sequences().eval(), {nn.LSTM, nn.GRU, nn.Linear}, dtype=torch.qint8)
    yield "dynamic_recurrent", recurrent, [[torch.randn(2, 5, 4)], [torch.randn(1, 3, 4) * 0.1]]
    images = torch.randn(4, 3, 8, 8)
    yield "static_convolution", statically_quantised(Images(), images), [[images], [images[1:3].flip(3)]]
    digits = Digits().eval()
    digits.norm.running_var.uniform_(0.5, 2)
    yield "mobile_optimised", optimize_for_mobile(torch.jit.script(digits)), [[torch.randn(2, 1, 8, 8)], [torch.randn(1, 1, 8, 8)]]
