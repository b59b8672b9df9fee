/** Convolutions, plain and transposed. */
import { ArgumentError, callable, type DType, Module, Parameter, type Tensor } from '@sconce/core';
import * as init from '../init.ts';
import { keywords } from '../keywords.ts';
import { tuple } from '../print.ts';
import { torch } from '../torch.ts';

type Size = number | readonly number[];

export interface ConvOptions {
  stride: Size;
  /** Per side, or `'same'` or `'valid'`. */
  padding: Size | string;
  dilation: Size;
  groups: number;
  bias: boolean;
  padding_mode: 'zeros' | 'reflect' | 'replicate' | 'circular';
  dtype: DType;
}

export interface ConvTransposeOptions extends ConvOptions {
  output_padding: Size;
}

const list = (value: Size, dims: number): number[] =>
  typeof value === 'number' ? new Array(dims).fill(value) : [...value];

abstract class ConvBase extends Module {
  readonly in_channels: number;
  readonly out_channels: number;
  readonly kernel_size: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[] | string;
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly output_padding: readonly number[];
  readonly padding_mode: string;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(
    protected readonly dims: number,
    transposed: boolean,
    in_channels: number,
    out_channels: number,
    kernel_size: Size,
    o: Partial<ConvTransposeOptions>,
  ) {
    super();
    // No state of the module's: not to be found among its attributes.
    Object.defineProperty(this, 'dims', { value: dims, enumerable: false });
    const groups = o.groups ?? 1;
    if (groups <= 0) throw new ArgumentError('groups must be a positive integer');
    if (in_channels % groups !== 0) throw new ArgumentError('in_channels must be divisible by groups');
    if (out_channels % groups !== 0) throw new ArgumentError('out_channels must be divisible by groups');
    this.in_channels = in_channels;
    this.out_channels = out_channels;
    this.kernel_size = list(kernel_size, dims);
    this.stride = list(o.stride ?? 1, dims);
    const padding = o.padding ?? 0;
    if (typeof padding === 'string' && padding !== 'same' && padding !== 'valid')
      throw new ArgumentError(`Invalid padding string '${padding}', should be one of {'valid', 'same'}`);
    if (padding === 'same' && this.stride.some((s) => s !== 1))
      throw new ArgumentError("padding='same' is not supported for strided convolutions");
    this.padding = typeof padding === 'string' ? padding : list(padding, dims);
    this.dilation = list(o.dilation ?? 1, dims);
    this.output_padding = list(o.output_padding ?? 0, dims);
    this.groups = groups;
    this.padding_mode = o.padding_mode ?? 'zeros';
    const [first, second] = transposed
      ? [in_channels, out_channels / groups]
      : [out_channels, in_channels / groups];
    this.weight = Parameter(torch.empty([first, second, ...this.kernel_size], { dtype: o.dtype }));
    this.bias = (o.bias ?? true) ? Parameter(torch.empty([out_channels], { dtype: o.dtype })) : null;
    init.kaiming_uniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias) init.uniform_fan_in_(this.bias, this.weight);
  }

  /** Pads by repeating what is there, where the mode says so; what padding is left for the convolution. */
  protected padded(input: Tensor): [Tensor, readonly number[] | string] {
    if (this.padding_mode === 'zeros') return [input, this.padding];
    const amounts: number[] = [];
    for (let d = this.dims - 1; d >= 0; d--) {
      const total = this.dilation[d] * (this.kernel_size[d] - 1);
      if (typeof this.padding === 'string') {
        const before = this.padding === 'same' ? Math.floor(total / 2) : 0;
        amounts.push(before, this.padding === 'same' ? total - before : 0);
      } else amounts.push(this.padding[d], this.padding[d]);
    }
    return [torch.pad(input, amounts, this.padding_mode), new Array(this.dims).fill(0)];
  }

  override extra_repr(): string {
    const parts = [
      `${this.in_channels}, ${this.out_channels}, kernel_size=${tuple(this.kernel_size)}, stride=${tuple(this.stride)}`,
    ];
    const differs = (v: readonly number[], from: number): boolean => v.some((n) => n !== from);
    if (typeof this.padding === 'string') parts.push(`padding=${this.padding}`);
    else if (differs(this.padding, 0)) parts.push(`padding=${tuple(this.padding)}`);
    if (differs(this.dilation, 1)) parts.push(`dilation=${tuple(this.dilation)}`);
    if (differs(this.output_padding, 0)) parts.push(`output_padding=${tuple(this.output_padding)}`);
    if (this.groups !== 1) parts.push(`groups=${this.groups}`);
    if (!this.bias) parts.push('bias=False');
    if (this.padding_mode !== 'zeros') parts.push(`padding_mode=${this.padding_mode}`);
    return parts.join(', ');
  }
}

const names = ['stride', 'padding', 'dilation', 'groups', 'bias', 'padding_mode', 'dtype'] as const;
const transposedNames = [
  'stride',
  'padding',
  'output_padding',
  'groups',
  'bias',
  'dilation',
  'padding_mode',
  'dtype',
] as const;

type Rest = (Size | string | boolean | Partial<ConvTransposeOptions>)[];

class Conv1dClass extends ConvBase {
  /** `nn.Conv1d(in_channels, out_channels, kernel_size, { stride, padding, dilation, groups, bias, padding_mode })` on [N, C, L]. */
  constructor(in_channels: number, out_channels: number, kernel_size: Size, ...rest: Rest) {
    super(1, false, in_channels, out_channels, kernel_size, keywords('Conv1d', names, rest));
  }
  override forward(input: Tensor): Tensor {
    const [x, padding] = this.padded(input);
    return torch.conv1d(
      x,
      this.weight,
      this.bias,
      this.stride,
      padding as number[],
      this.dilation,
      this.groups,
    );
  }
}
export const Conv1d = /* @__PURE__ */ callable(Conv1dClass, 'Conv1d');
export type Conv1d = Conv1dClass;

class Conv2dClass extends ConvBase {
  /** `nn.Conv2d(in_channels, out_channels, kernel_size, { stride, padding, dilation, groups, bias, padding_mode })` on [N, C, H, W]. */
  constructor(in_channels: number, out_channels: number, kernel_size: Size, ...rest: Rest) {
    super(2, false, in_channels, out_channels, kernel_size, keywords('Conv2d', names, rest));
  }
  override forward(input: Tensor): Tensor {
    const [x, padding] = this.padded(input);
    return torch.conv2d(
      x,
      this.weight,
      this.bias,
      this.stride,
      padding as number[],
      this.dilation,
      this.groups,
    );
  }
}
export const Conv2d = /* @__PURE__ */ callable(Conv2dClass, 'Conv2d');
export type Conv2d = Conv2dClass;

class Conv3dClass extends ConvBase {
  /** `nn.Conv3d(in_channels, out_channels, kernel_size, { … })` on [N, C, D, H, W]. */
  constructor(in_channels: number, out_channels: number, kernel_size: Size, ...rest: Rest) {
    super(3, false, in_channels, out_channels, kernel_size, keywords('Conv3d', names, rest));
  }
  override forward(input: Tensor): Tensor {
    const [x, padding] = this.padded(input);
    return torch.conv3d(
      x,
      this.weight,
      this.bias,
      this.stride,
      padding as number[],
      this.dilation,
      this.groups,
    );
  }
}
export const Conv3d = /* @__PURE__ */ callable(Conv3dClass, 'Conv3d');
export type Conv3d = Conv3dClass;

class ConvTranspose1dClass extends ConvBase {
  /** `nn.ConvTranspose1d(in_channels, out_channels, kernel_size, { stride, padding, output_padding, … })` */
  constructor(in_channels: number, out_channels: number, kernel_size: Size, ...rest: Rest) {
    super(
      1,
      true,
      in_channels,
      out_channels,
      kernel_size,
      keywords('ConvTranspose1d', transposedNames, rest),
    );
  }
  override forward(input: Tensor): Tensor {
    return torch.conv_transpose1d(
      input,
      this.weight,
      this.bias,
      this.stride,
      this.padding as number[],
      this.output_padding,
      this.groups,
      this.dilation,
    );
  }
}
export const ConvTranspose1d = /* @__PURE__ */ callable(ConvTranspose1dClass, 'ConvTranspose1d');

class ConvTranspose2dClass extends ConvBase {
  /** `nn.ConvTranspose2d(in_channels, out_channels, kernel_size, { stride, padding, output_padding, … })` */
  constructor(in_channels: number, out_channels: number, kernel_size: Size, ...rest: Rest) {
    super(
      2,
      true,
      in_channels,
      out_channels,
      kernel_size,
      keywords('ConvTranspose2d', transposedNames, rest),
    );
  }
  override forward(input: Tensor): Tensor {
    return torch.conv_transpose2d(
      input,
      this.weight,
      this.bias,
      this.stride,
      this.padding as number[],
      this.output_padding,
      this.groups,
      this.dilation,
    );
  }
}
export const ConvTranspose2d = /* @__PURE__ */ callable(ConvTranspose2dClass, 'ConvTranspose2d');

class ConvTranspose3dClass extends ConvBase {
  /** `nn.ConvTranspose3d(in_channels, out_channels, kernel_size, { stride, padding, output_padding, … })` */
  constructor(in_channels: number, out_channels: number, kernel_size: Size, ...rest: Rest) {
    super(
      3,
      true,
      in_channels,
      out_channels,
      kernel_size,
      keywords('ConvTranspose3d', transposedNames, rest),
    );
  }
  override forward(input: Tensor): Tensor {
    return torch.conv_transpose3d(
      input,
      this.weight,
      this.bias,
      this.stride,
      this.padding as number[],
      this.output_padding,
      this.groups,
      this.dilation,
    );
  }
}
export const ConvTranspose3d = /* @__PURE__ */ callable(ConvTranspose3dClass, 'ConvTranspose3d');
