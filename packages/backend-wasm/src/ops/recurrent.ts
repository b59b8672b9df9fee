/**
 * `lstm` and `gru` of float32 without gradients: the input's share of all gates by one product, then a step for each time
 * that multiplies the state, applies the gates and writes the new state, in one function and without an allocation.
 */
import type { Executable, Expr, OpKernel, View } from '@sconce/core/backend';
import { Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { type Exports, instantiate, zero } from '../kernels/engine.ts';
import { compileMatmul, copier, type Products, scratchView } from '../kernels/matmul.ts';
import { exp, tanh32 } from '../math/exponential.ts';
import { contiguousStrides, isContiguous, numel, pointerOf } from '../memory/layout.ts';
import { dense, isRows } from './rows.ts';

/** Units of the hidden state in a panel: one vector of each gate. */
const UNITS = 4;
const LOAD = 0x100;
const STORE = 0x10b;
const SPLAT = 0x109;

const sigmoid = (x: Val): Val => x.k(1).div(exp(x.neg().keep()).add(1)).keep();

/**
 * The new hidden state of four units from the sums of their gates, each x W + b of the input plus h U + b of the state. GRU keeps
 * those of its last gate apart.
 */
type Gates = (
  sums: readonly Val[],
  last: Val,
  old: { h: () => Val; c: () => Val },
  setC: (c: Val) => void,
) => Val;

const lstmGates: Gates = ([i, f, g, o], _last, old, setC) => {
  const c = sigmoid(f!)
    .mul(old.c())
    .add(sigmoid(i!).mul(tanh32(g!)))
    .keep();
  setC(c);
  return sigmoid(o!).mul(tanh32(c));
};

const gruGates: Gates = ([r, z, n], last, old) => {
  const fresh = tanh32(n!.add(sigmoid(r!).mul(last)).keep()).keep();
  return old.h().sub(fresh).mul(sigmoid(z!)).add(fresh);
};

/** In bytes but for the first four, as `steps` takes them. */
const parameters =
  'times panels batch units u x xTime xRow bias h hRow out outTime outRow c'.split(' '); // biome-ignore format: a list

/**
 * Exports `steps`: for each time the new state of all units. u is packed as [panel, unit, gate, 4]; x is the input's share, each
 * row [gate, unit]; c the cell's state, dense, changed in place. The state goes to `out`, where the next time reads it.
 */
function stepsFunction(products: Products, count: number, gates: Gates, keepsLast: boolean): Exports[string] {
  const m = new Module();
  m.fn('steps', Array(parameters.length).fill('i32'), [], (fn) => {
    const [times, panels, batch, units, u, x, xTime, xRow, bias, h, hRow, out, outTime, outRow, c] =
      parameters.map((_, i) => fn.param(i)) as [
        Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val,
      ]; // biome-ignore format: a list
    const local = (): Val => fn.local('i32');
    const [w, a, rows, k, at, left, panel] = [
      local(), local(), local(), local(), local(), local(), local(),
    ]; // biome-ignore format: a list
    const [px, ph, po, pc] = [local(), local(), local(), local()];
    const gateBytes = units.shl(2).keep();
    const panelBytes = units.mul(16 * count).keep();
    // Two rows share what is read of u; with more, or more than one unit of h at a time, sums would leave the registers.
    const sums = Array.from({ length: 2 * count }, () => fn.local('f32x4'));
    const some = (n: number): void => {
      for (let r = 0; r < n; r++)
        for (let g = 0; g < count; g++) {
          const own = fn.load('f32x4', LOAD, bias.add(at).add(gateBytes.mul(g)));
          const isApart = keepsLast && g === count - 1;
          const given = px.add(xRow.mul(r)).add(gateBytes.mul(g));
          sums[r * count + g]!.set(isApart ? own : own.add(fn.load('f32x4', LOAD, given)));
        }
      w.set(panel);
      a.set(ph);
      k.set(units);
      fn.doWhile(
        () => {
          const state = Array.from({ length: n }, (_, r) =>
            fn.load('f32x4', SPLAT, r === 0 ? a : a.add(hRow)).keep(),
          );
          for (let g = 0; g < count; g++) {
            const weight = fn.load('f32x4', LOAD, w, 16 * g).keep();
            for (let r = 0; r < n; r++) {
              const s = sums[r * count + g]!;
              s.set(s.add(state[r]!.mul(weight)));
            }
          }
          a.inc(4);
          w.inc(16 * count);
          k.inc(-1);
        },
        () => k.ne(0),
      );
      for (let r = 0; r < n; r++) {
        const totals = sums.slice(r * count, (r + 1) * count);
        const last = totals[count - 1]!;
        if (keepsLast) totals[count - 1] = fn.load('f32x4', LOAD, px.add(gateBytes.mul(count - 1))).keep();
        const old = {
          h: () => fn.load('f32x4', LOAD, ph.add(at)),
          c: () => fn.load('f32x4', LOAD, pc),
        };
        fn.store(STORE, po, gates(totals, last, old, (v) => fn.store(STORE, pc, v)).keep());
        px.inc(xRow);
        ph.inc(hRow);
        po.inc(outRow);
        pc.inc(gateBytes);
      }
    };
    fn.doWhile(
      () => {
        panel.set(u);
        left.set(panels);
        at.set(0);
        fn.doWhile(
          () => {
            px.set(x.add(at));
            ph.set(h);
            po.set(out.add(at));
            pc.set(c.add(at));
            rows.set(batch);
            fn.while(
              () => rows.geU(2),
              () => {
                some(2);
                rows.inc(-2);
              },
            );
            fn.if(rows.ne(0), () => some(1));
            panel.inc(panelBytes);
            at.inc(16);
            left.inc(-1);
          },
          () => left.ne(0),
        );
        h.set(out);
        hRow.set(outRow);
        x.inc(xTime);
        out.inc(outTime);
        times.inc(-1);
      },
      () => times.ne(0),
    );
  });
  return instantiate(products.heap, m).steps!;
}

interface Layers {
  readonly input: View;
  /** The states' beginnings, [layers * directions, batch, units]: h, and c for LSTM. */
  readonly starts: readonly View[];
  readonly params: readonly View[];
  readonly hasBiases: boolean;
  readonly layers: number;
  readonly directions: number;
  readonly batchFirst: boolean;
}

const input = (index: number): Expr => ({ op: 'input', index, dtype: 'float32' });

/** The layers of `count` gates, over padded sequences; undefined for what does not fit. */
function network(
  products: Products,
  count: number,
  gates: Gates,
  keepsLast: boolean,
): (a: Layers) => View[] | undefined {
  const { heap, scratch } = products;
  let walk: Exports[string] | undefined;
  const made = new Map<boolean, Executable>();
  const product = (hasBias: boolean): Executable => {
    let run = made.get(hasBias);
    if (!run) {
      const finish: Expr = { op: 'add', args: [input(0), input(1)], dtype: 'float32' };
      run = compileMatmul(products, {
        kind: 'matmul',
        dtype: 'float32',
        accumulate: 'float32',
        ...(hasBias ? { finish } : {}),
      });
      made.set(hasBias, run);
    }
    return run;
  };
  const copy = copier(heap, 'float32', 'float32', 4);

  return ({ input: x, starts, params, hasBiases, layers, directions, batchFirst }) => {
    const each = hasBiases ? 4 : 2;
    const [h0] = starts as [View];
    const units = h0.shape[2]!;
    if (x.shape.length !== 3 || units % UNITS !== 0 || units === 0 || numel(x.shape) === 0) return undefined;
    if (params.length !== each * layers * directions || starts.some((s) => s.shape.length !== 3))
      return undefined;
    if (![x, ...starts].every((v) => isRows(v)) || !params.every((v) => isRows(v, v.shape.length)))
      return undefined;
    const [steps, batch] = batchFirst ? [x.shape[1]!, x.shape[0]!] : [x.shape[0]!, x.shape[1]!];
    const wide = [layers * directions, batch, units];
    if (starts.some((s) => s.shape.some((n, d) => n !== wide[d]))) return undefined;
    // Shapes that do not fit are the definition's to report.
    const fits = params.every((p, i) => {
      const features = i < each * directions ? x.shape[2]! : directions * units;
      const want = [[count * units, features], [count * units, units], [count * units], [count * units]][
        i % each
      ]!;
      return p.shape.length === want.length && p.shape.every((n, d) => n === want[d]);
    });
    if (!fits) return undefined;
    walk ??= stepsFunction(products, count, gates, keepsLast);

    const width = directions * units;
    const ends = starts.map(() => dense(heap, 'float32', wide));
    const share = heap.allocate('float32', steps * batch * count * units);
    const noBias = heap.allocate('float32', count * units);
    zero(heap, noBias.pointer, 4 * count * units);
    let from = x;
    let copied: View | undefined;
    if (!isContiguous(x)) {
      copied = dense(heap, 'float32', x.shape);
      copy([copied], [x]);
      from = copied;
    }
    let isSwapped = batchFirst;
    let out: View | undefined;
    for (let layer = 0; layer < layers; layer++) {
      const previous = out;
      out = dense(heap, 'float32', [steps, batch, width]);
      for (let d = 0; d < directions; d++) {
        const index = layer * directions + d;
        const [wih, whh, bih, bhh] = params.slice(each * index, each * (index + 1)) as [
          View,
          View,
          View?,
          View?,
        ];
        const features = from.shape[2]!;
        const [n, all] = [count * units, steps * batch];
        const sums = scratchView(share.pointer, 'float32', [1, all, n], [0, n, 1]);
        const operands = [
          scratchView(pointerOf(from), 'float32', [1, all, features], [0, features, 1]),
          { ...wih, memory: wih.memory, dtype: wih.dtype, offset: wih.offset, shape: [1, features, n], strides: [0, 1, features] },
        ]; // biome-ignore format: two operands
        if (bih) operands.push(scratchView(pointerOf(bih), 'float32', [1, all, n], [0, 0, 1]));
        product(bih !== undefined)([sums], operands);
        const panels = units / UNITS;
        // Kept with the weights from the second call on.
        const bytes = 4 * count * units * units;
        const u = products.forms.of(whh, `steps of ${count} gates`, bytes, () => scratch.get('steps', bytes), (to) => {
          const shape = [panels, units, count, UNITS];
          const from = scratchView(pointerOf(whh), 'float32', shape, [UNITS * units, 1, units * units, units]);
          copy([scratchView(to, 'float32', shape, contiguousStrides(shape))], [from]);
        }); // biome-ignore format: one call
        const start = starts.map((s) => pointerOf(s) + 4 * index * s.strides[0]!);
        const end = ends.map((e) => pointerOf(e) + 4 * index * batch * units);
        const startRow = starts.map((s) => 4 * s.strides[1]!);
        // The cell's state is carried where it will be returned.
        for (let i = 1; i < starts.length; i++)
          copyRows(heap.f32, start[i]!, startRow[i]!, end[i]!, 4 * units, batch, units);
        const bias = bhh ? pointerOf(bhh) : noBias.pointer;
        const [timeBytes, rowBytes] = isSwapped ? [4 * n, 4 * n * steps] : [4 * n * batch, 4 * n];
        const [first, way] = d === 1 ? [steps - 1, -1] : [0, 1];
        const outTime = 4 * batch * width;
        const to = pointerOf(out) + 4 * d * units;
        walk(
          steps, panels, batch, units, u, share.pointer + first * timeBytes, way * timeBytes, rowBytes, bias,
          start[0], startRow[0], to + first * outTime, way * outTime, 4 * width, end[1] ?? end[0],
        ); // biome-ignore format: as the function has them
        const last = to + (steps - 1 - first) * outTime;
        copyRows(heap.f32, last, 4 * width, end[0]!, 4 * units, batch, units);
      }
      if (previous) heap.free(previous.memory as never);
      from = out;
      isSwapped = false;
    }
    heap.free(share);
    heap.free(noBias);
    if (copied) heap.free(copied.memory as never);
    scratch.trim('a');
    const result = out!;
    const swapped = { ...result, shape: [batch, steps, width], strides: [width, batch * width, 1] };
    return [batchFirst ? swapped : result, ...ends];
  };
}

/** Rows of float32; addresses and steps in bytes. */
function copyRows(
  f32: Float32Array,
  from: number,
  fromRow: number,
  to: number,
  toRow: number,
  rows: number,
  n: number,
): void {
  for (let r = 0; r < rows; r++) {
    const at = (from + r * fromRow) >> 2;
    f32.copyWithin((to + r * toRow) >> 2, at, at + n);
  }
}

/** Both have the arguments params, has_biases, num_layers, dropout, train, bidirectional, batch_first after their states. */
function takes(
  run: (a: Layers) => View[] | undefined,
  args: readonly unknown[],
  starts: readonly View[],
): View[] | undefined {
  const [params, hasBiases, layers, dropout, train, bidirectional, batchFirst] = args.slice(2) as [
    View[], boolean, number, number, boolean, boolean, boolean,
  ]; // biome-ignore format: seven arguments
  if (train && dropout !== 0 && layers > 1) return undefined;
  const directions = bidirectional ? 2 : 1;
  return run({ input: args[0] as View, starts, params, hasBiases, layers, directions, batchFirst });
}

export function lstm(products: Products): OpKernel {
  const run = network(products, 4, lstmGates, false);
  return (args) => {
    const starts = args[1] as View[];
    // A projection makes h narrower than c.
    if (starts.length !== 2 || starts[0]!.shape[2] !== starts[1]!.shape[2]) return undefined;
    return takes(run, args, starts);
  };
}

export function gru(products: Products): OpKernel {
  const run = network(products, 3, gruGates, true);
  return (args) => takes(run, args, [args[1] as View]);
}
