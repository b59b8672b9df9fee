/** Gradients that PyTorch has as operators of their own: of activations, losses, pads and pools. */
import { grad as gradientsOf } from '../autograd/api.ts';
import { is_grad_enabled, setRecording } from '../autograd/mode.ts';
import { callOperator } from '../dispatch/call.ts';
import { findOperator, named, op, pointwise } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { X } from '../expr/build.ts';
import { refuseUnrecorded } from '../kernel/guard.ts';
import { broadcastShapes, numelOf, wrapDim } from '../tensor/layout.ts';
import { py_float } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';

const zero = (x: X): X => X.const(0, x.dtype);
const sigmoid = (x: X): X => x.neg().exp().add(1).pow(-1);

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);

function geluSlope(x: X, approximate: string): X {
  if (approximate === 'none') {
    const density = x
      .mul(x)
      .mul(-0.5)
      .exp()
      .mul(1 / Math.sqrt(2 * Math.PI));
    return x.mul(Math.SQRT1_2).erf().add(1).mul(0.5).add(x.mul(density));
  }
  if (approximate !== 'tanh') throw new TorchError('approximate argument must be either none or tanh.');
  const inner = x.add(x.mul(x).mul(x).mul(0.044715)).mul(SQRT_2_OVER_PI);
  const t = inner.tanh();
  const slope = x
    .mul(x)
    .mul(3 * 0.044715)
    .add(1)
    .mul(SQRT_2_OVER_PI);
  return t
    .add(1)
    .mul(0.5)
    .add(x.mul(0.5).mul(t.mul(t).neg().add(1)).mul(slope));
}

/** Of the operator itself, by recording it; for gradients that are seldom called by name. */
export function recorded(
  name: string,
  grad: Tensor,
  inputs: readonly Tensor[],
  run: (...xs: Tensor[]) => Tensor,
): Tensor[] {
  refuseUnrecorded(name, [grad, ...inputs]);
  const before = is_grad_enabled();
  setRecording(true);
  try {
    const leaves = inputs.map((t) => {
      const leaf = t.detach() as Tensor;
      leaf.requires_grad = true;
      return leaf;
    });
    return gradientsOf([run(...leaves)], leaves, { grad_outputs: [grad.detach()] }) as Tensor[];
  } finally {
    setRecording(before);
  }
}

/** What each element's slope is multiplied by: the gradient, shared out where the loss is a mean. */
function shared(grad: Tensor, self: Tensor, target: Tensor, reduction: number): Tensor {
  const shape = broadcastShapes(self.shape, target.shape);
  return reduction === 1 ? grad.div(numelOf(shape)) : grad;
}

/** Where the loss's smaller elements end, slopes are ±1 (or ±limit). */
const smoothSlope = (x: Tensor, beta: number): Tensor =>
  beta === 0 ? x.sign() : x.div(beta).where(x.abs().lt(beta), x.sign());

const pads = ['reflection', 'replication'].flatMap((kind) =>
  ([1, 2, 3] as const).flatMap((dims) => {
    const forward = `aten::${kind}_pad${dims}d`;
    return op(
      named(
        `${kind}_pad${dims}d_backward`,
        `(Tensor grad_output, Tensor self, SymInt[${dims * 2}] padding) -> Tensor` as '(Tensor grad_output, Tensor self, SymInt[2] padding) -> Tensor',
      ),
      {
        define: ({ grad_output, self, padding }) =>
          recorded(
            `${kind}_pad${dims}d_backward`,
            grad_output,
            [self],
            (x) => callOperator(findOperator(forward)!, [x, padding]) as Tensor,
          )[0],
        grad: {
          grad_output: ({ grad, padding }) => callOperator(findOperator(forward)!, [grad, padding]) as Tensor,
        },
      },
    );
  }),
);

const maxPools = ([2, 3] as const).flatMap((dims) =>
  op(
    named(
      `adaptive_max_pool${dims}d_backward`,
      '(Tensor grad_output, Tensor self, Tensor indices) -> Tensor',
    ),
    {
      define: ({ grad_output, self, indices }) => {
        const lead = self.shape.slice(0, -dims);
        const flat = [...lead, numelOf(indices.shape.slice(-dims))];
        return grad_output
          .new_zeros([...lead, numelOf(self.shape.slice(-dims))])
          .scatter_add(-1, indices.reshape(flat), grad_output.reshape(flat))
          .view(self.shape);
      },
    },
  ),
);

export const backwards = [
  pointwise('threshold_backward(Tensor grad_output, Tensor self, Scalar threshold) -> Tensor', {
    math: ({ grad_output, self, threshold }) => self.le(threshold).where(zero(self), grad_output),
  }),
  pointwise('gelu_backward(Tensor grad_output, Tensor self, *, str approximate="none") -> Tensor', {
    math: ({ grad_output, self, approximate }) => grad_output.mul(geluSlope(self, approximate)),
  }),
  pointwise('sigmoid_backward(Tensor grad_output, Tensor output) -> Tensor', {
    math: ({ grad_output, output }) => grad_output.mul(output.neg().add(1)).mul(output),
  }),
  pointwise('tanh_backward(Tensor grad_output, Tensor output) -> Tensor', {
    math: ({ grad_output, output }) => grad_output.mul(output.mul(output).neg().add(1)),
  }),
  pointwise(
    'leaky_relu_backward(Tensor grad_output, Tensor self, Scalar negative_slope, bool self_is_result) -> Tensor',
    {
      math: ({ grad_output, self, negative_slope }) =>
        self.gt(0).where(grad_output, grad_output.mul(negative_slope)),
    },
  ),
  pointwise(
    'elu_backward(Tensor grad_output, Scalar alpha, Scalar scale, Scalar input_scale, bool is_result, Tensor self_or_result) -> Tensor',
    {
      math: ({ grad_output, alpha, scale, input_scale, is_result, self_or_result: x }) => {
        const low = alpha.mul(scale);
        const slope = is_result
          ? input_scale.mul(x.add(low))
          : x.mul(input_scale).exp().mul(low).mul(input_scale);
        return x.le(0).where(grad_output.mul(slope), grad_output.mul(scale));
      },
    },
  ),
  pointwise('silu_backward(Tensor grad_output, Tensor self) -> Tensor', {
    math: ({ grad_output, self }) => {
      const s = sigmoid(self);
      return grad_output.mul(s).mul(self.mul(s.neg().add(1)).add(1));
    },
  }),
  pointwise('mish_backward(Tensor grad_output, Tensor self) -> Tensor', {
    math: ({ grad_output, self }) => {
      const t = self.max(zero(self)).add(self.abs().neg().exp().log1p()).tanh();
      return grad_output.mul(t.add(self.mul(sigmoid(self)).mul(t.mul(t).neg().add(1))));
    },
  }),
  pointwise('hardtanh_backward(Tensor grad_output, Tensor self, Scalar min_val, Scalar max_val) -> Tensor', {
    math: ({ grad_output, self, min_val, max_val }) =>
      self.le(min_val).or(self.ge(max_val)).where(zero(self), grad_output),
  }),
  pointwise('hardswish_backward(Tensor grad_output, Tensor self) -> Tensor', {
    math: ({ grad_output, self }) =>
      self.le(-3).where(zero(self), self.lt(3).where(grad_output.mul(self.div(3).add(0.5)), grad_output)),
  }),
  pointwise('hardsigmoid_backward(Tensor grad_output, Tensor self) -> Tensor', {
    math: ({ grad_output, self }) => self.gt(-3).and(self.lt(3)).where(grad_output.div(6), zero(self)),
  }),
  pointwise('softplus_backward(Tensor grad_output, Tensor self, Scalar beta, Scalar threshold) -> Tensor', {
    math: ({ grad_output, self, beta, threshold }) => {
      const scaled = self.mul(beta);
      return scaled.gt(threshold).where(grad_output, grad_output.mul(sigmoid(scaled)));
    },
  }),
  pointwise('hardshrink_backward(Tensor grad_out, Tensor self, Scalar lambd) -> Tensor', {
    math: ({ grad_out, self, lambd }) => self.ge(lambd.neg()).and(self.le(lambd)).where(zero(self), grad_out),
  }),
  pointwise('softshrink_backward(Tensor grad_output, Tensor self, Scalar lambd) -> Tensor', {
    math: ({ grad_output, self, lambd }) =>
      self.ge(lambd.neg()).and(self.le(lambd)).where(zero(self), grad_output),
  }),
  op('log_sigmoid_backward(Tensor grad_output, Tensor self, Tensor buffer) -> Tensor', {
    define: ({ grad_output, self }) => grad_output.mul(self.neg().sigmoid()),
  }),
  pointwise('logit_backward(Tensor grad_output, Tensor self, float? eps=None) -> Tensor', {
    math: ({ grad_output, self, eps }) => {
      const slope = grad_output.div(self.mul(self.neg().add(1)));
      return eps === null
        ? self
            .lt(0)
            .or(self.gt(1))
            .where(
              X.const(NaN, self.dtype),
              self.eq(0).or(self.eq(1)).where(grad_output.mul(Infinity), slope),
            )
        : self
            .lt(eps)
            .or(self.gt(1 - eps))
            .where(zero(self), slope);
    },
  }),
  op('native_dropout_backward(Tensor grad_output, Tensor mask, float scale) -> Tensor', {
    define: ({ grad_output, mask, scale }) =>
      grad_output.mul(mask.to(grad_output.dtype).mul(py_float(scale))),
  }),
  op('glu_backward(Tensor grad_output, Tensor self, int dim) -> Tensor', {
    define: ({ grad_output, self, dim }) => {
      if (self.shape.length === 0) throw new TorchError('glu does not support 0-dimensional tensors');
      const d = wrapDim(dim, self.shape.length);
      const n = self.shape[d];
      if (n % 2 !== 0)
        throw new TorchError(`Halving dimension must be even, but dimension ${d} is size ${n}`);
      const first = self.narrow(d, 0, n / 2) as Tensor;
      const gate = self.narrow(d, n / 2, n / 2).sigmoid() as Tensor;
      const open = grad_output.mul(gate) as Tensor;
      return callOperator(findOperator('aten::cat')!, [[open, open.mul(gate.rsub(1)).mul(first)], d]);
    },
  }),
  op('_prelu_kernel_backward(Tensor grad_output, Tensor self, Tensor weight) -> (Tensor, Tensor)', {
    define: ({ grad_output, self, weight }) => [
      grad_output.where(self.gt(0), grad_output.mul(weight)),
      grad_output.mul(self).masked_fill(self.gt(0), 0),
    ],
  }),
  op('mse_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction) -> Tensor', {
    define: ({ grad_output, self, target, reduction }) =>
      shared(grad_output, self, target, reduction).mul(self.sub(target).mul(2)),
  }),
  op(
    'smooth_l1_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, float beta) -> Tensor',
    {
      define: ({ grad_output, self, target, reduction, beta }) =>
        shared(grad_output, self, target, reduction).mul(smoothSlope(self.sub(target), beta)),
    },
  ),
  op(
    'huber_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, float delta) -> Tensor',
    {
      define: ({ grad_output, self, target, reduction, delta }) =>
        shared(grad_output, self, target, reduction).mul(self.sub(target).clamp(-delta, delta)),
    },
  ),
  op(
    'binary_cross_entropy_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor',
    {
      define: ({ grad_output, self, target, weight, reduction }) => {
        const slope = self.sub(target).div(self.rsub(1).mul(self).clamp_min(1e-12)) as Tensor;
        const g = shared(grad_output, self, target, reduction).mul(slope);
        return weight === null ? g : g.mul(weight);
      },
    },
  ),
  op('_cdist_backward(Tensor grad, Tensor x1, Tensor x2, float p, Tensor cdist) -> Tensor', {
    define: ({ grad, x1, x2, p }) => {
      if (numelOf(grad.shape) === 0 || numelOf(x1.shape) === 0) return x1.new_zeros(x1.shape);
      const batch = broadcastShapes(x1.shape.slice(0, -2), x2.shape.slice(0, -2));
      const wide = x1.expand([...batch, ...x1.shape.slice(-2)]) as Tensor;
      const forward = findOperator('aten::_cdist_forward')!;
      return recorded(
        '_cdist_backward',
        grad,
        [wide],
        (x) => callOperator(forward, [x, x2, p, null]) as Tensor,
      )[0];
    },
  }),
  op('_pdist_backward(Tensor grad, Tensor self, float p, Tensor pdist) -> Tensor', {
    define: ({ grad, self, p }) =>
      recorded(
        '_pdist_backward',
        grad,
        [self],
        (x) => callOperator(findOperator('aten::_pdist_forward')!, [x, p]) as Tensor,
      )[0],
  }),
  op('masked_scatter_backward(Tensor grad_output, Tensor mask, SymInt[] sizes) -> Tensor', {
    define: ({ grad_output, mask, sizes }) => {
      // The k-th element that the mask took goes to place k.
      const flat = mask.expand(grad_output.shape).reshape([-1]);
      const n = numelOf(sizes);
      if (n === 0) return grad_output.new_zeros(sizes);
      const rank = flat
        .to('int64')
        .cumsum(0)
        .sub(1)
        .clamp(0, n - 1);
      const given = grad_output.reshape([-1]).mul(flat.to(grad_output.dtype));
      return grad_output.new_zeros([n]).scatter_add(0, rank, given).view(sizes);
    },
  }),
  ...pads,
  ...maxPools,
].flat();
