/** Numerical checks of derivatives. */
import { TorchError } from '../errors.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { data } from '../tensor/host.ts';
import { numelOf } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { grad } from './api.ts';
import { enable_grad, no_grad } from './mode.ts';

export interface GradcheckOptions {
  eps?: number;
  atol?: number;
  rtol?: number;
}

type Checked = (...inputs: Tensor[]) => Tensor | Tensor[];

const list = (v: Tensor | Tensor[]): Tensor[] => (Array.isArray(v) ? v : [v]);

/**
 * `torch.autograd.gradcheck`: compares derivatives with central differences. Inputs should be float64. Resolves to
 * true, or rejects with the first place where they differ.
 */
export async function gradcheck(
  fn: Checked,
  inputs: Tensor[],
  { eps = 1e-6, atol = 1e-5, rtol = 1e-3 }: GradcheckOptions = {},
): Promise<boolean> {
  const outputs = list(fn(...inputs));
  for (const [o, out] of outputs.entries()) {
    if (!out.requires_grad) continue;
    for (const [i, input] of inputs.entries()) {
      if (!input.requires_grad) continue;
      const n = numelOf(input.shape);
      const m = numelOf(out.shape);
      const numeric: Float64Array[] = [];
      const values = Float64Array.from((await data(input)) as Float64Array);
      for (let k = 0; k < n; k++) {
        const at = async (shift: number): Promise<ArrayLike<number>> => {
          const moved = Float64Array.from(values);
          moved[k] += shift;
          const x = fromTypedArray(moved, input.shape, 'float64', input.backend);
          const y = no_grad(() => list(fn(...inputs.map((t, j) => (j === i ? x : t))))[o]);
          return (await data(y)) as Float64Array;
        };
        const [high, low] = [await at(eps), await at(-eps)];
        numeric.push(Float64Array.from({ length: m }, (_, j) => (high[j] - low[j]) / (2 * eps)));
      }
      for (let j = 0; j < m; j++) {
        const seed = new Float64Array(m);
        seed[j] = 1;
        const cotangent = fromTypedArray(seed, out.shape, 'float64', out.backend);
        const [g] = grad(out, input, { grad_outputs: cotangent, retain_graph: true, allow_unused: true });
        const analytic = g ? ((await data(g)) as Float64Array) : new Float64Array(n);
        for (let k = 0; k < n; k++)
          if (!(Math.abs(analytic[k] - numeric[k][j]) <= atol + rtol * Math.abs(numeric[k][j])))
            throw new TorchError(
              `Jacobian mismatch for output ${o} with respect to input ${i}, numerical: ${numeric[k][j]}, analytical: ${analytic[k]}, at output element ${j} and input element ${k}`,
            );
      }
    }
  }
  return true;
}

/** The same for second derivatives. */
export async function gradgradcheck(
  fn: Checked,
  inputs: Tensor[],
  options: GradcheckOptions = {},
): Promise<boolean> {
  const outputs = list(fn(...inputs));
  const seeds = outputs.map((o) => (o.new_ones(o.shape) as Tensor).requires_grad_());
  // Also the numerical side needs recording: the function itself takes a gradient.
  const first: Checked = (...args) =>
    enable_grad(() => {
      const xs = args
        .slice(0, inputs.length)
        .map((a, i) =>
          inputs[i].requires_grad && !a.requires_grad ? (a.detach() as Tensor).requires_grad_() : a,
        );
      const ys = list(fn(...xs));
      const wanted = xs.filter((x) => x.requires_grad);
      const gradients = grad(ys, wanted, {
        grad_outputs: args.slice(inputs.length),
        create_graph: true,
        allow_unused: true,
      });
      return gradients.map((g, i) => g ?? (wanted[i].mul(0) as Tensor));
    });
  return gradcheck(first, [...inputs, ...seeds], options);
}
