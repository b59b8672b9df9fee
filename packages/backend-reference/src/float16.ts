/** The two 16-bit floats as bits: conversion to and from numbers, to nearest even, through float32 as PyTorch converts. */
const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

export function bfloat16ToNumber(bits: number): number {
  word[0] = bits << 16;
  return float[0];
}

export function numberToBfloat16(value: number): number {
  float[0] = value;
  const bits = word[0];
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

export function numberToFloat16(value: number): number {
  float[0] = value;
  const sign = (word[0] >>> 16) & 0x8000;
  const size = word[0] & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00;
  // 65520 is where rounding reaches the first value above the largest, 65504.
  if (size >= 0x477ff000) return sign | 0x7c00;
  if (size < 0x38800000) return sign | roundToEven(Math.abs(float[0]) * 2 ** 24);
  const bits = size - 0x38000000;
  return sign | ((bits + 0xfff + ((bits >>> 13) & 1)) >>> 13);
}

function roundToEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
}
