/** Normalisations: batch, layer, group, instance, RMS. */
import { is_grad_enabled } from '../autograd/mode.ts';
import { callOperator } from '../dispatch/call.ts';
import { findOperator, op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { X } from '../expr/build.ts';
import { copyInto, Elementwise } from '../kernel/elementwise.ts';
import { Reduction } from '../kernel/reduce.ts';
import type { DType } from '../tensor/dtype.ts';
import { numelOf, type Shape, sameShape } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';

const means = new Reduction({
  folds: [{ combine: 'sum', map: (x) => x }],
  finish: (sum, _x, n) => sum.div(n),
});
/** In float32 or better, whatever the input. */
const variances = new Reduction({
  folds: [{ combine: 'sum', map: (x, mean) => x.sub(mean).mul(x.sub(mean)) }],
  finish: (sum, _x, _mean, n) => sum.div(n),
});
const reciprocalRoot = new Elementwise((variance, eps) =>
  X.const(1, variance.dtype).div(variance.add(eps).sqrt()),
);

/** The operands after the first only read: the result has the first one's dtype. */
const normalising = {
  plain: new Elementwise((x, mean, rstd) => x.sub(mean).mul(rstd), { promotes: [0] }),
  weight: new Elementwise((x, mean, rstd, w) => x.sub(mean).mul(rstd).mul(w), { promotes: [0] }),
  bias: new Elementwise((x, mean, rstd, b) => x.sub(mean).mul(rstd).add(b), { promotes: [0] }),
  both: new Elementwise((x, mean, rstd, w, b) => x.sub(mean).mul(rstd.mul(w)).add(b), { promotes: [0] }),
};

function normalise(
  name: string,
  x: Tensor,
  mean: Tensor,
  rstd: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
): Tensor {
  const rule = weight
    ? bias
      ? normalising.both
      : normalising.weight
    : bias
      ? normalising.bias
      : normalising.plain;
  return rule.call(name, [x, mean, rstd, ...[weight, bias].filter((t): t is Tensor => t !== null)])[0];
}

const wide = (dtype: DType): DType => (dtype === 'float64' ? 'float64' : 'float32');

/** Mean and biased variance over `dims`, kept. */
function moments(name: string, x: Tensor, dims: readonly number[]): { mean: Tensor; variance: Tensor } {
  const compute = wide(x.dtype);
  const n = numelOf(dims.map((d) => x.shape[d]));
  const options = { compute, scalars: [n] } as const;
  const [mean] = means.call(name, [x], dims, true, [compute], options);
  const [variance] = variances.call(name, [x, mean], dims, true, [compute], options);
  return { mean, variance };
}

const rstdOf = (variance: Tensor, eps: number): Tensor => reciprocalRoot.call('rstd', [variance], [eps])[0];

/**
 * The gradient through (x - mean) * rstd, where both follow from x over `dims`. With a graph of its own wanted,
 * the moments are computed anew from x, so that they are differentiated too.
 */
function normGradient(
  gradHat: Tensor,
  x: Tensor,
  saved: { mean: Tensor; rstd: Tensor },
  dims: readonly number[],
  eps: number | null,
): Tensor {
  const { mean, rstd } = momentsOf(saved, x, gradHat, dims, eps);
  const hat = x.sub(mean).mul(rstd);
  const a = gradHat.mean(dims, true);
  const b = gradHat.mul(hat).mean(dims, true);
  return rstd.mul(gradHat.sub(a).sub(hat.mul(b)));
}

/**
 * The moments: as saved, or, where this gradient is itself to be differentiated, computed anew from x. A null eps says
 * that the saved ones are all there is.
 */
function momentsOf(
  saved: Moments,
  x: Tensor,
  grad: Tensor,
  dims: readonly number[],
  eps: number | null,
): Moments {
  return isRecorded(x, grad) && eps !== null ? fresh(x, dims, eps) : saved;
}

const isRecorded = (x: Tensor, grad: Tensor): boolean =>
  is_grad_enabled() && (x.requires_grad || grad.requires_grad);

interface Moments {
  readonly mean: Tensor;
  readonly rstd: Tensor;
}

function fresh(x: Tensor, dims: readonly number[], eps: number): { mean: Tensor; rstd: Tensor } {
  return { mean: x.mean(dims, true), rstd: x.var(dims, { correction: 0, keepdim: true }).add(eps).rsqrt() };
}

const channelDims = (shape: Shape): number[] => [...shape.keys()].filter((d) => d !== 1);
const perChannel = (t: Tensor, rank: number): Tensor =>
  t.reshape([t.shape[0], ...new Array(Math.max(rank - 2, 0)).fill(1)]);

interface BatchNorm {
  readonly input: Tensor;
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly running_mean: Tensor | null;
  readonly running_var: Tensor | null;
  readonly training: boolean;
  readonly momentum: number;
  readonly eps: number;
}

/** Statistics come in the input's dtype, unless the parameters are wider. */
const statisticsType = (input: Tensor, parameters: readonly (Tensor | null)[]): DType =>
  parameters.some((p) => p?.dtype === 'float32') && input.dtype !== 'float64' ? 'float32' : input.dtype;

/** Output, mean, reciprocal deviation; updates the running statistics in training. */
function batchNorm({
  input,
  weight,
  bias,
  running_mean,
  running_var,
  training,
  momentum,
  eps,
}: BatchNorm): Tensor[] {
  const rank = input.shape.length;
  const spread = (t: Tensor | null): Tensor | null => (t === null ? null : perChannel(t, rank));
  if (!training) {
    if (!running_mean || !running_var)
      throw new TorchError('Expected running_mean and running_var to be defined when training=False');
    const rstd = rstdOf(running_var, eps);
    const out = normalise(
      'batch_norm',
      input,
      spread(running_mean)!,
      spread(rstd)!,
      spread(weight),
      spread(bias),
    );
    return [out, input.new_empty([0]), input.new_empty([0])];
  }
  if (numelOf(input.shape) === 0) return [input.clone(), input.new_empty([0]), input.new_empty([0])];
  const stats = statisticsType(input, [weight, bias, running_mean, running_var]);
  const dims = channelDims(input.shape);
  const n = numelOf(input.shape) / input.shape[1];
  const { mean, variance } = moments('batch_norm', input, dims);
  const rstd = rstdOf(variance, eps);
  const channels = [input.shape[1]];
  if (running_mean) blend(running_mean, mean.view(channels), momentum, 1);
  if (running_var) blend(running_var, variance.view(channels), momentum, n / Math.max(n - 1, 1));
  const flat = (t: Tensor): Tensor => t.view([input.shape[1], ...new Array(rank - 2).fill(1)]);
  const out = normalise('batch_norm', input, flat(mean), flat(rstd), spread(weight), spread(bias));
  return [out, mean.view(channels).to(stats), rstd.view(channels).to(stats)];
}

const blending = new Elementwise((running, value, keep, take) => running.mul(keep).add(value.mul(take)));

/** running = (1 - momentum) * running + momentum * value * scale */
const blend = (running: Tensor, value: Tensor, momentum: number, scale: number): void =>
  blending.into('batch_norm', running, [running, value], [1 - momentum, momentum * scale]);

function batchNormGradients(args: {
  grad: Tensor;
  input: Tensor;
  weight: Tensor | null;
  running_mean: Tensor | null;
  running_var: Tensor | null;
  save_mean: Tensor | null;
  save_invstd: Tensor | null;
  training: boolean;
  eps: number;
}): { input: Tensor; weight: Tensor; bias: Tensor } {
  const { grad, input, weight, training, eps } = args;
  const rank = input.shape.length;
  const dims = channelDims(input.shape);
  const mean = perChannel(training ? args.save_mean! : args.running_mean!, rank);
  const rstd = perChannel(training ? args.save_invstd! : args.running_var!.add(eps).rsqrt(), rank);
  const gradHat = weight ? grad.mul(perChannel(weight, rank)) : grad;
  const own = training ? momentsOf({ mean, rstd }, input, grad, dims, eps) : { mean, rstd };
  return {
    input: training ? normGradient(gradHat, input, { mean, rstd }, dims, eps) : gradHat.mul(rstd),
    weight: grad.mul(input.sub(own.mean).mul(own.rstd)).sum(dims),
    bias: grad.sum(dims),
  };
}

const callNativeBatchNorm = (a: BatchNorm): Tensor =>
  (
    callOperator(findOperator('aten::native_batch_norm')!, [
      a.input, a.weight, a.bias, a.running_mean, a.running_var, a.training, a.momentum, a.eps,
    ]) as Tensor[]
  )[0]; // biome-ignore format: one call

function checkBatchNorm({ input, weight, bias, running_mean, running_var, training }: BatchNorm): void {
  if (input.shape.length < 2 && numelOf(input.shape) > 0)
    throw new TorchError(`batch_norm: expected an input of 2 or more dims, got [${input.shape.join(', ')}]`);
  const channels = input.shape[1] ?? input.shape[0];
  for (const [name, t] of Object.entries({ running_mean, running_var, weight, bias }))
    if (t && numelOf(t.shape) !== channels)
      throw new TorchError(`${name} should contain ${channels} elements not ${numelOf(t.shape)}`);
  if (!training && (!running_mean || !running_var))
    throw new TorchError(
      `${running_mean ? 'running_var' : 'running_mean'} must be defined in evaluation mode`,
    );
}

function checkNormalised(
  input: Tensor,
  normalized_shape: Shape,
  weight: Tensor | null,
  bias: Tensor | null,
): number[] {
  const k = normalized_shape.length;
  if (k < 1)
    throw new TorchError(
      `Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = [${normalized_shape.join(', ')}]`,
    );
  for (const [name, t] of [
    ['weight', weight],
    ['bias', bias],
  ] as const)
    if (t && !sameShape(t.shape, normalized_shape))
      throw new TorchError(
        `Expected ${name} to be of same shape as normalized_shape, but got ${name} of shape [${t.shape.join(', ')}] and normalized_shape = [${normalized_shape.join(', ')}]`,
      );
  if (!sameShape(input.shape.slice(-k), normalized_shape))
    throw new TorchError(
      `Given normalized_shape=[${normalized_shape.join(', ')}], expected input with shape [*, ${normalized_shape.join(', ')}], but got input of size[${input.shape.join(', ')}]`,
    );
  return normalized_shape.map((_, i) => input.shape.length - k + i);
}

const normDims = (input: Tensor, normalized_shape: Shape): number[] =>
  normalized_shape.map((_, i) => input.shape.length - normalized_shape.length + i);

function layerNormGradients(
  grad: Tensor,
  input: Tensor,
  normalized_shape: Shape,
  mean: Tensor,
  rstd: Tensor,
  weight: Tensor | null,
  eps: number | null,
): { input: Tensor; weight: Tensor; bias: Tensor } {
  const dims = normDims(input, normalized_shape);
  const lead = [...input.shape.keys()].filter((d) => !dims.includes(d));
  const own = momentsOf({ mean, rstd }, input, grad, dims, eps);
  const gradHat = weight ? grad.mul(weight) : grad;
  const fold = (t: Tensor): Tensor => (lead.length > 0 ? t.sum(lead) : t);
  return {
    input: normGradient(gradHat, input, { mean, rstd }, dims, eps),
    weight: fold(grad.mul(input.sub(own.mean).mul(own.rstd))),
    bias: fold(grad),
  };
}

/** Groups of channels as one dim: [N, groups, C / groups * HxW]. */
function groupNorm(
  input: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  groups: number,
  eps: number,
): Tensor[] {
  const [n, c] = input.shape;
  const x = input.contiguous().view([n, groups, numelOf(input.shape.slice(1)) / groups]);
  const { mean, variance } = moments('group_norm', x, [2]);
  const rstd = rstdOf(variance, eps);
  const hat = normalising.plain.call('group_norm', [x, mean, rstd])[0];
  const affine = (t: Tensor): Tensor => t.view([c, ...new Array(input.shape.length - 2).fill(1)]);
  let out = hat.view(input.shape);
  if (weight) out = out.mul(affine(weight));
  if (bias) out = out.add(affine(bias));
  const stats = statisticsType(input, [weight, bias]);
  return [out.to(input.dtype), mean.view([n, groups]).to(stats), rstd.view([n, groups]).to(stats)];
}

function groupNormGradients(
  grad: Tensor,
  input: Tensor,
  mean: Tensor,
  rstd: Tensor,
  weight: Tensor | null,
  groups: number,
  eps: number | null,
): { input: Tensor; weight: Tensor; bias: Tensor } {
  const [n, c] = input.shape;
  const grouped = [n, groups, numelOf(input.shape.slice(1)) / groups];
  const x = input.reshape(grouped);
  const affine = (t: Tensor): Tensor => t.view([c, ...new Array(input.shape.length - 2).fill(1)]);
  const gradHat = (weight ? grad.mul(affine(weight)) : grad).reshape(grouped);
  const saved = { mean: mean.reshape([n, groups, 1]), rstd: rstd.reshape([n, groups, 1]) };
  const own = momentsOf(saved, x, grad, [2], eps);
  const hat = x.sub(own.mean).mul(own.rstd).reshape(input.shape);
  const dims = channelDims(input.shape);
  return {
    input: normGradient(gradHat, x, saved, [2], eps).reshape(input.shape),
    weight: grad.mul(hat).sum(dims),
    bias: grad.sum(dims),
  };
}

/** The gradients that are wanted; none of them is `grad` itself. */
const mask = (wanted: readonly boolean[], values: readonly Tensor[], grad: Tensor): (Tensor | null)[] =>
  values.map((v, i) => (wanted[i] ? (v === grad ? v.clone() : v) : null));

export const norms = [
  op(
    'native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)',
    {
      define: (args) => batchNorm(args),
      grad: ({ grad, results, input, weight, running_mean, running_var, training, eps }) =>
        batchNormGradients({
          grad,
          input,
          weight,
          running_mean,
          running_var,
          save_mean: results[1],
          save_invstd: results[2],
          training,
          eps,
        }),
    },
  ),
  op(
    'batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> Tensor',
    {
      define: (args) => {
        checkBatchNorm(args);
        return callNativeBatchNorm(args);
      },
    },
  ),
  op(
    '_batch_norm_impl_index(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> (Tensor, Tensor, Tensor, Tensor, int)',
    {
      define: (args) => [
        callNativeBatchNorm(args),
        args.input.new_empty([0]),
        args.input.new_empty([0]),
        args.input.new_empty([0], { dtype: 'uint8' }),
        0,
      ],
    },
  ),
  op(
    '_native_batch_norm_legit_no_training(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor)',
    {
      define: (args) => batchNorm({ ...args, training: false }),
      grad: ({ grad, input, weight, running_mean, running_var, eps }) =>
        batchNormGradients({
          grad,
          input,
          weight,
          running_mean,
          running_var,
          save_mean: null,
          save_invstd: null,
          training: false,
          eps,
        }),
    },
  ),
  op(
    '_native_batch_norm_legit(Tensor input, Tensor? weight, Tensor? bias, Tensor(a!) running_mean, Tensor(b!) running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)',
    {
      define: ({ input, weight, bias, running_mean, running_var, training, momentum, eps }) =>
        callOperator(findOperator('aten::native_batch_norm')!, [
          input,
          weight,
          bias,
          running_mean,
          running_var,
          training,
          momentum,
          eps,
        ]),
    },
  ),
  op(
    '_native_batch_norm_legit.no_stats(Tensor input, Tensor? weight, Tensor? bias, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)',
    {
      define: ({ input, weight, bias, training, momentum, eps }) =>
        callOperator(findOperator('aten::native_batch_norm')!, [
          input,
          weight,
          bias,
          null,
          null,
          training,
          momentum,
          eps,
        ]),
    },
  ),
  op(
    'native_batch_norm_backward(Tensor grad_out, Tensor input, Tensor? weight, Tensor? running_mean, Tensor? running_var, Tensor? save_mean, Tensor? save_invstd, bool train, float eps, bool[3] output_mask) -> (Tensor, Tensor, Tensor)',
    {
      define: ({ grad_out, train, output_mask, ...args }) => {
        const g = batchNormGradients({ grad: grad_out, training: train, ...args });
        return mask(output_mask, [g.input, g.weight, g.bias], grad_out);
      },
    },
  ),
  op(
    'instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor',
    {
      define: ({ input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps }) => {
        if (!use_input_stats && (!running_mean || !running_var))
          throw new TorchError(
            'Expected running_mean and running_var to be defined when use_input_stats is false',
          );
        const [n, c, ...rest] = input.shape;
        const repeated = (t: Tensor | null): Tensor | null => (t ? t.repeat([n]) : null);
        const [mean, variance] = [repeated(running_mean), repeated(running_var)];
        const out = callNativeBatchNorm({
          input: input.reshape([1, n * c, ...rest]),
          weight: repeated(weight),
          bias: repeated(bias),
          running_mean: mean,
          running_var: variance,
          training: use_input_stats,
          momentum,
          eps,
        });
        if (use_input_stats && running_mean && mean) copyInto(running_mean, mean.view([n, c]).mean([0]));
        if (use_input_stats && running_var && variance)
          copyInto(running_var, variance.view([n, c]).mean([0]));
        return out.view(input.shape);
      },
    },
  ),
  op(
    'native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)',
    {
      define: ({ input, normalized_shape, weight, bias, eps }) => {
        const dims = checkNormalised(input, normalized_shape, weight, bias);
        const { mean, variance } = moments('layer_norm', input, dims);
        const rstd = rstdOf(variance, eps);
        const stats = statisticsType(input, [weight, bias]);
        return [normalise('layer_norm', input, mean, rstd, weight, bias), mean.to(stats), rstd.to(stats)];
      },
      followsLayouts: true,
      grad: ({ grad, results, input, normalized_shape, weight, eps, needs }) => {
        const [, mean, rstd] = results;
        if (isRecorded(input, grad))
          return layerNormGradients(grad, input, normalized_shape, mean, rstd, weight, eps);
        const wanted = [needs.input, needs.weight, needs.bias];
        const [dx, dw, db] = callOperator(findOperator('aten::native_layer_norm_backward')!, [
          grad, input, normalized_shape, mean, rstd, weight, null, wanted,
        ]) as (Tensor | null)[]; // biome-ignore format: one call
        return { input: dx, weight: dw, bias: db };
      },
    },
  ),
  op(
    'native_layer_norm_backward(Tensor grad_out, Tensor input, SymInt[] normalized_shape, Tensor mean, Tensor rstd, Tensor? weight, Tensor? bias, bool[3] output_mask) -> (Tensor, Tensor, Tensor)',
    {
      define: ({ grad_out, input, normalized_shape, mean, rstd, weight, output_mask }) => {
        const g = layerNormGradients(grad_out, input, normalized_shape, mean, rstd, weight, null);
        return mask(output_mask, [g.input, g.weight, g.bias], grad_out);
      },
    },
  ),
  op(
    'layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor',
    {
      define: ({ input, normalized_shape, weight, bias, eps }) =>
        (
          callOperator(findOperator('aten::native_layer_norm')!, [
            input,
            normalized_shape,
            weight,
            bias,
            eps,
          ]) as Tensor[]
        )[0],
      followsLayouts: true,
    },
  ),
  op(
    'native_group_norm(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, SymInt HxW, int group, float eps) -> (Tensor, Tensor, Tensor)',
    {
      define: ({ input, weight, bias, group, eps }) => groupNorm(input, weight, bias, group, eps),
      followsLayouts: true,
      grad: ({ grad, results, input, weight, group, eps }) =>
        groupNormGradients(grad, input, results[1], results[2], weight, group, eps),
    },
  ),
  op(
    'native_group_norm_backward(Tensor grad_out, Tensor input, Tensor mean, Tensor rstd, Tensor? weight, SymInt N, SymInt C, SymInt HxW, int group, bool[3] output_mask) -> (Tensor, Tensor, Tensor)',
    {
      define: ({ grad_out, input, mean, rstd, weight, group, output_mask }) => {
        const g = groupNormGradients(grad_out, input, mean, rstd, weight, group, null);
        return mask(output_mask, [g.input, g.weight, g.bias], grad_out);
      },
    },
  ),
  op(
    'group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor',
    {
      define: ({ input, num_groups, weight, bias, eps }) => {
        const [n, c] = input.shape;
        if (input.shape.length < 2)
          throw new TorchError(
            `Expected at least 2 dimensions for input tensor but received ${input.shape.length}`,
          );
        if (num_groups <= 0)
          throw new TorchError(`Expected num groups to be greater than 0, got ${num_groups}`);
        if (c % num_groups !== 0)
          throw new TorchError(
            `Expected number of channels in input to be divisible by num_groups, but got input of shape [${input.shape.join(', ')}] and num_groups=${num_groups}`,
          );
        const hw = numelOf(input.shape.slice(2));
        return (
          callOperator(findOperator('aten::native_group_norm')!, [
            input,
            weight,
            bias,
            n,
            c,
            hw,
            num_groups,
            eps,
          ]) as Tensor[]
        )[0];
      },
      followsLayouts: true,
    },
  ),
  op('rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor', {
    define: ({ input, normalized_shape, weight, eps }) => {
      const dims = checkNormalised(input, normalized_shape, weight, null);
      const epsilon =
        eps ??
        {
          float16: 0.0009765625,
          bfloat16: 0.0078125,
          float32: 1.1920928955078125e-7,
          float64: 2.220446049250313e-16,
        }[input.dtype as 'float32'];
      const x = input.dtype === 'float16' || input.dtype === 'bfloat16' ? input.to('float32') : input;
      const hat = x.mul(x.pow(2).mean(dims, true).add(epsilon).rsqrt()).to(input.dtype);
      return weight ? hat.mul(weight) : hat;
    },
  }),
].flat();
