/** Sending: batches and writes reach the device in their order, behind pipelines that are still being compiled. */
import { Batch, encodeBatch, NUMBERS_BYTES } from './batch.ts';
import { explain, type Failures } from './failures.ts';
import { USAGE } from './flags.ts';
import type { Layout, Pipeline } from './pipelines.ts';
import type { Slot } from './pool.ts';

/** Batches that may wait for pipelines before these are compiled on the spot. */
const MOST_WAITING = 64;
/** One `writeBuffer` takes a copy: large writes go in parts. */
const WRITE_AT_ONCE = 32 << 20;

interface Write {
  readonly slot: Slot;
  readonly at: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export class Sender {
  /** The numbers of the batch that runs: written anew before each submit, which the device keeps in order. */
  readonly numbers: GPUBuffer;
  /** The number of the last batch that went to the device. */
  submitted = 0;
  submits = 0;
  private readonly queue: (Batch | Write)[] = [];
  private readonly spare: Batch[] = [];
  private readonly offsets = new Uint32Array(1);
  private isPumping = false;

  /** @param sent called after each submit */
  constructor(
    private readonly device: GPUDevice,
    private readonly failures: Failures,
    private readonly sent: () => void,
  ) {
    this.numbers = device.createBuffer({
      label: 'numbers',
      size: NUMBERS_BYTES,
      usage: USAGE.UNIFORM | USAGE.COPY_DST,
    });
  }

  /** A batch to gather the next commands in. */
  spareBatch(number: number): Batch {
    const batch = this.spare.pop() ?? new Batch(number);
    batch.reset(number);
    return batch;
  }

  send(batch: Batch): void {
    if (this.queue.length === 0 && (!batch.waits || isReady(batch))) this.submit(batch);
    else {
      this.queue.push(batch);
      if (this.queue.length > MOST_WAITING) this.pump(true);
    }
  }

  /** Writes now, or after the batch that still uses the buffer. */
  write(slot: Slot, at: number, bytes: Uint8Array<ArrayBuffer>): void {
    if (slot.batch <= this.submitted) this.writeNow(slot, at, bytes);
    else this.queue.push({ slot, at, bytes: bytes.slice() });
  }

  /** For a pipeline that is ready, or refused: what waited for it goes on. */
  compiled(pipeline: Pipeline): void {
    if (pipeline.failure && this.failures.lost === undefined) this.failures.note(pipeline.failure);
    this.pump(false);
  }

  /** Sends what waits, as far as its pipelines are ready; or all of it, compiling what is missing. */
  private pump(now: boolean): void {
    if (this.failures.lost !== undefined) {
      this.queue.length = 0;
      return;
    }
    // Compiling on the spot tells of itself, and comes here again.
    if (this.isPumping) return;
    this.isPumping = true;
    try {
      let item: Batch | Write | undefined;
      while ((item = this.queue[0]) !== undefined) {
        if (item instanceof Batch) {
          if (now) for (let i = 0; i < item.count; i++) makeReady(item.dispatches[i]!.pipeline);
          else if (!isReady(item)) break;
          this.submit(item);
        } else this.writeNow(item.slot, item.at, item.bytes);
        this.queue.shift();
      }
    } finally {
      this.isPumping = false;
    }
  }

  private submit(batch: Batch): void {
    const { device } = this;
    device.pushErrorScope('validation');
    if (batch.used > 0) device.queue.writeBuffer(this.numbers, 0, batch.words, 0, batch.used);
    const encoder = device.createCommandEncoder();
    encodeBatch(encoder, batch, this.offsets);
    device.queue.submit([encoder.finish()]);
    const scope = device.popErrorScope().then(this.judge(batch), () => undefined);
    for (const { step } of batch.steps) step.submitted(scope);
    this.submits++;
    this.submitted = batch.number;
    this.spare.push(batch);
    this.sent();
  }

  /** What to do when the device has said whether it took the batch, which is used again by then. */
  private judge(batch: Batch): (error: GPUError | null) => void {
    const touched: (readonly Slot[])[] = [];
    const pipelines: Pipeline[] = [];
    const operators: string[] = [];
    for (let i = 0; i < batch.count; i++) {
      const { slots, pipeline, operator } = batch.dispatches[i]!;
      touched.push(slots);
      pipelines.push(pipeline);
      operators.push(operator ?? pipeline.label);
      if (pipeline.failure) poison(slots, pipeline.layout, pipeline.failure);
    }
    return (error) => {
      if (!error || this.failures.lost) return;
      // A pipeline that was refused spoils its batch: then that is what there is to tell.
      const cause = pipelines.find((p) => p.failure)?.failure;
      const failure = cause ?? explain(error, [...new Set(operators)].slice(0, 8).join(', ') || 'a copy');
      touched.forEach((slots, i) => {
        poison(slots, pipelines[i]!.layout, failure);
      });
      if (!cause) this.failures.note(failure);
    };
  }

  private writeNow(slot: Slot, at: number, bytes: Uint8Array<ArrayBuffer>): void {
    const { queue } = this.device;
    for (let from = 0; from < bytes.length; from += WRITE_AT_ONCE)
      queue.writeBuffer(slot.buffer, at + from, bytes, from, Math.min(WRITE_AT_ONCE, bytes.length - from));
  }
}

function isReady(batch: Batch): boolean {
  for (let i = 0; i < batch.count; i++) {
    const { pipeline } = batch.dispatches[i]!;
    if (pipeline.ready === undefined && pipeline.failure === undefined) return false;
  }
  return true;
}

function makeReady(pipeline: Pipeline): void {
  if (pipeline.ready === undefined && pipeline.failure === undefined) pipeline.now();
}

/** What was to be written holds something else now. */
function poison(slots: readonly Slot[], { written }: Layout, failure: Error): void {
  slots.forEach((slot, i) => {
    if (written[i]) slot.failure ??= failure;
  });
}
