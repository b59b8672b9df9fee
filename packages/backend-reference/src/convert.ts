/** Conversion of values from one dtype to another, as PyTorch's `to`. */
import { type DType, isFloat, round16 } from '@sconce/core';
import { allocateValues, type Values } from './values.ts';

/** `values`, which may also be sums in a wider array, as `to`. Returns the same array where nothing changes. */
export function convert(values: Values, from: DType, to: DType): Values {
  if (from === to && values.constructor === allocateValues(to, 0).constructor) return values;
  const result = allocateValues(to, values.length);
  const convertOne = conversion(values instanceof BigInt64Array, from, to);
  if (!convertOne) (result as Float64Array).set(values as Float64Array);
  else for (let i = 0; i < values.length; i++) result[i] = convertOne(values[i] as never);
  return result;
}

type Conversion = (value: never) => number | bigint;

/** What is left to do beyond what assigning to the target's typed array does (wrapping, rounding to float32), if anything. */
function conversion(fromBigint: boolean, from: DType, to: DType): Conversion | undefined {
  switch (to) {
    case 'bool':
      return (value: number | bigint) => (value === 0 || value === 0n ? 0 : 1);
    case 'int64':
      return fromBigint ? undefined : isFloat(from) ? truncateToInt64 : (value: number) => BigInt(value);
    case 'float16':
    case 'bfloat16': {
      // Through float32, as PyTorch converts.
      const round = (value: number) => round16(value, to);
      return fromBigint ? (value: bigint) => round(int64ToFloat32(value)) : round;
    }
    case 'float32':
      return fromBigint ? int64ToFloat32 : undefined;
    case 'float64':
      return fromBigint ? (value: bigint) => Number(value) : undefined;
    default:
      if (fromBigint) return (value: bigint) => Number(BigInt.asIntN(32, value));
      return isFloat(from) ? (value: number) => (Math.abs(value) < 2 ** 63 ? value : 0) : undefined;
  }
}

/** Out of range and NaN: the least int64, which is what x86 gives. */
const truncateToInt64 = (value: number): bigint =>
  Math.abs(value) < 2 ** 63 ? BigInt(Math.trunc(value)) : -(2n ** 63n);

/** Rounds once: through a double it would round twice, so the bits that a double cannot hold are folded into its last. */
function int64ToFloat32(value: bigint): number {
  if (value >= -(2n ** 53n) && value <= 2n ** 53n) return Math.fround(Number(value));
  const high = value >> 11n;
  return Math.fround(Number(high << 11n === value ? high : high | 1n)) * 2 ** 11;
}
