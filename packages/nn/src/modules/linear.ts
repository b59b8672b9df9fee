/** Linear and bilinear maps. */
import { callable, type DType, Module, Parameter, type Tensor } from '@sconce/core';
import * as init from '../init.ts';
import { keywords } from '../keywords.ts';
import { bool } from '../print.ts';
import { torch } from '../torch.ts';

export interface LinearOptions {
  bias: boolean;
  dtype: DType;
}

class LinearClass extends Module {
  readonly in_features: number;
  readonly out_features: number;
  /** [out_features, in_features] */
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  /** `nn.Linear(in_features, out_features, { bias: true })`: y = x Aᵀ + b. */
  constructor(in_features: number, out_features: number, ...rest: (boolean | Partial<LinearOptions>)[]) {
    super();
    const { bias = true, dtype } = keywords<LinearOptions>('Linear', ['bias', 'dtype'], rest);
    this.in_features = in_features;
    this.out_features = out_features;
    this.weight = Parameter(torch.empty([out_features, in_features], { dtype }));
    this.bias = bias ? Parameter(torch.empty([out_features], { dtype })) : null;
    this.reset_parameters();
  }

  reset_parameters(): void {
    init.kaiming_uniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias) init.uniform_fan_in_(this.bias, this.weight);
  }

  override forward(input: Tensor): Tensor {
    return torch.linear(input, this.weight, this.bias);
  }

  override extra_repr(): string {
    return `in_features=${this.in_features}, out_features=${this.out_features}, bias=${bool(this.bias !== null)}`;
  }
}

export const Linear = /* @__PURE__ */ callable(LinearClass, 'Linear');
export type Linear = LinearClass;

/** Printed as PyTorch prints the projection of attention. */
class NonDynamicallyQuantizableLinearClass extends LinearClass {}
export const NonDynamicallyQuantizableLinear = /* @__PURE__ */ callable(
  NonDynamicallyQuantizableLinearClass,
  'NonDynamicallyQuantizableLinear',
);

class BilinearClass extends Module {
  readonly in1_features: number;
  readonly in2_features: number;
  readonly out_features: number;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  /** `nn.Bilinear(in1_features, in2_features, out_features)`: y = x1ᵀ A x2 + b. */
  constructor(
    in1_features: number,
    in2_features: number,
    out_features: number,
    ...rest: (boolean | { bias?: boolean })[]
  ) {
    super();
    const { bias = true } = keywords<{ bias: boolean }>('Bilinear', ['bias'], rest);
    this.in1_features = in1_features;
    this.in2_features = in2_features;
    this.out_features = out_features;
    this.weight = Parameter(torch.empty([out_features, in1_features, in2_features]));
    this.bias = bias ? Parameter(torch.empty([out_features])) : null;
    const bound = 1 / Math.sqrt(in1_features);
    init.uniform_(this.weight, -bound, bound);
    if (this.bias) init.uniform_(this.bias, -bound, bound);
  }

  override forward(input1: Tensor, input2: Tensor): Tensor {
    return torch.bilinear(input1, input2, this.weight, this.bias);
  }

  override extra_repr(): string {
    return `in1_features=${this.in1_features}, in2_features=${this.in2_features}, out_features=${this.out_features}, bias=${bool(this.bias !== null)}`;
  }
}

export const Bilinear = /* @__PURE__ */ callable(BilinearClass, 'Bilinear');
export type Bilinear = BilinearClass;

class IdentityClass extends Module {
  constructor(..._args: unknown[]) {
    super();
  }

  override forward(input: Tensor): Tensor {
    return input;
  }
}

/** Gives back what it gets, whatever it was made with. */
export const Identity = /* @__PURE__ */ callable(IdentityClass, 'Identity');
export type Identity = IdentityClass;
