"""Calls that the operator database does not make: recurrent layers, scalar overloads, packed sequences, plain attributes.

Each function yields (title, run) pairs, where `run()` makes the calls; the seed is set before each.
"""
import itertools

import torch
import torch.nn.functional as F

aten = torch.ops.aten


def tensor(dtype, *shape, low=-3, high=3):
    return torch.testing.make_tensor(shape, dtype=dtype, device='cpu', low=low if dtype.is_signed else 0, high=high)


def scalar_overloads(dtype):
    """`add.Scalar` and its like: Python reaches the Tensor overload with a wrapped number, TorchScript these."""
    x = tensor(dtype, 3, 4)
    whole = [2, 3]
    numbers = whole + ([1.5, -0.25] if dtype.is_floating_point else [1.5])
    for base in ('add', 'sub', 'mul', 'div', 'remainder', 'fmod', 'eq', 'ne', 'lt', 'le', 'gt', 'ge', 'rsub', 'floor_divide',
                 'true_divide', 'bitwise_and', 'bitwise_or', 'bitwise_xor', 'xlogy', 'copysign', 'pow', '__and__', '__or__',
                 '__xor__', '__lshift__', '__rshift__'):
        packet = getattr(aten, base)
        overload = 'Tensor_Scalar' if base == 'pow' else 'Scalar'
        if overload not in packet.overloads():
            continue
        for n in numbers:
            yield base, lambda packet=packet, n=n: getattr(packet, overload)(x, n)
        if base in ('add', 'sub', 'rsub'):
            yield base, lambda packet=packet: packet.Scalar(x, 2, 3)
    for base in ('add_', 'sub_', 'mul_', 'div_', 'pow_', 'eq_', 'lt_', 'floor_divide_', 'remainder_', 'fmod_'):
        yield base, lambda base=base: getattr(aten, base).Scalar(x.clone(), 2)
        if dtype.is_floating_point:
            yield base, lambda base=base: getattr(aten, base).Scalar(x.clone(), 2.5)
    for mode in ('floor', 'trunc', None):
        yield 'div', lambda mode=mode: aten.div.Scalar_mode(x, 2, rounding_mode=mode)
        yield 'div_', lambda mode=mode: aten.div_.Tensor_mode(x.clone(), tensor(dtype, 4, low=1, high=4), rounding_mode=mode)


MIXED = [torch.bool, torch.uint8, torch.int32, torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64]


def promotion(dtype):
    """Binary operators over pairs of dtypes, with a zero-dim operand on either side, and with Python numbers."""
    for other in MIXED:
        for a, b in ((tensor(dtype, 2, 3), tensor(other, 3)), (tensor(dtype, 2, 3), tensor(other)), (tensor(dtype), tensor(other, 2))):
            for run in (torch.add, torch.mul, torch.eq, torch.maximum):
                yield run.__name__, lambda run=run, a=a, b=b: run(a, b)
        a = tensor(dtype, 2, 3, low=1, high=4)
        b = tensor(other, 3, low=1, high=4)
        for run in (torch.div, torch.pow, torch.fmod, torch.lt, torch.floor_divide):
            yield run.__name__, lambda run=run, a=a, b=b: run(a, b)
        yield 'where', lambda a=a, b=b: torch.where(a > 2, a, b)
        yield 'cat', lambda a=a, b=b: torch.cat([a, b[None]])
        yield 'sub_', lambda a=a, b=b: a.clone().mul_(b)
        yield 'copy_', lambda a=a, b=b: a.clone().copy_(b)


def conversions(dtype):
    x = tensor(dtype, 2, 3)
    for other in MIXED:
        yield 'to', lambda other=other: x.to(other)
        yield 'to', lambda other=other: x.t().to(other, copy=True)
        yield 'type_as', lambda other=other: x.type_as(tensor(other, 1))
        yield '_to_copy', lambda other=other: aten._to_copy(x, dtype=other)
    image = tensor(dtype, 2, 3, 4, 5)
    yield 'to', lambda: image.to(memory_format=torch.channels_last)
    yield 'contiguous', lambda: image.contiguous(memory_format=torch.channels_last)
    yield 'contiguous', lambda: image.transpose(1, 2).contiguous()
    yield 'contiguous', lambda: image.contiguous()
    yield 'clone', lambda: image.to(memory_format=torch.channels_last).clone()
    yield 'clone', lambda: image[:, :, ::2].clone()
    yield 'clone', lambda: image.clone(memory_format=torch.channels_last)
    yield 'relu', lambda: F.relu(image.contiguous(memory_format=torch.channels_last)) if dtype != torch.bool else None
    yield 'add', lambda: image.contiguous(memory_format=torch.channels_last) + image
    yield 'add', lambda: image.permute(3, 0, 1, 2) + tensor(dtype, 3, 4)
    yield 'neg', lambda: image.transpose(0, 2).neg() if dtype != torch.bool else None
    yield 'ones_like', lambda: torch.ones_like(image.permute(1, 0, 3, 2))
    yield 'zeros_like', lambda: torch.zeros_like(image[:, :, :, ::2])
    yield 'detach', lambda: x.detach()
    yield 'alias', lambda: aten.alias(x)
    yield 'copy', lambda: aten.copy(x, tensor(dtype, 3))
    yield 'fill', lambda: aten.fill(x, 1)
    yield 'fill_', lambda: x.clone().fill_(1)
    yield 'fill_', lambda: x.clone().fill_(tensor(dtype))
    yield 'zero_', lambda: x.clone().zero_()
    yield 'squeeze_', lambda: x[:1].clone().squeeze_(0)
    yield 'unsqueeze_', lambda: x.clone().unsqueeze_(1)
    yield 'transpose_', lambda: x.clone().transpose_(0, 1)
    yield 't_', lambda: x.clone().t_()
    yield 'view', lambda: x.view([3, -1])
    yield 'item', lambda: x[0, 0].item()


def recurrent(dtype):
    if not dtype.is_floating_point:
        return
    for mode, layers, bias, bidirectional, batch_first in itertools.product(
            ('LSTM', 'GRU', 'RNN'), (1, 2), (True, False), (False, True), (False, True)):
        if batch_first and layers == 2 or not bias and bidirectional:
            continue
        net = getattr(torch.nn, mode)(3, 4, layers, bias=bias, bidirectional=bidirectional, batch_first=batch_first).to(dtype).eval()
        net.requires_grad_(False)
        yield mode.lower(), lambda net=net: net(tensor(dtype, 5, 2, 3))
        if not batch_first:
            packed = torch.nn.utils.rnn.pack_padded_sequence(tensor(dtype, 5, 3, 3), [5, 3, 2])
            yield mode.lower() + '/packed', lambda net=net, packed=packed: net(packed)
    relu = torch.nn.RNN(3, 4, nonlinearity='relu').to(dtype).eval().requires_grad_(False)
    yield 'rnn_relu', lambda: relu(tensor(dtype, 5, 2, 3))
    lstm_projection = torch.nn.LSTM(3, 4, proj_size=2).to(dtype).eval().requires_grad_(False)
    yield 'lstm', lambda: lstm_projection(tensor(dtype, 5, 2, 3))
    for mode in ('LSTMCell', 'GRUCell', 'RNNCell'):
        cell = getattr(torch.nn, mode)(3, 4).to(dtype).requires_grad_(False)
        yield mode, lambda cell=cell: cell(tensor(dtype, 2, 3))
    cell = torch.nn.RNNCell(3, 4, nonlinearity='relu').to(dtype).requires_grad_(False)
    yield 'RNNCell', lambda: cell(tensor(dtype, 2, 3))
    lengths = torch.tensor([4, 2, 1])
    for batch_first in (False, True):
        x = tensor(dtype, *((3, 4, 2) if batch_first else (4, 3, 2)))
        yield 'pack', lambda batch_first=batch_first, x=x: aten._pack_padded_sequence(x, lengths, batch_first)
        packed = aten._pack_padded_sequence(x, lengths, batch_first)
        yield 'pad', lambda batch_first=batch_first, packed=packed: aten._pad_packed_sequence(*packed, batch_first, 0.5, 5)


def networks(dtype):
    """What transformer layers, embeddings, folds, losses and image models call that the database does not."""
    if not dtype.is_floating_point:
        return
    for norm_first in (False, True):
        layer = torch.nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True, norm_first=norm_first).to(dtype).requires_grad_(False)
        yield 'transformer', lambda layer=layer: layer(tensor(dtype, 2, 5, 8))
    attention = torch.nn.MultiheadAttention(8, 2, batch_first=True).to(dtype).requires_grad_(False)
    yield 'attention', lambda: attention(*[tensor(dtype, 2, 5, 8)] * 3, need_weights=True)
    mask = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    yield 'attention', lambda: attention(*[tensor(dtype, 2, 5, 8)] * 3, key_padding_mask=mask, need_weights=False)
    for causal in (False, True):
        yield 'sdpa', lambda causal=causal: F.scaled_dot_product_attention(*(tensor(dtype, 2, 2, 5, 4) for _ in 'qkv'), is_causal=causal)
    yield 'sdpa', lambda: F.scaled_dot_product_attention(*(tensor(dtype, 2, 2, 5, 4) for _ in 'qkv'), attn_mask=tensor(dtype, 5, 5), scale=0.3)
    for kernel, dilation, padding, stride in (((2, 2), 1, 0, 1), ((3, 2), (1, 2), (1, 0), (2, 1)), (2, 1, 1, 2)):
        x = tensor(dtype, 2, 3, 6, 7)
        yield 'im2col', lambda k=kernel, d=dilation, p=padding, s=stride, x=x: F.unfold(x, k, d, p, s)
        yield 'col2im', lambda k=kernel, d=dilation, p=padding, s=stride, x=x: F.fold(F.unfold(x, k, d, p, s), (6, 7), k, d, p, s)
    for stride, padding, dilation, groups in (((1, 1), (0, 0), (1, 1), 1), ((2, 1), (1, 2), (1, 2), 1), ((1, 2), (1, 1), (1, 1), 2), ((1, 1), (1, 1), (2, 2), 4)):
        x, w, b = tensor(dtype, 2, 4, 7, 6), tensor(dtype, 8, 4 // groups, 3, 3), tensor(dtype, 8)
        yield 'convolution', lambda x=x, w=w, b=b, s=stride, p=padding, d=dilation, g=groups: (
            aten.convolution(x, w, b, s, p, d, False, (0, 0), g),
            aten._convolution(x, w, b, s, p, d, False, (0, 0), g, False, False, True, True),
            aten.conv2d(x, w, None, s, p, d, g))
        wt = tensor(dtype, 4, 6 // (2 if groups > 1 else 1), 3, 2)
        yield 'convolution', lambda x=x, wt=wt, s=stride, p=padding, d=dilation, g=groups: aten.convolution(
            x, wt, None, s, p, d, True, tuple(n - 1 for n in s), 2 if g > 1 else 1)
    for training in (False, True):
        stats = [tensor(dtype, 3), tensor(dtype, 3, low=0.5)]
        x, w, b = tensor(dtype, 4, 3, 5, 2), tensor(dtype, 3), tensor(dtype, 3)
        yield 'batch_norm', lambda t=training, x=x, w=w, b=b, stats=stats: F.batch_norm(x, *stats, w, b, t, 0.2, 1e-3)
        yield 'instance_norm', lambda t=training, x=x, w=w, b=b, stats=stats: F.instance_norm(x, *stats, w, b, t, 0.2, 1e-3)
    table = tensor(dtype, 7, 3)
    ids = torch.tensor([[1, 2, 6], [6, 0, 1]])
    yield 'embedding', lambda: F.embedding(ids, table, padding_idx=1)
    for mode in ('sum', 'mean', 'max'):
        yield 'embedding_bag', lambda mode=mode: F.embedding_bag(ids, table, mode=mode)
        yield 'embedding_bag', lambda mode=mode: F.embedding_bag(ids.flatten(), table, torch.tensor([0, 2, 2]), mode=mode)
    for reduction in ('none', 'mean', 'sum'):
        x, c = tensor(dtype, 4, 5), torch.tensor([1, 0, 4, 2])
        yield 'cross_entropy', lambda r=reduction: F.cross_entropy(x, c, reduction=r, label_smoothing=0.1)
        yield 'cross_entropy', lambda r=reduction: F.cross_entropy(x, c, tensor(dtype, 5, low=0.5), reduction=r, ignore_index=4)
        yield 'nll_loss', lambda r=reduction: F.nll_loss(tensor(dtype, 2, 5, 3, 2), torch.randint(0, 5, (2, 3, 2)), reduction=r)
        yield 'bce', lambda r=reduction: F.binary_cross_entropy(torch.sigmoid(x), torch.rand(4, 5).to(dtype), reduction=r)
        yield 'bce', lambda r=reduction: F.binary_cross_entropy_with_logits(x, torch.rand(4, 5).to(dtype), pos_weight=tensor(dtype, 5, low=0.5), reduction=r)
        yield 'mse', lambda r=reduction: (F.mse_loss(x, x * 2, reduction=r), F.l1_loss(x, x * 2, reduction=r), F.huber_loss(x, x * 2, reduction=r, delta=0.7),
                                         F.smooth_l1_loss(x, x * 2, reduction=r, beta=0.7), F.kl_div(x, x.softmax(1), reduction=r))
    for training in (False, True):
        yield 'dropout', lambda t=training: F.dropout(tensor(dtype, 3, 4), 0.0 if t else 0.5, t)
    v, g = tensor(dtype, 4, 3), tensor(dtype, 4, 1)
    yield 'weight_norm', lambda: torch._weight_norm(v, g, 0)
    weights = [tensor(dtype, 3, 2) for _ in range(3)]
    yield 'adam', lambda: (weights[0].clone().lerp_(weights[1], 0.1), weights[0].clone().mul_(0.9).addcmul_(weights[1], weights[1], value=0.1),
                           weights[0].clone().addcdiv_(weights[1], weights[2].abs().sqrt().add_(1e-8), value=-0.01), weights[0].clone().add_(weights[1], alpha=-0.1))
    for align in (False, True, None):
        mode = 'bilinear' if align is not None else 'nearest'
        for size in ((7, 5), (2, 3), (4, 8)):
            yield 'interpolate', lambda a=align, m=mode, s=size: F.interpolate(tensor(dtype, 1, 2, 4, 5), size=s, mode=m, align_corners=a)


def structure(dtype):
    x = tensor(dtype, 4, 6)
    one = tensor(dtype, 6)
    index = torch.tensor([3, 0, -1])
    mask = torch.tensor([True, False, True, True])
    yield 'index', lambda: x[index]
    yield 'index', lambda: x[:, index]
    yield 'index', lambda: x[index, torch.tensor([[1], [2]])]
    yield 'index', lambda: tensor(dtype, 2, 3, 4)[torch.tensor([1, 0]), :, torch.tensor([2, 3])]
    yield 'index', lambda: x[mask]
    yield 'index', lambda: x[mask, 1:3]
    yield 'index', lambda: x[x == x]
    yield 'index', lambda: x[None, ..., 2, None, ::2]  if False else x[None, 2, None, ::2]
    yield 'index_put_', lambda: x.clone().index_put_((index,), tensor(dtype, 6))
    yield 'index_put_', lambda: x.clone().index_put_((index, torch.tensor([1, 1, 1])), tensor(dtype, 1), accumulate=True)
    yield 'index_put_', lambda: x.clone().index_put_((mask,), tensor(dtype))
    yield 'index_put', lambda: aten.index_put(x, [None, torch.tensor([0, 0, 5])], tensor(dtype, 3), True)
    yield 'select', lambda: (x.select(0, -1), x.select(1, 2), one.select(0, 3))
    yield 'slice', lambda: (x[1:-1], x[:, ::3], x[5:], x[-2:, 1:100:2])
    yield 'narrow', lambda: x.narrow(1, 2, 3)
    yield 'unbind', lambda: x.unbind(1)
    yield 'chunk', lambda: (x.chunk(3, 1), x.split(4, 1), x.split([1, 2, 3], 1), x.tensor_split(4, 1))
    yield 'unique', lambda: (torch.unique(one, return_inverse=True, return_counts=True), torch.unique(x, dim=0), torch.unique_consecutive(one))
    yield 'meshgrid', lambda: torch.meshgrid(one, one[:2], indexing='ij')
    yield 'stack', lambda: (torch.stack([x, x], -1), torch.cat([x, x[:0]], 0), torch.cat([one[:0], one]))
    yield 'expand', lambda: (one.expand(3, 6), x[:, :1].expand(-1, 5), one.expand_as(x), x.broadcast_to(2, 4, 6))
    yield 'repeat', lambda: (x.repeat(2, 1), one.repeat(2, 3), x.repeat_interleave(2, 1), one.repeat_interleave(torch.tensor([0, 1, 2, 0, 1, 3])), x.tile(2))
    yield 'reshape', lambda: (x.reshape(-1), x.t().reshape(3, 8), x.view(2, 2, -1), x.flatten(), x.unflatten(1, (2, 3)), x[:, None].flatten(0, 1))
    yield 'nonzero', lambda: (x.nonzero(), (x > 0).nonzero(), torch.argwhere(x), torch.count_nonzero(x, 1))
    yield 'tril', lambda: (x.tril(), x.triu(1), x.tril(-2), x.diagonal(1), torch.diag(one[:3]), torch.diag(x, -1), x.trace())
    yield 'sort', lambda: (x.sort(1), x.sort(0, descending=True), one.argsort(), x.topk(2, 1), one.topk(3, largest=False))
    yield 'max', lambda: (x.max(), x.min(), x.max(1), x.min(0, keepdim=True), x.argmax(), x.argmin(1), x.amax((0, 1)), x.any(1), x.all())
    yield 'sum', lambda: (x.sum(), x.sum(0), x.sum((0, 1), keepdim=True), x.sum(1, dtype=torch.float64), x.prod(), x.prod(1), x.cumsum(1), x.cumprod(0))
    yield 'pad', lambda: (F.pad(x, (1, 2)), F.pad(x, (1, -1, 0, 2), value=3), F.pad(tensor(dtype, 1, 3, 4), (1, 2), mode='reflect'),
                          F.pad(tensor(dtype, 1, 3, 4), (1, 2), mode='replicate'))
    yield 'roll', lambda: (x.roll(2, 0), x.roll((1, -1), (0, 1)), x.flip(0, 1), x.rot90())
    yield 'masked', lambda: (x.masked_fill(mask[:, None], 1), x.clone().masked_fill_(x == x, 0), x.masked_select(x != 0), x.masked_scatter(x > 0, x.t().contiguous()))
    yield 'scatter', lambda: (x.scatter(1, torch.tensor([[0, 5], [2, 3]]), 1), x.scatter(0, torch.tensor([[0, 1], [2, 3]]), x), x.gather(1, torch.tensor([[0], [5]])),
                              x.scatter_add(0, torch.tensor([[1, 1, 1]]), x), x.index_select(1, torch.tensor([5, 0])), x.index_add(0, torch.tensor([1, 1]), x[:2]),
                              x.index_fill(1, torch.tensor([0, 2]), 1), x.index_copy(0, torch.tensor([2, 0]), x[:2]), x.take(torch.tensor([0, 23, -1])))
    yield 'factories', lambda: (torch.zeros(2, 3, dtype=dtype), torch.ones([2], dtype=dtype), torch.full((2, 2), 1, dtype=dtype), torch.eye(3, dtype=dtype), torch.full_like(x, 1),
                                x.new_zeros(2), x.new_ones([2, 1]), x.new_full((2,), 1), torch.arange(5, dtype=dtype) if dtype != torch.bool else None)


def direct(dtype):
    """Operators that TorchScript archives name and Python reaches only through others, or that the database samples too large."""
    for base in ('absolute_', 'negative_', 'subtract_', 'multiply_', 'divide_', 'clip_', 'fix_'):
        rest = {'clip_': (-1, 2)}.get(base, () if base in ('absolute_', 'negative_', 'fix_') else (tensor(dtype, 4, low=1, high=4),))
        yield base, lambda base=base, rest=rest: getattr(aten, base)(tensor(dtype, 3, 4), *rest)
    if not dtype.is_floating_point:
        x = tensor(dtype, 3, 4)
        for base in ('__and__', '__or__', '__xor__', '__lshift__', '__rshift__', '__iand__', '__ior__', '__ixor__'):
            yield base, lambda base=base: getattr(aten, base).Tensor(x.clone(), tensor(dtype, 4, low=0, high=3))
        yield 'slice_scatter', lambda: torch.slice_scatter(x, tensor(dtype, 2, 4), 0, 1, 3)
        return
    x = tensor(dtype, 3, 4, low=-5, high=5)
    for base in ('relu_', 'gelu_', 'hardswish_', 'hardtanh_', 'relu6_', 'leaky_relu_', 'elu_', 'selu_', 'celu_', 'silu_', 'mish_',
                 'hardsigmoid_', 'sigmoid_', 'tanh_'):
        yield base, lambda base=base: getattr(aten, base)(x.clone())
    yield 'threshold_', lambda: aten.threshold_(x.clone(), 0.5, 2.0)
    yield 'kron', lambda: torch.kron(x[:2, :3], tensor(dtype, 3, 2))
    yield 'slice_scatter', lambda: torch.slice_scatter(x, tensor(dtype, 3, 2), 1, 0, 4, 2)
    yield 'slice_scatter', lambda: torch.slice_scatter(x, tensor(dtype, 1, 4), 0, -1)
    scores, classes = tensor(dtype, 4, 5), torch.tensor([1, 0, -100, 2])
    for reduction in (0, 1, 2):
        yield 'nll_loss', lambda r=reduction: aten.nll_loss(scores, classes, tensor(dtype, 5, low=0.5), r)
        yield 'nll_loss2d', lambda r=reduction: aten.nll_loss2d(tensor(dtype, 2, 5, 3, 2), torch.randint(0, 5, (2, 3, 2)), None, r, 3)
        yield 'ctc_loss', lambda r=reduction: aten.ctc_loss.IntList(tensor(dtype, 6, 2, 4).log_softmax(2), torch.tensor([[1, 2, 2], [3, 1, 0]]), [6, 5], [3, 2], 0, r)
    image = tensor(dtype, 2, 3, 4, 2)
    yield 'batch_norm', lambda: aten._native_batch_norm_legit_no_training(image, tensor(dtype, 3), tensor(dtype, 3), tensor(dtype, 3), tensor(dtype, 3, low=0.5), 0.1, 1e-5)
    yield 'batch_norm', lambda: aten.native_batch_norm(image, tensor(dtype, 3), tensor(dtype, 3), tensor(dtype, 3), tensor(dtype, 3, low=0.5), True, 0.1, 1e-5)
    yield 'batch_norm', lambda: aten._native_batch_norm_legit.no_stats(image, tensor(dtype, 3), tensor(dtype, 3), True, 0.1, 1e-5)
    yield 'native_layer_norm', lambda: aten.native_layer_norm(image, [4, 2], tensor(dtype, 4, 2), None, 1e-5)
    yield 'native_group_norm', lambda: aten.native_group_norm(tensor(dtype, 2, 4, 3), tensor(dtype, 4), tensor(dtype, 4), 2, 4, 3, 2, 1e-5)
    ids = torch.tensor([1, 2, 6, 6, 0])
    for mode in (0, 1, 2):
        yield 'embedding_bag', lambda mode=mode: aten._embedding_bag(tensor(dtype, 7, 3), ids, torch.tensor([0, 2, 2]), False, mode)
    yield 'split_copy', lambda: (aten.split_copy.Tensor(x, 3, 1), aten.unbind_copy(x), aten._reshape_alias(x, [4, 3], [1, 4]), aten.zero(x))
    yield 'norm', lambda: (aten.norm.Scalar(x, 2), aten.norm.ScalarOpt_dim(x, 3, [1]), aten.norm.ScalarOpt_dim(x, 1, [0, 1], True), aten.norm.ScalarOpt_dtype(x, 2, dtype=torch.float64) if dtype == torch.float32 else None)
    yield 'softmax', lambda: (aten._softmax(x, 1, False), aten._log_softmax(x, 0, False), x.softmax(-1), x.log_softmax(0), F.softmax(x, 0, dtype=torch.float64))
    for aa in (aten._upsample_bilinear2d_aa, aten._upsample_bicubic2d_aa):
        yield 'aa', lambda aa=aa: (aa(tensor(dtype, 1, 2, 6, 5), [3, 4], False), aa(tensor(dtype, 1, 1, 3, 3), [5, 5], True))
    yield 'max_pool', lambda: (F.max_pool2d(tensor(dtype, 1, 2, 6, 6), 3, 2, 1), F.max_pool2d(tensor(dtype, 2, 5, 5), 2, ceil_mode=True), F.max_pool1d(tensor(dtype, 1, 2, 7), 3, 2),
                               F.max_pool3d(tensor(dtype, 1, 1, 4, 4, 4), 2), F.max_pool2d(tensor(dtype, 1, 1, 6, 6), 2, 1, 0, 2))
    yield 'avg_pool', lambda: (F.avg_pool2d(tensor(dtype, 1, 2, 6, 6), 3, 2, 1), F.avg_pool2d(tensor(dtype, 2, 5, 5), 2, ceil_mode=True, count_include_pad=False), F.avg_pool1d(tensor(dtype, 1, 2, 7), 3, 2),
                               F.adaptive_avg_pool2d(tensor(dtype, 1, 2, 5, 7), (3, 2)), F.adaptive_avg_pool2d(tensor(dtype, 2, 4, 4), 1), F.adaptive_max_pool2d(tensor(dtype, 1, 2, 5, 7), (3, 2)))
    yield 'grid_sampler', lambda: [F.grid_sample(tensor(dtype, 1, 2, 4, 5), tensor(dtype, 1, 3, 2, 2, low=-1.2, high=1.2), m, p, align_corners=a)
                                   for m in ('bilinear', 'nearest', 'bicubic') for p in ('zeros', 'border', 'reflection') for a in (False, True)]
    yield 'einsum', lambda: [torch.einsum(text, *operands) for text, operands in (
        ('ij,jk->ik', [x, tensor(dtype, 4, 2)]), ('ij->ji', [x]), ('ij->', [x]), ('i,j->ij', [x[:, 0], x[0]]), ('bij,bjk->bik', [tensor(dtype, 2, 3, 4), tensor(dtype, 2, 4, 2)]),
        ('...ij,jk->...ik', [tensor(dtype, 2, 3, 4), tensor(dtype, 4, 2)]), ('bhid,bhjd->bhij', [tensor(dtype, 1, 2, 3, 4), tensor(dtype, 1, 2, 5, 4)]), ('ii->i', [tensor(dtype, 3, 3)]))]
    yield 'matmul', lambda: [torch.matmul(a, b) for a, b in (
        (x, tensor(dtype, 4, 2)), (x, x[0]), (x[0], x.t()), (x[0], x[0]), (tensor(dtype, 2, 3, 4), tensor(dtype, 4, 5)), (tensor(dtype, 2, 1, 3, 4), tensor(dtype, 5, 4, 2)), (tensor(dtype, 2, 3, 4), x[0]),
        (x[:0], tensor(dtype, 4, 2)), (x[:, :0], tensor(dtype, 0, 2)))]
    yield 'linear', lambda: [F.linear(a, x, b) for a, b in ((tensor(dtype, 2, 4), tensor(dtype, 3)), (tensor(dtype, 4), None), (tensor(dtype, 2, 2, 4), tensor(dtype, 3)), (tensor(dtype, 0, 4), tensor(dtype, 3)))]


def vision(dtype):
    """torchvision's operators, which need its extension loaded."""
    if not dtype.is_floating_point:
        return
    import torchvision  # noqa: F401

    ops = torch.ops.torchvision
    for count, size, threshold in ((12, 30, 0.3), (12, 30, 0.7), (1, 5, 0.5), (0, 5, 0.5), (40, 10, 0.1)):
        corner = tensor(dtype, count, 2, low=0, high=40)
        boxes = torch.cat([corner, corner + tensor(dtype, count, 2, low=1, high=size)], 1)
        yield 'nms', lambda boxes=boxes, t=threshold: ops.nms(boxes, torch.randperm(boxes.shape[0]).to(dtype) / 64, t)
    yield 'nms', lambda: ops.nms(torch.zeros(3, 4, dtype=dtype), torch.tensor([0.5, 0.25, 0.75], dtype=dtype), 0.5)
    image = tensor(dtype, 2, 3, 6, 8)
    rois = torch.tensor([[0, 0, 0, 7, 5], [1, 2.5, 1.25, 6, 4], [0, -3, -2, 2, 3], [1, 5, 4, 12, 9], [0, 3, 3, 3, 3]], dtype=dtype)
    for scale, height, width, ratio, aligned in ((1.0, 2, 3, 2, True), (0.5, 3, 2, 2, False), (1.0, 2, 2, -1, True),
                                                 (1.0, 2, 2, 0, False), (0.25, 1, 1, 3, True)):
        yield 'roi_align', lambda a=(scale, height, width, ratio, aligned): ops.roi_align(image, rois, *a)
    yield 'roi_align', lambda: ops.roi_align(image.transpose(2, 3), rois[:2], 1.0, 2, 2, 1, True)
    yield 'roi_align', lambda: ops.roi_align(image, rois[:0], 1.0, 2, 2, 2, True)
    many = tensor(dtype, 2, 12, 6, 5)   # twelve channels: two for each of the 2 x 3 bins
    for scale, boxes in ((1.0, rois), (0.5, rois), (1.0, rois[:0]), (0.3, rois[1:2])):
        yield 'roi_pool', lambda s=scale, b=boxes: ops.roi_pool(image, b, s, 2, 3)
        yield 'ps_roi_pool', lambda s=scale, b=boxes: ops.ps_roi_pool(many, b, s, 2, 3)
        yield 'ps_roi_align', lambda s=scale, b=boxes: ops.ps_roi_align(many, b, s, 2, 3, 2)
    yield 'roi_pool', lambda: ops.roi_pool(image.transpose(2, 3), rois, 0.7, 3, 1)
    yield 'roi_pool', lambda: ops.roi_pool((image * 2).round() / 2, rois, 1.0, 1, 2)   # equal pixels: the first
    yield 'ps_roi_pool', lambda: ops.ps_roi_pool(many.transpose(2, 3), rois, 0.7, 3, 4)
    yield 'ps_roi_align', lambda: ops.ps_roi_align(many, rois, 0.7, 1, 4, -1)
    for stride, pad, dilation, groups, parts, masked in ((1, 0, 1, 1, 1, False), (1, 1, 1, 1, 1, True), (2, 1, 1, 2, 1, True),
                                                         (1, 2, 2, 1, 2, True), ((1, 2), (2, 0), (2, 1), 2, 2, False)):
        (sh, sw), (ph, pw), (dh, dw) = ((v, v) if isinstance(v, int) else v for v in (stride, pad, dilation))
        x, weight = tensor(dtype, 2, 4, 5, 4), tensor(dtype, 2, 4 // groups, 3, 2, low=-1, high=1)
        out = ((5 + 2 * ph - 2 * dh - 1) // sh + 1, (4 + 2 * pw - dw - 1) // sw + 1)
        offset, mask = tensor(dtype, 2, 12 * parts, *out, low=-2, high=2), tensor(dtype, 2, 6 * parts, *out, low=0, high=1)
        yield 'deform_conv2d', lambda x=x, w=weight, o=offset, m=mask if masked else tensor(dtype, 0), a=(
            sh, sw, ph, pw, dh, dw, groups, parts, masked): ops.deform_conv2d(x, w, o, m, tensor(dtype, 2), *a)


ALL = (scalar_overloads, promotion, conversions, recurrent, networks, structure, direct, vision)


def errors():
    """Calls that must throw, beside those that the database has: shapes, dtypes, indices and arguments that PyTorch refuses."""
    f = lambda *shape: torch.ones(shape)  # noqa: E731
    long = lambda *shape: torch.ones(shape, dtype=torch.int64)  # noqa: E731
    boolean = torch.tensor([True, False])
    import torchvision  # noqa: F401

    nms, roi_align, deform = (getattr(torch.ops.torchvision, n) for n in ('nms', 'roi_align', 'deform_conv2d'))
    yield 'nms', lambda: nms(f(3, 4, 1), f(3), 0.5)
    yield 'nms', lambda: nms(f(3, 5), f(3), 0.5)
    yield 'nms', lambda: nms(f(3, 4), f(3, 1), 0.5)
    yield 'nms', lambda: nms(f(3, 4), f(2), 0.5)
    yield 'roi_align', lambda: roi_align(f(1, 1, 4, 4), f(2, 4), 1.0, 2, 2, 2, True)
    yield 'roi_align', lambda: roi_align(f(1, 1, 4, 4), f(2, 5).double(), 1.0, 2, 2, 2, True)
    yield 'roi_align', lambda: roi_align(f(1, 4, 4), f(2, 5), 1.0, 2, 2, 2, True)
    for name in ('roi_pool', 'ps_roi_pool'):
        pool = getattr(torch.ops.torchvision, name)
        yield name, lambda pool=pool: pool(f(1, 4, 4, 4), f(2, 4), 1.0, 2, 2)
        yield name, lambda pool=pool: pool(f(1, 4, 4, 4), f(2, 5).double(), 1.0, 2, 2)
    yield 'ps_roi_pool', lambda: torch.ops.torchvision.ps_roi_pool(f(1, 3, 4, 4), f(2, 5), 1.0, 2, 2)
    yield 'ps_roi_align', lambda: torch.ops.torchvision.ps_roi_align(f(1, 3, 4, 4), f(2, 5), 1.0, 2, 2, 2)
    image, kernel, offset, mask = f(1, 4, 5, 5), f(6, 2, 3, 3), f(1, 36, 3, 3), f(1, 18, 3, 3)
    plain = (1, 1, 0, 0, 1, 1, 2, 2, True)
    for args in ((f(4, 5, 5), kernel, offset, mask), (image, f(6, 2, 3), offset, mask), (image, kernel, f(1, 18, 3, 3), mask),
                 (image, kernel, offset, f(1, 9, 3, 3)), (image, kernel, f(2, 36, 3, 3), mask), (image, kernel, f(1, 36, 4, 3), mask),
                 (image, f(6, 3, 3, 3), offset, mask), (image, f(5, 2, 3, 3), offset, mask)):
        yield 'deform_conv2d', lambda args=args: deform(*args, f(6), *plain)
    yield 'add', lambda: f(2, 3) + f(4, 3)
    yield 'add', lambda: f(2, 3).add_(f(5, 2, 3))
    yield 'add', lambda: long(2).add_(1.5)
    yield 'add', lambda: torch.add(long(2), 1, alpha=1.5)
    yield 'sub', lambda: boolean - boolean
    yield 'sub', lambda: 1 - boolean
    yield 'neg', lambda: -boolean
    yield 'mul', lambda: f(2, 3) * f(2)
    yield 'div', lambda: torch.div(f(2), f(2), rounding_mode='up')
    yield 'div', lambda: torch.div(long(2), 0, rounding_mode='floor')
    yield 'div', lambda: long(2).div_(2)
    yield 'remainder', lambda: long(2) % torch.zeros(2, dtype=torch.int64)
    yield 'pow', lambda: long(2) ** -1
    yield 'bitwise_and', lambda: f(2) & f(2)
    yield 'bitwise_not', lambda: ~f(2)
    yield 'mm', lambda: torch.mm(f(2, 3), f(2, 3))
    yield 'mm', lambda: torch.mm(f(2, 3, 1), f(2, 3))
    yield 'mm', lambda: torch.mm(f(2, 3), long(3, 2))
    yield 'matmul', lambda: f(2, 3) @ f(4)
    yield 'matmul', lambda: f() @ f(4)
    yield 'matmul', lambda: f(2, 3) @ f(2, 3)
    yield 'matmul', lambda: f(3, 2, 3) @ f(2, 3, 2)
    yield 'bmm', lambda: torch.bmm(f(2, 3, 4), f(3, 4, 2))
    yield 'bmm', lambda: torch.bmm(f(3, 4), f(3, 4, 2))
    yield 'mv', lambda: torch.mv(f(2, 3), f(2))
    yield 'dot', lambda: torch.dot(f(2), f(3))
    yield 'dot', lambda: torch.dot(f(2, 2), f(3))
    yield 'addmm', lambda: torch.addmm(f(5), f(2, 3), f(3, 2))
    yield 'linear', lambda: F.linear(f(2, 3), f(4, 5))
    yield 'linear', lambda: F.linear(f(2, 3), f(4, 3), f(5))
    yield 'linear', lambda: F.linear(f(2, 3), f(4, 3).double())
    yield 'conv2d', lambda: F.conv2d(f(1, 3, 4, 4), f(2, 4, 3, 3))
    yield 'conv2d', lambda: F.conv2d(f(3, 4), f(2, 4, 3, 3))
    yield 'conv2d', lambda: F.conv2d(f(1, 4, 4, 4), f(3, 2, 3, 3), groups=2)
    yield 'conv2d', lambda: F.conv2d(f(1, 3, 2, 2), f(2, 3, 3, 3))
    yield 'conv2d', lambda: F.conv2d(f(1, 3, 4, 4), f(2, 3, 3, 3), f(3))
    yield 'conv2d', lambda: F.conv2d(f(1, 3, 4, 4), f(2, 3, 3, 3), stride=0)
    yield 'conv2d', lambda: F.conv2d(f(1, 3, 4, 4), f(2, 3, 3, 3), padding=-1)
    yield 'conv2d', lambda: F.conv2d(f(1, 3, 4, 4), f(2, 3, 3, 3).double())
    yield 'conv2d', lambda: F.conv2d(f(1, 3, 4, 4), f(2, 3, 3, 3), stride=2, padding='same')
    yield 'max_pool2d', lambda: F.max_pool2d(f(1, 1, 2, 2), 5)
    yield 'max_pool2d', lambda: F.max_pool2d(f(1, 1, 4, 4), 2, padding=2)
    yield 'max_pool2d', lambda: F.max_pool2d(f(4, 4), 2)
    yield 'avg_pool2d', lambda: F.avg_pool2d(f(1, 1, 4, 4), 2, padding=2)
    yield 'avg_pool2d', lambda: F.avg_pool2d(f(1, 1, 4, 4), 2, divisor_override=0)
    yield 'adaptive_avg_pool2d', lambda: F.adaptive_avg_pool2d(f(4, 4), 2)
    yield 'batch_norm', lambda: F.batch_norm(f(2, 3), f(4), f(4))
    yield 'layer_norm', lambda: F.layer_norm(f(2, 3), [4])
    yield 'layer_norm', lambda: F.layer_norm(f(2, 3), [3], f(2))
    yield 'group_norm', lambda: F.group_norm(f(2, 4, 2), 3)
    yield 'embedding', lambda: F.embedding(torch.tensor([3, 7]), f(5, 2))
    yield 'embedding', lambda: F.embedding(f(2), f(5, 2))
    yield 'softmax', lambda: f(2, 3).softmax(2)
    yield 'softmax', lambda: long(2).softmax(0)
    yield 'sum', lambda: f(2, 3).sum(2)
    yield 'sum', lambda: f(2, 3).sum((0, 0))
    yield 'mean', lambda: long(2).mean()
    yield 'mean', lambda: long(2, 2).mean(1)
    yield 'var', lambda: long(2).var()
    yield 'amax', lambda: f(0, 2).amax(0)
    yield 'amax', lambda: f(2).amax(1)
    yield 'max', lambda: f(0).max()
    yield 'max', lambda: f(2, 0).max(1)
    yield 'argmax', lambda: f(0).argmax()
    yield 'argmax', lambda: f(2, 0).argmax(1)
    yield 'cumsum', lambda: f(2).cumsum(1)
    yield 'sort', lambda: f(2).sort(1)
    yield 'topk', lambda: f(3).topk(4)
    yield 'topk', lambda: f(3).topk(1, 1)
    yield 'kthvalue', lambda: f(3).kthvalue(5)
    yield 'cat', lambda: torch.cat([f(2, 3), f(2, 4)])
    yield 'cat', lambda: torch.cat([f(2, 3), f(2)])
    yield 'cat', lambda: torch.cat([f(), f()])
    yield 'cat', lambda: torch.cat([])
    yield 'cat', lambda: torch.cat([f(2)], 1)
    yield 'stack', lambda: torch.stack([f(2), f(3)])
    yield 'stack', lambda: torch.stack([])
    yield 'view', lambda: f(2, 3).view(4, 2)
    yield 'view', lambda: f(2, 3).t().view(6)
    yield 'view', lambda: f(2, 3).view(-1, -1)
    yield 'view', lambda: f(2, 3).view(-1, 4)
    yield 'view', lambda: f(0, 3).view(-1, 0)
    yield 'reshape', lambda: f(2, 3).reshape(4, 2)
    yield 'reshape', lambda: f(2, 3).reshape(-2, 3)
    yield 'permute', lambda: f(2, 3).permute(0)
    yield 'permute', lambda: f(2, 3).permute(0, 0)
    yield 'transpose', lambda: f(2, 3).transpose(0, 2)
    yield 't', lambda: f(2, 3, 4).t()
    yield 'expand', lambda: f(2, 3).expand(4, 3)
    yield 'expand', lambda: f(2, 3).expand(3)
    yield 'expand', lambda: f(3).expand(-1, 3)
    yield 'select', lambda: f(2, 3)[5]
    yield 'select', lambda: f()[0]
    yield 'select', lambda: f(2).select(1, 0)
    yield 'slice', lambda: f(2)[::0]
    yield 'slice', lambda: aten.slice(f(2), 1, 0, 1)
    yield 'narrow', lambda: f(4).narrow(0, 2, 3)
    yield 'squeeze', lambda: f(2).squeeze(1)
    yield 'unsqueeze', lambda: f(2).unsqueeze(3)
    yield 'flatten', lambda: f(2, 3).flatten(1, 0)
    yield 'unflatten', lambda: f(6).unflatten(0, (4, 2))
    yield 'split', lambda: f(4).split([1, 2])
    yield 'chunk', lambda: f(4).chunk(0)
    yield 'index', lambda: f(3)[torch.tensor([0, 3])]
    yield 'index', lambda: f(3)[torch.tensor([True, False])]
    yield 'index', lambda: f(3, 3)[torch.tensor([0, 1]), torch.tensor([0, 1, 2])]
    yield 'index', lambda: f(3)[torch.tensor([0]), torch.tensor([0])]
    yield 'index_put', lambda: f(3).index_put_((torch.tensor([5]),), f(1))
    yield 'index_put', lambda: f(3).index_put_((torch.tensor([1]),), long(1))
    yield 'index_select', lambda: f(3).index_select(0, torch.tensor([3]))
    yield 'index_select', lambda: f(3).index_select(0, long(1, 1))
    yield 'index_select', lambda: f(3).index_select(0, f(1))
    yield 'index_add', lambda: f(3).index_add(0, torch.tensor([1, 2]), f(3))
    yield 'gather', lambda: f(2, 3).gather(1, torch.tensor([[3]]))
    yield 'gather', lambda: f(2, 3).gather(1, torch.tensor([1]))
    yield 'gather', lambda: f(2, 3).gather(0, long(1, 4))
    yield 'scatter', lambda: f(2, 3).scatter(1, torch.tensor([[7]]), 1.0)
    yield 'scatter', lambda: f(2, 3).scatter(1, torch.tensor([[1]]), long(1, 1))
    yield 'scatter_add', lambda: f(2, 3).scatter_add(1, long(2, 3), f(1, 3))
    yield 'take', lambda: f(3).take(torch.tensor([3]))
    yield 'masked_fill', lambda: f(3).masked_fill(torch.tensor([1, 0, 1]), 2)
    yield 'masked_fill', lambda: f(3).masked_fill(boolean, 2)
    yield 'masked_select', lambda: f(3).masked_select(f(3))
    yield 'masked_scatter', lambda: f(3).masked_scatter(f(3) > 0, f(2))
    yield 'where', lambda: torch.where(f(3), f(3), f(3))
    yield 'where', lambda: torch.where(boolean, f(3), f(3))
    yield 'nonzero', lambda: f(2).item()
    yield 'item', lambda: f(0).item()
    yield 'tril', lambda: f(3).tril()
    yield 'diagonal', lambda: f(2, 2).diagonal(0, 1, 1)
    yield 'diag', lambda: f(2, 2, 2).diag()
    yield 'trace', lambda: f(3).trace()
    yield 'flip', lambda: f(2).flip(0, 0)
    yield 'roll', lambda: f(2, 2).roll((1, 2), 0)
    yield 'repeat', lambda: f(2, 2).repeat(2)
    yield 'unfold', lambda: f(3).unfold(0, 5, 1)
    yield 'pad', lambda: F.pad(f(1, 3), (3, 3), mode='reflect')
    yield 'pad', lambda: F.pad(f(3), (1, 1, 1, 1))
    yield 'pad', lambda: F.pad(f(3), (1,))
    yield 'pad', lambda: F.pad(f(3), (-2, -2))
    yield 'nll_loss', lambda: F.nll_loss(f(2, 3), torch.tensor([0, 3]))
    yield 'nll_loss', lambda: F.nll_loss(f(2, 3), torch.tensor([0]))
    yield 'cross_entropy', lambda: F.cross_entropy(f(2, 3), torch.tensor([0, 1, 2]))
    yield 'cross_entropy', lambda: F.cross_entropy(f(2, 3), torch.tensor([0, 5]))
    yield 'bce', lambda: F.binary_cross_entropy(f(2) * 2, f(2))
    yield 'mse_loss', lambda: aten.mse_loss(f(2), f(3))
    yield 'one_hot', lambda: F.one_hot(torch.tensor([3]), 2)
    yield 'one_hot', lambda: F.one_hot(torch.tensor([-1]))
    yield 'arange', lambda: torch.arange(0, 5, -1)
    yield 'arange', lambda: torch.arange(0, 5, 0)
    yield 'linspace', lambda: torch.linspace(0, 1, -1)
    yield 'eye', lambda: torch.eye(-1)
    yield 'full', lambda: torch.full((-1,), 0)
    yield 'einsum', lambda: torch.einsum('ij,jk->ik', f(2, 3), f(2, 3))
    yield 'einsum', lambda: torch.einsum('ij->ijk', f(2, 3))
    yield 'einsum', lambda: torch.einsum('i', f(2, 3))
    yield 'pixel_shuffle', lambda: F.pixel_shuffle(f(1, 3, 2, 2), 2)
    yield 'glu', lambda: F.glu(f(3))
    yield 'prelu', lambda: F.prelu(f(2, 3), f(2))
    yield 'gelu', lambda: F.gelu(long(2))
    yield 'interpolate', lambda: aten.upsample_nearest2d(f(2, 3), [2, 2])
    yield 'lstm', lambda: torch.nn.LSTM(3, 4)(f(5, 2, 7))
    yield 'clamp', lambda: torch.clamp(f(2))
    yield 'copy_', lambda: f(2).copy_(f(3))
    yield 'fill_', lambda: f(2).fill_(f(2))
    yield 'lerp', lambda: torch.lerp(f(2), f(2).double(), 0.5)
    yield 'addcmul', lambda: torch.addcmul(f(2), f(3), f(2))
    yield 'unique', lambda: torch.unique(f(2), dim=1)
    yield 'movedim', lambda: f(2, 3).movedim((0, 1), (0,))
    yield 'in-place on expanded', lambda: f(1).expand(3).add_(1)
