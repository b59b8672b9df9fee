// Every runnable snippet of the README and of these pages is run, and what a page says it prints is compared.
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { snippetsOf } from './snippets.ts';

const docs = join(import.meta.dirname, '..');
const scratch = join(docs, '.cache', 'snippets');
/** Written by scripts/operators-table.ts: a table to search in, with no code. */
const generated = 'operators.md';
const pages = [
  '../README.md',
  '../CONTRIBUTING.md',
  ...readdirSync(docs).filter((f) => f.endsWith('.md') && f !== generated),
];

/** Long enough for a page to be useful, short enough to be read. */
const LONGEST = 200;

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.each(pages)('%s', (page) => {
  const text = readFileSync(join(docs, page), 'utf8');

  it(`is under ${LONGEST} lines`, () => {
    expect(text.split('\n').length).toBeLessThan(LONGEST);
  });

  it('links to files that exist', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target]) => target);
    for (const target of links) {
      expect(() => readFileSync(join(docs, page, '..', target)), target).not.toThrow(/ENOENT/);
    }
  });

  it.each(snippetsOf(text))('runs the snippet at line $line', async ({ line, code, output }) => {
    mkdirSync(scratch, { recursive: true });
    const file = join(scratch, `${page.replace(/\W+/g, '-')}-${line}.ts`);
    writeFileSync(file, code);
    const node = ['--import', 'tsx', '--conditions=sconce-source', file];
    const { stdout } = await promisify(execFile)(process.execPath, node, { cwd: docs });
    if (output !== undefined) expect(stdout.trimEnd()).toBe(output.trimEnd());
  });
});

describe('the snippet finder', () => {
  it('joins what goes on, keeps programs apart and takes the output', () => {
    const page =
      '# x\n```ts run\na\n```\nthen\n```ts more\nb\n```\n```text output\n1\n```\n```ts\nno\n```\n```ts run\nc\n```\n';
    expect(snippetsOf(page)).toEqual([
      { line: 2, code: 'a\nb\n', output: '1\n' },
      { line: 15, code: 'c\n' },
    ]);
  });

  it('refuses a continuation of nothing', () => {
    expect(() => snippetsOf('```ts more\nb\n```\n')).toThrow("line 1: 'more' follows no runnable snippet");
  });
});
