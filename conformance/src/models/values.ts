/** TorchScript's values as plain data: what a manifest says, with its tensors read from the case's blob. */
import { uniform } from './fill.ts';

export type TensorData = Float32Array | Float64Array | BigInt64Array | Int32Array | Int8Array | Uint8Array;

export type Value =
  | { readonly kind: 'none' }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'str'; readonly value: string }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'float'; readonly value: number }
  | {
      readonly kind: 'tensor';
      readonly dtype: keyof typeof arrays;
      readonly shape: readonly number[];
      readonly data: TensorData;
      /** Of numbers that were quantised: how far apart neighbours are. */
      readonly quantum?: number;
    }
  | { readonly kind: 'tuple' | 'list'; readonly items: readonly Value[] }
  | { readonly kind: 'dict'; readonly entries: readonly (readonly [Value, Value])[] };

/** The manifest's form; README.md beside the archives has the table. */
export type Stored =
  | null
  | boolean
  | string
  | { readonly int: string }
  | { readonly float: string }
  | {
      readonly tensor: {
        readonly dtype: keyof typeof arrays;
        readonly shape: readonly number[];
        readonly offset: number;
        readonly quantum?: number;
      };
    }
  | { readonly uniform: { readonly name: string; readonly shape: readonly number[]; readonly bound: number } }
  | { readonly tuple: readonly Stored[] }
  | { readonly list: readonly Stored[] }
  | { readonly dict: readonly (readonly [Stored, Stored])[] };

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  bool: Uint8Array,
} as const;

export function readValue(stored: Stored, blob: Uint8Array): Value {
  if (stored === null) return { kind: 'none' };
  if (typeof stored === 'boolean') return { kind: 'bool', value: stored };
  if (typeof stored === 'string') return { kind: 'str', value: stored };
  if ('int' in stored) return { kind: 'int', value: BigInt(stored.int) };
  if ('float' in stored) return { kind: 'float', value: pythonFloat(stored.float) };
  if ('uniform' in stored) {
    const { name, shape, bound } = stored.uniform;
    return { kind: 'tensor', dtype: 'float32', shape, data: uniform(name, shape, bound) };
  }
  if ('tensor' in stored) {
    const { dtype, shape, offset, quantum } = stored.tensor;
    const count = shape.reduce((product, size) => product * size, 1);
    const bytes = blob.slice(offset, offset + count * arrays[dtype].BYTES_PER_ELEMENT);
    return { kind: 'tensor', dtype, shape, data: new arrays[dtype](bytes.buffer), quantum };
  }
  if ('tuple' in stored) return { kind: 'tuple', items: stored.tuple.map((item) => readValue(item, blob)) };
  if ('list' in stored) return { kind: 'list', items: stored.list.map((item) => readValue(item, blob)) };
  return {
    kind: 'dict',
    entries: stored.dict.map(([key, value]) => [readValue(key, blob), readValue(value, blob)] as const),
  };
}

/** Python's repr: `inf`, `-inf` and `nan` besides what Number reads. */
function pythonFloat(text: string): number {
  return Number(text.replace('inf', 'Infinity').replace('nan', 'NaN'));
}
