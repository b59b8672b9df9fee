/**
 * Products and convolutions of backend-wasm, layer by layer: the least time over interleaved rounds, and its share of what the
 * multiplication and addition of vectors allow on this machine, measured in the same rounds. Winograd's shares may pass 100 %.
 * Run: npx tsx --conditions=sconce-source bench/wasm-products.ts [--threads N] [--seconds S] [name …]
 */
import { Module } from '../packages/backend-wasm/src/asm/module.ts';
import { WasmBackend } from '../packages/backend-wasm/src/index.ts';
import { instantiate } from '../packages/backend-wasm/src/kernels/engine.ts';
import type { ConvKernel, DType, Expr, View } from '../packages/core/src/index.ts';

const args = process.argv.slice(2);
function option(name: string, otherwise: number): number {
  const at = args.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(args.splice(at, 2)[1]);
}
const backend = new WasmBackend({ threads: option('threads', 1) });
const seconds = option('seconds', 30);

function tensor(shape: readonly number[], dtype: DType = 'float32', strides?: readonly number[]): View {
  const n = shape.reduce((a, b) => a * b, 1);
  const memory = backend.allocate(dtype, n);
  const data = new Float32Array(n).map((_, i) => Math.sin(i * 12.9898));
  backend.write(memory, 0, dtype === 'float64' ? new Float64Array(data) : data);
  const dense = shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1));
  return { memory, dtype, shape, strides: strides ?? dense, offset: 0 };
}

interface Bench {
  readonly name: string;
  readonly flops: number;
  readonly run: () => void;
  repeat: number;
  least: number;
}
const benches: Bench[] = [];

function bench(name: string, flops: number, make: () => () => void): void {
  if (args.length > 0 && name !== 'peak' && !args.some((a) => name.includes(a))) return;
  benches.push({ name, flops, run: make(), repeat: 1, least: Number.POSITIVE_INFINITY });
}

/** Twelve chains of multiplication and addition in registers. */
bench('peak', 2 * 4 * 12 * 20_000, () => {
  const m = new Module();
  m.fn('peak', ['i32'], [], (fn) => {
    const n = fn.param(0);
    const x = fn.local('f32x4');
    x.set(x.k(0.5));
    const sums = Array.from({ length: 12 }, () => fn.local('f32x4'));
    fn.doWhile(
      () => {
        for (const s of sums) s.set(s.mul(x).add(x));
        n.inc(-1);
      },
      () => n.ne(0),
    );
    fn.store(
      0x10b,
      fn.i32(2048),
      sums.reduce((a, b) => a.add(b)),
    );
  });
  const { peak } = instantiate(backend.heap, m);
  return () => peak!(20_000);
});

const f = 'float32';
const input = (index: number): Expr => ({ op: 'input', index, dtype: f });
const relu: Expr = {
  op: 'max',
  args: [
    { op: 'add', args: [input(0), input(1)], dtype: f },
    { op: 'const', value: 0, dtype: f },
  ],
  dtype: f,
};

/** [batch, channels, size, filters, window, stride, padding, groups] */
type Layer = readonly [number, number, number, number, number, number, number, number];

function conv(name: string, [n, c, h, o, k, s, p, g]: Layer, more: Partial<ConvKernel> = {}): void {
  const size = Math.floor((h + 2 * p - k) / s) + 1;
  bench(name, (2 * n * o * size * size * c * k * k) / g, () => {
    const [x, w, out] = [tensor([n, c, h, h]), tensor([o, c / g, k, k]), tensor([n, o, size, size])];
    const bias = { ...tensor([o]), shape: out.shape, strides: [0, 1, 0, 0] };
    const run = backend.compile({
      kind: 'conv', dims: 2, transposed: false, groups: g, stride: [s, s], padding: [p, p], dilation: [1, 1],
      dtype: f, accumulate: f, ...more,
    }); // biome-ignore format: one kernel
    const [to, from] = more.transposed ? [x, out] : [out, x];
    return () => run([to], more.finish ? [from, w, bias] : [from, w]);
  });
}

function matmul(
  name: string,
  [batch, m, n, k]: readonly [number, number, number, number],
  { a = false, b = false, dtype = f as DType } = {},
): void {
  bench(name, 2 * batch * m * n * k, () => {
    const run = backend.compile({ kind: 'matmul', dtype, accumulate: dtype });
    const x = tensor([batch, m, k], dtype, a ? [m * k, 1, m] : undefined);
    const y = tensor([batch, k, n], dtype, b ? [k * n, 1, k] : undefined);
    const out = tensor([batch, m, n], dtype);
    return () => run([out], [x, y]);
  });
}

for (const n of [64, 256, 512, 1024]) matmul(`matmul ${n}`, [1, n, n, n]);
matmul('matmul 512 of a transposed', [1, 512, 512, 512], { a: true });
matmul('matmul 512 of b transposed', [1, 512, 512, 512], { b: true });
matmul('matmul 512 float64', [1, 512, 512, 512], { dtype: 'float64' });
matmul('linear 128 x 384 -> 1536', [1, 128, 1536, 384], { b: true });
matmul('linear 1 x 384 -> 1536', [1, 1, 1536, 384], { b: true });
matmul('vector 384 times 384 x 1536', [1, 1, 1536, 384]);
matmul('attention scores 6 x 128 x 64', [6, 128, 128, 64], { b: true });
for (const [c, h] of [
  [64, 56],
  [128, 28],
  [256, 14],
  [512, 7],
] as const)
  for (const precision of ['fast', undefined, 'exact'] as const)
    conv(
      `resnet ${c} x ${h} ${precision ?? 'precise'}`,
      [1, c, h, c, 3, 1, 1, 1],
      precision && { precision },
    );
conv('resnet 64 x 56 fast, bias and relu', [1, 64, 56, 64, 3, 1, 1, 1], { precision: 'fast', finish: relu });
conv('resnet first', [1, 3, 224, 64, 7, 2, 3, 1]);
conv('resnet 64 -> 128 step 2', [1, 64, 56, 128, 3, 2, 1, 1]);
conv('resnet 64 -> 128 1 x 1 step 2', [1, 64, 56, 128, 1, 2, 0, 1]);
conv('mobilenet first', [1, 3, 224, 32, 3, 2, 1, 1]);
for (const [c, h, o] of [
  [16, 112, 96],
  [96, 56, 24],
  [144, 28, 32],
  [384, 14, 96],
  [960, 7, 320],
] as const)
  conv(`mobilenet ${c} -> ${o} x ${h}, bias and relu`, [1, c, h, o, 1, 1, 0, 1], { finish: relu });
for (const [c, h, s] of [
  [96, 112, 2],
  [144, 56, 1],
  [384, 14, 1],
  [960, 7, 1],
] as const)
  conv(`mobilenet depthwise ${c} x ${h} step ${s}`, [1, c, h, c, 3, s, 1, c]);
conv('digits 16 -> 32', [64, 16, 14, 32, 5, 1, 2, 1]);
conv('digits 16 -> 32 to the input', [64, 16, 14, 32, 5, 1, 2, 1], { transposed: true });
conv('transposed 128 -> 64 step 2', [1, 64, 56, 128, 3, 2, 1, 1], { transposed: true });

for (const b of benches) {
  for (let i = 0; i < 3; i++) b.run();
  const until = performance.now() + 20;
  let n = 0;
  for (; performance.now() < until; n++) b.run();
  b.repeat = Math.max(1, Math.floor(n / 20));
}
const end = performance.now() + 1000 * seconds;
while (performance.now() < end)
  for (const b of benches) {
    const start = performance.now();
    for (let i = 0; i < b.repeat; i++) b.run();
    b.least = Math.min(b.least, (performance.now() - start) / b.repeat);
  }
const rate = ({ flops, least }: Bench): number => flops / least / 1e6;
const peak = rate(benches[0]!) * backend.threads;
for (const b of benches)
  console.log(
    `${b.name.padEnd(44)} ${b.least.toPrecision(3).padStart(8)} ms ${rate(b).toFixed(1).padStart(7)} GFLOP/s ${((100 * rate(b)) / peak).toFixed(0).padStart(4)} %`,
  );
process.exit(0);
