/** Matmul kernels: products without a window. */
import type { Executable, MatmulKernel, View } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { endingOf } from './product/ending.ts';
import type { Geometry, Target } from './product/geometry.ts';
import { Product } from './product/product.ts';
import { apart } from './scratch.ts';

export function compileMatmul(gpu: Gpu, kernel: MatmulKernel): Executable {
  const ending = endingOf(kernel);
  const products = new Product(gpu, kernel.dtype, ending);
  return (outputs, inputs, scalars = []) => {
    const out = outputs[0]!;
    apart(gpu, [inputs[0]!, inputs[1]!], outputs, ([a, b]) => {
      // Input 1 of `finish` is the kernel's input 2.
      const rest = ending.inputs.map((i) => inputs[i + 1]!);
      products.run(geometryOf(a!, b!, [out, ...rest]), scalars);
    });
  };
}

/** Fewer columns than this, and the operands change places: the kernels are made for long rows. */
const FEW_COLUMNS = 16;

function geometryOf(a: View, b: View, targets: readonly View[]): Geometry {
  const [groups, rows, columns] = targets[0]!.shape as [number, number, number];
  const inner = a.shape[2]!;
  const none = { positions: [], step: [], before: [], limit: [], taps: [], spread: [] };
  if (columns < FEW_COLUMNS && rows > columns)
    return {
      ...none,
      groups,
      rows: columns,
      columns: rows,
      inner,
      a: side(b, b.strides[2]!, b.strides[1]!),
      b: { ...side(a, a.strides[1]!, a.strides[2]!), sample: a.strides[1]!, strides: [] },
      targets: targets.map((v) => target(v, v.strides[2]!, v.strides[1]!)),
    };
  return {
    ...none,
    groups,
    rows,
    columns,
    inner,
    a: side(a, a.strides[1]!, a.strides[2]!),
    b: { ...side(b, b.strides[2]!, b.strides[1]!), sample: b.strides[2]!, strides: [] },
    targets: targets.map((v) => target(v, v.strides[1]!, v.strides[2]!)),
  };
}

const side = (view: View, row: number, channel: number): Geometry['a'] => ({
  view,
  offset: view.offset,
  group: view.strides[0]!,
  row,
  channel,
  taps: [],
});

const target = (view: View, row: number, sample: number): Target => ({
  view,
  group: view.strides[0]!,
  row,
  sample,
  positions: [],
});
