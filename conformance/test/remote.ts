/**
 * A backend whose memory the host cannot read: the reference backend behind a queue, as a device is. Work waits until
 * something is read, a read is answered in a later macrotask, a fault comes with the next read, and there is no
 * float64. What passes on `reference` and fails here depends on the host where it must not.
 *
 *   npx tsx --conditions=sconce-source conformance/bin/source.ts ./conformance/test/remote.ts
 */
import { reference } from '@sconce/backend-reference';
import {
  type Backend,
  type Capabilities,
  type DType,
  type Executable,
  type Kernel,
  KernelFault,
  type Memory,
  operatorInProgress,
  type TypedArray,
  type View,
} from '@sconce/core';

const macrotask = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class RemoteBackend implements Backend {
  readonly name = 'remote';
  readonly deviceType = 'remote';
  readonly capabilities: Capabilities;
  readonly #inner = reference();
  readonly #queue: (() => void)[] = [];
  #fault: KernelFault | undefined;

  constructor() {
    const { dtypes, ...rest } = this.#inner.capabilities;
    this.capabilities = {
      ...rest,
      dtypes: new Set([...dtypes].filter((d) => d !== 'float64')),
      maxBindings: 8,
    };
  }

  allocate(dtype: DType, length: number): Memory {
    if (!this.capabilities.dtypes.has(dtype)) throw new Error(`remote: asked for memory of ${dtype}`);
    return this.#inner.allocate(dtype, length);
  }

  free(memory: Memory): void {
    this.#queue.push(() => this.#inner.free(memory));
  }

  write(memory: Memory, offset: number, data: TypedArray): void {
    const copy = data.slice();
    this.#queue.push(() => this.#inner.write(memory, offset, copy));
  }

  async read(memory: Memory, offset: number, length: number): Promise<TypedArray> {
    let answer: TypedArray | undefined;
    let fault: KernelFault | undefined;
    this.#queue.push(() => {
      fault = this.#fault;
      this.#fault = undefined;
      answer = this.#inner.readNow(memory, offset, length);
    });
    await macrotask();
    for (const work of this.#queue.splice(0)) work();
    if (fault) throw fault;
    return answer!;
  }

  compile(kernel: Kernel): Executable {
    if (JSON.stringify(kernel, plain).includes('"float64"'))
      throw new Error(`remote: asked for a kernel in float64: ${JSON.stringify(kernel, plain)}`);
    const run = this.#inner.compile(kernel);
    return (outputs, inputs, scalars) => {
      const [to, from] = [outputs.map(kept), inputs.map(kept)];
      const operator = operatorInProgress();
      this.#queue.push(() => {
        try {
          run(to, from, scalars);
        } catch (error) {
          if (!(error instanceof KernelFault)) throw error;
          this.#fault ??= new KernelFault(error.fault, error.detail, operator);
        }
      });
    };
  }
}

const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);

/** A view is only lent for the call. */
const kept = ({ memory, dtype, shape, strides, offset }: View): View => ({
  memory,
  dtype,
  shape: [...shape],
  strides: [...strides],
  offset,
});

export const remote = (): RemoteBackend => new RemoteBackend();
