/** Resampling. */
import { ArgumentError, callable, Module, type Tensor } from '@sconce/core';
import { interpolate } from '../functional.ts';
import { keywords } from '../keywords.ts';
import { float } from '../print.ts';

export interface UpsampleOptions {
  size: number | readonly number[] | null;
  scale_factor: number | readonly number[] | null;
  mode: string;
  align_corners: boolean | null;
}

class UpsampleClass extends Module {
  readonly size: number | readonly number[] | null;
  readonly scale_factor: number | readonly number[] | null;
  readonly mode: string;
  readonly align_corners: boolean | null;

  /** `nn.Upsample({ size, scale_factor, mode, align_corners })` */
  constructor(...rest: (number | readonly number[] | string | boolean | null | Partial<UpsampleOptions>)[]) {
    super();
    const o = keywords<UpsampleOptions>('Upsample', ['size', 'scale_factor', 'mode', 'align_corners'], rest);
    if (o.size == null && o.scale_factor == null)
      throw new ArgumentError('either size or scale_factor should be defined');
    this.size = o.size ?? null;
    this.scale_factor = o.scale_factor ?? null;
    this.mode = o.mode ?? 'nearest';
    this.align_corners = o.align_corners ?? null;
  }

  override forward(input: Tensor): Tensor {
    return interpolate(input, {
      size: this.size,
      scale_factor: this.scale_factor,
      mode: this.mode,
      align_corners: this.align_corners,
    });
  }

  override extra_repr(): string {
    const spell = (v: number | readonly number[], one: (n: number) => string): string =>
      typeof v === 'number' ? one(v) : `(${v.map(one).join(', ')})`;
    const what =
      this.scale_factor !== null
        ? `scale_factor=${spell(this.scale_factor, float)}`
        : `size=${spell(this.size!, String)}`;
    return `${what}, mode='${this.mode}'`;
  }
}
export const Upsample = /* @__PURE__ */ callable(UpsampleClass, 'Upsample');
