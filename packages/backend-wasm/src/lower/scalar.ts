/** Every scalar operation, in every lane: the one table that gives expressions their instructions. */
import type { ComputeType, ScalarOp } from '@sconce/core/backend';
import { isFloatLane, isVector } from '../asm/lane.ts';
import type { Val } from '../asm/val.ts';
import { FAULT } from '../memory/heap.ts';
import type { Width } from './element.ts';
import { type MathOp, math } from './math.ts';

/** Writes the operation; arguments are kept, `type` is the dtype of the arguments (for `where`, of the branches). */
type Emit = (args: readonly Val[], type: ComputeType) => Val;

export const FAULT_DIVISION = 1;
export const FAULT_INDEX = 2;

/** Integer division that never traps: a zero divisor is recorded, and the lowest by -1 wraps. */
function divide(a: Val, b: Val, remainder: boolean): Val {
  const { fn } = a;
  fn.if(b.eq(b.k(0)), () => fn.storeI32(fn.i32(FAULT), FAULT_DIVISION));
  // For 0 and -1 divide by 1 instead and mend the result.
  const plain = b.add(b.k(1)).gtU(b.k(1));
  const divisor = fn.select(plain, b, b.k(1)).keep();
  if (remainder) return a.rem(divisor);
  return fn.select(b.eq(b.k(-1)), b.k(0).sub(a), a.div(divisor));
}

function integerPower(a: Val, b: Val): Val {
  const { fn } = a;
  const result = fn.local(a.lane);
  const base = fn.local(a.lane);
  const n = fn.local(b.lane);
  result.set(a.k(1));
  base.set(a);
  n.set(b);
  // A negative exponent does not occur; as an unsigned one it still ends.
  fn.while(
    () => n.ne(n.k(0)),
    () => {
      fn.if(n.and(n.k(1)).ne(n.k(0)), () => result.set(result.mul(base)));
      base.set(base.mul(base));
      n.set(n.shrU(1));
    },
  );
  return result;
}

/** A shift by the width or more gives 0, or all sign bits. */
function shifted(a: Val, b: Val, left: boolean): Val {
  const width = a.lane === 'i64' ? 64 : 32;
  const { fn } = a;
  const inside = b.ltU(b.k(width));
  if (left) return fn.select(inside, a.shl(b), a.k(0));
  return a.shr(fn.select(inside, b, b.k(width - 1)).keep());
}

const less = (a: Val, b: Val, type: ComputeType, keepSmaller: boolean): Val => {
  if (type === 'bool') return keepSmaller ? a.and(b) : a.or(b);
  if (isFloatLane(a.lane) || a.lane === 'i32x4') return keepSmaller ? a.min(b) : a.max(b);
  return a.fn.select(keepSmaller ? a.lt(b) : a.gt(b), a, b);
};

/** bool comparisons: a mask has the sign of -1, so order flips; through 0 and 1 it does not matter for eq and ne. */
const compare =
  (op: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge'): Emit =>
  ([a, b], type) => {
    if (type === 'bool' && isVector(a!.lane)) {
      const flipped = { eq: 'eq', ne: 'ne', lt: 'gt', le: 'ge', gt: 'lt', ge: 'le' } as const;
      return a![flipped[op]](b!);
    }
    return a![op](b!);
  };

const fn1 =
  (op: MathOp): Emit =>
  (args) =>
    math(op, args);

const emit: Readonly<Record<ScalarOp, Emit>> = {
  add: ([a, b]) => a!.add(b!),
  sub: ([a, b]) => a!.sub(b!),
  mul: ([a, b]) => a!.mul(b!),
  div: ([a, b]) => (isFloatLane(a!.lane) ? a!.div(b!) : divide(a!, b!, false)),
  rem: ([a, b]) => (isFloatLane(a!.lane) ? math('rem', [a!, b!]) : divide(a!, b!, true)),
  neg: ([a]) => a!.neg(),
  abs: ([a]) => a!.abs(),
  min: ([a, b], type) => less(a!, b!, type, true),
  max: ([a, b], type) => less(a!, b!, type, false),
  pow: ([a, b]) => (isFloatLane(a!.lane) ? math('pow', [a!, b!]) : integerPower(a!, b!)),
  atan2: fn1('atan2'),
  sqrt: ([a]) => a!.sqrt(),
  exp: fn1('exp'),
  expm1: fn1('expm1'),
  log: fn1('log'),
  log1p: fn1('log1p'),
  log2: fn1('log2'),
  log10: fn1('log10'),
  sin: fn1('sin'),
  cos: fn1('cos'),
  tan: fn1('tan'),
  asin: fn1('asin'),
  acos: fn1('acos'),
  atan: fn1('atan'),
  sinh: fn1('sinh'),
  cosh: fn1('cosh'),
  tanh: fn1('tanh'),
  asinh: fn1('asinh'),
  acosh: fn1('acosh'),
  atanh: fn1('atanh'),
  erf: fn1('erf'),
  erfc: fn1('erfc'),
  erfinv: fn1('erfinv'),
  lgamma: fn1('lgamma'),
  digamma: fn1('digamma'),
  floor: ([a]) => a!.floor(),
  ceil: ([a]) => a!.ceil(),
  trunc: ([a]) => a!.trunc(),
  round: ([a]) => a!.nearest(),
  isnan: ([a]) => a!.ne(a!),
  isinf: ([a]) => a!.abs().eq(Infinity),
  eq: compare('eq'),
  ne: compare('ne'),
  lt: compare('lt'),
  le: compare('le'),
  gt: compare('gt'),
  ge: compare('ge'),
  and: ([a, b]) => a!.and(b!),
  or: ([a, b]) => a!.or(b!),
  xor: ([a, b]) => a!.xor(b!),
  not: ([a], type) => {
    if (type === 'bool') return a!.not();
    return isVector(a!.lane) ? a!.not() : a!.xor(a!.k(-1));
  },
  shl: ([a, b]) => shifted(a!, b!, true),
  shr: ([a, b]) => shifted(a!, b!, false),
  where: ([c, a, b]) => c!.fn.select(c!, a!, b!),
};

export function scalarOp(op: ScalarOp, args: readonly Val[], type: ComputeType): Val {
  return emit[op](args, type);
}

/** Integer operations that a vector cannot do, or not well. */
const notForInts = new Set<ScalarOp>(['div', 'rem', 'pow', 'shl', 'shr']);
const slowForInt64 = new Set<ScalarOp>(['mul', 'min', 'max']);

/** Whether the operation has vector code at this width, for arguments of this type. */
export function isVectorOp(op: ScalarOp, type: ComputeType, width: Width): boolean {
  if (type === 'int32' || type === 'int64') {
    if (notForInts.has(op)) return false;
    if (width === 2 && slowForInt64.has(op)) return false;
  }
  return true;
}
