/** Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019), and their kin. */
import { callable, type Tensor } from '@sconce/core';
import { torch } from '../torch.ts';
import { decayed, nonNegative, Optimizer, type ParameterGroup } from './optimizer.ts';

export interface AdamOptions {
  lr: number;
  betas: readonly [number, number];
  eps: number;
  weight_decay: number;
  amsgrad: boolean;
  maximize: boolean;
}

interface AdamState {
  step: number;
  exp_avg: Tensor;
  exp_avg_sq: Tensor;
  max_exp_avg_sq: Tensor | null;
}

type Params = ConstructorParameters<typeof Optimizer<AdamOptions, AdamState>>[0];

class AdamClass extends Optimizer<AdamOptions, AdamState> {
  /** `optim.Adam(params, { lr, betas, eps, weight_decay, amsgrad, maximize })` */
  constructor(params: Params, options: Partial<AdamOptions> = {}) {
    const o = {
      lr: 1e-3,
      betas: [0.9, 0.999] as const,
      eps: 1e-8,
      weight_decay: 0,
      amsgrad: false,
      maximize: false,
      ...options,
    };
    nonNegative('learning rate', o.lr);
    nonNegative('epsilon value', o.eps);
    nonNegative('weight_decay value', o.weight_decay);
    super(params, o);
  }

  protected initial(p: Tensor, { amsgrad }: ParameterGroup<AdamOptions>): AdamState {
    const zeros = (): Tensor => torch.zeros_like(p);
    return { step: 0, exp_avg: zeros(), exp_avg_sq: zeros(), max_exp_avg_sq: amsgrad ? zeros() : null };
  }

  /** The gradient with L2 decay; AdamW decays the weights themselves. */
  protected gradient(p: Tensor, grad: Tensor, o: ParameterGroup<AdamOptions>): Tensor {
    return decayed(p, grad, o);
  }

  protected update(p: Tensor, grad: Tensor, o: ParameterGroup<AdamOptions>, state: AdamState): void {
    const [beta1, beta2] = o.betas;
    const g = this.gradient(p, grad, o);
    state.step++;
    state.exp_avg.lerp_(g, 1 - beta1);
    state.exp_avg_sq.mul_(beta2).addcmul_(g, g, { value: 1 - beta2 });
    const correction1 = 1 - beta1 ** state.step;
    const correction2 = Math.sqrt(1 - beta2 ** state.step);
    let second = state.exp_avg_sq;
    if (state.max_exp_avg_sq) {
      state.max_exp_avg_sq.copy_(state.max_exp_avg_sq.maximum(second));
      second = state.max_exp_avg_sq;
    }
    p.addcdiv_(state.exp_avg, second.sqrt().div_(correction2).add_(o.eps), { value: -o.lr / correction1 });
  }
}
export const Adam = /* @__PURE__ */ callable(AdamClass, 'Adam');
export type Adam = AdamClass;

class AdamWClass extends AdamClass {
  /** `optim.AdamW(params, { lr, betas, eps, weight_decay = 0.01, … })`: decay apart from the gradient. */
  constructor(params: Params, options: Partial<AdamOptions> = {}) {
    super(params, { weight_decay: 1e-2, ...options });
  }

  protected override gradient(p: Tensor, grad: Tensor, o: ParameterGroup<AdamOptions>): Tensor {
    p.mul_(1 - o.lr * o.weight_decay);
    return o.maximize ? grad.neg() : grad;
  }
}
export const AdamW = /* @__PURE__ */ callable(AdamWClass, 'AdamW');
