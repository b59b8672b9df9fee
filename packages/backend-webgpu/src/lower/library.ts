/** The WGSL functions that shaders share: texts from the files that own them, taken apart at their `fn`s. */
import type { LibraryFunction } from '../shader.ts';
import { bits } from './wgsl/bits.ts';
import { exponential } from './wgsl/exponential.ts';
import { int64 } from './wgsl/int64.ts';
import { special } from './wgsl/special.ts';
import { trigonometric } from './wgsl/trigonometric.ts';
import { aliases, canWiden, widened } from './widen.ts';

const texts = new Map(
  [bits, int64, exponential, trigonometric, special]
    .join('\n')
    .split(/\n(?=fn )/)
    .map((text) => text.trim())
    .filter(Boolean)
    .map((text) => [/^fn (\w+)/.exec(text)![1]!, text]),
);

/** The functions of the library that a text calls. */
const callsOf = (text: string, self: string): string[] => [
  ...new Set([...text.matchAll(/\b(\w+)\(/g)].map((m) => m[1]!).filter((f) => f !== self && texts.has(f))),
];

const functions: Record<string, LibraryFunction> = { wide: { text: aliases } };
for (const [name, text] of texts) functions[name] = { text, uses: callsOf(text, name) };

/** Over four elements a function has a 4 behind its name; those whose elements part ways have no such form. */
const widen = (name: string): boolean => {
  const text = texts.get(name)!;
  const calls = callsOf(text, name);
  if (functions[`${name}4`]) return true;
  if (!canWiden(text) || !calls.every(widen)) return false;
  const renamed = widened(text).replace(/\b(\w+)\(/g, (call, f) => (texts.has(f) ? `${f}4(` : call));
  functions[`${name}4`] = { text: renamed, uses: ['wide', ...calls.map((f) => `${f}4`)] };
  return true;
};
for (const name of texts.keys()) widen(name);

/** By name; `wide` declares what functions over four elements are written in. */
export const library: Readonly<Record<string, LibraryFunction>> = functions;
