/** Uniform samples in [from, to): 53 random bits for float64, 24 for float32, 11 for float16, 8 for bfloat16. */
import type { DType, TypedArray } from '../tensor/dtype.ts';
import { encode16, round16 } from '../tensor/float16.ts';
import { fma32, fma64 } from './fma.ts';
import type { Generator } from './generator.ts';

/** `n` samples as `uniform_(from, to)` draws them. */
export function uniform(n: number, dtype: DType, from: number, to: number, generator: Generator): TypedArray {
  if (dtype === 'float64') {
    const out = new Float64Array(n);
    const range = to - from;
    for (let i = 0; i < n; i++) out[i] = fma64(generator.uniform53(), range, from);
    return out;
  }
  const out = new Float32Array(n);
  if (dtype === 'float32') {
    const base = Math.fround(from);
    const range = Math.fround(Math.fround(to) - base);
    if (base === 0 && range === 1) for (let i = 0; i < n; i++) out[i] = generator.uniform24();
    else for (let i = 0; i < n; i++) out[i] = fma32(generator.uniform24(), range, base);
    return out;
  }
  const type = dtype as 'float16' | 'bfloat16';
  const digits = type === 'float16' ? 11 : 8;
  const base = round16(from, type);
  const range = round16(round16(to, type) - base, type);
  for (let i = 0; i < n; i++)
    out[i] = fma32((generator.random() & ((1 << digits) - 1)) * 2 ** -digits, range, base);
  return encode16(out, type);
}
