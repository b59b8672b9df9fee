"""Corners of tracing: mutation through views, aliases in and out, sizes, dtypes, randomness, hooks, scopes, recurrent layers.

Each stands with the shapes that it is traced with and those that the trace is run on; packages/sconce/test/trace/corners.ts and
corner-modules.ts have the same in JavaScript.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


def slice_add(x):
    y = x.clone()
    y[1:] += 1
    y[:, 0] *= 2
    y[-1, 1:3] -= x[0, 1:3]
    return y


def slice_methods(x):
    y = x * 1
    y[0].zero_()
    y[:, -1].fill_(3.5)
    y[1:].copy_(x[:1])
    y.t()[1].neg_()
    return y, y[0]


def input_written(x):
    x.add_(1)
    x[0] = 0
    return x * 2


def input_written_and_returned(x):
    return x.mul_(2)


def view_chain(x):
    y = x + 0
    v = y.view(-1)[2:].view(2, -1)
    v.mul_(3)
    w = y.transpose(0, 1)
    w[0].add_(v.sum())
    return y, v, w


def view_of_input(x):
    return x[0], x.view(-1), x.t(), x


def index_put_indices(x):
    y = x.clone()
    i = torch.tensor([0, 1])
    y[i] = 5
    y[i, i] = x[0, 0]
    y[:, i] += 1
    return y.index_put((i,), x[:2]), y.index_put_((i, i), x[0, :2], True)


def index_reads(x):
    i = torch.tensor([1, 0])
    return x[i], x[i, i], x[:, i], x[i, :2], x[i[:, None], i[None]], x[..., i]


def masks(x):
    m = x > 0.5
    y = x.masked_fill(~m, -1.0)
    y[m] = 0.25
    return y, m & (x < 0.9), m | (x == 0), m.sum(), m.any(1), torch.where(m, x, torch.zeros_like(x)), x * m, m.float(), m.logical_not()


def masked_scatter(x):
    return x.masked_scatter(x > 0.5, torch.zeros(100)), x.masked_select(x > -1)


def outputs_alias(x, y):
    z = x + y
    return x, z, z, y, x


def twice_in(x, y):
    return x * y, x.add_(1)


def dict_of_tuples(d):
    a, b = d['p']
    c, e = d['q']
    return a + c, b * e


def tuple_of_dicts(pair):
    return pair[0]['a'] * 2 + pair[1]['a']


def nested_out(x):
    return (x, (x + 1, (x * 2,))), x - 1


def size_arithmetic(x):
    b, n = x.shape
    h = n // 2
    return (x.view(b, 2, h), x.reshape(b * n), x.view(b * 2, n // 2), torch.zeros(b + 1, n - 1), x[:, :n // 2], x[:, n // 2:],
            x[b - 1], x.new_full((n, b), b), torch.arange(b * n).view(b, n), x.repeat(b, 1), x.unfold(1, n // 2, 1),
            torch.ones(b, n) * n, x.sum(0) / b, x.expand(b, b, n), torch.full((b,), 2.0), x ** 2 / n ** 0.5)


def size_results(x):
    n = x.size(1)
    return x[:, :n - 1], x.size(0) + n, x.size(0) * 2 - 1, 2 * n, 7 - n, n % 3


def negative_dims(x):
    return (x.sum(-1), x.mean(-2, keepdim=True), x.softmax(-2), x.transpose(-1, -2), x.unsqueeze(-1), x.flatten(-2), x.size(-1), x.cumsum(-1),
            torch.cat([x, x], -1), torch.stack([x, x], -1), x.select(-1, -1), x.narrow(-1, 1, 2), x.max(-1)[0], x.flip(-1), x.chunk(2, -1)[1],
            x.norm(2, -1), x.argsort(-1), x.squeeze(-1), x.movedim(-1, 0))


def positions(x):
    t = torch.arange(x.size(0))
    d = torch.arange(x.size(1), dtype=torch.float32)
    return t[:, None] * d[None], x + d, torch.arange(0, x.size(1), 2), torch.arange(x.size(0) * 2).float() / 2, torch.ones(x.shape[1]).cumsum(0)


def causal_mask(x):
    n = x.size(0)
    mask = torch.triu(torch.full((n, n), float('-inf')), diagonal=1)
    return (x @ x.t() + mask).softmax(-1), torch.ones(n, n).tril() == 0, torch.ones(n, n, dtype=torch.bool).triu(1)


def dtypes(x):
    i = x.long()
    return (x.double() + 1, x.half().float(), i + 1, i / 2, i // 2, i * 0.5, i + 0.5, i / 0.5, x.int() % 2, x.bool(), x.to(i), x.to(torch.float64).to(x.dtype),
            i.float().mean(), x.type_as(i), (x > 0).int(), x.byte(), i.to(torch.int32, copy=True), torch.zeros_like(i).double())


def devices(x):
    return (torch.zeros(2, device=x.device), torch.ones_like(x, device='cpu'), 
            torch.empty(2, 3).fill_(1), x.new_ones(2, 2), x.new_empty(3).zero_())


def randomness(x):
    return (x + torch.randn_like(x), torch.rand(x.size(0), 2), torch.randn(x.shape), x.bernoulli(), torch.normal(0.0, 1.0, (2, 2)),
            torch.randint(3, (x.size(1),)), torch.randperm(4), x.clone().uniform_(), x.clone().normal_(1, 2), torch.randint_like(x, 5),
            x.clone().bernoulli_(0.3))


def dropouts(x):
    return F.dropout(x, 0.3), F.dropout(x, 0.3, False), F.dropout(x.clone(), 0.2, True, True), F.alpha_dropout(x, 0.1, True), F.dropout(x, 0.0)


def forked(x):
    future = torch.jit._fork(lambda a: a.neg().exp(), x)
    y = x.tanh()
    return torch.jit._wait(future) + y


def reversed_operators(x):
    return 1 - x, 2 / (x + 1), torch.pow(3, x), 1 + x, 2 * x, -x, abs(x), torch.floor_divide(5, x + 1), x ** 0.5, x ** -1, 1.5 - x, (x > 0.5) == (x > 0.2), x != 0


def inplace_operators(x):
    y = x.clone()
    y += 1
    y -= x
    y *= 2.5
    y /= 3
    y **= 2
    y //= 1
    y += x
    return y


def comparisons(x, y):
    return x < y, x <= 1, y >= x, x == y, x != 0.5, torch.eq(x, y), torch.isclose(x, y), torch.maximum(x, y), torch.minimum(x, y), ~(x > y), (x > y) ^ (x > 0)


def pooled(x):
    return (F.max_pool1d(x, 2), F.avg_pool1d(x, 2), F.adaptive_max_pool1d(x, 2), F.adaptive_avg_pool1d(x, 3), F.max_pool1d(x, 3, 1, 1),
            F.pad(x, (1, 2), value=1.5), F.pad(x, (1, 1), 'reflect'), F.pad(x, (1, 1), 'replicate'), F.pad(x, (1, 1), 'circular'))


def resampled(x):
    return (F.interpolate(x, scale_factor=2), F.interpolate(x, size=(x.size(2) * 2, x.size(3))), F.interpolate(x, scale_factor=0.5, mode='bilinear'),
            F.interpolate(x, size=5, mode='bicubic', align_corners=True), F.interpolate(x, scale_factor=(2.0, 3.0), mode='nearest'),
            F.grid_sample(x, torch.zeros(1, 2, 2, 2), align_corners=False), F.pixel_shuffle(x, 2),
            F.unfold(x, 2))


def losses(x, y):
    t = torch.tensor([0, 1, 2])
    return (F.cross_entropy(x, t), F.nll_loss(x.log_softmax(1), t), F.mse_loss(x, y), F.l1_loss(x, y, reduction='sum'), F.smooth_l1_loss(x, y),
            F.binary_cross_entropy(x, y), F.binary_cross_entropy_with_logits(x, y),
            F.cosine_similarity(x, y), F.cross_entropy(x, t, label_smoothing=0.1, reduction='none'),
            F.margin_ranking_loss(x[0], x[1], y[0]), F.triplet_margin_loss(x, y, x + 1), F.poisson_nll_loss(x, y))


def embeddings(x):
    i = (x * 3).long()
    w = torch.arange(20.0).view(5, 4)
    return F.embedding(i, w), F.embedding(i, w, padding_idx=0), F.one_hot(i, 4), w[i], w.index_select(0, i.view(-1))


def sorting(x):
    v, i = x.sort(dim=1, descending=True)
    t, j = x.topk(2, largest=False)
    k, _ = x.kthvalue(2)
    m, n = x.median(0)
    return v, i, t, j, k, m, n, x.argsort(0), torch.nonzero(x > 0.5), x.mode(1)[0], torch.searchsorted(torch.arange(3.0), x), x.cummax(0)[0]


def scattered(x):
    i = torch.zeros(2, 3, dtype=torch.int64)
    return (torch.zeros(3, 4).scatter(0, i, x), torch.zeros(3, 4).scatter_add_(0, i, x), x.gather(1, i), x.scatter(1, i, 1.0), x.index_add(0, i[0, :1], x[:1]),
            x.index_fill(1, i[0, :2], 9), x.take(i), x.scatter_reduce(0, i, x, 'sum'), x.index_copy(0, i[0, :1], x[1:2]), x.put(i[:1], x[:1, :3]))


def linear_algebra(x):
    a = x @ x.t() + torch.eye(x.size(0)) * 3
    return (torch.det(a), x.norm(2, 1),
            torch.outer(x[0], x[0]), torch.dot(x[0], x[0]), torch.mv(x, x[0]), torch.addmm(torch.zeros(1), x, x.t(), beta=2), torch.baddbmm(torch.zeros(1), x[None], x.t()[None]),
            torch.trace(a), a.diagonal(), torch.diag(x[0]), torch.einsum('bi,bj->bij', x, x), torch.tensordot(x, x, ([1], [1])), torch.cdist(x, x), torch.kron(x, x), x.t(), x[None].transpose(-2, -1))


def statistics(x):
    return (x.std(), x.var(1, unbiased=False), x.std(1, keepdim=True), torch.var_mean(x, 1), torch.std_mean(x), x.mean(), x.median(), x.quantile(0.5), x.min(1), x.max(), x.aminmax(),
            x.norm(p=1), x.nansum(), torch.histc(x, 4), x.sum((0, 1)), x.sum(dtype=torch.float64), x.prod(1), x.cumprod(1), x.logcumsumexp(1), x.diff())


def shapes_made(x):
    return (torch.zeros_like(x), torch.zeros(x.shape), torch.zeros(x.size()), torch.empty(x.shape).fill_(0), torch.zeros(*x.shape, 2), x.view(*x.shape, 1), x.reshape(-1, *x.shape[1:]),
            x.expand(2, *x.shape), torch.zeros(list(x.shape)), x.new_zeros(x.shape[0], 3), torch.eye(x.size(0)), torch.linspace(0, 1, x.size(0)), torch.full(x.shape, 7), torch.full_like(x, 1),
            x.view(x.size()), x.reshape(x.numel()), x.view(x.shape[0], -1), torch.meshgrid(torch.arange(x.size(0)), torch.arange(x.size(1)), indexing='ij'))


def joined(x):
    return (torch.cat((x, x * 2)), torch.stack((x, x), 1), torch.cat([x[:1], x[1:]], dim=0), torch.hstack([x, x]), torch.vstack([x, x]), x.split(2, 1), x.chunk(3), x.unbind(1)[0],
            torch.tensor_split(x, 2, 1), x.repeat_interleave(2, 0), x.tile(2), torch.block_diag(x, x), torch.broadcast_tensors(x, x[:1]), torch.dstack([x, x]), x.rot90(), torch.cartesian_prod(x[0], x[1]))


def detached(x):
    y = x.detach()
    with torch.no_grad():
        z = y * 2
    return z + x, x.requires_grad_(False), x.detach().clone().requires_grad_()


def shadowed(x):
    for _ in range(3):
        x = x * 2 + 1
    if x.dim() == 2:
        x = x.sum(0)
    return x, x * 0 + x.ndim


def constants_shared(x):
    c = torch.ones(4)
    return x + c, x * c, c, c + c


def conditioned(x):
    return torch.relu(x) if x.size(0) > 1 else x


def float_division(x):
    return torch.div(x, 2, rounding_mode='floor'), torch.div(x, x + 1, rounding_mode='trunc'), x.fmod(0.3), x.remainder(0.3), torch.floor_divide(x, 0.3), x.true_divide(3), torch.addcmul(x, x, x, value=0.5), torch.addcdiv(x, x, x + 1), torch.lerp(x, x + 1, 0.5), torch.clamp(x, 0.2), x.clamp(max=0.5), x.clip(0.1, 0.9), x.nan_to_num(), torch.hypot(x, x), torch.atan2(x, x), torch.logaddexp(x, x), torch.sign(x), x.rsqrt(), x.expm1(), x.erf(), torch.special.expit(x), x.logit(1e-3), x.frac(), x.round(), x.round(decimals=1), x.trunc(), x.square(), x.reciprocal(), x.sigmoid(), torch.xlogy(x, x), x.sinc(), x.deg2rad(), x.heaviside(torch.zeros(1))


def activations(x):
    return (F.elu(x), F.selu(x), F.celu(x), F.silu(x), F.mish(x), F.hardswish(x), F.hardsigmoid(x), F.softsign(x), F.threshold(x, 0.1, 0.2), F.glu(x), F.logsigmoid(x),
            F.prelu(x, torch.tensor([0.2])), F.relu(x.clone(), True), F.gelu(x, approximate='tanh'), F.hardshrink(x), F.softshrink(x), F.leaky_relu(x, 0.3),
            F.batch_norm(x, torch.zeros(4), torch.ones(4)), F.layer_norm(x, x.shape[1:]), F.group_norm(x, 2), F.normalize(x, dim=0), F.linear(x, torch.ones(2, 4)),
            F.bilinear(x, x, torch.ones(2, 4, 4)))


def same_twice(x, y):
    return x + y, x.mul(2)


def assigned(x):
    n = x.size(0)
    y = torch.zeros_like(x)
    y[n - 1] = 1
    y[:, 0] = x[0, 0]
    y[0, 1:] = x[0, :-1]
    y[..., -1] = 2.5
    y[:n // 2] = x[:n // 2]
    y[1] = x[1].double()
    y[0, 0] = n
    return y


def assigned_by_tensors(x):
    y = x.clone()
    i = torch.tensor([0, 2])
    y[i] = x[:2]
    y[i, 0] = 7
    y[:, i] = x[:, :2]
    y[x > 0.8] = x.sum()
    return y


def masks_written(x):
    y = x.clone()
    y.masked_fill_(y > 0.5, 0)
    y.masked_fill_(y == 0, x.sum())
    return y, torch.where(x > 0.5, 1.0, x), torch.where(x > 0.5, x, 0.0), x.where(x > 0.5, torch.tensor(2.0)), torch.nonzero(x >= 0), x.clamp_(0.2, 0.8)


def more_views(x):
    y = x * 1
    y.unsqueeze(0).squeeze(0).add_(1)
    y.view(2, -1)[1] += 1
    y.diagonal().zero_()
    y.narrow(0, 0, 1).mul_(2)
    y.expand(2, *y.shape)
    a, b = y.split(2, 1)
    a.add_(b)
    y.unbind(0)[0].sub_(1)
    y.as_strided((2, 2), (2, 1)).add_(1)
    return y, a, y.unflatten(1, (2, 2)), y.detach_()


def shape_out(x):
    return x.shape, x.size(0), x.numel(), x.size()


def list_in(xs):
    return torch.cat(xs), torch.stack(xs).sum(0), xs[0] + xs[1]


def padded(x):
    n = x.size(-1)
    return F.pad(x, (0, n % 3)), F.pad(x, (n // 2, 1), value=2), F.pad(x[None], (1, 1, 2, 2), 'reflect'), F.pad(x, (-1, 0))


def size_casts(x):
    n = x.size(1)
    return (x * n, x + n / 2, x / (n - 1), torch.full((2, 2), n), x.clamp(max=n), torch.arange(n) + n, torch.arange(1, n), torch.linspace(0, n, 5), x.pow(n), x.new_full((1,), n),
            torch.zeros(n).fill_(n), x.view(n, -1), x.softmax(x.dim() - 1), x.repeat(1, n - 2), x.tril(n - 3), torch.ones(n, dtype=torch.int64) * n, x.sub(n, alpha=2), x.eq(n), x.gt(n))


def many_results(x):
    v, i = torch.max(x, 1)
    w = torch.topk(x, 2)
    m = x.min(dim=0)
    q = x.sort()[0]
    return v, i, w.values, w[1], m.indices, q, torch.unbind(x), x.split([1, 3], 1), torch.std_mean(x, 1)[0], torch.aminmax(x)[1]


def loops(x):
    total = torch.zeros(4)
    for i in range(x.size(0)):
        total = total + x[i] * i
    rows = [row * 2 for row in x]
    return total, torch.stack(rows), sum(rows)


def functional_layers(x):
    w = torch.ones(4, 4)
    b = torch.zeros(4)
    return (F.linear(x, w, b), F.layer_norm(x, (4,), b, b), F.batch_norm(x, b, b + 1, None, None, True), F.dropout2d(x[None, None], 0.5, False), F.max_pool2d(x[None], 2, 1))


FUNCTIONS = {
    name: (globals()[name], shapes, second, options) for name, shapes, second, options in [
        ('slice_add', [[3, 4]], [[5, 6]], {}), ('slice_methods', [[3, 4]], [[2, 5]], {}), ('input_written', [[3, 4]], [[2, 2]], {}),
        ('input_written_and_returned', [[3]], [[5]], {}), ('view_chain', [[3, 4]], [[2, 6]], {}), ('view_of_input', [[3, 4]], [[2, 2]], {}),
        ('index_put_indices', [[3, 4]], [[2, 4]], {}), ('index_reads', [[3, 4]], [[4, 5]], {}), ('masks', [[3, 4]], [[2, 5]], {}),
        ('masked_scatter', [[3, 4]], [[2, 5]], {}), ('outputs_alias', [[3], [3]], [[4], [4]], {}), ('twice_in', [[3], [3]], [[4], [4]], {}),
        ('dict_of_tuples', [{'p': [[2], [2]], 'q': [[2], [2]]}], [{'p': [[3], [3]], 'q': [[3], [3]]}], {}),
        ('tuple_of_dicts', [[{'a': [2]}, {'a': [2]}]], [[{'a': [3]}, {'a': [3]}]], {}), ('nested_out', [[3]], [[4]], {}),
        ('size_arithmetic', [[3, 4]], [[2, 6]], {}), ('size_results', [[3, 4]], [[2, 6]], {}), ('negative_dims', [[3, 4]], [[2, 6]], {}),
        ('positions', [[3, 4]], [[2, 6]], {}), ('causal_mask', [[3, 4]], [[5, 2]], {}), ('dtypes', [[3, 4]], [[2, 6]], {}), ('devices', [[3, 4]], [[2, 6]], {}),
        ('randomness', [[3, 4]], [[2, 6]], {}), ('dropouts', [[3, 4]], [[5, 6]], {}), ('reversed_operators', [[3, 4]], [[2, 6]], {}),
        ('forked', [[3, 4]], [[2, 6]], {}),
        ('same_twice', [[3], [3]], [[4], [4]], {}), ('assigned', [[3, 4]], [[5, 6]], {}), ('assigned_by_tensors', [[3, 4]], [[5, 6]], {}), ('masks_written', [[3, 4]], [[5, 6]], {}),
        ('more_views', [[4, 4]], [[4, 4]], {}), ('shape_out', [[3, 4]], [[5, 6]], {}), ('padded', [[3, 4]], [[5, 6]], {}), ('size_casts', [[3, 4]], [[5, 5]], {}),
        ('many_results', [[3, 4]], [[3, 4]], {}), ('loops', [[3, 4]], [[3, 4]], {}), ('functional_layers', [[3, 4]], [[3, 4]], {}), ('list_in', [[[2], [2]]], [[[3], [3]]], {}),
        ('inplace_operators', [[3, 4]], [[2, 6]], {}), ('comparisons', [[3, 4], [3, 4]], [[2, 6], [2, 6]], {}), ('pooled', [[1, 2, 8]], [[2, 3, 10]], {}),
        ('resampled', [[1, 4, 4, 4]], [[1, 8, 6, 6]], {}), ('losses', [[3, 4], [3, 4]], [[3, 4], [3, 4]], {}), ('embeddings', [[3, 4]], [[2, 6]], {}),
        ('sorting', [[3, 4]], [[5, 6]], {}), ('scattered', [[3, 4]], [[3, 4]], {}), ('linear_algebra', [[3, 4]], [[2, 3]], {}), ('statistics', [[3, 4]], [[2, 6]], {}),
        ('shapes_made', [[3, 4]], [[2, 6]], {}), ('joined', [[3, 4]], [[6, 4]], {}), ('detached', [[3, 4]], [[2, 6]], {}), ('shadowed', [[3, 4]], [[2, 6]], {}),
        ('constants_shared', [[3, 4]], [[2, 4]], {}),
        ('conditioned', [[3, 4]], [[1, 6]], {}), ('float_division', [[3, 4]], [[2, 6]], {}), ('activations', [[3, 4]], [[2, 4]], {}),
    ]
}


class Attended(nn.Module):
    """Attention with whatever the arguments say; `fast` has no gradients."""

    def __init__(self, fast=False, call=None, causal=False, **options):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, **options)
        self.call = call or {}
        self.causal = causal
        self.fast = fast
        if fast:
            self.requires_grad_(False)

    def forward(self, x):
        mask = torch.ones(4, 4, dtype=torch.bool).triu(1) if self.causal else None
        y, w = self.attention(x, x, x, attn_mask=mask, **self.call)
        return (y, w) if w is not None else y


class CrossAttended(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, **options)

    def forward(self, x, y, mask):
        return self.attention(x, y, y, key_padding_mask=mask > 0.9)


class Encoded(nn.Module):
    def __init__(self, fast=False, **options):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, **options)
        if fast:
            self.requires_grad_(False)

    def forward(self, x):
        return self.layer(x)


class EncodedStack(nn.Module):
    def __init__(self, fast=False, masked=False, **options):
        super().__init__()
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, **options), 2, nn.LayerNorm(8))
        self.masked = masked
        if fast:
            self.requires_grad_(False)

    def forward(self, x):
        return self.encoder(x, torch.zeros(4, 4)) if self.masked else self.encoder(x)


class BufferWriter(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer('steps', torch.zeros(1))
        self.register_buffer('mean', torch.zeros(4))
        self.bn = nn.BatchNorm1d(4)

    def forward(self, x):
        self.steps += 1
        self.mean.mul_(0.9).add_(x.mean(0), alpha=0.1)
        return self.bn(x) - self.mean * self.steps


class SharedBlocks(nn.Module):
    """One submodule under two names, called three times, once within another."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.second = self.first
        self.outer = nn.Sequential(self.first, nn.Linear(4, 2))

    def forward(self, x):
        return self.outer(self.second(self.first(x)))


class Hooked(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.relu = nn.ReLU()
        self.linear.register_forward_pre_hook(lambda m, args: (args[0] * 2,))
        self.linear.register_forward_hook(lambda m, args, out: out + args[0])

    def forward(self, x):
        return self.relu(self.linear(x)) + 1


class Lists(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)])
        self.named = nn.ModuleDict({'a': nn.Linear(2, 2), 'b': nn.Sigmoid()})
        self.weight = nn.Parameter(torch.ones(2))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.named['b'](self.named['a'](x)) * self.weight


class Recurrent(nn.Module):
    def __init__(self, kind, given=False, batch=2, **options):
        super().__init__()
        self.rnn = getattr(nn, kind)(4, 3, **options)
        self.kind = kind
        self.given = given
        self.batch = batch

    def forward(self, x):
        if not self.given:
            return self.rnn(x)
        h = torch.zeros(1, self.batch, 3)
        return self.rnn(x, (h, h) if self.kind == 'LSTM' else h)


class Inner(nn.Module):
    """Two results, one of which nobody uses, and a mutation of its argument."""

    def forward(self, x):
        x.add_(1)
        return x * 2, x + 3


class Mutating(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()

    def forward(self, x):
        y = x.clone()
        a, _ = self.inner(y)
        return a + y


class ManyInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.inner = DictTaker()

    def forward(self, x, pair, named):
        a, b = pair
        return self.linear(x) + a * b, self.inner({'u': named['u'], 'v': x})


class DictTaker(nn.Module):
    def forward(self, d):
        return d['u'] + d['v']


class Positional(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(10, 4)
        self.positions = nn.Embedding(8, 4)
        self.norm = nn.LayerNorm(4)

    def forward(self, x):
        i = (x * 9).long()
        n = i.size(1)
        p = torch.arange(n).unsqueeze(0).expand(i.size(0), n)
        return self.norm(self.tokens(i) + self.positions(p))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(1, 2, 3, 2, 1)
        self.up = nn.Upsample(scale_factor=2, mode='bilinear', align_corners=False)
        self.back = nn.ConvTranspose2d(2, 1, 2, 2)

    def forward(self, x):
        d = self.down(x)
        u = F.interpolate(d, size=x.shape[2:], mode='nearest')
        return torch.cat([self.up(d), u, self.back(d), x], 1)


class Parts(nn.Module):
    """Submodules' parameters used from outside, a submodule that is never called, a value used in another scope."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = nn.Linear(4, 4, bias=False)
        self.unused = nn.Linear(4, 4)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        h = F.linear(x, self.a.weight + self.b.weight, self.a.bias)
        return self.a(h) @ self.b.weight.t() * self.scale.exp()


class NoGradPart(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        with torch.no_grad():
            h = self.body(x)
        return self.head(h.detach())


class Forking(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 4)
        self.head = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

    def forward(self, x):
        future = torch.jit._fork(lambda a: self.head(self.body(a)), x)
        y = self.body(x)
        return torch.jit._wait(future) * y


class Outside(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Forking()

    def forward(self, x):
        return self.inner(x) + self.inner.body.bias


class Methodical(nn.Module):
    """Methods beside forward, its own and a submodule's; a submodule in a plain list; arguments left out."""

    def __init__(self):
        super().__init__()
        self.inner = Helper()
        self.outer = nn.Linear(4, 4)
        self.plain = [nn.ReLU()]
        self.register_buffer('nothing', None)

    def encode(self, x, bias=None):
        y = self.outer(x)
        return y if bias is None else y + bias

    def forward(self, x):
        y = self.encode(x)
        z = self.inner.help(y) + self.inner(y)
        return self.plain[0](z), self.encode(z, self.outer.bias)


class Helper(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def help(self, x):
        return self.linear(x).tanh()

    def forward(self, x, scale=None):
        return x * 2 if scale is None else x * scale


class Hooks(nn.Module):
    """Hooks on a container, one that gives a tuple, one that writes in place."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), nn.Sigmoid())
        self.body.register_forward_hook(lambda m, args, out: (out, out * 2))
        self.body[0].register_forward_hook(lambda m, args, out: out.add_(1))
        self.register_forward_pre_hook(lambda m, args: args[0] - 1)

    def forward(self, x):
        a, b = self.body(x)
        return a - b


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.stack = nn.Sequential(
            nn.Conv2d(4, 8, 3, padding=1, groups=2, dilation=1), nn.GroupNorm(2, 8), nn.InstanceNorm2d(8, affine=True), nn.BatchNorm2d(8, momentum=None), nn.BatchNorm2d(8, track_running_stats=False),
            nn.BatchNorm2d(8, affine=False), nn.PReLU(8), nn.AvgPool2d(2), nn.Dropout2d(0.5), nn.ConvTranspose2d(8, 4, 2, 2, bias=False), nn.Flatten(2), nn.LayerNorm(16, elementwise_affine=False), nn.LogSoftmax(-1))

    def forward(self, x):
        return self.stack(x)


class Cells(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.LSTMCell(4, 3)
        self.b = nn.RNNCell(3, 3, nonlinearity='relu')

    def forward(self, x):
        h, c = self.a(x[0])
        g = self.b(h)
        outputs = []
        for t in range(1, 3):
            h, c = self.a(x[t], (h, c))
            g = self.b(h, g)
            outputs.append(g)
        return torch.stack(outputs), (h, c)


class Residuals(nn.Module):
    """A ModuleList called in pairs, its items counted, a weight shared by hand, and a result that is an input."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(4)])
        self.head = nn.Linear(4, 4, bias=False)
        self.head.weight = self.layers[0].weight

    def forward(self, x):
        skips = []
        y = x
        for i, (a, b) in enumerate(zip(self.layers[:2], self.layers[2:])):
            skips.append(y)
            y = b(F.relu(a(y))) + y * i
        return self.head(y), skips[0], torch.cat(skips, -1)


class SqueezeExcite(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Sequential(nn.Conv2d(4, 2, 1), nn.ReLU(inplace=True), nn.Conv2d(2, 4, 1), nn.Hardsigmoid(inplace=True))

    def forward(self, x):
        b, c, _, _ = x.size()
        s = x.mean([2, 3], keepdim=True)
        y = F.adaptive_avg_pool2d(x, 1).view(b, c)
        return x * self.fc(s) + y[:, :, None, None]


class Shuffle(nn.Module):
    def forward(self, x):
        b, c, h, w = x.shape
        y = x.view(b, 2, c // 2, h, w).transpose(1, 2).contiguous().view(b, -1, h, w)
        a, z = y.chunk(2, dim=1)
        return torch.cat((a, z * h), 1)


SEQUENCE = ([[3, 4, 8]], [[2, 4, 8]])
RNN = ([[5, 2, 4]], [[3, 2, 4]])
MODELS = {
    'attention': (lambda: Attended(), *SEQUENCE), 'attention in evaluation': (lambda: Attended().eval(), *SEQUENCE),
    'attention, batch first': (lambda: Attended(batch_first=True).eval(), *SEQUENCE),
    'attention, the fast way': (lambda: Attended(fast=True, batch_first=True).eval(), *SEQUENCE),
    'attention, the fast way, no weights': (lambda: Attended(fast=True, batch_first=True, call={'need_weights': False}).eval(), *SEQUENCE),
    'attention, the fast way, weights of each head': (lambda: Attended(fast=True, batch_first=True, call={'average_attn_weights': False}).eval(), *SEQUENCE),
    'attention without gradients, batch second': (lambda: Attended(fast=True).eval(), [[4, 3, 8]], [[4, 2, 8]]),
    'attention, masked': (lambda: Attended(causal=True, batch_first=True, call={'need_weights': False}).eval(), *SEQUENCE),
    'attention, masked, without gradients': (lambda: Attended(fast=True, causal=True, batch_first=True).eval(), *SEQUENCE),
    'attention without bias': (lambda: Attended(bias=False).eval(), *SEQUENCE), 'attention with dropout': (lambda: Attended(dropout=0.1), *SEQUENCE),
    'attention, unbatched': (lambda: Attended().eval(), [[4, 8]], [[3, 8]]),
    'cross attention': (lambda: CrossAttended().eval(), [[3, 2, 8], [5, 2, 8], [2, 5]], [[4, 1, 8], [6, 1, 8], [1, 6]]),
    'cross attention, batch first': (lambda: CrossAttended(batch_first=True).eval(), [[2, 3, 8], [2, 5, 8], [2, 5]], [[1, 4, 8], [1, 6, 8], [1, 6]]),
    'encoder layer': (lambda: Encoded(batch_first=True).eval(), *SEQUENCE), 'encoder layer in training': (lambda: Encoded(), *SEQUENCE),
    'encoder layer, the fast way': (lambda: Encoded(fast=True, batch_first=True).eval(), *SEQUENCE),
    'encoder layer, the fast way, gelu, norm first': (lambda: Encoded(fast=True, batch_first=True, activation='gelu', norm_first=True).eval(), *SEQUENCE),
    'encoder layer, norm first': (lambda: Encoded(norm_first=True, activation='gelu').eval(), *SEQUENCE),
    'encoder layer without gradients, batch second': (lambda: Encoded(fast=True).eval(), *SEQUENCE),
    'encoder': (lambda: EncodedStack(batch_first=True).eval(), *SEQUENCE), 'encoder, the fast way': (lambda: EncodedStack(fast=True, batch_first=True).eval(), *SEQUENCE),
    'encoder, masked': (lambda: EncodedStack(masked=True, batch_first=True).eval(), *SEQUENCE),
    'buffers written': (BufferWriter, [[3, 4]], [[5, 4]]), 'shared blocks': (SharedBlocks, [[3, 4]], [[5, 4]]), 'hooks': (Hooked, [[3, 4]], [[5, 4]]),
    'lists': (Lists, [[3, 4]], [[5, 4]]), 'mutating': (Mutating, [[3, 4]], [[5, 4]]), 'parts': (Parts, [[3, 4]], [[5, 4]]), 'no gradients in a part': (NoGradPart, [[3, 4]], [[5, 4]]),
    'many inputs': (ManyInputs, [[3, 4], [[3, 4], [4]], {'u': [3, 4], 'w': [2]}], [[2, 4], [[2, 4], [4]], {'u': [2, 4], 'w': [2]}]),
    'positions': (Positional, [[2, 5]], [[3, 4]]), 'unet': (UNet, [[1, 1, 8, 8]], [[2, 1, 6, 6]]), 'squeeze and excite': (SqueezeExcite, [[2, 4, 3, 3]], [[1, 4, 5, 5]]),
    'methods': (Methodical, [[3, 4]], [[5, 4]]), 'hooks of containers': (Hooks, [[3, 4]], [[5, 4]]), 'layers': (lambda: Layers().eval(), [[2, 4, 4, 4]], [[1, 4, 4, 4]]),
    'layers in training': (Layers, [[2, 4, 4, 4]], [[3, 4, 4, 4]]), 'cells': (Cells, [[3, 2, 4]], [[3, 5, 4]]), 'residuals': (Residuals, [[3, 4]], [[5, 4]]), 'gru, both ways, two layers': (
        lambda: Recurrent('GRU', num_layers=2, bidirectional=True, batch_first=True), [[2, 5, 4]], [[3, 2, 4]]), 'forks': (Forking, [[3, 4]], [[5, 4]]), 'forks inside': (Outside, [[3, 4]], [[5, 4]]), 'shuffle': (Shuffle, [[2, 4, 3, 3]], [[1, 4, 5, 5]]),
    'lstm': (lambda: Recurrent('LSTM'), *RNN), 'lstm with a state': (lambda: Recurrent('LSTM', True), *RNN), 'gru with a state': (lambda: Recurrent('GRU', True), *RNN),
    'rnn, relu': (lambda: Recurrent('RNN', nonlinearity='relu'), *RNN), 'rnn, both ways': (lambda: Recurrent('RNN', bidirectional=True), *RNN),
    'gru, two layers with dropout': (lambda: Recurrent('GRU', num_layers=2, dropout=0.3), *RNN),
    'lstm, unbatched': (lambda: Recurrent('LSTM'), [[5, 4]], [[3, 4]]), 'gru, batch first, no bias': (lambda: Recurrent('GRU', batch_first=True, bias=False), [[2, 5, 4]], [[3, 6, 4]]),
}
