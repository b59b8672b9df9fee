/** Activations, and softmax with its kin. */
import { op, pointwise } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { X } from '../expr/build.ts';
import { Elementwise } from '../kernel/elementwise.ts';
import { Reduction } from '../kernel/reduce.ts';
import { type DType, isFloat } from '../tensor/dtype.ts';
import { numelOf, wrapDim, wrapDims } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';

const zero = (x: X): X => X.const(0, x.dtype);
const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);

/** log(1 + exp(x)) without overflow; PyTorch's softplus is x itself above the threshold. */
const softplus = (x: X): X => x.max(zero(x)).add(x.abs().neg().exp().log1p());

export const activations = [
  pointwise('relu(Tensor self) -> Tensor', {
    inplace: true,
    math: ({ self }) => self.max(zero(self)),
    grad: { self: ({ grad, result }) => grad.where(result.gt(0), 0) },
  }),
  op('relu6(Tensor self) -> Tensor', { define: ({ self }) => self.hardtanh(0, 6) }),
  op('relu6_(Tensor(a!) self) -> Tensor(a!)', { define: ({ self }) => self.hardtanh_(0, 6) }),
  pointwise('leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor', {
    inplace: true,
    math: ({ self, negative_slope }) => self.gt(0).where(self, self.mul(negative_slope)),
  }),
  pointwise('elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor', {
    inplace: true,
    math: ({ self, alpha, scale, input_scale }) =>
      self.gt(0).where(self.mul(scale), self.mul(input_scale).expm1().mul(alpha.mul(scale))),
  }),
  op('selu(Tensor self) -> Tensor', {
    define: ({ self }) => self.elu(1.6732632423543772, 1.0507009873554805, 1),
  }),
  op('selu_(Tensor(a!) self) -> Tensor(a!)', {
    define: ({ self }) => self.elu_(1.6732632423543772, 1.0507009873554805, 1),
  }),
  pointwise('celu(Tensor self, Scalar alpha=1.) -> Tensor', {
    inplace: true,
    math: ({ self, alpha }) => self.gt(0).where(self, self.div(alpha).expm1().mul(alpha)),
  }),
  pointwise('gelu(Tensor self, *, str approximate="none") -> Tensor', {
    inplace: true,
    math: ({ self: x, approximate }) => {
      if (!x.isFloat) throw new TorchError(`"GeluKernelImpl" not implemented for '${x.dtype}'`);
      if (approximate === 'tanh')
        return x.mul(0.5).mul(x.add(x.mul(x).mul(x).mul(0.044715)).mul(SQRT_2_OVER_PI).tanh().add(1));
      if (approximate === 'none') return x.mul(0.5).mul(x.mul(Math.SQRT1_2).erf().add(1));
      throw new TorchError(`approximate argument must be either none or tanh.`);
    },
  }),
  pointwise('silu(Tensor self) -> Tensor', {
    inplace: true,
    math: ({ self }) => self.div(self.neg().exp().add(1)),
    grad: {
      self: ({ grad, self }) => {
        const s = self.sigmoid();
        return grad.mul(s).mul(self.mul(s.rsub(1)).add(1));
      },
    },
  }),
  pointwise('mish(Tensor self) -> Tensor', {
    inplace: true,
    math: ({ self }) => self.mul(softplus(self).tanh()),
  }),
  pointwise('hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor', {
    inplace: true,
    promotes: [0],
    math: ({ self, min_val, max_val }) => self.max(min_val.cast(self.dtype)).min(max_val.cast(self.dtype)),
    grad: {
      self: ({ grad, self, min_val, max_val }) =>
        grad.where(self.gt(min_val).logical_and(self.lt(max_val)), 0),
    },
  }),
  pointwise('hardswish(Tensor self) -> Tensor', {
    inplace: true,
    math: ({ self }) => self.mul(self.add(3).max(zero(self)).min(6)).div(6),
    grad: {
      self: ({ grad, self }) =>
        grad.mul(self.div(3).add(0.5)).where(self.gt(-3), 0).where(self.lt(3), grad).where(self.ge(-3), 0),
    },
  }),
  pointwise('hardsigmoid(Tensor self) -> Tensor', {
    inplace: true,
    math: ({ self }) => self.add(3).max(zero(self)).min(6).div(6),
    grad: { self: ({ grad, self }) => grad.div(6).where(self.gt(-3).logical_and(self.lt(3)), 0) },
  }),
  pointwise('softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor', {
    math: ({ self, beta, threshold }) => {
      const scaled = self.mul(beta);
      return scaled.gt(threshold).where(self, scaled.exp().log1p().div(beta));
    },
    grad: {
      self: ({ grad, self, beta, threshold }) => {
        const scaled = self.mul(beta);
        return grad.where(scaled.gt(threshold), grad.mul(scaled.sigmoid()));
      },
    },
  }),
  pointwise('hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor', {
    math: ({ self, lambd }) => self.ge(lambd.neg()).and(self.le(lambd)).where(0, self),
    grad: { self: ({ grad, self, lambd }) => grad.masked_fill(self.abs().le(lambd), 0) },
  }),
  pointwise('softshrink(Tensor self, Scalar lambd=0.5) -> Tensor', {
    math: ({ self, lambd }) =>
      self.gt(lambd).where(self.sub(lambd), self.lt(lambd.neg()).where(self.add(lambd), self.mul(0))),
    grad: { self: ({ grad, self, lambd }) => grad.masked_fill(self.abs().le(lambd), 0) },
  }),
  pointwise('threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor', {
    inplace: true,
    promotes: [0],
    math: ({ self, threshold, value }) =>
      self.le(threshold.cast(self.dtype)).where(value.cast(self.dtype), self),
    grad: { self: ({ grad, self, threshold }) => grad.masked_fill(self.le(threshold), 0) },
  }),
  op('log_sigmoid(Tensor self) -> Tensor', { define: ({ self }) => self.log_sigmoid_forward()[0] }),
  op('log_sigmoid_forward(Tensor self) -> (Tensor output, Tensor buffer)', {
    define: ({ self }) => {
      const [output] = logSigmoid.call('log_sigmoid', [self]);
      return [output, self.abs().neg().exp()];
    },
    grad: { self: ({ grad, self }) => grad.mul(self.neg().sigmoid()) },
    gradName: 'LogSigmoidBackward0',
  }),
  pointwise('_prelu_kernel(Tensor self, Tensor weight) -> Tensor', {
    math: ({ self, weight }) => self.gt(0).where(self, self.mul(weight)),
    grad: {
      self: ({ grad, self, weight }) => grad.where(self.gt(0), grad.mul(weight)),
      weight: ({ grad, self }) => grad.mul(self).masked_fill(self.gt(0), 0),
    },
  }),
  op('prelu(Tensor self, Tensor weight) -> Tensor', {
    define: ({ self, weight }) => {
      const n = numelOf(weight.shape);
      if (weight.shape.length > 1)
        throw new TorchError(
          `prelu: Expected \`weight\` to be a scalar or 1D tensor, but got: ndim = ${weight.shape.length}`,
        );
      if (n === 1) return self._prelu_kernel(weight.reshape(self.shape.map(() => 1)));
      if (self.shape.length === 0) throw new TorchError('Not allow zero-dim input tensor.');
      const channels = self.shape.length > 1 ? self.shape[1] : 1;
      if (n !== channels)
        throw new TorchError(
          `Mismatch of parameter numbers and input channel size. Found parameter numbers = ${n} and channel size = ${channels}.`,
        );
      return self._prelu_kernel(weight.view(self.shape.map((_, d) => (d === 1 ? n : 1))));
    },
  }),
  op('glu(Tensor self, int dim=-1) -> Tensor', {
    define: ({ self, dim }) => {
      if (self.shape.length === 0) throw new TorchError('glu does not support 0-dimensional tensors');
      const d = wrapDim(dim, self.shape.length);
      const n = self.shape[d];
      if (n % 2 !== 0)
        throw new TorchError(`Halving dimension must be even, but dimension ${d} is size ${n}`);
      return self.narrow(d, 0, n / 2).mul(self.narrow(d, n / 2, n / 2).sigmoid());
    },
  }),
  op(
    'rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor',
    {
      define: ({ self, lower, upper, training }) => {
        if (training) throw new TorchError('rrelu: training mode is not implemented; use leaky_relu');
        return self.leaky_relu((Number(lower) + Number(upper)) / 2);
      },
    },
  ),
  op('softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor', {
    define: ({ self, dim, dtype }) => (dtype === null ? self : self.to(dtype))._softmax(dim, false),
    followsLayouts: true,
  }),
  op('_softmax(Tensor self, int dim, bool half_to_float) -> Tensor', {
    define: ({ self, dim }) => normalised('softmax', self, dim, softmaxed),
    followsLayouts: true,
    grad: { self: ({ grad, result, dim }) => grad._softmax_backward_data(result, dim, result.dtype) },
    gradName: 'SoftmaxBackward0',
  }),
  op('_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor', {
    define: ({ grad_output, output, dim, input_dtype }) => {
      const dims = wrapDims([dim], output.shape.length);
      const [dot] = products.call('softmax_backward', [grad_output, output], dims, true, [
        widened(output.dtype),
      ]);
      return softmaxGradient.call('softmax_backward', [grad_output, output, dot])[0].to(input_dtype);
    },
    grad: {
      grad_output: ({ grad, output, dim }) => grad._softmax_backward_data(output, dim, output.dtype),
      output: ({ grad, grad_output, output, dim }) => {
        const inner = grad.mul(output).sum([dim], true);
        return grad_output
          .mul(grad)
          .sub(grad_output.mul(inner))
          .sub(grad.mul(grad_output.mul(output).sum([dim], true)));
      },
    },
    gradName: 'SoftmaxBackwardDataBackward0',
  }),
  op('log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor', {
    define: ({ self, dim, dtype }) => (dtype === null ? self : self.to(dtype))._log_softmax(dim, false),
    followsLayouts: true,
  }),
  op('_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor', {
    define: ({ self, dim }) => normalised('log_softmax', self, dim, logSoftmaxed),
    followsLayouts: true,
    grad: { self: ({ grad, result, dim }) => grad._log_softmax_backward_data(result, dim, result.dtype) },
    gradName: 'LogSoftmaxBackward0',
  }),
  op(
    '_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor',
    {
      define: ({ grad_output, output, dim, input_dtype }) => {
        const dims = wrapDims([dim], output.shape.length);
        const [total] = sums.call('log_softmax_backward', [grad_output], dims, true, [widened(output.dtype)]);
        return logSoftmaxGradient
          .call('log_softmax_backward', [grad_output, output, total])[0]
          .to(input_dtype);
      },
      grad: {
        grad_output: ({ grad, output, dim }) => grad.sub(grad.mul(output.exp()).sum([dim], true)),
        output: ({ grad, grad_output, output, dim }) =>
          grad
            .neg()
            .mul(output.exp())
            .mul(grad_output.sum([dim], true)),
      },
      gradName: 'LogSoftmaxBackwardDataBackward0',
    },
  ),
].flat();

const logSigmoid = new Elementwise((x) => x.min(zero(x)).sub(x.abs().neg().exp().log1p()));

/** Folds of 16-bit floats stay in float32 between the passes. */
const widened = (dtype: DType): DType =>
  dtype === 'float64' ? 'float64' : isFloat(dtype) ? 'float32' : dtype;

const maxima = new Reduction({ folds: [{ combine: 'max', map: (x) => x }] });
const expSums = new Reduction({ folds: [{ combine: 'sum', map: (x, max) => x.sub(max).exp() }] });
const sums = new Reduction({ folds: [{ combine: 'sum', map: (x) => x }] });
const products = new Reduction({ folds: [{ combine: 'sum', map: (grad, y) => grad.mul(y) }] });

/** Computed in the first operand's own compute type, rounded to its dtype. */
const ofFirst = (formula: (...xs: X[]) => X): Elementwise => new Elementwise(formula, { promotes: [0] });
const softmaxed = ofFirst((x, max, sum) => x.sub(max).exp().div(sum));
const logSoftmaxed = ofFirst((x, max, sum) => x.sub(max).sub(sum.log()));
const softmaxGradient = ofFirst((grad, y, dot) => grad.sub(dot).mul(y));
const logSoftmaxGradient = ofFirst((grad, y, total) => grad.sub(y.exp().mul(total)));

/** The greatest, then the sum of exponentials in one reduce, then one pointwise pass. */
function normalised(name: string, self: Tensor, dim: number, finish: Elementwise): Tensor {
  if (!isFloat(self.dtype))
    throw new TorchError(
      `"${name}_lastdim_kernel_impl" not implemented for '${self.dtype === 'int64' ? 'Long' : self.dtype}'`,
    );
  const dims = wrapDims([dim], self.shape.length);
  if (numelOf(self.shape) === 0) return self.new_empty(self.shape);
  const wide = widened(self.dtype);
  const x = self.contiguous();
  const [max] = maxima.call(name, [x], dims, true, [x.dtype]);
  const [sum] = expSums.call(name, [x, max], dims, true, [wide]);
  return finish.call(name, [x, max, sum])[0];
}
