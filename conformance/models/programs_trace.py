"""Functions and models that generate_trace.py traces; packages/sconce/test/trace/programs.ts has the same in JavaScript."""
import torch
import torch.nn as nn
import torch.nn.functional as F


def inputs(shapes):
    """Random tensors: a shape is one, a tuple a tuple of them, a dict a dict of them."""
    def one(shape):
        if isinstance(shape, dict):
            return {k: one(v) for k, v in shape.items()}
        if shape and not isinstance(shape[0], int):
            return tuple(one(s) for s in shape)
        return torch.rand(shape)
    return tuple(one(shape) for shape in shapes)


def arithmetic(x, y):
    z = x + 1
    z = z * 2.5 - y / 2
    return z.sub(3).add(y, alpha=2).pow(2).neg().clamp(0, 1), x > 0, x.eq(1), x % 2, x // 2, x.mul(y), torch.rsub(x, 2)


def sizes(x):
    n = x.size(0)
    return (x.view(n * 2, -1), x.reshape(x.shape[0] // 3, -1), torch.zeros(x.size(1)), x.expand(x.shape),
            x * x.size(0), x.view(x.numel() // 2, 2), torch.arange(x.shape[0]), x / x.size(1), x.view(-1, x.size(-1) - 2),
            x.narrow(0, 0, x.size(0) - 1), x.sum() / x.shape[0], x.size(0) ** 2, -x.size(0), x.size(0) % 2, x.size(0) / 2)


def indexing(x):
    return x[0], x[-1], x[1:], x[:, 1], x[..., 1], x[None], x[::2, 1:3], x[x > -1], x[:2, None]


def assigning(x):
    y = x.clone()
    y[0] = 5
    y[1] = x[0]
    y[:, 1:3] = x[:, 1:3]
    y += x
    y.add_(1)
    y.mul_(2)
    y[x > 0.5] = 0
    return y


def factories(x):
    return (torch.zeros(2, 3), torch.zeros([2], dtype=torch.int64), torch.ones_like(x), torch.arange(5), torch.full([2], 1.5),
            torch.eye(3), x.new_zeros(2), torch.linspace(0, 1, 5), torch.zeros_like(x, dtype=torch.float64), torch.full_like(x, 3),
            torch.ones(2), torch.arange(1, 5))


def randoms(x):
    return torch.rand(2), torch.randn(2, 3), torch.rand_like(x), torch.randint(0, 5, (2,)), torch.bernoulli(x)


def literals(x):
    return x + torch.tensor([1, 2, 3, 4]), torch.tensor(2.5)


def conversions(x):
    return x.to(torch.float64), x.clone(), x.detach(), x.contiguous(), x.type_as(x), x.to(torch.int64)


def reductions(x):
    return (x.sum(), x.sum(1), x.mean((0, 1)), x.mean(), x.max(), x.max(1), x.min(0), x.argmax(1), x.softmax(-1), x.log_softmax(1),
            x.std(0), x.var(), x.prod(), x.any(), x.all(), x.cumsum(0), x.amax(1), x.logsumexp(1))


def pieces(x):
    a, b = x.chunk(2, 1)
    c, d = torch.split(x, 2)
    e, f, g = x.unbind(0)
    return torch.cat((a, b), 1), torch.stack([e, f]), c.sum(), d, g, x.split([1, 2])


def shapes_of(x):
    return (x.permute(1, 0), x.transpose(0, 1), x.t(), x.unsqueeze(0).squeeze(0), x.flatten(), x.repeat(2, 1), x.squeeze(),
            x.flip([0]), x.roll(1, 0), x.tril(), x.expand(2, 3, 4), x.view_as(x), x.swapaxes(0, 1), x.movedim(0, 1))


def products(x):
    return x @ x.t(), torch.matmul(x, x.t()), torch.mm(x, x.t()), torch.einsum('ij,kj->ik', x, x), torch.bmm(x[None], x.t()[None])


def choices(x):
    return (torch.where(x > 0.5, x, -x), x.masked_fill(x > 0.5, 0), x.topk(2), x.sort(), x.gather(1, torch.zeros_like(x, dtype=torch.int64)),
            torch.maximum(x, x), x.clamp(min=0.5), x.index_select(0, torch.zeros(1, dtype=torch.int64)))


def functional(x):
    return (F.relu(x), F.gelu(x), F.leaky_relu(x), F.softplus(x), F.softmax(x, 1), F.log_softmax(x, 1), F.layer_norm(x, (4,)),
            F.pad(x, (1, 1)), F.normalize(x), F.relu6(x), F.hardtanh(x), F.mse_loss(x, x * 2))


def convolutions(x):
    w = torch.ones(2, 4, 3, 3)
    return (F.conv2d(x, w, padding=1), F.conv2d(x, w, padding='same'), F.conv_transpose2d(x, torch.ones(4, 2, 3, 3)),
            F.max_pool2d(x, 2), F.avg_pool2d(x, 2), F.adaptive_avg_pool2d(x, 1), F.interpolate(x, scale_factor=2.0),
            F.interpolate(x, size=(6, 6), mode='bilinear'))


def passing(x, y):
    return y, x


def nested(pair, z):
    (a, (b,)) = pair
    return (a + b, (z, (a,)))


def from_dict(d):
    return d['a'] + d['b']


def to_dict(x):
    return {'twice': x * 2, 'same': x}


def inplace(x):
    y = x.clone().relu_().add_(1)
    torch.sigmoid_(y)
    y.zero_()
    return y.view(-1)


def views(x):
    y = x.clone()
    v = y.view(-1)
    v[0] = 1
    v.add_(1)
    return y


def unused(x):
    a = x + 1
    b = a * 2
    b.add_(1)
    return a


def no_grad(x):
    with torch.no_grad():
        y = x * 2
    return y + x


FUNCTIONS = {
    'arithmetic': (arithmetic, [[3, 4], [3, 4]], {}), 'sizes': (sizes, [[3, 4]], {}), 'indexing': (indexing, [[3, 4]], {}),
    'assigning': (assigning, [[3, 4]], {}), 'factories': (factories, [[3, 4]], {}), 'randoms': (randoms, [[3, 4]], {}),
    'literals': (literals, [[3, 4]], {}), 'conversions': (conversions, [[3, 4]], {}), 'reductions': (reductions, [[3, 4]], {}),
    'pieces': (pieces, [[3, 4]], {}), 'shapes_of': (shapes_of, [[3, 4]], {}), 'products': (products, [[3, 4]], {}),
    'choices': (choices, [[3, 4]], {}), 'functional': (functional, [[3, 4]], {}), 'convolutions': (convolutions, [[1, 4, 8, 8]], {}),
    'passing': (passing, [[2], [3]], {}), 'nested': (nested, [[[2], [[2]]], [3]], {}), 'from_dict': (from_dict, [{'a': [2], 'b': [2]}], {}),
    'to_dict': (to_dict, [[2]], {'strict': False}), 'inplace': (inplace, [[2, 3]], {}), 'views': (views, [[2, 3]], {}),
    'unused': (unused, [[2, 3]], {}), 'no_grad': (no_grad, [[2, 3]], {}),
}


class MyDecisionGate(nn.Module):
    def forward(self, x):
        if x.sum() > -1000:
            return x
        return -x


class MyCell(nn.Module):
    def __init__(self):
        super().__init__()
        self.dg = MyDecisionGate()
        self.linear = nn.Linear(4, 4)

    def forward(self, x, h):
        new_h = torch.tanh(self.dg(self.linear(x)) + h)
        return new_h, new_h


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.Sequential(nn.Conv2d(3, 16, 5, 1, 2), nn.MaxPool2d(2), nn.ReLU())
        self.mlp = nn.Linear(1024, 10)

    def forward(self, input):
        x = self.convs(input)
        x = x.view(x.size(0), -1)
        return self.mlp(x)


class Shared(nn.Module):
    """A submodule called twice, a parameter used from outside, tied weights, values that cross scopes."""

    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 4)
        self.other = nn.Linear(4, 4)
        self.other.weight = self.lin.weight
        self.scale = nn.Parameter(torch.ones(4))
        self.register_buffer('offset', torch.zeros(4))
        self.items = nn.ModuleList([nn.Linear(4, 4), nn.ReLU()])

    def forward(self, x):
        y = self.lin(x)
        y = self.lin(y) * self.scale + self.offset
        y = self.other(y) + self.other.bias
        for item in self.items:
            y = item(y)
        return y, self.lin.weight.sum()


class Pair(nn.Module):
    def forward(self, a, b):
        return a + b, a - b


class Crossing(nn.Module):
    """Tuples out of submodules, and one that keeps what another uses."""

    def __init__(self):
        super().__init__()
        self.pair = Pair()
        self.inner = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Tanh()))

    def forward(self, x):
        p, q = self.pair(x, x * 2)
        return self.inner(p) + q


class Keeper(nn.Module):
    def __init__(self):
        super().__init__()
        self.kept = None

    def forward(self, x):
        self.kept = x * 2
        return x + 1


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.keeper = Keeper()

    def forward(self, x):
        return self.keeper(x) + self.keeper.kept


class Block(nn.Module):
    def __init__(self, inp, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inp, out, 3, stride, 1, 1, 1, False)
        self.bn1 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(True)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, 1, 1, False)
        self.bn2 = nn.BatchNorm2d(out)
        if stride != 1 or inp != out:
            self.downsample = nn.Sequential(nn.Conv2d(inp, out, 1, stride, 0, 1, 1, False), nn.BatchNorm2d(out))
        else:
            self.downsample = None

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet18(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, 1, 1, False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Block(width, width, 1), Block(width, width, 1))
        self.layer2 = nn.Sequential(Block(width, 2 * width, 2), Block(2 * width, 2 * width, 1))
        self.layer3 = nn.Sequential(Block(2 * width, 4 * width, 2), Block(4 * width, 4 * width, 1))
        self.layer4 = nn.Sequential(Block(4 * width, 8 * width, 2), Block(8 * width, 8 * width, 1))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8 * width, 10)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def conv_bn(inp, out, kernel, stride, groups):
    return nn.Sequential(
        nn.Conv2d(inp, out, kernel, stride, (kernel - 1) // 2, 1, groups, False), nn.BatchNorm2d(out), nn.ReLU6(True))


class InvertedResidual(nn.Module):
    def __init__(self, inp, out, stride, expand):
        super().__init__()
        hidden = inp * expand
        self.use_res = stride == 1 and inp == out
        layers = [conv_bn(inp, hidden, 1, 1, 1)] if expand != 1 else []
        layers += [conv_bn(hidden, hidden, 3, stride, hidden), nn.Conv2d(hidden, out, 1, 1, 0, 1, 1, False), nn.BatchNorm2d(out)]
        self.conv = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.conv(x) if self.use_res else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self):
        super().__init__()
        features = [conv_bn(3, 8, 3, 2, 1)]
        inp = 8
        for t, c, n, s in [(1, 8, 1, 1), (6, 12, 2, 2), (6, 16, 3, 2), (6, 24, 2, 2), (6, 32, 2, 1)]:
            for i in range(n):
                features.append(InvertedResidual(inp, c, s if i == 0 else 1, t))
                inp = c
        features.append(conv_bn(inp, 64, 1, 1, 1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(64, 10))

    def forward(self, x):
        x = self.features(x)
        x = F.adaptive_avg_pool2d(x, (1, 1))
        x = torch.flatten(x, 1)
        return self.classifier(x)


class SelfAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        b, n, c = x.shape
        qkv = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        attn = (q @ k.transpose(-2, -1)) * 0.5
        x = (attn.softmax(-1) @ v).transpose(1, 2).reshape(b, n, c)
        return self.proj(x)


class EncoderBlock(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = SelfAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.pos = nn.Parameter(torch.zeros(1, 5, 8))
        self.blocks = nn.ModuleList([EncoderBlock(8, 2) for _ in range(2)])
        self.norm = nn.LayerNorm(8)

    def forward(self, x):
        x = x + self.pos
        for block in self.blocks:
            x = block(x)
        return self.norm(x).mean(1)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 6, 1, True, True)
        self.out = nn.Linear(6, 3)

    def forward(self, x):
        y, (h, c) = self.lstm(x)
        return self.out(y), h


class Loop(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(4, 4)

    def forward(self, x):
        h = torch.zeros(2, 4)
        for i in range(3):
            h = self.cell(x[i], h)
        return h


class Methods(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 4)

    def forward(self, x):
        return self.lin(x)

    def weighted(self, x):
        return self.lin(x * 2) + self.lin.weight


FORWARD = ('forward',)
MODELS = {
    'MyCell': (MyCell, [[3, 4], [3, 4]], FORWARD), 'Net': (Net, [[1, 3, 16, 16]], FORWARD), 'Shared': (Shared, [[2, 4]], FORWARD),
    'Crossing': (Crossing, [[2, 4]], FORWARD), 'Reader': (Reader, [[2, 4]], FORWARD),
    'ResNet18': (lambda: ResNet18().eval(), [[1, 3, 32, 32]], FORWARD),
    'ResNet18 in training': (ResNet18, [[2, 3, 32, 32]], FORWARD),
    'MobileNetV2': (lambda: MobileNetV2().eval(), [[1, 3, 32, 32]], FORWARD),
    'Encoder': (lambda: Encoder().eval(), [[2, 5, 8]], FORWARD), 'Tagger': (Tagger, [[2, 5, 4]], FORWARD),
    'Loop': (Loop, [[3, 2, 4]], FORWARD), 'Methods': (Methods, [[4, 4]], ('forward', 'weighted')),
}


def iterating(x):
    s = torch.zeros(2)
    for row in x:
        s = s + row
    return s


class Counter:
    """A program that does something else at every call."""

    def __init__(self):
        self.n = 0

    def other_operator(self, x):
        self.n += 1
        return x * 2 if self.n % 2 else x - 3

    def other_constant(self, x):
        self.n += 1
        return x + self.n


def late(function):
    """A fresh counter for each trace."""
    return lambda: getattr(Counter(), function)


WANTS_GRAD = torch.ones(3, requires_grad=True)

# What PyTorch warns of, or throws, while these are traced (and checked).
REPORTS = {
    'branch': (lambda x: x if x.sum() > -1000 else -x, [[3]], {}),
    'item': (lambda x: x * x.sum().item(), [[3]], {}),
    'tolist': (lambda x: x * x.tolist()[0], [[3]], {}),
    'numpy': (lambda x: x * float(x.numpy()[0]), [[3]], {}),
    'len': (lambda x: torch.arange(len(x)), [[3]], {}),
    'int of a size': (lambda x: x.view(int(x.size(0)), -1), [[3, 2]], {}),
    'iterating': (iterating, [[3, 2]], {}),
    'literal': (lambda x: x + torch.tensor([1.0]), [[3]], {}),
    'dict': (lambda x: {'a': x}, [[3]], {}),
    'number in': (lambda x, n: x, [[3], None], {}),
    'number out': (lambda x: 3, [[3]], {}),
    'wants grad': (lambda x: x * WANTS_GRAD, [[3]], {}),
    'other operator': (late('other_operator'), [[3]], {}),
    'other constant': (late('other_constant'), [[3]], {}),
    'random': (lambda x: x + torch.rand(3), [[3]], {}),
}
