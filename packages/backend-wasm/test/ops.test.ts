/**
 * The operators that the backend takes over, where sizes and layouts choose a way (vectors and rests, pieces, blocks of rows,
 * blocks of queries), against the formulas in double. What the operators mean is tested in conformance.
 */
import type { OpKernel, Schema, View } from '@sconce/core/backend';
import { describe, expect, it } from 'vitest';
import { WasmBackend } from '../src/index.ts';

const backend = new WasmBackend();
const opOf = (name: string): OpKernel => backend.op({ name } as Schema)!;

/** Numbers between -2 and 2 that no two tensors share. */
let seed = 1;
const random = (): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.fround(seed / 2 ** 30 - 2);
};

/** A dense tensor with its numbers; `gap` elements lie between the rows. */
function tensor(
  shape: readonly number[],
  from: () => number = random,
  gap = 0,
): { view: View; values: number[] } {
  const width = shape[shape.length - 1] ?? 1;
  const rows = shape.reduce((a, b) => a * b, 1) / width;
  const memory = backend.allocate('float32', rows * (width + gap));
  const values = Array.from({ length: rows * width }, () => Math.fround(from()));
  const all = new Float32Array(rows * (width + gap));
  values.forEach((v, i) => {
    all[Math.floor(i / width) * (width + gap) + (i % width)] = v;
  });
  backend.write(memory, 0, all);
  const strides = shape.map(() => 0);
  let step = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = step;
    step *= d === shape.length - 1 ? width + gap : shape[d]!;
  }
  return { view: { memory, dtype: 'float32', shape, strides, offset: 0 }, values };
}

/** The elements in row-major order. */
function read({ memory, shape, strides, offset }: View): number[] {
  const last = shape.reduce((at, n, d) => at + (n - 1) * strides[d]!, offset);
  const all = backend.readNow(memory, 0, last + 1);
  let places = [offset];
  shape.forEach((n, d) => {
    places = places.flatMap((p) => Array.from({ length: n }, (_, i) => p + i * strides[d]!));
  });
  return places.map((p) => Number(all[p]));
}

function close(got: readonly number[], want: readonly number[], tolerance = 2e-6): void {
  expect(got.length).toBe(want.length);
  const wrong = got.flatMap((g, i) => {
    const w = want[i]!;
    return Object.is(g, w) || Math.abs(g - w) <= tolerance * Math.max(1, Math.abs(w)) ? [] : [[i, g, w]];
  });
  expect(wrong.slice(0, 5)).toEqual([]);
}

const rowsOf = (values: readonly number[], n: number): number[][] =>
  Array.from({ length: values.length / n }, (_, r) => values.slice(r * n, (r + 1) * n));
const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
const softmax = (row: readonly number[]): number[] => {
  const max = Math.max(...row);
  const powers = row.map((x) => Math.exp(x - max));
  const total = sum(powers);
  return powers.map((p) => p / total);
};

describe('softmax', () => {
  for (const n of [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 33, 1000, 2049, 5000])
    it(`takes rows of ${n}, dense or apart, and its gradient too`, () => {
      for (const gap of [0, 3]) {
        const x = tensor([3, n], () => 8 * random(), gap);
        const want = rowsOf(x.values, n).map(softmax);
        const weights = want.flat();
        const [y] = opOf('aten::_softmax')([x.view, 1, false])!;
        close(read(y!), weights);
        const [logs] = opOf('aten::_log_softmax')([x.view, 1, false])!;
        close(read(logs!), weights.map(Math.log), 4e-6);
        const grad = tensor([3, n], random, gap);
        const dots = rowsOf(grad.values, n).map((g, r) => sum(g.map((v, i) => v * want[r]![i]!)));
        const [dx] = opOf('aten::_softmax_backward_data')([grad.view, y, 1, 'float32'])!;
        close(
          read(dx!),
          grad.values.map((g, i) => (g - dots[Math.floor(i / n)]!) * weights[i]!),
        );
        const totals = rowsOf(grad.values, n).map(sum);
        const [dl] = opOf('aten::_log_softmax_backward_data')([grad.view, logs, 1, 'float32'])!;
        const gradients = grad.values.map((g, i) => g - totals[Math.floor(i / n)]! * weights[i]!);
        close(read(dl!), gradients, 1e-5);
      }
    });

  it('gives exact zeros for -inf and far below, and NaN where PyTorch does', () => {
    const inf = Number.POSITIVE_INFINITY;
    const rows = [
      [-inf, 0, -200, -88.5, 1, -inf],
      [-inf, -inf, -inf, -inf, -inf, -inf],
      [1, Number.NaN, 2, 3, 4, 5],
      [inf, 1, 2, 3, 4, 5],
      [-1e30, 1e30, 0, 0, 0, 0],
    ];
    const values = rows.flat();
    const [y] = opOf('aten::_softmax')([tensor([5, 6], () => values.shift()!).view, -1, false])!;
    const got = rowsOf(read(y!), 6);
    expect([got[0]![0], got[0]![2], got[0]![3]]).toEqual([0, 0, 0]);
    for (const r of [1, 2, 3]) expect(got[r]!.every(Number.isNaN)).toBe(true);
    expect(got[4]).toEqual([0, 1, 0, 0, 0, 0]);
  });

  it('leaves to the definition what it does not do', () => {
    const x = tensor([4, 4]).view;
    const run = opOf('aten::_softmax');
    expect(run([x, 0, false])).toBeUndefined();
    expect(run([{ ...x, strides: [1, 4] }, 1, false])).toBeUndefined();
    expect(run([{ ...x, dtype: 'float16' }, 1, false])).toBeUndefined();
  });
});

describe('normalisation', () => {
  const normalised = (row: readonly number[], eps: number): { hat: number[]; mean: number; rstd: number } => {
    const mean = sum(row) / row.length;
    const rstd = 1 / Math.sqrt(sum(row.map((x) => (x - mean) ** 2)) / row.length + eps);
    return { hat: row.map((x) => (x - mean) * rstd), mean, rstd };
  };

  for (const [count, n] of [
    [1, 1], [2, 3], [70, 6], [33, 64], [3, 1027], [2, 4100],
  ] as const) // biome-ignore format: sizes
    it(`layer_norm takes ${count} rows of ${n}, and its gradient too`, () => {
      const x = tensor([count, n], () => 3 + random());
      const [w, b, g] = [tensor([n]), tensor([n]), tensor([count, n])];
      const rows = rowsOf(x.values, n).map((r) => normalised(r, 1e-5));
      const [y, mean, rstd] = opOf('aten::native_layer_norm')([x.view, [n], w.view, b.view, 1e-5])!;
      close(
        read(mean!),
        rows.map((r) => r.mean),
      );
      close(
        read(rstd!),
        rows.map((r) => r.rstd),
        n === 1 ? 1e-2 : 1e-5,
      );
      const want = rows.flatMap((r) => r.hat.map((h, i) => h * w.values[i]! + b.values[i]!));
      close(read(y!), want, 1e-5);
      if (n === 1) return;
      const gradients = opOf('aten::native_layer_norm_backward')([
        g.view, x.view, [n], mean, rstd, w.view, null, [true, true, true],
      ])!; // biome-ignore format: one call
      const grads = rowsOf(g.values, n);
      const dx = rows.flatMap(({ hat, rstd: scale }, r) => {
        const own = grads[r]!.map((v, i) => v * w.values[i]!);
        const [a, c] = [sum(own) / n, sum(own.map((v, i) => v * hat[i]!)) / n];
        return own.map((v, i) => scale * (v - a - hat[i]! * c));
      });
      close(read(gradients[0]!), dx, 2e-5);
      const column = (f: (r: number, i: number) => number) =>
        w.values.map((_, i) => sum(rows.map((_, r) => f(r, i))));
      close(
        read(gradients[1]!),
        column((r, i) => grads[r]![i]! * rows[r]!.hat[i]!),
        1e-5,
      );
      close(
        read(gradients[2]!),
        column((r, i) => grads[r]![i]!),
        1e-5,
      );
    });

  it('layer_norm does without weight and bias, and over two dims', () => {
    const x = tensor([5, 3, 7]);
    const [y] = opOf('aten::native_layer_norm')([x.view, [3, 7], null, null, 1e-3])!;
    close(
      read(y!),
      rowsOf(x.values, 21).flatMap((r) => normalised(r, 1e-3).hat),
      1e-5,
    );
  });

  it('group_norm gives each channel its own factor', () => {
    const [n, c, hw, groups] = [2, 6, 35, 3];
    const x = tensor([n, c, 5, 7]);
    const [w, b] = [tensor([c]), tensor([c])];
    const [y, mean] = opOf('aten::native_group_norm')([x.view, w.view, b.view, n, c, hw, groups, 1e-5])!;
    const rows = rowsOf(x.values, (c / groups) * hw).map((r) => normalised(r, 1e-5));
    const hats = rows.flatMap((r) => r.hat);
    const channel = (i: number) => Math.floor(i / hw) % c;
    close(
      read(y!),
      hats.map((h, i) => h * w.values[channel(i)]! + b.values[channel(i)]!),
      1e-5,
    );
    close(
      read(mean!),
      rows.map((r) => r.mean),
    );
  });
});

describe('attention', () => {
  const attend = (
    [q, k, v]: readonly number[][][],
    seen: (row: number, column: number) => boolean,
    bias: (row: number, column: number) => number = () => 0,
  ): number[][] =>
    q!.map((x, r) => {
      const scores = k!.map((y, c) =>
        seen(r, c) ? sum(x.map((a, i) => a * y[i]!)) / Math.sqrt(x.length) + bias(r, c) : -Infinity,
      );
      const weights = scores.every((s) => s === -Infinity) ? scores.map(() => 0) : softmax(scores);
      return v![0]!.map((_, i) => sum(weights.map((a, c) => a * v![c]![i]!)));
    });

  it('takes more queries than a block, causal or not, with rows and columns of any number', () => {
    // A block holds 65536 scores.
    const [rows, columns, depth] = [70, 1301, 5];
    const [q, k, v] = [tensor([rows, depth]), tensor([columns, depth]), tensor([columns, depth])];
    const parts = [q, k, v].map((t) => rowsOf(t.values, depth));
    const run = opOf('aten::scaled_dot_product_attention');
    for (const causal of [false, true]) {
      const [y] = run([q.view, k.view, v.view, null, 0, causal, null, false])!;
      close(read(y!), attend(parts, (r, c) => !causal || c <= r).flat(), 1e-5);
    }
  });

  it('adds a mask of numbers, obeys one of bools, and gives zeros where nothing may be seen', () => {
    const [q, k, v] = [tensor([3, 4]), tensor([6, 4]), tensor([6, 2])];
    const parts = [q, k, v].map((t, i) => rowsOf(t.values, i === 2 ? 2 : 4));
    const run = opOf('aten::scaled_dot_product_attention');
    const bias = tensor([3, 6]);
    const [added] = run([q.view, k.view, v.view, bias.view, 0, false, null, false])!;
    const want = attend(
      parts,
      () => true,
      (r, c) => bias.values[r * 6 + c]!,
    );
    close(read(added!), want.flat(), 1e-5);
    const bits = Array.from({ length: 18 }, (_, i) => (i < 6 ? 0 : i % 3 === 0 ? 1 : 0));
    const memory = backend.allocate('bool', 18);
    backend.write(memory, 0, new Uint8Array(bits));
    const mask: View = { memory, dtype: 'bool', shape: [3, 6], strides: [6, 1], offset: 0 };
    const [masked] = run([q.view, k.view, v.view, mask, 0, false, null, false])!;
    close(read(masked!), attend(parts, (r, c) => bits[r * 6 + c] === 1).flat(), 1e-5);
  });

  it('shares the keys of a group of heads, and lays the result out as the query is', () => {
    const [heads, rows, depth] = [4, 3, 4];
    const [q, k, v] = [tensor([1, rows, heads, depth]), tensor([1, 2, 5, depth]), tensor([1, 2, 5, depth])];
    const query = { ...q.view, shape: [1, heads, rows, depth], strides: [48, depth, heads * depth, 1] };
    const run = opOf('aten::scaled_dot_product_attention');
    const [y] = run([query, k.view, v.view, null, 0, false, null, true])!;
    expect(y!.strides.slice(1)).toEqual([depth, heads * depth, 1]);
    const wants = Array.from({ length: heads }, (_, h) => {
      const own = Array.from({ length: rows }, (_, r) => q.values.slice((r * heads + h) * depth).slice(0, depth));
      const group = Math.floor(h / 2);
      return attend([own, rowsOf(k.values, depth).slice(group * 5, group * 5 + 5), rowsOf(v.values, depth).slice(group * 5, group * 5 + 5)], () => true);
    }); // biome-ignore format: one line per head
    close(read(y!), wants.flat(2), 1e-5);
  });
});

describe('recurrent layers', () => {
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  const times = (w: readonly number[][], x: readonly number[], b: readonly number[]): number[] =>
    w.map((row, i) => sum(row.map((v, j) => v * x[j]!)) + b[i]!);
  type Cell = (x: number[], h: number[], c: number[], w: number[][][], b: number[][]) => [number[], number[]];
  const cells: Record<string, [number, Cell]> = {
    lstm: [
      4,
      (x, h, c, w, b) => {
        const n = h.length;
        const z = times(w[0]!, x, b[0]!).map((v, i) => v + times(w[1]!, h, b[1]!)[i]!);
        const next = c.map((v, i) => sigmoid(z[n + i]!) * v + sigmoid(z[i]!) * Math.tanh(z[2 * n + i]!));
        return [next.map((v, i) => sigmoid(z[3 * n + i]!) * Math.tanh(v)), next];
      },
    ],
    gru: [
      3,
      (x, h, _c, w, b) => {
        const n = h.length;
        const [xs, hs] = [times(w[0]!, x, b[0]!), times(w[1]!, h, b[1]!)];
        const next = h.map((v, i) => {
          const [r, z] = [sigmoid(xs[i]! + hs[i]!), sigmoid(xs[n + i]! + hs[n + i]!)];
          return (1 - z) * Math.tanh(xs[2 * n + i]! + r * hs[2 * n + i]!) + z * v;
        });
        return [next, []];
      },
    ],
  };

  for (const [name, [gates, cell]] of Object.entries(cells))
    for (const batch of [1, 2, 5])
      it(`${name} takes ${batch} at a time, two layers in both directions, batch first or not`, () => {
        const [steps, features, units] = [4, 3, 8];
        const x = tensor([batch, steps, features]);
        const params = [0, 1, 2, 3].flatMap((k) => [
          tensor([gates * units, k < 2 ? features : 2 * units]),
          tensor([gates * units, units]),
          tensor([gates * units]),
          tensor([gates * units]),
        ]);
        const starts = Array.from({ length: name === 'lstm' ? 2 : 1 }, () => tensor([4, batch, units]));
        const states = starts.map((s) => s.view);
        const run = opOf(`aten::${name}.input`);
        const views = params.map((p) => p.view);
        const first = name === 'lstm' ? states : states[0];
        const [y, h] = run([x.view, first, views, true, 2, 0, false, true, true])!;
        // The same by the formulas.
        let sequence = Array.from({ length: batch }, (_, b) =>
          rowsOf(x.values, features).slice(b * steps, (b + 1) * steps),
        );
        const ends: number[][][] = [];
        for (let layer = 0; layer < 2; layer++) {
          const next = sequence.map((s) => s.map((): number[] => []));
          for (let d = 0; d < 2; d++) {
            const k = 2 * layer + d;
            const [wi, wh, bi, bh] = params.slice(4 * k, 4 * k + 4).map((p) => p.values);
            const width = k < 2 ? features : 2 * units;
            const weights = [rowsOf(wi!, width), rowsOf(wh!, units)];
            ends[k] = sequence.map((s, b) => {
              let [now, c] = starts.map((t) => rowsOf(t.values, units)[k * batch + b]!) as [
                number[],
                number[]?,
              ];
              for (let t = 0; t < steps; t++) {
                const at = d === 1 ? steps - 1 - t : t;
                [now, c] = cell(s[at]!, now, c ?? [], weights, [bi!, bh!]);
                next[b]![at]!.push(...now);
              }
              return now;
            });
          }
          sequence = next;
        }
        close(read(y!), sequence.flat(2), 1e-5);
        close(read(h!), ends.flat(2), 1e-5);
        // Time first is the same numbers in another order.
        const byTime = {
          ...x.view,
          shape: [steps, batch, features],
          strides: [features, steps * features, 1],
        };
        const [z] = run([byTime, first, views, true, 2, 0, false, true, false])!;
        const turned = {
          ...z!,
          shape: [batch, steps, 2 * units],
          strides: [z!.strides[1]!, z!.strides[0]!, 1],
        };
        expect(read(turned)).toEqual(read(y!));
      });

  it('leaves other sizes to the definition', () => {
    const run = opOf('aten::gru.input');
    const odd = [tensor([18, 3]), tensor([18, 6])].map((t) => t.view);
    const args = [tensor([2, 1, 3]).view, tensor([1, 1, 6]).view, odd, false, 1, 0, false, false, false];
    expect(run(args)).toBeUndefined();
  });

  it('sees weights that were written since the last call', () => {
    const params = [tensor([24, 3]), tensor([24, 8])].map((t) => t.view);
    const args = [tensor([2, 1, 3]).view, tensor([1, 1, 8]).view, params, false, 1, 0, false, false, false];
    const run = opOf('aten::gru.input');
    for (let i = 0; i < 3; i++) run(args);
    const weights = Float32Array.from({ length: 24 * 8 }, random);
    backend.write(params[1]!.memory, 0, weights);
    const same = tensor([24, 8], () => 0).view;
    backend.write(same.memory, 0, weights);
    const [want] = run([args[0], args[1], [params[0], same], ...args.slice(3)])!;
    expect(read(run(args)![0]!)).toEqual(read(want!));
  });

  it('gives back what it borrowed', () => {
    const params = [tensor([32, 5]), tensor([32, 8])].map((t) => t.view);
    const states = [tensor([1, 2, 8]), tensor([1, 2, 8])].map((t) => t.view);
    const x = tensor([3, 2, 5]).view;
    const run = (): void => {
      const out = opOf('aten::lstm.input')([x, states, params, false, 1, 0, false, false, false])!;
      for (const v of out) backend.free(v.memory);
    };
    // Packed weights are kept from the second call on.
    for (let i = 0; i < 2; i++) run();
    const before = backend.heap.inUse;
    for (let i = 0; i < 5; i++) run();
    expect(backend.heap.inUse).toBe(before);
  });
});

describe('topk', () => {
  for (const [n, k] of [[8, 1], [61, 7], [300, 5], [4099, 256]] as const) // biome-ignore format: sizes
    for (const largest of [true, false])
      it(`finds the ${k} ${largest ? 'largest' : 'smallest'} of ${n}, the first of equals first, NaN above all`, () => {
        const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0];
        const x = tensor([3, n], () => {
          const v = random();
          return Math.abs(v) < 0.05 ? odd[Math.floor(Math.abs(v) * 100)]! : Math.round(v * 50) / 8;
        });
        const [values, indices] = opOf('aten::topk')([x.view, k, -1, largest, true])!;
        const rank = (v: number): number => (Number.isNaN(v) ? 2e30 : Math.max(-1e30, Math.min(v, 1e30)));
        const want = rowsOf(x.values, n).map((row) =>
          row
            .map((v, i) => [v, i] as const)
            .sort(([a, i], [b, j]) => (largest ? rank(b) - rank(a) : rank(a) - rank(b)) || i - j)
            .slice(0, k),
        );
        expect(read(indices!)).toEqual(want.flatMap((row) => row.map(([, i]) => i)));
        expect(read(values!)).toEqual(want.flatMap((row) => row.map(([v]) => v)));
      });

  it('leaves many of few to a sort', () => {
    expect(opOf('aten::topk')([tensor([2, 16]).view, 5, -1, true, true])).toBeUndefined();
  });
});

describe('kernels that these met', () => {
  it('sort takes a row whose scratch makes the memory grow', () => {
    const fresh = new WasmBackend({ threads: 1 });
    const n = 300000;
    const view = (dtype: 'float32' | 'int64'): View => ({
      memory: fresh.allocate(dtype, n),
      dtype,
      shape: [n],
      strides: [1],
      offset: 0,
    });
    const [x, values, indices] = [view('float32'), view('float32'), view('int64')];
    fresh.write(
      x.memory,
      0,
      Float32Array.from({ length: n }, (_, i) => (i * 7919) % n),
    );
    fresh.compile({ kind: 'sort', descending: false, rank: 1, dtype: 'float32' })([values, indices], [x]);
    const got = fresh.readNow(values.memory, 0, n) as Float32Array;
    expect(got.every((v, i) => v === i)).toBe(true);
  });

  it('one convolution kernel serves windows of any size', () => {
    const run = backend.compile({
      kind: 'conv', dims: 1, transposed: true, groups: 1, stride: [1], padding: [0], dilation: [1],
      dtype: 'float32', accumulate: 'float32',
    }); // biome-ignore format: a kernel
    for (const window of [5, 3, 7]) {
      const one = (): number => 1;
      const out = tensor([1, 1, 4 + window], one).view;
      run([out], [tensor([1, 1, 5], one).view, tensor([1, 1, window], one).view]);
      expect(read(out)).toEqual(
        Array.from({ length: 4 + window }, (_, i) => Math.min(i + 1, 5, window, 4 + window - i)),
      );
    }
  });

  for (const [rows, columns] of [
    [16, 16], [17, 35], [100, 16], [33, 1000],
  ] as const) // biome-ignore format: sizes
    it(`a copy turns ${rows} x ${columns} around`, () => {
      const x = tensor([2, columns, rows]);
      const across = { ...x.view, shape: [2, rows, columns], strides: [rows * columns, 1, rows] };
      const out = tensor([2, rows, columns], () => 0).view;
      backend.compile({ kind: 'pointwise', exprs: [{ op: 'input', index: 0, dtype: 'float32' }], rank: 3 })(
        [out],
        [across],
      );
      expect(read(out)).toEqual(read(across));
    });

  it('the position of an extreme is the first, and a NaN is one', () => {
    for (const n of [5, 16, 17, 64, 1000]) {
      for (const place of [0, 1, n >> 1, n - 1]) {
        for (const best of [9, Number.NaN]) {
          const values = Array.from({ length: n }, (_, i) => (i === place ? best : (i * 7) % 8));
          values.push(...values);
          const x = tensor([1, 2 * n], () => values.shift()!);
          const memory = backend.allocate('int64', 1);
          const out: View = { memory, dtype: 'int64', shape: [1], strides: [1], offset: 0 };
          backend.compile({
            kind: 'reduce',
            folds: [{ map: { op: 'input', index: 0, dtype: 'float32' }, combine: 'argmax' }],
            reduced: 1,
            finish: [{ op: 'input', index: 0, dtype: 'int64' }],
            rank: 1,
          })([out], [x.view]);
          expect(read(out)).toEqual([place]);
        }
      }
    }
    const nothing = tensor([1, 40], () => Number.NEGATIVE_INFINITY);
    const memory = backend.allocate('int64', 1);
    const out: View = { memory, dtype: 'int64', shape: [1], strides: [1], offset: 0 };
    backend.compile({
      kind: 'reduce',
      folds: [{ map: { op: 'input', index: 0, dtype: 'float32' }, combine: 'argmax' }],
      reduced: 1,
      finish: [{ op: 'input', index: 0, dtype: 'int64' }],
      rank: 1,
    })([out], [nothing.view]);
    expect(read(out)).toEqual([0]);
  });
});
