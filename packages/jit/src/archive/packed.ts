/** The states in which archives hold PyTorch's own C++ objects: packed parameters of quantised and mobile operators. */
import { fromTypedArray, type PackedParams, TorchError } from '@sconce/core';
import {
  FloatT,
  foreignClass,
  IntT,
  type JitType,
  listOf,
  optionalOf,
  StrT,
  TensorT,
  tupleOf,
} from '../ir/types.ts';
import { makeTuple } from '../ops/value.ts';

export interface State {
  readonly value: unknown;
  readonly type: JitType;
}

/** A tuple from its parts, each with its type. */
const tuple = (...parts: readonly (readonly [value: unknown, type: JitType])[]): State => {
  const type = tupleOf(parts.map(([, partType]) => partType));
  return {
    value: makeTuple(
      parts.map(([value]) => value),
      type,
    ),
    type,
  };
};

export function stateOfPacked({
  kind,
  className,
  weight,
  bias,
  window,
  cell,
  low,
  high,
}: PackedParams): State {
  const tensors = [
    [weight, TensorT],
    [bias, optionalOf(TensorT)],
  ] as const;
  const bounds = [
    [low, optionalOf(FloatT)],
    [high, optionalOf(FloatT)],
  ] as const;
  if (kind === 'linear') return tuple(...tensors);
  if (kind === 'clampedLinear') return tuple(...tensors, ...bounds);
  if (kind === 'embedding')
    return tuple(
      [1, IntT],
      [[weight], listOf(TensorT)],
      [[], listOf(FloatT)],
      [[(weight.dtype as string) === 'quint4x2' ? 4 : 8], listOf(IntT)],
    );
  if (cell) {
    const products = [cell.ih, cell.hh];
    return tuple(
      ['quantized_dynamic', StrT],
      [products.map((product) => product.bias), listOf(TensorT)],
      [[], listOf(FloatT)],
      [[Number(cell.reduce_range)], listOf(IntT)],
      [products, listOf(foreignClass(cell.ih.className))],
    );
  }
  if (!window) throw new TorchError(`a ${className} without its settings cannot be saved`);
  const { stride, padding, dilation, output_padding, groups, transposed } = window;
  if (kind === 'clampedConv2d') {
    const lists = [stride, padding, dilation].map((sizes) => [sizes, listOf(IntT)] as const);
    return tuple(...tensors, ...lists, [groups, IntT], ...bounds);
  }
  // Version 2, as `windowOf` in core reads it.
  const sizes = [...stride, ...padding, ...dilation, ...output_padding];
  const numbers = Int16Array.of(stride.length, ...sizes, groups, Number(transposed));
  const settings = fromTypedArray(numbers, [numbers.length], 'int16', weight.backend);
  return tuple(['2', StrT], [[settings, weight], listOf(TensorT)], [[bias], listOf(optionalOf(TensorT))]);
}
