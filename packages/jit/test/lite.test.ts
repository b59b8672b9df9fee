/** Archives for the mobile interpreter: bytecode alone, and beside source; against PyTorch's answers (see generate/lite.py). */
import { readFileSync } from 'node:fs';
import { reference } from '@sconce/backend-reference';
import { no_grad, readZip, setCurrentBackend, writeZip } from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { load } from '../src/index.ts';
import { decode, differences, type Json } from './values.ts';

const archives = new URL('archives/', import.meta.url);
const golden: Json = JSON.parse(readFileSync(new URL('lite.json', archives), 'utf8'));

async function check(file: string, calls: readonly Json[]): Promise<void> {
  const module = await load(readFileSync(new URL(`lite/${file}.ptl`, archives)));
  for (const { method, args, result, error } of calls) {
    const answer = no_grad(() => module.run_method(method, ...args.map(decode)));
    if (error) await expect(answer).rejects.toThrow(error);
    else expect(await differences(await answer, result)).toEqual([]);
  }
}

beforeAll(() => setCurrentBackend(reference()));

describe('a program of bytecode alone gives what the mobile interpreter gives', () => {
  for (const [name, { calls }] of Object.entries<Json>(golden)) it(name, () => check(name, calls));
});

describe('an archive with bytecode beside its source', () => {
  it('runs from the source', () => check('with_source', golden.everything.calls));
});

describe('a module of bytecode', () => {
  it('has its parameters and attributes by name, and a graph', async () => {
    const module = await load(readFileSync(new URL('lite/everything.ptl', archives)));
    expect([...module.state_dict().keys()]).toEqual(['inner.linear.weight', 'inner.linear.bias']);
    expect(module.scale).toBe(1.5);
    expect(module.graph).toContain('prim::Loop');
    expect(module.graph).toContain('aten::linear');
  });

  it('is refused where its bytecode makes no sense', async () => {
    const zip = readZip(new Uint8Array(readFileSync(new URL('lite/everything.ptl', archives))));
    const broken = (from: string, to: string): Uint8Array =>
      writeZip(
        zip.names.map((name) => {
          const data = zip.read(name).slice();
          const at = Buffer.from(data.buffer, data.byteOffset, data.length).indexOf(from, 0, 'latin1');
          if (name.endsWith('bytecode.pkl')) data.set(Buffer.from(to), at);
          return { name, data };
        }),
      );
    const run = async (archive: Uint8Array) => (await load(archive)).refuse(4);
    await expect(run(broken('STOREN', 'STORED'))).rejects.toThrow('holds the instruction STORED');
    await expect(run(broken('aten::floordiv', 'aten::floormod'))).rejects.toThrow(
      'Unknown builtin op: aten::floormod',
    );
  });
});
