/** torchvision's other poolings over boxes: the largest pixel of each bin, and bins that have channels of their own. */
import { op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { fromTypedArray } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { catOf } from './join.ts';
import {
  AT_ONCE,
  checkRois,
  indexOf,
  type Numbers,
  type Round,
  roiAlign,
  roundingOf,
  withValues,
} from './vision.ts';

interface Pool {
  readonly spatial_scale: number;
  readonly pooled_height: number;
  readonly pooled_width: number;
}

/** How the bins of a box lie: torchvision's two poolings differ in the size of a box and in where bins end. */
interface Bins {
  /** What the last pixel adds to a box's size. */
  readonly last: 0 | 1;
  /** How many pixels before the image's end bins stop. */
  readonly margin: 0 | 1;
}

/** The pixels of one bin, by their positions in all images. */
type Bin = readonly number[];

/** C's `round`: halves go away from 0. */
const roundAway = (x: number): number => Math.sign(x) * Math.floor(Math.abs(x) + 0.5);

function binsOf(
  rois: Numbers,
  a: Pool,
  { last, margin }: Bins,
  [images, , height, width]: readonly number[],
  round: Round,
): Bin[] {
  const out: Bin[] = [];
  for (let row = 0; row < rois.length / 5; row++) {
    const [image, ...corners] = Array.from({ length: 5 }, (_, k) => rois[row * 5 + k]);
    if (image < 0 || image >= images)
      throw new TorchError(`roi pooling: box ${row} is in image ${image}, of ${images} images`);
    const [x1, y1, x2, y2] = corners.map((v) => roundAway(round(v * a.spatial_scale)));
    const bin = (from: number, to: number, bins: number): number =>
      round(Math.max(to - from + last, 1) / bins);
    const [tall, wide] = [bin(y1, y2, a.pooled_height), bin(x1, x2, a.pooled_width)];
    const range = (k: number, size: number, start: number, limit: number): [number, number] => {
      const clamped = (x: number): number => Math.min(Math.max(x + start, 0), limit - margin);
      return [clamped(Math.floor(round(k * size))), clamped(Math.ceil(round((k + 1) * size)))];
    };
    for (let p = 0; p < a.pooled_height; p++)
      for (let q = 0; q < a.pooled_width; q++) {
        const [top, bottom] = range(p, tall, y1, height);
        const [left, right] = range(q, wide, x1, width);
        const pixels: number[] = [];
        for (let y = top; y < bottom; y++)
          for (let x = left; x < right; x++) pixels.push((image * height + y) * width + x);
        out.push(pixels);
      }
  }
  return out;
}

/** Some bins' pixels, `[bins, most, channels]`, of which those count where `mask` is true; an empty bin has none. */
interface Gathered {
  readonly pixels: Tensor;
  readonly mask: Tensor;
  readonly positions: Tensor;
}

function gather(image: Tensor, bins: readonly Bin[]): Gathered {
  const most = bins.reduce((n, bin) => Math.max(n, bin.length), 1);
  const places = bins.flatMap((bin) => Array.from({ length: most }, (_, k) => bin[k] ?? bin[0] ?? 0));
  const inside = Uint8Array.from(
    bins.flatMap((bin) => Array.from({ length: most }, (_, k) => Number(k < bin.length))),
  );
  const positions = indexOf(places, image);
  return {
    pixels: image.index_select(0, positions).view([bins.length, most, image.shape[1]]) as Tensor,
    mask: fromTypedArray(inside, [bins.length, most, 1], 'bool', image.backend),
    positions: positions.view([bins.length, most]) as Tensor,
  };
}

/** What `pool` makes of each bin, for as many bins at a time as memory allows. */
function overBins(
  input: Tensor,
  rois: Numbers,
  a: Pool,
  kind: Bins,
  pool: (gathered: Gathered, bins: readonly Bin[]) => readonly Tensor[],
): Tensor[] {
  const [images, channels, height, width] = input.shape;
  const image = input.permute([0, 2, 3, 1]).reshape([images * height * width, channels]) as Tensor;
  const bins = binsOf(rois, a, kind, input.shape, roundingOf(input));
  const largest = bins.reduce((n, bin) => Math.max(n, bin.length), 1);
  const atOnce = Math.max(1, Math.floor(AT_ONCE / (largest * Math.max(channels, 1))));
  const parts: (readonly Tensor[])[] = [];
  for (let i = 0; i < bins.length || i === 0; i += atOnce) {
    const some = bins.slice(i, i + atOnce);
    parts.push(pool(gather(image, some), some));
  }
  return parts[0].map((_, k) =>
    parts.length === 1
      ? parts[0][k]
      : catOf(
          parts.map((part) => part[k]),
          0,
        ),
  );
}

const flagsOf = (bins: readonly Bin[], like: Tensor): Tensor =>
  fromTypedArray(
    Uint8Array.from(bins, (bin) => Number(bin.length === 0)),
    [bins.length, 1],
    'bool',
    like.backend,
  );

function roiPool(input: Tensor, rois: Numbers, a: Pool): Tensor[] {
  const shape = [rois.length / 5, a.pooled_height, a.pooled_width, input.shape[1]];
  const outputs = overBins(input, rois, a, { last: 1, margin: 0 }, ({ pixels, mask, positions }, bins) => {
    const [most, at] = pixels.masked_fill(mask.logical_not(), -Infinity).max(1) as unknown as Tensor[];
    const empty = flagsOf(bins, input);
    const area = input.shape[2] * input.shape[3];
    const within = positions.gather(1, at).remainder(area) as Tensor;
    return [most.masked_fill(empty, 0) as Tensor, within.masked_fill(empty, -1) as Tensor];
  });
  const [values, argmax] = outputs.map((out) => out.view(shape).permute([0, 3, 1, 2]).contiguous() as Tensor);
  return [values, argmax.to('int32') as Tensor];
}

/** Of `[boxes, bins down, bins across, channels, bins down, bins across]` those channels that are each bin's own. */
const ownChannels = (all: Tensor): Tensor => all.diagonal(0, 1, 4).diagonal(0, 1, 3).contiguous() as Tensor;

function channelsOut(input: Tensor, { pooled_height, pooled_width }: Pool): number {
  const channels = input.shape[1];
  if (channels % (pooled_height * pooled_width) !== 0)
    throw new TorchError('input channels must be a multiple of pooling height * pooling width');
  return channels / (pooled_height * pooled_width);
}

/** Which channel of the input each element of the output is from. */
function mapping(
  input: Tensor,
  boxes: number,
  out: number,
  { pooled_height: h, pooled_width: w }: Pool,
): Tensor {
  const one = fromTypedArray(
    Int32Array.from({ length: out * h * w }, (_, i) => i),
    [1, out, h, w],
    'int32',
    input.backend,
  );
  return one.expand([boxes, out, h, w]).contiguous() as Tensor;
}

function positionSensitivePool(input: Tensor, rois: Numbers, a: Pool): Tensor[] {
  const [boxes, out] = [rois.length / 5, channelsOut(input, a)];
  const [h, w] = [a.pooled_height, a.pooled_width];
  const [means] = overBins(input, rois, a, { last: 0, margin: 1 }, ({ pixels, mask }, bins) => {
    const sums = pixels.masked_fill(mask.logical_not(), 0).sum([1]) as Tensor;
    const areas = Float32Array.from(bins, (bin) => Math.max(bin.length, 1));
    return [
      sums.div(fromTypedArray(areas, [bins.length, 1], 'float32', input.backend).to(input.dtype)) as Tensor,
    ];
  });
  return [ownChannels(means.view([boxes, h, w, out, h, w]) as Tensor), mapping(input, boxes, out, a)];
}

function positionSensitiveAlign(
  input: Tensor,
  rois: Tensor,
  values: Numbers,
  a: Pool & { readonly sampling_ratio: number },
): Tensor[] {
  const [boxes, out] = [values.length / 5, channelsOut(input, a)];
  const [h, w] = [a.pooled_height, a.pooled_width];
  const all = roiAlign(input, rois, values, { ...a, aligned: true, least: 0 });
  const byBin = all.permute([0, 2, 3, 1]).reshape([boxes, h, w, out, h, w]) as Tensor;
  return [ownChannels(byBin), mapping(input, boxes, out, a)];
}

export const roiPools = [
  op(
    'torchvision::roi_pool(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width) -> (Tensor, Tensor)',
    {
      define: ({ input, rois, ...a }) => {
        checkRois(input, rois);
        return withValues([rois], (values) => roiPool(input, values, a));
      },
    },
  ),
  op(
    'torchvision::ps_roi_pool(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width) -> (Tensor, Tensor)',
    {
      define: ({ input, rois, ...a }) => {
        checkRois(input, rois);
        return withValues([rois], (values) => positionSensitivePool(input, values, a));
      },
    },
  ),
  op(
    'torchvision::ps_roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width, int sampling_ratio) -> (Tensor, Tensor)',
    {
      define: ({ input, rois, ...a }) => {
        checkRois(input, rois);
        return withValues([rois], (values) => positionSensitiveAlign(input, rois, values, a));
      },
    },
  ),
].flat();
