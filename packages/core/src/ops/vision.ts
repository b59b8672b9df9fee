/** torchvision's operators: suppression of overlapping boxes, and pooling over boxes. */
import { op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { fromTypedArray, toTypedArray, toUserArray } from '../tensor/create.ts';
import type { TypedArray } from '../tensor/dtype.ts';
import { canReadNow, readRaw, readRawNow } from '../tensor/host.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { catOf } from './join.ts';

export type Numbers = ArrayLike<number>;

/** Values of tensors on the host: at once where it can read their memory, else a promise. */
export function withValues<T>(tensors: readonly Tensor[], then: (...values: Numbers[]) => T): T | Promise<T> {
  const plain = (data: TypedArray, t: Tensor): Numbers =>
    Array.from(toUserArray(data, t.dtype) as ArrayLike<number | bigint>, Number);
  if (tensors.every(canReadNow)) return then(...tensors.map((t) => plain(readRawNow(t), t)));
  return Promise.all(tensors.map(readRaw)).then((all) =>
    then(...all.map((data, i) => plain(data, tensors[i]))),
  );
}

export const indexOf = (list: readonly number[], like: Tensor): Tensor =>
  fromTypedArray(BigInt64Array.from(list, BigInt), [list.length], 'int64', like.backend);

function checkBoxes(dets: Tensor, scores: Tensor): void {
  if (dets.shape.length !== 2) throw new TorchError(`boxes should be a 2d tensor, got ${dets.shape.length}D`);
  if (dets.shape[1] !== 4)
    throw new TorchError(`boxes should have 4 elements in dimension 1, got ${dets.shape[1]}`);
  if (scores.shape.length !== 1)
    throw new TorchError(`scores should be a 1d tensor, got ${scores.shape.length}D`);
  if (dets.shape[0] !== scores.shape[0])
    throw new TorchError(
      `boxes and scores should have same number of elements in dimension 0, got ${dets.shape[0]} and ${scores.shape[0]}`,
    );
  if (dets.dtype !== scores.dtype) throw new TorchError('dets should have the same type as scores');
}

/** The boxes to keep, best first: one that covers too much of a better one goes. */
function suppress(boxes: Numbers, scores: Numbers, threshold: number, round: Round): number[] {
  const n = scores.length;
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
  const area = (i: number): number =>
    round(round(boxes[4 * i + 2] - boxes[4 * i]) * round(boxes[4 * i + 3] - boxes[4 * i + 1]));
  const areas = Array.from({ length: n }, (_, i) => area(i));
  const gone = new Uint8Array(n);
  const kept: number[] = [];
  for (let a = 0; a < n; a++) {
    const i = order[a];
    if (gone[i]) continue;
    kept.push(i);
    for (let b = a + 1; b < n; b++) {
      const j = order[b];
      if (gone[j]) continue;
      const width = Math.max(
        0,
        round(Math.min(boxes[4 * i + 2], boxes[4 * j + 2]) - Math.max(boxes[4 * i], boxes[4 * j])),
      );
      const height = Math.max(
        0,
        round(Math.min(boxes[4 * i + 3], boxes[4 * j + 3]) - Math.max(boxes[4 * i + 1], boxes[4 * j + 1])),
      );
      const shared = round(width * height);
      if (round(shared / round(round(areas[i] + areas[j]) - shared)) > threshold) gone[j] = 1;
    }
  }
  return kept;
}

export interface Align {
  readonly spatial_scale: number;
  readonly pooled_height: number;
  readonly pooled_width: number;
  readonly sampling_ratio: number;
  readonly aligned: boolean;
  /** What a box without a sample is divided by: 1 for zeros, 0 for NaN. */
  readonly least?: 0 | 1;
}

/** Where one box is sampled along one dim, as pairs of neighbours with their weights. */
interface Samples {
  readonly low: number[];
  readonly high: number[];
  readonly weight: number[];
  readonly inside: boolean[];
}

export type Round = (x: number) => number;

/** To the precision in which PyTorch computes: float32 for 16-bit types too. */
export const roundingOf = ({ dtype }: Tensor): Round => (dtype === 'float64' ? (x) => x : Math.fround);

function samplesAlong(
  start: number,
  bin: number,
  bins: number,
  count: number,
  size: number,
  round: Round,
): Samples {
  const out: Samples = { low: [], high: [], weight: [], inside: [] };
  for (let b = 0; b < bins; b++)
    for (let k = 0; k < count; k++) {
      const at = round(round(start + round(b * bin)) + round(round((k + 0.5) * bin) / count));
      const inside = at >= -1 && at <= size;
      const y = Math.max(at, 0);
      const low = Math.min(Math.floor(y), size - 1);
      const last = low >= size - 1;
      out.inside.push(inside);
      out.low.push(inside ? low : 0);
      out.high.push(inside ? (last ? low : low + 1) : 0);
      out.weight.push(last ? 0 : round(y - low));
    }
  return out;
}

interface Box {
  readonly row: number;
  readonly image: number;
  readonly y: Samples;
  readonly x: Samples;
  readonly rows: number;
  readonly columns: number;
}

function boxesOf(
  rois: Numbers,
  a: Align,
  height: number,
  width: number,
  images: number,
  round: Round,
): Box[] {
  return Array.from({ length: rois.length / 5 }, (_, row) => {
    const [image, x1, y1, x2, y2] = Array.from({ length: 5 }, (__, k) => rois[row * 5 + k]);
    if (image < 0 || image >= images)
      throw new TorchError(`roi_align: box ${row} is in image ${image}, of ${images} images`);
    const shift = a.aligned ? 0.5 : 0;
    const [left, top] = [x1, y1].map((v) => round(round(v * a.spatial_scale) - shift));
    let wide = round(round(round(x2 * a.spatial_scale) - shift) - left);
    let tall = round(round(round(y2 * a.spatial_scale) - shift) - top);
    if (!a.aligned) [wide, tall] = [Math.max(wide, 1), Math.max(tall, 1)];
    const [binX, binY] = [round(wide / a.pooled_width), round(tall / a.pooled_height)];
    const count = (size: number, bins: number): number =>
      a.sampling_ratio > 0 ? a.sampling_ratio : Math.max(Math.ceil(round(size / bins)), 0);
    const [rows, columns] = [count(tall, a.pooled_height), count(wide, a.pooled_width)];
    return {
      row,
      image,
      rows,
      columns,
      y: samplesAlong(top, binY, a.pooled_height, rows, height, round),
      x: samplesAlong(left, binX, a.pooled_width, columns, width, round),
    };
  });
}

/** At most this many gathered elements at a time. */
export const AT_ONCE = 1 << 24;

/** Boxes that are sampled equally often, together: one gather of pixels for each sample and neighbour of every bin. */
function poolEqual(pixels: Tensor, boxes: readonly Box[], a: Align, height: number, width: number): Tensor {
  const { pooled_height: ph, pooled_width: pw } = a;
  const [{ rows, columns }] = boxes;
  const channels = pixels.shape[1];
  const shape = [boxes.length * ph * pw, channels];
  let sum = pixels.new_zeros(shape) as Tensor;
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++)
      for (const [lower, leftmost] of [
        [true, true],
        [true, false],
        [false, true],
        [false, false],
      ]) {
        const places: number[] = [];
        const weights: number[] = [];
        for (const { image, y, x } of boxes)
          for (let r = 0; r < ph; r++)
            for (let c = 0; c < pw; c++) {
              const [p, q] = [r * rows + i, c * columns + j];
              const [py, qx] = [lower ? y.low[p] : y.high[p], leftmost ? x.low[q] : x.high[q]];
              const inside = y.inside[p] && x.inside[q];
              places.push((image * height + py) * width + qx);
              const [wy, wx] = [
                lower ? 1 - y.weight[p] : y.weight[p],
                leftmost ? 1 - x.weight[q] : x.weight[q],
              ];
              weights.push(inside ? wy * wx : 0);
            }
        const weight = fromTypedArray(
          toTypedArray(weights, pixels.dtype),
          [weights.length, 1],
          pixels.dtype,
          pixels.backend,
        );
        sum = sum.add(pixels.index_select(0, indexOf(places, pixels)).mul(weight));
      }
  return sum
    .div(Math.max(rows * columns, a.least ?? 1))
    .view([boxes.length, ph, pw, channels])
    .permute([0, 3, 1, 2]);
}

export function roiAlign(input: Tensor, rois: Tensor, values: Numbers, a: Align): Tensor {
  const [images, channels, height, width] = input.shape;
  const boxes = boxesOf(values, a, height, width, images, roundingOf(input));
  const wide =
    input.dtype === 'float16' || input.dtype === 'bfloat16' ? (input.to('float32') as Tensor) : input;
  const pixels = wide.permute([0, 2, 3, 1]).reshape([images * height * width, channels]) as Tensor;
  // Nothing of the input: its gradient is zeros.
  if (boxes.length === 0 || channels === 0)
    return input
      .reshape([-1])
      .narrow(0, 0, 0)
      .reshape([boxes.length, channels, a.pooled_height, a.pooled_width]);
  const groups = new Map<string, Box[]>();
  for (const box of boxes) {
    const key = `${box.rows} ${box.columns}`;
    groups.set(key, [...(groups.get(key) ?? []), box]);
  }
  const most = Math.max(1, Math.floor(AT_ONCE / (channels * a.pooled_height * a.pooled_width)));
  const parts: Tensor[] = [];
  const order: number[] = [];
  for (const group of groups.values())
    for (let i = 0; i < group.length; i += most) {
      const some = group.slice(i, i + most);
      parts.push(poolEqual(pixels, some, a, height, width));
      order.push(...some.map((b) => b.row));
    }
  const joined = parts.length === 1 ? parts[0] : catOf(parts, 0);
  const back = new Array<number>(order.length);
  order.forEach((row, i) => {
    back[row] = i;
  });
  const sorted = back.every((row, i) => row === i)
    ? joined
    : (joined.index_select(0, indexOf(back, rois)) as Tensor);
  return sorted.contiguous().to(input.dtype);
}

export function checkRois(input: Tensor, rois: Tensor): void {
  if (rois.shape.length !== 2 || rois.shape[1] !== 5)
    throw new TorchError('rois must have shape as Tensor[K, 5]');
  if (input.dtype !== rois.dtype) throw new TorchError('input and rois must have the same dtype');
}

export const vision = [
  op('torchvision::nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor', {
    grad: 'none',
    define: ({ dets, scores, iou_threshold }) => {
      checkBoxes(dets, scores);
      const round = roundingOf(dets);
      return withValues([dets, scores], (boxes, values) =>
        indexOf(suppress(boxes, values, iou_threshold, round), dets),
      );
    },
  }),
  op(
    'torchvision::roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width, int sampling_ratio, bool aligned) -> Tensor',
    {
      define: ({ input, rois, ...a }) => {
        checkRois(input, rois);
        return withValues([rois], (values) => roiAlign(input, rois, values, a));
      },
    },
  ),
].flat();
