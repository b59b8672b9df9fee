/** `torch.jit.save` on paths: the file is whole or not there, and what comes back is what went in. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as torch from '../src/index.ts';

const { jit } = torch;
const folder = mkdtempSync(join(tmpdir(), 'jit-save-'));
const archive = new URL(
  '../../../conformance/models/programs/seed_my_cell_gate_scripted.pt',
  import.meta.url,
);

beforeAll(() => torch.use('reference'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('jit.save', () => {
  it('writes what jit.load reads: outputs, code and text are the same', async () => {
    const module = await jit.load(readFileSync(archive));
    const path = join(folder, 'cell.pt');
    await jit.save(module, path);
    const again = await jit.load(path);
    expect(again.code).toBe(module.code);
    expect(String(again)).toBe(String(module));
    const [x, h] = [torch.randn([3, 4]), torch.randn([3, 4])];
    const [want] = await module(x, h);
    const [got] = await again(x, h);
    expect(await got.data()).toEqual(await want.data());
  });

  it('names the folder inside the archive as the file', async () => {
    const path = join(folder, 'my.model.pt');
    await (await jit.load(readFileSync(archive))).save(path);
    expect(readFileSync(path).toString('latin1')).toContain('my.model/data.pkl');
  });

  it('gives bytes where no path is given', async () => {
    const module = await jit.load(readFileSync(archive));
    const bytes = await jit.save(module);
    expect((await jit.load(bytes)).code).toBe(module.code);
  });

  it('leaves nothing half written behind, nor touches what is there, when it fails', async () => {
    const module = await jit.load(readFileSync(archive));
    await expect(module.save(join(folder, 'none', 'cell.pt'))).rejects.toThrow(
      /Parent directory of .* does not exist/,
    );
    const path = join(folder, 'kept.pt');
    writeFileSync(path, 'kept');
    const broken = { 'bad.txt': 7 as never };
    await expect(module.save(path, { _extra_files: broken })).rejects.toThrow(/neither a string nor bytes/);
    await expect(module.save(folder)).rejects.toThrow(torch.TorchError);
    await expect(jit.save(torch.nn.Linear(1, 1) as never, path)).rejects.toThrow(/compile the module first/);
    expect(readFileSync(path, 'utf8')).toBe('kept');
    expect(existsSync(join(folder, 'none'))).toBe(false);
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
  });
});
