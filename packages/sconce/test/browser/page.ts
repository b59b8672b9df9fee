/** The page's own script; the query says what to try. `torch.mjs` lies beside it. */

import { onThreads, run } from './program.ts';
import * as torch from './torch.mjs';

const query = new URLSearchParams(location.search);

async function cached(): Promise<unknown> {
  await torch.use('wasm');
  const seen: number[] = [];
  for (let i = 0; i < 2; i++)
    await torch.jit.load('./digits.pt?cached', {
      cache: 'a test',
      onprogress: ({ loaded, total }) => seen.push(loaded / (total ?? 1)),
    });
  return { first: seen[0], last: seen.at(-1), names: await caches.keys() };
}

/** A download that is cut while it is being kept. */
async function cut(): Promise<unknown> {
  await torch.use('wasm');
  const error = await torch.jit.load('./cut.pt', { cache: 'cut' }).catch((e: Error) => e.message);
  return { error, kept: (await (await caches.open('cut')).keys()).length };
}

/** This very script in a worker, with the same query; there `then` is the task. */
const inWorker = (): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const script = new URL(
      `./page.js${location.search.replace('task=inWorker', `task=${query.get('then') ?? 'run'}`)}`,
      location.href,
    );
    const worker = new Worker(script, { type: 'module' });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  });

const tasks: Record<string, () => Promise<unknown>> = {
  run: () => run(torch, './digits.pt', query.has('worker') ? { worker: true } : undefined),
  threads: () => onThreads(torch, query),
  cached,
  cut,
  inWorker,
  webgpu: () => run(torch, './digits.pt', undefined, 'webgpu'),
  gpu: () => torch.use('webgpu').catch((error: Error) => error.message),
  fallthrough: () => torch.use('webgpu', 'wasm'),
};

declare global {
  interface Window {
    result: Promise<unknown>;
  }
}

const result = tasks[query.get('task') ?? 'run']().catch((error: Error) => ({ error: `${error.stack}` }));
if (typeof window === 'undefined') postMessage(await result);
else window.result = result;
