/** Packed parameters: weights and settings in one object, PyTorch's custom classes for quantised and mobile operators. */
import { NotSupportedError, TorchError } from '../errors.ts';
import { alias } from './create.ts';
import { canReadNow, readRaw, readRawNow } from './host.ts';
import type { Scalar } from './promotion.ts';
import { Tensor } from './tensor.ts';

/** The classes, by the names that archives and schemas give them. */
export const packedClasses = {
  linear: '__torch__.torch.classes.quantized.LinearPackedParamsBase',
  /** Of one dim too: as of two, the first of size 1. */
  conv2d: '__torch__.torch.classes.quantized.Conv2dPackedParamsBase',
  conv3d: '__torch__.torch.classes.quantized.Conv3dPackedParamsBase',
  embedding: '__torch__.torch.classes.quantized.EmbeddingPackedParamsBase',
  clampedLinear: '__torch__.torch.classes.xnnpack.LinearOpContext',
  clampedConv2d: '__torch__.torch.classes.xnnpack.Conv2dOpContext',
  cell: '__torch__.torch.classes.rnn.CellParamsBase',
} as const;

export type PackedClass = keyof typeof packedClasses;

export interface Window {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly output_padding: readonly number[];
  readonly groups: number;
  readonly transposed: boolean;
}

/** Of a recurrent layer in one direction: the products of the input and of the hidden state, quantised dynamically. */
export interface Cell {
  readonly ih: PackedParams;
  readonly hh: PackedParams;
  readonly reduce_range: boolean;
}

/** What an object of each class holds. */
export interface PackedContent {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  /** Of convolutions. */
  readonly window?: Window;
  /** Of recurrent layers, whose first weight and bias stand above. */
  readonly cell?: Cell;
  /** Of the mobile operators: what the output is held between; null for no bound. */
  readonly low?: Scalar | null;
  readonly high?: Scalar | null;
}

/** A tensor that lives as long as the object that has it. */
function kept(tensor: Tensor): Tensor {
  const own = alias(tensor);
  own.isKept = true;
  return own;
}

export class PackedParams {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  /** Of convolutions. */
  window: Window | undefined;
  readonly cell: Cell | undefined;
  readonly low: Scalar | null;
  readonly high: Scalar | null;
  private computed: Tensor | undefined;

  constructor(
    readonly kind: PackedClass,
    { weight, bias, window, cell, low = null, high = null }: PackedContent,
  ) {
    this.weight = kept(weight);
    this.bias = bias && kept(bias);
    this.window = window;
    this.cell = cell;
    this.low = low;
    this.high = high;
  }

  /** What `compute` makes of the weight, once: backends keep what they prepare for a weight that they meet again. */
  numbers(compute: (weight: Tensor) => Tensor): Tensor {
    return (this.computed ??= kept(compute(this.weight)));
  }

  /** The class's qualified name. */
  get className(): string {
    return packedClasses[this.kind];
  }

  /** As graphs print it, without the address that it has in PyTorch. */
  toString(): string {
    return 'object(0x0)';
  }
}

/** The object of an argument whose schema asks for this class. Throws a TorchError for anything else. */
export function packedOf(value: unknown, kind: PackedClass): PackedParams {
  if (value instanceof PackedParams && value.kind === kind) return value;
  throw new TorchError(
    `Expected a value of type '${packedClasses[kind]}' but instead found ${value instanceof PackedParams ? value.className : typeof value}`,
  );
}

/** A recurrent layer's products. Throws a TorchError for anything else. */
export const packedCell = (value: unknown): Cell => packedOf(value, 'cell').cell!;

/** `[dims, stride…, padding…, dilation…, output padding…, groups, transposed]` of two dims or three. */
function windowOf(settings: ArrayLike<number | bigint>): Window {
  const [dims, ...rest] = Array.from(settings, Number);
  if ((dims !== 2 && dims !== 3) || rest.length !== 4 * dims + 2)
    throw new TorchError('the archive is damaged: the settings of a quantised convolution are none');
  const [stride, padding, dilation, output_padding] = [0, 1, 2, 3].map((k) =>
    rest.slice(k * dims, (k + 1) * dims),
  );
  const [groups, transposed] = rest.slice(4 * dims);
  return { stride, padding, dilation, output_padding, groups, transposed: transposed !== 0 };
}

/**
 * The object of a class whose state, in PyTorch's order, an archive holds; `wait` is told what must have happened before it
 * is used. Throws a TorchError for a class that Sconce does not have and for a state that is none.
 */
export function packedFromState(
  className: string,
  state: unknown,
  list: (value: unknown) => unknown[],
  wait: (promise: Promise<unknown>) => void,
): PackedParams {
  const items = list(state);
  const tensor = (value: unknown): Tensor => {
    if (value instanceof Tensor) return value;
    throw new TorchError(
      `the archive is damaged: the state of a ${className} has no tensor where one belongs`,
    );
  };
  const optional = (value: unknown): Tensor | null =>
    value === null || value === undefined ? null : tensor(value);
  const ints = (value: unknown): number[] => list(value).map(Number);
  const bound = (value: unknown): Scalar | null => (value === undefined ? null : (value as Scalar | null));
  switch (className) {
    case packedClasses.linear:
      return new PackedParams('linear', { weight: tensor(items[0]), bias: optional(items[1]) });
    case packedClasses.embedding: {
      if (Number(items[0]) !== 1)
        throw new NotSupportedError(
          `the archive holds a quantised embedding of version ${String(items[0])}, which Sconce does not have`,
        );
      return new PackedParams('embedding', { weight: tensor(list(items[1])[0]), bias: null });
    }
    case packedClasses.conv2d:
    case packedClasses.conv3d: {
      if (items[0] !== '2')
        throw new NotSupportedError(
          `the archive holds packed parameters of version ${String(items[0])}, which Sconce does not have`,
        );
      const [settings, weight] = list(items[1]);
      const packed = new PackedParams(className === packedClasses.conv2d ? 'conv2d' : 'conv3d', {
        weight: tensor(weight),
        bias: optional(list(items[2])[0]),
      });
      const numbers = tensor(settings);
      if (canReadNow(numbers)) packed.window = windowOf(readRawNow(numbers));
      else
        wait(
          readRaw(numbers).then((values) => {
            packed.window = windowOf(values);
          }),
        );
      return packed;
    }
    case packedClasses.cell: {
      if (items[0] !== 'quantized_dynamic')
        throw new NotSupportedError(
          `the archive holds the cell of a recurrent layer that is ${String(items[0])}`,
        );
      const [ih, hh] = list(items[4]).map((product) => packedOf(product, 'linear'));
      const reduce_range = Number(list(items[3])[0]) !== 0;
      return new PackedParams('cell', { weight: ih.weight, bias: ih.bias, cell: { ih, hh, reduce_range } });
    }
    case packedClasses.clampedLinear:
      return new PackedParams('clampedLinear', {
        weight: tensor(items[0]),
        bias: optional(items[1]),
        low: bound(items[2]),
        high: bound(items[3]),
      });
    case packedClasses.clampedConv2d:
      return new PackedParams('clampedConv2d', {
        weight: tensor(items[0]),
        bias: optional(items[1]),
        window: {
          stride: ints(items[2]),
          padding: ints(items[3]),
          dilation: ints(items[4]),
          output_padding: [0, 0],
          groups: Number(items[5]),
          transposed: false,
        },
        low: bound(items[6]),
        high: bound(items[7]),
      });
    default:
      throw new TorchError(`the archive holds a ${className}, a custom C++ class that Sconce does not have`);
  }
}
