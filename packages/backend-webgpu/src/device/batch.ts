/** A batch: commands gathered for one submit, with the numbers of all of them in one block. */
import type { Numbers } from '../program.ts';
import type { Pipeline } from './pipelines.ts';
import type { Slot } from './pool.ts';

/** Numbers of different commands start at multiples of this (`minUniformBufferOffsetAlignment`, at its default). */
export const ALIGNMENT = 256;
const ALIGNMENT_WORDS = ALIGNMENT / 4;

/** Bytes of numbers in one batch, and of the uniform buffer that all batches use in turn. */
export const NUMBERS_BYTES = 1 << 16;

/** One dispatch; the objects are used again, batch after batch. */
export interface Dispatch {
  pipeline: Pipeline;
  group: GPUBindGroup;
  /** Byte offset of its numbers. */
  offset: number;
  x: number;
  y: number;
  z: number;
  /** What it binds, and the operator that issued it. */
  slots: readonly Slot[];
  operator: string | undefined;
}

/** Anything else, which ends the pass: copies for reads. */
export interface Step {
  readonly encode: (encoder: GPUCommandEncoder) => void;
  /** After the submit; with an error where there was none. */
  readonly submitted: (scope: Promise<unknown>) => void;
}

export class Batch {
  readonly dispatches: Dispatch[] = [];
  count = 0;
  /** Steps, each with the number of dispatches before it. */
  readonly steps: { readonly after: number; readonly step: Step }[] = [];
  readonly words: Int32Array<ArrayBuffer> = new Int32Array(NUMBERS_BYTES / 4);
  /** Words in use. */
  used = 0;
  /** Whether a pipeline was not ready when it was asked for. */
  waits = false;

  /** @param number counts up; a slot notes the last batch that uses it */
  constructor(public number: number) {}

  get isEmpty(): boolean {
    return this.count === 0 && this.steps.length === 0;
  }

  /** Takes the numbers of a command that binds `bytes` of them; returns their offset in bytes. */
  place(numbers: Numbers, bytes: number): number {
    const { words, used } = this;
    numbers.copyTo(words, used);
    this.used = used + bytes / 4;
    return used * 4;
  }

  fits(bytes: number): boolean {
    return this.used + bytes / 4 <= this.words.length;
  }

  reset(number: number): void {
    this.number = number;
    this.count = this.used = this.steps.length = 0;
    this.waits = false;
  }
}

export const alignedBytes = (words: number): number =>
  Math.max(1, Math.ceil(words / ALIGNMENT_WORDS)) * ALIGNMENT;

/** Writes the commands into an encoder: one compute pass, but for steps. `failed` pipelines are left out. */
export function encodeBatch(encoder: GPUCommandEncoder, batch: Batch, offsets: Uint32Array): void {
  let pass: GPUComputePassEncoder | undefined;
  let pipeline: Pipeline | undefined;
  let next = 0;
  for (let i = 0; i <= batch.count; i++) {
    while (next < batch.steps.length && batch.steps[next]!.after === i) {
      pass?.end();
      pass = pipeline = undefined;
      batch.steps[next++]!.step.encode(encoder);
    }
    if (i === batch.count) break;
    const d = batch.dispatches[i]!;
    if (d.pipeline.ready === undefined) continue;
    pass ??= encoder.beginComputePass();
    if (pipeline !== d.pipeline) pass.setPipeline((pipeline = d.pipeline).ready!);
    offsets[0] = d.offset;
    pass.setBindGroup(0, d.group, offsets, 0, 1);
    pass.dispatchWorkgroups(d.x, d.y, d.z);
  }
  pass?.end();
}
