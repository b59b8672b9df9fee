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
import { canFault, type Leaves, lower, scalarDtypes, usesCoord } from '../lower/lower.ts';
import { Forms } from '../memory/forms.ts';
import { Block, type Heap } from '../memory/heap.ts';
import { numel, pointerOf } from '../memory/layout.ts';
import type { Scratch } from '../memory/scratch.ts';
import { canEnd, endingOf } from './ending.ts';
import { type Exports, instantiate, zero } from './engine.ts';
import { GatherTables } from './gather_tables.ts';
import {
  type Accumulate,
  type Finishing,
  finishing,
  Gemm,
  isAccumulate,
  type Matrix,
  type PackRight,
} from './gemm.ts';
import { pointwise } from './pointwise.ts';
import { Winograd } from './winograd.ts';

/** Below this many products, plain loops. */
const SMALL = 1024;
const FEW_ROWS = 4;
/**
 * A right operand that is used again unchanged (a layer's weights) is kept in the order of the tiles (memory/forms.ts), where
 * packing it would be a good part of the product: from so many elements and columns on, up to so many rows on the left, and while
 * all forms together have less than so many bytes.
 */
const KEPT = { elements: 1 << 15, columns: 32, rows: 320, bytes: 1 << 28 };

/** A view of scratch memory. */
export function scratchView(
  pointer: number,
  dtype: DType,
  shape: readonly number[],
  strides: readonly number[],
): View {
  return { memory: new Block(pointer, 0, 0, dtype, 0), dtype, shape, strides, offset: 0 };
}

/**
 * out = sum over k in plain loops over any strides: (m, n, k, a, am, ak, b, bk, bn, c, cm, cn), and for each further operand
 * of `finish`, of which there are `others`, (o, om, on).
 */
export function naive(
  heap: Heap,
  dtype: DType,
  accumulate: DType,
  finish?: Expr,
  others = 0,
): Exports[string] {
  const m = new Module();
  const count = 12 + 3 * others;
  m.fn('naive', Array(count).fill('i32'), [], (fn) => {
    const [rows, n, k, a, am, ak, b, bk, bn, c, cm, cn, ...rest] = Array.from({ length: count }, (_, i) =>
      fn.param(i),
    );
    const at = Array.from({ length: others }, () => fn.local('i32'));
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
        at.forEach((o, i) => {
          o.set(rest[3 * i]!);
        });
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
            const value = cast(sum, inner, accumulate, 1);
            if (finish) {
              const leaves: Leaves = {
                input: (i, d) => (i === 0 ? value : load(fn, d, at[i - 1]!)),
                scalar: unexpected,
                coord: unexpected,
              };
              store(fn, finish.dtype, pc, lower(fn, [finish], 1, leaves)[0]!);
            } else store(fn, accumulate, pc, value);
            qb.inc(bn!);
            pc.inc(cn!);
            at.forEach((o, i) => {
              o.inc(rest[3 * i + 2]!);
            });
            j.inc(-1);
          },
          () => j.ne(0),
        );
        a!.inc(am!);
        c!.inc(cm!);
        at.forEach((_, i) => {
          rest[3 * i]!.inc(rest[3 * i + 1]!);
        });
        rows!.inc(-1);
      },
      () => rows!.ne(0),
    );
  });
  return instantiate(heap, m).naive!;
}

const unexpected = (): never => {
  throw new Error('wasm: a finish that small products are not given');
};

/** Whether small products can finish in their own loops: no numbers of the call, no coordinates, nothing that faults. */
const canFinish = (finish: Expr): boolean =>
  scalarDtypes([finish]).length === 0 && !usesCoord([finish]) && !canFault([finish]);

const input = (index: number, dtype: DType): Expr => ({ op: 'input', index, dtype });

/** Copies and converts between any layouts. */
export const copier = (heap: Heap, from: DType, to: DType, rank: number): Executable =>
  pointwise(heap, [from === to ? input(0, from) : { op: 'cast', args: [input(0, from)], dtype: to }], rank);

/** The engines of all matmul and conv kernels of one backend. */
export class Products {
  private readonly gemms = new Map<string, Gemm>();
  readonly forms: Forms;
  readonly tables: GatherTables;
  readonly winograd: Winograd;

  constructor(
    readonly heap: Heap,
    readonly scratch: Scratch,
  ) {
    this.forms = new Forms(heap);
    this.tables = new GatherTables(heap, scratch);
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
  const { heap, scratch, forms } = products;
  const { dtype, finish } = kernel;
  const accumulate = kernel.accumulate;
  if (!isAccumulate(accumulate)) throw new Error(`wasm: matmul does not accumulate in ${accumulate}`);
  const outDtype = finish ? finish.dtype : dtype;
  const last = finish ?? (outDtype === accumulate ? undefined : castTo(accumulate, outDtype));
  const epilogue = last ? pointwise(heap, [last], 3) : undefined;
  const endsInTiles = accumulate === 'float32' && finish !== undefined && canEnd(finish);
  const inBytes = dtypes[dtype].bytes;
  const bytes = dtypes[accumulate].bytes;
  const endsInLoops = finish !== undefined && canFinish(finish);
  let loops: Exports[string] | undefined;
  let loopsToEnd: Exports[string] | undefined;
  let convert: Executable | undefined;
  let packB: Executable | undefined;
  let plain: Executable | undefined;

  const isSmall = (m: number, n: number, k: number): boolean => m * n * k <= SMALL || k === 0;

  /** One product into dense rows of the accumulator's type. False when what finishes it is still to be done. */
  const product = (
    m: number,
    n: number,
    k: number,
    a: Matrix,
    b: Matrix,
    c: Matrix,
    finishOf: (i: number) => Finishing | undefined,
    i: number,
    weights: View | undefined,
  ): boolean => {
    if (isSmall(m, n, k)) {
      loops ??= naive(heap, dtype, accumulate);
      loops(m, n, k, a.pointer, a.row, a.column, b.pointer, b.row, b.column, c.pointer, c.row, c.column);
      return false;
    }
    const g = products.gemm(accumulate);
    let left = a;
    if (dtype !== accumulate) {
      const pointer = scratch.get('left', m * k * bytes);
      convert ??= copier(heap, dtype, accumulate, 2);
      const from = scratchView(a.pointer, dtype, [m, k], [a.row / inBytes, a.column / inBytes]);
      convert([scratchView(pointer, accumulate, [m, k], [k, 1])], [from]);
      left = { pointer, row: k * bytes, column: bytes };
    } else if (m <= FEW_ROWS && a.column === bytes && g.few(m, n, k, left, b, c)) return false;
    const pack: PackRight = (row, depth, column, width, target) => {
      const part = { ...b, pointer: b.pointer + row * b.row + column * b.column };
      if (dtype !== accumulate || !g.packRight(part, depth, width, target))
        packGeneral(part, depth, width, target, g.columns);
    };
    const whole =
      weights && m <= KEPT.rows && n >= KEPT.columns && n * k >= KEPT.elements && forms.bytes < KEPT.bytes
        ? forms.kept(weights, accumulate, g.wholeBytes(k, n), (to) => g.packWhole(k, n, pack, to))
        : undefined;
    if (whole === undefined) g.multiply(m, n, k, { matrix: left }, pack, c, finishOf(i));
    else g.multiplyWhole(m, n, k, left, whole, c, finishOf(i));
    return true;
  };

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
      zero(heap, to, k * columns * bytes);
      packB(
        [scratchView(to, accumulate, [1, k, rest], [0, columns, 1])],
        [scratchView(b.pointer + whole * columns * b.column, dtype, [1, k, rest], [0, row, column])],
      );
    }
  };

  /** A small product of its own needs none of what large ones do: loops over the views as they are. */
  const multiplySmall: Executable = (outputs, inputs, scalars) => {
    const [a, b, c] = [inputs[0]!, inputs[1]!, outputs[0]!];
    const [as, bs, cs] = [a.strides, b.strides, c.strides];
    const [pa, pb, pc] = [pointerOf(a), pointerOf(b), pointerOf(c)];
    const [m, n, k] = [c.shape[1]!, c.shape[2]!, a.shape[2]!];
    const [am, ak] = [as[1]! * bytes, as[2]! * bytes];
    const [bk, bn] = [bs[1]! * bytes, bs[2]! * bytes];
    const [cm, cn] = [cs[1]! * bytes, cs[2]! * bytes];
    if (inputs.length === 3 && endsInLoops) {
      // A bias, nearly always.
      const o = inputs[2]!;
      const size = dtypes[o.dtype].bytes;
      const [om, on] = [o.strides[1]! * size, o.strides[2]! * size];
      loopsToEnd ??= naive(heap, dtype, accumulate, finish, 1);
      loopsToEnd(m, n, k, pa, am, ak, pb, bk, bn, pc, cm, cn, pointerOf(o), om, on);
      return;
    }
    loops ??= naive(heap, dtype, accumulate);
    loops(m, n, k, pa, am, ak, pb, bk, bn, pc, cm, cn);
    if (epilogue) epilogue(outputs, [c, ...inputs.slice(2)], scalars);
  };
  const isPlain = dtype === accumulate && outDtype === accumulate;

  /**
   * Few rows over a right operand that is read where it is need no more than addresses; a plan for more costs as much as the
   * product where it runs once a token. False where they are not such.
   */
  const multiplyFew = (
    outputs: readonly View[],
    inputs: readonly View[],
    scalars?: Parameters<Executable>[2],
  ): boolean => {
    const [va, vb, out] = [inputs[0]!, inputs[1]!, outputs[0]!];
    const [batch, m, n] = out.shape as [number, number, number];
    const k = va.shape[2]!;
    if (m > FEW_ROWS || m === 0 || va.strides[2] !== 1 || (out.strides[2] !== 1 && n !== 1)) return false;
    if (isSmall(m, n, k) || (batch > 1 && vb.strides[0] === 0)) return false;
    for (let i = 0; i < inputs.length; i++) if (inputs[i]!.memory === out.memory) return false;
    const [as, bs, cs] = [va.strides, vb.strides, out.strides];
    const a = { pointer: pointerOf(va), row: as[1]! * bytes, column: bytes };
    const b = { pointer: pointerOf(vb), row: bs[1]! * bytes, column: bs[2]! * bytes };
    const c = { pointer: pointerOf(out), row: cs[1]! * bytes, column: bytes };
    const g = products.gemm(accumulate);
    for (let i = 0; i < batch; i++) {
      if (!g.few(m, n, k, a, b, c)) return false;
      a.pointer += as[0]! * bytes;
      b.pointer += bs[0]! * bytes;
      c.pointer += cs[0]! * bytes;
    }
    if (epilogue) epilogue(outputs, [out, ...inputs.slice(2)], scalars);
    return true;
  };

  return (outputs, inputs, scalars) => {
    const { shape, memory } = outputs[0]!;
    if (isPlain && shape[0] === 1) {
      const products = shape[1]! * shape[2]! * inputs[0]!.shape[2]!;
      if (products > 0 && products <= SMALL && !inputs.some((v) => v.memory === memory)) {
        multiplySmall(outputs, inputs, scalars);
        return;
      }
    }
    if (isPlain && multiplyFew(outputs, inputs, scalars)) return;
    const [va, vb, ...others] = inputs as [View, View, ...View[]];
    const k = va.shape[2]!;
    if (numel(outputs[0]!.shape) === 0) return;
    // One b for all: the batch is more rows.
    const merges = va.shape[0]! > 1 && vb.strides[0] === 0;
    const whole = merges ? asRows([outputs[0]!, va, ...others]) : undefined;
    const [out, x, ...rest] = whole ?? [outputs[0]!, va, ...others];
    const [batch, m, n] = out!.shape as [number, number, number];
    // The sums may stand in the output until the epilogue, unless what is there is still read.
    const direct =
      outDtype === accumulate &&
      (out!.strides[2] === 1 || n === 1) &&
      !inputs.some((v) => v.memory === out!.memory);
    const sums = direct
      ? out!
      : scratchView(scratch.get('c', batch * m * n * bytes), accumulate, [batch, m, n], [m * n, n, 1]);
    const ending = endsInTiles && direct && n > 1 ? endingOf(finish!, out!, rest, 1) : undefined;
    const [a, b, c] = [matrixOf(x!), matrixOf(vb), { ...matrixOf(sums), column: bytes }];
    // Vectors as columns, where the rows have no stride of their own.
    if (m === 1) a.row = k * inBytes;
    const steps = [x!.strides[0]! * inBytes, vb.strides[0]! * inBytes, sums.strides[0]! * bytes] as const;
    let isFinished = ending !== undefined;
    const finishOf = (i: number): Finishing | undefined => {
      const at = (v: View): View => ({ ...viewOf(v), offset: v.offset + i * v.strides[0]! });
      return ending && finishing(ending, at(out!), rest.map(at));
    };
    const g = products.gemm(accumulate);
    if (dtype === accumulate && m > FEW_ROWS && !isSmall(m, n, k) && g.fits(batch, m, n, k, a, b))
      g.each(batch, m, n, k, (i) => ({
        a: { ...a, pointer: a.pointer + i * steps[0] },
        b: { ...b, pointer: b.pointer + i * steps[1] },
        c: { ...c, pointer: c.pointer + i * steps[2] },
        finish: finishOf(i),
      }));
    else
      for (let i = 0; i < batch; i++) {
        const done = product(m, n, k, a, b, c, finishOf, i, batch === 1 ? vb : undefined);
        isFinished &&= done;
        a.pointer += steps[0];
        b.pointer += steps[1];
        c.pointer += steps[2];
      }
    if (!isFinished) {
      if (epilogue) epilogue([out!], [sums, ...rest], scalars);
      else if (!direct) {
        plain ??= copier(heap, accumulate, outDtype, 3);
        plain([out!], [sums]);
      }
    }
    for (const role of ['a', 'c', 'left']) scratch.trim(role);
  };
}

const viewOf = ({ memory, dtype, shape, strides, offset }: View): View => ({
  memory,
  dtype,
  shape,
  strides,
  offset,
});

const matrixOf = (v: View): { -readonly [K in keyof Matrix]: Matrix[K] } => {
  const { bytes } = dtypes[v.dtype];
  return { pointer: pointerOf(v), row: v.strides[1]! * bytes, column: v.strides[2]! * bytes };
};

/** Batches of rows as rows of one matrix each; undefined where the rows do not follow each other. */
function asRows(views: readonly View[]): readonly View[] | undefined {
  const follow = views.every((v) => v.shape[0] === 1 || v.strides[0] === v.shape[1]! * v.strides[1]!);
  if (!follow) return undefined;
  return views.map((v) => ({
    ...viewOf(v),
    shape: [1, v.shape[0]! * v.shape[1]!, v.shape[2]!],
    strides: [0, v.strides[1]!, v.strides[2]!],
  }));
}

export const castTo = (from: DType, to: DType): Expr => ({ op: 'cast', args: [input(0, from)], dtype: to });
