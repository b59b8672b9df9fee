/** What a file is: a TorchScript archive or weights, by its bytes and never by its name. */
import { isSafetensors, isZip, loadSafetensors, readZip } from '@sconce/core';
import * as torch from 'sconce';
import { Tensor } from 'sconce';

/** One named value of a checkpoint. */
export interface Entry {
  readonly name: string;
  readonly value: Tensor | string;
}

export type Opened =
  | { readonly kind: 'program'; readonly module: torch.jit.ScriptModule }
  | { readonly kind: 'weights'; readonly format: string; readonly entries: readonly Entry[] };

/** Opens a file's bytes on the backend in use. Rejects with what is wrong with them. */
export async function inspect(bytes: Uint8Array): Promise<Opened> {
  if (bytes.length === 0) throw new Error('the file is empty');
  if (isZip(bytes) && readZip(bytes).names.some((name) => name.endsWith('/constants.pkl'))) {
    const module = await torch.jit.load(bytes);
    module.eval();
    // To be looked at and run, not to be trained: nothing shall be recorded.
    for (const parameter of module.parameters()) parameter.requires_grad_(false);
    return { kind: 'program', module };
  }
  if (isSafetensors(bytes))
    return { kind: 'weights', format: 'safetensors file', entries: flatten('', loadSafetensors(bytes)) };
  return { kind: 'weights', format: 'checkpoint', entries: flatten('', await torch.load(bytes)) };
}

/** Nested dicts and lists as dotted names; what is no tensor as text. */
function flatten(name: string, value: unknown): Entry[] {
  if (value instanceof Tensor) return [{ name: name || '(the tensor)', value }];
  const below = (key: unknown): string => (name === '' ? String(key) : `${name}.${key}`);
  if (value instanceof Map) return [...value].flatMap(([key, inner]) => flatten(below(key), inner));
  if (Array.isArray(value)) return value.flatMap((inner, i) => flatten(below(i), inner));
  return [{ name: name || '(the value)', value: String(value) }];
}

export interface Count {
  readonly tensors: number;
  readonly elements: number;
  readonly bytes: number;
  readonly dtypes: string;
}

const widths: Record<string, number> = {
  float64: 8,
  int64: 8,
  float32: 4,
  int32: 4,
  float16: 2,
  bfloat16: 2,
  int16: 2,
};

/** How many and how large; dtypes with the most elements first. */
export function countOf(tensors: Iterable<Tensor>): Count {
  const byDType = new Map<string, number>();
  let [number, elements, bytes] = [0, 0, 0];
  for (const tensor of tensors) {
    const size = tensor.numel();
    number++;
    elements += size;
    bytes += size * (widths[tensor.dtype] ?? 1);
    byDType.set(tensor.dtype, (byDType.get(tensor.dtype) ?? 0) + size);
  }
  const dtypes = [...byDType].sort((a, b) => b[1] - a[1]).map(([dtype]) => dtype);
  return { tensors: number, elements, bytes, dtypes: dtypes.join(', ') || '–' };
}
