/** A backend for tests: on SwiftShader, where no driver was named. A machine without any adapter fails its tests. */
import { existsSync } from 'node:fs';
import type { DType, Memory, View } from '@sconce/core';
import type { WebGpuOptions } from '../src/device/adapter.ts';
import { requestDevice } from '../src/device/adapter.ts';
import { Gpu } from '../src/device/gpu.ts';
import { WebGpuBackend, webgpu } from '../src/index.ts';
import { linearGroups, linearIndex, Numbers, Program } from '../src/program.ts';

const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (!process.env.VK_DRIVER_FILES && existsSync(SWIFTSHADER)) process.env.VK_DRIVER_FILES = SWIFTSHADER;
process.env.XDG_RUNTIME_DIR ??= '/tmp';

export const backend = (options?: WebGpuOptions): Promise<WebGpuBackend> => webgpu(options);

/** One that takes its adapter for a GPU, and so compiles pipelines beside the program. */
export async function likeHardware(): Promise<WebGpuBackend> {
  const { adapter, device } = await requestDevice();
  return new WebGpuBackend(new Gpu(adapter, device, { vendor: 'a GPU' }));
}

export const lineOf = (memory: Memory, length: number, dtype: DType = 'float32', offset = 0): View => ({
  memory,
  dtype,
  shape: [length],
  strides: [1],
  offset,
});

/** `out[i] = a[i] + amount`, one invocation per element. */
export class AddNumber {
  private readonly program: Program;
  private readonly numbers = new Numbers();

  constructor(b: WebGpuBackend, label = 'add_number') {
    const operand = { dtype: 'float32' as const, writes: false };
    this.program = new Program(b.gpu, {
      label,
      operands: [{ ...operand, writes: true }, operand],
      workgroupSize: [64, 1, 1],
      write: (s) => {
        const [count, amount] = [s.i32(), s.f32()];
        return `// ${label}
  let i = i32(${linearIndex(64)});
  if (i < ${count}) { ${s.store(0, 'i', `${s.load(1, 'i')} + ${amount}`)} }`;
      },
    });
  }

  run(out: Memory, a: Memory, length: number, amount: number): void {
    this.program.run(
      [lineOf(out, length), lineOf(a, length)],
      this.numbers.clear().i32(length).f32(amount),
      linearGroups(length, 64),
    );
  }
}

/** Sets `a[i]` to 1 where `i < limit`; elsewhere it is a fault of an index. */
export class SetBelow {
  private readonly program: Program;
  private readonly numbers = new Numbers();

  constructor(b: WebGpuBackend) {
    this.program = new Program(b.gpu, {
      label: 'set_below',
      operands: [{ dtype: 'float32', writes: true }],
      workgroupSize: [64, 1, 1],
      write: (s) => {
        const [count, limit] = [s.i32(), s.i32()];
        return `let i = i32(${linearIndex(64)});
  if (i >= ${count}) { return; }
  if (i >= ${limit}) { ${s.fault('index', 'i', '3', limit)} } else { ${s.store(0, 'i', '1.0')} }`;
      },
    });
  }

  run(a: Memory, length: number, limit: number): void {
    this.program.run(
      [lineOf(a, length)],
      this.numbers.clear().i32(length).i32(limit),
      linearGroups(length, 64),
    );
  }
}
