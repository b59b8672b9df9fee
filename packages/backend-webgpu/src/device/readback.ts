/** Reading: a copy into a buffer that the host can map, at its place in the order of commands. */
import { TorchError } from '@sconce/core';
import type { Step } from './batch.ts';
import { FAULT_BYTES, faultIn } from './faults.ts';
import { MAP_FOR_READING, USAGE } from './flags.ts';
import type { Gpu } from './gpu.ts';
import { BufferPool, Slot } from './pool.ts';

/** Mappable buffers, used again when they are unmapped. */
export const stagingPool = (device: GPUDevice): BufferPool =>
  new BufferPool(
    (size) =>
      new Slot(
        device.createBuffer({
          label: 'staging',
          size,
          usage: USAGE.MAP_READ | USAGE.COPY_DST,
        }),
        size,
      ),
    () => true,
    Number.MAX_SAFE_INTEGER,
  );

/**
 * The step that copies, and the promise of the bytes. Where a kernel that can fault was issued since the last read, the
 * record of faults comes along, and the promise rejects with what it says.
 */
export function readBack(
  gpu: Gpu,
  staging: BufferPool,
  slot: Slot,
  at: number,
  byteLength: number,
): { step: Step; bytes: Promise<ArrayBuffer> } {
  const { faults, failures } = gpu;
  const sites = faults.isOpen ? faults.close() : undefined;
  const total = byteLength + (sites ? FAULT_BYTES : 0);
  const target = staging.take(total);
  let submitted!: (scope: Promise<unknown>) => void;
  const sent = new Promise<{ scope: Promise<unknown> }>((resolve) => {
    submitted = (scope) => resolve({ scope });
  });
  const step: Step = {
    encode: (encoder) => {
      if (byteLength > 0) encoder.copyBufferToBuffer(slot.buffer, at, target.buffer, 0, byteLength);
      if (sites) faults.fetch(encoder, target.buffer, byteLength);
    },
    submitted,
  };

  const receive = async (): Promise<ArrayBuffer> => {
    const result = await Promise.race([sent, failures.loss]);
    failures.check();
    const [, error] = await Promise.all([
      result?.scope,
      target.buffer.mapAsync(MAP_FOR_READING, 0, total).then(
        () => undefined,
        (e: unknown) => e,
      ),
    ]);
    if (error) {
      // A lost device rejects its mappings first and tells of itself next.
      await Promise.race([failures.loss, new Promise((resolve) => setTimeout(resolve, 100))]);
      failures.tell();
      throw new TorchError(`webgpu: reading failed: ${error instanceof Error ? error.message : error}`);
    }
    const range = target.buffer.getMappedRange(0, total);
    const bytes = range.slice(0, byteLength);
    const fault = sites && faultIn(range, byteLength, sites);
    target.buffer.unmap();
    staging.give(target);
    staging.settle();
    failures.tell();
    if (fault) throw fault;
    return bytes;
  };
  return { step, bytes: receive() };
}
