/** Linear layers and convolutions over integers, and the packing of their weights. */
import { op } from '../../dispatch/operator.ts';
import { NotSupportedError, TorchError } from '../../errors.ts';
import { precisely } from '../../kernel/precision.ts';
import { PackedParams, packedClasses, packedOf, type Window } from '../../tensor/packed.ts';
import { integersOf, quantized, quantizerOf } from '../../tensor/quantized.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import {
  along,
  call,
  centred,
  perTensor,
  quantizedDTypeOf,
  round32,
  scaleOf,
  toIntegers,
  withDynamic,
} from './quantize.ts';

const { linear: LINEAR, conv2d: CONV2D, conv3d: CONV3D } = packedClasses;

/** Sums of integer products; exact while they are below 2^24. */
type Sums = (input: Tensor, weight: Tensor, window: Window | undefined) => Tensor;

const linearSums: Sums = (input, weight) => call('aten::linear', input, weight, null);

const convolutionSums: Sums = (input, weight, window) => {
  const { stride, padding, dilation, groups, transposed, output_padding } = window!;
  return precisely(() =>
    call(
      'aten::convolution',
      input,
      weight,
      null,
      stride,
      padding,
      dilation,
      transposed,
      output_padding,
      groups,
    ),
  );
};

/** What one step of a sum is worth: by the scales of the input and the weight, whose channels stand at `axis`. */
function stepOf({ weight }: PackedParams, inputScale: number, rank: number, axis: number): Tensor | number {
  const scale = scaleOf(quantizerOf(weight), rank, axis);
  return typeof scale === 'number' ? round32(round32(inputScale) * scale) : (scale.mul(inputScale) as Tensor);
}

/** A layer whose input and output are quantised; its bias is rounded to steps of the sums, as PyTorch's engines do. */
function layer(
  x: Tensor,
  packed: PackedParams,
  sumsOf: Sums,
  axis: number,
  out: { readonly scale: number; readonly zero: number; readonly isRelu: boolean },
): Tensor {
  let sums = sumsOf(centred(x), packed.numbers(centred), packed.window);
  const rank = sums.shape.length;
  const at = axis < 0 ? rank + axis : axis;
  const inputScale = perTensor(x, packed.className).scale;
  const step = stepOf(packed, inputScale, rank, at);
  if (packed.bias) {
    const bias = along(packed.bias, rank, at);
    const quantizer = quantizerOf(packed.weight);
    // The step as PyTorch has it for biases: rounded once.
    const own = quantizer.kind === 'tensor' ? round32(quantizer.scale * inputScale) : step;
    const inSteps = typeof own === 'number' ? bias.mul(round32(1 / own)) : bias.div(own);
    sums = sums.add(inSteps.round()) as Tensor;
  }
  // By the reciprocal, and each product rounded, as QNNPACK has it: an ulp decides where a sum is a half.
  const inverse = round32(1 / round32(out.scale));
  const scaled = (
    typeof step === 'number' ? sums.mul(round32(step * inverse)) : sums.mul(step.mul(inverse))
  ) as Tensor;
  const dtype = quantizedDTypeOf(x);
  return quantized(toIntegers(scaled, out.zero, dtype, out.isRelu ? out.zero : undefined), dtype, {
    kind: 'tensor',
    scale: out.scale,
    zero_point: out.zero,
  });
}

/** A layer over numbers, quantised by what is in them; a promise where that must be read. */
function dynamic(
  x: Tensor,
  packed: PackedParams,
  sumsOf: Sums,
  axis: number,
  reduce_range: boolean,
): Tensor | Promise<Tensor> {
  return withDynamic(x, packed.className, reduce_range, (q, inputScale) => {
    const sums = sumsOf(centred(q), packed.numbers(centred), packed.window);
    const rank = sums.shape.length;
    const at = axis < 0 ? rank + axis : axis;
    const step = stepOf(packed, inputScale, rank, at);
    const out = (typeof step === 'number' ? sums.mul(step) : sums.mul(step)) as Tensor;
    return packed.bias ? (out.add(along(packed.bias, rank, at)) as Tensor) : out;
  });
}

export const dynamicLinear = (
  x: Tensor,
  packed: PackedParams,
  reduce_range: boolean,
): Tensor | Promise<Tensor> => dynamic(x, packed, linearSums, -1, reduce_range);

/** A weight to pack must be quantised, by int8. */
function checkWeight(weight: Tensor, name: string): void {
  if ((weight.dtype as string) !== 'qint8')
    throw new NotSupportedError(`${name}: expected a weight of dtype qint8, but got ${weight.dtype}`);
}

/** A weight with one more dim of size 1 at 2, or one fewer there; its channels, which stand before it, stay where they are. */
function withDim2(weight: Tensor, wanted: boolean): Tensor {
  const integers = integersOf(weight);
  const shaped = (wanted ? integers.unsqueeze(2) : integers.squeeze(2)) as Tensor;
  return quantized(shaped, quantizedDTypeOf(weight), quantizerOf(weight));
}

const unpack = (packed: PackedParams): unknown[] => [packed.weight, packed.bias];

const isDone = (y: Tensor | Promise<Tensor>): y is Tensor => !(y instanceof Promise);
const afterwards = (y: Tensor | Promise<Tensor>, then: (y: Tensor) => Tensor): Tensor | Promise<Tensor> =>
  isDone(y) ? then(y) : y.then(then);

const linears = (['', '_relu'] as const).flatMap((suffix) => {
  const isRelu = suffix !== '';
  return [
    ...op(
      `quantized::linear${suffix}(Tensor X, ${LINEAR} W_prepack, float Y_scale_i, int Y_zero_point_i) -> Tensor Y`,
      {
        grad: 'none',
        define: ({ X, W_prepack, Y_scale_i, Y_zero_point_i }) =>
          layer(X, packedOf(W_prepack, 'linear'), linearSums, -1, {
            scale: Y_scale_i,
            zero: Y_zero_point_i,
            isRelu,
          }),
      },
    ),
    ...op(
      `quantized::linear${suffix}_dynamic(Tensor X, ${LINEAR} W_prepack, bool reduce_range=False) -> Tensor Y`,
      {
        grad: 'none',
        define: ({ X, W_prepack, reduce_range }) => {
          const out = dynamicLinear(X, packedOf(W_prepack, 'linear'), reduce_range);
          return isRelu ? afterwards(out, (y) => y.relu() as Tensor) : out;
        },
      },
    ),
    ...op(`quantized::linear${suffix}_dynamic_fp16(Tensor X, ${LINEAR} W_prepack) -> Tensor Y`, {
      grad: 'none',
      define: ({ X, W_prepack }) => {
        const { weight, bias } = packedOf(W_prepack, 'linear');
        const out = call('aten::linear', X, weight, bias);
        return isRelu ? out.relu() : out;
      },
    }),
  ];
});

/** How a convolution of `dims` dims is computed: one of one dim as of two, the first of size 1. */
interface Convolutions {
  readonly dims: 1 | 2 | 3;
  readonly kind: 'conv2d' | 'conv3d';
  readonly className: typeof CONV2D | typeof CONV3D;
}

const kinds: readonly Convolutions[] = [
  { dims: 1, kind: 'conv2d', className: CONV2D },
  { dims: 2, kind: 'conv2d', className: CONV2D },
  { dims: 3, kind: 'conv3d', className: CONV3D },
];

interface Settings {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly output_padding?: readonly number[];
}

function packConvolution(
  weight: Tensor,
  bias: Tensor | null,
  settings: Settings,
  { dims, kind }: Convolutions,
  name: string,
): PackedParams {
  checkWeight(weight, name);
  const transposed = settings.output_padding !== undefined;
  const spread = (sizes: readonly number[], first: number): readonly number[] => {
    if (sizes.length !== dims)
      throw new TorchError(
        `${name}: expected ${dims} values for each of stride, padding and dilation, but got [${sizes.join(', ')}]`,
      );
    return dims === 1 ? [first, ...sizes] : sizes;
  };
  return new PackedParams(kind, {
    weight: dims === 1 ? withDim2(weight, true) : weight,
    bias,
    window: {
      stride: spread(settings.stride, 1),
      padding: spread(settings.padding, 0),
      dilation: spread(settings.dilation, 1),
      output_padding: spread(settings.output_padding ?? new Array(dims).fill(0), 0),
      groups: settings.groups,
      transposed,
    },
  });
}

function convolve(
  x: Tensor,
  packed: PackedParams,
  dims: number,
  run: (x: Tensor) => Tensor | Promise<Tensor>,
): Tensor | Promise<Tensor> {
  if (x.shape.length !== dims + 2)
    throw new TorchError(
      `Expected activation data tensor to have ${dims + 2} dimension(s) for ${packed.className}, but got ${x.shape.length}: [${x.shape.join(', ')}]`,
    );
  return dims === 1 ? afterwards(run(x.unsqueeze(2) as Tensor), (y) => y.squeeze(2) as Tensor) : run(x);
}

const convolutions = kinds.flatMap((kinds) => {
  const { dims, kind, className } = kinds;
  const packed = (value: unknown): PackedParams => packedOf(value, kind);
  const statically =
    (isRelu: boolean) =>
    ({
      qx,
      packed_weight,
      output_scale,
      output_zero_point,
    }: {
      readonly qx: Tensor;
      readonly packed_weight: unknown;
      readonly output_scale: number;
      readonly output_zero_point: number;
    }) =>
      convolve(qx, packed(packed_weight), dims, (x) =>
        layer(x, packed(packed_weight), convolutionSums, 1, {
          scale: output_scale,
          zero: output_zero_point,
          isRelu,
        }),
      );
  const dynamically = ({
    qx,
    packed_weight,
    reduce_range,
  }: {
    readonly qx: Tensor;
    readonly packed_weight: unknown;
    readonly reduce_range: boolean;
  }) =>
    convolve(qx, packed(packed_weight), dims, (x) =>
      dynamic(x, packed(packed_weight), convolutionSums, 1, reduce_range),
    );
  const unpacked = ({ packed_weights }: { readonly packed_weights: unknown }): unknown => {
    const { weight, bias } = packed(packed_weights);
    return [dims === 1 ? withDim2(weight, false) : weight, bias];
  };
  // Of one dim, and transposed, there is but one overload.
  const overload = dims === 1 ? '' : '.new';
  return [
    op(
      `quantized::conv${dims}d${overload}(Tensor qx, ${className} packed_weight, float output_scale, int output_zero_point) -> Tensor`,
      { grad: 'none', define: statically(false) },
    ),
    op(
      `quantized::conv${dims}d_relu${overload}(Tensor qx, ${className} packed_weight, float output_scale, int output_zero_point) -> Tensor`,
      { grad: 'none', define: statically(true) },
    ),
    op(
      `quantized::conv${dims}d_dynamic(Tensor qx, ${className} packed_weight, bool reduce_range=False) -> Tensor`,
      { grad: 'none', define: dynamically },
    ),
    op(
      `quantized::conv${dims}d_prepack(Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] dilation, int groups) -> ${className}`,
      {
        grad: 'none',
        define: ({ weight, bias, ...settings }) =>
          packConvolution(weight, bias, settings, kinds, `quantized::conv${dims}d_prepack`),
      },
    ),
    op(
      `quantized::conv${dims}d_unpack(${className} packed_weights) -> (Tensor unpacked_weights, Tensor? B_origin)`,
      { grad: 'none', define: unpacked },
    ),
    op(
      `quantized::conv_transpose${dims}d(Tensor qx, ${className} packed_weight, float output_scale, int output_zero_point) -> Tensor`,
      { grad: 'none', define: statically(false) },
    ),
    op(
      `quantized::conv_transpose${dims}d_dynamic(Tensor qx, ${className} packed_weight, bool reduce_range=False) -> Tensor`,
      { grad: 'none', define: dynamically },
    ),
    op(
      `quantized::conv_transpose${dims}d_prepack(Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] output_padding, int[] dilation, int groups) -> ${className}`,
      {
        grad: 'none',
        define: ({ weight, bias, ...settings }) =>
          packConvolution(weight, bias, settings, kinds, `quantized::conv_transpose${dims}d_prepack`),
      },
    ),
    op(
      `quantized::conv_transpose${dims}d_unpack(${className} packed_weights) -> (Tensor unpacked_weights, Tensor? B_origin)`,
      { grad: 'none', define: unpacked },
    ),
  ].flat();
});

export const quantizedProducts = [
  op(`quantized::linear_prepack(Tensor W, Tensor? B=None) -> ${LINEAR} W_prepack`, {
    grad: 'none',
    define: ({ W, B }) => {
      checkWeight(W, 'quantized::linear_prepack');
      return new PackedParams('linear', { weight: W, bias: B });
    },
  }),
  op(`quantized::linear_unpack(${LINEAR} W_prepack) -> (Tensor W_origin, Tensor? B_origin)`, {
    grad: 'none',
    define: ({ W_prepack }) => unpack(packedOf(W_prepack, 'linear')),
  }),
  op(`quantized::linear_prepack_fp16(Tensor W, Tensor? B=None) -> ${LINEAR} W_prepack`, {
    grad: 'none',
    // The weight is rounded, and computed with as float32.
    define: ({ W, B }) =>
      new PackedParams('linear', { weight: W.to('float16').to('float32') as Tensor, bias: B }),
  }),
  op(`quantized::linear_unpack_fp16(${LINEAR} W_prepack) -> (Tensor W_origin, Tensor? B_origin)`, {
    grad: 'none',
    define: ({ W_prepack }) => unpack(packedOf(W_prepack, 'linear')),
  }),
  linears,
  convolutions,
].flat();
