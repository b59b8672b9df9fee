/** Compiles a kernel once per backend. */
import type { Backend, Executable, Kernel } from '../backend/backend.ts';
import { rewrite } from '../expr/rewrite.ts';

const caches = new WeakMap<Backend, Map<string, Executable>>();

const spell = (_: string, value: unknown): unknown =>
  typeof value === 'bigint'
    ? `${value}n`
    : typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))
      ? Object.is(value, -0)
        ? '-0'
        : String(value)
      : value;

/** The executable of `kernel` on `backend`; equal kernels share one. */
export function compile(backend: Backend, kernel: Kernel): Executable {
  let cache = caches.get(backend);
  if (!cache) caches.set(backend, (cache = new Map()));
  const key = JSON.stringify(kernel, spell);
  let executable = cache.get(key);
  if (!executable) cache.set(key, (executable = backend.compile(inOperationsOf(backend, kernel))));
  return executable;
}

function inOperationsOf(backend: Backend, kernel: Kernel): Kernel {
  const { scalarOps } = backend.capabilities;
  switch (kernel.kind) {
    case 'pointwise':
      return { ...kernel, exprs: kernel.exprs.map((e) => rewrite(e, scalarOps, backend.name)) };
    case 'reduce':
      return {
        ...kernel,
        folds: kernel.folds.map((f) => ({ ...f, map: rewrite(f.map, scalarOps, backend.name) })),
        finish: kernel.finish.map((e) => rewrite(e, scalarOps, backend.name)),
      };
    case 'matmul':
    case 'conv':
      return kernel.finish ? { ...kernel, finish: rewrite(kernel.finish, scalarOps, backend.name) } : kernel;
    default:
      return kernel;
  }
}
