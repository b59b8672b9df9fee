/** Sampling images at given places: grid_sampler, and the grids of affine maps. */
import { grad as gradientsOf } from '../autograd/api.ts';
import { is_grad_enabled, setRecording } from '../autograd/mode.ts';
import { callOperator } from '../dispatch/call.ts';
import { findOperator, named, op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { refuseUnrecorded } from '../kernel/guard.ts';
import { fromTypedArray, toTypedArray } from '../tensor/create.ts';
import { numelOf } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { catOf } from './join.ts';

const BILINEAR = 0;
const NEAREST = 1;
const BICUBIC = 2;
const ZEROS = 0;
const REFLECTION = 2;

interface Sampling {
  readonly mode: number;
  readonly padding: number;
  readonly align: boolean;
}

/** From -1 … 1 to pixels. */
const toPixels = (x: Tensor, size: number, align: boolean): Tensor =>
  align
    ? x
        .add(1)
        .div(2)
        .mul(size - 1)
    : x.add(1).mul(size).sub(1).div(2);

/** Held inside the image; what is held has no slope. */
function clipped(x: Tensor, size: number): Tensor {
  const inside = x.gt(0).logical_and(x.lt(size - 1));
  return x.where(inside, x.detach().clamp(0, size - 1));
}

/** Mirrored at the image's borders: at the pixels' centres with `align`, at their edges without. */
function reflected(x: Tensor, size: number, align: boolean): Tensor {
  const low = align ? 0 : -0.5;
  const span = align ? size - 1 : size;
  if (span === 0) return x.mul(0);
  const from = x.sub(low).abs() as Tensor;
  const flips = from.detach().div(span).floor() as Tensor;
  const extra = from.sub(flips.mul(span)) as Tensor;
  return extra.where(flips.remainder(2).eq(0), extra.rsub(span)).add(low);
}

function padded(x: Tensor, size: number, { padding, align }: Sampling): Tensor {
  if (padding === ZEROS) return x;
  return clipped(padding === REFLECTION ? reflected(x, size, align) : x, size);
}

/** The pixels at whole coordinates, one list per dim, [N, places]; zero outside the image. */
function pixelsAt(flat: Tensor, at: readonly Tensor[], sizes: readonly number[]): Tensor {
  const [n, channels] = flat.shape;
  let inside: Tensor | null = null;
  let index: Tensor | null = null;
  at.forEach((x, d) => {
    const within = x.ge(0).logical_and(x.le(sizes[d] - 1)) as Tensor;
    inside = inside === null ? within : (inside as Tensor).logical_and(within);
    const i = x
      .clamp(0, sizes[d] - 1)
      .nan_to_num()
      .to('int64') as Tensor;
    index = index === null ? i : (index as Tensor).mul(sizes[d]).add(i);
  });
  const places = index!.shape[1];
  const taken = flat.gather(
    2,
    (index as unknown as Tensor).unsqueeze(1).expand([n, channels, places]),
  ) as Tensor;
  return taken.mul((inside as unknown as Tensor).unsqueeze(1).to(flat.dtype));
}

/** Between the pixels of `flat`, [N, C, pixels], at coordinates with fractions, one list per dim, [N, places]; zeros around. */
export function bilinear(flat: Tensor, at: readonly Tensor[], sizes: readonly number[]): Tensor {
  const low = at.map((x) => x.detach().floor() as Tensor);
  const upper = at.map((x, d) => x.sub(low[d]) as Tensor);
  let sum: Tensor | null = null;
  for (let corner = 0; corner < 1 << at.length; corner++) {
    const isHigh = (d: number): boolean => ((corner >> d) & 1) === 1;
    const pixels = pixelsAt(
      flat,
      low.map((x, d) => (isHigh(d) ? x.add(1) : x)),
      sizes,
    );
    const weight = upper.map((w, d) => (isHigh(d) ? w : (w.rsub(1) as Tensor))).reduce((a, b) => a.mul(b));
    const part = pixels.mul(weight.unsqueeze(1)) as Tensor;
    sum = sum === null ? part : (sum as Tensor).add(part);
  }
  return sum!;
}

const cubicNear = (x: Tensor): Tensor => x.mul(1.25).sub(2.25).mul(x).mul(x).add(1);
const cubicFar = (x: Tensor): Tensor => x.mul(-0.75).add(3.75).mul(x).sub(6).mul(x).add(3);

function check(name: string, input: Tensor, grid: Tensor, { mode, padding }: Sampling): void {
  const rank = input.shape.length;
  if (input.dtype !== grid.dtype)
    throw new TorchError(
      `${name}(): expected input and grid to have same dtype, but input has ${input.dtype} and grid has ${grid.dtype}`,
    );
  if (grid.shape.length !== rank || input.shape[0] !== grid.shape[0])
    throw new TorchError(
      `grid_sampler(): expected grid and input to have same batch size, but got input with sizes [${input.shape.join(', ')}] and grid with sizes [${grid.shape.join(', ')}]`,
    );
  if (grid.shape[rank - 1] !== rank - 2)
    throw new TorchError(
      `grid_sampler(): expected grid to have size ${rank - 2} in last dimension, but got grid with sizes [${grid.shape.join(', ')}]`,
    );
  input.shape.slice(2).forEach((n, d) => {
    if (n <= 0)
      throw new TorchError(
        `grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes [${input.shape.join(', ')}] with dimension ${d + 2} being empty`,
      );
  });
  if (mode === BICUBIC && rank !== 4)
    throw new TorchError('grid_sampler(): bicubic interpolation only supports 4D input');
  if (![0, 1, 2].includes(mode) || ![0, 1, 2].includes(padding))
    throw new TorchError(`grid_sampler(): unknown interpolation or padding mode (${mode}, ${padding})`);
}

function sample(name: string, input: Tensor, grid: Tensor, how: Sampling): Tensor {
  check(name, input, grid, how);
  const { mode, align } = how;
  const [n, channels, ...sizes] = input.shape;
  const dims = sizes.length;
  const out = [n, channels, ...grid.shape.slice(1, -1)];
  if (numelOf(out) === 0) return input.new_zeros(out);
  const wide = input.dtype === 'float16' || input.dtype === 'bfloat16' ? 'float32' : input.dtype;
  const flat = input.to(wide).reshape([n, channels, numelOf(sizes)]) as Tensor;
  // The grid's last dim runs x, y, z; sizes run the other way.
  const points = sizes.map((size, d) =>
    toPixels(
      grid
        .select(-1, dims - 1 - d)
        .to(wide)
        .reshape([n, -1]),
      size,
      align,
    ),
  );
  const done = (t: Tensor): Tensor => t.reshape(out).to(input.dtype);
  if (mode === NEAREST)
    return done(
      pixelsAt(
        flat,
        points.map((x, d) => padded(x, sizes[d], how).detach().round()),
        sizes,
      ),
    );
  if (mode === BILINEAR)
    return done(
      bilinear(
        flat,
        points.map((x, d) => padded(x, sizes[d], how)),
        sizes,
      ),
    );
  const low = points.map((x) => x.detach().floor() as Tensor);
  const weights = points.map((x, d) => {
    const t = x.sub(low[d]) as Tensor;
    return [cubicFar(t.add(1)), cubicNear(t), cubicNear(t.rsub(1)), cubicFar(t.rsub(2))];
  });
  const tap = (d: number, k: number): Tensor => padded(low[d].add(k - 1), sizes[d], how).round();
  let sum = flat.new_zeros([n, channels, points[0].shape[1]]) as Tensor;
  for (let i = 0; i < 4; i++) {
    let row = flat.new_zeros([n, channels, points[0].shape[1]]) as Tensor;
    for (let j = 0; j < 4; j++)
      row = row.add(pixelsAt(flat, [tap(0, i), tap(1, j)], sizes).mul(weights[1][j].unsqueeze(1)));
    sum = sum.add(row.mul(weights[0][i].unsqueeze(1)));
  }
  return done(sum);
}

/** Both gradients, by recording the sampling. */
function sampleBackward(
  name: string,
  grad: Tensor,
  input: Tensor,
  grid: Tensor,
  how: Sampling,
  mask: readonly boolean[],
): (Tensor | null)[] {
  refuseUnrecorded(`${name}_backward`, [grad, input, grid]);
  const before = is_grad_enabled();
  setRecording(true);
  try {
    const [x, g] = [input.detach(), grid.detach()] as Tensor[];
    x.requires_grad = true;
    g.requires_grad = true;
    const [dx, dg] = gradientsOf([sample(name, x, g, how)], [x, g], {
      grad_outputs: [grad.detach()],
      allow_unused: true,
    });
    return [
      mask[0] ? (dx ?? input.new_zeros(input.shape)) : null,
      mask[1] ? (dg ?? grid.new_zeros(grid.shape)) : null,
    ];
  } finally {
    setRecording(before);
  }
}

/** Places along one dim, -1 … 1: of the pixels' centres, or of the outermost pixels with `align`. */
function line(n: number, align: boolean, like: Tensor): Tensor {
  const at = Array.from({ length: n }, (_, i) => {
    const x = n <= 1 ? 0 : -1 + (2 * i) / (n - 1);
    return align || n <= 1 ? x : (x * (n - 1)) / n;
  });
  return fromTypedArray(toTypedArray(at, like.dtype), [n], like.dtype, like.backend);
}

function affineGrid(theta: Tensor, size: readonly number[], align: boolean): Tensor {
  const dims = size.length - 2;
  if (dims !== 2 && dims !== 3)
    throw new TorchError('affine_grid_generator needs 4d (spatial) or 5d (volumetric) inputs.');
  const [n, , ...sizes] = size;
  const columns = sizes
    .map((m, d) =>
      line(m, align, theta)
        .reshape(sizes.map((_, k) => (k === d ? m : 1)))
        .expand(sizes),
    )
    .reverse();
  const base = catOf(
    [...columns, theta.new_ones(sizes)].map((t) => t.unsqueeze(-1)),
    -1,
  );
  return base
    .reshape([1, numelOf(sizes), dims + 1])
    .expand([n, numelOf(sizes), dims + 1])
    .bmm(theta.transpose(1, 2))
    .view([n, ...sizes, dims]);
}

const how = (a: { interpolation_mode: number; padding_mode: number; align_corners: boolean }): Sampling => ({
  mode: a.interpolation_mode,
  padding: a.padding_mode,
  align: a.align_corners,
});

const modes = 'int interpolation_mode, int padding_mode, bool align_corners' as const;

export const grids = [
  op(`grid_sampler(Tensor input, Tensor grid, ${modes}) -> Tensor`, {
    define: ({ input, grid, interpolation_mode, padding_mode, align_corners }) => {
      const rank = input.shape.length;
      if (rank !== 4 && rank !== 5)
        throw new TorchError(
          `grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes [${input.shape.join(', ')}] and grid with sizes [${grid.shape.join(', ')}]`,
        );
      return callOperator(findOperator(`aten::grid_sampler_${rank - 2}d`)!, [
        input,
        grid,
        interpolation_mode,
        padding_mode,
        align_corners,
      ]);
    },
  }),
  ...[2, 3].flatMap((dims) => [
    ...op(named(`grid_sampler_${dims}d`, `(Tensor input, Tensor grid, ${modes}) -> Tensor`), {
      define: ({ input, grid, ...a }) => sample(`grid_sampler_${dims}d`, input, grid, how(a)),
      grad: ({ grad, input, grid, interpolation_mode, padding_mode, align_corners, needs }) => {
        const [dx, dg] = callOperator(findOperator(`aten::grid_sampler_${dims}d_backward`)!, [
          grad,
          input,
          grid,
          interpolation_mode,
          padding_mode,
          align_corners,
          [needs.input, needs.grid],
        ]) as Tensor[];
        return { input: dx, grid: dg };
      },
      gradName: `GridSampler${dims}DBackward0`,
    }),
    ...op(
      named(
        `grid_sampler_${dims}d_backward`,
        `(Tensor grad_output, Tensor input, Tensor grid, ${modes}, bool[2] output_mask) -> (Tensor, Tensor)`,
      ),
      {
        define: ({ grad_output, input, grid, output_mask, ...a }) =>
          sampleBackward(`grid_sampler_${dims}d`, grad_output, input, grid, how(a), output_mask),
      },
    ),
  ]),
  op('affine_grid_generator(Tensor theta, SymInt[] size, bool align_corners) -> Tensor', {
    define: ({ theta, size, align_corners }) => affineGrid(theta, size, align_corners),
  }),
].flat();
