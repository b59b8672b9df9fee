/** Small functions of `torch` that are no operators. */
import {
  canReadNow,
  Device,
  formatTensor,
  functions,
  type Generator,
  get_default_dtype,
  isQuantized,
  listsOf,
  type NestedArray,
  printedQuantizer,
  quantizerOf,
  registeredBackends,
  manual_seed as seedGenerator,
  Tensor,
  type TensorOptions,
  tensor,
} from '@sconce/core';
import type { Functions } from '@sconce/core/functions';

export const empty: Functions['empty'] = (functions as unknown as Functions).empty;

export type device = Device;

/** PyTorch's `torch.device`: `device('cpu')`, `device('webgpu:0')`, `device('webgpu', 0)`. */
export function device(name: string, index: number | null = null): Device {
  const [type, after] = name.split(':');
  return new Device(type, after === undefined ? index : Number(after));
}

export const is_tensor = (value: unknown): value is Tensor => value instanceof Tensor;

/** The tensor itself where the value is one (of that dtype), else a new one. */
export function as_tensor(data: Tensor | NestedArray, options: TensorOptions = {}): Tensor {
  if (!(data instanceof Tensor)) return tensor(data, options);
  return options.dtype && options.dtype !== data.dtype ? data.to(options.dtype) : data;
}

/** The text of a tensor with its values, which are read where the host cannot see them. */
async function textOf(t: Tensor): Promise<string> {
  if (canReadNow(t)) return String(t);
  const isNumbers = !isQuantized(t.dtype);
  const values = isNumbers ? t.detach() : (t.dequantize() as Tensor);
  const lists = isNumbers ? [] : await Promise.all(listsOf(t).map((list) => list.data()));
  return formatTensor(await values.data(), t.shape, t.dtype, {
    ...(!isNumbers && { quantizer: printedQuantizer(quantizerOf(t), lists) }),
    ...(t.device.type !== 'cpu' && { device: t.device.type }),
    grad_fn: t.grad_fn?.name ?? null,
    requires_grad: t.requires_grad,
    default_dtype: get_default_dtype(),
  });
}

/** Prints tensors with their values, on every backend. */
export async function print(...values: unknown[]): Promise<void> {
  const shown = await Promise.all(
    values.map((v) => (v instanceof Tensor ? textOf(v) : typeof v === 'string' ? v : String(v))),
  );
  console.log(...shown);
}

/** Seeds the one generator of all backends, and those that backends' native modules draw from. Returns the generator. */
export function manual_seed(seed: number | bigint): Generator {
  for (const backend of registeredBackends()) backend.manual_seed?.(seed);
  return seedGenerator(seed);
}
