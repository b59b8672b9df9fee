/**
 * Convolution kernels: a product of the weights, read as rows, with the columns that windows of the input make. The
 * columns are gathered straight into the panels of the product, a block at a time, through two tables of offsets: of
 * the taps and of the output positions. Padding and other dtypes are resolved first, by a copy of the input into zeros. Windows of 3 x 3
 * go by Winograd's algorithm where it pays (winograd.ts), depthwise ones have a loop of their own (depthwise.ts).
 */
import { type ConvKernel, dtypes, type Executable, type View } from '@sconce/core/backend';
import { Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { contiguousStrides, isContiguous, numel, pointerOf } from '../memory/layout.ts';
import { compilePhases, hasPhases } from './conv_phases.ts';
import { Depthwise, type Planes, slides, type Window } from './depthwise.ts';
import { canEnd, endingOf } from './ending.ts';
import { type Exports, instantiate, zero } from './engine.ts';
import {
  type Accumulate,
  finishing,
  type Gemm,
  isAccumulate,
  type Left,
  type Matrix,
  NC,
  type PackRight,
} from './gemm.ts';
import { castTo, copier, type Products, scratchView } from './matmul.ts';
import { pointwise } from './pointwise.ts';
import { type Layer, tileSizeFor } from './winograd.ts';
import type { TileSize } from './winograd_transform.ts';

/** Below so many positions of all images, packed weights are kept. */
const KEPT_BELOW = 512;

/** Bytes of padded input, and columns of many small images, taken at a time. */
const INPUT_BYTES = 1 << 23;
const FEW_POSITIONS = 256;
/** Nanoseconds per byte that is gathered, about. */
const GATHERING = 0.08;

type Three = readonly [number, number, number];

/** Everything as three window dims; the first ones may have size 1. */
interface Geometry {
  readonly batch: number;
  readonly groups: number;
  /** Channels of the input and of the output in a group. */
  readonly channels: number;
  readonly filters: number;
  readonly input: Three;
  readonly output: Three;
  readonly window: Three;
  readonly stride: Three;
  readonly dilation: Three;
  /** The padded input: input element i stands at i * holes + before, the whole has `padded` elements. */
  readonly before: Three;
  readonly holes: Three;
  readonly padded: Three;
}

const toThree = (list: readonly number[], filling: number): Three =>
  [...new Array<number>(3 - list.length).fill(filling), ...list] as unknown as Three;
const map3 = (f: (d: 0 | 1 | 2) => number): Three => [f(0), f(1), f(2)];

function geometryOf(kernel: ConvKernel, x: View, w: View, out: View): Geometry {
  const { transposed, groups } = kernel;
  const window = toThree(w.shape.slice(2), 1);
  const dilation = toThree(kernel.dilation, 1);
  const padding = toThree(kernel.padding, 0);
  const step = toThree(kernel.stride, 1);
  const output = toThree(out.shape.slice(2), 1);
  const stride = transposed ? map3(() => 1) : step;
  return {
    batch: out.shape[0]!,
    groups,
    channels: x.shape[1]! / groups,
    filters: out.shape[1]! / groups,
    input: toThree(x.shape.slice(2), 1),
    output,
    window,
    stride,
    dilation,
    // The adjoint is the convolution of the spread input with the turned window.
    before: transposed ? map3((d) => dilation[d] * (window[d] - 1) - padding[d]) : padding,
    holes: transposed ? step : map3(() => 1),
    padded: map3((d) => (output[d] - 1) * stride[d] + dilation[d] * (window[d] - 1) + 1),
  };
}

/** Strides in elements: batch, channel, three dims. */
const stridesOf = (v: View): readonly number[] => [
  v.strides[0]!,
  v.strides[1]!,
  ...toThree(v.strides.slice(2), 0),
];

/** (bases, taps, k, target, panels, x): gathers x[base + tap] for a panel's columns and k taps, half a panel at a time. */
function buildGather(products: Products, columns: number, bytes: number): Exports[string] {
  const m = new Module();
  const half = columns / 2;
  m.fn('gather', Array(6).fill('i32'), [], (fn) => {
    const [bases, taps, k, target, panels, x] = Array.from({ length: 6 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: six parameters
    const at = Array.from({ length: half }, () => fn.local('i32'));
    const [tap, left, offset, to, side] = Array.from({ length: 5 }, () => fn.local('i32')) as [
      Val, Val, Val, Val, Val,
    ]; // biome-ignore format: five locals
    const [lane, loadOp, storeOp] =
      bytes === 4 ? (['f32', 0x2a, 0x38] as const) : (['f64', 0x2b, 0x39] as const);
    const run = (body: () => void): void => {
      tap.set(taps);
      left.set(k);
      fn.doWhile(
        () => {
          offset.set(fn.loadI32(tap));
          body();
          tap.inc(4);
          to.inc(columns * bytes);
          left.inc(-1);
        },
        () => left.ne(0),
      );
    };
    const byOne = (): void =>
      run(() =>
        at.forEach((p, j) => {
          fn.store(storeOp, to, fn.load(lane, loadOp, p.add(offset)), j * bytes);
        }),
      );
    const vector = (more = 0): Val => fn.load('f32x4', 0x100, at[0]!.add(offset), more);
    // Positions in one row of a dense input are neighbours, or every second with steps of 2.
    const apart = (distance: number): Val => {
      let all = at[1]!.sub(at[0]!).eq(distance);
      for (let j = 2; j < half; j++) all = all.and(at[j]!.sub(at[j - 1]!).eq(distance));
      return all;
    };
    fn.doWhile(
      () => {
        side.set(0);
        fn.doWhile(
          () => {
            at.forEach((p, j) => {
              p.set(fn.loadI32(bases.add(side.mul(4 * half)), 4 * j).add(x));
            });
            to.set(target.add(side.mul(half * bytes)));
            if (bytes !== 4) byOne();
            else
              fn.if(
                apart(4),
                () => run(() => fn.store(0x10b, to, vector())),
                () =>
                  fn.if(
                    apart(8),
                    () => run(() => fn.store(0x10b, to, vector().shuffle32(vector(12), [0, 2, 5, 7]))),
                    byOne,
                  ),
              );
            side.inc(1);
          },
          () => side.ltU(2),
        );
        target.inc(k.mul(columns * bytes));
        bases.inc(4 * columns);
        panels.inc(-1);
      },
      () => panels.ne(0),
    );
  });
  return instantiate(products.heap, m).gather!;
}

/** Offsets of all taps and of all positions of one image, in bytes. */
interface Tables {
  readonly key: string;
  readonly taps: Int32Array;
  readonly bases: Int32Array;
}

function buildTables(g: Geometry, strides: readonly number[], bytes: number, images: number): Tables {
  const { window, dilation, stride, output, channels } = g;
  const taps = new Int32Array(channels * numel(window));
  let t = 0;
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < window[0]; i++)
      for (let j = 0; j < window[1]; j++)
        for (let l = 0; l < window[2]; l++)
          taps[t++] =
            bytes *
            (c * strides[1]! +
              i * dilation[0] * strides[2]! +
              j * dilation[1] * strides[3]! +
              l * dilation[2] * strides[4]!);
  // Whole panels: what is behind the last position repeats it.
  const count = images * numel(output);
  const bases = new Int32Array(Math.ceil(count / 8) * 8);
  let b = 0;
  for (let n = 0; n < images; n++)
    for (let i = 0; i < output[0]; i++)
      for (let j = 0; j < output[1]; j++)
        for (let l = 0; l < output[2]; l++)
          bases[b++] =
            bytes *
            (n * strides[0]! +
              i * stride[0] * strides[2]! +
              j * stride[1] * strides[3]! +
              l * stride[2] * strides[4]!);
  bases.fill(bases[count - 1]!, count);
  return { key: '', taps, bases };
}

export function compileConv(products: Products, kernel: ConvKernel): Executable {
  const phases = hasPhases(kernel)
    ? compilePhases(kernel, (phase) => compileConv(products, phase))
    : undefined;
  const { heap, scratch } = products;
  const { dtype, transposed, dims, finish } = kernel;
  const accumulate = kernel.accumulate;
  if (!isAccumulate(accumulate)) throw new Error(`wasm: conv does not accumulate in ${accumulate}`);
  const { bytes } = dtypes[accumulate];
  const outDtype = finish ? finish.dtype : dtype;
  const last = finish ?? (outDtype === accumulate ? undefined : castTo(accumulate, outDtype));
  const epilogue = last ? pointwise(heap, [last], dims + 2) : undefined;
  const plain = copier(heap, accumulate, accumulate, dims + 2);
  const spread = copier(heap, dtype, accumulate, 5);
  const turn = copier(heap, dtype, accumulate, 6);
  const depthwise = accumulate === 'float32' && dims < 3 ? new Depthwise(heap, scratch) : undefined;
  const endsInTiles = finish !== undefined && canEnd(finish);
  const tileSizes = accumulate === 'float32' && dtype === 'float32' ? sizesAllowed(kernel) : [];
  let gather: Exports[string] | undefined;
  let tables: Tables | undefined;

  /** Weights as dense rows [group, filter, channel and tap]. */
  const weights = (w: View, g: Geometry): number => {
    if (!transposed && dtype === accumulate && isContiguous(w)) return pointerOf(w);
    const s = stridesOf(w);
    const shape = [g.groups, g.filters, g.channels, ...g.window];
    const target = scratch.get('weights', numel(shape) * bytes);
    const to = scratchView(target, accumulate, shape, contiguousStrides(shape));
    const strides = transposed
      ? [g.channels * s[0]!, s[1]!, s[0]!, -s[2]!, -s[3]!, -s[4]!]
      : [g.filters * s[0]!, s[0]!, s[1]!, s[2]!, s[3]!, s[4]!];
    const end = transposed
      ? (g.window[0] - 1) * s[2]! + (g.window[1] - 1) * s[3]! + (g.window[2] - 1) * s[4]!
      : 0;
    turn([to], [{ memory: w.memory, dtype: w.dtype, shape, strides, offset: w.offset + end }]);
    return target;
  };

  /** Channels `from` on of some images in a padded copy: [image, channel, …]. */
  const pad = (x: View, g: Geometry, image: number, images: number, from: number, count: number): number => {
    const { padded, before, holes, input } = g;
    const shape = [images, count, ...padded];
    const strides = contiguousStrides(shape);
    const target = scratch.get('input', numel(shape) * bytes);
    zero(heap, target, numel(shape) * bytes);
    const first = map3((d) => (before[d] < 0 ? Math.ceil(-before[d] / holes[d]) : 0));
    const size = map3(
      (d) => Math.min(input[d] - 1, Math.floor((padded[d] - 1 - before[d]) / holes[d])) - first[d] + 1,
    );
    if (size.some((n) => n <= 0)) return target;
    const s = stridesOf(x);
    let start = 0;
    let offset = x.offset + image * s[0]! + from * s[1]!;
    for (let d = 0; d < 3; d++) {
      start += (first[d]! * holes[d]! + before[d]!) * strides[2 + d]!;
      offset += first[d]! * s[2 + d]!;
    }
    const block = [images, count, ...size];
    const spaced = strides.map((v, i) => (i < 2 ? v : v * holes[i - 2]!));
    spread(
      [scratchView(target + start * bytes, accumulate, block, spaced)],
      [{ memory: x.memory, dtype: x.dtype, shape: block, strides: s, offset }],
    );
    return target;
  };

  /** A view's images `image` on and channels `channel` on. */
  const part = (v: View, image: number, images: number, channel: number, channels: number): View => ({
    memory: v.memory,
    dtype: v.dtype,
    shape: [images, channels, ...v.shape.slice(2)],
    strides: v.strides,
    offset: v.offset + image * v.strides[0]! + channel * v.strides[1]!,
  });

  return (outputs, inputs, scalars) => {
    const out = outputs[0]!;
    const [x, w] = inputs as [View, View];
    if (numel(out.shape) === 0) return;
    if (phases && kernel.groups !== x.shape[1]) {
      phases(outputs, inputs, scalars);
      return;
    }
    const g = geometryOf(kernel, x, w, out);
    const { groups, channels, filters, batch } = g;
    const positions = numel(g.output);
    const taps = channels * numel(g.window);
    const isDense = out.strides.slice(2).every((s, d) => {
      const n = out.shape[2 + d]!;
      return n === 1 || s === numel(out.shape.slice(3 + d));
    });
    const direct = outDtype === accumulate && isDense && !inputs.some((v) => v.memory === out.memory);
    const needsCopy =
      dtype !== accumulate ||
      g.before.some((n) => n !== 0) ||
      g.holes.some((n) => n !== 1) ||
      g.padded.some((n, d) => n > g.input[d]!);
    if (direct && depthwise && perPlane(g, x, w, out, inputs.slice(2), scalars)) return;
    if (direct && tileSizes.length > 0 && winograd(g, x, w, out, inputs.slice(2), scalars)) return;

    const gemm: Gemm = products.gemm(accumulate as Accumulate);
    const others = inputs.slice(2);
    const imageBytes = groups * channels * numel(g.padded) * bytes;
    let images = needsCopy ? Math.max(1, Math.min(batch, Math.floor(INPUT_BYTES / imageBytes))) : batch;
    // Images of few positions share their panels; else one after the other, written where they belong.
    if (positions >= FEW_POSITIONS && direct) images = 1;
    else images = Math.max(1, Math.min(images, Math.ceil((8 * NC) / positions)));
    const merges = images > 1 || !direct;
    const ending = endsInTiles && !merges ? endingOf(finish!, out, others, 1) : undefined;
    const tableAt = scratch.get('tables', 4 * (taps + images * positions + 16));
    const groupBytes = filters * taps * bytes;
    const lefts = taps > 0 ? leftOperand(w, g, gemm) : undefined;
    for (let n = 0; n < batch; n += images) {
      const some = Math.min(images, batch - n);
      const total = some * positions;
      const strides = needsCopy ? contiguousStrides([some, groups * channels, ...g.padded]) : stridesOf(x);
      const from = needsCopy
        ? pad(x, g, n, some, 0, groups * channels)
        : pointerOf(x) + n * strides[0]! * bytes;
      const rowsOfInput =
        numel(g.window) === 1 && g.stride.every((s) => s === 1) && some === 1 && isFlat(g, strides);
      if (!rowsOfInput && taps > 0) {
        const key = `${strides}|${g.output}|${g.window}|${g.stride}|${g.dilation}|${channels}|${some}`;
        if (tables?.key !== key) tables = { ...buildTables(g, strides, bytes, some), key };
        heap.i32.set(tables.taps, tableAt >> 2);
        heap.i32.set(tables.bases, (tableAt >> 2) + taps);
        gather ??= buildGather(products, gemm.columns, bytes);
      }
      for (let group = 0; group < groups; group++) {
        const source = from + group * channels * strides[1]! * bytes;
        const to = part(out, n, some, group * filters, filters);
        const those = others.map((v) => part(v, n, some, group * filters, filters));
        const c = merges
          ? { pointer: scratch.get('c', filters * total * bytes), row: total * bytes, column: bytes }
          : { pointer: pointerOf(to), row: out.strides[1]! * bytes, column: bytes };
        const pack: PackRight = rowsOfInput
          ? (row, depth, column, width, target) => {
              const pointer = source + (row * strides[1]! + column) * bytes;
              gemm.packRight({ pointer, row: strides[1]! * bytes, column: bytes }, depth, width, target);
            }
          : (row, depth, column, width, target) =>
              gatherPanels(tableAt + 4 * (taps + column), tableAt + 4 * row, depth, width, target, source);
        if (lefts)
          gemm.multiply(
            filters,
            total,
            taps,
            lefts.packed === undefined
              ? { matrix: { ...lefts.matrix!, pointer: lefts.matrix!.pointer + group * groupBytes } }
              : { packed: lefts.packed + group * groupBytes },
            pack,
            c,
            finishing(ending, to, those),
          );
        else for (let i = 0; i < filters; i++) zero(heap, c.pointer + i * c.row, total * bytes);
        if (!merges) continue;
        const sums = scratchView(c.pointer, accumulate, to.shape, [
          positions,
          total,
          ...contiguousStrides(out.shape.slice(2)),
        ]);
        if (epilogue) epilogue([to], [sums, ...those], scalars);
        else plain([to], [sums]);
      }
    }
    if (!merges && (!ending || !lefts)) epilogue?.([out], [out, ...others], scalars);
    for (const role of ['input', 'c', 'weights']) scratch.trim(role);
  };

  /** By Winograd's algorithm; false where it does not apply or does not pay. */
  function winograd(
    g: Geometry,
    x: View,
    w: View,
    out: View,
    others: readonly View[],
    scalars: readonly (number | bigint)[] | undefined,
  ): boolean {
    const { groups, channels, filters, before, input, output } = g;
    if (dims !== 2 || g.window[1] !== 3 || g.window[2] !== 3 || before[1] < 0 || before[2] < 0) return false;
    if ([...g.stride, ...g.dilation, ...g.holes].some((n) => n !== 1)) return false;
    const layer: Layer = {
      batch: g.batch,
      channels,
      filters,
      input: [input[1], input[2]],
      output: [output[1], output[2]],
      before: [before[1], before[2]],
    };
    const size = channels > 0 ? tileSizeFor(layer, tileSizes) : undefined;
    if (size === undefined) return false;
    const source = x.strides[3] === 1 || input[2] === 1 ? x : dense(x);
    const ending = endsInTiles ? endingOf(finish!, out, others, 1) : undefined;
    const s = w.strides as readonly [number, number, number, number];
    for (let group = 0; group < groups; group++) {
      const first = group * (transposed ? channels * s[0] : filters * s[0]);
      const turned = transposed ? 2 * s[2] + 2 * s[3] : 0;
      products.winograd.run(
        size,
        layer,
        part(source, 0, g.batch, group * channels, channels),
        {
          view: w,
          pointer: pointerOf(w) + (first + turned) * bytes,
          strides: transposed ? [s[1], s[0], -s[2], -s[3]] : s,
          reading: `${transposed} ${group}`,
        },
        part(out, 0, g.batch, group * filters, filters),
        others.map((v) => part(v, 0, g.batch, group * filters, filters)),
        ending,
      );
    }
    if (!ending) epilogue?.([out], [out, ...others], scalars);
    return true;
  }

  /** Depthwise, a plane at a time; false where it does not apply. */
  function perPlane(
    g: Geometry,
    x: View,
    w: View,
    out: View,
    others: readonly View[],
    scalars: readonly (number | bigint)[] | undefined,
  ): boolean {
    const { groups, batch, window, stride, dilation, output, padded } = g;
    const shape: Window = {
      size: [window[1], window[2]],
      stride: [stride[1], stride[2]],
      dilation: [dilation[1], dilation[2]],
    };
    if (g.channels !== 1 || g.filters !== 1 || !slides(shape, output[2]) || numel(window) === 0) return false;
    const rows = weights(w, g);
    const inPlace =
      dtype === accumulate &&
      g.holes[1] === 1 &&
      g.holes[2] === 1 &&
      g.before[1] >= 0 &&
      g.before[2] >= 0 &&
      x.strides[x.strides.length - 1] === 1;
    const ending = endsInTiles ? endingOf(finish!, out, others, 1) : undefined;
    const [input, before] = inPlace ? [g.input, g.before] : [padded, [0, 0, 0]];
    const planes: Planes = {
      channels: groups,
      input: [input[1], input[2]],
      output: [output[1], output[2]],
      before: [before[1]!, before[2]!],
    };
    for (let n = 0; n < batch; n++) {
      const image = (v: View): View => asPlanes(part(v, n, 1, 0, groups));
      const source = inPlace
        ? image(x)
        : scratchView(
            pad(x, g, n, 1, 0, groups),
            'float32',
            [1, groups, padded[1], padded[2]],
            [0, padded[1] * padded[2], padded[2], 1],
          );
      depthwise!.run(shape, planes, source, rows, image(out), others.map(image), ending);
    }
    if (!ending) epilogue?.([out], [out, ...others], scalars);
    return true;
  }

  /** The input with dense rows. */
  function dense(x: View): View {
    const strides = contiguousStrides(x.shape);
    const copy = scratchView(scratch.get('input', numel(x.shape) * bytes), 'float32', x.shape, strides);
    plain([copy], [x]);
    return copy;
  }

  /** The weights of all groups: rows, or packed, which is kept where products are too short to pay for packing. */
  function leftOperand(w: View, g: Geometry, gemm: Gemm): Left {
    const taps = g.channels * numel(g.window);
    const matrix = (): Matrix => ({ pointer: weights(w, g), row: taps * bytes, column: bytes });
    if (g.batch * numel(g.output) >= KEPT_BELOW) return { matrix: matrix() };
    const size = g.filters * taps * bytes;
    return {
      packed: products.forms.of(
        w,
        `rows ${transposed} ${g.groups}`,
        g.groups * size,
        () => scratch.get('rows', g.groups * size),
        (pointer) => {
          const rows = matrix();
          for (let group = 0; group < g.groups; group++)
            gemm.packLeft(
              { ...rows, pointer: rows.pointer + group * size },
              g.filters,
              taps,
              pointer + group * size,
            );
        },
      ),
    };
  }

  function gatherPanels(
    bases: number,
    taps: number,
    depth: number,
    width: number,
    target: number,
    source: number,
  ): void {
    const panels = Math.ceil(width / products.gemm(accumulate as Accumulate).columns);
    const line = products.gemm(accumulate as Accumulate).columns * bytes;
    const args = (first: number, some: number): number[] => [
      bases + (first * line * 4) / bytes, taps, depth, target + first * depth * line, some, source,
    ]; // biome-ignore format: the parameters of `gather`
    heap.team.deal(gather!, panels * depth * line * GATHERING, panels, args);
  }
}

/** One dim as a row of two. */
const asPlanes = (v: View): View =>
  v.shape.length === 4
    ? v
    : {
        memory: v.memory,
        dtype: v.dtype,
        shape: [v.shape[0]!, v.shape[1]!, 1, v.shape[2]!],
        strides: [v.strides[0]!, v.strides[1]!, 0, v.strides[2]!],
        offset: v.offset,
      };

/** Winograd's tiles that are as accurate as the kernel asks for. */
const sizesAllowed = ({ precision }: ConvKernel): readonly TileSize[] =>
  precision === 'exact' ? [] : precision === 'fast' ? [2, 4] : [2];

/** Whether a channel's positions are one dense run. */
const isFlat = (g: Geometry, strides: readonly number[]): boolean =>
  strides[4] === 1 &&
  (g.output[1] === 1 || strides[3] === g.output[2]) &&
  (g.output[0] === 1 || strides[2] === g.output[1] * g.output[2]);
