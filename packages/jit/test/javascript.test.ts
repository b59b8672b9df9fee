/** JavaScript functions and modules to script, against the same programs in Python (see generate/javascript.py). */
import { readFileSync } from 'node:fs';
import { reference } from '@sconce/backend-reference';
import { setCurrentBackend } from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { graph_of, script } from '../src/index.ts';
import { modules, twins } from './javascript/programs.ts';
import { decode, differences, type Json } from './values.ts';

const goldens: Json = JSON.parse(readFileSync(new URL('archives/javascript.json', import.meta.url), 'utf8'));

beforeAll(() => setCurrentBackend(reference()));

/** A graph without the places in its source. */
const bare = (graph: string): string => graph.replace(/ +# \S+:\d+:\d+$/gm, '');

/** Values by the order in which they come: their numbers count what a compiler looked at, which no program can see. */
function numbered(graph: string): string {
  const names = new Map<string, number>();
  const demangled = bare(graph).replace(/___torch_mangle_\d+\./g, '');
  return demangled.replace(/%[\w.]+/g, (name) => {
    if (!names.has(name)) names.set(name, names.size);
    return `%${names.get(name)}`;
  });
}

/** Programs whose Python text, too, compiles here to another order of outputs or another way to write a fork. */
const elsewhere = new Set(['skipping', 'forked']);

describe('a JavaScript function compiles to the graph of the same function in Python', () => {
  for (const [name, { f, schema, given = {} }] of Object.entries(twins))
    it(name, async () => {
      const { graph, calls } = goldens[name];
      const scripted = schema ? script(f as never, schema, given) : script(f as never, given);
      if (!elsewhere.has(name)) expect(numbered(scripted.graph)).toBe(numbered(graph));
      for (const { args, result, error } of calls) {
        const answer = scripted(...args.map(decode));
        if (error) await expect(answer).rejects.toThrow(error.replace(/^(RuntimeError|builtins\.\w+): /, ''));
        else expect(await differences(await answer, result)).toEqual([]);
      }
    });
});

describe('a JavaScript module compiles to the graphs of the same module in Python', () => {
  for (const [name, make] of Object.entries(modules))
    it(name, () => {
      const { graphs, text } = goldens[name];
      const scripted = script(make());
      expect(scripted.toString()).toBe(text);
      for (const [path, graph] of Object.entries<string>(graphs)) {
        const dot = path.lastIndexOf('.');
        const owner = scripted.get_submodule(path.slice(0, Math.max(0, dot)));
        expect(numbered(String(graph_of(owner as never, path.slice(dot + 1)))), path).toBe(numbered(graph));
      }
    });
});
