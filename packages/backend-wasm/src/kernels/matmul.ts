/** Matmul kernels: which way a product goes (small, few rows, blocked), and its operands' layouts. */
import {
  type DType,
  dtypes,
  type Executable,
  type Expr,
  type MatmulKernel,
  type View,
} from '@sconce/core/backend';
import { Module } from '../asm/module.ts';
import { cast } from '../lower/cast.ts';
import { load, store } from '../lower/element.ts';
import { Forms } from '../memory/forms.ts';
import { Block, type Heap } from '../memory/heap.ts';
import { pointerOf } from '../memory/layout.ts';
import { type Exports, instantiate } from './engine.ts';
import { type Accumulate, Gemm, isAccumulate, KC, type Matrix, NC, type Scratch } from './gemm.ts';
import { pointwise } from './pointwise.ts';
import { Winograd } from './winograd.ts';

/** Below this many products, plain loops. */
const SMALL = 1024;
const FEW_ROWS = 4;

/** A view of scratch memory. */
export function scratchView(
  pointer: number,
  dtype: DType,
  shape: readonly number[],
  strides: readonly number[],
): View {
  return { memory: new Block(pointer, 0, 0, dtype, 0), dtype, shape, strides, offset: 0 };
}

/** out = sum over k in plain loops over any strides: (m, n, k, a, am, ak, b, bk, bn, c, cm, cn). */
export function naive(heap: Heap, dtype: DType, accumulate: DType): Exports[string] {
  const m = new Module();
  m.fn('naive', Array(12).fill('i32'), [], (fn) => {
    const [rows, n, k, a, am, ak, b, bk, bn, c, cm, cn] = Array.from({ length: 12 }, (_, i) => fn.param(i));
    const j = fn.local('i32');
    const l = fn.local('i32');
    const [pa, pb, qb, pc] = [fn.local('i32'), fn.local('i32'), fn.local('i32'), fn.local('i32')];
    // In double where that is free: a float32 product of two is exact there.
    const inner: DType = accumulate === 'float32' ? 'float64' : accumulate;
    const zero = cast(fn.i32(0), 'int32', inner, 1);
    const sum = fn.local(zero.lane);
    fn.doWhile(
      () => {
        j.set(n!);
        qb.set(b!);
        pc.set(c!);
        fn.doWhile(
          () => {
            pa.set(a!);
            pb.set(qb);
            l.set(k!);
            sum.set(zero);
            fn.while(
              () => l.ne(0),
              () => {
                const x = cast(load(fn, dtype, pa).keep(), dtype, inner, 1).keep();
                const y = cast(load(fn, dtype, pb).keep(), dtype, inner, 1).keep();
                sum.set(sum.add(x.mul(y)));
                pa.inc(ak!);
                pb.inc(bk!);
                l.inc(-1);
              },
            );
            store(fn, accumulate, pc, cast(sum, inner, accumulate, 1));
            qb.inc(bn!);
            pc.inc(cn!);
            j.inc(-1);
          },
          () => j.ne(0),
        );
        a!.inc(am!);
        c!.inc(cm!);
        rows!.inc(-1);
      },
      () => rows!.ne(0),
    );
  });
  return instantiate(heap, m).naive!;
}

const input = (index: number, dtype: DType): Expr => ({ op: 'input', index, dtype });

/** Copies and converts between any layouts. */
export const copier = (heap: Heap, from: DType, to: DType, rank: number): Executable =>
  pointwise(heap, [from === to ? input(0, from) : { op: 'cast', args: [input(0, from)], dtype: to }], rank);

/** The engines of all matmul and conv kernels of one backend. */
export class Products {
  private readonly gemms = new Map<string, Gemm>();
  readonly forms: Forms;
  readonly winograd: Winograd;

  constructor(
    readonly heap: Heap,
    readonly scratch: Scratch,
  ) {
    this.forms = new Forms(heap);
    this.winograd = new Winograd(heap, scratch, this.forms);
  }

  gemm(accumulate: Accumulate): Gemm {
    let g = this.gemms.get(accumulate);
    if (!g) {
      g = new Gemm(accumulate, this.heap, this.scratch);
      this.gemms.set(accumulate, g);
    }
    return g;
  }
}

export function compileMatmul(products: Products, kernel: MatmulKernel): Executable {
  const { heap, scratch } = products;
  const { dtype, finish } = kernel;
  const accumulate = kernel.accumulate;
  if (!isAccumulate(accumulate)) throw new Error(`wasm: matmul does not accumulate in ${accumulate}`);
  const outDtype = finish ? finish.dtype : dtype;
  const last = finish ?? (outDtype === accumulate ? undefined : castTo(accumulate, outDtype));
  const epilogue = last ? pointwise(heap, [last], 3) : undefined;
  const inBytes = dtypes[dtype].bytes;
  const bytes = dtypes[accumulate].bytes;
  let loops: Exports[string] | undefined;
  let packA: Executable | undefined;
  let plain: Executable | undefined;

  /** One product into dense rows of the accumulator's type. */
  const product = (m: number, n: number, k: number, a: Matrix, b: Matrix, c: Matrix): void => {
    if (m * n * k <= SMALL || k === 0) {
      loops ??= naive(heap, dtype, accumulate);
      loops(m, n, k, a.pointer, a.row, a.column, b.pointer, b.row, b.column, c.pointer, c.row, c.column);
      return;
    }
    const g = products.gemm(accumulate);
    let left = a;
    if (dtype !== accumulate || a.column !== bytes) {
      const pointer = scratch.get('a', m * k * bytes);
      packA ??= copier(heap, dtype, accumulate, 2);
      const from = scratchView(a.pointer, dtype, [m, k], [a.row / inBytes, a.column / inBytes]);
      packA([scratchView(pointer, accumulate, [m, k], [k, 1])], [from]);
      left = { pointer, row: k * bytes, column: bytes };
    }
    if (m <= FEW_ROWS && dtype === accumulate && g.few(m, n, k, left, b, c)) return;
    const line = g.columns * bytes;
    const width = Math.min(n, NC);
    const target = scratch.get('b', Math.ceil(width / g.columns) * line * Math.min(k, KC));
    for (let j = 0; j < n; j += NC) {
      const columns = Math.min(NC, n - j);
      for (let l = 0; l < k; l += KC) {
        const depth = Math.min(KC, k - l);
        const part: Matrix = { ...b, pointer: b.pointer + l * b.row + j * b.column };
        if (dtype !== accumulate || !g.pack(part, depth, columns, target)) {
          packGeneral(part, depth, columns, target, g.columns);
        }
        const ca = { ...left, pointer: left.pointer + l * bytes };
        const cc = { ...c, pointer: c.pointer + j * bytes };
        g.packed(m, columns, depth, ca, target, depth * line, cc, l > 0);
      }
    }
  };

  let packB: Executable | undefined;
  const packGeneral = (b: Matrix, k: number, n: number, target: number, columns: number): void => {
    packB ??= copier(heap, dtype, accumulate, 3);
    const whole = Math.floor(n / columns);
    const rest = n % columns;
    const [row, column] = [b.row / inBytes, b.column / inBytes];
    if (whole)
      packB(
        [scratchView(target, accumulate, [whole, k, columns], [k * columns, columns, 1])],
        [scratchView(b.pointer, dtype, [whole, k, columns], [columns * column, row, column])],
      );
    if (rest) {
      const to = target + whole * k * columns * bytes;
      heap.u8.fill(0, to, to + k * columns * bytes);
      packB(
        [scratchView(to, accumulate, [1, k, rest], [0, columns, 1])],
        [scratchView(b.pointer + whole * columns * b.column, dtype, [1, k, rest], [0, row, column])],
      );
    }
  };

  return (outputs, inputs, scalars) => {
    const out = outputs[0]!;
    const [va, vb] = inputs as [View, View];
    let [batch, m, n] = out.shape as [number, number, number];
    const k = va.shape[2]!;
    if (batch * m * n === 0) return;
    // The sums may stand in the output until the epilogue, unless what is there is still read.
    const direct =
      outDtype === accumulate &&
      (out.strides[2] === 1 || n === 1) &&
      !inputs.some((v) => v.memory === out.memory);
    const a: Matrix = {
      pointer: pointerOf(va),
      row: va.strides[1]! * inBytes,
      column: va.strides[2]! * inBytes,
    };
    const b: Matrix = {
      pointer: pointerOf(vb),
      row: vb.strides[1]! * inBytes,
      column: vb.strides[2]! * inBytes,
    };
    let stepA = va.strides[0]! * inBytes;
    const stepB = vb.strides[0]! * inBytes;
    let c: Matrix;
    let stepC: number;
    if (direct) {
      c = { pointer: pointerOf(out), row: out.strides[1]! * bytes, column: bytes };
      stepC = out.strides[0]! * bytes;
    } else {
      c = { pointer: scratch.get('c', batch * m * n * bytes), row: n * bytes, column: bytes };
      stepC = m * n * bytes;
    }
    const whole = { batch, m };
    // One B for all: the batch is more rows.
    if (batch > 1 && stepB === 0 && stepA === m * a.row && stepC === m * c.row) {
      m *= batch;
      batch = 1;
      stepA = 0;
    }
    // Vectors as columns, where the rows have no stride of their own.
    const left = m === 1 ? { ...a, row: k * inBytes } : a;
    for (let i = 0; i < batch; i++) {
      product(
        m,
        n,
        k,
        { ...left, pointer: left.pointer + i * stepA },
        { ...b, pointer: b.pointer + i * stepB },
        { ...c, pointer: c.pointer + i * stepC },
      );
    }
    if (epilogue) {
      const sums = direct
        ? out
        : scratchView(c.pointer, accumulate, [whole.batch, whole.m, n], [whole.m * n, n, 1]);
      epilogue([out], [sums, ...inputs.slice(2)], scalars);
    } else if (!direct) {
      plain ??= copier(heap, accumulate, outDtype, 3);
      const sums = scratchView(c.pointer, accumulate, [whole.batch, whole.m, n], [whole.m * n, n, 1]);
      plain([out], [sums]);
    }
    scratch.trim('a');
    scratch.trim('c');
  };
}

export const castTo = (from: DType, to: DType): Expr => ({ op: 'cast', args: [input(0, from)], dtype: to });
