/** `torch.use('wasm', { worker: true })`: the WebAssembly backend in a worker, so that this thread stays free. */
import type { WasmOptions } from '../backend.ts';
import { WorkerBackend } from './client.ts';
import { lineTo, type NodeWorker, spawn } from './spawn.ts';

export { WorkerBackend } from './client.ts';

export interface WorkerOptions extends Omit<WasmOptions, 'thread'> {
  /** A worker of your own that runs `@sconce/backend-wasm/worker-script`, for a bundler that does not find the script. */
  readonly worker?: Worker | NodeWorker;
}

/** Rejects where no worker can be started, saying why. */
export async function wasmInWorker({
  worker,
  maximumBytes,
  threads,
}: WorkerOptions = {}): Promise<WorkerBackend> {
  const backend = new WorkerBackend(worker ? lineTo(worker) : spawn(), maximumBytes, threads);
  await backend.started;
  return backend;
}

/** What the conformance command calls. */
export const create = (): Promise<WorkerBackend> => wasmInWorker();
