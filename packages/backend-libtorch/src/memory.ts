/** The backend's memory: a slot in the addon's table of at::Storages. */
import type { DType, Memory, View } from '@sconce/core';
import { dtypes, TorchError } from '@sconce/core';

export class LibTorchMemory {
  constructor(
    /** -1 once freed. */
    public slot: number,
    readonly dtype: DType,
  ) {}
}

export function libtorchMemory(memory: Memory): LibTorchMemory {
  if (memory instanceof LibTorchMemory) return memory;
  throw new TorchError('this tensor is not on LibTorch: its memory belongs to another backend');
}

/** Anything with a memory of ours and a layout: a View, a Tensor of core's, or a Tensor of this package's. */
export const isView = (value: unknown): value is View =>
  typeof value === 'object' && value !== null && (value as View).memory instanceof LibTorchMemory;

/** at::ScalarType numbers are those that TorchScript stores. */
export const dtypeCodes: Readonly<Record<DType, number>> = Object.fromEntries(
  Object.values(dtypes).map((d) => [d.name, d.code]),
) as Record<DType, number>;

/** By at::ScalarType; undefined for complex and quantised ones. */
export const dtypeByCode: readonly (DType | undefined)[] = Object.values(dtypes).reduce<
  (DType | undefined)[]
>((table, d) => {
  table[d.code] = d.name;
  return table;
}, []);
