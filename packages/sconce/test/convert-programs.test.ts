/** `to_javascript` of the programs that test what passes mean: what is written is imported, and answers as PyTorch does. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { to_javascript } from '@sconce/jit/convert';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differences, type Json } from '../../jit/test/values.ts';
import * as torch from '../src/index.ts';

const cases: Record<string, Json> = JSON.parse(
  readFileSync(new URL('../../jit/test/archives/meaning.json', import.meta.url), 'utf8'),
);

/** Inside this package, so that `import 'sconce'` in what is written finds it. */
const folder = mkdtempSync(fileURLToPath(new URL('.programs-', import.meta.url)));
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(() => torch.use('reference'));

/** Classes and methods of lists and strings that are not written as JavaScript. */
const REFUSED = 24;

/** JavaScript's numbers: integers from 2^53 on lose their last places, and a division by 0 is none of its errors. */
const otherNumbers = new Set(['big_int', 'div_zero_const2', 'raise_const_loop']);

const matrix = (value: (i: number) => number): torch.Tensor =>
  torch.tensor(Array.from({ length: 12 }, (_, i) => value(i))).view([3, 4]);

describe('a program as JavaScript answers as PyTorch does, or is refused by the name of an operator', () => {
  let refused = 0;
  for (const [name, { source, result, error }] of Object.entries(cases)) {
    if (otherNumbers.has(name)) continue;
    it(name, async () => {
      const module = await torch.jit.load(await new torch.jit.CompilationUnit(source).f.save_to_buffer());
      let made: Awaited<ReturnType<typeof to_javascript>>;
      try {
        made = await to_javascript(module.eval(), { weights: `${name}.safetensors` });
      } catch (thrown) {
        expect((thrown as Error).message).toContain('cannot be converted');
        refused++;
        return;
      }
      const path = `${folder}/${name}.mjs`;
      writeFileSync(path, made.code);
      writeFileSync(`${folder}/${name}.safetensors`, made.weights);
      const { load } = await import(pathToFileURL(path).href);
      const x = matrix((i) => i / 4 - 1);
      const y = matrix((i) => (8 - 4 * Math.floor(i / 4) + (i % 4)) / 8 - 0.5);
      torch.manual_seed(0);
      const call = torch.no_grad(async () => (await load())(x, y, 3));
      if (error === undefined) expect(await differences(await call, result)).toEqual([]);
      else await expect(call).rejects.toThrow(error);
    });
  }

  it('refuses no more than it did', () => {
    expect(refused).toBeLessThanOrEqual(REFUSED);
  });
});
