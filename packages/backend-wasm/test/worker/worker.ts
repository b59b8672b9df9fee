/**
 * The backend in a worker of Node's, its script bundled from the sources; for the tests beside this, and for the suite:
 *
 *   npx tsx --conditions=sconce-source conformance/bin/source.ts ./packages/backend-wasm/test/worker/worker.ts
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import { type WorkerBackend, type WorkerOptions, wasmInWorker } from '../../src/worker/index.ts';

let script: string | undefined;

function scriptFile(): string {
  if (script) return script;
  const folder = mkdtempSync(join(tmpdir(), 'sconce-worker-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  script = join(folder, 'worker.js');
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const source = join(import.meta.dirname, '../../src');
  buildSync({
    // The threads of the worker's own team stand beside it.
    entryPoints: [join(source, 'worker/worker.ts'), join(source, 'threads/thread.ts')],
    outdir: folder,
    entryNames: '[name]',
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['sconce-source'],
    logLevel: 'error',
  });
  return script;
}

export const nodeWorker = (): Worker => new Worker(scriptFile(), { execArgv: [] });

export const create = (options: WorkerOptions = {}): Promise<WorkerBackend> =>
  wasmInWorker({ worker: nodeWorker(), ...options });
