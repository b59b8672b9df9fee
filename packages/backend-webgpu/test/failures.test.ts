/** What goes wrong on the device's side, and what the user sees of it. */
import { OutOfMemoryError, setCurrentBackend, TorchError, tensor } from '@sconce/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { WebGpuBackend } from '../src/index.ts';
import { linearGroups, Numbers, Program } from '../src/program.ts';
import { AddNumber, backend, lineOf } from './device.ts';

let b: WebGpuBackend;
afterEach(() => b.destroy());

const vectorOf = (...values: number[]): Float32Array => new Float32Array(values);
const programOf = (label: string, body: string): Program =>
  new Program(b.gpu, {
    label,
    operands: [{ dtype: 'float32', writes: true }],
    workgroupSize: [64, 1, 1],
    write: () => body,
  });

describe('a lost device', () => {
  it('rejects the reads in flight and throws from every later call, saying how to go on', async () => {
    b = await backend();
    const add = new AddNumber(b);
    const x = b.allocate('float32', 4);
    b.write(x, 0, vectorOf(1, 2, 3, 4));
    const reads: Promise<unknown>[] = [];
    for (let i = 0; i < 10; i++) {
      add.run(x, x, 4, 1);
      reads.push(b.read(x, 0, 4).catch((error) => error));
      if (i === 5) b.gpu.device.destroy();
    }
    const results = await Promise.all(reads);
    expect(results.at(-1)).toBeInstanceOf(TorchError);
    expect(String(results.at(-1))).toMatch(/the device was lost \(destroyed.*`await torch\.use\('webgpu'\)`/);
    for (const r of results) expect(r instanceof TorchError || r instanceof Float32Array).toBe(true);
    expect(b.isLost).toBe(true);
    const lost = /the device was lost/;
    expect(() => add.run(x, x, 4, 1)).toThrow(lost);
    expect(() => b.allocate('float32', 4)).toThrow(lost);
    expect(() => b.write(x, 0, vectorOf(1))).toThrow(lost);
    await expect(b.read(x, 0, 1)).rejects.toThrow(lost);
    b.free(x);
  });

  it('does not hang a read that comes right after the loss', async () => {
    b = await backend();
    const x = b.allocate('float32', 4);
    b.write(x, 0, vectorOf(1, 2, 3, 4));
    b.gpu.device.destroy();
    await expect(b.read(x, 0, 4)).rejects.toThrow(/the device was lost/);
  });

  it('leaves other devices alone', async () => {
    b = await backend();
    const other = await backend();
    other.gpu.device.destroy();
    await other.gpu.failures.loss;
    const x = b.allocate('float32', 2);
    b.write(x, 0, vectorOf(1, 2));
    expect([...(await b.read(x, 0, 2))]).toEqual([1, 2]);
  });
});

describe('memory that the device does not have', () => {
  /** The device as it would be with no room for large buffers. */
  async function withoutRoom(): Promise<void> {
    b = await backend();
    const { device } = b.gpu;
    const create = device.createBuffer.bind(device);
    const pop = device.popErrorScope.bind(device);
    let refused = false;
    device.createBuffer = (descriptor) => {
      refused = descriptor.size >= 2 ** 20;
      if (!refused) return create(descriptor);
      device.pushErrorScope('validation');
      const buffer = create({ ...descriptor, size: 2 ** 50 });
      void pop();
      return buffer;
    };
    device.popErrorScope = () => {
      if (!refused) return pop();
      refused = false;
      class GPUOutOfMemoryError {
        constructor(readonly message: string) {}
      }
      return pop().then(() => new GPUOutOfMemoryError('no memory of this kind is left'));
    };
  }

  it('is told by the next read and by every use of the tensor', async () => {
    await withoutRoom();
    const add = new AddNumber(b);
    const small = b.allocate('float32', 4);
    b.write(small, 0, vectorOf(1, 2, 3, 4));
    const large = b.allocate('float32', 2 ** 20);
    add.run(large, small, 4, 1);
    const read = b.read(large, 0, 4);
    await expect(read).rejects.toBeInstanceOf(OutOfMemoryError);
    await expect(read).rejects.toThrow(/the device has no 4194304 bytes left.*smaller batches/);
    expect(() => add.run(small, large, 4, 1)).toThrow(OutOfMemoryError);
    await expect(b.read(large, 0, 4)).rejects.toBeInstanceOf(OutOfMemoryError);
    b.free(large);
  });

  it('is told where a device really refuses, and what was there before lives on', async () => {
    b = await backend();
    const small = b.allocate('float32', 4);
    b.write(small, 0, vectorOf(1, 2, 3, 4));
    const length = b.gpu.device.limits.maxStorageBufferBindingSize / 4;
    const allocateUntilRefused = async (): Promise<never> => {
      for (;;) {
        b.allocate('float32', length);
        await b.read(small, 0, 4);
      }
    };
    await expect(allocateUntilRefused()).rejects.toThrow(
      /the device has no \d+ bytes left: \d+ bytes are in use.*smaller batches/,
    );
    expect([...(await b.read(small, 0, 4))]).toEqual([1, 2, 3, 4]);
  });

  it('does not come back from the pool when the tensor was freed before the refusal was known', async () => {
    await withoutRoom();
    const large = b.gpu.allocate('float32', 2 ** 20);
    const { buffer } = large;
    b.free(large);
    const small = b.allocate('float32', 4);
    b.write(small, 0, vectorOf(1, 2, 3, 4));
    await expect(b.read(small, 0, 4)).rejects.toBeInstanceOf(OutOfMemoryError);
    expect(b.gpu.allocate('float32', 2 ** 20).buffer).not.toBe(buffer);
  });

  it('names the operator that asked for it', async () => {
    await withoutRoom();
    setCurrentBackend(b);
    const x = tensor([1, 2, 3, 4], { dtype: 'float32' });
    const wide = x.expand([2 ** 18, 4]).add(1) as { data(): Promise<unknown> };
    await expect(wide.data()).rejects.toThrow(/for the result of add/);
    expect(await x.add(1).tolist()).toEqual([2, 3, 4, 5]);
  });
});

describe('commands that the device refuses', () => {
  it('rejects the next read with the shader compiler’s words, and throws from later calls', async () => {
    b = await backend();
    const x = b.allocate('float32', 4);
    const bad = programOf('mistyped', 'b0[0] = 1u + 1.5;');
    const numbers = new Numbers();
    bad.run([lineOf(x, 4)], numbers, [1, 1, 1]);
    await expect(b.read(x, 0, 4)).rejects.toThrow(/webgpu refused the kernel 'mistyped': .*u32/s);
    expect(() => bad.run([lineOf(x, 4)], numbers, [1, 1, 1])).toThrow(/refused the kernel 'mistyped'/);
    await expect(b.read(x, 0, 4)).rejects.toThrow(/refused the kernel 'mistyped'/);
    b.free(x);
    const y = b.allocate('float32', 4);
    b.write(y, 0, vectorOf(1, 2, 3, 4));
    expect([...(await b.read(y, 0, 4))]).toEqual([1, 2, 3, 4]);
  });

  it('rejects the next read where a submit was refused, and does not give stale values as results', async () => {
    b = await backend();
    const add = new AddNumber(b, 'doomed');
    const x = b.gpu.allocate('float32', 4);
    b.write(x, 0, vectorOf(1, 2, 3, 4));
    add.run(x, x, 4, 1);
    x.buffer.destroy();
    await expect(b.read(x, 0, 4)).rejects.toThrow(/webgpu refused commands in doomed: /);
    await expect(b.read(x, 0, 4)).rejects.toThrow(/webgpu refused commands in doomed: /);
  });

  it('wants the numbers that the shader asked for, no more and no fewer', async () => {
    b = await backend();
    const x = b.allocate('float32', 4);
    const plain = programOf('plain', 'b0[li & 3u] = 1.0;');
    expect(() => plain.run([lineOf(x, 4)], new Numbers().i32(1), linearGroups(4, 64))).toThrow(
      /plain takes 0 numbers and was given 1/,
    );
    expect(() => plain.run([lineOf(x, 4)], new Numbers(), [70_000, 1, 1])).toThrow(/more than 65535/);
  });
});
