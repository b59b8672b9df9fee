/** Small functions of `torch` that are no operators. */
import {
  functions,
  type Generator,
  type NestedArray,
  registeredBackends,
  manual_seed as seedGenerator,
  Tensor,
  type TensorOptions,
  tensor,
} from '@sconce/core';
import type { Functions } from '@sconce/core/functions';

export const empty: Functions['empty'] = (functions as unknown as Functions).empty;

export const is_tensor = (value: unknown): value is Tensor => value instanceof Tensor;

/** The tensor itself where the value is one (of that dtype), else a new one. */
export function as_tensor(data: Tensor | NestedArray, options: TensorOptions = {}): Tensor {
  if (!(data instanceof Tensor)) return tensor(data, options);
  return options.dtype && options.dtype !== data.dtype ? data.to(options.dtype) : data;
}

/** Prints tensors with their values, on every backend. */
export async function print(...values: unknown[]): Promise<void> {
  const shown = await Promise.all(
    values.map(async (v) => (v instanceof Tensor && v.device.type !== 'cpu' ? await v.to('cpu') : v)),
  );
  console.log(...shown.map((v) => (typeof v === 'string' ? v : String(v))));
}

/** Seeds the one generator of all backends, and those that backends' native modules draw from. Returns the generator. */
export function manual_seed(seed: number | bigint): Generator {
  for (const backend of registeredBackends()) backend.manual_seed?.(seed);
  return seedGenerator(seed);
}
