/** Losses and distances. */
import { callOperator } from '../dispatch/call.ts';
import { findOperator, op } from '../dispatch/operator.ts';
import { IndexError, TorchError } from '../errors.ts';
import { isFloat } from '../tensor/dtype.ts';
import { broadcastShapes, numelOf, sameShape } from '../tensor/layout.ts';
import { py_float } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';

const reduced = (loss: Tensor, reduction: number): Tensor =>
  reduction === 0 ? loss : reduction === 1 ? loss.mean() : loss.sum();

/** The loss's gradient for each element, before its own slope. */
const perElement = (grad: Tensor, like: Tensor, reduction: number): Tensor =>
  reduction === 1 ? grad.div(numelOf(like.shape)) : grad;

/** Picks the target's class from each row of log-probabilities; target is flat, rows are [n, classes]. */
interface Picked {
  readonly loss: Tensor;
  readonly weights: Tensor;
}

function pick(rows: Tensor, target: Tensor, weight: Tensor | null, ignore: number): Picked {
  const ignored = target.eq(ignore);
  const safe = target.masked_fill(ignored, 0);
  const w = (weight ? weight.index_select(0, safe) : rows.new_ones(safe.shape)).masked_fill(ignored, 0);
  const value = rows.gather(1, safe.unsqueeze(1)).squeeze(1);
  return { loss: value.neg().mul(w).masked_fill(ignored, 0), weights: w };
}

function checkTarget(self: Tensor, target: Tensor, weight: Tensor | null): void {
  if (target.dtype !== 'int64' && target.dtype !== 'uint8')
    throw new TorchError(
      `expected scalar type Long but found ${target.dtype === 'float32' ? 'Float' : target.dtype}`,
    );
  const classes = self.shape[1];
  if (weight && (weight.shape.length !== 1 || weight.shape[0] !== classes))
    throw new TorchError(
      `weight tensor should be defined either for all ${classes} classes or no classes but got weight tensor of shape: [${weight.shape.join(', ')}]`,
    );
}

/** [N, C, ...] as rows of classes. */
function asRows(self: Tensor): Tensor {
  if (self.shape.length === 2) return self;
  const order = [0, ...Array.from({ length: self.shape.length - 2 }, (_, i) => i + 2), 1];
  return self.permute(order).reshape([-1, self.shape[1]]);
}

const fromRows = (rows: Tensor, self: Tensor): Tensor => {
  if (self.shape.length === 2) return rows;
  const [n, c, ...rest] = self.shape;
  const order = [0, rest.length + 1, ...rest.map((_, i) => i + 1)];
  return rows.view([n, ...rest, c]).permute(order);
};

interface Nll {
  readonly self: Tensor;
  readonly target: Tensor;
  readonly weight: Tensor | null;
  readonly reduction: number;
  readonly ignore_index: number;
}

function nllForward({ self, target, weight, reduction, ignore_index }: Nll): Tensor[] {
  const rank = self.shape.length;
  if (rank === 0 || (rank === 1) !== (target.shape.length === 0))
    if (rank < 2) throw new TorchError('input tensor should be 1D or 2D');
  const x = rank === 1 ? self.unsqueeze(0) : self;
  const t = rank === 1 ? target.reshape([1]) : target;
  if (!sameShape([x.shape[0], ...x.shape.slice(2)], t.shape))
    throw new TorchError(
      `size mismatch (got input: [${self.shape.join(', ')}], target: [${target.shape.join(', ')}])`,
    );
  checkTarget(x, target, weight);
  const flat = t.reshape([-1]).to('int64');
  const { loss, weights } = classes(() => pick(asRows(x), flat, weight, ignore_index));
  if (reduction === 0) return [loss.view(target.shape), self.new_zeros([])];
  const total = weights.sum();
  const sum = loss.sum();
  return [reduction === 1 ? sum.div(total) : sum, total];
}

/** A target that is no class. */
function classes<T>(fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    const index =
      (error as { detail?: { index?: number } }).detail?.index ??
      /index (-?\d+) is out of bounds/.exec(String(error))?.[1];
    if (index === undefined) throw error;
    throw new IndexError(`Target ${index} is out of bounds.`);
  }
}

/** The gradient with respect to the log-probabilities: -weight at the target's class. */
function nllBackward(
  { self, target, weight, reduction, ignore_index }: Nll,
  grad: Tensor,
  total: Tensor,
): Tensor {
  const x = self.shape.length === 1 ? self.unsqueeze(0) : self;
  const flat = target.reshape([-1]).to('int64');
  const ignored = flat.eq(ignore_index);
  const safe = flat.masked_fill(ignored, 0);
  const w = (weight ? weight.index_select(0, safe) : x.new_ones(safe.shape)).masked_fill(ignored, 0);
  const g = reduction === 0 ? grad.reshape([-1]) : reduction === 1 ? grad.div(total) : grad;
  const value = g.neg().mul(w).masked_fill(ignored, 0);
  const rows = grad
    .new_zeros([numelOf(flat.shape), x.shape[1]])
    .scatter(1, safe.unsqueeze(1), value.unsqueeze(1));
  return fromRows(rows, x).reshape(self.shape).contiguous();
}

function crossEntropy({
  self,
  target,
  weight,
  reduction,
  ignore_index,
  label_smoothing,
}: Nll & { label_smoothing: number }): Tensor {
  if (label_smoothing < 0 || label_smoothing > 1)
    throw new TorchError(`label_smoothing must be between 0.0 and 1.0. Got: ${label_smoothing}`);
  const dim = self.shape.length === 1 ? 0 : 1;
  const n = self.shape[dim];
  const perClass = (w: Tensor): Tensor => w.view(self.shape.map((_, d) => (d === dim ? n : 1)));
  if (sameShape(self.shape, target.shape)) {
    if (!isFloat(target.dtype))
      throw new TorchError(
        `Expected floating point type for target with class probabilities, got ${target.dtype}`,
      );
    if (ignore_index >= 0) throw new TorchError('ignore_index is not supported for floating point target');
    const smooth = label_smoothing > 0 ? target.mul(1 - label_smoothing).add(label_smoothing / n) : target;
    const logs = self.log_softmax(dim);
    const product = weight ? logs.mul(smooth).mul(perClass(weight)) : logs.mul(smooth);
    if (reduction === 0) return product.sum([dim]).neg();
    const total = product.sum().neg();
    return reduction === 2 ? total : total.div(Math.max(numelOf(self.shape) / n, 1));
  }
  const logs = self.log_softmax(dim);
  const nll = callOperator(findOperator('aten::nll_loss_nd')!, [
    logs,
    target,
    weight,
    reduction,
    ignore_index,
  ]) as Tensor;
  if (label_smoothing === 0) return nll;
  const ignored = target.eq(ignore_index);
  const smooth = (weight ? logs.mul(perClass(weight)) : logs).sum([dim]).neg().masked_fill(ignored, 0);
  let folded: Tensor;
  if (reduction === 1) {
    if (weight) {
      const taken = weight
        .index_select(0, target.masked_fill(ignored, 0).reshape([-1]).to('int64'))
        .view(target.shape);
      folded = smooth.sum().div(taken.masked_fill(ignored, 0).sum());
    } else folded = smooth.sum().div(ignored.logical_not().sum());
  } else folded = reduction === 2 ? smooth.sum() : smooth;
  return nll.mul(1 - label_smoothing).add(folded.mul(label_smoothing / n));
}

/** Clipped at -100, as PyTorch does, so that log(0) costs something finite. */
const clippedLog = (x: Tensor): Tensor => x.log().maximum(x.new_full([], -100));

const weighed = (loss: Tensor, weight: Tensor | null): Tensor => (weight ? loss.mul(weight) : loss);

export const losses = [
  op('mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor', {
    define: ({ self, target, reduction }) => reduced(self.sub(target).square(), reduction),
    grad: {
      self: ({ grad, self, target, reduction }) => mseSlope(grad, self, target, reduction),
      target: ({ grad, self, target, reduction }) => mseSlope(grad, self, target, reduction).neg(),
    },
  }),
  op('l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor', {
    define: ({ self, target, reduction }) => reduced(self.sub(target).abs(), reduction),
  }),
  op('smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.) -> Tensor', {
    define: ({ self, target, reduction, beta }) => {
      if (beta < 0) throw new TorchError('smooth_l1_loss does not support negative values for beta.');
      const z = self.sub(target).abs();
      if (beta === 0) return reduced(z, reduction);
      return reduced(
        z
          .square()
          .mul(0.5 / beta)
          .where(z.lt(beta), z.sub(0.5 * beta)),
        reduction,
      );
    },
    grad: {
      self: ({ grad, self, target, reduction, beta }) => smoothSlope(grad, self, target, reduction, beta),
      target: ({ grad, self, target, reduction, beta }) =>
        smoothSlope(grad, self, target, reduction, beta).neg(),
    },
  }),
  op('huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.) -> Tensor', {
    define: ({ self, target, reduction, delta }) => {
      if (!(delta > 0)) throw new TorchError('huber_loss does not support non-positive values for delta.');
      const z = self.sub(target).abs();
      return reduced(
        z
          .square()
          .mul(0.5)
          .where(z.le(delta), z.sub(0.5 * delta).mul(delta)),
        reduction,
      );
    },
    grad: {
      self: ({ grad, self, target, reduction, delta }) => huberSlope(grad, self, target, reduction, delta),
      target: ({ grad, self, target, reduction, delta }) =>
        huberSlope(grad, self, target, reduction, delta).neg(),
    },
  }),
  op(
    'nll_loss_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> (Tensor output, Tensor total_weight)',
    {
      define: (args) => nllForward(args),
      grad: {
        self: ({ grad, results, self, target, weight, reduction, ignore_index }) =>
          nllBackward({ self, target, weight, reduction, ignore_index }, grad, results[1]),
      },
      gradName: 'NllLossBackward0',
    },
  ),
  op(
    'nll_loss2d_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> (Tensor output, Tensor total_weight)',
    {
      define: (args) => nllForward(args),
      grad: {
        self: ({ grad, results, self, target, weight, reduction, ignore_index }) =>
          nllBackward({ self, target, weight, reduction, ignore_index }, grad, results[1]),
      },
      gradName: 'NllLoss2DBackward0',
    },
  ),
  op(
    'nll_loss_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index, Tensor total_weight) -> Tensor',
    {
      define: ({ grad_output, total_weight, ...args }) => nllBackward(args, grad_output, total_weight),
    },
  ),
  op(
    'nll_loss2d_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index, Tensor total_weight) -> Tensor',
    {
      define: ({ grad_output, total_weight, ...args }) => nllBackward(args, grad_output, total_weight),
    },
  ),
  op(
    'nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor',
    {
      define: ({ self, target, weight, reduction, ignore_index }) =>
        (
          callOperator(findOperator('aten::nll_loss_forward')!, [
            self,
            target,
            weight,
            reduction,
            ignore_index,
          ]) as Tensor[]
        )[0],
    },
  ),
  op(
    'nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor',
    {
      define: ({ self, target, weight, reduction, ignore_index }) =>
        (
          callOperator(findOperator('aten::nll_loss2d_forward')!, [
            self,
            target,
            weight,
            reduction,
            ignore_index,
          ]) as Tensor[]
        )[0],
    },
  ),
  op(
    'nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor',
    {
      define: ({ self, target, weight, reduction, ignore_index }) => {
        const rank = self.shape.length;
        if (rank < 1) throw new TorchError(`Expected 1 or more dimensions (got ${rank})`);
        if (rank > 1 && self.shape[0] !== target.shape[0])
          throw new TorchError(
            `Expected input batch_size (${self.shape[0]}) to match target batch_size (${target.shape[0]}).`,
          );
        if (rank <= 2 || rank === 4)
          return callOperator(findOperator(rank === 4 ? 'aten::nll_loss2d' : 'aten::nll_loss')!, [
            self,
            target,
            weight,
            reduction,
            ignore_index,
          ]);
        const [n, c] = self.shape;
        const x = self.reshape([n, c, 1, -1]);
        const loss = callOperator(findOperator('aten::nll_loss2d')!, [
          x,
          target.reshape([n, 1, -1]),
          weight,
          reduction,
          ignore_index,
        ]) as Tensor;
        return reduction === 0 ? loss.view([n, ...self.shape.slice(2)]) : loss;
      },
    },
  ),
  op(
    'cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.) -> Tensor',
    {
      define: (args) => crossEntropy(args),
    },
  ),
  op('binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor', {
    define: ({ self, target, weight, reduction }) => {
      if (!sameShape(self.shape, target.shape))
        throw new TorchError(
          `Using a target size ([${target.shape.join(', ')}]) that is different to the input size ([${self.shape.join(', ')}]) is deprecated. Please ensure they have the same size.`,
        );
      const loss = target
        .sub(1)
        .mul(clippedLog(self.neg().add(1)))
        .sub(target.mul(clippedLog(self)));
      return reduced(weighed(loss, weight), reduction);
    },
    grad: {
      self: ({ grad, self, target, weight, reduction }) => {
        const slope = self.sub(target).div(self.rsub(1).mul(self).clamp_min(1e-12));
        return perElement(grad, self, reduction).mul(weighed(slope, weight));
      },
      target: ({ grad, self, target, weight, reduction }) => {
        const slope = clippedLog(self.neg().add(1)).sub(clippedLog(self));
        return perElement(grad, target, reduction).mul(weighed(slope, weight));
      },
    },
  }),
  op(
    'binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor',
    {
      define: ({ self, target, weight, pos_weight, reduction }) => {
        const softplus = self.log_sigmoid();
        const loss = pos_weight
          ? target.rsub(1).mul(self).sub(pos_weight.sub(1).mul(target).add(1).mul(softplus))
          : target.rsub(1).mul(self).sub(softplus);
        return reduced(weighed(loss, weight), reduction);
      },
    },
  ),
  op('kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor', {
    define: ({ self, target, reduction, log_target }) => {
      const loss = log_target
        ? target.exp().mul(target.sub(self))
        : target.mul(target.log()).masked_fill(target.eq(0), 0).sub(target.mul(self));
      return reduced(loss, reduction);
    },
  }),
  op('soft_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor', {
    define: ({ self, target, reduction }) => reduced(target.neg().mul(self).exp().log1p(), reduction),
  }),
  op(
    'margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor',
    {
      define: ({ input1, input2, target, margin, reduction }) =>
        reduced(target.neg().mul(input1.sub(input2)).add(py_float(margin)).clamp_min(0), reduction),
    },
  ),
  op('hinge_embedding_loss(Tensor self, Tensor target, float margin=1., int reduction=1) -> Tensor', {
    define: ({ self, target, margin, reduction }) => {
      const far = self.neg().add(margin).clamp_min(0).masked_fill(target.eq(1), 0);
      const near = self.masked_fill(target.eq(-1), 0);
      return reduced(far.add(near), reduction);
    },
  }),
  op('cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor', {
    define: ({ x1, x2, dim, eps }) => {
      const norm = (x: Tensor): Tensor => x.square().sum([dim], true).sqrt().clamp_min(eps);
      const shape = broadcastShapes(x1.shape, x2.shape);
      const [a, b] = [x1.expand(shape), x2.expand(shape)];
      return a
        .div(norm(a))
        .mul(b.div(norm(b)))
        .sum([dim]);
    },
  }),
  op(
    'cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor',
    {
      define: ({ input1, input2, target, margin, reduction }) => {
        const dim = target.shape.length;
        const epsilon = 1e-12;
        const dot = input1.mul(input2).sum([dim]);
        const norm = (x: Tensor): Tensor => x.mul(x).sum([dim]).add(epsilon);
        const cosine = dot.div(norm(input1).mul(norm(input2)).sqrt());
        const near = cosine.rsub(1).masked_fill(target.eq(1).logical_not(), 0);
        const far = cosine.sub(margin).clamp_min(0).masked_fill(target.eq(-1).logical_not(), 0);
        return reduced(near.add(far), reduction);
      },
    },
  ),
  op(
    'pairwise_distance(Tensor x1, Tensor x2, float p=2., float eps=9.9999999999999995e-07, bool keepdim=False) -> Tensor',
    {
      define: ({ x1, x2, p, eps, keepdim }) => {
        const dim = Math.max(x1.shape.length, x2.shape.length) - 1;
        return x1.sub(x2).add(py_float(eps)).norm(p, [dim], keepdim);
      },
    },
  ),
  op(
    'triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1., float p=2., float eps=9.9999999999999995e-07, bool swap=False, int reduction=1) -> Tensor',
    {
      define: ({ anchor, positive, negative, margin, p, eps, swap, reduction }) => {
        const distance = (a: Tensor, b: Tensor): Tensor => a.sub(b).add(eps).norm(p, [-1], false);
        let far = distance(anchor, negative);
        if (swap) far = far.minimum(distance(positive, negative));
        return reduced(distance(anchor, positive).sub(far).add(margin).clamp_min(0), reduction);
      },
    },
  ),
  op(
    'poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> Tensor',
    {
      define: ({ input, target, log_input, full, eps, reduction }) => {
        let loss = log_input
          ? input.exp().sub(target.mul(input))
          : input.sub(target.mul(input.add(eps).log()));
        if (full) {
          const stirling = target
            .mul(target.log())
            .sub(target)
            .add(
              target
                .mul(2 * Math.PI)
                .log()
                .mul(0.5),
            );
          loss = loss.add(stirling.masked_fill(target.le(1), 0));
        }
        return reduced(loss, reduction);
      },
    },
  ),
  op('dist(Tensor self, Tensor other, Scalar p=2) -> Tensor', {
    define: ({ self, other, p }) => self.sub(other).norm(p),
  }),
  op('cdist(Tensor x1, Tensor x2, float p=2., int? compute_mode=None) -> Tensor', {
    define: ({ x1, x2, p }) => cdist(x1, x2, p),
  }),
  op('_cdist_forward(Tensor x1, Tensor x2, float p, int? compute_mode) -> Tensor', {
    define: ({ x1, x2, p }) => cdist(x1, x2, p),
  }),
  op('_pdist_forward(Tensor self, float p=2.) -> Tensor', { define: ({ self, p }) => pdist(self, p) }),
  op('pdist(Tensor self, float p=2.) -> Tensor', { define: ({ self, p }) => pdist(self, p) }),
].flat();

/** Distances of all pairs of rows. */
function cdist(x1: Tensor, x2: Tensor, p: number): Tensor {
  if (x1.shape.length < 2)
    throw new TorchError(`cdist only supports at least 2D tensors, X1 got: ${x1.shape.length}D`);
  if (x2.shape.length < 2)
    throw new TorchError(`cdist only supports at least 2D tensors, X2 got: ${x2.shape.length}D`);
  if (x1.shape[x1.shape.length - 1] !== x2.shape[x2.shape.length - 1])
    throw new TorchError(
      `X1 and X2 must have the same number of columns. X1: ${x1.shape[x1.shape.length - 1]} X2: ${x2.shape[x2.shape.length - 1]}`,
    );
  if (p < 0) throw new TorchError('cdist only supports non-negative p values');
  return x1.unsqueeze(-2).sub(x2.unsqueeze(-3)).norm(p, [-1], false);
}

/** Distances of all pairs of rows above the diagonal. */
function pdist(self: Tensor, p: number): Tensor {
  if (self.shape.length !== 2)
    throw new TorchError(`pdist only supports 2D tensors, got: ${self.shape.length}D`);
  const n = self.shape[0];
  const rows: number[] = [];
  const columns: number[] = [];
  for (let i = 0; i < n; i++)
    for (let j = i + 1; j < n; j++) {
      rows.push(i);
      columns.push(j);
    }
  const index = (list: number[]): Tensor => indexTensor(self, list);
  return self
    .index_select(0, index(rows))
    .sub(self.index_select(0, index(columns)))
    .norm(p, [-1], false);
}

const indexTensor = (like: Tensor, list: number[]): Tensor => {
  const out = like.new_empty([list.length], { dtype: 'int64' });
  if (list.length > 0 && like.backend.name !== 'meta')
    like.backend.write(out.memory, 0, BigInt64Array.from(list, BigInt));
  return out;
};

const mseSlope = (grad: Tensor, self: Tensor, target: Tensor, reduction: number): Tensor => {
  const x = self.sub(target);
  return perElement(grad, x, reduction).mul(x.mul(2));
};

function smoothSlope(grad: Tensor, self: Tensor, target: Tensor, reduction: number, beta: number): Tensor {
  const x = self.sub(target);
  const slope = beta === 0 ? x.sign() : x.div(beta).where(x.abs().lt(beta), x.sign());
  return perElement(grad, x, reduction).mul(slope);
}

function huberSlope(grad: Tensor, self: Tensor, target: Tensor, reduction: number, delta: number): Tensor {
  const x = self.sub(target);
  return perElement(grad, x, reduction).mul(x.clamp(-delta, delta));
}
