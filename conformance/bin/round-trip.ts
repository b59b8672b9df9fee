/**
 * Saves from Sconce what PyTorch saved, and lets PyTorch compare: `npx tsx --conditions=sconce-source conformance/bin/round-trip.ts
 * [--models] [--python COMMAND] [--keep FOLDER] [NAME …]`. The programs, and with `--models` the models, are loaded and saved here; models/check_round_trip.py loads both archives, runs them on the same inputs and compares
 * outputs, `.code`, graphs and states. Needs a PyTorch (`/usr/bin/python3` unless given). `--keep FOLDER` leaves the archives and a
 * list of jobs there, for a PyTorch elsewhere: `python3 check_round_trip.py < FOLDER/jobs.jsonl`.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reference } from '@sconce/backend-reference';
import { setCurrentBackend } from '@sconce/core';
import { load } from '@sconce/jit';
import { folderFiles } from '../src/files.ts';
import { type ArchiveCase, models, programs } from '../src/models/index.ts';

const args = process.argv.slice(2);
const option = (name: string): string | undefined => {
  const at = args.indexOf(name);
  return at < 0 ? undefined : args.splice(at, 2)[1];
};
const python = (option('--python') ?? '/usr/bin/python3').split(' ');
const keep = option('--keep');
const withModels = args.includes('--models');
const wanted = args.filter((arg) => !arg.startsWith('--'));

setCurrentBackend(reference());
const files = folderFiles();
const folder = keep ?? mkdtempSync(join(tmpdir(), 'round-trip-'));
const checker = spawn(python[0], [
  ...python.slice(1),
  fileURLToPath(new URL('../models/check_round_trip.py', import.meta.url)),
]);
checker.stderr.pipe(process.stderr);
let answers = '';
const waiting: ((line: string) => void)[] = [];
checker.stdout.on('data', (chunk: Buffer) => {
  answers += chunk.toString();
  for (let at = answers.indexOf('\n'); at >= 0; at = answers.indexOf('\n')) {
    waiting.shift()?.(answers.slice(0, at));
    answers = answers.slice(at + 1);
  }
});
checker.on('close', () => {
  for (const done of waiting) done('the checker ended');
});

/** What the checker says of one archive: `ok`, or what differs. */
async function check(program: ArchiveCase): Promise<string> {
  const stem = keep === undefined ? '' : `${program.name}.`;
  const original = join(folder, `${stem}original.pt`);
  const saved = join(folder, `${stem}saved.pt`);
  const bytes = await program.archive();
  writeFileSync(original, bytes);
  try {
    writeFileSync(saved, await (await load(bytes)).save_to_buffer());
  } catch (error) {
    return `Sconce: ${error instanceof Error ? error.message : String(error)}`;
  }
  const job = `${JSON.stringify({ original, saved, name: program.name })}\n`;
  if (keep !== undefined) appendFileSync(join(folder, 'jobs.jsonl'), job);
  const answer = new Promise<string>((resolve) => waiting.push(resolve));
  checker.stdin.write(job);
  return answer;
}

const counts = { ok: 0, all: 0 };
const cases: ArchiveCase[] = await programs(files);
if (withModels) cases.push(...(await models(files)).filter(({ large }) => !large));
for (const program of cases) {
  if (wanted.length > 0 && !wanted.some((name) => program.name.startsWith(name))) continue;
  const answer = await check(program);
  counts.all++;
  if (answer === 'ok') counts.ok++;
  console.log(`${program.name.padEnd(40)} ${answer.replaceAll('\\n', '\n')}`);
}
checker.stdin.end();
if (!keep) rmSync(folder, { recursive: true });
console.log(`${counts.ok} of ${counts.all} archives: outputs, .code, graphs and states equal in PyTorch`);
process.exitCode = counts.ok === counts.all ? 0 : 1;
