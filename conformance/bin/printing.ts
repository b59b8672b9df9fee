/**
 * The table of printing: how many methods and functions print as PyTorch prints them, `.code` and `.graph`, in torchvision's archives, in
 * programs that PyTorch saved, and in programs compiled here from their source.
 * `npx tsx --conditions=sconce-source conformance/bin/printing.ts [--programs] [NAME …] [--dump FOLDER]`; `--programs` leaves torchvision
 * out; `--dump` writes our texts of its archives, as generate_printing.py --dump writes PyTorch's.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { reference } from '@sconce/backend-reference';
import { setCurrentBackend } from '@sconce/core';
import { CompilationUnit, load, program_text } from '@sconce/jit';
import { folderFiles, readJson } from '../src/files.ts';
import { programs } from '../src/models/index.ts';
import { hashOf, printing } from '../src/models/printing.ts';

type Kind = 'code' | 'graph';
const kinds: readonly Kind[] = ['code', 'graph'];

const args = process.argv.slice(2);
const at = args.indexOf('--dump');
const dump = at < 0 ? undefined : args.splice(at, 2)[1];
const wanted = args.filter((arg) => !arg.startsWith('--'));
const isWanted = (name: string): boolean =>
  wanted.length === 0 || wanted.some((start) => name.startsWith(start));
setCurrentBackend(reference());
const files = folderFiles();

/** What is equal among the texts of programs of one kind. */
class Tally {
  private programs = 0;
  private texts = 0;
  private readonly equal = { code: 0, graph: 0 };
  private readonly whole = { code: 0, graph: 0 };

  constructor(private readonly title: string) {}

  add(name: string, count: number, wrong: Readonly<Record<Kind, readonly string[]>>): void {
    this.programs++;
    this.texts += count;
    const shown = kinds.map((kind) => {
      this.equal[kind] += count - wrong[kind].length;
      this.whole[kind] += Number(wrong[kind].length === 0);
      const first = wrong[kind][0] ? ` (${wrong[kind][0]})` : '';
      return `${kind} ${String(count - wrong[kind].length).padStart(4)}/${count}${first}`;
    });
    console.log(`${name.padEnd(40)} ${shown.join('  ')}`);
    if (wrong.code.length + wrong.graph.length > 0) process.exitCode = 1;
  }

  toString(): string {
    const [code, graph] = kinds.map((kind) => `${this.equal[kind]} (all of ${this.whole[kind]})`);
    return `${this.programs} ${this.title}, ${this.texts} methods and functions: .code equal for ${code}, .graph for ${graph}`;
  }
}

const archives = new Tally('torchvision archives');
if (!args.includes('--programs'))
  for (const { name, archive, printed } of await printing(files)) {
    if (!isWanted(name)) continue;
    const ours = program_text(await load(await archive()));
    const wrong: Record<Kind, string[]> = { code: [], graph: [] };
    for (const [qualified, [code, graph]] of Object.entries(printed)) {
      const text = ours.get(qualified);
      if (!text || (await hashOf(text.code)) !== code) wrong.code.push(qualified);
      if (!text || (await hashOf(text.graph)) !== graph) wrong.graph.push(qualified);
      if (!dump || !text) continue;
      mkdirSync(dump, { recursive: true });
      writeFileSync(`${dump}/${qualified}.code`, text.code);
      writeFileSync(`${dump}/${qualified}.graph`, text.graph);
    }
    archives.add(name, Object.keys(printed).length, wrong);
  }

/** A graph without what is counted through the process, and for what is compiled here without its places: PyTorch's are a Python file's. */
const bare = (graph: string): string => graph.replace(/warn_id=\d+/g, 'warn_id=0');
const withoutPlaces = (graph: string): string => graph.replace(/ # [^\n]*:\d+:\d+/g, '');

const saved = new Tally('programs that PyTorch saved');
for (const { name, archive, code, graph } of await programs(files)) {
  if (!isWanted(name)) continue;
  const ours = await load(await archive());
  saved.add(name, 1, {
    code: ours.code === code ? [] : ['forward'],
    graph: bare(ours.graph) === bare(graph) ? [] : ['forward'],
  });
}

interface Text {
  readonly name: string;
  readonly text: string;
  readonly functions: readonly (readonly [name: string, graph: string, code: string])[];
}

const compiled = new Tally('programs compiled here');
const { cases } = await readJson<{ cases: readonly Text[] }>(files, 'models/text.json');
for (const { name, text, functions } of cases) {
  if (!isWanted(name)) continue;
  const unit = new CompilationUnit(text, {}, { prefix: '__torch__.' });
  const differing = (differs: (ours: { code: string; graph: string }, at: number) => boolean): string[] =>
    functions.flatMap(([path], i) => {
      const ours = unit.find_function(path);
      return !ours || differs(ours, i) ? [path] : [];
    });
  compiled.add(name, functions.length, {
    code: differing(({ code }, i) => code !== functions[i][2]),
    graph: differing(({ graph }, i) => withoutPlaces(graph) !== functions[i][1]),
  });
}

console.log([archives, saved, compiled].join('\n'));
