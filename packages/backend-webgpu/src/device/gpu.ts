/** The device: dispatches gathered into submits, writes and reads in the order of issue. */
import { type DType, OutOfMemoryError, operatorInProgress, TorchError } from '@sconce/core';
import { elementBytes, GpuMemory } from '../memory.ts';
import type { Numbers } from '../program.ts';
import { Batch, type Step } from './batch.ts';
import { Failures } from './failures.ts';
import { FaultRecord } from './faults.ts';
import { USAGE } from './flags.ts';
import { BindGroups } from './groups.ts';
import { afterTask } from './later.ts';
import { type Pipeline, type PipelineSource, Pipelines } from './pipelines.ts';
import { BufferPool, Slot } from './pool.ts';
import { readBack, stagingPool } from './readback.ts';
import { Sender } from './sender.ts';

/** Commands in a submit: enough to share its cost, few enough that the device starts while the host goes on. */
const MOST_IN_BATCH = 64;

/** Said by tensors that a warm-up made. */
export const HOLLOW = 'webgpu: this tensor was made in a warm-up, which computes nothing: it has no values';

/** Counts since the device was made, for tests and benchmarks. */
export interface Statistics {
  readonly dispatches: number;
  readonly submits: number;
  readonly writes: number;
  readonly reads: number;
  readonly pipelines: number;
  readonly bindGroups: number;
  readonly buffers: number;
  /** Of tensors. */
  readonly bytesInUse: number;
  /** Kept for later ones. */
  readonly bytesIdle: number;
}

export class Gpu {
  /** A CPU that plays a GPU (SwiftShader, WARP): kernels then avoid workgroup memory and barriers. */
  readonly isSoftware: boolean;
  /** Most workgroups in each dim of a dispatch. */
  readonly maxGroups: number;
  /** Set during a warm-up: kernels are compiled, and nothing else is done. */
  isDry = false;
  readonly failures: Failures;
  readonly faults: FaultRecord;
  /** What tensors that are made in a warm-up lie in. */
  private readonly hollow: Slot;
  private readonly pool: BufferPool;
  private readonly staging: BufferPool;
  private readonly pipelines: Pipelines;
  private readonly groups: BindGroups;
  private readonly largest: number;
  /** What is being gathered. */
  private batch = new Batch(1);
  private readonly sender: Sender;
  private issued = 1;
  private isScheduled = false;
  /** The buffers of the dispatch at hand. */
  private readonly slots: Slot[] = [];
  private dispatches = 0;
  private writes = 0;
  private reads = 0;

  constructor(
    readonly adapter: GPUAdapter,
    readonly device: GPUDevice,
    info: Partial<GPUAdapterInfo> = adapter.info ?? {},
  ) {
    const { vendor = '', architecture = '', description = '' } = info;
    this.isSoftware =
      info.isFallbackAdapter === true ||
      (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter === true ||
      /swiftshader|llvmpipe|lavapipe|warp|basic render|software|cpu/i.test(
        `${vendor} ${architecture} ${description}`,
      );
    const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension } = device.limits;
    this.maxGroups = maxComputeWorkgroupsPerDimension;
    this.largest = Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / 16) * 16;
    this.failures = new Failures(device);
    this.faults = new FaultRecord(device);
    this.sender = new Sender(device, this.failures, () => this.pool.settle());
    this.hollow = new Slot(this.sender.numbers, 0);
    this.hollow.failure = new TorchError(HOLLOW);
    this.pool = new BufferPool(
      (size) => this.createBuffer(size),
      (slot) => slot.batch <= this.sender.submitted,
      this.largest,
    );
    this.staging = stagingPool(device);
    this.pipelines = new Pipelines(device, !this.isSoftware, (pipeline) => this.sender.compiled(pipeline));
    this.groups = new BindGroups(device, this.sender.numbers, this.faults.buffer);
  }

  /** Memory for `length` elements, contents undefined. Throws OutOfMemoryError, naming the limit. */
  allocate(dtype: DType, length: number): GpuMemory {
    this.failures.check();
    const bytes = Math.max(16, Math.ceil((length * elementBytes(dtype)) / 16) * 16);
    if (bytes > this.largest) throw this.tooLarge(dtype, length, bytes);
    return new GpuMemory(dtype, length, this.isDry ? this.hollow : this.pool.take(bytes));
  }

  free(memory: GpuMemory): void {
    if (this.failures.lost === undefined && memory.slot !== this.hollow) this.pool.give(memory.slot);
  }

  private tooLarge(dtype: DType, length: number, bytes: number): OutOfMemoryError {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    const [name, limit] =
      maxBufferSize < maxStorageBufferBindingSize
        ? ['maxBufferSize', maxBufferSize]
        : ['maxStorageBufferBindingSize', maxStorageBufferBindingSize];
    return new OutOfMemoryError(
      `webgpu: ${length} elements of ${dtype} take ${bytes} bytes here, and this device binds at most ${limit} (${name}): ` +
        "work in smaller pieces, such as batches or slices, or use another backend, such as 'wasm'",
    );
  }

  private createBuffer(size: number): Slot {
    const { device } = this;
    device.pushErrorScope('out-of-memory');
    const slot = new Slot(
      device.createBuffer({
        size,
        usage: USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST,
      }),
      size,
    );
    const operator = operatorInProgress();
    device.popErrorScope().then(
      (error) => {
        if (!error) return;
        const used = `${this.pool.bytesInUse} bytes are in use`;
        slot.failure = new OutOfMemoryError(
          `webgpu: the device has no ${size} bytes left${operator ? ` for the result of ${operator}` : ''}: ${used} (${error.message.trim().split('\n', 1)[0]}); ` +
            'dispose tensors that are not needed any more, or work in smaller batches',
        );
        this.failures.note(slot.failure);
        this.pool.trim();
      },
      () => undefined,
    );
    return slot;
  }

  /** The pipeline of a module, compiled beside the program: commands that need it wait for it, in order. */
  pipeline(source: PipelineSource): Pipeline {
    this.failures.check();
    return this.pipelines.get(source);
  }

  /** Enqueues one dispatch on the first `count` memories. */
  dispatch(
    pipeline: Pipeline,
    memories: readonly GpuMemory[],
    count: number,
    numbers: Numbers,
    x: number,
    y: number,
    z: number,
  ): void {
    const { failures, slots } = this;
    if (failures.lost !== undefined) throw failures.lost;
    if (pipeline.failure !== undefined) throw pipeline.failure;
    if (numbers.length !== pipeline.numbers)
      throw new TorchError(
        `webgpu: ${pipeline.label} takes ${pipeline.numbers} numbers and was given ${numbers.length}`,
      );
    if (x > this.maxGroups || y > this.maxGroups || z > this.maxGroups)
      throw new TorchError(
        `webgpu: ${pipeline.label} asks for ${x} x ${y} x ${z} workgroups, more than ${this.maxGroups} in a dim`,
      );
    if (this.isDry) return;
    const { layout } = pipeline;
    if (layout.faults) numbers.i32(this.faults.next());
    let { batch } = this;
    if (batch.count >= MOST_IN_BATCH || !batch.fits(layout.numbersBytes)) {
      this.flush();
      batch = this.batch;
    }
    if (batch.isEmpty) this.schedule();
    for (let i = 0; i < count; i++) {
      const memory = memories[i]!;
      const { slot } = memory;
      if (slot.failure !== undefined) throw slot.failure;
      memory.isUsed = true;
      slot.batch = batch.number;
      slots[i] = slot;
    }
    const bound = this.groups.get(layout, slots, count);
    const offset = batch.place(numbers, layout.numbersBytes);
    const operator = operatorInProgress();
    const d = batch.dispatches[batch.count];
    if (d === undefined)
      batch.dispatches.push({
        pipeline,
        group: bound.group,
        offset,
        x,
        y,
        z,
        slots: bound.slots,
        operator,
      });
    else {
      d.pipeline = pipeline;
      d.group = bound.group;
      d.offset = offset;
      d.x = x;
      d.y = y;
      d.z = z;
      d.slots = bound.slots;
      d.operator = operator;
    }
    batch.count++;
    this.dispatches++;
    if (pipeline.ready === undefined) batch.waits = true;
  }

  /** Nothing stays behind when the program awaits something else. */
  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    afterTask(() => {
      this.isScheduled = false;
      if (this.failures.lost === undefined) this.flush();
    });
  }

  /** Hands over what was gathered: to the device, or to the queue behind a pipeline that is being compiled. */
  flush(): void {
    const { batch } = this;
    if (batch.isEmpty) return;
    if (batch.waits) this.pipelines.finish();
    this.batch = this.sender.spareBatch(++this.issued);
    this.sender.send(batch);
  }

  /** Copies bytes (a multiple of 4) to byte `at`. */
  write(memory: GpuMemory, at: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.failures.check();
    if (bytes.length === 0 || this.isDry) return;
    this.writes++;
    const { sender } = this;
    let { slot } = memory;
    if (slot.batch > sender.submitted && !memory.isUsed) {
      // What is still to run uses the buffer for a tensor that is gone: take another, and nobody has to wait.
      this.pool.give(slot);
      slot = memory.slot = this.pool.take(slot.size, (s) => s.batch <= sender.submitted);
    }
    memory.isUsed = true;
    if (slot.failure) throw slot.failure;
    if (slot.batch > sender.submitted) this.flush();
    sender.write(slot, at, bytes);
  }

  /**
   * The bytes from `at` on (multiples of 4), after all work issued before. Reads of one task share a submit, and none
   * holds up what is issued after it. Rejects with the first fault or failure that was not told before.
   */
  read(memory: GpuMemory, at: number, byteLength: number): Promise<ArrayBuffer> {
    this.failures.check();
    const { slot } = memory;
    if (slot.failure) throw slot.failure;
    this.reads++;
    slot.batch = this.batch.number;
    memory.isUsed = true;
    const { step, bytes } = readBack(this, this.staging, slot, at, byteLength);
    this.step(step);
    return bytes;
  }

  private step(step: Step): void {
    const { batch } = this;
    batch.steps.push({ after: batch.count, step });
    queueMicrotask(() => {
      if (this.failures.lost === undefined && this.batch === batch) this.flush();
    });
  }

  /** Resolves when every pipeline that was asked for is there. */
  compiled(): Promise<void> {
    return this.pipelines.all();
  }

  /** Destroys the buffers that are kept for later tensors. */
  trim(): void {
    this.flush();
    this.pool.trim();
    this.staging.trim();
    this.groups.clear();
  }

  /** Gives the device back; its tensors are gone. */
  destroy(): void {
    this.device.destroy();
  }

  statistics(): Statistics {
    const { dispatches, writes, reads } = this;
    const { buffers, bytesInUse, bytesIdle } = this.pool;
    return {
      dispatches,
      submits: this.sender.submits,
      writes,
      reads,
      pipelines: this.pipelines.count,
      bindGroups: this.groups.count,
      buffers,
      bytesInUse,
      bytesIdle,
    };
  }
}
