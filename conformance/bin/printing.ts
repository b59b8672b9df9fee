/**
 * The table of printing: for each archive, how many of its methods and functions print as PyTorch prints them.
 * `npx tsx --conditions=sconce-source conformance/bin/printing.ts [NAME …] [--dump FOLDER]`; `--dump` writes our texts, as
 * generate_printing.py --dump writes PyTorch's.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { reference } from '@sconce/backend-reference';
import { setCurrentBackend } from '@sconce/core';
import { load, program_text } from '@sconce/jit';
import { folderFiles } from '../src/files.ts';
import { hashOf, printing } from '../src/models/printing.ts';

const args = process.argv.slice(2);
const at = args.indexOf('--dump');
const dump = at < 0 ? undefined : args.splice(at, 2)[1];
setCurrentBackend(reference());
const total = { texts: 0, code: 0, graph: 0, archives: 0, wholeCode: 0, wholeGraph: 0 };
for (const { name, archive, printed } of await printing(folderFiles())) {
  if (args.length > 0 && !args.some((wanted) => name.startsWith(wanted))) continue;
  const ours = program_text(await load(await archive()));
  const wrong: Record<'code' | 'graph', string[]> = { code: [], graph: [] };
  for (const [qualified, [code, graph]] of Object.entries(printed)) {
    const text = ours.get(qualified);
    if (!text || (await hashOf(text.code)) !== code) wrong.code.push(qualified);
    if (!text || (await hashOf(text.graph)) !== graph) wrong.graph.push(qualified);
    if (!dump || !text) continue;
    mkdirSync(dump, { recursive: true });
    writeFileSync(`${dump}/${qualified}.code`, text.code);
    writeFileSync(`${dump}/${qualified}.graph`, text.graph);
  }
  const count = Object.keys(printed).length;
  total.archives++;
  total.texts += count;
  total.code += count - wrong.code.length;
  total.graph += count - wrong.graph.length;
  total.wholeCode += Number(wrong.code.length === 0);
  total.wholeGraph += Number(wrong.graph.length === 0);
  const kinds = (['code', 'graph'] as const).map((kind) => {
    const first = wrong[kind][0] ? ` (${wrong[kind][0]})` : '';
    return `${kind} ${String(count - wrong[kind].length).padStart(4)}/${count}${first}`;
  });
  console.log(`${name.padEnd(40)} ${kinds.join('  ')}`);
}
console.log(
  `${total.archives} archives, ${total.texts} methods and functions: .code equal for ${total.code} (all of ${total.wholeCode} archives), ` +
    `.graph for ${total.graph} (all of ${total.wholeGraph})`,
);
