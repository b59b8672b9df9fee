/** The pool kernel: folds over the taps of the window, leaving out what lies outside x. */
import { type Executable, isFloat, numelOf, type PoolKernel, type View } from '@sconce/core';
import { aten, kernel } from '../call.ts';
import { dtypeCodes } from '../memory.ts';
import { assign, cast, expand } from './views.ts';
import { offsets, padFor, tap } from './windows.ts';

export const pool =
  (structure: PoolKernel): Executable =>
  ([output, positions], [x]) => {
    if (numelOf(output.shape) === 0) return;
    kernel(() => {
      if (structure.reduce === 'sum') assign(output, sum(structure, x, output));
      else {
        const best = max(structure, x, output);
        assign(output, best.value);
        if (positions) assign(positions, best.position);
      }
    });
  };

function sum(structure: PoolKernel, x: View, output: View): View {
  const { window, dims, dtype } = structure;
  const size = output.shape.slice(-dims);
  // 16-bit floats are added in float32.
  const wide = isFloat(dtype) && dtype !== 'float64' && dtype !== 'float32' ? cast(x, dtypeCodes.float32) : x;
  const padded = padFor(wide, window, size, structure, 0);
  const taps = offsets(window).map((at) => tap(padded, at, size, structure));
  return taps.reduce((total, part) => aten('add.Tensor')(total, part));
}

/** The first of the greatest, or the first NaN, and where in x it is. */
function max(structure: PoolKernel, x: View, output: View): { value: View; position: View } {
  const { window, dims } = structure;
  const size = output.shape.slice(-dims);
  const extent = x.shape.slice(-dims);
  const padded = padFor(x, window, size, structure, 0);
  // The positions of x's elements, -1 outside: padded and slid like x itself.
  const range = aten('arange')(numelOf(extent), dtypeCodes.int64);
  const inner = [1, 1, ...extent];
  const numbered = { ...range, shape: inner, strides: [0, 0, ...stridesOf(extent)] };
  const where = padFor(numbered, window, size, structure, -1);

  let value: View | undefined;
  let position: View | undefined;
  for (const at of offsets(window)) {
    const candidate = tap(padded, at, size, structure);
    const place = expand(tap(where, at, size, structure), output.shape);
    if (!value || !position) {
      [value, position] = [candidate, place];
      continue;
    }
    const isInside = aten('ge.Scalar')(place, 0);
    const isFirst = aten('lt.Scalar')(position, 0);
    const isGreater = aten('gt.Tensor')(candidate, value);
    let wins = aten('logical_or')(isFirst, isGreater);
    if (isFloat(x.dtype)) {
      const isNewNaN = aten('logical_and')(
        aten('isnan')(candidate),
        aten('logical_not')(aten('isnan')(value)),
      );
      wins = aten('logical_or')(wins, isNewNaN);
    }
    wins = aten('logical_and')(wins, isInside);
    [value, position] = [
      aten('where.self')(wins, candidate, value),
      aten('where.self')(wins, place, position),
    ];
  }
  return { value: value!, position: position! };
}

const stridesOf = (shape: readonly number[]): number[] =>
  shape.map((_, d) => shape.slice(d + 1).reduce((n, s) => n * s, 1));
