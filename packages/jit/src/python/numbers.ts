/** Python's numbers as JavaScript values: a whole number is an int, a `PyFloat` or any other number a float; and its arithmetic. */
import { TorchError } from '@sconce/core';
import { PyFloat } from '../ops/core.ts';

/** A float of Python: told from an int where it has a whole value. */
export const float = (value: number): number | PyFloat =>
  Number.isInteger(value) ? new PyFloat(value) : value;

export const isFloat = (value: unknown): value is number | PyFloat =>
  value instanceof PyFloat || (typeof value === 'number' && !Number.isInteger(value));

export const isInt = (value: unknown): value is number | bigint =>
  typeof value === 'bigint' || Number.isInteger(value);

export const isNumber = (value: unknown): boolean =>
  typeof value === 'boolean' || isInt(value) || isFloat(value);

/** The number itself, whatever kind Python has it as. */
export const numberOf = (value: unknown): number =>
  value instanceof PyFloat ? value.value : Number(value as number);

const wholeOperators: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '//': (a, b) => (a - modulo(a, b)) / b,
  '%': (a, b) => modulo(a, b),
  '**': (a, b) => a ** b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >> b,
};

/** The rest has the divisor's sign. */
const modulo = (a: bigint, b: bigint): bigint => ((a % b) + b) % b;

const floatOperators: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '//': (a, b) => Math.floor(a / b),
  '%': (a, b) => a - b * Math.floor(a / b),
  '**': (a, b) => a ** b,
};

/** A whole number as short as it goes. */
export const int = (value: bigint): number | bigint => {
  const short = Number(value);
  return Number.isSafeInteger(short) ? short : value;
};

/** `a op b` of two numbers; undefined where Python has no such operator for them. */
export function arithmetic(op: string, a: unknown, b: unknown): unknown {
  const [left, right] = [numberOf(a), numberOf(b)];
  if (right === 0 && (op === '/' || op === '//' || op === '%'))
    throw new TorchError('ZeroDivisionError: division by zero');
  const areWhole = !isFloat(a) && !isFloat(b) && op !== '/' && !(op === '**' && right < 0);
  if (areWhole) {
    const operate = Object.hasOwn(wholeOperators, op) ? wholeOperators[op] : undefined;
    return operate && int(operate(BigInt(a as number), BigInt(b as number)));
  }
  const operate = Object.hasOwn(floatOperators, op) ? floatOperators[op] : undefined;
  return operate && float(operate(left, right));
}
