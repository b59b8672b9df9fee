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

export class Pipelines {
  private readonly byText = new Map<string, Pipeline>();
  private readonly layouts = new Map<string, Layout>();
  /** How many are being compiled. */
  waiting = 0;

  /**
   * @param settled called whenever one is ready or has failed
   */
  constructor(
    private readonly device: GPUDevice,
    private readonly settled: (pipeline: Pipeline) => void,
  ) {}

  get count(): number {
    return this.byText.size;
  }

  get(source: PipelineSource): Pipeline {
    // Whether a binding is written stands in the text; so does the record of faults.
    const known = this.byText.get(source.code);
    if (known) return known;
    const pipeline = this.compile(source);
    this.byText.set(source.code, pipeline);
    return pipeline;
  }

  private compile(source: PipelineSource): Pipeline {
    const { label, code, numbers } = source;
    const layout = this.layout(source);
    const { device } = this;
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ label, code });
    // The compiler's own words, which the pipeline's error lacks.
    const words = device.popErrorScope().then(
      (error) => error?.message,
      () => undefined,
    );
    const descriptor: GPUComputePipelineDescriptor = {
      label,
      layout: layout.pipeline,
      compute: { module, entryPoint: 'main' },
    };
    let settled = false;
    const settle = (ready: GPUComputePipeline | undefined, error?: unknown): void => {
      if (settled) return;
      settled = true;
      this.waiting--;
      pipeline.ready = ready;
      if (!ready)
        pipeline.failure = new TorchError(
          `webgpu refused the kernel '${label}': ${error instanceof Error ? error.message : error}`,
        );
      this.settled(pipeline);
    };
    const pipeline: Pipeline = {
      ready: undefined,
      failure: undefined,
      layout,
      label,
      numbers,
      now: () => settle(device.createComputePipeline(descriptor)),
    };
    this.waiting++;
    device.createComputePipelineAsync(descriptor).then(
      (ready) => settle(ready),
      async (error) => settle(undefined, (await words) ?? error),
    );
    return pipeline;
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
