/** Starts the worker: a browser's, or Node's, behind one face. */
import { TorchError } from '@sconce/core';
import type { Answer, Batch, Start } from './protocol.ts';

/** A worker as the client sees it. */
export interface Line {
  post(message: Start | Batch, transfer: ArrayBuffer[]): void;
  listen(answer: (answer: Answer) => void, ended: (reason: string) => void): void;
  /** Whether a process may not end while this worker runs; a page does not ask. */
  hold(held: boolean): void;
  terminate(): void;
}

/** A worker of Node's, as far as it is used here. */
export interface NodeWorker {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  on(event: 'message', listener: (answer: Answer) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'exit', listener: (code: number) => void): void;
  ref(): void;
  unref(): void;
  terminate(): unknown;
}

type NodeWorkers = { Worker: new (url: URL, options?: { execArgv: string[] }) => NodeWorker };

const nodeWorkers = (): NodeWorkers | undefined =>
  (
    globalThis as { process?: { getBuiltinModule?(name: string): NodeWorkers | undefined } }
  ).process?.getBuiltinModule?.('node:worker_threads');

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

/**
 * The worker's script stands beside this one. Node runs no TypeScript: in a checkout it is the one that was built. The name
 * is not written into `new URL`, or bundlers would put Node's worker into pages.
 */
function nodeWorker({ Worker }: NodeWorkers): NodeWorker {
  const script = import.meta.url.endsWith('.ts') ? '../../dist/worker/worker.js' : './worker.js';
  return new Worker(new URL(script, import.meta.url), { execArgv: [] });
}

/**
 * A page may start workers of its own origin only: a script from elsewhere (a CDN) is imported by one of ours, which a
 * policy may refuse (`worker-src blob:`).
 */
function webWorker(): Worker {
  try {
    return new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  } catch (error) {
    if ((error as Error).name !== 'SecurityError') throw error;
    const url = new URL('./worker.js', import.meta.url).href;
    const script = new Blob([`import ${JSON.stringify(url)};`], { type: 'text/javascript' });
    return new Worker(URL.createObjectURL(script), { type: 'module' });
  }
}

/** A new worker that runs `worker.ts`. Throws where there are none. */
export function spawn(): Line {
  const node = nodeWorkers();
  if (node) return nodeLine(nodeWorker(node));
  if (typeof Worker === 'undefined')
    throw new TorchError(
      'wasm: this environment has no workers (a nested worker, an old browser?): use torch.use("wasm") without { worker: true }',
    );
  return webLine(webWorker());
}
