/** Pointwise kernels: dense rows called straight from the host, everything else through the odometer. */
import {
  type DType,
  dtypes,
  type Executable,
  type Expr,
  type PointwiseKernel,
  type View,
} from '@sconce/core/backend';
import { Module } from '../asm/module.ts';
import { canFault, inputDtypes, scalarDtypes, usesCoord, walk } from '../lower/lower.ts';
import type { Block, Heap } from '../memory/heap.ts';
import {
  contiguousStrides,
  isContiguous,
  type Loop,
  loopOf,
  merged,
  numel,
  ordered,
} from '../memory/layout.ts';
import { Plans } from '../memory/plans.ts';
import { checkFault, type Exports, instantiate, writeScalars } from './engine.ts';
import { driveLoop, odometer } from './odometer.ts';
import { CHUNK_START, type RowSpec, rowFunction, type Step } from './row.ts';
import { transposing } from './transpose.ts';

/** Elements per call of a row: V8 replaces a function's first code only between calls. */
const CHUNK = 8192;

/** Elements of a part that a thread takes are a multiple of this. */
const GRAIN = 64;

/** Nanoseconds per element, about: what a team decides by. */
export function costOf(exprs: readonly Expr[], bytes: readonly number[]): number {
  let ns = bytes.reduce((a, b) => a + b, 0) * 0.012;
  walk(exprs, (e) => {
    if (e.op === 'input' || e.op === 'const' || e.op === 'scalar' || e.op === 'coord') return;
    ns += slow.has(e.op) ? 0.6 : 0.05;
  });
  return ns;
}
const slow = new Set<string>([
  'exp',
  'expm1',
  'log',
  'log1p',
  'log2',
  'sin',
  'cos',
  'tan',
  'tanh',
  'erf',
  'erfc',
  'pow',
  'lgamma',
  'digamma',
  'atan2',
  'rem',
]);

/** A row alone: most kernels only ever meet dense operands, and a module's size is its cost. */
function buildRow(heap: Heap, spec: RowSpec): Exports[string] {
  const m = new Module();
  rowFunction(m, spec);
  return instantiate(heap, m).row!;
}

/** A run over the operands' first addresses. */
type Run = (pointers: readonly number[]) => void;

function build(
  heap: Heap,
  exprs: readonly Expr[],
  outputs: readonly DType[],
  inputs: readonly (DType | undefined)[],
  steps: readonly Step[],
  coordRank: number | undefined,
): Exports[string] {
  const m = new Module();
  const row = rowFunction(m, { exprs, outputs, inputs, steps, coordRank });
  const operands = steps.length;
  m.fn('drive', ['i32'], [], (fn) => {
    const rest = fn.local('i32');
    const count = fn.local('i32');
    const q = steps.map(() => fn.local('i32'));
    odometer(fn, fn.param(0), operands, ({ n, pointers, strides }) => {
      rest.set(n);
      q.forEach((p, i) => {
        p.set(pointers[i]!);
      });
      if (coordRank !== undefined) fn.storeI32(fn.i32(CHUNK_START), 0);
      fn.doWhile(
        () => {
          count.set(fn.select(rest.gtU(CHUNK), fn.i32(CHUNK), rest));
          const moving = strides.filter((_, i) => steps[i] === 'strided');
          // A call without results: put and nothing left on the stack.
          fn.call(row, [count, ...q, ...moving]).put();
          q.forEach((p, i) => {
            p.inc(count.mul(strides[i]!));
          });
          if (coordRank !== undefined) {
            fn.storeI32(fn.i32(CHUNK_START), fn.loadI32(fn.i32(CHUNK_START)).add(count));
          }
          rest.set(rest.sub(count));
        },
        () => rest.ne(0),
      );
    });
  });
  return instantiate(heap, m).drive!;
}

/** Elements of a row where an input runs across the output: each of its cache lines serves this many rows. */
const BAND = 16;

/** The dim along which a strided input of the inner dim is dense, or -1: a transposed copy, say. */
function crossed(loop: Loop, steps: readonly Step[], bytes: readonly number[], outs: number): number {
  const inner = loop.sizes.length - 1;
  if (loop.sizes[inner]! <= BAND) return -1;
  for (let i = outs; i < steps.length; i++) {
    if (steps[i] !== 'strided') continue;
    for (let d = 0; d < inner; d++)
      if (Math.abs(loop.strides[i]![d]!) === bytes[i] && loop.sizes[d]! >= BAND) return d;
  }
  return -1;
}

/** The loop with its inner dim cut into bands, outside of dim `d`, which becomes the one next to the innermost. */
function banded(loop: Loop, d: number, bands: number, width: number): Loop {
  const inner = loop.sizes.length - 1;
  const pick = (list: readonly number[], band: number, row: number): number[] => [
    ...list.filter((_, k) => k !== d && k !== inner),
    band,
    list[d]!,
    row,
  ];
  return {
    sizes: pick(loop.sizes, bands, width),
    strides: loop.strides.map((s) => pick(s, s[inner]! * width, s[inner]!)),
  };
}

/**
 * A pointwise computation over views of one shape; also the epilogue of other kernels. `rank` is of use only where
 * coordinates occur.
 */
export function pointwise(heap: Heap, exprs: readonly Expr[], rank: number): Executable {
  const outputDtypes = exprs.map((e) => e.dtype);
  const found = inputDtypes(exprs);
  const inputCount = Math.max(-1, ...found.keys()) + 1;
  const inputTypes = Array.from({ length: inputCount }, (_, i) => found.get(i));
  const scalarTypes = scalarDtypes(exprs);
  const coordRank = usesCoord(exprs) ? rank : undefined;
  const outs = exprs.length;
  const bytes = [...outputDtypes, ...inputTypes].map((d) => (d ? dtypes[d].bytes : 0));
  const operands = bytes.length;
  const variants = new Map<string, Exports[string]>();
  const variant = (steps: readonly Step[]): Exports[string] => {
    const key = steps.join();
    let v = variants.get(key);
    if (!v) {
      v = build(heap, exprs, outputDtypes, inputTypes, steps, coordRank);
      variants.set(key, v);
    }
    return v;
  };
  let dense: Exports[string] | undefined;
  const pointers: number[] = new Array(operands).fill(0);
  const denseRow = (): Exports[string] =>
    (dense ??= buildRow(heap, {
      exprs,
      outputs: outputDtypes,
      inputs: inputTypes,
      steps: bytes.map((): Step => 'dense'),
    }));
  const nsPerElement = costOf(exprs, bytes);

  /** Dense rows on several threads; false where they do not pay. */
  const shareDense = (n: number): boolean => {
    const { team } = heap;
    const pieces = team.pieces(n * nsPerElement, Math.ceil(n / GRAIN));
    if (pieces === 1) return false;
    const size = Math.ceil(n / pieces / GRAIN) * GRAIN;
    let w = team.table(pieces * (operands + 1));
    let count = 0;
    for (let from = 0; from < n; from += size, count++) {
      heap.i32[w++] = Math.min(size, n - from);
      for (let i = 0; i < operands; i++) heap.i32[w++] = pointers[i]! + from * bytes[i]!;
    }
    team.run(denseRow(), operands + 1, count);
    return true;
  };

  const callDense = (n: number): void => {
    const dense = denseRow();
    switch (operands) {
      case 1:
        dense(n, pointers[0]);
        break;
      case 2:
        dense(n, pointers[0], pointers[1]);
        break;
      case 3:
        dense(n, pointers[0], pointers[1], pointers[2]);
        break;
      case 4:
        dense(n, pointers[0], pointers[1], pointers[2], pointers[3]);
        break;
      default:
        dense(n, ...pointers);
    }
  };

  const isCopy = outs === 1 && bytes[0] === 4 && exprs[0]!.op === 'input' && exprs[0]!.index === 0;

  /** What a layout comes to: a run over pointers. */
  const planOf = (outputs: readonly View[], inputs: readonly View[]): Run => {
    const views: View[] = [...outputs];
    for (let i = 0; i < inputCount; i++) views.push(inputTypes[i] ? inputs[i]! : outputs[0]!);
    let loop: Loop = loopOf(views, outputs[0]!.shape);
    if (coordRank === undefined) loop = merged(ordered(loop));
    else if (loop.sizes.length === 0) loop = { sizes: [1], strides: views.map(() => [0]) };
    const transpose = isCopy ? transposing(heap, loop) : undefined;
    if (transpose) return ([to, from]) => transpose(to!, from!);
    const inner = loop.sizes.length - 1;
    const steps = bytes.map((b, i): Step => {
      const s = loop.strides[i]![inner]!;
      if (b === 0 || s === b || loop.sizes[inner] === 1) return 'dense';
      return s === 0 && i >= outs ? 'fixed' : 'strided';
    });
    const drive = variant(steps);
    const crossing = coordRank === undefined ? crossed(loop, steps, bytes, outs) : -1;
    // Coordinates are read where the loop's counters stand: there is one such place.
    const per = coordRank === undefined ? nsPerElement : 0;
    const over = (part: Loop): Run => {
      const ns = per * numel(part.sizes);
      return (at) => driveLoop(heap, drive, at, part, { ns });
    };
    if (crossing < 0) return over(loop);
    const n = loop.sizes[inner]!;
    const whole = n - (n % BAND);
    const bands = over(banded(loop, crossing, whole / BAND, BAND));
    if (whole === n) return bands;
    const rest = over(banded(loop, crossing, 1, n - whole));
    return (at) => {
      bands(at);
      rest(at.map((p, i) => p + whole * loop.strides[i]![inner]!));
    };
  };

  const plans = new Plans<Run>();
  const general = (outputs: readonly View[], inputs: readonly View[]): void => {
    const plan = plans.find(outputs, inputs) ?? plans.add(outputs, inputs, planOf(outputs, inputs));
    plan(pointers);
  };

  const run: Executable = (outputs, inputs, scalars) => {
    if (scalarTypes.length > 0) writeScalars(heap, scalarTypes, scalars!);
    const out = outputs[0]!;
    const n = numel(out.shape);
    if (n === 0) return;
    for (let i = 0; i < outs; i++) {
      const v = outputs[i]!;
      pointers[i] = (v.memory as Block).pointer + v.offset * bytes[i]!;
    }
    for (let i = 0; i < inputCount; i++) {
      const b = bytes[outs + i]!;
      if (b === 0) continue;
      const v = inputs[i]!;
      pointers[outs + i] = (v.memory as Block).pointer + v.offset * b;
    }
    let flat = coordRank === undefined;
    if (flat && n !== 1) {
      for (let i = 0; i < outs && flat; i++) flat = isContiguous(outputs[i]!);
      for (let i = 0; i < inputCount && flat; i++) flat = bytes[outs + i] === 0 || isContiguous(inputs[i]!);
    }
    if (flat && n <= CHUNK) callDense(n);
    else if (!flat || !shareDense(n)) general(outputs, inputs);
  };
  return canFault(exprs) ? withoutTrace(heap, run) : run;
}

/** Runs into copies of the outputs first: a call that faults writes nothing. */
export function withoutTrace(heap: Heap, run: Executable): Executable {
  const copiers = new Map<DType, Executable>();
  return (outputs, inputs, scalars) => {
    const blocks: Block[] = [];
    try {
      const copies = outputs.map((v): View => {
        const block = heap.allocate(v.dtype, numel(v.shape));
        blocks.push(block);
        return {
          memory: block,
          dtype: v.dtype,
          shape: v.shape,
          strides: contiguousStrides(v.shape),
          offset: 0,
        };
      });
      run(copies, inputs, scalars);
      checkFault(heap);
      outputs.forEach((v, i) => {
        let copy = copiers.get(v.dtype);
        if (!copy) {
          copy = pointwise(heap, [{ op: 'input', index: 0, dtype: v.dtype }], v.shape.length);
          copiers.set(v.dtype, copy);
        }
        copy([v], [copies[i]!]);
      });
    } finally {
      blocks.forEach((b) => {
        heap.free(b);
      });
    }
  };
}

export const compilePointwise = (heap: Heap, kernel: PointwiseKernel): Executable =>
  pointwise(heap, kernel.exprs, kernel.rank);
