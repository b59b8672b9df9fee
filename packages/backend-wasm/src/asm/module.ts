/** Functions and modules of WebAssembly, written straight to bytes. */
import { Bytes } from './bytes.ts';
import { isVector, type Lane, wasmType } from './lane.ts';
import { Val } from './val.ts';

/** A function being written. Statements go to `body` in the order of the calls; locals are declared as they come. */
export class Fn {
  readonly body = new Bytes();
  /** Runs once at entry: vector constants live in locals, which V8 keeps out of the loop. */
  private readonly prologue = new Bytes(64);
  private readonly locals: number[] = [];
  private readonly hoisted = new Map<string, number>();
  /** Off for functions without a loop: there a constant is cheapest where it is used. */
  hoists = true;

  constructor(
    readonly module: Module,
    readonly index: number,
    readonly name: string | undefined,
    readonly params: readonly Lane[],
    readonly results: readonly Lane[],
  ) {}

  param(i: number): Val {
    return this.read(i, this.params[i]!);
  }

  private read(local: number, lane: Lane): Val {
    return new Val(this, lane, () => this.get(local), local);
  }

  /** A new local, its number known to the Val; starts as 0. */
  local(lane: Lane): Val {
    this.locals.push(wasmType[lane]);
    return this.read(this.params.length + this.locals.length - 1, lane);
  }

  get(local: number): void {
    this.body.byte(0x20);
    this.body.u(local);
  }

  set(target: Val, value: Val | number): void {
    this.as(target.lane, value).put();
    this.body.byte(0x21);
    this.body.u(target.slot!);
  }

  op(code: number): void {
    if (code >= 0x100) {
      this.body.byte(0xfd);
      this.body.u(code - 0x100);
    } else this.body.byte(code);
  }

  i32(n: number): Val {
    return new Val(this, 'i32', () => this.i32const(n));
  }

  i32const(n: number): void {
    this.body.byte(0x41);
    this.body.s(n);
  }

  /** A constant of any lane; for vectors the same value in every element, in a local set at entry. */
  const(lane: Lane, value: number | bigint): Val {
    if (isVector(lane)) {
      if (!this.hoists) {
        return new Val(this, lane, () => {
          this.op(0x10c);
          writeVector(this.body, lane, value);
        });
      }
      const key = `${lane}:${Object.is(value, -0) ? '-0' : value}`;
      let slot = this.hoisted.get(key);
      if (slot === undefined) {
        slot = this.local(lane).slot!;
        this.hoisted.set(key, slot);
        const p = this.prologue;
        p.byte(0xfd);
        p.u(0x0c);
        writeVector(p, lane, value);
        p.byte(0x21);
        p.u(slot);
      }
      return this.read(slot, lane);
    }
    return new Val(this, lane, () => {
      const b = this.body;
      switch (lane) {
        case 'i32':
          this.i32const(Number(value));
          break;
        case 'i64':
          b.byte(0x42);
          b.s64(BigInt(value));
          break;
        case 'f32':
          b.byte(0x43);
          b.f32(Number(value));
          break;
        default:
          b.byte(0x44);
          b.f64(Number(value));
      }
    });
  }

  /** A vector local to zero by a constant of its own. */
  zero(target: Val): void {
    this.op(0x10c);
    for (let i = 0; i < 16; i++) this.body.byte(0);
    this.body.byte(0x21);
    this.body.u(target.slot!);
  }

  as(lane: Lane, value: Val | number): Val {
    return typeof value === 'number' ? this.const(lane, value) : value;
  }

  /** `condition ? a : b`, both evaluated. For vectors the condition is a mask of all-ones and all-zeros elements. */
  select(condition: Val, a: Val, b: Val | number): Val {
    const other = this.as(a.lane, b);
    return new Val(this, a.lane, () => {
      a.put();
      other.put();
      condition.put();
      this.op(isVector(a.lane) ? 0x152 : 0x1b);
    });
  }

  block(body: () => void): void {
    this.body.byte(0x02);
    this.body.byte(0x40);
    body();
    this.body.byte(0x0b);
  }

  /** `do body while (condition)`. */
  doWhile(body: () => void, condition: () => Val): void {
    this.body.byte(0x03);
    this.body.byte(0x40);
    body();
    condition().put();
    this.brIf(0);
    this.body.byte(0x0b);
  }

  /** `while (condition) body`. */
  while(condition: () => Val, body: () => void): void {
    this.block(() => {
      this.body.byte(0x03);
      this.body.byte(0x40);
      condition().put();
      this.op(0x45);
      this.brIf(1);
      body();
      this.br(0);
      this.body.byte(0x0b);
    });
  }

  if(condition: Val, then: () => void, otherwise?: () => void): void {
    condition.put();
    this.body.byte(0x04);
    this.body.byte(0x40);
    then();
    if (otherwise) {
      this.body.byte(0x05);
      otherwise();
    }
    this.body.byte(0x0b);
  }

  br(depth: number): void {
    this.body.byte(0x0c);
    this.body.u(depth);
  }

  brIf(depth: number): void {
    this.body.byte(0x0d);
    this.body.u(depth);
  }

  return(): void {
    this.body.byte(0x0f);
  }

  /** A call of a function with at most one result. */
  call(callee: Fn, args: readonly (Val | number)[]): Val {
    const lane = callee.results[0] ?? 'i32';
    return new Val(this, lane, () => {
      args.forEach((a, i) => {
        this.as(callee.params[i]!, a).put();
      });
      this.body.byte(0x10);
      this.body.u(callee.index);
    });
  }

  /** Loads with any load opcode; the lane says what comes of it. */
  load(lane: Lane, opcode: number, address: Val, offset = 0): Val {
    return new Val(this, lane, () => {
      address.put();
      this.op(opcode);
      this.body.byte(0);
      this.body.u(offset);
    });
  }

  store(opcode: number, address: Val, value: Val, offset = 0): void {
    address.put();
    value.put();
    this.op(opcode);
    this.body.byte(0);
    this.body.u(offset);
  }

  /** Writes one lane of a vector: `opcode` is v128.storeN_lane. */
  storeLane(opcode: number, address: Val, value: Val, laneIndex: number, offset = 0): void {
    this.store(opcode, address, value, offset);
    this.body.byte(laneIndex);
  }

  loadI32(address: Val, offset = 0): Val {
    return this.load('i32', 0x28, address, offset);
  }

  storeI32(address: Val, value: Val | number, offset = 0): void {
    this.store(0x36, address, this.as('i32', value), offset);
  }

  /** Address of the parameter block of the thread that runs this: what a kernel writes there, no other thread sees. */
  frame(): Val {
    return this.global('frame');
  }

  /** Number of the thread that runs this, 0 for the main one. */
  thread(): Val {
    return this.global('thread');
  }

  private global(name: string): Val {
    const index = this.module.global(name);
    return new Val(this, 'i32', () => {
      this.body.byte(0x23);
      this.body.u(index);
    });
  }

  /** Sets bytes to the lowest byte of `value`. */
  fillMemory(to: Val, value: Val, bytes: Val): void {
    to.put();
    value.put();
    bytes.put();
    for (const b of [0xfc, 11, 0]) this.body.byte(b);
  }

  copyMemory(to: Val, from: Val, bytes: Val): void {
    to.put();
    from.put();
    bytes.put();
    for (const b of [0xfc, 10, 0, 0]) this.body.byte(b);
  }

  /** Bytes of the function in the code section. */
  encode(): Bytes {
    const out = new Bytes(this.body.length + 64);
    const runs: [number, number][] = [];
    for (const type of this.locals) {
      const last = runs[runs.length - 1];
      if (last && last[1] === type) last[0]++;
      else runs.push([1, type]);
    }
    out.u(runs.length);
    for (const [n, type] of runs) {
      out.u(n);
      out.byte(type);
    }
    out.append(this.prologue);
    out.append(this.body);
    out.byte(0x0b);
    return out;
  }
}

function writeVector(b: Bytes, lane: Lane, value: number | bigint): void {
  const wide = lane === 'i64x2' || lane === 'f64x2';
  for (let i = 0; i < (wide ? 2 : 4); i++) writeElement(b, lane, value);
}

function writeElement(b: Bytes, lane: Lane, value: number | bigint): void {
  if (lane === 'f32x4') b.f32(Number(value));
  else if (lane === 'f64x2') b.f64(Number(value));
  else if (lane === 'i64x2') b.i64(BigInt(value));
  else b.i32(Number(value));
}

/** A module that imports one memory and, where it asks, what the thread that runs it has for its own. */
export class Module {
  /** Globals that are imported, numbered as they come. */
  private readonly globals: string[] = [];
  private readonly fns: Fn[] = [];
  private readonly shared = new Map<string, Fn>();

  /** Adds a function; with a name it is exported. */
  fn(
    name: string | undefined,
    params: readonly Lane[],
    results: readonly Lane[],
    build: (f: Fn) => void,
  ): Fn {
    const f = this.declare(name, params, results);
    build(f);
    return f;
  }

  declare(name: string | undefined, params: readonly Lane[], results: readonly Lane[]): Fn {
    const f = new Fn(this, this.fns.length, name, params, results);
    this.fns.push(f);
    return f;
  }

  /** An internal function that is written at its first use. */
  library(key: string, params: readonly Lane[], results: readonly Lane[], build: (f: Fn) => void): Fn {
    let f = this.shared.get(key);
    if (!f) {
      f = this.declare(undefined, params, results);
      this.shared.set(key, f);
      f.hoists = false;
      build(f);
    }
    return f;
  }

  /** The number of an imported global, an i32 that does not change. */
  global(name: string): number {
    const at = this.globals.indexOf(name);
    return at >= 0 ? at : this.globals.push(name) - 1;
  }

  encode(shared: boolean): Uint8Array<ArrayBuffer> {
    const out = new Bytes(1024);
    for (const b of [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) out.byte(b);
    const types: Fn[] = [];
    const typeOf = this.fns.map((f) => {
      const same = types.findIndex((t) => `${t.params}|${t.results}` === `${f.params}|${f.results}`);
      return same >= 0 ? same : types.push(f) - 1;
    });
    section(out, 1, (s) => {
      s.u(types.length);
      for (const t of types) {
        s.byte(0x60);
        for (const lanes of [t.params, t.results]) {
          s.u(lanes.length);
          for (const lane of lanes) s.byte(wasmType[lane]);
        }
      }
    });
    section(out, 2, (s) => {
      s.u(1 + this.globals.length);
      s.text('env');
      s.text('memory');
      s.byte(2);
      // A shared memory is imported with a maximum, here the largest there is.
      s.byte(shared ? 3 : 0);
      s.u(0);
      if (shared) s.u(65536);
      for (const name of this.globals) {
        s.text('env');
        s.text(name);
        s.byte(3);
        s.byte(wasmType.i32);
        s.byte(0);
      }
    });
    section(out, 3, (s) => {
      s.u(typeOf.length);
      for (const t of typeOf) s.u(t);
    });
    const exported = this.fns.filter((f) => f.name !== undefined);
    section(out, 7, (s) => {
      s.u(exported.length);
      for (const f of exported) {
        s.text(f.name!);
        s.byte(0);
        s.u(f.index);
      }
    });
    section(out, 10, (s) => {
      s.u(this.fns.length);
      for (const f of this.fns) {
        const code = f.encode();
        s.u(code.length);
        s.append(code);
      }
    });
    return out.data.slice(0, out.length) as Uint8Array<ArrayBuffer>;
  }
}

function section(out: Bytes, id: number, write: (s: Bytes) => void): void {
  const s = new Bytes();
  write(s);
  out.byte(id);
  out.u(s.length);
  out.append(s);
}
