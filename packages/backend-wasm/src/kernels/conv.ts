/**
 * Convolution kernels: a product of the weights, read as rows, with the columns that windows of the input make. The
 * columns are gathered straight into the panels of the product, a block at a time, through two tables of offsets: of
 * the taps and of the output positions. Padding and other dtypes are resolved first, by a copy of the input into zeros. Windows of 3 x 3
 * go by Winograd's algorithm where it pays (winograd.ts), those of one element over planes as they are (conv_planes.ts),
 * depthwise ones have a loop of their own (depthwise.ts).
 */
import { type ConvKernel, dtypes, type Executable, type View } from '@sconce/core/backend';
import { contiguousStrides, isContiguous, numel, pointerOf } from '../memory/layout.ts';
import { buildGather, multiplyGathered } from './conv_gather.ts';
import { asPlanes, type Geometry, isFlat, map3, part, stridesOf } from './conv_geometry.ts';
import { compilePhases, hasPhases } from './conv_phases.ts';
import { type Plan, Plans } from './conv_plan.ts';
import { convolvePlanes } from './conv_planes.ts';
import { Depthwise } from './depthwise.ts';
import { type Exports, zero } from './engine.ts';
import { buildTables } from './gather_tables.ts';
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
import { tiledLayer } from './winograd.ts';
import type { TileSize } from './winograd_transform.ts';

/** Below so many positions of all images, packed weights are kept. */
const KEPT_BELOW = 512;

/** Bytes of padded input, and columns of many small images, taken at a time. */
const INPUT_BYTES = 1 << 23;
const FEW_POSITIONS = 256;
/** Nanoseconds per byte that is gathered, about. */
const GATHERING = 0.08;

/** One call: `others` are what finishes the sums. */
export interface Call {
  readonly plan: Plan;
  readonly x: View;
  readonly w: View;
  readonly out: View;
  readonly others: readonly View[];
  readonly scalars: readonly (number | bigint)[] | undefined;
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
  const tileSizes = accumulate === 'float32' && dtype === 'float32' ? sizesAllowed(kernel) : [];
  const plans = new Plans(kernel);
  let gather: Exports[string] | undefined;

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

  return (outputs, inputs, scalars) => {
    const out = outputs[0]!;
    const [x, w] = inputs as [View, View];
    if (numel(out.shape) === 0) return;
    if (phases && kernel.groups !== x.shape[1]) {
      phases(outputs, inputs, scalars);
      return;
    }
    const plan = plans.of(out, inputs);
    const others = inputs.slice(2);
    const direct = outDtype === accumulate && plan.isDense && !inputs.some((v) => v.memory === out.memory);
    const call: Call = { plan, x, w, out, others, scalars };
    if (direct && depthwise && plan.isDepthwise) {
      perPlane(depthwise, call);
      return;
    }
    if (direct && tileSizes.length > 0 && winograd(call)) return;
    if (direct && plan.tiling) {
      convolvePlanes(products, call, `${transposed}`, () => weights(w, plan.g));
      if (!plan.inTiles) epilogue?.([out], [out, ...others], scalars);
      return;
    }

    const { g, positions, taps, needsCopy } = plan;
    const { groups, channels, filters, batch } = g;
    const gemm: Gemm = products.gemm(accumulate as Accumulate);
    const imageBytes = groups * channels * numel(g.padded) * bytes;
    let images = needsCopy ? Math.max(1, Math.min(batch, Math.floor(INPUT_BYTES / imageBytes))) : batch;
    // Images of few positions share their panels; else each has its own, written where they belong.
    const merges = !direct || (positions < FEW_POSITIONS && images > 1);
    if (merges) images = Math.max(1, Math.min(images, Math.ceil((8 * NC) / positions)));
    const stridesFor = (n: number): readonly number[] =>
      needsCopy ? contiguousStrides([n, groups * channels, ...g.padded]) : stridesOf(x);
    const rowsOfInput =
      numel(g.window) === 1 && g.stride.every((s) => s === 1) && !merges && isFlat(g, stridesFor(1));
    const gathers =
      taps > 0 && !rowsOfInput && gemm.isWide(filters, merges ? images * positions : positions, taps);
    if (!merges && !gathers) images = 1;
    const ending = merges ? undefined : plan.inTiles;
    let tableAt = 0;
    const groupBytes = filters * taps * bytes;
    const lefts = taps > 0 ? leftOperand(w, g, gemm, gathers) : undefined;
    for (let n = 0; n < batch; n += images) {
      const some = Math.min(images, batch - n);
      const total = some * positions;
      const strides = stridesFor(some);
      const from = needsCopy
        ? pad(x, g, n, some, 0, groups * channels)
        : pointerOf(x) + n * strides[0]! * bytes;
      if (!rowsOfInput && taps > 0) {
        const together = merges ? some : 1;
        if (plan.tables?.images !== together) plan.tables = buildTables(g, strides, bytes, together);
        tableAt = products.tables.addressOf(plan.tables);
        gather ??= buildGather(heap, gemm.columns, bytes);
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
        if (lefts && gathers)
          multiplyGathered(gemm, {
            rows: filters,
            taps,
            columns: merges ? total : positions,
            count: merges ? 1 : some,
            left: lefts.packed! + group * groupBytes,
            tapsAt: tableAt,
            basesAt: tableAt + 4 * taps,
            at: (i) => {
              const image = (v: View): View => part(v, i, 1, 0, filters);
              return {
                x: source + i * strides[0]! * bytes,
                c: merges ? c.pointer : pointerOf(image(to)),
                ldc: c.row,
                finish: ending && finishing(ending, image(to), those.map(image)),
              };
            },
          });
        else if (lefts)
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
  function winograd({ plan, x, w, out, others, scalars }: Call): boolean {
    const { g, inLoops: ending } = plan;
    const { groups, channels, filters, batch, input } = g;
    const tiled = (plan.tiled ??= dims === 2 ? tiledLayer(g, tileSizes) : null);
    if (!tiled) return false;
    const source = x.strides[3] === 1 || input[2] === 1 ? x : dense(x);
    const s = w.strides as readonly [number, number, number, number];
    const turned = transposed ? 2 * s[2] + 2 * s[3] : 0;
    const step = (transposed ? channels : filters) * s[0];
    for (let group = 0; group < groups; group++) {
      const filter = (v: View): View => (groups === 1 ? v : part(v, 0, batch, group * filters, filters));
      products.winograd.run(
        tiled,
        groups === 1 ? source : part(source, 0, batch, group * channels, channels),
        {
          view: w,
          pointer: pointerOf(w) + (group * step + turned) * bytes,
          strides: transposed ? [s[1], s[0], -s[2], -s[3]] : s,
          kind: `winograd ${tiled.size} ${transposed} ${group}`,
        },
        filter(out),
        others.map(filter),
        ending,
      );
    }
    if (!ending) epilogue?.([out], [out, ...others], scalars);
    return true;
  }

  /** Depthwise, a plane at a time. */
  function perPlane(depthwise: Depthwise, { plan, x, w, out, others, scalars }: Call): void {
    const { g, window, planes, inPlace, inLoops: ending } = plan;
    const { groups, batch, padded } = g;
    const rows = weights(w, g);
    const code = (plan.slide ??= depthwise.code(window, planes, ending));
    for (let n = 0; n < batch; n++) {
      const image = (v: View): View => asPlanes(batch === 1 ? v : part(v, n, 1, 0, groups));
      const source = inPlace
        ? image(x)
        : scratchView(
            pad(x, g, n, 1, 0, groups),
            'float32',
            [1, groups, padded[1], padded[2]],
            [0, padded[1] * padded[2], padded[2], 1],
          );
      depthwise.run(code, window, planes, source, rows, image(out), others.map(image), ending);
    }
    if (!ending) epilogue?.([out], [out, ...others], scalars);
  }

  /** The input with dense rows. */
  function dense(x: View): View {
    const strides = contiguousStrides(x.shape);
    const copy = scratchView(scratch.get('input', numel(x.shape) * bytes), 'float32', x.shape, strides);
    plain([copy], [x]);
    return copy;
  }

  /** The weights of all groups: rows, or packed: which is kept where products are too short to pay for packing. */
  function leftOperand(w: View, g: Geometry, gemm: Gemm, packs: boolean): Left {
    const taps = g.channels * numel(g.window);
    const matrix = (): Matrix => ({ pointer: weights(w, g), row: taps * bytes, column: bytes });
    const isLong = g.batch * numel(g.output) >= KEPT_BELOW;
    if (isLong && !packs) return { matrix: matrix() };
    const size = g.filters * taps * bytes;
    const temporary = (): number => scratch.get('rows', g.groups * size);
    const pack = (pointer: number): void => {
      const rows = matrix();
      for (let group = 0; group < g.groups; group++)
        gemm.packLeft(
          { ...rows, pointer: rows.pointer + group * size },
          g.filters,
          taps,
          pointer + group * size,
        );
    };
    if (!isLong)
      return {
        packed: products.forms.of(w, `rows ${transposed} ${g.groups}`, g.groups * size, temporary, pack),
      };
    const packed = temporary();
    pack(packed);
    return { packed };
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

/** Winograd's tiles that are as accurate as the kernel asks for. */
const sizesAllowed = ({ precision }: ConvKernel): readonly TileSize[] =>
  precision === 'exact' ? [] : precision === 'fast' ? [2, 4] : [2];
