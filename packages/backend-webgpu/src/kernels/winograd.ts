/**
 * Winograd's convolution F(4x4, 3x3): tiles of 6 x 6 of the input and the windows are transformed, multiplied channel by
 * channel (36 matrix products), and transformed back to 4 x 4 outputs: a quarter of the products of a direct one. Its
 * rounding errors are about ten times as large, 3e-6 of the output's size.
 */
import type { ConvKernel, View } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { linearGroups, linearIndex, Numbers, Program } from '../program.ts';
import type { Shader } from '../shader.ts';
import { pushScalars } from './pointwise.ts';
import { Lines } from './product/address.ts';
import { declarePut, type Ending, endingOperands } from './product/ending.ts';
import type { Target } from './product/geometry.ts';
import { forced, Product } from './product/product.ts';
import { withScratch } from './scratch.ts';

/** Outputs and inputs of a tile's side. */
const OUT = 4;
const IN = 6;
const POINTS = IN * IN;
const GROUP = 64;
/** With fewer tiles, transforming the weights costs more than is saved; with fewer channels, transforming the input. */
const LEAST_TILES = 12;
const LEAST_CHANNELS = 32;
/** Products below which its three dispatches cost more than one. */
const LEAST_PRODUCTS = 1 << 23;
/** Of transformed input or output at a time. */
const MOST_ELEMENTS = 1 << 23;

const inputTransform = [
  [4, 0, -5, 0, 1, 0],
  [0, -4, -4, 1, 1, 0],
  [0, 4, -4, -1, 1, 0],
  [0, -2, -1, 2, 1, 0],
  [0, 2, -1, -2, 1, 0],
  [0, 4, 0, -5, 0, 1],
];
const weightTransform = [
  [1 / 4, 0, 0],
  [-1 / 6, -1 / 6, -1 / 6],
  [-1 / 6, 1 / 6, -1 / 6],
  [1 / 24, 1 / 12, 1 / 6],
  [1 / 24, -1 / 12, 1 / 6],
  [0, 0, 1],
];
const outputTransform = [
  [1, 1, 1, 1, 1, 0],
  [0, 1, -1, 2, -2, 0],
  [0, 1, 1, 4, 4, 0],
  [0, 1, -1, 8, -8, 1],
];

/** `matrix * x * matrix'`: names of the result's rows, of names of x's rows. */
function sandwich(
  lines: Lines,
  matrix: readonly (readonly number[])[],
  x: readonly (readonly string[])[],
): string[][] {
  const times = (line: readonly string[]): string[] =>
    matrix.map((row) => lines.let(row.flatMap((c, i) => term(c, line[i]!)).join(' + ')));
  const columns = x[0]!.map((_, j) => times(x.map((line) => line[j]!)));
  return matrix.map((_, i) => times(columns.map((column) => column[i]!)));
}

const term = (c: number, x: string): string[] =>
  c === 0 ? [] : c === 1 ? [x] : c === -1 ? [`(-${x})`] : [`${Math.fround(c)}f * ${x}`];

/** Whether a kernel is of this kind at all, whatever its sizes. */
export const isWinograd = ({
  dims,
  transposed,
  groups,
  stride,
  dilation,
  dtype,
  accumulate,
}: ConvKernel): boolean =>
  dims === 2 &&
  !transposed &&
  groups === 1 &&
  [...stride, ...dilation].every((n) => n === 1) &&
  dtype === 'float32' &&
  accumulate === 'float32';

const tilesOf = (out: View): [down: number, across: number] => [
  Math.ceil(out.shape[2]! / OUT),
  Math.ceil(out.shape[3]! / OUT),
];

/** Whether it pays for these sizes. */
export function pays(out: View, x: View, w: View): boolean {
  const [samples, filters, height, width] = out.shape as [number, number, number, number];
  const channels = x.shape[1]!;
  const [down, across] = tilesOf(out);
  if (w.shape[2] !== 3 || w.shape[3] !== 3) return false;
  if (forced.winograd !== undefined) return forced.winograd;
  return (
    samples * down * across >= LEAST_TILES &&
    Math.min(height, width) >= OUT &&
    Math.min(channels, filters) >= LEAST_CHANNELS &&
    samples * filters * channels * height * width * 9 >= LEAST_PRODUCTS &&
    POINTS * across * down * Math.max(channels, filters) <= 4 * MOST_ELEMENTS
  );
}

export class Winograd {
  private readonly products: Product;
  private readonly programs: { weights: Program; input: Program; output: Program };
  private readonly numbers = new Numbers();

  constructor(
    private readonly gpu: Gpu,
    private readonly kernel: ConvKernel,
    private readonly ending: Ending,
  ) {
    const finish = { op: 'input', index: 0, dtype: 'float32' } as const;
    this.products = new Product(gpu, 'float32', { ...ending, finish, inputs: [], dtypes: [], scalars: [] });
    this.programs = {
      weights: weightsProgram(gpu),
      input: inputProgram(gpu),
      output: outputProgram(gpu, ending),
    };
  }

  /** `targets`: the output, and what `finish` reads. */
  run(x: View, w: View, targets: readonly View[], scalars: readonly (number | bigint)[]): void {
    const { gpu, numbers, programs, ending } = this;
    const [samples, filters] = targets[0]!.shape as [number, number];
    const channels = x.shape[1]!;
    const [down, across] = tilesOf(targets[0]!);
    const each = down * across;
    const most = Math.max(1, Math.floor(MOST_ELEMENTS / (POINTS * Math.max(channels, filters) * each)));
    withScratch(gpu, 'float32', [POINTS, filters, channels], (u) => {
      numbers.clear().i32(filters).i32(channels).i32(w.offset);
      for (const s of w.strides) numbers.i32(s);
      programs.weights.run([u, w], numbers, linearGroups(filters * channels, GROUP));
      for (let n = 0; n < samples; n += most) {
        const tiles = Math.min(most, samples - n) * each;
        const part = (view: View): View => ({ ...bare(view), offset: view.offset + n * view.strides[0]! });
        withScratch(gpu, 'float32', [POINTS, channels, tiles], (v) => {
          const from = part(x);
          numbers.clear().i32(channels).i32(tiles).i32(down).i32(across).i32(from.offset);
          for (const s of from.strides) numbers.i32(s);
          numbers.i32(x.shape[2]!).i32(x.shape[3]!);
          for (const p of this.kernel.padding) numbers.i32(p);
          programs.input.run([v, from], numbers, linearGroups(channels * tiles, GROUP));
          withScratch(gpu, 'float32', [POINTS, filters, tiles], (m) => {
            this.multiply(u, v, m);
            const outs = targets.map(part);
            numbers.clear().i32(filters).i32(tiles).i32(down).i32(across);
            numbers.i32(outs[0]!.shape[2]!).i32(outs[0]!.shape[3]!);
            for (const t of outs) {
              const [sample, row, i0, i1] = t.strides as [number, number, number, number];
              numbers.i32(t.offset).i32(0).i32(row).i32(sample).i32(i0).i32(i1);
            }
            pushScalars(numbers, ending.scalars, scalars);
            const [out, ...rest] = outs as [View, ...View[]];
            programs.output.run([out, m, ...rest], numbers, linearGroups(filters * tiles, GROUP));
          });
        });
      }
    });
  }

  private multiply(u: View, v: View, m: View): void {
    const [groups, rows, inner] = u.shape as [number, number, number];
    const columns = v.shape[2]!;
    this.products.run(
      {
        groups,
        rows,
        columns,
        inner,
        a: { view: u, offset: 0, group: rows * inner, row: inner, channel: 1, taps: [] },
        b: { view: v, offset: 0, group: inner * columns, sample: 1, channel: columns, strides: [] },
        positions: [],
        step: [],
        before: [],
        limit: [],
        taps: [],
        spread: [],
        targets: [
          { view: m, group: rows * columns, row: columns, sample: 1, positions: [] } satisfies Target,
        ],
      },
      [],
    );
  }
}

const bare = ({ memory, dtype, shape, strides, offset }: View): View => ({
  memory,
  dtype,
  shape,
  strides,
  offset,
});

const float = (writes: boolean) => ({ dtype: 'float32', writes }) as const;

/** Takes `id` apart: `id = first * count + second`; returns past the end. */
const head = (count: string, of: string): string => `let id = i32(${linearIndex(GROUP)});
let first = id / ${count};
let second = id - first * ${count};
if (first >= ${of}) { return; }`;

/** Stores point (i, j) of a transformed tile at `[i * 6 + j, first, second]`. */
const storePoints = (shader: Shader, points: readonly (readonly string[])[], size: string): string =>
  points
    .flatMap((row, i) => row.map((p, j) => shader.store(0, `id + ${i * IN + j} * ${size}`, p)))
    .join('\n');

/** Operands: the transformed weights [point, filter, channel], the weights. */
function weightsProgram(gpu: Gpu): Program {
  return new Program(gpu, {
    label: 'winograd weights',
    operands: [float(true), float(false)],
    workgroupSize: [GROUP, 1, 1],
    write: (shader) => {
      const [filters, channels, offset, s0, s1, s2, s3] = Array.from({ length: 7 }, () => shader.i32());
      const lines = new Lines(shader);
      const at = lines.let(`${offset} + first * ${s0} + second * ${s1}`);
      const w = [0, 1, 2].map((i) =>
        [0, 1, 2].map((j) => lines.let(shader.load(1, `${at} + ${i} * ${s2} + ${j} * ${s3}`))),
      );
      const points = sandwich(lines, weightTransform, w);
      return `${head(channels!, filters!)}
${lines.text}
${storePoints(shader, points, `(${filters} * ${channels})`)}`;
    },
  });
}

/** Operands: the transformed tiles [point, channel, tile], the input. */
function inputProgram(gpu: Gpu): Program {
  return new Program(gpu, {
    label: 'winograd input',
    operands: [float(true), float(false)],
    workgroupSize: [GROUP, 1, 1],
    write: (shader) => {
      const [channels, tiles, down, across, offset, s0, s1, s2, s3, height, width, above, left] = Array.from(
        { length: 13 },
        () => shader.i32(),
      );
      const lines = new Lines(shader);
      const line = lines.let(`second / ${across}`);
      const sample = lines.let(`${line} / ${down}`);
      const y = lines.let(`(${line} - ${sample} * ${down}) * ${OUT} - ${above}`);
      const x = lines.let(`(second - ${line} * ${across}) * ${OUT} - ${left}`);
      const at = lines.let(`${offset} + ${sample} * ${s0} + first * ${s1} + ${y} * ${s2} + ${x} * ${s3}`);
      const side = [...Array(IN).keys()];
      const isIn = (start: string, size: string): string[] =>
        side.map((i) => lines.let(`u32(${start} + ${i}) < u32(${size})`));
      const [inY, inX] = [isIn(y, height!), isIn(x, width!)];
      const steps = side.map((j) => lines.let(`${j} * ${s3}`));
      const tile = side.map((i) => {
        const row = lines.let(`${at} + ${i} * ${s2}`);
        return side.map((j) =>
          lines.let(`select(0f, ${shader.load(1, `${row} + ${steps[j]}`)}, ${inY[i]} && ${inX[j]})`),
        );
      });
      const points = sandwich(lines, inputTransform, tile);
      return `${head(tiles!, channels!)}
${lines.text}
${storePoints(shader, points, `(${channels} * ${tiles})`)}`;
    },
  });
}

/** Operands: the output, the transformed outputs [point, filter, tile], and what `finish` reads. */
function outputProgram(gpu: Gpu, ending: Ending): Program {
  const [output, ...rest] = endingOperands(ending);
  return new Program(gpu, {
    label: 'winograd output',
    operands: [output, float(false), ...rest],
    workgroupSize: [GROUP, 1, 1],
    write: (shader) => {
      const [filters, tiles, down, across, height, width] = Array.from({ length: 6 }, () => shader.i32());
      const targets = [0, ...ending.inputs].map(() => Array.from({ length: 6 }, () => shader.i32()));
      declarePut(shader, ending, targets, 2);
      const lines = new Lines(shader);
      const line = lines.let(`second / ${across}`);
      const sample = lines.let(`${line} / ${down}`);
      const y = lines.let(`(${line} - ${sample} * ${down}) * ${OUT}`);
      const x = lines.let(`(second - ${line} * ${across}) * ${OUT}`);
      const side = [...Array(IN).keys()];
      const points = side.map((i) =>
        side.map((j) => lines.let(shader.load(1, `id + ${i * IN + j} * (${filters} * ${tiles})`))),
      );
      const puts = sandwich(lines, outputTransform, points).flatMap((row, i) =>
        row.map(
          (value, j) =>
            `if (${y} + ${i} < ${height} && ${x} + ${j} < ${width}) { put(${value}, 0, first, ${sample}, ${y} + ${i}, ${x} + ${j}); }`,
        ),
      );
      return `${head(tiles!, filters!)}
${lines.text}
${puts.join('\n')}`;
    },
  });
}
