/** What conformance/models/programs_trace_corners.py has in Python, in JavaScript: the functions. */
import * as torch from '../../src/index.ts';
import type { Any } from './programs.ts';

const { nn, jit } = torch;
const F: Any = nn.functional;
const { sizes } = jit;
const t: Any = torch;

export const functions: Record<string, (...args: Any[]) => Any> = {
  slice_add(x) {
    const y = x.clone();
    y.set_at(['1:'], y.at('1:').add_(1));
    y.set_at([':', 0], y.at(':', 0).mul_(2));
    y.set_at([-1, '1:3'], y.at(-1, '1:3').sub_(x.at(0, '1:3')));
    return y;
  },
  slice_methods(x) {
    const y = x.mul(1);
    y.at(0).zero_();
    y.at(':', -1).fill_(3.5);
    y.at('1:').copy_(x.at(':1'));
    y.t().at(1).neg_();
    return [y, y.at(0)];
  },
  input_written(x) {
    x.add_(1);
    x.set_at([0], 0);
    return x.mul(2);
  },
  input_written_and_returned: (x) => x.mul_(2),
  view_chain(x) {
    const y = x.add(0);
    const v = y.view(-1).at('2:').view(2, -1);
    v.mul_(3);
    const w = y.transpose(0, 1);
    w.at(0).add_(v.sum());
    return [y, v, w];
  },
  view_of_input: (x) => [x.at(0), x.view(-1), x.t(), x],
  async index_put_indices(x) {
    const y = x.clone();
    const i = torch.tensor([0, 1]);
    y.set_at([i], 5);
    y.set_at([i, i], x.at(0, 0));
    y.set_at([':', i], y.at(':', i).add_(1));
    return [y.index_put([i], x.at(':2')), y.index_put_([i, i], x.at(0, ':2'), true)];
  },
  index_reads(x) {
    const i: Any = torch.tensor([1, 0]);
    return [x.at(i), x.at(i, i), x.at(':', i), x.at(i, ':2'), x.at(i.at(':', null), i.at(null)), x.at('...', i)];
  }, // biome-ignore format: as in Python
  async masks(x) {
    const m = x.gt(0.5);
    const y = x.masked_fill(m.bitwise_not(), torch.py_float(-1));
    await y.set_at([m], 0.25);
    return [
      y, m.__and__(x.lt(0.9)), m.__or__(x.eq(0)), m.sum(), m.any(1), torch.where(m, x, torch.zeros_like(x)), x.mul(m), m.to('float32'), m.logical_not(),
    ]; // biome-ignore format: as in Python
  },
  async masked_scatter(x) {
    const a = await x.masked_scatter(x.gt(0.5), torch.zeros(100));
    return [a, await x.masked_select(x.gt(-1))];
  },
  outputs_alias(x, y) {
    const z = x.add(y);
    return [x, z, z, y, x];
  },
  twice_in: (x, y) => [x.mul(y), x.add_(1)],
  dict_of_tuples(d) {
    const [a, b] = d.p;
    const [c, e] = d.q;
    return [a.add(c), b.mul(e)];
  },
  tuple_of_dicts: (pair) => pair[0].a.mul(2).add(pair[1].a),
  nested_out: (x) => [[x, [x.add(1), [x.mul(2)]]], x.sub(1)],
  size_arithmetic(x) {
    const [b, n] = x.shape;
    const h = sizes.floordiv(n, 2);
    return [
      x.view(b, 2, h), x.reshape(sizes.mul(b, n)), x.view(sizes.mul(b, 2), sizes.floordiv(n, 2)),
      torch.zeros(sizes.add(b, 1), sizes.sub(n, 1)), x.at(':', { stop: sizes.floordiv(n, 2) }), x.at(':', { start: sizes.floordiv(n, 2) }),
      x.at(sizes.sub(b, 1)), x.new_full([n, b], b), torch.arange(sizes.mul(b, n)).view(b, n), x.repeat(b, 1),
      x.unfold(1, sizes.floordiv(n, 2), 1), torch.ones(b, n).mul(n), x.sum(0).div(b), x.expand(b, b, n), torch.full([b], t.py_float(2)),
      x.pow(2).div(sizes.pow(n, 0.5)),
    ]; // biome-ignore format: as in Python
  },
  size_results(x) {
    const n = x.size(1);
    return [
      x.at(':', { stop: sizes.sub(n, 1) }), sizes.add(x.size(0), n), sizes.sub(sizes.mul(x.size(0), 2), 1), sizes.mul(2, n),
      sizes.sub(7, n), sizes.remainder(n, 3),
    ]; // biome-ignore format: as in Python
  },
  negative_dims: (x) => [
    x.sum(-1), x.mean(-2, { keepdim: true }), x.softmax(-2), x.transpose(-1, -2), x.unsqueeze(-1), x.flatten(-2), x.size(-1), x.cumsum(-1),
    torch.cat([x, x], -1), torch.stack([x, x], -1), x.select(-1, -1), x.narrow(-1, 1, 2), x.max(-1)[0], x.flip(-1), x.chunk(2, -1)[1],
    x.norm(2, -1), x.argsort(-1), x.squeeze(-1), x.movedim(-1, 0),
  ], // biome-ignore format: as in Python
  positions(x) {
    const i = torch.arange(x.size(0));
    const d = torch.arange(x.size(1), { dtype: 'float32' });
    return [
      (i as Any).at(':', null).mul((d as Any).at(null)), x.add(d), torch.arange(0, x.size(1), 2),
      torch.arange(sizes.mul(x.size(0), 2)).to('float32').div(2), torch.ones(x.shape[1]).cumsum(0),
    ]; // biome-ignore format: as in Python
  },
  causal_mask(x) {
    const n = x.size(0);
    const mask = torch.triu(torch.full([n, n], Number.NEGATIVE_INFINITY), 1);
    return [
      x.matmul(x.t()).add(mask).softmax(-1), torch.ones(n, n).tril().eq(0), torch.ones(n, n, { dtype: 'bool' }).triu(1),
    ]; // biome-ignore format: as in Python
  },
  dtypes(x) {
    const i = x.to('int64');
    return [
      x.to('float64').add(1), x.to('float16').to('float32'), i.add(1), i.div(2), i.floor_divide(2), i.mul(0.5), i.add(0.5), i.div(0.5), x.to('int32').remainder(2), x.to('bool'),
      x.to(i), x.to('float64').to(x.dtype), i.to('float32').mean(), x.type_as(i), x.gt(0).to('int32'), x.to('uint8'), i.to('int32', false, true), 
      torch.zeros_like(i).to('float64'),
    ]; // biome-ignore format: as in Python
  },
  devices: (x) => [
    torch.zeros(2, { device: x.device }), torch.ones_like(x, { device: 'cpu' }), 
    torch.empty(2, 3).fill_(1), x.new_ones(2, 2), x.new_empty(3).zero_(),
  ], // biome-ignore format: as in Python
  async randomness(x) {
    return [
      x.add(torch.randn_like(x)), torch.rand(x.size(0), 2), torch.randn(x.shape), x.bernoulli(), torch.normal(0, 1, [2, 2]), torch.randint(3, [x.size(1)]),
      torch.randperm(4), x.clone().uniform_(), x.clone().normal_(1, 2), torch.randint_like(x, 5), x.clone().bernoulli_(0.3),
    ]; // biome-ignore format: as in Python
  },
  dropouts: (x) => [
    F.dropout(x, { p: 0.3 }), F.dropout(x, { p: 0.3, training: false }), torch.dropout_(x.clone(), 0.2, true), torch.alpha_dropout(x, 0.1, true), F.dropout(x, { p: 0 }),
  ], // biome-ignore format: as in Python
  async forked(x) {
    const future = jit.fork((a: Any) => a.neg().exp(), x);
    const y = x.tanh();
    return (await jit.wait(future)).add(y);
  },
  reversed_operators: (x) => [
    torch.rsub(x, 1), x.add(1).reciprocal().mul(2), torch.pow(3, x), x.add(1), x.mul(2), x.neg(), x.abs(), torch.floor_divide(5 as Any, x.add(1)),
    x.pow(0.5), x.pow(-1), torch.rsub(x, 1.5), x.gt(0.5).eq(x.gt(0.2)), x.ne(0),
  ], // biome-ignore format: as in Python
  inplace_operators: (x) => x.clone().add_(1).sub_(x).mul_(2.5).div_(3).pow_(2).floor_divide_(1).add_(x),
  comparisons: (x, y) => [
    x.lt(y), x.le(1), y.ge(x), x.eq(y), x.ne(0.5), torch.eq(x, y), torch.isclose(x, y), torch.maximum(x, y), torch.minimum(x, y), x.gt(y).bitwise_not(),
    x.gt(y).__xor__(x.gt(0)),
  ], // biome-ignore format: as in Python
  pooled: (x) => [
    F.max_pool1d(x, 2), F.avg_pool1d(x, 2), t.adaptive_max_pool1d(x, 2)[0], F.adaptive_avg_pool1d(x, 3), F.max_pool1d(x, 3, 1, 1), F.pad(x, [1, 2], { value: 1.5 }),
    F.pad(x, [1, 1], 'reflect'), F.pad(x, [1, 1], 'replicate'), F.pad(x, [1, 1], 'circular'),
  ], // biome-ignore format: as in Python
  resampled: (x) => [
    F.interpolate(x, { scale_factor: 2 }), F.interpolate(x, { size: [sizes.mul(x.size(2), 2), x.size(3)] }), F.interpolate(x, { scale_factor: 0.5, mode: 'bilinear' }),
    F.interpolate(x, { size: 5, mode: 'bicubic', align_corners: true }), F.interpolate(x, { scale_factor: [2, 3], mode: 'nearest' }),
    t.grid_sampler(x, torch.zeros(1, 2, 2, 2), 0, 0, false), F.pixel_shuffle(x, 2), t.im2col(x, [2, 2], [1, 1], [0, 0], [1, 1]),
  ], // biome-ignore format: as in Python
  losses(x, y) {
    const target = torch.tensor([0, 1, 2]);
    return [
      F.cross_entropy(x, target), F.nll_loss(x.log_softmax(1), target), F.mse_loss(x, y), F.l1_loss(x, y, { reduction: 'sum' }), F.smooth_l1_loss(x, y),
      F.binary_cross_entropy(x, y), F.binary_cross_entropy_with_logits(x, y), F.cosine_similarity(x, y),
      F.cross_entropy(x, target, { label_smoothing: 0.1, reduction: 'none' }), t.margin_ranking_loss(x.at(0), x.at(1), y.at(0)), t.triplet_margin_loss(x, y, x.add(1)), t.poisson_nll_loss(x, y, true, false, 1e-8, 1),
    ]; // biome-ignore format: as in Python
  },
  embeddings(x) {
    const i = x.mul(3).to('int64');
    const w: Any = torch.arange(torch.py_float(20)).view(5, 4);
    return [F.embedding(i, w), F.embedding(i, w, { padding_idx: 0 }), F.one_hot(i, 4), w.at(i), w.index_select(0, i.view(-1))];
  }, // biome-ignore format: as in Python
  async sorting(x) {
    const [v, i] = x.sort(1, true);
    const [u, j] = x.topk(2, { largest: false });
    const [k] = x.kthvalue(2);
    const [m, n] = x.median(0);
    return [v, i, u, j, k, m, n, x.argsort(0), await torch.nonzero(x.gt(0.5)), x.mode(1)[0], t.searchsorted(torch.arange(torch.py_float(3)), x), x.cummax(0)[0]];
  }, // biome-ignore format: as in Python
  scattered(x) {
    const i: Any = torch.zeros(2, 3, { dtype: 'int64' });
    return [
      torch.zeros(3, 4).scatter(0, i, x), torch.zeros(3, 4).scatter_add_(0, i, x), x.gather(1, i), x.scatter(1, i, torch.py_float(1)), x.index_add(0, i.at(0, ':1'), x.at(':1')),
      x.index_fill(1, i.at(0, ':2'), 9), x.take(i), x.scatter_reduce(0, i, x, 'sum'), x.index_copy(0, i.at(0, ':1'), x.at('1:2')), x.put(i.at(':1'), x.at(':1', ':3')),
    ]; // biome-ignore format: as in Python
  },
  linear_algebra(x) {
    const a = x.matmul(x.t()).add(torch.eye(x.size(0)).mul(3));
    return [
      t.linalg_det(a), x.norm(2, 1), torch.outer(x.at(0), x.at(0)),
      torch.dot(x.at(0), x.at(0)), torch.mv(x, x.at(0)), torch.addmm(torch.zeros(1), x, x.t(), { beta: 2 }), torch.baddbmm(torch.zeros(1), x.at(null), x.t().at(null)),
      torch.trace(a), a.diagonal(), torch.diag(x.at(0)), torch.einsum('bi,bj->bij', [x, x]), t.tensordot(x, x, [1], [1]), torch.cdist(x, x), torch.kron(x, x), x.t(), x.at(null).transpose(-2, -1),
    ]; // biome-ignore format: as in Python
  },
  statistics: (x) => [
    x.std(), x.var(1, false), x.std(1, { keepdim: true }), torch.var_mean(x, 1), torch.std_mean(x), x.mean(), x.median(), x.quantile(0.5), x.min(1), x.max(), x.aminmax(),
    x.norm(1), x.nansum(), torch.histc(x, 4), x.sum([0, 1]), x.sum({ dtype: 'float64' }), x.prod(1), x.cumprod(1), x.logcumsumexp(1), x.diff(),
  ], // biome-ignore format: as in Python
  shapes_made(x) {
    return [
      torch.zeros_like(x), torch.zeros(x.shape), torch.zeros(x.size()), torch.empty(x.shape).fill_(0), torch.zeros(...x.shape, 2), x.view(...x.shape, 1),
      x.reshape(-1, x.shape[1]), x.expand(2, ...x.shape), torch.zeros([...x.shape]), x.new_zeros(x.shape[0], 3), torch.eye(x.size(0)), torch.linspace(0, 1, x.size(0)),
      torch.full(x.shape, 7), torch.full_like(x, 1), x.view(x.size()), x.reshape(x.numel()), x.view(x.shape[0], -1),
      t.meshgrid([torch.arange(x.size(0)), torch.arange(x.size(1))], { indexing: 'ij' }),
    ]; // biome-ignore format: as in Python
  },
  joined: (x) => [
    torch.cat([x, x.mul(2)]), torch.stack([x, x], 1), torch.cat([x.at(':1'), x.at('1:')], { dim: 0 }), torch.hstack([x, x]), torch.vstack([x, x]), x.split(2, 1), x.chunk(3),
    x.unbind(1)[0], torch.tensor_split(x, 2, 1), x.repeat_interleave(2, 0), x.tile(2), torch.block_diag([x, x]), t.broadcast_tensors([x, x.at(':1')]), torch.dstack([x, x]), x.rot90(),
    torch.cartesian_prod([x.at(0), x.at(1)]),
  ], // biome-ignore format: as in Python
  detached(x) {
    const y = x.detach();
    const z = torch.no_grad(() => y.mul(2));
    return [z.add(x), x.requires_grad_(false), x.detach().clone().requires_grad_()];
  },
  shadowed(x) {
    let y = x;
    for (let i = 0; i < 3; i++) y = y.mul(2).add(1);
    if (y.dim() === 2) y = y.sum(0);
    return [y, y.mul(0).add(y.ndim)];
  },
  constants_shared(x) {
    const c = torch.ones(4);
    return [x.add(c), x.mul(c), c, c.add(c)];
  },
  conditioned: (x) => (x.size(0) > 1 ? torch.relu(x) : x),
  float_division: (x) => [
    torch.div(x, 2, { rounding_mode: 'floor' }), torch.div(x, x.add(1), { rounding_mode: 'trunc' }), x.fmod(0.3), x.remainder(0.3), torch.floor_divide(x, 0.3), x.true_divide(3),
    torch.addcmul(x, x, x, { value: 0.5 }), torch.addcdiv(x, x, x.add(1)), torch.lerp(x, x.add(1), 0.5), torch.clamp(x, 0.2), x.clamp({ max: 0.5 }), x.clip(0.1, 0.9), x.nan_to_num(), torch.hypot(x, x),
    torch.atan2(x, x), torch.logaddexp(x, x), torch.sign(x), x.rsqrt(), x.expm1(), x.erf(), t.special_expit(x), x.logit(1e-3), x.frac(), x.round(), x.round({ decimals: 1 }), x.trunc(), x.square(), x.reciprocal(),
    x.sigmoid(), torch.xlogy(x, x), x.sinc(), x.deg2rad(), x.heaviside(torch.zeros(1)),
  ], // biome-ignore format: as in Python
  activations: (x) => [
    F.elu(x), F.selu(x), F.celu(x), F.silu(x), F.mish(x), F.hardswish(x), F.hardsigmoid(x), F.softsign(x), F.threshold(x, 0.1, 0.2), F.glu(x), F.logsigmoid(x),
    F.prelu(x, torch.tensor([0.2])), F.relu_(x.clone()), F.gelu(x, { approximate: 'tanh' }), t.hardshrink(x), t.softshrink(x), F.leaky_relu(x, 0.3),
    F.batch_norm(x, torch.zeros(4), torch.ones(4)), F.layer_norm(x, [x.shape[1]]), F.group_norm(x, 2), F.normalize(x, { dim: 0 }), F.linear(x, torch.ones(2, 4)), t.bilinear(x, x, torch.ones(2, 4, 4)),
  ], // biome-ignore format: as in Python
  same_twice: (x, y) => [x.add(y), x.mul(2)],
  assigned(x) {
    const n = x.size(0);
    const y = torch.zeros_like(x) as Any;
    y.set_at([sizes.sub(n, 1)], 1);
    y.set_at([':', 0], x.at(0, 0));
    y.set_at([0, '1:'], x.at(0, ':-1'));
    y.set_at(['...', -1], 2.5);
    const begin = x.at({ stop: sizes.floordiv(n, 2) });
    y.set_at([{ stop: sizes.floordiv(n, 2) }], begin);
    y.set_at([1], x.at(1).to('float64'));
    y.set_at([0, 0], n);
    return y;
  },
  async assigned_by_tensors(x) {
    const y = x.clone();
    const i = torch.tensor([0, 2]);
    y.set_at([i], x.at(':2'));
    y.set_at([i, 0], 7);
    y.set_at([':', i], x.at(':', ':2'));
    const total = x.sum();
    await y.set_at([x.gt(0.8)], total);
    return y;
  },
  async masks_written(x) {
    const y = x.clone();
    y.masked_fill_(y.gt(0.5), 0);
    y.masked_fill_(y.eq(0), x.sum());
    return [
      y, torch.where(x.gt(0.5), torch.py_float(1), x), torch.where(x.gt(0.5), x, torch.py_float(0)), x.where(x.gt(0.5), torch.tensor(torch.py_float(2))),
      await torch.nonzero(x.ge(0)), x.clamp_(0.2, 0.8),
    ]; // biome-ignore format: as in Python
  },
  more_views(x) {
    const y = x.mul(1);
    y.unsqueeze(0).squeeze(0).add_(1);
    const half = y.view(2, -1);
    half.set_at([1], half.at(1).add_(1));
    y.diagonal().zero_();
    y.narrow(0, 0, 1).mul_(2);
    y.expand(2, ...y.shape);
    const [a, b] = y.split(2, 1);
    a.add_(b);
    y.unbind(0)[0].sub_(1);
    y.as_strided([2, 2], [2, 1]).add_(1);
    return [y, a, y.unflatten(1, [2, 2]), y.detach_()];
  },
  shape_out: (x) => [[...x.shape], x.size(0), x.numel(), [...x.size()]],
  list_in: (xs) => [torch.cat(xs), torch.stack(xs).sum(0), xs[0].add(xs[1])],
  padded(x) {
    const n = x.size(-1);
    return [
      F.pad(x, [0, sizes.remainder(n, 3)]), F.pad(x, [sizes.floordiv(n, 2), 1], { value: 2 }), F.pad(x.at(null), [1, 1, 2, 2], 'reflect'), F.pad(x, [-1, 0]),
    ]; // biome-ignore format: as in Python
  },
  size_casts(x) {
    const n = x.size(1);
    return [
      x.mul(n), x.add(sizes.div(n, 2)), x.div(sizes.sub(n, 1)), torch.full([2, 2], n), x.clamp({ max: n }), torch.arange(n).add(n), torch.arange(1, n), torch.linspace(0, n, 5), x.pow(n),
      x.new_full([1], n), torch.zeros(n).fill_(n), x.view(n, -1), x.softmax(x.dim() - 1), x.repeat(1, sizes.sub(n, 2)), x.tril(sizes.sub(n, 3)),
      torch.ones(n, { dtype: 'int64' }).mul(n), x.sub(n, { alpha: 2 }), x.eq(n), x.gt(n),
    ]; // biome-ignore format: as in Python
  },
  many_results(x) {
    const [v, i] = t.max(x, 1);
    const w = torch.topk(x, 2);
    const m = x.min({ dim: 0 });
    const q = x.sort()[0];
    return [v, i, w[0], w[1], m[1], q, torch.unbind(x), x.split([1, 3], 1), t.std_mean(x, 1)[0], t.aminmax(x)[1]];
  }, // biome-ignore format: as in Python
  loops(x) {
    let total: Any = torch.zeros(4);
    for (let i = 0; i < 3; i++) total = total.add(x.at(i).mul(i));
    const rows = [];
    for (const row of x) rows.push(row.mul(2));
    return [total, torch.stack(rows), rows.reduce((a: Any, b: Any) => (a === null ? b.add(0) : a.add(b)), null)];
  }, // biome-ignore format: as in Python
  functional_layers(x) {
    const w = torch.ones(4, 4);
    const b: Any = torch.zeros(4);
    return [
      F.linear(x, w, b), F.layer_norm(x, [4], { weight: b, bias: b }), F.batch_norm(x, b, b.add(1), { training: true }), t.feature_dropout(x.at(null, null), 0.5, false), F.max_pool2d(x.at(null), 2, 1),
    ]; // biome-ignore format: as in Python
  },
};
