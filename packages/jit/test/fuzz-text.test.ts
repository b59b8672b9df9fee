/** A slice of the fuzzing of text; the whole: npx tsx --conditions=sconce-source packages/jit/test/fuzz/text.mts */
import { reference } from '@sconce/backend-reference';
import { setCurrentBackend } from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { CompilationUnit, CompileError, output } from '../src/index.ts';
import { attempt, mutate, texts } from './fuzz/text-mutations.ts';

beforeAll(() => {
  setCurrentBackend(reference());
  output.warn = () => {};
});

describe('a text that was changed at random compiles or is refused', () => {
  it('for three hundred seeds', () => {
    const from = texts();
    const outcomes = Array.from({ length: 300 }, (_, seed) => attempt(mutate(seed, from)));
    expect(outcomes).toContain('compiled');
    expect(outcomes).toContain('refused');
  });
});

describe('the limits of a text', () => {
  const nested = (depth: number) => `def f(n: int):\n    return ${'('.repeat(depth)}n${')'.repeat(depth)}\n`;

  it('refuse nesting that is too deep, and say which limit it was', () => {
    expect(() => new CompilationUnit(nested(5000))).toThrow(
      /nested more than 400 deep \(the limit `nesting`\)/,
    );
  });

  it('can be set', () => {
    const limits = { nesting: 20 };
    expect(() => new CompilationUnit(nested(50), {}, { limits })).toThrow(CompileError);
    expect(() => new CompilationUnit(nested(50))).not.toThrow();
  });

  it('hold for its length', () => {
    expect(() => new CompilationUnit(nested(1), {}, { limits: { source: 10 } })).toThrow(
      /the limit `source` is 10/,
    );
  });

  it('hold for what a call runs', async () => {
    const unit = new CompilationUnit(
      'def f(n: int):\n    while True:\n        n += 1\n    return n\n',
      {},
      { limits: { instructions: 1000 } },
    );
    await expect(unit.f(0)).rejects.toThrow(/instructions/);
  });
});
