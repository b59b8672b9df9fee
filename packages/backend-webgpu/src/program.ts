/** A program: one recipe, compiled once for each way in which its operands share buffers. */
import { NotSupportedError, type View } from '@sconce/core';
import { alignedBytes } from './device/batch.ts';
import type { Gpu } from './device/gpu.ts';
import type { Pipeline } from './device/pipelines.ts';
import { library } from './lower/library.ts';
import { type GpuMemory, gpuMemory } from './memory.ts';
import { type Recipe, Shader } from './shader.ts';

/** The numbers of one call, in the order in which the shader asked for them. */
export class Numbers {
  private words = new Int32Array(64);
  private readonly float = new Float32Array(1);
  private readonly bits = new Int32Array(this.float.buffer);
  length = 0;

  clear(): this {
    this.length = 0;
    return this;
  }

  i32(value: number): this {
    if (this.length === this.words.length) {
      const grown = new Int32Array(this.length * 2);
      grown.set(this.words);
      this.words = grown;
    }
    this.words[this.length++] = value;
    return this;
  }

  f32(value: number): this {
    this.float[0] = value;
    return this.i32(this.bits[0]!);
  }

  i64(value: number | bigint): this {
    if (typeof value === 'number' && value >= -0x80000000 && value <= 0x7fffffff)
      return this.i32(value).i32(value < 0 ? -1 : 0);
    const wide = BigInt.asIntN(64, BigInt(value));
    return this.i32(Number(BigInt.asIntN(32, wide))).i32(Number(wide >> 32n));
  }

  view(): Int32Array {
    return this.words.subarray(0, this.length);
  }

  copyTo(words: Int32Array, at: number): void {
    const { length } = this;
    for (let i = 0; i < length; i++) words[at + i] = this.words[i]!;
  }
}

/** Operands whose pattern of sharing fits into one number (four bits each). */
const MOST_PACKED = 13;

export class Program {
  private readonly pipelines = new Map<number | string, Pipeline>();
  private lastPattern: number | string = -1;
  private lastPipeline: Pipeline | undefined;

  constructor(
    private readonly gpu: Gpu,
    private readonly recipe: Recipe,
  ) {}

  /** Enqueues one dispatch. `views` in the order of the recipe's operands; `groups` workgroups along x, y, z. */
  run(views: readonly View[], numbers: Numbers, groups: readonly [number, number, number]): void {
    if (groups[0] === 0 || groups[1] === 0 || groups[2] === 0) return;
    let count = 0;
    let pattern = views.length;
    for (let i = 0; i < views.length; i++) {
      const memory = gpuMemory(views[i]!.memory);
      let binding = 0;
      while (binding < count && memories[binding] !== memory) binding++;
      if (binding === count) memories[count++] = memory;
      pattern = pattern * 16 + binding;
    }
    const key = views.length <= MOST_PACKED ? pattern : bindingsOf(views).join();
    let pipeline = this.lastPipeline;
    if (key !== this.lastPattern || pipeline === undefined) {
      pipeline = this.pipelines.get(key);
      if (!pipeline) this.pipelines.set(key, (pipeline = this.compile(bindingsOf(views))));
      this.lastPattern = key;
      this.lastPipeline = pipeline;
    }
    this.gpu.dispatch(pipeline, memories, count, numbers, groups[0], groups[1], groups[2]);
  }

  private compile(bindings: readonly number[]): Pipeline {
    const { recipe, gpu } = this;
    const shader = new Shader(recipe.operands, bindings, library);
    const code = shader.text(recipe);
    const buffers = Math.max(-1, ...bindings) + 1;
    const most = gpu.device.limits.maxStorageBuffersPerShaderStage;
    if (buffers + (shader.faults ? 1 : 0) > most)
      throw new NotSupportedError(
        `webgpu: ${recipe.label} binds ${buffers} buffers, and this device allows ${most} (maxStorageBuffersPerShaderStage)`,
      );
    const written = Array.from({ length: buffers }, (_, b) =>
      recipe.operands.some((o, i) => bindings[i] === b && o.writes),
    );
    return gpu.pipeline({
      label: recipe.label,
      code,
      written,
      faults: shader.faults,
      numbers: shader.numbers,
      numbersBytes: alignedBytes(shader.numbers + (shader.faults ? 1 : 0)),
    });
  }
}

/** The memories of the call at hand. */
const memories: GpuMemory[] = [];

/** The binding of each view: views of one memory share one, since a buffer may be bound only once where it is written. */
function bindingsOf(views: readonly View[]): number[] {
  const seen: GpuMemory[] = [];
  return views.map((view) => {
    const memory = gpuMemory(view.memory);
    const binding = seen.indexOf(memory);
    return binding < 0 ? seen.push(memory) - 1 : binding;
  });
}

/** Workgroups for `count` invocations in a line, folded into two dims where one is too long. See `linearIndex`. */
export function linearGroups(count: number, size: number): [number, number, number] {
  const total = Math.ceil(count / size);
  if (total <= 65535) return [total, 1, 1];
  const x = Math.ceil(Math.sqrt(total));
  return [x, Math.ceil(total / x), 1];
}

/** The invocation's number (u32) under `linearGroups`; may be past the count. */
export const linearIndex = (size: number): string => `((wid.y * groups.x + wid.x) * ${size}u + li)`;
