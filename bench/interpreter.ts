/**
 * What a node of a TorchScript program costs against the same call made eagerly, in microseconds: minima of rounds taken in turn.
 * Run: npx tsx bench/interpreter.ts [--backend wasm] [--rounds 300] [--json]
 *
 * Bundled first and run by plain Node, as `overhead.ts` is.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const { values: options } = parseArgs({
  options: {
    backend: { type: 'string', default: 'wasm' },
    rounds: { type: 'string', default: '300' },
    json: { type: 'boolean', default: false },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'sconce-interpreter-'));
try {
  const outfile = join(folder, 'nodes.mjs');
  await build({
    entryPoints: [new URL('overhead/nodes.ts', import.meta.url).pathname],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    conditions: ['sconce-source'],
    external: ['@sconce/backend-libtorch', '#libtorch'],
    logLevel: 'error',
  });
  const { stdout, stderr, status } = spawnSync(process.execPath, [outfile, options.backend, options.rounds], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  const rows: Record<string, { eager: number; node: number }> = JSON.parse(stdout);
  if (options.json) console.log(JSON.stringify(rows));
  else
    for (const [name, { eager, node }] of Object.entries(rows))
      console.log(
        `${name.padEnd(22)} eager ${eager.toFixed(3)} µs, node ${node.toFixed(3)} µs: ${(node / eager).toFixed(2)} of it`,
      );
} finally {
  rmSync(folder, { recursive: true });
}
