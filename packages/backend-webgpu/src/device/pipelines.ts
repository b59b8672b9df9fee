/** The pipeline cache: one pipeline per WGSL text, compiled beside the program that goes on. */
import { TorchError } from '@sconce/core';
import { COMPUTE_STAGE } from './flags.ts';

/** What the bind group of a pipeline looks like; pipelines of one shape share it, and so their bind groups. */
export interface Layout {
  readonly id: number;
  readonly group: GPUBindGroupLayout;
  readonly pipeline: GPUPipelineLayout;
  /** Bytes of numbers that are bound: those of a call and the rest of 256. */
  readonly numbersBytes: number;
  readonly faults: boolean;
  readonly written: readonly boolean[];
}

export interface Pipeline {
  /** Set once it is compiled. */
  ready: GPUComputePipeline | undefined;
  /** Why it never will be. */
  failure: Error | undefined;
  readonly layout: Layout;
  readonly label: string;
  /** How many numbers a call brings, without the launch's. */
  readonly numbers: number;
  /** Compiles now, for those who cannot wait. */
  readonly now: () => void;
}

export interface PipelineSource {
  readonly label: string;
  readonly code: string;
  /** `written[b]` says whether binding b is written. */
  readonly written: readonly boolean[];
  readonly faults: boolean;
  readonly numbers: number;
  readonly numbersBytes: number;
}

interface Task {
  readonly pipeline: Pipeline;
  readonly now: () => void;
  readonly beside: () => void;
}

/**
 * On a GPU, several that are missing are compiled at once, beside the program, and the commands that use them wait in
 * their order. One that comes alone is compiled on the spot when its commands are sent: there is nothing to gain by
 * waiting. Where a CPU plays the GPU (SwiftShader), all are compiled on the spot: there, beside was measured to be slower.
 */
export class Pipelines {
  private readonly byText = new Map<string, Pipeline>();
  private readonly layouts = new Map<string, Layout>();
  /** Those that nobody compiles yet. */
  private held: Task[] = [];
  /** Those that are being compiled beside the program. */
  private readonly waiting = new Set<Promise<void>>();

  /**
   * @param beside whether several are compiled beside the program
   * @param settled called whenever one is ready or has failed
   */
  constructor(
    private readonly device: GPUDevice,
    private readonly beside: boolean,
    private readonly settled: (pipeline: Pipeline) => void,
  ) {}

  get count(): number {
    return this.byText.size;
  }

  get(source: PipelineSource): Pipeline {
    // Whether a binding is written stands in the text; so does the record of faults.
    const known = this.byText.get(source.code);
    if (known) return known;
    const task = this.prepare(source);
    this.held.push(task);
    if (this.beside && (this.held.length > 1 || this.waiting.size > 0)) {
      for (const t of this.held) t.beside();
      this.held = [];
    }
    this.byText.set(source.code, task.pipeline);
    return task.pipeline;
  }

  /** Compiles what is held, on the spot. */
  finish(): void {
    if (this.held.length === 0) return;
    for (const t of this.held) t.now();
    this.held = [];
  }

  /** Resolves when all that were asked for are ready, or refused. */
  async all(): Promise<void> {
    this.finish();
    await Promise.all(this.waiting);
  }

  private prepare(source: PipelineSource): Task {
    const { label, code, numbers } = source;
    const layout = this.layout(source);
    const { device } = this;
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ label, code });
    // The compiler's own words, which the pipeline's error lacks; they come first.
    device.popErrorScope().then(
      (error) => error && fail(error),
      () => undefined,
    );
    const descriptor: GPUComputePipelineDescriptor = {
      label,
      layout: layout.pipeline,
      compute: { module, entryPoint: 'main' },
    };
    let isSettled = false;
    const settle = (ready: GPUComputePipeline): void => {
      if (isSettled) return;
      isSettled = true;
      pipeline.ready = ready;
      this.settled(pipeline);
    };
    const fail = ({ message }: { readonly message: string }): void => {
      if (pipeline.failure) return;
      isSettled = true;
      pipeline.ready = undefined;
      pipeline.failure = new TorchError(`webgpu refused the kernel '${label}': ${message}`);
      this.settled(pipeline);
    };
    const now = (): void => {
      if (isSettled) return;
      device.pushErrorScope('validation');
      const ready = device.createComputePipeline(descriptor);
      device.popErrorScope().then(
        (error) => error && fail(error),
        () => undefined,
      );
      settle(ready);
    };
    const beside = (): void => {
      const compiling = device.createComputePipelineAsync(descriptor).then(settle, fail);
      this.waiting.add(compiling);
      compiling.finally(() => this.waiting.delete(compiling));
    };
    const pipeline: Pipeline = { ready: undefined, failure: undefined, layout, label, numbers, now };
    const task: Task = { pipeline, now, beside };
    return task;
  }

  private layout({ written, faults, numbersBytes }: PipelineSource): Layout {
    const key = `${written.map((w) => (w ? 'w' : 'r')).join('')}${numbersBytes}${faults}`;
    let layout = this.layouts.get(key);
    if (!layout) {
      const storage = [...written, ...(faults ? [true] : [])];
      const entries: GPUBindGroupLayoutEntry[] = storage.map((w, binding) => ({
        // The numbers come between the buffers and the record of faults.
        binding: binding < written.length ? binding : binding + 1,
        visibility: COMPUTE_STAGE,
        buffer: { type: w ? 'storage' : 'read-only-storage' },
      }));
      entries.push({
        binding: written.length,
        visibility: COMPUTE_STAGE,
        buffer: { type: 'uniform', hasDynamicOffset: true },
      });
      const group = this.device.createBindGroupLayout({ entries });
      const pipeline = this.device.createPipelineLayout({ bindGroupLayouts: [group] });
      layout = { id: this.layouts.size + 1, group, pipeline, numbersBytes, faults, written };
      this.layouts.set(key, layout);
    }
    return layout;
  }
}
