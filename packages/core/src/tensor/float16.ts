/** The 16-bit floats: float16 (IEEE binary16) and bfloat16, between their bits and float32, rounding half to even. */

export type Float16DType = 'float16' | 'bfloat16';

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The float16 bits of a float32's bits. NaN becomes the quiet NaN, as in c10::Half. */
function halfBits(x: number): number {
  const sign = (x >>> 16) & 0x8000;
  const magnitude = x & 0x7fffffff;
  if (magnitude >= 0x47800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
  if (magnitude >= 0x38800000) {
    // Half of what is dropped, less one unless the kept part is odd; a carry into the exponent is right as it is.
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >>> 13);
  }
  // Below 2^-14 the last place is 2^-24, which is the last place of a float32 near 0.5: let that addition round.
  bits[0] = magnitude;
  float[0] += 0.5;
  return sign | (bits[0] - 0x3f000000);
}

const brainBits = (x: number): number =>
  (x & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;

let halves: Float32Array | undefined;

/** Every float16 value, by its bits. */
function halfTable(): Float32Array {
  if (halves) return halves;
  const table = new Float32Array(0x10000);
  for (let h = 0; h < 0x8000; h++) {
    const exponent = h >> 10;
    const fraction = h & 0x3ff;
    const value =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 31
          ? fraction
            ? Number.NaN
            : Number.POSITIVE_INFINITY
          : (1 + fraction / 1024) * 2 ** (exponent - 15);
    table[h] = value;
    table[h | 0x8000] = -value;
  }
  return (halves = table);
}

/** The bits of float32 values in a 16-bit float type. A number[] or Float64Array is rounded to float32 first, as PyTorch does. */
export function encode16(values: ArrayLike<number>, dtype: Float16DType): Uint16Array {
  const wide = values instanceof Float32Array ? values : Float32Array.from(values);
  const source = new Uint32Array(wide.buffer, wide.byteOffset, wide.length);
  const out = new Uint16Array(wide.length);
  if (dtype === 'float16') for (let i = 0; i < out.length; i++) out[i] = halfBits(source[i]);
  else for (let i = 0; i < out.length; i++) out[i] = brainBits(source[i]);
  return out;
}

/** The values that 16-bit floats' bits stand for. */
export function decode16(source: Uint16Array, dtype: Float16DType): Float32Array {
  const out = new Float32Array(source.length);
  if (dtype === 'float16') {
    const table = halfTable();
    for (let i = 0; i < out.length; i++) out[i] = table[source[i]];
  } else {
    const wide = new Uint32Array(out.buffer);
    for (let i = 0; i < out.length; i++) wide[i] = source[i] << 16;
  }
  return out;
}

/** A number rounded to the nearest value of a 16-bit float type. */
export function round16(value: number, dtype: Float16DType): number {
  float[0] = value;
  if (dtype === 'float16') return halfTable()[halfBits(bits[0])];
  bits[0] = brainBits(bits[0]) << 16;
  return float[0];
}
