/** Workers of a browser or of Node behind one face, and what this environment allows. */

/** A worker of Node's, as far as it is used here. */
export interface NodeWorker {
  postMessage(message: unknown, transfer?: ArrayBuffer[]): void;
  // biome-ignore lint/suspicious/noExplicitAny: whoever made the worker knows what it says
  on(event: 'message', listener: (message: any) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'exit', listener: (code: number) => void): void;
  ref(): void;
  unref(): void;
  terminate(): unknown;
}

interface Builtins {
  'node:worker_threads': { Worker: new (url: URL, options?: { execArgv: string[] }) => NodeWorker };
  'node:os': { availableParallelism(): number };
}

interface Scope {
  readonly process?: {
    getBuiltinModule?<K extends keyof Builtins>(name: K): Builtins[K] | undefined;
  };
  readonly navigator?: { readonly hardwareConcurrency?: number };
  readonly crossOriginIsolated?: boolean;
}

const scope = globalThis as unknown as Scope;

const builtin = <K extends keyof Builtins>(name: K): Builtins[K] | undefined =>
  scope.process?.getBuiltinModule?.(name);

export const nodeWorkers = (): Builtins['node:worker_threads'] | undefined => builtin('node:worker_threads');

/** Node runs no TypeScript: in a checkout the script is the one that was built. `folder` is its place under `dist`. */
export function nodeWorker(script: string, folder: string, from: string): NodeWorker {
  const url = from.endsWith('.ts') ? `../../dist/${folder}/${script}` : `./${script}`;
  return new (nodeWorkers()!.Worker)(new URL(url, from), { execArgv: [] });
}

/**
 * A page may start workers of its own origin only: a script from elsewhere (a CDN) is imported by one of ours, which a
 * policy may refuse (`worker-src blob:`).
 */
export function ofOwnOrigin(start: () => Worker, url: () => URL): Worker {
  try {
    return start();
  } catch (error) {
    if ((error as Error).name !== 'SecurityError') throw error;
    const script = new Blob([`import ${JSON.stringify(url().href)};`], { type: 'text/javascript' });
    return new Worker(URL.createObjectURL(script), { type: 'module' });
  }
}

/** Why memory cannot be shared with workers here; undefined where it can. */
export function whyNotShared(): 'isolation' | 'missing' | undefined {
  // A page that is not isolated can make such a memory, but not send it to a worker.
  if (scope.crossOriginIsolated === false && !nodeWorkers()) return 'isolation';
  if (typeof SharedArrayBuffer === 'undefined') return 'missing';
  return nodeWorkers() || typeof Worker !== 'undefined' ? undefined : 'missing';
}

const MOST_AT_FIRST = 16;

/**
 * How many threads to begin with. Of the cores that an environment counts, two are mostly one core that runs two threads,
 * or half of them are slow ones (a telephone, a laptop with efficiency cores): half of them, but all where there are four or fewer.
 * PyTorch takes the physical cores, which JavaScript cannot ask for.
 */
export function defaultThreads(): number {
  const cores = builtin('node:os')?.availableParallelism() ?? scope.navigator?.hardwareConcurrency ?? 1;
  return Math.min(MOST_AT_FIRST, cores, Math.max(4, Math.floor(cores / 2)));
}
