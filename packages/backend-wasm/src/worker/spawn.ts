/** Starts the worker: a browser's, or Node's, behind one face. */
import { TorchError } from '@sconce/core';
import { type NodeWorker, nodeWorker, nodeWorkers, ofOwnOrigin } from '../threads/platform.ts';
import type { Answer, Batch, Resize, Start } from './protocol.ts';

export type { NodeWorker };

/** A worker as the client sees it. */
export interface Line {
  post(message: Start | Batch | Resize, transfer: ArrayBuffer[]): void;
  listen(answer: (answer: Answer) => void, ended: (reason: string) => void): void;
  /** Whether a process may not end while this worker runs; a page does not ask. */
  hold(held: boolean): void;
  terminate(): void;
}

const webLine = (worker: Worker): Line => ({
  post: (message, transfer) => worker.postMessage(message, transfer),
  listen(answer, ended) {
    worker.onmessage = ({ data }) => answer(data as Answer);
    worker.onmessageerror = () => ended('a message could not be read');
    worker.onerror = (event) => {
      event.preventDefault();
      ended(event.message || 'its script could not be loaded (blocked by the page’s policy, or not there)');
    };
  },
  hold: () => {},
  terminate: () => worker.terminate(),
});

/** A worker that someone else started: a browser's or Node's. */
export const lineTo = (worker: Worker | NodeWorker): Line =>
  'ref' in worker ? nodeLine(worker) : webLine(worker);

const nodeLine = (worker: NodeWorker): Line => ({
  post: (message, transfer) => worker.postMessage(message, transfer),
  listen(answer, ended) {
    worker.on('message', answer);
    worker.on('error', (error) => ended(error.message));
    worker.on('exit', (code) => ended(`it exited with code ${code}`));
  },
  hold: (held) => (held ? worker.ref() : worker.unref()),
  terminate: () => void worker.terminate(),
});

const webWorker = (): Worker =>
  ofOwnOrigin(
    () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }),
    () => new URL('./worker.js', import.meta.url),
  );

/** A new worker that runs `worker.ts`. Throws where there are none. */
export function spawn(): Line {
  // The name is not written into `new URL`, or bundlers would put Node's worker into pages.
  if (nodeWorkers()) return nodeLine(nodeWorker('worker.js', 'worker', import.meta.url));
  if (typeof Worker === 'undefined')
    throw new TorchError(
      'wasm: this environment has no workers (a nested worker, an old browser?): use torch.use("wasm") without { worker: true }',
    );
  return webLine(webWorker());
}
