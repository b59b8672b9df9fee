/** torchvision's deformable convolution: each sample of each window stands where an offset says, between pixels. */
import { op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { fromTypedArray, toTypedArray } from '../tensor/create.ts';
import { numelOf } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { bilinear } from './grid.ts';

interface Windows {
  readonly stride_h: number;
  readonly stride_w: number;
  readonly pad_h: number;
  readonly pad_w: number;
  readonly dilation_h: number;
  readonly dilation_w: number;
  readonly groups: number;
  readonly offset_groups: number;
  readonly use_mask: boolean;
}

const expect = (holds: boolean, sentence: string): void => {
  if (!holds) throw new TorchError(`deform_conv2d: ${sentence}`);
};

/** The output's height and width. */
function check(
  input: Tensor,
  weight: Tensor,
  offset: Tensor,
  mask: Tensor,
  bias: Tensor,
  w: Windows,
): [number, number] {
  for (const [name, rank] of [
    ['input', input.shape.length],
    ['weight', weight.shape.length],
    ['offset', offset.shape.length],
    ...(w.use_mask ? ([['mask', mask.shape.length]] as const) : []),
  ] as const)
    expect(rank === 4, `Expected ${name}_c.ndimension() == 4 to be true, but got false (${rank} dimensions)`);
  for (const t of [weight, offset, bias, ...(w.use_mask ? [mask] : [])])
    if (t.dtype !== input.dtype)
      throw new TorchError(`deform_conv2d: expected scalar type ${input.dtype} but found ${t.dtype}`);
  const [n, channels, height, width] = input.shape;
  const [outputs, perGroup, kh, kw] = weight.shape;
  expect(w.stride_h > 0 && w.stride_w > 0, `stride_h: ${w.stride_h} stride_w: ${w.stride_w}`);
  expect(w.pad_h >= 0 && w.pad_w >= 0, `pad_h: ${w.pad_h} pad_w: ${w.pad_w}`);
  expect(w.dilation_h > 0 && w.dilation_w > 0, `dilation_h: ${w.dilation_h} dilation_w: ${w.dilation_w}`);
  expect(
    perGroup * w.groups === channels,
    `Expected weight_c.size(1) * n_weight_grps == input_c.size(1) to be true, but got false (${perGroup} * ${w.groups}, ${channels})`,
  );
  expect(
    w.groups > 0 && outputs % w.groups === 0,
    `Expected weight_c.size(0) % n_weight_grps == 0 to be true, but got false (${outputs}, ${w.groups})`,
  );
  expect(
    offset.shape[1] === w.offset_groups * 2 * kh * kw,
    `offset.shape[1] is not valid: got: ${offset.shape[1]} expected: ${w.offset_groups * 2 * kh * kw}`,
  );
  expect(
    w.offset_groups > 0 && channels % w.offset_groups === 0,
    `Expected input_c.size(1) % n_offset_grps == 0 to be true, but got false (${channels}, ${w.offset_groups})`,
  );
  expect(offset.shape[0] === n, 'invalid batch size of offset');
  const out: [number, number] = [
    Math.trunc((height + 2 * w.pad_h - (w.dilation_h * (kh - 1) + 1)) / w.stride_h) + 1,
    Math.trunc((width + 2 * w.pad_w - (w.dilation_w * (kw - 1) + 1)) / w.stride_w) + 1,
  ];
  const isOut = ({ shape }: Tensor): boolean => shape[2] === out[0] && shape[3] === out[1];
  const told = `computed output dims: (${out.join(', ')})`;
  expect(isOut(offset), `offset output dims: (${offset.shape.slice(2).join(', ')}) - ${told}`);
  if (w.use_mask) {
    expect(
      mask.shape[1] === w.offset_groups * kh * kw,
      `mask.shape[1] is not valid: got: ${mask.shape[1]} expected: ${w.offset_groups * kh * kw}`,
    );
    expect(mask.shape[0] === n, 'invalid batch size of mask');
    expect(isOut(mask), `mask output dims: (${mask.shape.slice(2).join(', ')}) - ${told}`);
  }
  expect(out[0] > 0 && out[1] > 0, `Calculated output size too small - out_h: ${out[0]} out_w: ${out[1]}`);
  expect(
    numelOf(bias.shape) === outputs,
    `shape '[1, ${outputs}, 1, 1]' is invalid for input of size ${numelOf(bias.shape)}`,
  );
  return out;
}

/** Where each sample of each window stands along one dim without an offset, [kernel positions, windows]. */
function places(
  like: Tensor,
  kernel: readonly number[],
  out: readonly number[],
  at: (k: readonly number[], o: readonly number[]) => number,
): Tensor {
  const values: number[] = [];
  for (let i = 0; i < kernel[0]; i++)
    for (let j = 0; j < kernel[1]; j++)
      for (let y = 0; y < out[0]; y++) for (let x = 0; x < out[1]; x++) values.push(at([i, j], [y, x]));
  return fromTypedArray(
    toTypedArray(values, like.dtype),
    [kernel[0] * kernel[1], out[0] * out[1]],
    like.dtype,
    like.backend,
  );
}

export const deformable = [
  op(
    'torchvision::deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, SymInt stride_h, SymInt stride_w, SymInt pad_h, SymInt pad_w, SymInt dilation_h, SymInt dilation_w, SymInt groups, SymInt offset_groups, bool use_mask) -> Tensor',
    {
      define: ({ input, weight, offset, mask, bias, ...w }) => {
        const out = check(input, weight, offset, mask, bias, w);
        const [n, channels, height, width] = input.shape;
        const [outputs, perGroup, kh, kw] = weight.shape;
        const { groups, offset_groups: parts } = w;
        if (n === 0) return input.new_zeros([0, outputs, ...out]);
        const dtype = input.dtype === 'float16' || input.dtype === 'bfloat16' ? 'float32' : input.dtype;
        const offsets = offset.to(dtype).reshape([n * parts, kh * kw, 2, out[0] * out[1]]) as Tensor;
        const along = (d: 0 | 1, step: number, pad: number, dilation: number): Tensor =>
          offsets
            .select(2, d)
            .add(places(offsets, [kh, kw], out, (k, o) => o[d] * step - pad + k[d] * dilation))
            .reshape([n * parts, -1]);
        const at = [along(0, w.stride_h, w.pad_h, w.dilation_h), along(1, w.stride_w, w.pad_w, w.dilation_w)];
        const flat = input.to(dtype).reshape([n * parts, channels / parts, height * width]) as Tensor;
        let samples = bilinear(flat, at, [height, width]);
        if (w.use_mask) samples = samples.mul(mask.to(dtype).reshape([n * parts, 1, -1]));
        const columns = samples.reshape([n, groups, perGroup * kh * kw, out[0] * out[1]]) as Tensor;
        const kernel = weight.to(dtype).reshape([groups, outputs / groups, perGroup * kh * kw]) as Tensor;
        return kernel
          .matmul(columns)
          .reshape([n, outputs, ...out])
          .to(input.dtype)
          .add(bias.view([1, outputs, 1, 1]));
      },
    },
  ),
].flat();
