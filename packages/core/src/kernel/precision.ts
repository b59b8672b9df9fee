/** How accurate a convolution has to be: what the user allows a backend, and what is asked of one call. */
import { isInference } from '../autograd/mode.ts';
import type { Backend, ConvKernel } from '../backend/backend.ts';
import { ValueError } from '../errors.ts';

/**
 * 'fast': errors up to 2e-5 of the largest output where nothing is learned from it (under `no_grad`), else as 'precise'.
 * 'precise': any algorithm as accurate as the definition. 'off': the definition.
 */
export type ConvolutionPrecision = 'fast' | 'precise' | 'off';

const values: readonly ConvolutionPrecision[] = ['fast', 'precise', 'off'];
const chosen = new Map<string, ConvolutionPrecision>();

/** What is allowed on the backend of this name. */
export const convolutionPrecision = (backend: string): ConvolutionPrecision => chosen.get(backend) ?? 'fast';

export function setConvolutionPrecision(backend: string, value: ConvolutionPrecision): void {
  if (!values.includes(value))
    throw new ValueError(`winograd is one of ${values.map((v) => `'${v}'`).join(', ')}, not '${value}'`);
  chosen.set(backend, value);
}

let isPrecise = false;

/** Runs `fn` with convolutions as accurate as the definition: for sums that are integers, which are rounded to few steps. */
export function precisely<T>(fn: () => T): T {
  const before = isPrecise;
  isPrecise = true;
  try {
    return fn();
  } finally {
    isPrecise = before;
  }
}

/** What a convolution that is called now asks for. */
export function precisionOf(backend: Backend): ConvKernel['precision'] {
  const allowed = convolutionPrecision(backend.name);
  if (allowed === 'off') return 'exact';
  return allowed === 'fast' && !isPrecise && isInference() ? 'fast' : undefined;
}
