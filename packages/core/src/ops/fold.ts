/** Elements moved between space and channels: windows as columns and back, shuffles, unpooling. */
import { op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { isChannelsLast, isContiguous, numelOf, type Shape } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const spread = (list: Shape): number[] => (list.length === 1 ? [list[0], list[0]] : [...list]);

const indexOf = (list: readonly number[], like: Tensor): Tensor =>
  fromTypedArray(BigInt64Array.from(list, BigInt), [list.length], 'int64', like.backend);

interface Window {
  readonly kernel: number[];
  readonly dilation: number[];
  readonly padding: number[];
  readonly stride: number[];
}

function windowOf(kernel_size: Shape, dilation: Shape, padding: Shape, stride: Shape): Window {
  const w = {
    kernel: spread(kernel_size),
    dilation: spread(dilation),
    padding: spread(padding),
    stride: spread(stride),
  };
  const pair = (name: string, list: number[], at: number): void => {
    if (list.some((n) => n < at))
      throw new TorchError(
        `${name} should be ${at === 0 ? 'non-negative' : 'greater than zero'}, but got ${name === 'padding' ? 'pad' : name}_height: ${list[0]} ${name === 'padding' ? 'pad' : name}_width: ${list[1]}`,
      );
  };
  pair('kernel', w.kernel, 1);
  pair('dilation', w.dilation, 1);
  pair('padding', w.padding, 0);
  pair('stride', w.stride, 1);
  return w;
}

const positions = (sizes: Shape, w: Window): number[] =>
  w.kernel.map(
    (k, d) => Math.floor((sizes[d] + 2 * w.padding[d] - w.dilation[d] * (k - 1) - 1) / w.stride[d]) + 1,
  );

/** In the padded image: kernel element by kernel element, where it lies in each window. */
const places = (w: Window, d: number, count: number): number[] =>
  range(w.kernel[d]).flatMap((k) => range(count).map((i) => k * w.dilation[d] + i * w.stride[d]));

function im2col(self: Tensor, w: Window): Tensor {
  const rank = self.shape.length;
  if ((rank !== 3 && rank !== 4) || self.shape.slice(-3).some((n) => n === 0))
    throw new TorchError(
      `Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: [${self.shape.join(', ')}]`,
    );
  const x = (rank === 3 ? self.unsqueeze(0) : self) as Tensor;
  const [n, channels, height, width] = x.shape;
  const [rows, columns] = positions([height, width], w);
  if (rows < 1 || columns < 1)
    throw new TorchError(
      `Given input with spatial size (${height}, ${width}), kernel_size=(${w.kernel.join(', ')}), dilation=(${w.dilation.join(', ')}), padding=(${w.padding.join(', ')}), calculated shape of the array of sliding blocks as (${rows}, ${columns}), but its components must be at least one.`,
    );
  const [top, left] = w.padding;
  const padded = (top + left > 0 ? x.constant_pad_nd([left, left, top, top], 0) : x) as Tensor;
  const out = padded
    .index_select(2, indexOf(places(w, 0, rows), self))
    .index_select(3, indexOf(places(w, 1, columns), self))
    .view([n, channels, w.kernel[0], rows, w.kernel[1], columns])
    .permute([0, 1, 2, 4, 3, 5])
    .reshape([n, channels * numelOf(w.kernel), rows * columns]) as Tensor;
  return rank === 3 ? out.squeeze(0) : out;
}

function col2im(self: Tensor, output_size: Shape, w: Window): Tensor {
  const rank = self.shape.length;
  const area = numelOf(w.kernel);
  if ((rank !== 2 && rank !== 3) || self.shape.slice(-2).some((n) => n === 0))
    throw new TorchError(
      `Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: [${self.shape.join(', ')}]`,
    );
  const x = (rank === 2 ? self.unsqueeze(0) : self) as Tensor;
  const [n, planes, blocks] = x.shape;
  if (planes % area !== 0)
    throw new TorchError(
      `Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)=${planes} and kernel_size=(${w.kernel.join(', ')}).`,
    );
  const [rows, columns] = positions(output_size, w);
  if (blocks !== rows * columns)
    throw new TorchError(
      `Given output_size=(${output_size.join(', ')}), kernel_size=(${w.kernel.join(', ')}), dilation=(${w.dilation.join(', ')}), padding=(${w.padding.join(', ')}), stride=(${w.stride.join(', ')}), expected size of input's dimension 2 to match the calculated number of sliding blocks ${rows} * ${columns} = ${rows * columns}, but got input.size(2)=${blocks}.`,
    );
  const channels = planes / area;
  const [height, width] = output_size.map((m, d) => m + 2 * w.padding[d]);
  const windows = x
    .reshape([n, channels, w.kernel[0], w.kernel[1], rows, columns])
    .permute([0, 1, 2, 4, 3, 5])
    .reshape([n, channels, w.kernel[0] * rows, w.kernel[1] * columns]) as Tensor;
  const image = x
    .new_zeros([n, channels, height, width])
    .index_add(
      2,
      indexOf(places(w, 0, rows), self),
      x
        .new_zeros([n, channels, w.kernel[0] * rows, width])
        .index_add(3, indexOf(places(w, 1, columns), self), windows),
    ) as Tensor;
  const cut = image.narrow(2, w.padding[0], output_size[0]).narrow(3, w.padding[1], output_size[1]) as Tensor;
  const out = (cut.shape[2] === height && cut.shape[3] === width ? cut : cut.contiguous()) as Tensor;
  return rank === 2 ? out.squeeze(0) : out;
}

function pixelShuffle(self: Tensor, factor: number): Tensor {
  if (self.shape.length < 3)
    throw new TorchError(
      `pixel_shuffle expects input to have at least 3 dimensions, but got input with ${self.shape.length} dimension(s)`,
    );
  if (factor <= 0) throw new TorchError(`pixel_shuffle expects a positive upscale_factor, but got ${factor}`);
  const [channels, height, width] = self.shape.slice(-3);
  if (channels % (factor * factor) !== 0)
    throw new TorchError(
      `pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)=${channels} is not divisible by ${factor * factor}`,
    );
  const lead = self.shape.slice(0, -3);
  const k = lead.length;
  const kept = channels / (factor * factor);
  return self
    .reshape([...lead, kept, factor, factor, height, width])
    .permute([...range(k), k, k + 3, k + 1, k + 4, k + 2])
    .clone({ memory_format: 'contiguous_format' })
    .view([...lead, kept, height * factor, width * factor]);
}

function pixelUnshuffle(self: Tensor, factor: number): Tensor {
  if (self.shape.length < 3)
    throw new TorchError(
      `pixel_unshuffle expects input to have at least 3 dimensions, but got input with ${self.shape.length} dimension(s)`,
    );
  if (factor <= 0)
    throw new TorchError(`pixel_unshuffle expects a positive downscale_factor, but got ${factor}`);
  const [channels, height, width] = self.shape.slice(-3);
  if (height % factor !== 0)
    throw new TorchError(
      `pixel_unshuffle expects height to be divisible by downscale_factor, but input.size(-2)=${height} is not divisible by ${factor}`,
    );
  if (width % factor !== 0)
    throw new TorchError(
      `pixel_unshuffle expects width to be divisible by downscale_factor, but input.size(-1)=${width} is not divisible by ${factor}`,
    );
  const lead = self.shape.slice(0, -3);
  const k = lead.length;
  return self
    .reshape([...lead, channels, height / factor, factor, width / factor, factor])
    .permute([...range(k), k, k + 2, k + 4, k + 1, k + 3])
    .clone({ memory_format: 'contiguous_format' })
    .view([...lead, channels * factor * factor, height / factor, width / factor]);
}

function channelShuffle(self: Tensor, groups: number): Tensor {
  if (self.shape.length < 3)
    throw new TorchError(
      `channel_shuffle expects input with > 2 dims, but got input with sizes [${self.shape.join(', ')}]`,
    );
  const [n, channels, ...rest] = self.shape;
  if (groups <= 0)
    throw new TorchError(
      `Number of groups to divide channels in must be positive. Value of groups:${groups}`,
    );
  if (channels % groups !== 0)
    throw new TorchError(
      `Number of channels must be divisible by groups. Got ${channels} channels and ${groups} groups.`,
    );
  return self
    .reshape([n, groups, channels / groups, numelOf(rest)])
    .permute([0, 2, 1, 3])
    .clone({ memory_format: 'contiguous_format' })
    .view(self.shape);
}

/** Maxima back at the places they came from; everything else is zero. */
function unpool(self: Tensor, indices: Tensor, output_size: Shape, dims: number): Tensor {
  const name = `max_unpooling${dims}d_forward_out`;
  if (indices.dtype !== 'int64')
    throw new TorchError(`elements in indices should be type int64 but got: ${indices.dtype}`);
  if (output_size.length !== dims)
    throw new TorchError(
      `There should be exactly ${dims === 2 ? 'two' : 'three'} elements (${dims === 2 ? 'height, width' : 'depth, height, width'}) in output_size`,
    );
  if (self.shape.length !== dims + 1 && self.shape.length !== dims + 2)
    throw new TorchError(
      `Input to ${name}() should be a ${dims + 1}d or ${dims + 2}d Tensor, but got a tensor with ${self.shape.length} dim`,
    );
  if (self.shape.join() !== indices.shape.join())
    throw new TorchError(
      `Expected shape of indices to be same as that of the input tensor ([${self.shape.join(', ')}]) but got indices tensor with shape: [${indices.shape.join(', ')}]`,
    );
  const lead = self.shape.slice(0, -dims);
  const flat = [...lead, numelOf(self.shape.slice(-dims))];
  const out = self
    .new_zeros([...lead, numelOf(output_size)])
    .scatter(-1, indices.reshape(flat), self.reshape(flat))
    .view([...lead, ...output_size]) as Tensor;
  const last = isChannelsLast(self.shape, self.strides) && !isContiguous(self.shape, self.strides);
  return last && dims === 2 ? out.contiguous({ memory_format: 'channels_last' }) : out;
}

export const folds = [
  op('im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor', {
    define: ({ self, kernel_size, dilation, padding, stride }) =>
      im2col(self, windowOf(kernel_size, dilation, padding, stride)),
  }),
  op(
    'col2im(Tensor self, SymInt[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor',
    {
      define: ({ self, output_size, kernel_size, dilation, padding, stride }) =>
        col2im(self, spread(output_size), windowOf(kernel_size, dilation, padding, stride)),
    },
  ),
  op('pixel_shuffle(Tensor self, int upscale_factor) -> Tensor', {
    define: ({ self, upscale_factor }) => pixelShuffle(self, upscale_factor),
  }),
  op('pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor', {
    define: ({ self, downscale_factor }) => pixelUnshuffle(self, downscale_factor),
  }),
  op('channel_shuffle(Tensor self, SymInt groups) -> Tensor', {
    define: ({ self, groups }) => channelShuffle(self, groups),
  }),
  op('native_channel_shuffle(Tensor self, SymInt groups) -> Tensor', {
    define: ({ self, groups }) => channelShuffle(self, groups),
  }),
  op('max_unpool2d(Tensor self, Tensor indices, SymInt[2] output_size) -> Tensor', {
    define: ({ self, indices, output_size }) => unpool(self, indices, output_size, 2),
  }),
  op(
    'max_unpool3d(Tensor self, Tensor indices, SymInt[3] output_size, int[3] stride, int[3] padding) -> Tensor',
    { define: ({ self, indices, output_size }) => unpool(self, indices, output_size, 3) },
  ),
].flat();
