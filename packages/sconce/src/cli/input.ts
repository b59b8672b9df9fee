/** `--input FILE|SHAPE`: a value to call a model with. */
import { readFile } from 'node:fs/promises';
import {
  type DType,
  dtypes,
  fromTypedArray,
  functions,
  isPickle,
  isZip,
  load as loadCheckpoint,
  type NestedArray,
  type Tensor,
  tensor,
} from '@sconce/core';
import { isNpy, readNpy } from './npy.ts';
import { UsageError } from './usage.ts';

/** `1x3x224x224`, `[1, 3, 224, 224]` or `1,3,224,224`, then perhaps `:int64`; a lone number is a shape of one dimension. */
const SHAPE = /^\[?\s*(\d+(?:\s*[x,]\s*\d+)*)\s*\]?(?::(\w+))?$/;

export async function readInput(text: string): Promise<unknown> {
  const match = SHAPE.exec(text);
  return match ? onesOf(match[1], match[2]) : readFileInput(text);
}

function onesOf(sizes: string, dtype = 'float32'): Tensor {
  if (!Object.hasOwn(dtypes, dtype))
    throw new UsageError(`there is no dtype '${dtype}'; there are ${Object.keys(dtypes).join(', ')}`);
  return functions.ones(sizes.split(/[x,]/).map(Number), { dtype }) as Tensor;
}

/** The bytes decide, not the extension: NumPy, what torch.save wrote, else JSON. */
async function readFileInput(path: string): Promise<unknown> {
  const bytes = await readFile(path);
  if (isNpy(bytes)) {
    const { data, shape, dtype } = readNpy(bytes);
    return fromTypedArray(data, shape, dtype);
  }
  if (isZip(bytes) || isPickle(bytes)) return loadCheckpoint(bytes);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new UsageError(`${path} is no .npy, nothing that torch.save wrote, and no JSON`);
  }
  return tensorOf(value) ?? value;
}

/** JSON writes 2.0 as 2, so numbers are float32 unless `{"dtype": …, "data": …}` says otherwise. */
function tensorOf(value: unknown): Tensor | undefined {
  if (Array.isArray(value)) return tensor(value as NestedArray, { dtype: 'float32' });
  if (typeof value !== 'object' || value === null || !('data' in value)) return undefined;
  const { data, dtype = 'float32' } = value as { data: NestedArray; dtype?: DType };
  return tensor(data, { dtype });
}
