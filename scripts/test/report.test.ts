// The total of a run must not be green when a part is red, or missing where it has to be there.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'sconce-report-'));
for (const file of ['report.mjs', 'shell.mjs']) {
  cpSync(join(import.meta.dirname, '..', file), join(folder, 'scripts', file));
}
afterAll(() => rmSync(folder, { recursive: true }));

/** Reports the parts in a process of its own and returns what it printed: the total, and whether all is well. */
function total(parts: object[], ci: boolean): string[] {
  const script = `
    import { clearReports, printTotal, report } from './scripts/report.mjs';
    clearReports('test');
    for (const part of ${JSON.stringify(parts)}) report('test', part);
    console.log('ok', printTotal(['test']));`;
  const env = { ...process.env, CI: ci ? 'true' : '' };
  const args = ['--input-type=module', '-e', script];
  return execFileSync(process.execPath, args, { cwd: folder, env, encoding: 'utf8' })
    .trim()
    .split('\n')
    .slice(-2);
}

const green = { part: 'a', passed: 3, failed: 0 };

it('adds the parts up', () => {
  expect(total([green, { part: 'b', passed: 4, failed: 0 }], true)).toEqual([
    '7 passed, 0 failed',
    'ok true',
  ]);
});

it('is red when one part failed', () => {
  expect(total([green, { part: 'b', passed: 4, failed: 1 }], false)).toEqual([
    '7 passed, 1 failed',
    'ok false',
  ]);
});

it('names a missing part, and fails for it where nothing may be missing', () => {
  const missing = { part: 'conformance libtorch', passed: 0, failed: 0, missing: 'no LibTorch' };
  expect(total([green, missing], false)).toEqual(['3 passed, 0 failed', 'ok true']);
  expect(total([green, missing], true)).toEqual(['3 passed, 1 failed', 'ok false']);
});

it('is red when nothing ran', () => {
  expect(total([], false)).toEqual(['0 passed, 0 failed', 'ok false']);
});
