/**
 * Scatter in the order of the sorted index: whoever finds the first of equal indices combines what they all bring, one
 * after another. For any dtype, and with the same result every time.
 */
import { contiguousStrides, type DType, type Executable, type ScatterKernel, type View } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { linearGroups, linearIndex, Numbers, Program } from '../program.ts';
import type { Operand } from '../shader.ts';
import { running } from './combine.ts';
import { writeChecked } from './gather.ts';
import { indexOf, pushWalk, type Walk, walkOf, writeWalk } from './iterate.ts';
import { apart, withScratch } from './scratch.ts';
import { sorted } from './sort.ts';

const GROUP = 64;

/** @param inner what the output holds meanwhile */
export function compileSegments(gpu: Gpu, kernel: ScatterKernel, inner: DType): Executable {
  const { dim, dtype } = kernel;
  const programs = new Map<string, Program>();
  const numbers = new Numbers();

  const program = (key: string, write: () => Program): Program => {
    let known = programs.get(key);
    if (!known) programs.set(key, (known = write()));
    return known;
  };

  return ([out], given) => {
    if (given[0]!.shape.includes(0)) return;
    apart(gpu, given, [out!], ([x, index]) => {
      const length = x!.shape[dim]!;
      const size = out!.shape[dim]!;
      const others = x!.shape.filter((_, d) => d !== dim);
      const without = (v: View): View => ({
        memory: v.memory,
        dtype: v.dtype,
        shape: others,
        strides: v.strides.filter((_, d) => d !== dim),
        offset: v.offset,
      });
      const bare = without(index!);
      // An index that serves many columns is sorted once.
      const own = others.map((n, d) => (bare.strides[d] === 0 ? 1 : n));
      const rows = walkOf([bare], own, { reorder: false });
      withScratch(gpu, 'int32', [rows.count, length], (keys) => {
        const check = program(`keys ${rows.key}`, () => keysProgram(gpu, dim, rows));
        numbers
          .clear()
          .i32(rows.count * length)
          .i32(length)
          .i32(size);
        numbers.i32(bare.offset).i32(index!.strides[dim]!);
        pushWalk(numbers, rows);
        check.run([keys, bare], numbers, linearGroups(rows.count * length, GROUP));

        sorted(gpu, keys, rows.count, length, 32 - Math.clz32(size), (order) => {
          const ownStrides = contiguousStrides([...own, length]).slice(0, -1);
          const row: View = {
            memory: keys.memory,
            dtype: 'int32',
            shape: others,
            strides: ownStrides.map((s, d) => (own[d] === 1 ? 0 : s)),
            offset: 0,
          };
          const views = [without(out!), without(x!), row];
          const walk = walkOf(views, others);
          const fold = program(`fold ${walk.key}`, () => foldProgram(gpu, kernel, inner, walk));
          const count = walk.count * length;
          numbers.clear().i32(count).i32(walk.count).i32(length).i32(size);
          numbers.i32(out!.offset).i32(x!.offset);
          numbers.i32(out!.strides[dim]!).i32(x!.strides[dim]!);
          pushWalk(numbers, walk);
          fold.run([...views, order], numbers, linearGroups(count, GROUP));
        });
      });
    });
  };

  /** Writes the index as words; one that is out of bounds is recorded, and becomes what is greater than all others. */
  function keysProgram(gpu: Gpu, dim: number, walk: Walk): Program {
    return new Program(gpu, {
      label: `scatter ${kernel.combine}`,
      operands: [
        { dtype: 'int32', writes: true },
        { dtype: 'int64', writes: false },
      ],
      workgroupSize: [GROUP, 1, 1],
      write: (shader) => {
        const [count, length, size] = [shader.i32(), shader.i32(), shader.i32()];
        const [base, step] = [shader.i32(), shader.i32()];
        const { statements, offsets } = writeWalk(shader, walk, 'row');
        const stored = shader.load(1, `${indexOf(base, offsets[0]!)} + i * ${step}`);
        const { open, close } = writeChecked(shader, 'place', stored, dim, size);
        return `let id = ${linearIndex(GROUP)};
if (id >= u32(${count})) { return; }
let row = id / u32(${length});
let i = i32(id - row * u32(${length}));
${statements}
var key = ${size};
${open}
key = place;
${close}
${shader.store(0, 'id', 'key')}`;
      },
    });
  }

  function foldProgram(gpu: Gpu, { combine }: ScatterKernel, inner: DType, walk: Walk): Program {
    const operands: Operand[] = [
      { dtype, writes: true },
      { dtype, writes: false },
      { dtype: 'int32', writes: false },
      { dtype: 'int32', writes: false },
    ];
    return new Program(gpu, {
      label: `scatter ${combine}`,
      operands,
      workgroupSize: [GROUP, 1, 1],
      write: (shader) => {
        const [count, columns, length, size] = [shader.i32(), shader.i32(), shader.i32(), shader.i32()];
        const [outBase, xBase, outStep, xStep] = [shader.i32(), shader.i32(), shader.i32(), shader.i32()];
        const { statements, offsets } = writeWalk(shader, walk, 'column');
        const start = offsets[2] || '0';
        const fold = running(shader, combine as 'sum', inner);
        const given = fold.give('sum');
        return `let id = ${linearIndex(GROUP)};
if (id >= u32(${count})) { return; }
let column = id % u32(${columns});
let first = i32(id / u32(${columns}));
${statements}
let start = ${start};
var place = ${shader.load(3, 'start + first')};
let key = ${shader.load(2, 'start + place')};
if (key >= ${size}) { return; }
if (first > 0) {
if (${shader.load(2, `start + ${shader.load(3, 'start + first - 1')}`)} == key) { return; }
}
let to = ${indexOf(outBase, offsets[0]!)} + key * ${outStep};
var sum = ${fold.start(shader.load(0, 'to'))};
var next = first;
loop {
${fold.take('sum', shader.load(1, `${indexOf(xBase, offsets[1]!)} + place * ${xStep}`))}
next += 1;
if (next >= ${length}) { break; }
place = ${shader.load(3, 'start + next')};
if (${shader.load(2, 'start + place')} != key) { break; }
}
${given.statements}
${shader.store(0, 'to', given.element)}`;
      },
    });
  }
}
