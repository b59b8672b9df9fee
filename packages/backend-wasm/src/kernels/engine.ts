/** What every kernel is compiled with: the heap, and modules instantiated on its memory. */
import { type ComputeType, KernelFault } from '@sconce/core/backend';
import { Module } from '../asm/module.ts';
import { FAULT_DIVISION } from '../lower/scalar.ts';
import { FAULT, type Heap, PARAMS } from '../memory/heap.ts';
import { SCALARS } from './odometer.ts';

// biome-ignore lint/suspicious/noExplicitAny: an export's signature is known only where it was generated
export type Exports = Record<string, (...args: any[]) => any>;

export function instantiate(heap: Heap, module: Module): Exports {
  const code = module.encode(heap.shared);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), {
    env: { memory: heap.memory, frame: PARAMS, thread: 0 },
  });
  heap.team.learn(exports as Exports, code);
  return exports as Exports;
}

const fillers = new WeakMap<Heap, Exports[string]>();

/** Sets bytes to 0. `fill` of a typed array goes byte by byte where the memory is shared. */
export function zero(heap: Heap, pointer: number, bytes: number): void {
  let fill = fillers.get(heap);
  if (!fill) {
    const m = new Module();
    m.fn('zero', ['i32', 'i32'], [], (fn) => fn.fillMemory(fn.param(0), fn.i32(0), fn.param(1)));
    fillers.set(heap, (fill = instantiate(heap, m).zero!));
  }
  fill(pointer, bytes);
}

const LOW = 0x1_0000_0000;

/** Puts the call's scalars where generated code reads them: floats as doubles, int64 in full, the rest as int32. */
export function writeScalars(
  heap: Heap,
  dtypes: readonly ComputeType[],
  scalars: readonly (number | bigint)[],
): void {
  for (let i = 0; i < dtypes.length; i++) {
    const s = scalars[i]!;
    const dtype = dtypes[i];
    if (dtype === 'float32' || dtype === 'float64') heap.f64[(SCALARS >> 3) + i] = Number(s);
    else if (typeof s === 'bigint') heap.i64[(SCALARS >> 3) + i] = s;
    else {
      const w = (SCALARS >> 2) + 2 * i;
      heap.i32[w] = s | 0;
      heap.i32[w + 1] = Math.floor(s / LOW) | 0;
    }
  }
}

/** Throws what the last run recorded. */
export function checkFault(heap: Heap, dim = 0, size = 0): void {
  const kind = heap.i32[FAULT >> 2]!;
  if (kind === 0) return;
  heap.i32[FAULT >> 2] = 0;
  if (kind === FAULT_DIVISION) throw new KernelFault('division');
  throw new KernelFault('index', { index: Number(heap.i64[(FAULT >> 3) + 1]), dim, size });
}
