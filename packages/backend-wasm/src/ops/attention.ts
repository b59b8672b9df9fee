/**
 * `scaled_dot_product_attention` of float32, without gradients: for some queries of a head at a time, their scores, the softmax in
 * place, and what it weighs. The scores stay in the cache; the whole matrix of them is never there where it is large.
 */
import {
  type Executable,
  type Expr,
  type OpKernel,
  stridesInOrder,
  type View,
  withRank,
} from '@sconce/core/backend';
import { Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { type Exports, instantiate } from '../kernels/engine.ts';
import { compileMatmul, type Products, scratchView } from '../kernels/matmul.ts';
import { pointwise } from '../kernels/pointwise.ts';
import { numel } from '../memory/layout.ts';
import { dense } from './rows.ts';
import { softmaxRows } from './softmax.ts';

/** Scores at a time: what the second cache holds. */
const SCORES = 1 << 16;
const LEAST_ROWS = 8;

const input = (index: number, dtype: 'float32' | 'bool' = 'float32'): Expr => ({ op: 'input', index, dtype });

/** Batch, heads, rows, columns. */
const fourDims = (v: View): View => withRank(v, 4);

/** Rows `from` to `to` of one head, of the first `columns` columns, as a batch of one matrix. */
function part(v: View, b: number, h: number, from: number, to: number, columns: number): View {
  const [sb, sh, row, column] = v.strides as [number, number, number, number];
  return {
    memory: v.memory,
    dtype: v.dtype,
    shape: [1, to - from, columns],
    strides: [0, row, column],
    offset: v.offset + b * sb + h * sh + from * row,
  };
}

const transposed = (v: View): View => ({
  memory: v.memory,
  dtype: v.dtype,
  offset: v.offset,
  shape: [1, v.shape[2]!, v.shape[1]!],
  strides: [0, v.strides[2]!, v.strides[1]!],
});

/** Strides of a dense tensor whose dims lie in the order of another's: PyTorch's fused kernel follows the query. */
function stridesInOrderOf(v: View, shape: readonly number[]): number[] {
  const order = shape.map((_, d) => d).sort((a, b) => v.strides[b]! - v.strides[a]! || a - b);
  return stridesInOrder(shape, order);
}

/** The mask broadcast to [batches, heads, rows, columns]; undefined where it does not fit. */
function expand(mask: View, shape: readonly number[]): View | undefined {
  if (mask.shape.length > 4) return undefined;
  const m = fourDims(mask);
  if (m.shape.some((n, d) => n !== 1 && n !== shape[d])) return undefined;
  return {
    memory: mask.memory,
    dtype: mask.dtype,
    offset: mask.offset,
    shape,
    strides: m.strides.map((s, d) => (m.shape[d] === 1 ? 0 : s)),
  };
}

/** Exports `causal(scores, rows, columns, first)`: row r may look as far as column first + r. */
function causalMask(m: Module): void {
  m.fn('causal', ['i32', 'i32', 'i32', 'i32'], [], (fn) => {
    const [p, rows, columns, first] = [0, 1, 2, 3].map((i) => fn.param(i)) as [Val, Val, Val, Val];
    const c = fn.local('i32');
    fn.doWhile(
      () => {
        c.set(first.add(1));
        fn.while(
          () => c.ltU(columns),
          () => {
            fn.store(0x38, p.add(c.shl(2)), fn.const('f32', Number.NEGATIVE_INFINITY));
            c.inc(1);
          },
        );
        p.inc(columns.shl(2));
        first.inc(1);
        rows.inc(-1);
      },
      () => rows.ne(0),
    );
  });
}

export function attention(products: Products): OpKernel {
  const { heap, scratch } = products;
  const multiply = compileMatmul(products, { kind: 'matmul', dtype: 'float32', accumulate: 'float32' });
  const scaled = pointwise(
    heap,
    [{ op: 'mul', args: [input(0), { op: 'scalar', index: 0, dtype: 'float32' }], dtype: 'float32' }],
    3,
  );
  let own: Exports | undefined;
  const maskers = new Map<string, Executable>();
  const masker = (dtype: string): Executable => {
    let run = maskers.get(dtype);
    if (!run) {
      const never: Expr = { op: 'const', value: Number.NEGATIVE_INFINITY, dtype: 'float32' };
      const expr: Expr =
        dtype === 'bool'
          ? { op: 'where', args: [input(1, 'bool'), input(0), never], dtype: 'float32' }
          : { op: 'add', args: [input(0), input(1)], dtype: 'float32' };
      maskers.set(dtype, (run = pointwise(heap, [expr], 3)));
    }
    return run;
  };

  return ([query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa]) => {
    const given = [query, key, value] as View[];
    const causal = is_causal === true;
    if (dropout_p !== 0 || (causal && attn_mask)) return undefined;
    const rank = given[0]!.shape.length;
    if (given.some((v) => v.dtype !== 'float32' || v.shape.length !== rank)) return undefined;
    if (rank < 2 || rank > 4 || (enable_gqa && rank < 4)) return undefined;
    const [q, k, v] = given.map(fourDims) as [View, View, View];
    const [batches, heads, rows, depth] = q.shape as [number, number, number, number];
    const [columns, width] = [k.shape[2]!, v.shape[3]!];
    const group = enable_gqa ? heads / k.shape[1]! : 1;
    const fits =
      k.shape[3] === depth &&
      v.shape[2] === columns &&
      [k, v].every((t) => t.shape[0] === batches && t.shape[1]! * group === heads);
    if (!fits || !Number.isInteger(group) || [q, k, v].some((t) => numel(t.shape) === 0)) return undefined;
    const mask = attn_mask ? expand(attn_mask as View, [batches, heads, rows, columns]) : undefined;
    if (attn_mask && (!mask || (mask.dtype !== 'bool' && mask.dtype !== 'float32'))) return undefined;
    if (!own) {
      const m = new Module();
      softmaxRows(m, false, true);
      causalMask(m);
      own = instantiate(heap, m);
    }
    const factor = scale === null ? 1 / Math.sqrt(depth) : Number(scale);
    const shape = [batches, heads, rows, width];
    const plain = dense(heap, 'float32', shape);
    const isFused = rank === 4 && width === depth && q.strides[3] === 1;
    const out = isFused ? { ...plain, strides: stridesInOrderOf(q, shape) } : plain;
    const most = Math.min(rows, Math.max(LEAST_ROWS, Math.floor(SCORES / columns)));
    const left = scratch.get('queries', most * depth * 4);
    const scores = scratch.get('scores', most * columns * 4);
    for (let b = 0; b < batches; b++)
      for (let h = 0; h < heads; h++) {
        const kv = Math.floor(h / group);
        for (let from = 0; from < rows; from += most) {
          const to = Math.min(rows, from + most);
          const n = to - from;
          // Columns that nobody here may look at are left out.
          const seen = causal ? Math.min(columns, to) : columns;
          const x = scratchView(left, 'float32', [1, n, depth], [0, depth, 1]);
          const s = scratchView(scores, 'float32', [1, n, seen], [0, seen, 1]);
          scaled([x], [part(q, b, h, from, to, depth)], [factor]);
          multiply([s], [x, transposed(part(k, b, kv, 0, seen, depth))]);
          if (causal) own.causal!(scores, n, seen, from);
          if (mask) masker(mask.dtype)([s], [s, part(mask, b, h, from, to, columns)]);
          own.rows!(seen, n, scores, scores, 4 * seen, 4 * seen);
          multiply([part(out, b, h, from, to, width)], [s, part(v, b, kv, 0, seen, width)]);
        }
      }
    scratch.trim('scores');
    const missing = 4 - rank;
    return [{ ...out, shape: out.shape.slice(missing), strides: out.strides.slice(missing) }];
  };
}
