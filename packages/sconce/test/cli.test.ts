/** The `sconce` command, called as a function: what it prints and with which exit code it ends. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { main } from '../src/cli/index.ts';
import { readNpy } from '../src/cli/npy.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const CELL = path('../../../conformance/models/programs/seed_my_cell.pt');
const DIGITS = path('../../../examples/digits/digits.pt');
const fixture = (name: string) => path(`fixtures/${name}`);

async function sconce(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await main(args, {
    print: (text) => {
      out += `${text}\n`;
    },
    say: (text) => {
      err += `${text}\n`;
    },
  });
  return { code, out, err };
}

describe('sconce run', () => {
  const expected: number[][] = JSON.parse(readFileSync(fixture('expected.json'), 'utf8'));

  it.each(['x.npy', 'x.pt', 'x.json'])('reads %s and gives what PyTorch gives', async (name) => {
    const args = ['--input', fixture(name), '--input', '3x4', '--backend', 'reference', '--json'];
    const { code, out } = await sconce('run', CELL, ...args);
    expect(code).toBe(0);
    const { backend, output } = JSON.parse(out);
    expect(backend).toBe('reference');
    expect(output[0].dtype).toBe('float32');
    expect(output[0].shape).toEqual([3, 4]);
    for (const [i, row] of expected.entries())
      for (const [j, value] of row.entries()) expect(output[0].data[i][j]).toBeCloseTo(value, 6);
  });

  it('prints a tensor as Python does', async () => {
    const { out } = await sconce(
      'run',
      CELL,
      '--input',
      '1x2',
      '--input',
      '[1, 2]',
      '--backend',
      'reference',
    );
    expect(out).toContain('tensor([[0.9640, 0.9640]])');
  });

  it('says what the program raises, and ends with 1', async () => {
    const { code, err } = await sconce('run', DIGITS, '--input', '3', '--backend', 'reference');
    expect(code).toBe(1);
    expect(err).toContain('expected images of shape [N, 1, 28, 28]');
  });

  it('ends with 2 for a dtype, a backend or an option that is not there', async () => {
    expect((await sconce('run', CELL, '--input', '3:float99', '--backend', 'reference')).code).toBe(2);
    expect((await sconce('run', CELL, '--frob')).code).toBe(2);
    const { code, err } = await sconce('run', CELL, '--backend', 'abacus');
    expect(code).toBe(1);
    expect(err).toContain('abacus');
  });
});

describe('sconce info, code and graph', () => {
  it('count what a program holds and name its operators', async () => {
    const { code, out } = await sconce('info', DIGITS, '--backend', 'reference', '--json');
    expect(code).toBe(0);
    const info = JSON.parse(out);
    expect(info).toMatchObject({ kind: 'torchscript', class: 'Digits', methods: ['forward'], runs: true });
    expect(info.operators).toContain('aten::conv2d');
    expect(info.bytes).toBe(readFileSync(DIGITS).length);
  });

  it('list the tensors of a checkpoint', async () => {
    const { out } = await sconce('info', path('../../../examples/digits/digits-state.pth'), '--json');
    const { kind, tensors } = JSON.parse(out);
    expect(kind).toBe('checkpoint');
    expect(tensors).toContainEqual({ name: 'classifier.4.bias', dtype: 'float32', shape: [10] });
  });

  it('print what PyTorch prints', async () => {
    const cases: { name: string; code: string; graph: string }[] = JSON.parse(
      readFileSync(path('../../../conformance/models/jit.json'), 'utf8'),
    ).cases;
    const golden = cases.find(({ name }) => name === 'seed_my_cell');
    expect((await sconce('code', CELL)).out.trimEnd()).toBe(golden?.code.trimEnd());
    expect((await sconce('graph', CELL)).out.trimEnd()).toBe(golden?.graph.trimEnd());
  });

  it('refuse a file that is none', async () => {
    const { code, err } = await sconce('info', fixture('x.json'));
    expect(code).toBe(1);
    expect(err).toMatch(/^sconce info: /);
    expect((await sconce('code', '/nowhere/model.pt')).err).toContain('ENOENT');
  });
});

describe('sconce backends', () => {
  it('has the two that need nothing', async () => {
    const { backends } = JSON.parse((await sconce('backends', '--json')).out);
    for (const name of ['wasm', 'reference'])
      expect(backends).toContainEqual(expect.objectContaining({ backend: name, present: true }));
  });
});

describe('sconce', () => {
  it('shows its usage, and ends with 2 for a command that is not there', async () => {
    expect((await sconce()).out).toContain('sconce COMMAND');
    const { code, err } = await sconce('frobnicate');
    expect(code).toBe(2);
    expect(err).toContain("no command 'frobnicate'");
    expect((await sconce('build', 'house')).code).toBe(2);
    expect((await sconce('conformance')).code).toBe(2);
  });
});

describe('the reader of .npy', () => {
  it('reads int64 exactly', () => {
    const { dtype, shape, data } = readNpy(readFileSync(fixture('ints.npy')));
    expect([dtype, shape]).toEqual(['int64', [2, 2]]);
    expect([...(data as BigInt64Array)]).toEqual([1n, -2n, 3n, 2n ** 40n]);
  });

  it('refuses Fortran order, and a file that is cut', () => {
    expect(() => readNpy(readFileSync(fixture('fortran.npy')))).toThrow('Fortran order');
    expect(() => readNpy(readFileSync(fixture('x.npy')).subarray(0, 150))).toThrow('needs 48 bytes');
  });
});
