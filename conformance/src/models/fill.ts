/** Our own generator of weights and inputs, the same to the bit as fill.py; README.md says what it computes. */

/** The seed of every committed golden. */
export const SEED = 20261121;

/** MurmurHash3's 32-bit finaliser. */
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/** FNV-1a over the UTF-8 bytes of the name, started from the seed. */
export function nameHash(name: string, seed: number = SEED): number {
  let hash = 2166136261 ^ seed;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 16777619);
  return hash >>> 0;
}

/** Values in (-bound, bound): odd multiples of 2^-24, times the bound, rounded once to float32. */
export function uniform(
  name: string,
  shape: readonly number[],
  bound: number,
  seed: number = SEED,
): Float32Array<ArrayBuffer> {
  const hash = nameHash(name, seed);
  const scale = Math.fround(bound) * 2 ** -24;
  const values = new Float32Array(count(shape));
  for (let i = 0; i < values.length; i++) {
    const bits = mix(mix(i) ^ hash) >>> 8;
    values[i] = (2 * bits + 1 - 2 ** 24) * scale;
  }
  return values;
}

/** A parameter by its name and shape; which rule holds for which is in README.md. */
export function weight(
  name: string,
  shape: readonly number[],
  seed: number = SEED,
): Float32Array<ArrayBuffer> {
  if (shape.length < 2) {
    const scales = name.slice(name.lastIndexOf('.') + 1).startsWith('weight');
    return scales
      ? uniform(name, shape, 0.25, seed).map((v) => 1 + v)
      : uniform(name, shape, 0.125, seed).map((v) => 0.5 + v);
  }
  if (shape[0] === 1) return uniform(name, shape, 0.5, seed);
  const gain = shape.length >= 4 ? 6 : 3;
  return uniform(name, shape, Math.sqrt(gain / count(shape.slice(1))), seed);
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
