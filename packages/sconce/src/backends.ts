/** Choosing a backend: `await torch.use('webgpu', 'wasm')` takes the first that this environment has. */
import {
  type Backend,
  currentBackend,
  default_generator,
  memoryUsage,
  registeredBackend,
  registeredBackends,
  setCurrentBackend,
  TorchError,
} from '@sconce/core';

export { register_backend } from '@sconce/core';

/** LibTorch's backend is a package of its own, since it needs a native addon. */
async function loadLibtorch(): Promise<Backend> {
  try {
    return (await import('#libtorch')).libtorch();
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new TorchError(
      'the package @sconce/backend-libtorch is not installed: `npm install @sconce/backend-libtorch`, then `npx sconce build libtorch`',
    );
  }
}

/** What a backend may be told when it is made; each takes what it knows. */
export interface BackendOptions {
  /** wasm: computes in a worker of its own, so that this thread stays free. Values are then read with `await` only. */
  readonly worker?: boolean;
  /** wasm: most bytes that its memory may grow to. */
  readonly maximumBytes?: number;
  /** wasm: threads to compute on, this one included; see `set_num_threads`. With 1 there can be no more later. */
  readonly threads?: number;
  /** webgpu: which adapter to prefer where there are several. */
  readonly powerPreference?: 'low-power' | 'high-performance';
  readonly forceFallbackAdapter?: boolean;
  /** webgpu: `default` asks for no more than every adapter has, for tests of what small devices do. */
  readonly limits?: 'adapter' | 'default';
  /** webgpu: `none` leaves shader-f16 and subgroups aside. */
  readonly features?: 'adapter' | 'none';
}

/** What `set_num_threads` said last: for the backends that are made after it, too. */
let wantedThreads: number | undefined;

async function loadWasm({ worker, maximumBytes, threads }: BackendOptions): Promise<Backend> {
  const options = {
    ...(maximumBytes !== undefined && { maximumBytes }),
    ...(threads !== undefined && { threads }),
  };
  if (worker) return (await import('@sconce/backend-wasm/worker')).wasmInWorker(options);
  return (await import('@sconce/backend-wasm')).wasm(options);
}

async function loadWebgpu(options: BackendOptions): Promise<Backend> {
  const { webgpu } = await import('@sconce/backend-webgpu');
  return webgpu(options);
}

/** The backends that come with Sconce, each loaded when it is asked for. */
const known: Record<string, (options: BackendOptions) => Promise<Backend>> = {
  reference: async () => (await import('@sconce/backend-reference')).reference(),
  wasm: loadWasm,
  webgpu: loadWebgpu,
  libtorch: loadLibtorch,
};

/** The names that `use` knows: those that come with Sconce, and those registered. */
export const backendNames = (): string[] => [
  ...new Set([...Object.keys(known), ...registeredBackends().map((b) => b.name)]),
];

/**
 * The backend of this name, loaded where it has to be. Options make a new one, which takes the name over; without them
 * it is the one that is there. Throws where this environment does not have it.
 */
export async function findBackend(name: string, options?: BackendOptions): Promise<Backend> {
  const registered = registeredBackend(name);
  if (registered && !options && !registered.isLost) return registered;
  if (!Object.hasOwn(known, name))
    throw new TorchError(
      registered
        ? `the backend '${name}' was registered, and takes no options here: make it with them and give it to torch.use`
        : `no backend is called '${name}': there are ${backendNames().join(', ')}; register another with torch.register_backend`,
    );
  const backend = await known[name](options ?? {});
  if (wantedThreads !== undefined && options?.threads === undefined && backend.threads !== undefined)
    backend.threads = wantedThreads;
  return backend;
}

const isOptions = (value: string | Backend | BackendOptions | undefined): value is BackendOptions =>
  typeof value === 'object' && !('allocate' in value);

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Makes new tensors on the first of these backends that this environment has, and returns its name; wasm when none is
 * named. Tensors that exist stay where they are. Throws, with every reason, where there is none.
 *
 *     await torch.use('webgpu', 'wasm');
 *     await torch.use('wasm', { worker: true });
 */
export async function use(...wanted: (string | Backend | BackendOptions)[]): Promise<string> {
  const last = wanted.at(-1);
  const options = isOptions(last) ? last : undefined;
  const names = (options ? wanted.slice(0, -1) : wanted) as (string | Backend)[];
  const reasons: string[] = [];
  for (const one of names.length > 0 ? names : ['wasm']) {
    try {
      const backend = typeof one === 'string' ? await findBackend(one, options) : one;
      setCurrentBackend(backend);
      return backend.name;
    } catch (error) {
      reasons.push(`${typeof one === 'string' ? one : one.name}: ${reasonOf(error)}`);
    }
  }
  throw new TorchError(
    reasons.length === 1 ? reasons[0] : `none of the backends is here:\n  ${reasons.join('\n  ')}`,
  );
}

/**
 * Compiles what `run` will need on the backend in use, without computing, before the first input comes:
 * `await torch.warmup(() => model(torch.zeros(1, 3, 224, 224)))`. It goes as far as `run` goes without awaiting a value; what
 * `run` makes holds nothing, and what was there before, the generator's state too, stays as it is. A backend that compiles
 * in no time does nothing.
 */
export async function warmup(run: () => unknown): Promise<void> {
  const backend = currentBackend();
  if (!backend.warmup) return;
  const random = default_generator.getStateBytes();
  const done = backend.warmup(run);
  default_generator.setStateBytes(random);
  await done;
}

/**
 * How many threads one operator may use, on every backend that has them (wasm, libtorch). Without it wasm takes half of the
 * cores, but all of four or fewer. Throws for anything but a positive integer.
 */
export function set_num_threads(threads: number): void {
  if (!Number.isInteger(threads)) throw new TypeError(`set_num_threads expects an int, but got ${threads}`);
  if (threads < 1) throw new TorchError('set_num_threads expects a positive integer');
  wantedThreads = threads;
  for (const backend of registeredBackends()) if (backend.threads !== undefined) backend.threads = threads;
}

/** How many threads one operator of the backend in use may use; in a page that is not cross-origin isolated it is 1. */
export const get_num_threads = (): number => currentBackend().threads ?? 1;

/** The name of the backend in use. */
export const backend_name = (): string => currentBackend().name;

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** Bytes and storages alive on each backend, as a table. */
export function memory_summary(): string {
  const rows = registeredBackends().map((b) => {
    const { allocated, peak, count } = memoryUsage(b);
    return `${b.name.padEnd(12)}${megabytes(allocated).padStart(14)}${megabytes(peak).padStart(14)}${String(count).padStart(10)}`;
  });
  return [
    `${'backend'.padEnd(12)}${'allocated'.padStart(14)}${'peak'.padStart(14)}${'storages'.padStart(10)}`,
    ...rows,
  ].join('\n');
}
