/** Where the elements of a product lie, as WGSL: of rows and columns once, of k step by step. */
import type { DType } from '@sconce/core';
import { storageType } from '../../memory.ts';
import type { Shader } from '../../shader.ts';
import type { Form } from './geometry.ts';

/** The operands of a product's shader: the output, a, b, and what `finish` reads. */
export const [OUT, A, B, REST] = [0, 1, 2, 3];

/** Statements, and the names that they give. */
export class Lines {
  readonly lines: string[] = [];
  constructor(readonly shader: Shader) {}

  let(text: string): string {
    const name = this.shader.name();
    this.lines.push(`let ${name} = ${text};`);
    return name;
  }

  get text(): string {
    return this.lines.join('\n');
  }
}

/** Columns of b: i32 names, or vec4<i32> names of four columns. */
export interface Column {
  /** The offset in b of tap 0. */
  readonly base: string;
  /** Per window dim, the index of tap 0. */
  readonly places: readonly string[];
}

/** A place in k: i32 names. */
export interface Place {
  readonly a: string;
  readonly b: string;
  /** Per window dim, what the tap adds to the index. */
  readonly places: readonly string[];
}

interface Dim {
  readonly stride: string;
  readonly positions: string;
  readonly step: string;
  readonly before: string;
  readonly limit: string;
  readonly tap: string;
  readonly spread: string;
  readonly after: string;
  readonly reciprocal: string;
}

export class Address {
  readonly rows: string;
  readonly columns: string;
  readonly inner: string;
  private readonly a: readonly string[];
  private readonly b: readonly string[];
  private readonly dims: readonly Dim[];
  /** Numbers of each target: offset, and steps by group, row, sample and positions. Not lets of `main`. */
  readonly targets: readonly (readonly string[])[];
  private readonly lines: Lines;

  /** Asks for the numbers that `pushGeometry` pushes. */
  constructor(
    readonly shader: Shader,
    readonly form: Form,
    dtype: DType,
  ) {
    this.type = storageType[dtype]!;
    this.lines = new Lines(shader);
    const number = (): string => this.lines.let(shader.i32());
    [this.rows, this.columns, this.inner] = [number(), number(), number()];
    this.a = [number(), number(), number(), number()];
    this.b = [number(), number(), number(), number()];
    this.dims = form.checked.map((isChecked) => ({
      stride: number(),
      positions: number(),
      step: number(),
      before: number(),
      limit: isChecked ? number() : '',
      tap: form.hasTaps ? number() : '',
      spread: form.hasTaps ? number() : '',
      after: form.hasTaps ? number() : '',
      reciprocal: form.hasTaps ? this.lines.let(shader.f32()) : '',
    }));
    this.targets = Array.from({ length: form.targets }, () =>
      Array.from({ length: 4 + form.dims }, () => shader.i32()),
    );
  }

  /** The WGSL type of a's and b's elements. */
  readonly type: string;

  /** Statements that come first in `main`. */
  get head(): string {
    return this.lines.text;
  }

  /** The offset in a of row `m`, without that of k. */
  row(group: string, m: string): string {
    const [offset, byGroup, byRow] = this.a;
    return `${offset} + ${group} * ${byGroup} + (${m}) * ${byRow}`;
  }

  /** What a row adds to the offset of the row before it. */
  get nextRow(): string {
    return this.a[2]!;
  }

  /** A column's sample and positions; `n` is an i32 or vec4<i32> name. */
  split(lines: Lines, n: string): { sample: string; positions: string[] } {
    const positions: string[] = [];
    let rest = n;
    for (let d = this.dims.length - 1; d >= 0; d--) {
      const size = this.dims[d]!.positions;
      const next = lines.let(`${rest} / ${size}`);
      positions[d] = lines.let(`${rest} - ${next} * ${size}`);
      rest = next;
    }
    return { sample: rest, positions };
  }

  /** Columns `n`, a name of an i32 or a vec4<i32>. */
  column(lines: Lines, group: string, n: string): Column {
    const { sample, positions } = this.split(lines, n);
    const [offset, byGroup, bySample] = this.b;
    const places = this.dims.map(({ step, before }, d) => lines.let(`${positions[d]} * ${step} + ${before}`));
    const inDims = places.map((p, d) => ` + ${p} * ${this.dims[d]!.stride}`).join('');
    return {
      base: lines.let(`${sample} * ${bySample} + (${offset} + ${group} * ${byGroup})${inDims}`),
      places,
    };
  }

  /** Place `k`, an i32 name. */
  place(lines: Lines, k: string): Place {
    const [byA, byB] = [this.a[3]!, this.b[3]!];
    if (!this.form.hasTaps)
      return {
        a: lines.let(`${k} * ${byA}`),
        b: lines.let(`${k} * ${byB}`),
        places: this.dims.map(() => '0'),
      };
    // Quotients by way of floats: exact below MOST_INNER, and much faster than dividing integers.
    let rest = k;
    const quotients = this.dims.map(({ after, reciprocal }) => {
      const q = lines.let(`i32((f32(${rest}) + 0.5f) * ${reciprocal})`);
      rest = lines.let(`${rest} - ${q} * ${after}`);
      return q;
    });
    // The first is the channel, and each dim's tap is the quotient after it; the last dim's is what is left.
    const [channel, ...taps] = [...quotients, rest];
    const places = this.dims.map(({ spread }, d) => lines.let(`${taps[d]} * ${spread}`));
    const inA = this.dims.map(({ tap }, d) => ` + ${taps[d]} * ${tap}`).join('');
    const inB = this.dims.map(({ stride }, d) => ` + ${places[d]} * ${stride}`).join('');
    return { a: lines.let(`${channel} * ${byA}${inA}`), b: lines.let(`${channel} * ${byB}${inB}`), places };
  }

  /** The element of b at a column and a place: 0 outside. */
  element({ base, places }: Column, place: Place): string {
    const value = this.shader.load(B, `${base} + ${place.b}`);
    return this.inside(
      value,
      `${this.type}()`,
      places,
      place,
      (index, limit) => `(u32(${index}) < u32(${limit}))`,
    );
  }

  /** The same of four columns, as a vec4. */
  elements(lines: Lines, { base, places }: Column, place: Place): string {
    const at = lines.let(`${base} + ${place.b}`);
    const value = `vec4<${this.type}>(${[...'xyzw'].map((c) => this.shader.load(B, `${at}.${c}`)).join(', ')})`;
    return lines.let(
      this.inside(value, `vec4<${this.type}>()`, places, place, (index, limit) => {
        return `(vec4<u32>(${index}) < vec4<u32>(u32(${limit})))`;
      }),
    );
  }

  private inside(
    value: string,
    zero: string,
    places: readonly string[],
    place: Place,
    test: (index: string, limit: string) => string,
  ): string {
    const tests = this.dims.flatMap(({ limit }, d) =>
      limit ? [test(`${places[d]} + ${place.places[d]}`, limit)] : [],
    );
    return tests.length === 0 ? value : `select(${zero}, ${value}, ${tests.join(' & ')})`;
  }
}
