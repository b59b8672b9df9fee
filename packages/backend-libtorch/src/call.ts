/** Boxed calls by name, for the kernels: `aten('add.Tensor')(a, b)`; temporaries are freed when the kernel is done. */
import { parseSchema, TorchError, type View } from '@sconce/core';
import { toTorchError } from './addon.ts';
import { plain } from './encode.ts';
import type { LibTorchMemory } from './memory.ts';
import { wire } from './wire.ts';

/** An operator of LibTorch, called with all its leading arguments; those left out must have defaults. */
export type Aten = (...args: readonly unknown[]) => View;

interface Found {
  readonly index: number;
  /** Of every argument, for those that a call leaves out. */
  readonly defaults: readonly unknown[];
}

const found = new Map<string, Found>();

function find(name: string): Found {
  const known = found.get(name);
  if (known) return known;
  const [base, overload = ''] = name.split('.');
  const native = wire().native.operator(`aten::${base}`, overload);
  if (!native) throw new TorchError(`LibTorch has no operator aten::${name}`);
  const operator = { index: native.index, defaults: parseSchema(native.schema).args.map(plain) };
  found.set(name, operator);
  return operator;
}

/** Temporaries of the kernel that is running. */
let temporaries: LibTorchMemory[] | undefined;

/** Runs a kernel's body; frees what its calls returned, and turns LibTorch's errors into Sconce's. */
export function kernel(body: () => void): void {
  const outer = temporaries;
  temporaries = [];
  try {
    body();
  } catch (error) {
    throw toTorchError(error);
  } finally {
    for (const memory of temporaries) wire().native.free(memory.slot);
    temporaries = outer;
  }
}

function send(name: string, keep: boolean, args: readonly unknown[]): number {
  const { index, defaults } = find(name);
  const to = wire();
  to.at = 0;
  to.put2(index, keep ? 1 : 0);
  for (const arg of args) to.putAny(arg);
  for (let i = args.length; i < defaults.length; i++) to.putAny(defaults[i]);
  return to.native.call();
}

/** The operator's first result, or one of several with `all`. It must not be a view of an argument. */
export const aten =
  (name: string): Aten =>
  (...args) =>
    all(name, ...args)[0];

/** The operator's results. */
export function all(name: string, ...args: readonly unknown[]): View[] {
  const length = send(name, true, args);
  const from = wire();
  from.receive(length);
  const n = from.take();
  if (n < 0) throw new TorchError(`aten::${name} returned a view where a kernel wants a value`);
  return Array.from({ length: n }, () => {
    from.take();
    const view = from.takeView();
    temporaries?.push(view.memory as LibTorchMemory);
    return view;
  });
}

/** An operator that writes into its first argument. */
export function inplace(name: string, ...args: readonly unknown[]): void {
  send(name, false, args);
}
