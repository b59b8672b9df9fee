/** The reader of the model archives: our generator is Python's, and archives come together again whole. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { folderFiles } from '../src/files.ts';
import { crc32, untar } from '../src/models/archive.ts';
import { models, programs, tampered, type Value, weight } from '../src/models/index.ts';

const files = folderFiles();
const text = (name: string) => readFileSync(new URL(`../models/${name}`, import.meta.url), 'utf8');

describe('the generator of weights', () => {
  const goldens: { name: string; shape: number[]; head: number[]; crc32: number }[] = JSON.parse(
    text('fill.json'),
  );
  it.each(goldens)('gives $name the bits that Python gives it', ({ name, shape, head, crc32: crc }) => {
    const values = weight(name, shape);
    expect([...values.slice(0, head.length)]).toEqual(head);
    expect(crc32(new Uint8Array(values.buffer))).toBe(crc);
  });
});

/** Of each tensor in an output, what one step is where it is quantised. */
const stepsOf = (value: Value): (number | undefined)[] =>
  value.kind === 'tensor'
    ? [value.quantum]
    : value.kind === 'tuple' || value.kind === 'list'
      ? value.items.flatMap(stepsOf)
      : value.kind === 'dict'
        ? value.entries.flatMap(([, item]) => stepsOf(item))
        : [];

describe('the archives', () => {
  it('come together again with every weight in its record', async () => {
    const [model] = (await models(files)).filter((each) => each.name === 'mobilenet_v3_small.script');
    const archive = await model.archive();
    expect(archive.length).toBeGreaterThan(model.bytes);
    expect(new TextDecoder().decode(archive.subarray(0, 2))).toBe('PK');
  });

  it('have two calls a model, from other inputs and with other outputs', async () => {
    for (const model of await models(files)) {
      const [a, b] = await model.calls();
      expect(a.inputs, model.name).not.toEqual(b.inputs);
      expect(a.output, model.name).not.toEqual(b.output);
      const { tolerance } = model;
      const bound = typeof tolerance === 'number' ? tolerance : tolerance(1);
      for (const step of stepsOf(a.output!)) expect(step ?? bound, model.name).toBeGreaterThan(0);
    }
  });

  it('of programs hold an answer or an error for every call', async () => {
    for (const writer of ['1.13', '2.6'] as const)
      for (const program of await programs(files, writer))
        for (const call of await program.calls())
          expect(call.output ?? call.error, program.name).toBeDefined();
  });

  it('can be tampered with in more than 80 ways', async () => {
    const good = (await programs(files)).find((each) => each.name === 'seed_my_cell_linear_traced');
    const made = await tampered(await good!.archive());
    expect(made.length).toBeGreaterThan(80);
    expect(new Set(made.map((each) => each.name)).size).toBe(made.length);
  });

  it('are read from a tar whose names are split in two', () => {
    const tar = new Uint8Array(2048);
    tar.set(new TextEncoder().encode('name.py'), 0);
    tar.set(new TextEncoder().encode('00000000003'), 124);
    tar.set(new TextEncoder().encode('a/long/folder'), 345);
    tar.set([1, 2, 3], 512);
    expect([...untar(tar)]).toEqual([['a/long/folder/name.py', new Uint8Array([1, 2, 3])]]);
  });
});
