/** RMSprop (Hinton, Coursera lecture 6) and Adagrad (Duchi et al. 2011). */
import { callable, type Tensor } from '@sconce/core';
import { torch } from '../torch.ts';
import { decayed, nonNegative, Optimizer, type ParameterGroup } from './optimizer.ts';

export interface RMSpropOptions {
  lr: number;
  alpha: number;
  eps: number;
  weight_decay: number;
  momentum: number;
  centered: boolean;
  maximize: boolean;
}

interface RMSpropState {
  square_avg: Tensor;
  momentum_buffer: Tensor | null;
  grad_avg: Tensor | null;
}

class RMSpropClass extends Optimizer<RMSpropOptions, RMSpropState> {
  /** `optim.RMSprop(params, { lr, alpha, eps, weight_decay, momentum, centered })` */
  constructor(
    params: ConstructorParameters<typeof Optimizer<RMSpropOptions, RMSpropState>>[0],
    options: Partial<RMSpropOptions> = {},
  ) {
    const o = {
      lr: 1e-2,
      alpha: 0.99,
      eps: 1e-8,
      weight_decay: 0,
      momentum: 0,
      centered: false,
      maximize: false,
      ...options,
    };
    nonNegative('learning rate', o.lr);
    nonNegative('epsilon value', o.eps);
    super(params, o);
  }

  protected initial(p: Tensor, { momentum, centered }: ParameterGroup<RMSpropOptions>): RMSpropState {
    return {
      square_avg: torch.zeros_like(p),
      momentum_buffer: momentum > 0 ? torch.zeros_like(p) : null,
      grad_avg: centered ? torch.zeros_like(p) : null,
    };
  }

  protected update(p: Tensor, grad: Tensor, o: ParameterGroup<RMSpropOptions>, state: RMSpropState): void {
    const g = decayed(p, grad, o);
    state.square_avg.mul_(o.alpha).addcmul_(g, g, { value: 1 - o.alpha });
    let average: Tensor;
    if (state.grad_avg) {
      state.grad_avg.lerp_(g, 1 - o.alpha);
      average = state.square_avg.addcmul(state.grad_avg, state.grad_avg, { value: -1 }).sqrt_();
    } else average = state.square_avg.sqrt();
    average.add_(o.eps);
    if (state.momentum_buffer) {
      state.momentum_buffer.mul_(o.momentum).addcdiv_(g, average);
      p.add_(state.momentum_buffer, { alpha: -o.lr });
    } else p.addcdiv_(g, average, { value: -o.lr });
  }
}
export const RMSprop = /* @__PURE__ */ callable(RMSpropClass, 'RMSprop');

export interface AdagradOptions {
  lr: number;
  lr_decay: number;
  weight_decay: number;
  initial_accumulator_value: number;
  eps: number;
  maximize: boolean;
}

interface AdagradState {
  step: number;
  sum: Tensor;
}

class AdagradClass extends Optimizer<AdagradOptions, AdagradState> {
  /** `optim.Adagrad(params, { lr, lr_decay, weight_decay, initial_accumulator_value, eps })` */
  constructor(
    params: ConstructorParameters<typeof Optimizer<AdagradOptions, AdagradState>>[0],
    options: Partial<AdagradOptions> = {},
  ) {
    const o = {
      lr: 1e-2,
      lr_decay: 0,
      weight_decay: 0,
      initial_accumulator_value: 0,
      eps: 1e-10,
      maximize: false,
      ...options,
    };
    nonNegative('learning rate', o.lr);
    super(params, o);
  }

  protected initial(p: Tensor, o: ParameterGroup<AdagradOptions>): AdagradState {
    return { step: 0, sum: torch.full_like(p, o.initial_accumulator_value) };
  }

  protected update(p: Tensor, grad: Tensor, o: ParameterGroup<AdagradOptions>, state: AdagradState): void {
    const g = decayed(p, grad, o);
    state.step++;
    state.sum.addcmul_(g, g);
    p.addcdiv_(g, state.sum.sqrt().add_(o.eps), { value: -o.lr / (1 + (state.step - 1) * o.lr_decay) });
  }
}
export const Adagrad = /* @__PURE__ */ callable(AdagradClass, 'Adagrad');
