/**
 * Sort: each element of a short row counts those that come before it; a long row is sorted digit by digit, from the
 * last, where every pass counts the digits of each block of elements and then moves the blocks' elements in order.
 */
import type { DType, Executable, SortKernel, View } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { linearGroups, linearIndex, Numbers, Program } from '../program.ts';
import type { Operand, Shader } from '../shader.ts';
import { indexOf, pushWalk, type Walk, walkOf, writeWalk } from './iterate.ts';
import { keyOf, keyWords } from './order.ts';
import { scanOf } from './scan.ts';
import { apart, withScratch } from './scratch.ts';

const GROUP = 64;

/** The bits of keys that differ; those of narrow dtypes are the lowest. */
const keyBits: Readonly<Partial<Record<DType, number>>> = {
  bool: 1,
  uint8: 8,
  int8: 8,
  int16: 16,
  bfloat16: 16,
  float16: 19,
  int64: 64,
};

const DIGIT = 4;
const DIGITS = 1 << DIGIT;
/** Elements that one invocation counts and moves: at most 255, which is what its counters hold. */
const BLOCK = 128;

/** Comparisons beyond which digits are cheaper. */
const MOST_COMPARISONS = { software: 1 << 22, hardware: 1 << 27 };
const SHORT = 64;

export function compileSort(gpu: Gpu, kernel: SortKernel): Executable {
  const { dtype } = kernel;
  const programs = new Map<string, Program>();
  const numbers = new Numbers();
  const most = MOST_COMPARISONS[gpu.isSoftware ? 'software' : 'hardware'];

  /** One invocation per element of the walk's rows; `extra` are scratch operands. */
  const elementwise = (
    stage: 'ranks' | 'keys' | 'apply',
    views: readonly View[],
    rows: Walk,
    length: number,
    extra: readonly View[] = [],
  ): void => {
    const key = `${stage} ${views.length} ${rows.key}`;
    let program = programs.get(key);
    if (!program) programs.set(key, (program = build(gpu, kernel, stage, views.length, rows)));
    const count = rows.count * length;
    numbers.clear().i32(count).i32(length);
    for (const v of views) numbers.i32(v.offset);
    for (const v of views) numbers.i32(v.strides[v.strides.length - 1] ?? 0);
    pushWalk(numbers, rows);
    program.run([...views, ...extra], numbers, linearGroups(count, GROUP));
  };

  return ([out, indices], [given]) => {
    const last = Math.max(0, given!.shape.length - 1);
    const length = given!.shape[last] ?? 1;
    const outputs = indices ? [out!, indices] : [out!];
    apart(gpu, [given!], outputs, ([x]) => {
      const views = [x!, ...outputs];
      const rows = walkOf(views, x!.shape, { to: last, reorder: false });
      if (rows.count === 0 || length === 0) return;
      if (length <= SHORT || rows.count * length * length <= most) {
        elementwise('ranks', views, rows, length);
        return;
      }
      const total = rows.count * length;
      withScratch(gpu, 'int32', [keyWords(dtype), total], (keys) => {
        elementwise('keys', [x!], walkOf([x!], x!.shape, { to: last, reorder: false }), length, [keys]);
        sorted(gpu, keys, rows.count, length, keyBits[dtype] ?? 32, (order) =>
          elementwise('apply', views, rows, length, [order]),
        );
      });
    });
  };
}

/** An element's key, of which the lowest bits differ. */
function keyFor(shader: Shader, { dtype, descending }: SortKernel): (element: string) => string {
  const whole = keyOf(shader, dtype);
  const ascending = (x: string): string => {
    switch (dtype) {
      case 'uint8':
        return `u32(${x})`;
      case 'int8':
        return `u32(${x} + 128)`;
      case 'int16':
        return `u32(${x} + 32768)`;
      // What is left of the bits holds no information: a 16-bit float in a float32.
      case 'bfloat16':
        return `(${whole(x)} >> 16u)`;
      case 'float16':
        return `(${whole(x)} >> 13u)`;
      default:
        return whole(x);
    }
  };
  return descending ? (x) => `~${ascending(x)}` : ascending;
}

function build(
  gpu: Gpu,
  kernel: SortKernel,
  stage: 'ranks' | 'keys' | 'apply',
  views: number,
  walk: Walk,
): Program {
  const { dtype } = kernel;
  const operands: Operand[] = [
    { dtype, writes: false },
    { dtype, writes: true },
    { dtype: 'int64' as const, writes: true },
  ].slice(0, views);
  if (stage !== 'ranks') operands.push({ dtype: 'int32', writes: stage === 'keys' });
  return new Program(gpu, {
    label: `sort ${stage}`,
    operands,
    workgroupSize: [GROUP, 1, 1],
    write: (shader) => {
      const [count, length] = [shader.i32(), shader.i32()];
      const bases = Array.from({ length: views }, () => shader.i32());
      const steps = bases.map(() => shader.i32());
      const { statements, offsets } = writeWalk(shader, walk, 'row');
      const at = (operand: number, i: string): string =>
        `${indexOf(bases[operand]!, offsets[operand]!)} + ${i} * ${steps[operand]}`;
      const lines = [
        `let id = ${linearIndex(GROUP)};`,
        `if (id >= u32(${count})) { return; }`,
        `let row = id / u32(${length});`,
        `let i = i32(id - row * u32(${length}));`,
        statements,
      ];
      /** Element `from` of the row goes to place `to`. */
      const move = (from: string, to: string): void => {
        lines.push(shader.store(1, at(1, to), shader.load(0, at(0, from))));
        if (views > 2) lines.push(shader.store(2, at(2, to), `vec2<u32>(u32(${from}), 0u)`));
      };
      if (stage === 'apply') {
        lines.push(`let source = ${shader.load(views, 'id')};`);
        move('source', 'i');
        return lines.join('\n');
      }
      const key = keyFor(shader, kernel);
      const keyAt = (i: string): string => key(shader.load(0, at(0, i)));
      lines.push(`let mine = ${keyAt('i')};`);
      if (stage === 'keys') {
        if (keyWords(dtype) === 1) lines.push(shader.store(1, 'id', 'bitcast<i32>(mine)'));
        else
          lines.push(
            shader.store(1, 'id', 'bitcast<i32>(mine.x)'),
            shader.store(1, `u32(${count}) + id`, 'bitcast<i32>(mine.y)'),
          );
        return lines.join('\n');
      }
      const isBefore =
        keyWords(dtype) === 1
          ? '(k < mine) | ((k == mine) & (j < i))'
          : '(k.y < mine.y) | ((k.y == mine.y) & ((k.x < mine.x) | ((k.x == mine.x) & (j < i))))';
      lines.push(
        'var place = 0;',
        `for (var j = 0; j < ${length}; j += 1) {`,
        `let k = ${keyAt('j')};`,
        `place += i32(${isBefore});`,
        '}',
      );
      move('i', 'place');
      return lines.join('\n');
    },
  });
}

const passes = new WeakMap<Gpu, Record<'count' | 'move', Program>>();
const numbers = new Numbers();

/** Calls `body` with the order (int32 positions in the row) of rows of keys, of which the lowest `bits` differ. */
export function sorted(
  gpu: Gpu,
  keys: View,
  rows: number,
  length: number,
  bits: number,
  body: (order: View) => void,
): void {
  let programs = passes.get(gpu);
  if (!programs)
    passes.set(gpu, (programs = { count: digitPass(gpu, 'count'), move: digitPass(gpu, 'move') }));
  const { count, move } = programs;
  const blocks = Math.ceil(length / BLOCK);
  const groups = linearGroups(rows * blocks, GROUP);
  const scan = scanOf(gpu, 'sum', 'int32');
  withScratch(gpu, 'int32', [rows, length], (one) =>
    withScratch(gpu, 'int32', [rows, length], (other) =>
      withScratch(gpu, 'int32', [rows, DIGITS * blocks], (counts) => {
        let [from, to] = [one, other];
        for (let shift = 0; shift < bits; shift += DIGIT) {
          numbers
            .clear()
            .i32(rows * blocks)
            .i32(length)
            .i32(blocks);
          // The first pass finds the elements in their own order.
          numbers
            .i32(shift & 31)
            .i32(shift < 32 ? 0 : rows * length)
            .i32(shift === 0 ? 1 : 0);
          count.run([keys, from, counts], numbers, groups);
          scan([counts], [counts]);
          move.run([keys, from, counts, to], numbers, groups);
          [from, to] = [to, from];
        }
        body(from);
      }),
    ),
  );
}

/**
 * Goes over a block of a row, with 16 counters of 8 bits in four words: private arrays are slow to index. It writes the
 * counts of the digits; or moves the elements, whose counters tell how many with the digit went before.
 */
const digitPass = (gpu: Gpu, stage: 'count' | 'move'): Program =>
  new Program(gpu, {
    label: `sort ${stage}`,
    operands: [
      { dtype: 'int32', writes: false },
      { dtype: 'int32', writes: false },
      { dtype: 'int32', writes: stage === 'count' },
      { dtype: 'int32' as const, writes: true },
    ].slice(0, stage === 'count' ? 3 : 4) as Operand[],
    workgroupSize: [GROUP, 1, 1],
    write: (shader) => {
      const [count, length, blocks] = [shader.i32(), shader.i32(), shader.i32()];
      const [shift, keysAt, isFirst] = [shader.i32(), shader.i32(), shader.i32()];
      // Counts lie digit by digit, and block by block within.
      const before = shader.load(2, `row * ${DIGITS} * ${blocks} + max(place - 1, 0)`);
      return `let id = ${linearIndex(GROUP)};
if (id >= u32(${count})) { return; }
let row = i32(id / u32(${blocks}));
let block = i32(id) - row * ${blocks};
let start = row * ${length};
var counters = vec4<u32>();
let end = min(${length}, (block + 1) * ${BLOCK});
for (var i = block * ${BLOCK}; i < end; i += 1) {
var source = i;
if (${isFirst} == 0) { source = ${shader.load(1, 'start + i')}; }
let digit = (bitcast<u32>(${shader.load(0, `${keysAt} + start + source`)}) >> u32(${shift})) & ${DIGITS - 1}u;
let word = vec4<u32>(digit >> 2u) == vec4<u32>(0u, 1u, 2u, 3u);
let bits = (digit & 3u) * 8u;
${
  stage === 'move'
    ? `let mine = select(vec4<u32>(), counters, word);
let rank = ((mine.x | mine.y | mine.z | mine.w) >> bits) & 255u;
let place = i32(digit) * ${blocks} + block;
${shader.store(3, `start + select(${before}, 0, place == 0) + i32(rank)`, 'source')}`
    : ''
}
counters += select(vec4<u32>(), vec4<u32>(1u << bits), word);
}
${
  stage === 'count'
    ? `for (var d = 0; d < ${DIGITS}; d += 1) {
let n = (counters[d >> 2u] >> (u32(d & 3) * 8u)) & 255u;
${shader.store(2, `row * ${DIGITS} * ${blocks} + d * ${blocks} + block`, 'i32(n)')}
}`
    : ''
}`;
    },
  });
