/** A typed value of generated code: what `a.mul(b).add(1)` builds, and what writes itself when it is needed. */
import { NotSupportedError } from '@sconce/core/backend';
import {
  type Binary,
  type Compare,
  elementLane,
  intLane,
  isVector,
  type Lane,
  opcodes,
  type Shift,
  type Unary,
  vectorLane,
} from './lane.ts';
import type { Fn } from './module.ts';

const extract: Partial<Record<Lane, number>> = { i32x4: 0x11b, i64x2: 0x11d, f32x4: 0x11f, f64x2: 0x121 };
const replace: Partial<Record<Lane, number>> = { i32x4: 0x11c, i64x2: 0x11e, f32x4: 0x120, f64x2: 0x122 };
const splats: Partial<Record<Lane, number>> = { i32x4: 0x111, i64x2: 0x112, f32x4: 0x113, f64x2: 0x114 };
const reinterpret: Partial<Record<`${Lane}>${Lane}`, number>> = {
  'f32>i32': 0xbc,
  'f64>i64': 0xbd,
  'i32>f32': 0xbe,
  'i64>f64': 0xbf,
};

/**
 * `put` writes the instructions that leave the value on the stack, at each use anew: `keep` what is used twice.
 * A number as an operand is a constant of the same lane. Arithmetic wraps as WebAssembly's does; a comparison gives
 * i32 0 or 1, or for vectors a mask of the integer lane.
 */
export class Val {
  constructor(
    readonly fn: Fn,
    readonly lane: Lane,
    readonly put: () => void,
    /** The local that holds it, if one does. */
    readonly slot?: number,
  ) {}

  private unary(op: Unary): Val {
    const code = opcodes[this.lane][op];
    if (code === undefined) throw new NotSupportedError(`wasm: ${op} has no meaning for ${this.lane}`);
    return new Val(this.fn, this.lane, () => {
      this.put();
      this.fn.op(code);
    });
  }

  private binary(op: Binary | Compare, other: Val | number, lane = this.lane): Val {
    const code = opcodes[this.lane][op];
    if (code === undefined) throw new NotSupportedError(`wasm: ${op} has no meaning for ${this.lane}`);
    const b = this.fn.as(this.lane, other);
    return new Val(this.fn, lane, () => {
      this.put();
      b.put();
      this.fn.op(code);
    });
  }

  private compare(op: Compare, other: Val | number): Val {
    return this.binary(op, other, isVector(this.lane) ? intLane[this.lane] : 'i32');
  }

  /** A vector shifts by one count for all elements, modulo the width. */
  private shift(op: Shift, count: number | Val): Val {
    const code = opcodes[this.lane][op]!;
    const lane: Lane = isVector(this.lane) ? 'i32' : this.lane;
    const n = this.fn.as(lane, count);
    return new Val(this.fn, this.lane, () => {
      this.put();
      n.put();
      this.fn.op(code);
    });
  }

  /** Any one-operand instruction. */
  convert(code: number, lane: Lane): Val {
    return new Val(this.fn, lane, () => {
      this.put();
      this.fn.op(code);
    });
  }

  /** Two-byte instructions with the prefix 0xfc: the saturating truncations. */
  convertFc(code: number, lane: Lane): Val {
    return new Val(this.fn, lane, () => {
      this.put();
      this.fn.body.byte(0xfc);
      this.fn.body.byte(code);
    });
  }

  /** Computes it now, into a local. */
  keep(): Val {
    if (this.slot !== undefined) return this;
    const local = this.fn.local(this.lane);
    this.fn.set(local, this);
    return local;
  }

  /** The value at this moment of a local that will change. */
  snapshot(): Val {
    const local = this.fn.local(this.lane);
    this.fn.set(local, this);
    return local;
  }

  set(value: Val | number): void {
    this.fn.set(this, value);
  }

  inc(by: Val | number): void {
    this.fn.set(this, this.add(by));
  }

  k(value: number | bigint): Val {
    return this.fn.const(this.lane, value);
  }

  neg(): Val {
    if (this.lane === 'i32' || this.lane === 'i64') return this.k(0).sub(this);
    return this.unary('neg');
  }
  /** Integers: the lowest stays as it is. */
  abs(): Val {
    if (this.lane !== 'i32' && this.lane !== 'i64') return this.unary('abs');
    const x = this.keep();
    const sign = x.shr(this.lane === 'i32' ? 31 : 63).keep();
    return x.xor(sign).sub(sign);
  }
  sqrt(): Val {
    return this.unary('sqrt');
  }
  floor(): Val {
    return this.unary('floor');
  }
  ceil(): Val {
    return this.unary('ceil');
  }
  trunc(): Val {
    return this.unary('trunc');
  }
  nearest(): Val {
    return this.unary('nearest');
  }

  add(b: Val | number): Val {
    return this.binary('add', b);
  }
  sub(b: Val | number): Val {
    return this.binary('sub', b);
  }
  mul(b: Val | number): Val {
    return this.binary('mul', b);
  }
  div(b: Val | number): Val {
    return this.binary('div', b);
  }
  divU(b: Val | number): Val {
    return this.binary('divU', b);
  }
  rem(b: Val | number): Val {
    return this.binary('rem', b);
  }
  remU(b: Val | number): Val {
    return this.binary('remU', b);
  }
  /** `this * b + c` of four float32, rounded once: f32x4.relaxed_madd, where the engine has it. */
  mulAdd(b: Val, c: Val): Val {
    return new Val(this.fn, this.lane, () => {
      this.put();
      b.put();
      c.put();
      this.fn.op(0x205);
    });
  }

  and(b: Val | number): Val {
    return this.binary('and', b);
  }
  or(b: Val | number): Val {
    return this.binary('or', b);
  }
  xor(b: Val | number): Val {
    return this.binary('xor', b);
  }
  min(b: Val | number): Val {
    return this.binary('min', b);
  }
  max(b: Val | number): Val {
    return this.binary('max', b);
  }
  copysign(b: Val): Val {
    if (!isVector(this.lane)) return this.binary('copysign', b);
    return this.fn.select(this.k(-0), b, this);
  }

  /** `this < k ? k : this` and `this > k ? k : this`: a NaN stays. One instruction each, unlike min and max. */
  atLeast(k: Val | number): Val {
    return isVector(this.lane) ? this.binary('pmax', k) : this.binary('max', k);
  }
  atMost(k: Val | number): Val {
    return isVector(this.lane) ? this.binary('pmin', k) : this.binary('min', k);
  }

  eq(b: Val | number): Val {
    return this.compare('eq', b);
  }
  ne(b: Val | number): Val {
    return this.compare('ne', b);
  }
  lt(b: Val | number): Val {
    return this.compare('lt', b);
  }
  gt(b: Val | number): Val {
    return this.compare('gt', b);
  }
  le(b: Val | number): Val {
    return this.compare('le', b);
  }
  ge(b: Val | number): Val {
    return this.compare('ge', b);
  }
  ltU(b: Val | number): Val {
    return this.compare('ltU', b);
  }
  gtU(b: Val | number): Val {
    return this.compare('gtU', b);
  }
  geU(b: Val | number): Val {
    return this.compare('geU', b);
  }

  shl(n: number | Val): Val {
    return this.shift('shl', n);
  }
  shr(n: number | Val): Val {
    return this.shift('shr', n);
  }
  shrU(n: number | Val): Val {
    return this.shift('shrU', n);
  }

  /** Whether any bit of a vector is set, as an i32. */
  anyTrue(): Val {
    return this.convert(0x153, 'i32');
  }

  /** The sign bits of a vector of four, as an i32. */
  bitmask(): Val {
    return this.convert(0x1a4, 'i32');
  }

  /** Logical not of a comparison's result. */
  not(): Val {
    return isVector(this.lane) ? this.convert(0x14d, this.lane) : this.convert(0x45, 'i32');
  }

  /** The bits read as the integer lane of the same width. */
  bits(): Val {
    const to = intLane[this.lane];
    if (isVector(this.lane)) return new Val(this.fn, to, this.put, this.slot);
    const code = reinterpret[`${this.lane}>${to}`];
    return code === undefined ? this : this.convert(code, to);
  }

  /** The bits read as a float lane of the same width. */
  asFloat(): Val {
    const to: Lane = (
      { i32: 'f32', i64: 'f64', i32x4: 'f32x4', i64x2: 'f64x2' } as Partial<Record<Lane, Lane>>
    )[this.lane]!;
    if (isVector(this.lane)) return new Val(this.fn, to, this.put, this.slot);
    return this.convert(reinterpret[`${this.lane}>${to}`]!, to);
  }

  /** The same 128 bits under another name. */
  as(lane: Lane): Val {
    return new Val(this.fn, lane, this.put, this.slot);
  }

  /** Polynomial with coefficients from the lowest power, by Horner. The value must be kept. */
  poly(coefficients: readonly number[]): Val {
    let r = this.k(coefficients[coefficients.length - 1]!);
    for (let i = coefficients.length - 2; i >= 0; i--) r = r.mul(this).add(coefficients[i]!);
    return r;
  }

  extract(i: number): Val {
    return new Val(this.fn, elementLane[this.lane], () => {
      this.put();
      this.fn.op(extract[this.lane]!);
      this.fn.body.byte(i);
    });
  }

  replace(i: number, element: Val): Val {
    return new Val(this.fn, this.lane, () => {
      this.put();
      element.put();
      this.fn.op(replace[this.lane]!);
      this.fn.body.byte(i);
    });
  }

  splat(): Val {
    const to = vectorLane[this.lane];
    return this.convert(splats[to]!, to);
  }

  /** i8x16.shuffle: bytes 0-15 are this one's, 16-31 the other's. */
  shuffle(other: Val, bytes: readonly number[]): Val {
    return new Val(this.fn, this.lane, () => {
      this.put();
      other.put();
      this.fn.op(0x10d);
      for (const b of bytes) this.fn.body.byte(b);
    });
  }

  /** The shuffle by 32-bit elements: 0-3 this one's, 4-7 the other's. */
  shuffle32(other: Val, lanes: readonly number[]): Val {
    return this.shuffle(
      other,
      lanes.flatMap((l) => [l * 4, l * 4 + 1, l * 4 + 2, l * 4 + 3]),
    );
  }
}
