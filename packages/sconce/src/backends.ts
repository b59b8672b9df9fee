/** Choosing a backend: `await torch.use('webgpu', 'wasm')` takes the first that this environment has. */
import {
  type Backend,
  currentBackend,
  memoryUsage,
  registeredBackend,
  registeredBackends,
  setCurrentBackend,
  TorchError,
} from '@sconce/core';

export { register_backend } from '@sconce/core';

/** LibTorch's backend is a package of its own, since it needs a native addon. */
async function optionalPackage<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new TorchError(
      'the package @sconce/backend-libtorch is not installed: `npm install @sconce/backend-libtorch`, then `npx sconce build libtorch`',
    );
  }
}

/** The backends that come with Sconce, each loaded when it is asked for. */
const known: Record<string, () => Promise<Backend>> = {
  reference: async () => (await import('@sconce/backend-reference')).reference(),
  wasm: async () => (await import('@sconce/backend-wasm')).wasm(),
  libtorch: async () => (await optionalPackage(() => import('@sconce/backend-libtorch'))).libtorch(),
};

/** The names that `use` knows: those that come with Sconce, and those registered. */
export const backendNames = (): string[] => [
  ...new Set([...Object.keys(known), ...registeredBackends().map((b) => b.name)]),
];

/** The backend of this name, loaded where it has to be. Throws where this environment does not have it. */
export async function findBackend(name: string): Promise<Backend> {
  const registered = registeredBackend(name);
  if (registered) return registered;
  if (!Object.hasOwn(known, name))
    throw new TorchError(
      `no backend is called '${name}': there are ${backendNames().join(', ')}; register another with torch.register_backend`,
    );
  return known[name]();
}

/**
 * Makes new tensors on the first of these backends that this environment has, and returns its name; wasm when none is
 * named. Tensors that exist stay where they are. Throws, with every reason, where there is none.
 */
export async function use(...names: (string | Backend)[]): Promise<string> {
  const reasons: string[] = [];
  for (const wanted of names.length > 0 ? names : ['wasm']) {
    try {
      const backend = typeof wanted === 'string' ? await findBackend(wanted) : wanted;
      setCurrentBackend(backend);
      return backend.name;
    } catch (error) {
      reasons.push(
        `${typeof wanted === 'string' ? wanted : wanted.name}: ${error instanceof Error ? error.message : error}`,
      );
    }
  }
  throw new TorchError(
    reasons.length === 1 ? reasons[0] : `none of the backends is here:\n  ${reasons.join('\n  ')}`,
  );
}

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
