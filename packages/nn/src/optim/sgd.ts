/** Stochastic gradient descent, with momentum. */
import { ArgumentError, callable, keep, type Tensor } from '@sconce/core';
import { decayed, nonNegative, Optimizer, type ParameterGroup } from './optimizer.ts';

export interface SGDOptions {
  lr: number;
  momentum: number;
  dampening: number;
  weight_decay: number;
  nesterov: boolean;
  maximize: boolean;
}

interface SGDState {
  momentum_buffer: Tensor | null;
}

class SGDClass extends Optimizer<SGDOptions, SGDState> {
  /** `optim.SGD(params, { lr, momentum, dampening, weight_decay, nesterov, maximize })` */
  constructor(
    params: ConstructorParameters<typeof Optimizer<SGDOptions, SGDState>>[0],
    options: Partial<SGDOptions> = {},
  ) {
    const o = {
      lr: 1e-3,
      momentum: 0,
      dampening: 0,
      weight_decay: 0,
      nesterov: false,
      maximize: false,
      ...options,
    };
    nonNegative('learning rate', o.lr);
    nonNegative('momentum value', o.momentum);
    nonNegative('weight_decay value', o.weight_decay);
    if (o.nesterov && (o.momentum <= 0 || o.dampening !== 0))
      throw new ArgumentError('Nesterov momentum requires a momentum and zero dampening');
    super(params, o);
  }

  protected initial(): SGDState {
    return { momentum_buffer: null };
  }

  protected update(p: Tensor, grad: Tensor, o: ParameterGroup<SGDOptions>, state: SGDState): void {
    let g = decayed(p, grad, o);
    if (o.momentum !== 0) {
      if (state.momentum_buffer === null) state.momentum_buffer = keep(g.clone());
      else state.momentum_buffer.mul_(o.momentum).add_(g, { alpha: 1 - o.dampening });
      g = o.nesterov ? g.add(state.momentum_buffer, { alpha: o.momentum }) : state.momentum_buffer;
    }
    p.add_(g, { alpha: -o.lr });
  }
}
export const SGD = /* @__PURE__ */ callable(SGDClass, 'SGD');
export type SGD = SGDClass;
