/** The backend that a module's exports hold, however they hold it. */
import type { Backend } from '@sconce/core';

const isBackend = (value: unknown): value is Backend =>
  typeof value === 'object' && value !== null && 'compile' in value && 'allocate' in value;

/**
 * The default export, or the first export that is a backend or a function or class without required arguments that
 * gives one. `options` go to that function.
 */
export async function backendOf(
  exports: Record<string, unknown>,
  options?: Readonly<Record<string, unknown>>,
): Promise<Backend | undefined> {
  const candidates =
    'default' in exports ? [exports.default, ...Object.values(exports)] : Object.values(exports);
  for (const candidate of candidates) {
    if (isBackend(candidate)) return candidate;
    if (typeof candidate !== 'function' || candidate.length > 0) continue;
    const isClass = /^class\b/.test(Function.prototype.toString.call(candidate));
    const made: unknown = isClass
      ? new (candidate as new (options?: unknown) => unknown)(options)
      : await candidate(options);
    if (isBackend(made)) return made;
  }
  return undefined;
}
