/** The introduction prints what PyTorch's prints: `introduction.json` is what `introduction.py` printed in PyTorch 1.13. */
import { readFileSync } from 'node:fs';
import { jit, use } from 'sconce';
import { describe, expect, it } from 'vitest';
import { introduction } from '../src/introduction.ts';

const printed = JSON.parse(readFileSync(new URL('../introduction.json', import.meta.url), 'utf8')) as [
  string,
  string,
][];

/** Without places, mangled names, and the names that PyTorch takes from Python's local variables. */
function canonical(step: string, text: string): string {
  let plain = text.replace(/ # [^\n]*/g, '').replace(/\.___torch_mangle_\d+/g, '');
  if (step.startsWith('traced.') || step.startsWith('loaded.')) plain = plain.replace(/\by\b/g, '_1');
  const seen = new Map<string, number>();
  return plain.replace(/%([A-Za-z0-9_.]+)/g, (_, name: string) => {
    if (!seen.has(name)) seen.set(name, seen.size);
    return `%${seen.get(name)}`;
  });
}

describe('the introduction to TorchScript', () => {
  it('prints, step by step, what PyTorch prints, numbers too', async () => {
    await use('wasm');
    const warnings: string[] = [];
    jit.tracerWarnings.show = (warning) => warnings.push(warning.message);
    const steps: [string, string][] = [];
    await introduction((step, text) => steps.push([step, text]));
    expect(steps.map(([step]) => step)).toEqual(printed.map(([step]) => step));
    for (const [i, [step, text]] of steps.entries())
      expect(canonical(step, text), `step ${i + 1}: ${step}`).toBe(canonical(step, printed[i][1]));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(
      'Converting a tensor to a Python boolean might cause the trace to be incorrect.',
    );
  });
});
