/** What the fuzzer knows of a result without looking at its values. */
import { type DType, isFloat, type Storage, type Tensor } from '@sconce/core';

export interface Value {
  /** The statement that made it. */
  readonly result: number;
  readonly tensor: Tensor;
}

export const isFloating = ({ tensor }: Value): boolean => isFloat(tensor.dtype);
export const isInteger = ({ tensor }: Value): boolean => !isFloat(tensor.dtype) && tensor.dtype !== 'bool';

/** How many binary places the numbers of a storage may have; past MOST_PLACES they may be rounded. */
export const MOST_PLACES = 8;

/**
 * Which storages hold numbers that two backends may round differently. What jumps, a comparison or a conversion to an
 * integer, must not be asked of those.
 */
export class Places {
  private readonly known = new WeakMap<Storage, number>();

  of({ tensor }: Value): number {
    const known = this.known.get(tensor.storage);
    if (known !== undefined) return known;
    return isFloat(tensor.dtype) ? 2 : 0;
  }

  isExact(value: Value): boolean {
    return !value.tensor.dtype.endsWith('float16') && this.of(value) <= MOST_PLACES;
  }

  atLeast(tensor: Tensor, places: number): void {
    const before = this.known.get(tensor.storage) ?? (isFloat(tensor.dtype) ? 2 : 0);
    this.known.set(tensor.storage, Math.max(before, places));
  }
}

/** The DTypes that are fuzzed on every backend. */
export const dtypesOfPrograms: readonly DType[] = ['float32', 'float64', 'int64', 'int32', 'uint8', 'bool'];
