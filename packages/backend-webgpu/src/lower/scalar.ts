/** Every scalar operation in every type: the table that gives expressions their WGSL. */
import type { ScalarOp } from '@sconce/core';
import type { Value, Writer } from './lower.ts';

type Type = 'bool' | 'i32' | 'i64' | 'f32';
type Emit = (w: Writer, a: string, b: string, args: readonly Value[]) => string;

const infix =
  (operator: string): Emit =>
  (_, a, b) =>
    `${a} ${operator} ${b}`;
const prefix =
  (operator: string): Emit =>
  (_, a) =>
    `${operator}${a}`;
/** A builtin, or a function of the library. */
const builtin =
  (f: string): Emit =>
  (_, a, b, args) =>
    args.length > 1 ? `${f}(${a}, ${b})` : `${f}(${a})`;
const library =
  (f: string): Emit =>
  (w, a, b, args) =>
    args.length > 1 ? w.call(f, a, b) : w.call(f, a);

const isZero = { i32: (b: string) => `${b} == 0`, i64: (b: string) => `(${b}.x | ${b}.y) == 0u` };

/** Integer division: a zero divisor is recorded, and the result then means nothing. */
const division =
  (type: 'i32' | 'i64', op: 'div' | 'rem'): Emit =>
  (w, a, b, args) => {
    const divisor = args[1]!.constant;
    if (divisor === undefined || Number(divisor) === 0)
      w.lines.push(
        `if (${isZero[type](divisor === undefined ? b : w.name(b))}) { ${w.shader.fault('division')} }`,
      );
    return w.call(`${type}_${op}`, a, b);
  };

const isNumber = (v: Value): boolean => v.constant !== undefined && !Number.isNaN(Number(v.constant));

/** A comparison with NaN is false, so the argument that may be NaN is what the comparison falls back to. */
const extreme =
  (operator: '<' | '>'): Emit =>
  (w, a, b, args) => {
    const flipped = operator === '<' ? '>' : '<';
    if (isNumber(args[1]!)) return `select(${a}, ${b}, ${a} ${flipped} ${b})`;
    if (isNumber(args[0]!)) return `select(${b}, ${a}, ${b} ${flipped} ${a})`;
    return `select(${b}, ${a}, (${a} ${operator} ${b}) | ${w.call('f32_isnan', a)})`;
  };

const comparisons: Partial<Record<ScalarOp, Emit>> = {
  eq: infix('=='),
  ne: infix('!='),
  lt: infix('<'),
  le: infix('<='),
  gt: infix('>'),
  ge: infix('>='),
};

const bool: Partial<Record<ScalarOp, Emit>> = {
  and: infix('&'),
  or: infix('|'),
  xor: infix('!='),
  not: prefix('!'),
  min: infix('&'),
  max: infix('|'),
  eq: infix('=='),
  ne: infix('!='),
  lt: (_, a, b) => `!${a} & ${b}`,
  le: (_, a, b) => `!${a} | ${b}`,
  gt: (_, a, b) => `${a} & !${b}`,
  ge: (_, a, b) => `${a} | !${b}`,
};

const i32: Partial<Record<ScalarOp, Emit>> = {
  ...comparisons,
  add: infix('+'),
  sub: infix('-'),
  mul: infix('*'),
  div: division('i32', 'div'),
  rem: division('i32', 'rem'),
  neg: prefix('-'),
  abs: builtin('abs'),
  min: builtin('min'),
  max: builtin('max'),
  pow: library('i32_pow'),
  and: infix('&'),
  or: infix('|'),
  xor: infix('^'),
  not: prefix('~'),
  shl: library('i32_shl'),
  shr: library('i32_shr'),
};

const i64: Partial<Record<ScalarOp, Emit>> = {
  add: library('i64_add'),
  sub: library('i64_sub'),
  mul: library('i64_mul'),
  div: division('i64', 'div'),
  rem: division('i64', 'rem'),
  neg: library('i64_neg'),
  abs: library('i64_abs'),
  min: (w, a, b) => `select(${b}, ${a}, ${w.call('i64_lt', a, b)})`,
  max: (w, a, b) => `select(${a}, ${b}, ${w.call('i64_lt', a, b)})`,
  pow: library('i64_pow'),
  eq: (_, a, b) => `all(${a} == ${b})`,
  ne: (_, a, b) => `any(${a} != ${b})`,
  lt: (w, a, b) => w.call('i64_lt', a, b),
  le: (w, a, b) => `!${w.call('i64_lt', b, a)}`,
  gt: (w, a, b) => w.call('i64_lt', b, a),
  ge: (w, a, b) => `!${w.call('i64_lt', a, b)}`,
  and: infix('&'),
  or: infix('|'),
  xor: infix('^'),
  not: prefix('~'),
  shl: library('i64_shl'),
  shr: library('i64_shr'),
};

const f32: Partial<Record<ScalarOp, Emit>> = {
  ...comparisons,
  // What WGSL's `!=` says of NaN differs between compilers.
  ne: (_, a, b) => `!(${a} == ${b})`,
  add: infix('+'),
  sub: infix('-'),
  mul: infix('*'),
  div: infix('/'),
  neg: prefix('-'),
  abs: builtin('abs'),
  min: extreme('<'),
  max: extreme('>'),
  sqrt: builtin('sqrt'),
  floor: builtin('floor'),
  ceil: builtin('ceil'),
  trunc: builtin('trunc'),
  round: builtin('round'),
  isnan: library('f32_isnan'),
  isinf: (_, a) => `(bitcast<u32>(${a}) & 0x7fffffffu) == 0x7f800000u`,
};

const tables: Readonly<Record<Type, Partial<Record<ScalarOp, Emit>>>> = { bool, i32, i64, f32 };

/** The operation's text. Arguments are names or literals, so they may be repeated; int64s are all short or none is. */
export function scalarOp(w: Writer, op: ScalarOp, args: readonly Value[]): string {
  const texts = args.map((a) => a.text);
  if (op === 'where') return `select(${texts[2]}, ${texts[1]}, ${texts[0]})`;
  const { dtype, isShort } = args[0]!;
  const type: Type =
    dtype === 'bool' ? 'bool' : dtype === 'int32' || isShort ? 'i32' : dtype === 'int64' ? 'i64' : 'f32';
  const emit = tables[type][op] ?? library(`${type}_${op}`);
  return emit(w, texts[0]!, texts[1] ?? '', args);
}
