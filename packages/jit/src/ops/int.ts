/** Python's int in 64 bits: a JavaScript number while it is exact, a bigint beyond, wrapping where PyTorch's int64 wraps. */
import { JitError } from '../errors.ts';

export type Int = number | bigint;

/** A 64-bit result in its one representation, so that equal ints are `===`. */
export function int64(value: bigint): Int {
  const wrapped = BigInt.asIntN(64, value);
  return wrapped >= -9007199254740991n && wrapped <= 9007199254740991n ? Number(wrapped) : wrapped;
}

const isSmall = (value: Int): value is number => typeof value === 'number';

export function addInt(a: Int, b: Int): Int {
  if (isSmall(a) && isSmall(b)) {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return int64(BigInt(a) + BigInt(b));
}

export function subInt(a: Int, b: Int): Int {
  if (isSmall(a) && isSmall(b)) {
    const difference = a - b;
    if (Number.isSafeInteger(difference)) return difference;
  }
  return int64(BigInt(a) - BigInt(b));
}

export function mulInt(a: Int, b: Int): Int {
  if (isSmall(a) && isSmall(b)) {
    const product = a * b;
    // The sum turns -0 into 0.
    if (Number.isSafeInteger(product)) return product + 0;
  }
  return int64(BigInt(a) * BigInt(b));
}

export const negInt = (a: Int): Int => (isSmall(a) ? 0 - a : int64(-a));

function checkDivisor(b: Int): void {
  if (b === 0) throw new JitError('ZeroDivisionError', 'division by 0');
}

/** `//`: rounds towards minus infinity. */
export function floorDivInt(a: Int, b: Int): Int {
  checkDivisor(b);
  if (isSmall(a) && isSmall(b)) return floorDivSmall(a, b);
  const [x, y] = [BigInt(a), BigInt(b)];
  const quotient = x / y;
  return int64(x % y !== 0n && x < 0n !== y < 0n ? quotient - 1n : quotient);
}

/** The quotient of exact numbers may round up to the next integer, so it comes from the remainder. */
function floorDivSmall(a: number, b: number): number {
  const remainder = a % b;
  const quotient = Math.round((a - remainder) / b);
  return (remainder !== 0 && remainder < 0 !== b < 0 ? quotient - 1 : quotient) + 0;
}

/** Rounds towards zero, as C does. */
export function truncDivInt(a: Int, b: Int): Int {
  checkDivisor(b);
  return int64(BigInt(a) / BigInt(b));
}

/** `%`: takes the divisor's sign. */
export function remainderInt(a: Int, b: Int): Int {
  checkDivisor(b);
  if (isSmall(a) && isSmall(b)) {
    const rest = a % b;
    return (rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest) + 0;
  }
  const [x, y] = [BigInt(a), BigInt(b)];
  const rest = x % y;
  return int64(rest !== 0n && rest < 0n !== y < 0n ? rest + y : rest);
}

export function powInt(a: Int, b: Int): Int {
  if (BigInt(b) < 0n) return 0;
  let result = 1n;
  let base = BigInt.asIntN(64, BigInt(a));
  for (let e = BigInt(b); e > 0n; e >>= 1n) {
    if (e & 1n) result = BigInt.asIntN(64, result * base);
    base = BigInt.asIntN(64, base * base);
  }
  return int64(result);
}

export const bitwise =
  (op: (a: bigint, b: bigint) => bigint) =>
  (a: Int, b: Int): Int =>
    int64(op(BigInt(a), BigInt(b)));

export function shiftLeft(a: Int, b: Int): Int {
  const by = BigInt(b);
  return by < 0n || by > 63n ? 0 : int64(BigInt(a) << by);
}

export const shiftRight = (a: Int, b: Int): Int =>
  int64(BigInt(a) >> (BigInt(b) < 0n ? 0n : BigInt(b) > 63n ? 63n : BigInt(b)));

/** A float cut to an int, as C's cast does for values in range. */
export function truncToInt(value: number): Int {
  const whole = Math.trunc(value) + 0;
  if (Number.isSafeInteger(whole)) return whole;
  // Not a number, infinite or out of range: what x86's conversion gives.
  return Math.abs(whole) < 2 ** 63 ? BigInt(whole) : -(2n ** 63n);
}
