/** Products and convolutions at the edges of their tiles, blocks and transforms, against the reference backend. */
import type { Backend, ConvKernel, Expr, Kernel, View } from '@sconce/core';
import { describe, expect, it } from 'vitest';
import { reference } from '../../backend-reference/src/index.ts';
import { WasmBackend } from '../src/index.ts';

const f = 'float32';
const want: Backend = reference();
const got = new WasmBackend({ threads: 1 });

/** A view on values that are not whole numbers, the same on every backend; `order` is that of the dims in memory. */
function place(backend: Backend, shape: readonly number[], seed: number, order?: readonly number[]): View {
  const strides = shape.map(() => 0);
  let step = 1;
  for (const d of [...(order ?? shape.map((_, i) => i))].reverse()) {
    strides[d] = step;
    step *= shape[d]!;
  }
  const memory = backend.allocate(f, step);
  backend.write(memory, 0, values(step, seed));
  return { memory, dtype: f, shape, strides, offset: 0 };
}

function values(n: number, seed: number): Float32Array {
  let state = seed;
  return new Float32Array(n).map(() => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

const read = (backend: Backend, v: View): Float32Array =>
  backend.readNow!(
    v.memory,
    0,
    v.shape.reduce((a, b) => a * b, 1),
  ) as Float32Array;

/** The largest difference, as a part of the largest value. */
function difference(a: Float32Array, b: Float32Array): number {
  let most = 0;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    most = Math.max(most, Math.abs(a[i]! - b[i]!));
    largest = Math.max(largest, Math.abs(a[i]!));
  }
  return Number.isNaN(most) ? Number.POSITIVE_INFINITY : most / Math.max(largest, 1e-30);
}

interface Operand {
  readonly shape: readonly number[];
  readonly order?: readonly number[];
  /** Dims in which it is broadcast. */
  readonly broadcast?: readonly number[];
}

/** Both backends' results of a kernel that gets these operands, `times` times. */
function run(kernel: Kernel, out: readonly number[], inputs: readonly Operand[], times = 1): number {
  const results = [want, got].map((backend) => {
    const output = place(backend, out, 1);
    const views = inputs.map(({ shape, order, broadcast = [] }, i) => {
      const v = place(backend, shape, 17 * i + 3, order);
      return { ...v, strides: v.strides.map((s, d) => (broadcast.includes(d) ? 0 : s)) };
    });
    const executable = backend.compile(kernel);
    for (let t = 0; t < times; t++) executable([output], views);
    return read(backend, output);
  });
  return difference(results[0]!, results[1]!);
}

const input = (index: number): Expr => ({ op: 'input', index, dtype: f });
const number = (value: number): Expr => ({ op: 'const', value, dtype: f });
const call = (op: string, ...args: Expr[]): Expr => ({ op, args, dtype: f }) as Expr;
/** relu(sum + bias) + residual. */
const finish = call('add', call('max', call('add', input(0), input(1)), number(0)), input(2));

describe('matmul', () => {
  const matmul: Kernel = { kind: 'matmul', dtype: f, accumulate: f };
  const sizes = [1, 2, 4, 5, 6, 7, 8, 9, 11, 16, 23, 31, 33, 64];
  it('is right for every height at the end of a block', () => {
    for (const m of sizes)
      expect(run(matmul, [1, m, 37], [{ shape: [1, m, 60] }, { shape: [1, 60, 37] }]), `m ${m}`).toBeLessThan(
        1e-6,
      );
  });
  it('is right for every width of the last panel', () => {
    for (const n of [...sizes, 511, 513, 520])
      expect(run(matmul, [1, 13, n], [{ shape: [1, 13, 60] }, { shape: [1, 60, n] }]), `n ${n}`).toBeLessThan(
        1e-6,
      );
  });
  it('is right for every depth around a block', () => {
    for (const k of [1, 3, 127, 128, 129, 255, 257, 400])
      expect(run(matmul, [1, 33, 40], [{ shape: [1, 33, k] }, { shape: [1, k, 40] }]), `k ${k}`).toBeLessThan(
        2e-6,
      );
  });
  it('is right over blocks of rows, the last of them of one', () => {
    for (const m of [239, 240, 241, 247, 481])
      expect(run(matmul, [1, m, 24], [{ shape: [1, m, 50] }, { shape: [1, 50, 24] }]), `m ${m}`).toBeLessThan(
        1e-6,
      );
  });
  it('reads transposed and strided operands', () => {
    for (const a of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
    ])
      for (const b of [
        [0, 1, 2],
        [0, 2, 1],
        [2, 1, 0],
      ])
        for (const m of [1, 3, 21])
          expect(
            run(
              matmul,
              [3, m, 35],
              [
                { shape: [3, m, 50], order: a },
                { shape: [3, 50, 35], order: b },
              ],
            ),
            `${a} ${b} ${m}`,
          ).toBeLessThan(1e-6);
  });
  it('finishes sums in tiles and edges, with operands of rows, of columns and of both', () => {
    for (const [m, n] of [
      [21, 40],
      [5, 7],
      [1, 33],
      [130, 517],
    ] as const)
      for (const broadcast of [[0, 1], [0, 2], [0, 1, 2], []])
        expect(
          run(
            { ...matmul, finish },
            [1, m, n],
            [
              { shape: [1, m, 300] },
              { shape: [1, 300, n] },
              { shape: [1, m, n], broadcast },
              { shape: [1, m, n] },
            ],
          ),
          `${m} ${n} ${broadcast}`,
        ).toBeLessThan(1e-6);
  });
  it('of a batch is packed and finished by whoever makes it', () => {
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
    ])
      for (const [m, n, k] of [
        [7, 20, 300],
        [32, 64, 128],
        [5, 3, 130],
      ] as const)
        for (const broadcast of [[0, 1], [0], []])
          expect(
            run(
              { ...matmul, finish },
              [3, m, n],
              [
                { shape: [3, m, k] },
                { shape: [3, k, n], order },
                { shape: [3, m, n], broadcast },
                { shape: [3, m, n] },
              ],
            ),
            `${m} ${n} ${k} ${order} ${broadcast}`,
          ).toBeLessThan(1e-6);
  });
  it('of one row reads columns in streams and those that are left over one by one', () => {
    for (const n of [1, 5, 6, 7, 13, 515])
      for (const k of [1, 3, 130, 1027])
        expect(
          run(matmul, [1, 1, n], [{ shape: [1, 1, k] }, { shape: [1, k, n], order: [0, 2, 1] }]),
          `n ${n} k ${k}`,
        ).toBeLessThan(2e-6);
  });
  it('of few rows reads dense rows and dense columns where they are, matrix by matrix', () => {
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
    ])
      for (const [m, n] of [
        [1, 64],
        [1, 33],
        [2, 32],
        [4, 37],
        [5, 64],
      ] as const)
        for (const left of [
          {},
          { order: [0, 2, 1] },
          { broadcast: [0] },
          { broadcast: [1] },
          { broadcast: [2] },
        ])
          for (const right of [{ order }, { order, broadcast: [0] }])
            for (const batch of [1, 3])
              expect(
                run(
                  { ...matmul, finish },
                  [batch, m, n],
                  [
                    { shape: [batch, m, 70], ...left },
                    { shape: [batch, 70, n], ...right },
                    { shape: [batch, m, n], broadcast: [0, 1] },
                    { shape: [batch, m, n] },
                  ],
                ),
                `${m} ${n} ${order} ${JSON.stringify([left, right])} ${batch}`,
              ).toBeLessThan(2e-6);
  });
  it('keeps a right operand that is used again in panels, and sees what is written to it', () => {
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
    ]) {
      const results = [want, got].map((backend) => {
        const out = place(backend, [1, 21, 523], 1);
        const x = place(backend, [1, 21, 300], 2);
        const w = place(backend, [1, 300, 523], 3, order);
        const bias = { ...place(backend, [523], 4), shape: out.shape, strides: [0, 0, 1] };
        const residual = place(backend, [1, 21, 523], 5);
        const executable = backend.compile({ ...matmul, finish });
        const seen: Float32Array[] = [];
        for (let t = 0; t < 2; t++) {
          const inUse: number[] = [];
          for (let again = 0; again < 3; again++) {
            executable([out], [x, w, bias, residual]);
            inUse.push(got.heap.inUse);
          }
          seen.push(read(backend, out).slice());
          if (backend === got && t === 0) {
            expect(inUse[1]! - inUse[0]!).toBeGreaterThan(300 * 523 * 4);
            expect(inUse[2]).toBe(inUse[1]);
          }
          backend.write(w.memory, 0, values(300 * 523, 99));
        }
        return seen;
      });
      results[0]!.forEach((a, i) => {
        expect(difference(a, results[1]![i]!), `${order} after ${i} writes`).toBeLessThan(2e-6);
      });
    }
  });
});

describe('convolution', () => {
  const conv = (more: Partial<ConvKernel>): ConvKernel => ({
    kind: 'conv', dims: 2, transposed: false, groups: 1, stride: [1, 1], padding: [1, 1], dilation: [1, 1],
    dtype: f, accumulate: f, ...more,
  }); // biome-ignore format: one kernel
  /** [batch, channels, filters, height, width, padding] */
  const layers = [
    [1, 8, 8, 4, 4, 1], [1, 8, 16, 7, 7, 1], [2, 9, 13, 14, 14, 0], [3, 17, 10, 5, 9, 1], [1, 16, 12, 12, 12, 2],
    [1, 12, 16, 3, 40, 1], [5, 20, 21, 7, 6, 1], [1, 300, 9, 8, 8, 1], [1, 8, 8, 61, 9, 0], [2, 10, 6, 30, 33, 1],
  ]; // biome-ignore format: a table
  for (const [precision, most] of [
    ['fast', 5e-6],
    [undefined, 1e-6],
    ['exact', 1e-6],
  ] as const) {
    const name = precision ?? 'precise';
    it(`of 3 x 3 windows is right at every edge of its tiles, ${name}`, () => {
      for (const [n, c, o, h, w, p] of layers as [number, number, number, number, number, number][]) {
        const out = [n, o, h + 2 * p - 2, w + 2 * p - 2];
        const kernel = conv({ padding: [p, p], ...(precision && { precision }) });
        const x = { shape: [n, c, h, w] };
        // The second time the filters' transforms are kept, the third time used.
        for (const times of [1, 3])
          expect(run(kernel, out, [x, { shape: [o, c, 3, 3] }], times), `${[n, c, o, h, w, p]}`).toBeLessThan(
            most,
          );
        const finished = run({ ...kernel, finish }, out, [
          x,
          { shape: [o, c, 3, 3] },
          { shape: out, broadcast: [0, 2, 3] },
          { shape: out },
        ]);
        expect(finished, `${[n, c, o, h, w, p]} finished`).toBeLessThan(most);
      }
    });
    it(`transposed, in groups, of channels last, ${name}`, () => {
      const options = precision ? { precision } : {};
      expect(
        run(
          conv({ transposed: true, ...options }),
          [2, 12, 9, 11],
          [{ shape: [2, 10, 9, 11] }, { shape: [10, 12, 3, 3] }],
        ),
      ).toBeLessThan(most);
      expect(
        run(
          conv({ groups: 3, ...options }),
          [2, 24, 9, 11],
          [{ shape: [2, 30, 9, 11] }, { shape: [24, 10, 3, 3] }],
        ),
      ).toBeLessThan(most);
      expect(
        run(
          conv({ transposed: true, groups: 2, ...options }),
          [1, 24, 9, 11],
          [{ shape: [1, 20, 9, 11] }, { shape: [20, 12, 3, 3] }],
        ),
      ).toBeLessThan(most);
      expect(
        run(
          conv(options),
          [2, 12, 9, 11],
          [{ shape: [2, 10, 9, 11], order: [0, 2, 3, 1] }, { shape: [12, 10, 3, 3] }],
        ),
      ).toBeLessThan(most);
    });

    it(`finished by a plane for all channels, ${name}`, () => {
      const out = [2, 24, 20, 20];
      const inputs = [{ shape: [2, 32, 20, 20] }, { shape: [24, 32, 3, 3] }];
      const others = [
        { shape: out, broadcast: [0, 2, 3] },
        { shape: out, broadcast: [0, 1] },
      ];
      const kernel = conv({ ...(precision && { precision }), finish });
      expect(run(kernel, out, [...inputs, ...others])).toBeLessThan(most);
    });
  }

  it('stays below 2e-5 of the largest output where it may be fast, for many channels', () => {
    const [c, o, h] = [1024, 8, 12];
    const precise = run(conv({}), [1, o, h, h], [{ shape: [1, c, h, h] }, { shape: [o, c, 3, 3] }]);
    const fast = run(
      conv({ precision: 'fast' }),
      [1, o, h, h],
      [{ shape: [1, c, h, h] }, { shape: [o, c, 3, 3] }],
    );
    expect(precise).toBeLessThan(4e-6);
    expect(fast).toBeLessThan(2e-5);
  });

  it('sees weights that were written after their transforms were kept', () => {
    for (const [window, size] of [
      [3, 12],
      [1, 7],
    ] as const) {
      const padding = [window >> 1, window >> 1];
      const results = [want, got].map((backend) => {
        const out = place(backend, [1, 16, size, size], 1);
        const x = place(backend, [1, 8, size, size], 2);
        const w = place(backend, [16, 8, window, window], 3);
        const executable = backend.compile(conv({ padding, precision: 'fast' }));
        const step = backend.compile({
          kind: 'pointwise',
          exprs: [call('mul', input(0), number(-1.5))],
          rank: 4,
        });
        const seen: Float32Array[] = [];
        for (let t = 0; t < 3; t++) {
          for (let again = 0; again < 3; again++) executable([out], [x, w]);
          seen.push(read(backend, out).slice());
          // As an optimiser's step does, and as load_state_dict does.
          if (t === 0) step([w], [w]);
          else backend.write(w.memory, 0, values(16 * 8 * window * window, 99));
        }
        return seen;
      });
      results[0]!.forEach((a, i) => {
        expect(difference(a, results[1]![i]!), `${window} after ${i} writes`).toBeLessThan(1e-5);
      });
    }
  });

  it('gives back kept forms with their memory', () => {
    const backend = new WasmBackend({ threads: 1 });
    const out = place(backend, [1, 32, 8, 8], 1);
    const x = place(backend, [1, 32, 8, 8], 2);
    const kernel = backend.compile(conv({ precision: 'fast' }));
    const use = (): void => {
      const w = place(backend, [32, 32, 3, 3], 3);
      for (let t = 0; t < 3; t++) kernel([out], [x, w]);
      backend.free(w.memory);
    };
    use();
    const before = backend.heap.inUse;
    for (let i = 0; i < 20; i++) use();
    expect(backend.heap.inUse).toBe(before);
  });

  it('drops kept forms when there is no memory for a tensor', () => {
    const backend = new WasmBackend({ threads: 1, maximumBytes: 24 << 20 });
    const out = place(backend, [1, 256, 4, 4], 1);
    const x = place(backend, [1, 256, 4, 4], 2);
    const w = place(backend, [256, 256, 3, 3], 3);
    const kernel = backend.compile(conv({ precision: 'fast' }));
    for (let t = 0; t < 3; t++) kernel([out], [x, w]);
    const first = read(backend, out).slice();
    const rest = (24 << 20) - backend.heap.inUse;
    const more = backend.allocate(f, (rest + (1 << 20)) / 4);
    backend.free(more);
    kernel([out], [x, w]);
    expect(difference(first, read(backend, out))).toBe(0);
  });

  it('depthwise is right for windows, steps, dilations and paddings', () => {
    for (const [k, s, d, p, h, w] of [
      [3, 1, 1, 1, 7, 7],
      [3, 2, 1, 1, 14, 13],
      [5, 1, 1, 2, 9, 20],
      [5, 2, 1, 2, 15, 15],
      [3, 1, 2, 2, 11, 9],
      [3, 1, 1, 0, 6, 6],
      [3, 2, 2, 2, 17, 19],
      [2, 1, 1, 1, 5, 4],
      [7, 1, 1, 3, 12, 12],
      [3, 1, 1, 1, 2, 2],
    ] as const) {
      // biome-ignore format: a table
      const size = (n: number): number => Math.floor((n + 2 * p - d * (k - 1) - 1) / s) + 1;
      const out = [2, 6, size(h), size(w)];
      const kernel = conv({ groups: 6, stride: [s, s], dilation: [d, d], padding: [p, p] });
      const inputs = [{ shape: [2, 6, h, w] }, { shape: [6, 1, k, k] }];
      expect(run(kernel, out, inputs), `${[k, s, d, p, h, w]}`).toBeLessThan(1e-6);
      const others = [{ shape: out, broadcast: [0, 2, 3] }, { shape: out }];
      expect(
        run({ ...kernel, finish }, out, [...inputs, ...others]),
        `${[k, s, d, p]} finished`,
      ).toBeLessThan(1e-6);
      const plane = [
        { shape: out, broadcast: [0, 2, 3] },
        { shape: out, broadcast: [0, 1] },
      ];
      expect(
        run({ ...kernel, finish }, out, [...inputs, ...plane]),
        `${[k, s, d, p]} finished by a plane for all channels`,
      ).toBeLessThan(1e-6);
    }
  });

  it('transposed with steps is right in all phases, those without taps too', () => {
    for (const [k, s, p, extra, groups] of [
      [3, 2, 1, 1, 1],
      [4, 2, 1, 0, 2],
      [2, 3, 0, 1, 1],
      [5, 3, 2, 2, 1],
      [1, 2, 0, 0, 1],
      [3, 2, 1, 1, 6],
      [3, 2, 3, 1, 1],
    ] as const) {
      // biome-ignore format: a table
      const size = (n: number): number => (n - 1) * s - 2 * p + k + extra;
      const out = [2, 12, size(7), size(8)];
      const inputs = [{ shape: [2, 6, 7, 8] }, { shape: [6, 12 / groups, k, k] }];
      const kernel = conv({ transposed: true, stride: [s, s], padding: [p, p], groups });
      expect(run(kernel, out, inputs), `${[k, s, p, groups]}`).toBeLessThan(1e-6);
      const others = [{ shape: out, broadcast: [0, 2, 3] }, { shape: out }];
      expect(run({ ...kernel, finish }, out, [...inputs, ...others]), `${[k, s, p]} finished`).toBeLessThan(
        1e-6,
      );
    }
  });

  it('of steps, of 1 x 1 windows and of few channels is right with what finishes it', () => {
    for (const [c, o, k, s, p, h] of [
      [3, 16, 7, 2, 3, 30],
      [16, 33, 1, 2, 0, 15],
      [20, 40, 1, 1, 0, 17],
      [8, 9, 3, 2, 1, 20],
      [40, 20, 1, 1, 0, 5],
    ] as const) {
      // biome-ignore format: a table
      const size = Math.floor((h + 2 * p - k) / s) + 1;
      const out = [2, o, size, size];
      const kernel = conv({ stride: [s, s], padding: [p, p] });
      const inputs = [{ shape: [2, c, h, h] }, { shape: [o, c, k, k] }];
      expect(run(kernel, out, inputs, 3), `${[c, o, k, s]}`).toBeLessThan(1e-6);
      const others = [{ shape: out, broadcast: [0, 2, 3] }, { shape: out }];
      expect(
        run({ ...kernel, finish }, out, [...inputs, ...others]),
        `${[c, o, k, s]} finished`,
      ).toBeLessThan(1e-6);
    }
  });

  it('of 1 x 1 windows is right for every edge of its tiles, depth and way to finish', () => {
    // biome-ignore format: a table of [batch, groups, channels, filters, height, width]
    const layers = [
      [1, 1, 3, 8, 1, 5], [1, 1, 16, 9, 2, 3], [2, 1, 24, 15, 7, 7], [1, 1, 129, 16, 3, 4], [1, 1, 300, 17, 4, 4],
      [3, 2, 40, 26, 5, 5], [1, 1, 8, 8, 41, 150], [2, 1, 400, 11, 11, 17], [1, 1, 20, 7, 6, 6], [1, 1, 20, 12, 2, 2],
    ] as const;
    for (const layer of layers) {
      const [n, groups, c, o, h, w] = layer;
      const out = [n, o, h, w];
      const kernel = conv({ groups, padding: [0, 0] });
      const inputs = [{ shape: [n, c, h, w] }, { shape: [o, c / groups, 1, 1] }];
      for (const times of [1, 3]) expect(run(kernel, out, inputs, times), `${layer}`).toBeLessThan(2e-6);
      const same = { shape: out };
      for (const broadcast of [
        [0, 2, 3],
        [0, 1],
        [0, 3],
      ])
        expect(
          run({ ...kernel, finish }, out, [...inputs, { shape: out, broadcast }, same]),
          `${layer} finished by one value for ${broadcast}`,
        ).toBeLessThan(2e-6);
      const transposed = [{ shape: [n, c, h, w] }, { shape: [c, o / groups, 1, 1] }];
      expect(run({ ...kernel, transposed: true }, out, transposed), `${layer} transposed`).toBeLessThan(2e-6);
    }
  });

  it('of 1 x 1 windows sees another filter of the same memory', () => {
    const results = [want, got].map((backend) => {
      const out = place(backend, [1, 16, 6, 6], 1);
      const x = place(backend, [1, 12, 6, 6], 2);
      const both = place(backend, [32, 12, 1, 1], 3);
      const executable = backend.compile(conv({ padding: [0, 0] }));
      return [0, 16, 0, 16, 0].map((first) => {
        executable([out], [x, { ...both, shape: [16, 12, 1, 1], offset: first * 12 }]);
        return read(backend, out).slice();
      });
    });
    results[0]!.forEach((a, i) => {
      expect(difference(a, results[1]![i]!), `call ${i}`).toBeLessThan(1e-6);
    });
  });
});
