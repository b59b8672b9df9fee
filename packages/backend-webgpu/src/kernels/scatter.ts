/**
 * Scatter: one invocation per element of the source. WGSL's atomics are integers of 32 bits: others combine by comparing
 * and exchanging; what these cannot hold, and floats whose index serves many columns, combine in the order of the
 * sorted index.
 */
import { type DType, dtypes, type Executable, type ScatterKernel, type View } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { linearGroups, linearIndex, Numbers, Program } from '../program.ts';
import type { Operand, Shader } from '../shader.ts';
import { converted, input, running } from './combine.ts';
import { still, writeChecked } from './gather.ts';
import { indexOf, pushWalk, type Walk, walkOf, writeWalk } from './iterate.ts';
import { compilePointwise } from './pointwise.ts';
import { apart } from './scratch.ts';
import { compileSegments } from './segments.ts';

const GROUP = 64;

export function compileScatter(gpu: Gpu, kernel: ScatterKernel): Executable {
  const { dtype, combine, rank } = kernel;
  const is16 = dtype === 'float16' || dtype === 'bfloat16';
  if (!is16 || (combine !== 'sum' && combine !== 'prod')) return scatterInto(gpu, kernel, dtype);
  // Held as float32 anyway: what is added up is rounded once.
  const into = scatterInto(gpu, kernel, 'float32');
  const round = compilePointwise(gpu, {
    kind: 'pointwise',
    exprs: [converted(input(0, 'float32'), dtype)],
    rank,
  });
  return (outputs, inputs) => {
    into(outputs, inputs);
    round(outputs, outputs);
  };
}

/** @param inner what the output holds meanwhile */
function scatterInto(gpu: Gpu, kernel: ScatterKernel, inner: DType): Executable {
  const { dim, dtype, combine } = kernel;
  if (dtype === 'int64' && combine !== 'sum' && combine !== 'set') return compileSegments(gpu, kernel, inner);
  const segments =
    dtypes[dtype].isFloat && combine !== 'set' ? compileSegments(gpu, kernel, inner) : undefined;
  const isAtomic = combine !== 'set';
  const operands: Operand[] = [
    { dtype, writes: true, isAtomic },
    { dtype: 'int64', writes: false },
    { dtype, writes: false },
  ];
  const programs = new Map<string, Program>();
  const numbers = new Numbers();
  return ([out], given) => {
    if (segments && columnsOf(given[1]!, dim) >= MANY_COLUMNS) {
      segments([out!], given);
      return;
    }
    apart(gpu, given, [out!], ([x, index]) => {
      const views = [still(out!, dim), index!, x!];
      const walk = walkOf(views, x!.shape);
      if (walk.count === 0) return;
      let program = programs.get(walk.key);
      if (!program) programs.set(walk.key, (program = build(gpu, operands, kernel, inner, walk)));
      numbers.clear().i32(walk.count);
      for (const v of views) numbers.i32(v.offset);
      numbers.i32(out!.shape[dim] ?? 1).i32(out!.strides[dim] ?? 0);
      pushWalk(numbers, walk);
      program.run(views, numbers, linearGroups(walk.count, GROUP));
    });
  };
}

/** Columns that pay for sorting their index. */
const MANY_COLUMNS = 16;

/** How many elements of the source one element of the index serves. */
const columnsOf = (index: View, dim: number): number =>
  index.shape.reduce((n, size, d) => (d !== dim && index.strides[d] === 0 ? n * size : n), 1);

const build = (
  gpu: Gpu,
  operands: readonly Operand[],
  kernel: ScatterKernel,
  inner: DType,
  walk: Walk,
): Program =>
  new Program(gpu, {
    label: `scatter ${kernel.combine}`,
    operands,
    workgroupSize: [GROUP, 1, 1],
    write: (shader) => {
      const count = shader.i32();
      const bases = operands.map(() => shader.i32());
      const [size, step] = [shader.i32(), shader.i32()];
      const { statements, offsets } = writeWalk(shader, walk, 'id');
      const at = (operand: number): string => indexOf(bases[operand]!, offsets[operand]!);
      const { open, close } = writeChecked(shader, 'place', shader.load(1, at(1)), kernel.dim, size);
      return `let id = ${linearIndex(GROUP)};
if (id >= u32(${count})) { return; }
${statements}
${open}
let to = ${at(0)} + place * ${step};
let x = ${shader.load(2, at(2))};
${kernel.combine === 'set' ? shader.store(0, 'to', 'x') : atomically(shader, kernel, inner)}
${close}`;
    },
  });

/** Combines `x`, as stored, with element `to` of the output. */
function atomically(shader: Shader, { combine, dtype }: ScatterKernel, inner: DType): string {
  const out = shader.array(0);
  // The low words' carries are as many in any order.
  if (dtype === 'int64')
    return `let low = atomicAdd(&${out}[2 * to], x.x);
let high = x.y + u32(low + x.x < low);
if (high != 0u) { atomicAdd(&${out}[2 * to + 1], high); }`;
  const fold = running(shader, combine as 'sum', inner);
  const old = inner === 'bool' ? 'old' : `bitcast<${fold.type}>(old)`;
  const { statements, element } = fold.give('sum');
  return `var old = atomicLoad(&${out}[to]);
loop {
var sum = ${fold.start(old)};
${fold.take('sum', 'x')}
${statements}
let attempt = atomicCompareExchangeWeak(&${out}[to], old, bitcast<u32>(${element}));
if (attempt.exchanged) { break; }
old = attempt.old_value;
}`;
}
