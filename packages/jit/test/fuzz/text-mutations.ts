/** Mutations of source text: each must compile, or be refused with an error of ours. */
import { readFileSync } from 'node:fs';
import { TorchError } from '@sconce/core';
import { CompilationUnit } from '../../src/index.ts';

const models = new URL('../../../../conformance/models/', import.meta.url);

/** The programs that mutations begin with: those that PyTorch compiles and those that it refuses. */
export const texts = (): string[] =>
  ['text.json', 'text-refused.json'].flatMap((name) =>
    JSON.parse(readFileSync(new URL(name, models), 'utf8')).cases.map((c: { text: string }) => c.text),
  );

/** mulberry32: the same numbers for the same seed everywhere. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const pieces = (
  '( ) [ ] { } : , . = == != + - * / // % ** @ ~ & | ^ << >> < > -> \n " \' """ # \\ f" 0 1 -1 2.5 1e999 0x 1_0 9223372036854775808 ' +
  'None True x n self torch F int str List[int] Optional[Tensor] if else elif for in while return break continue pass def class ' +
  'with as assert raise del lambda yield try import not and or is isinstance range zip enumerate * ** print super __init__ @property'
).split(' ');

const token = /\s+|\w+|"[^"\n]*"|'[^'\n]*'|./g;

/** A text with up to three changes: tokens dropped, doubled, exchanged, put in; lines moved; characters changed; depth. */
export function mutate(seed: number, from: readonly string[]): string {
  const next = random(seed);
  const below = (n: number) => Math.floor(next() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)];
  let text = pick(from);
  for (let changes = 1 + below(3); changes > 0; changes--) {
    const tokens = text.match(token) ?? [''];
    const lines = text.split('\n');
    const at = below(tokens.length);
    switch (below(12)) {
      case 0:
        tokens.splice(at, 1 + below(3));
        text = tokens.join('');
        break;
      case 1:
        tokens.splice(at, 0, tokens[at], ' ');
        text = tokens.join('');
        break;
      case 2: {
        const other = below(tokens.length);
        [tokens[at], tokens[other]] = [tokens[other], tokens[at]];
        text = tokens.join('');
        break;
      }
      case 3:
        tokens.splice(at, below(2), ` ${pick(pieces)} `);
        text = tokens.join('');
        break;
      case 4:
        lines.splice(below(lines.length), 1);
        text = lines.join('\n');
        break;
      case 5:
        lines.splice(below(lines.length), 0, pick(pick(from).split('\n')));
        text = lines.join('\n');
        break;
      case 6: {
        const place = below(text.length);
        text =
          text.slice(0, place) +
          String.fromCharCode(below(4) ? 32 + below(95) : below(1024)) +
          text.slice(place + 1);
        break;
      }
      case 7: {
        const depth = 1 + below(2000);
        const [open, close] = pick([
          ['(', ')'],
          ['[', ']'],
          ['-', ''],
          ['not ', ''],
          ['f(', ')'],
          ['{1:', '}'],
        ] as const);
        tokens[at] = open.repeat(depth) + tokens[at] + close.repeat(depth);
        text = tokens.join('');
        break;
      }
      case 8: {
        const line = below(lines.length);
        lines[line] = ' '.repeat(below(12)) + lines[line].trimStart();
        text = lines.join('\n');
        break;
      }
      default: {
        // A name or number of the text for another: what most often still compiles.
        const words = tokens.flatMap((word, i) => (/^\w+$/.test(word) ? [i] : []));
        if (words.length > 0) tokens[pick(words)] = tokens[pick(words)];
        text = tokens.join('');
      }
    }
  }
  return text;
}

export type Outcome = 'compiled' | 'refused';

/** Throws what is no error of ours. */
export function attempt(text: string): Outcome {
  try {
    new CompilationUnit(text);
    return 'compiled';
  } catch (error) {
    if (error instanceof TorchError) return 'refused';
    throw error;
  }
}
