/** Programs as text, compiled here and by PyTorch: the same graphs, source, signatures and answers (see conformance/models/generate_text.py). */
import { readFileSync } from 'node:fs';
import { reference } from '@sconce/backend-reference';
import { setCurrentBackend } from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { CompilationUnit, CompileError, output, type ScriptFunction } from '../src/index.ts';
import { decode, differences, type Json } from './values.ts';

const read = (name: string): Json[] =>
  JSON.parse(readFileSync(new URL(`../../../conformance/models/${name}`, import.meta.url), 'utf8')).cases;

/** Places depend on the frontend that read the text. */
const withoutPlaces = (graph: string): string => graph.replace(/ # [^\n]*:\d+:\d+/g, '');

const compile = (text: string) => new CompilationUnit(text, {}, { prefix: '__torch__.' });

beforeAll(() => {
  setCurrentBackend(reference());
  output.warn = () => {};
  output.print = () => {};
});

describe('a text compiles to what PyTorch compiles it to', () => {
  for (const { name, text, functions, schema, calls } of read('text.json')) {
    it(`${name}: graphs and code`, () => {
      const unit = compile(text);
      for (const [path, graph, code] of functions) {
        const func = unit.find_function(path)!;
        expect(withoutPlaces(func.graph)).toBe(graph);
        expect(func.code).toBe(code);
      }
    });
    it(`${name}: answers`, async () => {
      const entry: ScriptFunction = compile(text)[name];
      expect(entry.schema).toBe(schema);
      for (const call of calls) {
        const answer = entry(...call.args.map(decode));
        if ('error' in call) {
          const error: Json = await answer.catch((e: unknown) => e);
          expect(call.error).toContain(error.message);
        } else expect(await differences(await answer, call.result)).toEqual([]);
      }
    });
  }
});

/** Python itself refuses these, before PyTorch sees them. */
const byPython = new Set(['SyntaxError', 'NameError', 'TypeError']);

/** The list of an operator's overloads is the release's own; which calls led to a class, the frontend's. */
const comparable = (message: string): string =>
  message
    .replace(/(The following variants are available:\n)[\s\S]*(?=\nThe original call is)/, '$1')
    .replace(/\n'[^'\n]*' is being compiled since[\s\S]*/, '')
    .trimEnd();

describe('a text that PyTorch refuses is refused with its words', () => {
  for (const { name, text, error, kind } of read('text-refused.json'))
    it(name, () => {
      let message = '';
      try {
        compile(text);
      } catch (thrown) {
        if (!(thrown instanceof CompileError)) throw thrown;
        message = thrown.message;
      }
      if (byPython.has(kind)) expect(message).not.toBe('');
      else expect(comparable(message)).toBe(comparable(error));
    });
});
