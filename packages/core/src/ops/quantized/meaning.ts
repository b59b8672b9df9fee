/** What PyTorch's own operators do with quantised tensors: keep the scale, know a better one, or refuse. */
import { callOperator, setQuantizedMeaning } from '../../dispatch/call.ts';
import type { Operator } from '../../dispatch/operator.ts';
import { NotSupportedError } from '../../errors.ts';
import {
  hasQuantizer,
  integersOf,
  type Quantizer,
  quantized,
  quantizerOf,
  whenQuantized,
} from '../../tensor/quantized.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { checkAlike, onNumbers } from './arithmetic.ts';
import { call, centred, dequantized, perTensor, quantize, quantizedDTypeOf, toIntegers } from './quantize.ts';

type Meaning = (operator: Operator, args: readonly unknown[]) => unknown;

/** Moves elements about: the integers, whatever they mean. */
const moves: Meaning = (operator, [q, ...rest]) => {
  const moved = callOperator(operator, [integersOf(q as Tensor), ...rest]) as Tensor;
  return quantized(moved, quantizedDTypeOf(q as Tensor), quantizerOf(q as Tensor));
};

/** Linear, or a choice among elements: works on the integers, so that halves are rounded as such. */
const onIntegers: Meaning = (operator, [q, ...rest]) => {
  const dtype = quantizedDTypeOf(q as Tensor);
  const quantizer = perTensor(q as Tensor, operator.base);
  const steps = callOperator(operator, [centred(q as Tensor), ...rest]) as Tensor;
  return quantized(toIntegers(steps, quantizer.zero_point, dtype), dtype, quantizer);
};

/** The same with positions beside the elements that it chooses. */
const choosesSome: Meaning = (operator, [q, ...rest]) => {
  const dtype = quantizedDTypeOf(q as Tensor);
  const quantizer = perTensor(q as Tensor, operator.base);
  const result = callOperator(operator, [centred(q as Tensor), ...rest]);
  const chosen = (steps: Tensor): Tensor =>
    quantized(toIntegers(steps, quantizer.zero_point, dtype), dtype, quantizer);
  return Array.isArray(result) ? [chosen(result[0] as Tensor), ...result.slice(1)] : chosen(result as Tensor);
};

/** Any other whose result has the scale of its input. */
const keepsScale: Meaning = (operator, [q, ...rest]) =>
  onNumbers(q as Tensor, (x) => callOperator(operator, [x, ...rest]) as Tensor, operator.base);

/** With results in a known range, whose scale is that range's. */
const inRange =
  (least: number): Meaning =>
  (operator, [q, ...rest]) => {
    const dtype = quantizedDTypeOf(q as Tensor);
    const scale = (1 - least) / 256;
    // The least value is the least integer.
    const zero_point = (dtype === 'quint8' ? 0 : -128) - least / scale;
    return quantize(
      callOperator(operator, [dequantized(q as Tensor), ...rest]) as Tensor,
      scale,
      zero_point,
      dtype,
    );
  };

const toNumbers = (value: unknown): unknown =>
  value instanceof Tensor && hasQuantizer(value) ? dequantized(value) : value;

/** Answers that are no numbers of the tensor's. */
const compares: Meaning = (operator, args) => callOperator(operator, args.map(toNumbers));

const joins: Meaning = (operator, [list, ...rest]) => {
  const tensors = list as readonly Tensor[];
  checkAlike(tensors, operator.base);
  const joined = callOperator(operator, [tensors.map(integersOf), ...rest]) as Tensor;
  return quantized(joined, quantizedDTypeOf(tensors[0]), quantizerOf(tensors[0]));
};

/** Overwrites with numbers, or with another's integers where they mean the same. */
const copies: Meaning = (operator, [self, src, ...rest]) => {
  const to = self as Tensor;
  const from = src as Tensor;
  if (!hasQuantizer(to)) return callOperator(operator, [to, dequantized(from), ...rest]);
  const quantizer = quantizerOf(to);
  const integers =
    hasQuantizer(from) && from.dtype === to.dtype && isSame(quantizer, quantizerOf(from))
      ? integersOf(from)
      : integersOf(requantized(from, to));
  callOperator(operator, [integersOf(to), integers, ...rest]);
  return to;
};

const isSame = (a: Quantizer, b: Quantizer): boolean =>
  a === b ||
  (a.kind === 'tensor' && b.kind === 'tensor' && a.scale === b.scale && a.zero_point === b.zero_point);

function requantized(x: Tensor, to: Tensor): Tensor {
  const { scale, zero_point } = perTensor(to, 'copy_');
  return quantize(toNumbers(x) as Tensor, scale, zero_point, quantizedDTypeOf(to));
}

const fills: Meaning = (_, [self, value]) => {
  const to = self as Tensor;
  const filler = call('aten::full_like', integersOf(to), value, 'float32', null, null, null, null);
  return to.copy_(filler);
};

const byBase: ReadonlyMap<string, Meaning> = new Map(
  Object.entries({
    'clone contiguous index_select index repeat flip roll reflection_pad1d reflection_pad2d channel_shuffle':
      moves,
    'relu max_pool1d max_pool2d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d upsample_nearest1d upsample_nearest2d _upsample_nearest_exact1d _upsample_nearest_exact2d upsample_nearest3d _upsample_nearest_exact3d upsample_bilinear2d masked_select':
      onIntegers,
    'sort topk min max': choosesSome,
    'hardtanh clamp constant_pad_nd leaky_relu threshold gelu masked_fill mean std': keepsScale,
    'sigmoid hardsigmoid': inRange(0),
    tanh: inRange(-1),
    'eq ne lt le gt ge equal': compares,
    'cat stack': joins,
    copy_: copies,
    fill_: fills,
  }).flatMap(([bases, meaning]) => bases.split(' ').map((base): [string, Meaning] => [base, meaning])),
);

whenQuantized(() =>
  setQuantizedMeaning((operator, args) => {
    const { namespace } = operator.schema;
    if (namespace !== 'aten') return undefined;
    const meaning = byBase.get(operator.base);
    if (meaning) return meaning(operator, args);
    if (operator.meaning.kind === 'pointwise')
      throw new NotSupportedError(
        `${operator.base}: there is no such operator for quantized tensors (${args.find((a) => a instanceof Tensor && hasQuantizer(a))}); call dequantize() first`,
      );
    return undefined;
  }),
);
