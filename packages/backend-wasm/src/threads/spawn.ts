/** Starts one worker of a team. */
import { ABSENT, type Start, stateOf } from './control.ts';
import { type NodeWorker, nodeWorker, nodeWorkers, ofOwnOrigin } from './platform.ts';

/** What a team keeps of a worker: a way to end it. */
export interface Ending {
  terminate(): unknown;
}

function webWorker(): Worker {
  return ofOwnOrigin(
    () => new Worker(new URL('./thread.js', import.meta.url), { type: 'module' }),
    () => new URL('./thread.js', import.meta.url),
  );
}

/** Throws, or calls `failed` later, where a policy or a missing script is in the way. `make` is for bundlers that do not find the script. */
export function startThread(
  start: Start,
  failed: (reason: string) => void,
  make?: () => Worker | NodeWorker,
): Ending {
  // The name is not written into `new URL`, or bundlers would put Node's worker into pages.
  const worker =
    make?.() ?? (nodeWorkers() ? nodeWorker('thread.js', 'threads', import.meta.url) : webWorker());
  if ('unref' in worker) {
    worker.on('error', (error) => failed(error.message));
    worker.on('exit', () =>
      Atomics.store(new Int32Array(start.memory.buffer), stateOf(start.worker), ABSENT),
    );
    worker.unref();
  } else {
    worker.onerror = (event) => {
      event.preventDefault();
      failed(event.message || 'its script could not be loaded (blocked by the page’s policy, or not there)');
    };
  }
  worker.postMessage(start);
  return worker;
}
