/**
 * Saves from Sconce, and lets PyTorch load, run and compare: `npx tsx --conditions=sconce-source conformance/bin/round-trip.ts
 * [--programs] [--models] [--large] [--code] [--modules] [--text] [--functions] [--traces] [--all] [--python COMMAND] [--keep FOLDER]
 * [NAME …]`.
 *
 * What PyTorch saved is loaded and saved here: programs (which is what no flag means), models, models above 400 MB, and the other
 * torchvision archives, whose weights are zeros and whose outputs nobody knows. models/check_round_trip.py loads both archives, runs them
 * on the same inputs and compares outputs, `.code`, graphs and states. What is made here (../test/made.ts) is every module of nn, scripted
 * and traced, in training and not; programs compiled from Python source; JavaScript functions; traced functions and models:
 * it compares outputs, buffers, and under 1.13 `.code` and `.graph`, with what stands here.
 *
 * Needs a PyTorch (`/usr/bin/python3` unless given; `--python 'chroot FOLDER python3'` copies what it needs below that folder).
 * `--keep FOLDER` leaves archives and a list of jobs, for a PyTorch elsewhere: `python3 check_round_trip.py < FOLDER/jobs.jsonl`.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reference } from '@sconce/backend-reference';
import { setCurrentBackend } from '@sconce/core';
import { load, output, tracerWarnings } from '@sconce/jit';
import { folderFiles } from '../src/files.ts';
import { type ArchiveCase, code, models, programs } from '../src/models/index.ts';
import { type Making, makings } from '../test/made.ts';

const args = process.argv.slice(2);
const option = (name: string): string | undefined => {
  const at = args.indexOf(name);
  return at < 0 ? undefined : args.splice(at, 2)[1];
};
const python = (option('--python') ?? '/usr/bin/python3').split(' ');
const keep = option('--keep');
const wanted = args.filter((arg) => !arg.startsWith('--'));
const flags = new Set(args.filter((arg) => arg.startsWith('--')).map((flag) => flag.slice(2)));
const known = ['programs', 'models', 'large', 'code', ...Object.keys(makings)];
const unknown = [...flags].find((flag) => flag !== 'all' && !known.includes(flag));
if (unknown)
  throw new Error(`there is no --${unknown}: ${known.map((flag) => `--${flag}`).join(', ')}, --all`);
const isAsked = (flag: string): boolean =>
  flags.has('all') || flags.has(flag) || (flags.size === 0 && flag === 'programs');

setCurrentBackend(reference());
output.warn = () => {};
output.print = () => {};
tracerWarnings.show = () => {};
const files = folderFiles();

/** Where a command that changes its root finds the files of this machine. */
const root = python[0] === 'chroot' ? python[1] : '';
const suite = fileURLToPath(new URL('../models/', import.meta.url));
const folder = keep ?? mkdtempSync(join(root + tmpdir(), 'round-trip-'));
mkdirSync(folder, { recursive: true });
let checkerFolder = suite;
if (root) {
  checkerFolder = join(folder, 'models');
  cpSync(suite, checkerFolder, { recursive: true });
}
const inside = (path: string): string => path.slice(root.length);
const checker = spawn(python[0], [...python.slice(1), inside(join(checkerFolder, 'check_round_trip.py'))]);
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

function ask(job: object): Promise<string> {
  const line = `${JSON.stringify(job)}\n`;
  if (keep !== undefined) appendFileSync(join(folder, 'jobs.jsonl'), line);
  const answer = new Promise<string>((resolve) => waiting.push(resolve));
  checker.stdin.write(line);
  return answer;
}

let written = 0;
/** A file that the checker reads. */
function write(bytes: Uint8Array, name: string): string {
  const path = join(folder, keep === undefined ? name : `${written++}.${name}`);
  writeFileSync(path, bytes);
  return inside(path);
}

/** What was loaded and saved, beside what it was loaded from. */
async function checkLoaded({ name, archive }: Pick<ArchiveCase, 'name' | 'archive'>): Promise<string> {
  const bytes = await archive();
  const again = await (await load(bytes)).save_to_buffer();
  return ask({ name, original: write(bytes, 'original.pt'), saved: write(again, 'saved.pt') });
}

async function checkMade({ make }: Making): Promise<string> {
  const { saved, ...rest } = await make();
  return ask({ ...rest, saved: write(saved, 'saved.pt') });
}

/** How an answer begins that tells of PyTorch's releases, not of the archive. */
const otherwise = 'this PyTorch ';
let failed = 0;

async function table<T extends { readonly name: string }>(
  title: string,
  cases: readonly T[],
  check: (one: T) => Promise<string>,
): Promise<void> {
  const counts = { ok: 0, otherwise: 0, all: 0 };
  for (const one of cases) {
    if (wanted.length > 0 && !wanted.some((name) => one.name.startsWith(name))) continue;
    const answer = await check(one).catch(
      (error: unknown) => `Sconce: ${error instanceof Error ? error.message : String(error)}`,
    );
    counts.all++;
    if (answer === 'ok') counts.ok++;
    else if (answer.startsWith(otherwise)) counts.otherwise++;
    console.log(`${one.name.padEnd(40)} ${answer.replaceAll('\\n', '\n')}`);
  }
  failed += counts.all - counts.ok - counts.otherwise;
  const rest = counts.otherwise > 0 ? `, ${counts.otherwise} otherwise in this PyTorch` : '';
  summaries.push(`${title}: ${counts.ok} of ${counts.all} equal${rest}`);
}

const summaries: string[] = [];
const all = await models(files);
if (isAsked('programs')) await table('programs', await programs(files), checkLoaded);
if (isAsked('models'))
  await table(
    'models',
    all.filter(({ large }) => !large),
    checkLoaded,
  );
if (isAsked('large'))
  await table(
    'large models',
    all.filter(({ large }) => large),
    checkLoaded,
  );
if (isAsked('code')) await table('other torchvision archives', await code(files), checkLoaded);
for (const [kind, making] of Object.entries(makings))
  if (isAsked(kind)) await table(kind, making(), checkMade);
checker.stdin.end();
if (!keep) rmSync(folder, { recursive: true });
console.log(summaries.join('\n'));
process.exitCode = failed === 0 ? 0 : 1;
