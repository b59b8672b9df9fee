/** Linear maps. */
import { callable, type DType, functions, Module, Parameter, type Tensor } from '@sconce/core';
import type { Functions } from '@sconce/core/functions';
import * as init from '../init.ts';

const torch = functions as unknown as Functions;

export interface LinearOptions {
  readonly bias?: boolean;
  readonly dtype?: DType;
}

class LinearClass extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  /** `nn.Linear(in_features, out_features, { bias: true })`: y = x Aᵀ + b. */
  constructor(
    readonly in_features: number,
    readonly out_features: number,
    options: LinearOptions | boolean = {},
  ) {
    super();
    const { bias = true, dtype } = typeof options === 'boolean' ? { bias: options } : options;
    this.in_features = in_features;
    this.out_features = out_features;
    this.weight = Parameter(torch.empty([out_features, in_features], { dtype }));
    this.bias = null;
    if (bias) this.bias = Parameter(torch.empty([out_features], { dtype }));
    else this.register_parameter('bias', null);
    this.reset_parameters();
  }

  reset_parameters(): void {
    init.kaiming_uniform_(this.weight, { a: Math.sqrt(5) });
    if (!this.bias) return;
    const { fan_in } = init.calculate_fan(this.weight);
    const bound = fan_in > 0 ? 1 / Math.sqrt(fan_in) : 0;
    init.uniform_(this.bias, -bound, bound);
  }

  override forward(input: Tensor): Tensor {
    return torch.linear(input, this.weight, this.bias);
  }

  override extra_repr(): string {
    return `in_features=${this.in_features}, out_features=${this.out_features}, bias=${this.bias ? 'True' : 'False'}`;
  }
}

export const Linear = callable(LinearClass);
export type Linear = LinearClass;

class IdentityClass extends Module {
  override forward(input: Tensor): Tensor {
    return input;
  }
}

/** Gives back what it gets, whatever it was made with. */
export const Identity = callable(IdentityClass);
export type Identity = IdentityClass;
