/** Which backend computes: the select in the header, what this browser has, and why not where it has not. */

import type { Backend } from 'sconce';
import * as torch from 'sconce';
import { byId, messageOf } from './page/dom.ts';

/** The best first; the page takes the first that is here. */
const order = ['webgpu', 'wasm', 'wasm-worker', 'reference'] as const;
export type BackendId = (typeof order)[number];

const names: Record<BackendId, string> = {
  webgpu: 'WebGPU',
  wasm: 'wasm',
  'wasm-worker': 'wasm in a worker',
  reference: 'reference',
};

export const nameOf = (id: BackendId): string => names[id];

const select = byId<HTMLSelectElement>('backend');
const status = byId('backend-status');
const listeners: (() => void)[] = [];
let current: BackendId = 'reference';

export const backend = (): BackendId => current;

/** Calls back after each change of backend. */
export const onBackend = (listener: () => void): void => void listeners.push(listener);

const isId = (id: string | null): id is BackendId => order.includes(id as BackendId);

/** Two backends go by the name `wasm`: the page keeps them apart. */
const wasms = new Map<BackendId, Backend>();

/** Makes tensors there from now on; a GPU that was lost is asked for again. Rejects where this browser lacks it. */
export async function useBackend(id: BackendId): Promise<void> {
  const kept = wasms.get(id);
  if (kept) await torch.use(kept);
  else if (id === 'wasm' || id === 'wasm-worker') {
    await torch.use('wasm', { worker: id === 'wasm-worker' });
    wasms.set(id, torch.empty(0).backend);
  } else await torch.use(id);
  current = id;
}

/** Marks a backend as absent in the select, with the reason. */
function disable(id: BackendId, reason: string): void {
  const option = [...select.options].find(({ value }) => value === id)!;
  option.disabled = true;
  option.title = reason;
  option.textContent = `${names[id]}: not here`;
}

/** Why there will be no WebGPU, found without loading the backend; undefined where there may be. */
async function whyNoWebGPU(): Promise<string | undefined> {
  if (!window.isSecureContext) return 'WebGPU needs https or localhost';
  if (!navigator.gpu) return 'this browser has no WebGPU, or has it turned off';
  if (!(await navigator.gpu.requestAdapter())) return 'this browser found no GPU that WebGPU may use';
  return undefined;
}

/** Takes the wanted backend, else the next that is here; says in the header what was taken and what was not here. */
export async function startBackends(): Promise<void> {
  const asked = new URLSearchParams(location.search).get('backend');
  const reasons: string[] = [];
  const refuse = (id: BackendId, reason: string): void => {
    disable(id, reason);
    reasons.push(`${names[id]} is not here: ${reason}.`);
  };
  const noGPU = await whyNoWebGPU();
  if (noGPU) refuse('webgpu', noGPU);
  const wanted = isId(asked) ? [asked, ...order.filter((id) => id !== asked)] : order;
  for (const id of wanted) {
    if (id === 'webgpu' && noGPU) continue;
    try {
      await useBackend(id);
      break;
    } catch (error) {
      refuse(id, messageOf(error).split('\n')[0]);
    }
  }
  select.value = current;
  select.disabled = false;
  status.textContent = [...reasons, `Computing on ${names[current]}.`].join(' ');
  select.addEventListener('change', () => void change(select.value as BackendId));
}

/** Moves the page to another backend; where that fails, the page stays where it was and says why. */
export async function change(id: BackendId): Promise<boolean> {
  select.disabled = true;
  status.textContent = `Starting ${names[id]}…`;
  try {
    await useBackend(id);
    status.textContent = `Computing on ${names[id]}.`;
    for (const listener of listeners) listener();
  } catch (error) {
    const reason = messageOf(error).split('\n')[0];
    disable(id, reason);
    await useBackend(current);
    status.textContent = `${names[id]} is not here: ${reason}. Computing on ${names[current]}.`;
  }
  select.value = current;
  select.disabled = false;
  return current === id;
}
