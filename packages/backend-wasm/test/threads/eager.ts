/**
 * The backend with all work on threads that can be cut, however small; for the tests beside this, and for the suite:
 *
 *   npx tsx --conditions=sconce-source conformance/bin/source.ts ./packages/backend-wasm/test/threads/eager.ts kernels
 *
 * with `--options '{"threads":4}'` for another number. At its end the process says how many calls each thread made, and
 * fails where workers made none.
 */
import { WasmBackend, type WasmOptions } from '../../src/index.ts';

export const costs = { start: 0, awake: 1, asleep: 1, piece: 1, alone: 0 };

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The backend, once all its workers are up. */
export async function start(options: WasmOptions = {}): Promise<WasmBackend> {
  const backend = new WasmBackend({ threads: 2, costs, ...options });
  const { team } = backend.heap;
  for (let tries = 0; team.present() < team.size - 1; tries++) {
    if (tries > 2000) throw new Error(`only ${team.present()} of ${team.size - 1} workers came up`);
    team.pieces(1e9, 2);
    await pause(10);
  }
  return backend;
}

export async function create(options: WasmOptions = {}): Promise<WasmBackend> {
  const backend = await start(options);
  process.on('exit', () => {
    const { team } = backend.heap;
    const [main, ...others] = team.calls();
    console.error(
      `threads: ${team.jobs} jobs, ${main} calls on the main thread, ${others.join(', ')} on workers`,
    );
    if (!others.some((n) => n > 0)) process.exitCode = 1;
  });
  return backend;
}
