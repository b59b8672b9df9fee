/** The WGSL functions that shaders share: texts from the files that own them, taken apart at their `fn`s. */
import type { LibraryFunction } from '../shader.ts';
import { bits } from './wgsl/bits.ts';
import { exponential } from './wgsl/exponential.ts';
import { int64 } from './wgsl/int64.ts';
import { special } from './wgsl/special.ts';
import { trigonometric } from './wgsl/trigonometric.ts';

const texts = [bits, int64, exponential, trigonometric, special]
  .join('\n')
  .split(/\n(?=fn )/)
  .map((text) => text.trim())
  .filter(Boolean);
const nameOf = (text: string): string => /^fn (\w+)/.exec(text)![1]!;
const names = new Set(texts.map(nameOf));

/** By name; a function uses those whose names occur in it. */
export const library: Readonly<Record<string, LibraryFunction>> = Object.fromEntries(
  texts.map((text) => {
    const name = nameOf(text);
    const called = new Set(text.match(/\b\w+(?=\()/g));
    called.delete(name);
    return [name, { text, uses: [...called].filter((f) => names.has(f)) }];
  }),
);
