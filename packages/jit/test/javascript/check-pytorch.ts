/**
 * Has PyTorch load and run what was scripted here: every module of nn.ts and programs.ts, scripted, saved and called.
 *
 * Run: npx tsx --conditions=sconce-source packages/jit/test/javascript/check-pytorch.ts [PYTHON …]
 * (python3 unless given: `chroot /opt/trixie python3` for a newer PyTorch, with TMPDIR inside of it).
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wasm } from '@sconce/backend-wasm';
import { functions, type Module, manual_seed, setCurrentBackend, Tensor } from '@sconce/core';
import { script } from '../../src/index.ts';
import { cases } from './nn.ts';
import { modules } from './programs.ts';

setCurrentBackend(wasm());
const random = (...shape: number[]): Tensor => functions.randn(shape) as Tensor;
const all: Record<string, readonly [make: () => Module, inputs: () => unknown[]]> = {
  ...cases,
  MyRNNLoop: [modules.MyRNNLoop, () => [random(5, 3, 4)]],
  Net: [modules.Net, () => [random(3, 4)]],
};

const spelled = async (value: unknown): Promise<unknown> => {
  if (value instanceof Tensor)
    return { dtype: value.dtype, shape: value.shape, data: await value.reshape([-1]).tolist() };
  if (Array.isArray(value)) return Promise.all(value.map(spelled));
  return value;
};

const folder = mkdtempSync(join(tmpdir(), 'scripted-'));
const written: unknown[] = [];
for (const [name, [make, inputs]] of Object.entries(all)) {
  manual_seed(0);
  const scripted = script(make().eval());
  const args = inputs();
  const file: string = `${written.length}.pt`;
  writeFileSync(join(folder, file), await scripted.save_to_buffer());
  written.push({
    name,
    file,
    args: await spelled(args),
    result: await spelled(await scripted(...args)),
    code: scripted.code,
  });
}
writeFileSync(join(folder, 'cases.json'), JSON.stringify(written));

const check = `
import json, os, sys, torch
folder = sys.argv[1]
def value(v):
    if isinstance(v, dict):
        return torch.tensor(v["data"], dtype=getattr(torch, v["dtype"])).reshape(v["shape"])
    return tuple(value(x) for x in v) if isinstance(v, list) else v
def same(a, b):
    if isinstance(b, torch.Tensor):
        return a.shape == b.shape and a.dtype == b.dtype and torch.allclose(a, b, rtol=1e-4, atol=1e-5)
    if isinstance(b, tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a == b
wrong = 0
cases = json.load(open(os.path.join(folder, "cases.json")))
for case in cases:
    try:
        module = torch.jit.load(os.path.join(folder, case["file"]))
        with torch.no_grad():
            result = module(*value(case["args"]))
        problem = None if same(result, value(case["result"])) else "another result"
        if problem is None and torch.__version__.startswith("1.13") and module.code != case["code"]:
            problem = "another code\\n" + module.code + "\\n" + case["code"]
    except Exception as error:
        problem = str(error)
    if problem:
        wrong += 1
        print(case["name"] + ": " + problem[:600])
print(f"PyTorch {torch.__version__}: {len(cases) - wrong} of {len(cases)} archives give the same result (in 1.13 the same code, too)")
sys.exit(wrong > 0)
`;
const [python = 'python3', ...prefix] = process.argv.slice(2);
// A chroot sees its own root.
const inside = python === 'chroot' ? folder.replace(prefix[0], '') : folder;
try {
  execFileSync(python, [...prefix, '-c', check, inside], { stdio: 'inherit' });
} catch {
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
