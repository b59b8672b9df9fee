// What each part of a test run came to: a small JSON file per part, and their total.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './shell.mjs';

const folder = join(root, '.cache', 'report');

/** Where a part may leave raw output of its own, such as vitest's JSON. */
export const rawFile = (name) => join(folder, 'raw', name);

/** Forgets earlier runs of the parts whose names begin with `kind`. */
export function clearReports(kind) {
  mkdirSync(join(folder, 'raw'), { recursive: true });
  for (const file of readdirSync(folder)) if (file.startsWith(kind)) rmSync(join(folder, file));
}

/**
 * Notes one part: `{ part, passed, failed, note?, missing? }`. A part that could not run at all has `missing`, the
 * reason; where everything has to be there (CI=true) that is a failure.
 */
export function report(kind, entry) {
  const failed = entry.failed + (entry.missing && process.env.CI === 'true' ? 1 : 0);
  const file = `${kind}-${entry.part.replace(/\W+/g, '-')}.json`;
  writeFileSync(join(folder, file), JSON.stringify({ ...entry, failed }));
}

/** The parts noted so far whose kind is among `kinds`, in the order in which they ended. */
export function readReports(kinds) {
  const files = readdirSync(folder).filter((file) => kinds.some((kind) => file.startsWith(`${kind}-`)));
  return files.sort().map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')));
}

/** A table of the parts and, as its last line, `N passed, N failed`. Returns whether all is well. */
export function printTotal(kinds, print = console.log) {
  const parts = readReports(kinds);
  const width = Math.max(0, ...parts.map(({ part }) => part.length));
  const sum = (key) => parts.reduce((total, entry) => total + entry[key], 0);
  print('');
  for (const { part, passed, failed, note, missing } of parts) {
    const counts = missing ? `left out: ${missing}` : `${passed} passed, ${failed} failed`;
    print(`  ${part.padEnd(width)}  ${counts}${note ? `  (${note})` : ''}`);
  }
  print('');
  print(`${sum('passed')} passed, ${sum('failed')} failed`);
  return parts.length > 0 && sum('failed') === 0;
}
