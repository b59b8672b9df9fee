/**
 * Transposed convolutions with steps. Outputs that are a step apart meet the same taps, every so many of the window: each
 * such phase of the output is a transposed convolution without steps, where spreading the input would multiply by zeros.
 */
import type { ConvKernel, Executable, View } from '@sconce/core/backend';

/** Whether a kernel is one of those. */
export const hasPhases = (kernel: ConvKernel): boolean =>
  kernel.transposed && kernel.stride.some((s) => s > 1) && kernel.dilation.every((d) => d === 1);

/** What a phase takes in one dim: taps from `tap` on, outputs from `from` on, and the padding of what is left. */
interface Phase {
  readonly tap: number;
  readonly from: number;
  readonly padding: number;
}

/** Outputs o with (o + padding) % step == tap meet the taps `tap`, `tap + step`, …: o + padding = step * (input + j) + tap. */
function phasesOf(step: number, padding: number): Phase[] {
  return Array.from({ length: step }, (_, tap) => {
    const from = (((tap - padding) % step) + step) % step;
    return { tap, from, padding: (from + padding - tap) / step };
  });
}

/** Every `step`-th element of dim `dim` from `from` on. */
function every(v: View, dim: number, from: number, step: number): View {
  const size = Math.max(0, Math.ceil((v.shape[dim]! - from) / step));
  return {
    memory: v.memory,
    dtype: v.dtype,
    shape: v.shape.map((n, d) => (d === dim ? size : n)),
    strides: v.strides.map((s, d) => (d === dim ? s * step : s)),
    offset: v.offset + (size > 0 ? from * v.strides[dim]! : 0),
  };
}

/** The kernel as its phases; `compile` makes what runs one of them. */
export function compilePhases(kernel: ConvKernel, compile: (kernel: ConvKernel) => Executable): Executable {
  const { stride, padding } = kernel;
  let all: Phase[][] = [[]];
  stride.forEach((step, d) => {
    const own = phasesOf(step, padding[d]!);
    all = all.flatMap((list) => own.map((p) => [...list, p]));
  });
  const compiled = new Map<string, Executable>();
  const runs = all.map((list) => {
    const own = list.map((p) => p.padding);
    let run = compiled.get(`${own}`);
    if (!run) {
      run = compile({ ...kernel, stride: stride.map(() => 1), padding: own });
      compiled.set(`${own}`, run);
    }
    return run;
  });
  return (outputs, inputs, scalars) => {
    all.forEach((list, i) => {
      const cut = (v: View): View => list.reduce((u, p, d) => every(u, d + 2, p.from, stride[d]!), v);
      const [x, w, ...others] = inputs as [View, View, ...View[]];
      const weight = list.reduce((u, p, d) => every(u, d + 2, p.tap, stride[d]!), w);
      runs[i]!([cut(outputs[0]!)], [x, weight, ...others.map(cut)], scalars);
    });
  };
}
