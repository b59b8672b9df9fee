"""Quantised layers of every kind, as PyTorch converts them in eager mode and by FX: (name, module, calls).

Answers are dequantised, and the inputs lie between two steps, so that both sides quantise them alike; what may differ by
one step is said by the `quantum` of an answer, its scale.
"""

import torch
from torch import nn
from torch.ao import quantization
from torch.ao.nn.quantized import FloatFunctional
from torch.ao.quantization import quantize_fx


class Convolutions(nn.Module):
    """Of one, two and three dims, with and without relu, bias and groups; transposed ones too."""

    def __init__(self):
        super().__init__()
        self.quantize, self.dequantize = quantization.QuantStub(), quantization.DeQuantStub()
        self.one = nn.Sequential(nn.Conv1d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv1d(8, 6, 3, dilation=2, groups=2, bias=False))
        self.two = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=8, stride=(2, 1)), nn.Conv2d(8, 4, 1))
        self.up = nn.Sequential(nn.ConvTranspose1d(3, 4, 3, stride=2, output_padding=1), nn.ConvTranspose1d(4, 2, 2))
        self.wide = nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=(1, 0))

    def forward(self, x, y):
        x, y = self.quantize(x), self.quantize(y)
        return self.dequantize(self.one(x)), self.dequantize(self.two(y)), self.dequantize(self.up(x)), self.dequantize(self.wide(y))


class Activations(nn.Module):
    """Activations, with scales of their own and without."""

    def __init__(self):
        super().__init__()
        self.quantize, self.dequantize = quantization.QuantStub(), quantization.DeQuantStub()
        self.own = nn.ModuleList([nn.Hardswish(), nn.ELU(), nn.LeakyReLU(0.1), nn.Sigmoid(), nn.Tanh()])
        self.kept = nn.ModuleList([nn.ReLU6(), nn.Hardtanh(-0.5, 0.75), nn.Hardsigmoid(), nn.ReLU()])
        self.functional = nn.ModuleList([FloatFunctional() for _ in range(6)])

    def forward(self, x):
        q = self.quantize(x)
        out = []
        for layer in self.own:
            out.append(self.dequantize(layer(q)))
        for layer in self.kept:
            out.append(self.dequantize(layer(q)))
        f = self.functional
        r = f[0].add(q, q)
        out.append(self.dequantize(f[1].add_scalar(r, 0.3)))
        out.append(self.dequantize(f[2].mul_scalar(r, -0.7)))
        out.append(self.dequantize(f[3].mul(r, q)))
        out.append(self.dequantize(f[4].cat([r, q], 1)))
        out.append(self.dequantize(f[5].add_relu(r, q)))
        out.append(self.dequantize(nn.functional.leaky_relu(q, 0.2)))
        out.append(self.dequantize(nn.functional.dropout(nn.functional.pad(q, [1, 1]), training=False)))
        return out


class Operators(nn.Module):
    """What no layer is converted to, but programs call."""

    def forward(self, x: torch.Tensor):
        q = torch.quantize_per_tensor(x, 0.05, 100, torch.quint8)
        s = torch.quantize_per_tensor(x, 0.04, -5, torch.qint8)
        o = torch.ops.quantized
        results = [o.softmax(q, 1, 1 / 256, 0), o.celu(q, 0.05, 30, 0.5), o.matmul(q, q.t(), 0.1, 100), o.add_scalar(s, 20.0), o.add_scalar_relu(q, -20.0),
                   o.mul_scalar(s, -2.5), o.mul_scalar_relu(q, 0.3), o.mul_scalar(q, 0.0), o.clamp(s, -0.5, 0.7), o.threshold(q, 0.5, 0.1), o.relu6(s),
                   o.cat_relu([q, q], 0, 0.07, 20), o.hardswish(s, 0.06, 3), torch.sigmoid(s), torch.tanh(s), torch.nn.functional.hardsigmoid(s), torch.nn.functional.gelu(q),
                   q.masked_fill(x > 0.5, 0.33), q.index_select(0, torch.tensor([1, 0])), q[:, 1:3].flip(0), torch.stack([s, s], 1), q.clone().fill_(0.42),
                   torch.nn.functional.pad(s, [1, 2], value=0.3), q.repeat(2, 1), s.max(1)[0], q.sort(1)[0], torch.relu_(s.clone()), q.clone().copy_(x * 0.5)]
        return [r.dequantize() for r in results], q < s, q == q, torch.equal(s, s)


class Images(nn.Module):
    """Pools, resampling, shuffles and norms."""

    def __init__(self):
        super().__init__()
        self.quantize, self.dequantize = quantization.QuantStub(), quantization.DeQuantStub()
        self.norm = nn.BatchNorm2d(4)
        self.norms = nn.ModuleList([nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=True), nn.LayerNorm([6, 6])])
        self.functional = FloatFunctional()

    def forward(self, x):
        q = self.quantize(x)
        out = [self.dequantize(self.norm(q))]
        for norm in self.norms:
            out.append(self.dequantize(norm(q)))
        out.append(self.dequantize(nn.functional.max_pool2d(q, 3, 2, 1)))
        out.append(self.dequantize(nn.functional.avg_pool2d(q, 2)))
        out.append(self.dequantize(nn.functional.adaptive_avg_pool2d(q, [2, 3])))
        out.append(self.dequantize(nn.functional.interpolate(q, scale_factor=2.0, mode="nearest")))
        out.append(self.dequantize(nn.functional.interpolate(q, size=[9, 9], mode="bilinear", align_corners=False)))
        out.append(self.dequantize(torch.nn.functional.channel_shuffle(q, 2)))
        a, b = q.chunk(2, 1)
        out.append(self.dequantize(self.functional.cat([b, a], 1)))
        out.append(self.dequantize(q.mean([2, 3])))
        out.append(self.dequantize(torch.cat([q, q], 1)[:, ::3]))
        out.append(self.dequantize(q.flatten(1).topk(3)[0]))
        return out


class Tables(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(11, 6)
        self.bags = nn.EmbeddingBag(9, 6, mode="sum")
        self.last = nn.EmbeddingBag(9, 4, mode="sum", include_last_offset=True)

    def forward(self, x, offsets):
        return self.words(x), self.bags(x, offsets[:-1]), self.last(x, offsets), self.bags(x.view(2, -1))


class Halves(nn.Module):
    def __init__(self):
        super().__init__()
        self.bags = nn.EmbeddingBag(9, 6, mode="sum")

    def forward(self, x, offsets):
        return self.bags(x, offsets)


class Transformer(nn.Module):
    """A feed-forward block with its norm, converted by FX."""

    def __init__(self):
        super().__init__()
        self.norm, self.first, self.second, self.gate = nn.LayerNorm(8), nn.Linear(8, 16), nn.Linear(16, 8), nn.Linear(8, 8)

    def forward(self, x):
        y = self.second(nn.functional.relu(self.first(self.norm(x))))
        x = x + y
        return torch.sigmoid(self.gate(x)) * x


class Volumes(nn.Module):
    """Convolutions of three dims, whose parameters another engine packs; linear layers over numbers with relu."""

    def __init__(self):
        super().__init__()
        weight = torch.quantize_per_channel(torch.randn(4, 2, 2, 3, 2) * 0.3, torch.tensor([0.01, 0.012, 0.009, 0.011]), torch.zeros(4, dtype=torch.long), 0, torch.qint8)
        self.packed = torch.ops.quantized.conv3d_prepack(weight, torch.randn(4), [1, 2, 1], [0, 1, 1], [1, 1, 1], 1)

    def forward(self, x: torch.Tensor):
        q = torch.quantize_per_tensor(x, 0.03, 120, torch.quint8)
        y = torch.ops.quantized.conv3d(q, self.packed, 0.05, 100)
        z = torch.ops.quantized.conv3d_relu(q, self.packed, 0.04, 3)
        return y.dequantize(), z.dequantize()


def converted(model, *calibration):
    model.eval()
    model.qconfig = quantization.get_default_qconfig("qnnpack")
    quantization.prepare(model, inplace=True)
    model(*calibration)
    return quantization.convert(model)


def tables(model, qconfig):
    model.eval()
    for layer in model.children():
        layer.qconfig = qconfig
    quantization.prepare(model, inplace=True)
    return quantization.convert(model)


def programs():
    torch.manual_seed(11)
    torch.backends.quantized.engine = "qnnpack"
    x, y = torch.randn(2, 3, 12), torch.randn(2, 3, 8, 7)
    yield "quantised_convolutions", converted(Convolutions(), x, y), [[x, y], [x[:1] * 0.5, y.flip(3)]]
    x = torch.randn(3, 8)
    yield "quantised_activations", converted(Activations(), x), [[x], [x[:2] * 0.3]]
    yield "quantised_operators", Operators(), [[x], [x[:2] * 0.3]]
    x = torch.randn(2, 4, 6, 6)
    images = Images()
    images.norm.running_var.uniform_(0.5, 2)
    images = converted(images, x)
    images.norm.scale, images.norm.zero_point = images.norm.scale[0], images.norm.zero_point[0]   # 1.13 leaves lists of one
    yield "quantised_images", images, [[x], [x[1:] * 0.5]]
    words, offsets = torch.tensor([1, 2, 0, 3, 8, 8]), torch.tensor([0, 2, 2, 6])
    yield "quantised_tables", tables(Tables(), quantization.float_qparams_weight_only_qconfig), [[words, offsets]]
    yield "quantised_tables_4bit", tables(Halves(), quantization.float_qparams_weight_only_qconfig_4bit), [[words, offsets]]
    x = torch.randn(2, 5, 8)
    prepared = quantize_fx.prepare_fx(Transformer().eval(), quantization.get_default_qconfig_mapping("qnnpack"), (x,))
    prepared(x)
    yield "quantised_fx", quantize_fx.convert_fx(prepared), [[x], [x[:1] * 0.4]]
    torch.backends.quantized.engine = "onednn"   # QNNPACK has no convolutions of three dims
    x = torch.randn(2, 2, 4, 6, 5)
    yield "quantised_volumes", Volumes().eval(), [[x], [x[:1] * 2]]
