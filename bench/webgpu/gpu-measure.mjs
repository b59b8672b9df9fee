// Measures one GPU: what it can multiply and add at most, and what Sconce makes of it. Run through gpu.mjs.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { webgpu } from '@sconce/backend-webgpu';
import * as torch from 'sconce';
import { forced } from '../../packages/backend-webgpu/src/kernels/product/product.ts';

const F = torch.nn.functional;
const { values: options } = parseArgs({
  options: {
    /** The chip's float32 peak, where it is known, in TFLOP/s; else it is measured. */
    peak: { type: 'string' },
    /** Also tries other tiles for the largest product. */
    tiles: { type: 'boolean', default: false },
    /** Small sizes: to see that the script runs where the GPU is a CPU. */
    quick: { type: 'boolean', default: false },
  },
});
const here = dirname(fileURLToPath(import.meta.url));

/** `webgpu` is found from where gpu.mjs runs, and beside the bundle elsewhere. */
async function installGpu() {
  if (globalThis.navigator?.gpu) return;
  const { create, globals } = await import(process.env.SCONCE_DAWN ?? 'webgpu');
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: create([]) }, configurable: true });
}

/** Multiply-adds in registers alone: the least time of several, in TFLOP/s. */
async function measurePeak(device) {
  const [groups, size, steps] = options.quick ? [64, 64, 64] : [4096, 256, 1024];
  const chains = [...Array(8).keys()];
  const code = `@group(0) @binding(0) var<storage, read_write> out: array<vec4<f32>>;
@compute @workgroup_size(${size}) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
let x = vec4<f32>(f32(id.x)); let y = vec4<f32>(0.5f);
${chains.map((i) => `var s${i} = vec4<f32>(${i}f);`).join(' ')}
for (var k = 0; k < ${steps}; k++) { ${chains.map((i) => `s${i} = fma(s${i}, y, x);`).join(' ')} }
out[id.x] = ${chains.map((i) => `s${i}`).join(' + ')};
}`;
  const buffer = device.createBuffer({ size: groups * size * 16, usage: GPUBufferUsage.STORAGE });
  const pipeline = device.createComputePipeline({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
  });
  const bound = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer } }],
  });
  let least = Infinity;
  for (let i = 0; i < 8; i++) {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bound);
    pass.dispatchWorkgroups(groups);
    pass.end();
    const began = performance.now();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    least = Math.min(least, performance.now() - began);
  }
  buffer.destroy();
  return (groups * size * steps * chains.length * 8) / least / 1e9;
}

/** Milliseconds of one call, of many before one read; the least of several rounds. */
async function time(operation) {
  const rounds = async (count) => {
    const began = performance.now();
    let last;
    for (let i = 0; i < count; i++) {
      last?.dispose();
      last = await operation();
    }
    await last.flatten().narrow(0, 0, 1).data();
    last.dispose();
    return (performance.now() - began) / count;
  };
  await rounds(2);
  const once = await rounds(1);
  const count = Math.max(1, Math.min(100, Math.ceil((options.quick ? 20 : 200) / once)));
  let least = Infinity;
  for (let i = 0; i < 5; i++) least = Math.min(least, await rounds(count));
  return least;
}

const say = (name, ms, rest = '') =>
  console.log(`${name.padEnd(34)} ${ms.toFixed(3).padStart(10)} ms  ${rest}`);

async function main() {
  await installGpu();
  const backend = await webgpu({ powerPreference: 'high-performance' });
  await torch.use(backend);
  const { gpu } = backend;
  const { vendor, architecture, device, description } = gpu.adapter.info;
  console.log(
    `adapter: ${[vendor, architecture, device, description].filter(Boolean).join(', ')}${gpu.isSoftware ? ' (a CPU that plays a GPU)' : ''}`,
  );
  console.log(`features: ${[...gpu.device.features].join(', ')}`);
  const measured = await measurePeak(gpu.device);
  const peak = options.peak ? Number(options.peak) : measured;
  console.log(
    `float32, multiply-adds in registers: ${measured.toFixed(2)} TFLOP/s; fractions are of ${peak.toFixed(2)}\n`,
  );
  const rate = (flops, ms) =>
    `${(flops / ms / 1e9).toFixed(2)} TFLOP/s, ${((100 * flops) / ms / 1e9 / peak).toFixed(1)} % of the peak`;
  const bandwidth = (bytes, ms) => `${(bytes / ms / 1e6).toFixed(1)} GB/s`;

  await torch.no_grad(async () => {
    const sizes = options.quick ? [128] : [512, 1024, 2048, 4096];
    for (const n of sizes) {
      const [a, b] = [torch.randn([n, n]), torch.randn([n, n])];
      const ms = await time(() => a.matmul(b));
      say(`matmul ${n}`, ms, rate(2 * n ** 3, ms));
      const other = await time(() => a.matmul(b.t()));
      say(`matmul ${n}, second transposed`, other, rate(2 * n ** 3, other));
      a.dispose();
      b.dispose();
    }
    if (options.tiles) {
      const n = sizes.at(-1);
      const [a, b] = [torch.randn([n, n]), torch.randn([n, n])];
      for (const tile of [
        [32, 32, 4, 4],
        [64, 64, 4, 4],
        [64, 64, 8, 8],
        [128, 64, 8, 4],
        [64, 128, 4, 8],
        [128, 64, 8, 8],
        [128, 128, 8, 8],
      ]) {
        Object.assign(forced, { kind: 'tiles', tile });
        const ms = await time(() => a.matmul(b));
        say(`matmul ${n}, tiles ${tile.join('x')}`, ms, rate(2 * n ** 3, ms));
      }
      delete forced.kind;
      delete forced.tile;
      a.dispose();
      b.dispose();
    }
    const layers = options.quick
      ? [[16, 16, 3, 1]]
      : [
          [64, 56, 3, 1],
          [128, 28, 3, 1],
          [256, 14, 3, 1],
          [512, 7, 3, 1],
          [256, 56, 1, 1],
        ];
    for (const [channels, size, window, batch] of layers) {
      const x = torch.randn([batch, channels, size, size]);
      const w = torch.randn([channels, channels, window, window]);
      const flops = 2 * batch * channels ** 2 * window ** 2 * size ** 2;
      for (const winograd of window === 3 ? [true, false] : [undefined]) {
        if (winograd !== undefined) forced.winograd = winograd;
        const ms = await time(() => F.conv2d(x, w, null, 1, (window - 1) / 2));
        const how = winograd === undefined ? '' : winograd ? ', Winograd' : ', direct';
        say(`conv ${channels} x ${size} x ${size}, ${window} x ${window}${how}`, ms, rate(flops, ms));
        delete forced.winograd;
      }
    }
    const side = options.quick ? 128 : 4096;
    const x = torch.randn([side, side]);
    const bytes = side * side * 4;
    let ms = await time(() => torch.softmax(x, -1));
    say(`softmax ${side} x ${side}`, ms, bandwidth(2 * bytes, ms));
    ms = await time(() => F.gelu(x.mul(2).add(1)).mul(x).add(x));
    say(`pointwise chain of ${side * side}`, ms, bandwidth(2 * bytes, ms));
    ms = await time(() => x.sum());
    say(`sum of ${side * side}`, ms, bandwidth(bytes, ms));
    const [heads, length, depth] = options.quick ? [2, 64, 16] : [16, 2048, 64];
    const q = torch.randn([1, heads, length, depth]);
    ms = await time(() => F.scaled_dot_product_attention(q, q, q, null, 0, true));
    say(`attention ${heads} x ${length} x ${depth}, causal`, ms, rate(4 * heads * length ** 2 * depth, ms));
  });

  const file = [join(here, 'resnet18.pt'), join(process.cwd(), 'resnet18.pt')].find(existsSync);
  if (!file) {
    console.log('resnet18: no resnet18.pt beside this file (node bench/setup.mjs writes it)');
    return;
  }
  const model = await torch.jit.load(readFileSync(file));
  model.eval();
  await torch.no_grad(async () => {
    for (const batch of options.quick ? [1] : [1, 32]) {
      const images = torch.rand([batch, 3, 224, 224]);
      const ms = await time(() => model(images));
      say(`resnet18, ${batch} image${batch > 1 ? 's' : ''}`, ms, rate(3.63e9 * batch, ms));
    }
  });
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
