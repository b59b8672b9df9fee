/** Every checkpoint of PyTorch 1.13's among the goldens, loaded and saved again by us. */
import { readFileSync } from 'node:fs';
import { load, save, type Tensor } from '../../src/index.ts';
import { unpacked } from './goldens.ts';

const { checkpoints } = JSON.parse(readFileSync(new URL('checkpoints.json', import.meta.url), 'utf8'));

/** Name, PyTorch's bytes, ours. A backend must be in use. */
export async function savedAgain(): Promise<{ name: string; original: Uint8Array; saved: Uint8Array }[]> {
  const out = [];
  for (const { name, bytes } of checkpoints) {
    if (!name.endsWith('(zip, 1.13)')) continue;
    const parameters = new WeakSet<Tensor>();
    const makeParameter = (data: Tensor, requires_grad: boolean): Tensor => {
      data.requires_grad = requires_grad;
      parameters.add(data);
      return data;
    };
    const original = unpacked(bytes);
    const saved = await save(load(original, { makeParameter }), { isParameter: (t) => parameters.has(t) });
    out.push({ name, original, saved });
  }
  return out;
}
