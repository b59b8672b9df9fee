/**
 * The wasm backend's kernels one by one on one thread, interleaved with the machine's limits, each with its share of what the
 * machine can do: `pnpm bench:kernels [NAME …] [--json]`, or from sources `npx tsx --conditions=sconce-source bench/src/kernels.ts`.
 */
import { parseArgs } from 'node:util';
import { WasmBackend } from '@sconce/backend-wasm';
import type { DType, Executable, Expr, Kernel, View } from '@sconce/core';
import { LimitGauges, type Limits, levelOf, peakOf, printLimits } from './limits/limits.ts';

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false } },
});

const backend = new WasmBackend({ threads: 1 });

function tensor(shape: readonly number[], dtype: DType = 'float32', strides?: readonly number[]): View {
  const n = shape.reduce((a, b) => a * b, 1);
  const memory = backend.allocate(dtype, n);
  const data = new Float32Array(n).map((_, i) => Math.sin(i * 12.9898) * 2);
  if (dtype === 'float32') backend.write(memory, 0, data);
  else if (dtype === 'float64') backend.write(memory, 0, new Float64Array(data));
  else if (dtype === 'int64')
    backend.write(
      memory,
      0,
      new BigInt64Array(n).map((_, i) => BigInt((i * 7919) % 1000)),
    );
  const dense = [...shape];
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    dense[i] = step;
    step *= shape[i]!;
  }
  return { memory, dtype, shape, strides: strides ?? dense, offset: 0 };
}

const f = 'float32';
const input = (index: number, dtype: DType = f): Expr => ({ op: 'input', index, dtype });
const call = (op: string, ...args: Expr[]): Expr => ({ op, args, dtype: f }) as Expr;
const num = (value: number): Expr => ({ op: 'const', value, dtype: f });

interface Counts {
  /** Floating-point operations, or bytes moved, for the last column. */
  readonly flops?: number;
  readonly bytes?: number;
  /** A vector holds half as many float64. */
  readonly isDouble?: boolean;
  /** Calls that make one sample, where one is too short to time. */
  readonly repeat?: number;
}

interface Bench {
  readonly name: string;
  readonly counts: Counts;
  readonly run: () => void;
}
const benches: Bench[] = [];

function kernel(name: string, k: Kernel, outputs: View[], inputs: View[], counts: Counts = {}): void {
  const run: Executable = backend.compile(k);
  benches.push({ name, counts, run: () => run(outputs, inputs) });
}

const pointwise = (expr: Expr, rank: number): Kernel => ({ kind: 'pointwise', exprs: [expr], rank });
const want = (name: string): boolean => wanted.length === 0 || wanted.some((w) => name.includes(w));
const define = (name: string, make: () => void): void => {
  if (want(name)) make();
};

define('add1', () => {
  const [a, b, c] = [tensor([1]), tensor([1]), tensor([1])];
  kernel('add1', pointwise(call('add', input(0), input(1)), 1), [c], [a, b], { repeat: 100000 });
});
const M = 1 << 20;
define('add 1M', () =>
  kernel('add 1M', pointwise(call('add', input(0), input(1)), 1), [tensor([M])], [tensor([M]), tensor([M])], {
    bytes: 12 * M,
  }),
);
for (const op of ['exp', 'tanh', 'log', 'erf', 'sin', 'sqrt', 'pow'] as const)
  define(`${op} 1M`, () =>
    kernel(
      `${op} 1M`,
      pointwise(op === 'pow' ? call(op, call('abs', input(0)), num(1.7)) : call(op, input(0)), 1),
      [tensor([M])],
      [tensor([M])],
      { bytes: 8 * M },
    ),
  );
define('gelu chain 1M', () => {
  const t = call('add', call('mul', input(0), num(2)), num(1));
  const gelu = call(
    'mul',
    call('mul', t, num(0.5)),
    call('add', call('erf', call('mul', t, num(Math.SQRT1_2))), num(1)),
  );
  const e = call('add', call('mul', gelu, input(1)), input(0));
  kernel('gelu chain 1M', pointwise(e, 1), [tensor([M])], [tensor([M]), tensor([M])], { bytes: 12 * M });
});
define('bias add 1024x1024', () =>
  kernel(
    'bias add 1024x1024',
    pointwise(call('add', input(0), input(1)), 2),
    [tensor([1024, 1024])],
    [tensor([1024, 1024]), tensor([1024, 1024], f, [0, 1])],
    { bytes: 8 * M },
  ),
);
define('transpose copy 1024x1024', () =>
  kernel(
    'transpose copy 1024x1024',
    pointwise(input(0), 2),
    [tensor([1024, 1024])],
    [tensor([1024, 1024], f, [1, 1024])],
    {
      bytes: 8 * M,
    },
  ),
);
const sum = (
  rank: number,
  reduced: number,
  map: Expr = input(0),
  combine: 'sum' | 'max' = 'sum',
): Kernel => ({
  kind: 'reduce',
  folds: [{ map, combine }],
  reduced,
  finish: [input(0)],
  rank,
});
define('sum all 1M', () => kernel('sum all 1M', sum(0, 1), [tensor([])], [tensor([M])], { bytes: 4 * M }));
define('sum rows 1024x1024', () =>
  kernel('sum rows 1024x1024', sum(1, 1), [tensor([1024])], [tensor([1024, 1024])], { bytes: 4 * M }),
);
define('sum columns 1024x1024', () =>
  kernel('sum columns 1024x1024', sum(1, 1), [tensor([1024])], [tensor([1024, 1024], f, [1, 1024])], {
    bytes: 4 * M,
  }),
);
define('max rows 1024x1024', () =>
  kernel('max rows 1024x1024', sum(1, 1, input(0), 'max'), [tensor([1024])], [tensor([1024, 1024])], {
    bytes: 4 * M,
  }),
);
define('argmax rows 1024x1024', () =>
  kernel(
    'argmax rows 1024x1024',
    {
      kind: 'reduce',
      folds: [{ map: input(0), combine: 'argmax' }],
      reduced: 1,
      finish: [input(0, 'int64')],
      rank: 1,
    },
    [tensor([1024], 'int64')],
    [tensor([1024, 1024])],
    { bytes: 4 * M },
  ),
);
for (const n of [64, 256, 512, 1024])
  define(`matmul ${n}`, () =>
    kernel(
      `matmul ${n}`,
      { kind: 'matmul', dtype: f, accumulate: f },
      [tensor([1, n, n])],
      [tensor([1, n, n]), tensor([1, n, n])],
      { flops: 2 * n ** 3, repeat: n < 256 ? 20 : 1 },
    ),
  );
define('linear 512x512x512 (weight transposed)', () =>
  kernel(
    'linear 512x512x512 (weight transposed)',
    { kind: 'matmul', dtype: f, accumulate: f },
    [tensor([1, 512, 512])],
    [tensor([1, 512, 512]), tensor([1, 512, 512], f, [0, 1, 512])],
    { flops: 2 * 512 ** 3 },
  ),
);
define('matmul 512 float64', () =>
  kernel(
    'matmul 512 float64',
    { kind: 'matmul', dtype: 'float64', accumulate: 'float64' },
    [tensor([1, 512, 512], 'float64')],
    [tensor([1, 512, 512], 'float64'), tensor([1, 512, 512], 'float64')],
    { flops: 2 * 512 ** 3, isDouble: true },
  ),
);
for (const [label, strides] of [
  ['rows', [0, 1536, 1]],
  ['columns', [0, 1, 384]],
] as const)
  define(`gemv 384x1536 ${label}`, () =>
    kernel(
      `gemv 384x1536 ${label}`,
      { kind: 'matmul', dtype: f, accumulate: f },
      [tensor([1, 1, 1536])],
      [tensor([1, 1, 384]), tensor([1, 384, 1536], f, strides)],
      { flops: 2 * 384 * 1536, repeat: 10 },
    ),
  );
const conv = (name: string, [n, cin, h, w, cout, k, stride, padding, groups]: number[]): void =>
  define(name, () => {
    const out = (s: number): number => Math.floor((s + 2 * padding! - k!) / stride!) + 1;
    const shape = [n!, cout!, out(h!), out(w!)];
    kernel(
      name,
      {
        kind: 'conv',
        dims: 2,
        transposed: false,
        groups: groups!,
        stride: [stride!, stride!],
        padding: [padding!, padding!],
        dilation: [1, 1],
        dtype: f,
        accumulate: f,
      },
      [tensor(shape)],
      [tensor([n!, cin!, h!, w!]), tensor([cout!, cin! / groups!, k!, k!])],
      { flops: (2 * shape.reduce((a, b) => a * b, 1) * cin! * k! * k!) / groups! },
    );
  });
conv('conv 3->64 224 k7 s2', [1, 3, 224, 224, 64, 7, 2, 3, 1]);
conv('conv 64x56x56 k3', [1, 64, 56, 56, 64, 3, 1, 1, 1]);
conv('conv 128x28x28 k3', [1, 128, 28, 28, 128, 3, 1, 1, 1]);
conv('conv 256x14x14 k3', [1, 256, 14, 14, 256, 3, 1, 1, 1]);
conv('conv 512x7x7 k3', [1, 512, 7, 7, 512, 3, 1, 1, 1]);
conv('conv 64->128 56 k3 s2', [1, 64, 56, 56, 128, 3, 2, 1, 1]);
conv('conv 64->256 56 k1', [1, 64, 56, 56, 256, 1, 1, 0, 1]);
conv('conv depthwise 96x112x112 k3', [1, 96, 112, 112, 96, 3, 1, 1, 96]);
conv('conv depthwise 96x112x112 k3 s2', [1, 96, 112, 112, 96, 3, 2, 1, 96]);
define('maxpool 64x112x112 k3 s2', () =>
  kernel(
    'maxpool 64x112x112 k3 s2',
    {
      kind: 'pool',
      dims: 2,
      reduce: 'max',
      window: [3, 3],
      stride: [2, 2],
      padding: [1, 1],
      dilation: [1, 1],
      dtype: f,
    },
    [tensor([1, 64, 56, 56])],
    [tensor([1, 64, 112, 112])],
    { bytes: 4 * 64 * (112 * 112 + 56 * 56) },
  ),
);
define('embedding 1000 of 50000x384', () =>
  kernel(
    'embedding 1000 of 50000x384',
    { kind: 'gather', dim: 0, rank: 2, dtype: f },
    [tensor([1000, 384])],
    [tensor([50000, 384]), tensor([1000, 384], 'int64', [1, 0])],
    { bytes: 8 * 384000 },
  ),
);
define('sort 1M', () =>
  kernel(
    'sort 1M',
    { kind: 'sort', descending: false, rank: 1, dtype: f },
    [tensor([M]), tensor([M], 'int64')],
    [tensor([M])],
  ),
);
define('cumsum 1024x1024', () =>
  kernel(
    'cumsum 1024x1024',
    { kind: 'scan', combine: 'sum', rank: 2, dtype: f },
    [tensor([1024, 1024])],
    [tensor([1024, 1024])],
    { bytes: 8 * M },
  ),
);

/** GFLOP/s, or GB/s, and what part of the machine's own that is; Winograd does less arithmetic than it is credited with. */
function rateOf(
  { flops, bytes, isDouble }: Counts,
  ms: number,
  limits: Limits,
): { rate: string; share?: number } {
  if (flops) {
    const rate = flops / ms / 1e6;
    return { rate: `${rate.toFixed(1)} GFLOP/s`, share: rate / (peakOf(limits) / (isDouble ? 2 : 1)) };
  }
  if (bytes) {
    const rate = bytes / ms / 1e6;
    const level = levelOf(limits, bytes);
    return { rate: `${rate.toFixed(1)} GB/s of ${level.name}`, share: rate / level.bandwidth };
  }
  return { rate: `${(ms * 1e6).toFixed(0)} ns` };
}

const gauges = new LimitGauges();
const times = benches.map(() => [] as number[]);
const until = performance.now() + 1000 * Math.max(6, benches.length);
for (let round = 0; round < 60 && performance.now() < until; round++) {
  gauges.sample();
  benches.forEach(({ counts: { repeat = 1 }, run }, i) => {
    // The other kernels have had the caches.
    run();
    for (let sample = 0; sample < 2; sample++) {
      const start = performance.now();
      for (let r = 0; r < repeat; r++) run();
      times[i]!.push((performance.now() - start) / repeat);
    }
  });
}
const limits = gauges.best;
if (!options.json) printLimits(limits);
benches.forEach((b, i) => {
  const sorted = times[i]!.slice(4).sort((x, y) => x - y);
  const [min, median] = [sorted[0] ?? Number.NaN, sorted[sorted.length >> 1] ?? Number.NaN];
  const { rate, share } = rateOf(b.counts, min, limits);
  if (options.json) {
    console.log(JSON.stringify({ kernel: b.name, median_ms: median, min_ms: min, rate, share }));
    return;
  }
  const part = share === undefined ? '' : `${(100 * share).toFixed(0)} %`;
  console.log(
    `${b.name.padEnd(40)} ${min.toPrecision(3).padStart(9)} ms  median ${median.toPrecision(3).padStart(9)}  ${rate.padEnd(20)} ${part.padStart(6)}`,
  );
});
