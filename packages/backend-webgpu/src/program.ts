/** A program: one recipe, compiled once for each way in which its operands share buffers. */
import type { View } from '@sconce/core';
import type { Gpu } from './device/gpu.ts';
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
}

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly label: string;
  readonly faults: boolean;
}

export class Program {
  private readonly pipelines = new Map<string, Pipeline>();

  constructor(
    private readonly gpu: Gpu,
    private readonly recipe: Recipe,
  ) {}

  /** Enqueues one dispatch. `views` in the order of the recipe's operands; `groups` workgroups along x, y, z. */
  run(views: readonly View[], numbers: Numbers, groups: readonly [number, number, number]): void {
    if (groups[0] === 0 || groups[1] === 0 || groups[2] === 0) return;
    const memories: GpuMemory[] = [];
    let pattern = '';
    const bindings: number[] = [];
    for (const view of views) {
      const memory = gpuMemory(view.memory);
      let binding = memories.indexOf(memory);
      if (binding < 0) binding = memories.push(memory) - 1;
      bindings.push(binding);
      pattern += `${binding},`;
    }
    let pipeline = this.pipelines.get(pattern);
    if (!pipeline) this.pipelines.set(pattern, (pipeline = this.compile(bindings)));
    this.gpu.dispatch(pipeline, memories, numbers, groups);
  }

  private compile(bindings: readonly number[]): Pipeline {
    const shader = new Shader(this.recipe.operands, bindings, library);
    const text = shader.text(this.recipe);
    const buffers = Math.max(-1, ...bindings) + 1;
    const written = Array.from({ length: buffers }, (_, b) =>
      this.recipe.operands.some((o, i) => bindings[i] === b && o.writes),
    );
    return this.gpu.pipeline(this.recipe.label, text, written, shader.faults);
  }
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
