/** What optimisers share: groups of parameters, their state, zero_grad and step. */
import { ArgumentError, keep, no_grad, scope, type Tensor } from '@sconce/core';

export type ParameterGroup<O> = { params: Tensor[] } & O;

type Groups<O> = Iterable<Tensor> | Iterable<{ params: Iterable<Tensor> } & Partial<O>>;

export abstract class Optimizer<O extends object, S extends object> {
  readonly param_groups: ParameterGroup<O>[] = [];
  /** Per parameter: moments, counts. */
  readonly state: Map<Tensor, S> = new Map();

  constructor(
    params: Groups<O>,
    readonly defaults: O,
  ) {
    const list = [...params];
    if (list.length === 0) throw new ArgumentError('optimizer got an empty parameter list');
    if ('params' in list[0])
      for (const group of list as ({ params: Iterable<Tensor> } & Partial<O>)[]) this.add_param_group(group);
    else
      this.add_param_group({ params: list as Tensor[] } as unknown as {
        params: Iterable<Tensor>;
      } & Partial<O>);
  }

  add_param_group(group: { params: Iterable<Tensor> } & Partial<O>): void {
    const params = [...group.params];
    for (const p of params) if (!p.is_leaf) throw new ArgumentError("can't optimize a non-leaf Tensor");
    this.param_groups.push({ ...this.defaults, ...group, params } as ParameterGroup<O>);
  }

  /** Forgets gradients, or, with `set_to_none: false`, makes them zero. */
  zero_grad({ set_to_none = true }: { set_to_none?: boolean } = {}): void {
    for (const { params } of this.param_groups)
      for (const p of params) {
        if (!p.grad) continue;
        if (set_to_none) {
          p.grad.dispose();
          p.grad = null;
        } else no_grad(() => p.grad!.zero_());
      }
  }

  /** One step down the gradients. Unrecorded. */
  step(): void {
    no_grad(() => {
      for (const group of this.param_groups)
        for (const p of group.params) {
          if (!p.grad) continue;
          let state = this.state.get(p);
          if (!state) {
            state = this.initial(p, group);
            for (const value of Object.values(state)) if (isTensor(value)) keep(value);
            this.state.set(p, state);
          }
          const known = state;
          // What a step computes on its way is freed with it; state that it makes is kept by `keep`.
          scope(() => this.update(p, p.grad!, group, known));
        }
    });
  }

  /** A parameter's state before its first step. */
  protected abstract initial(p: Tensor, group: ParameterGroup<O>): S;
  /** Changes `p`, and its state, in place. Runs in a scope: a tensor that the state gets here goes through `keep`. */
  protected abstract update(p: Tensor, grad: Tensor, group: ParameterGroup<O>, state: S): void;
}

const isTensor = (value: unknown): value is Tensor =>
  typeof value === 'object' && value !== null && 'storage' in value;

/** Refuses a number that is negative. */
export function nonNegative(what: string, value: number): void {
  if (!(value >= 0)) throw new ArgumentError(`Invalid ${what}: ${value}`);
}

/** The gradient that a step follows: turned round to maximise, weight decay added. */
export function decayed(
  p: Tensor,
  grad: Tensor,
  { maximize = false, weight_decay = 0 }: { maximize?: boolean; weight_decay?: number },
): Tensor {
  const g = maximize ? grad.neg() : grad;
  return weight_decay === 0 ? g : g.add(p, { alpha: weight_decay });
}
