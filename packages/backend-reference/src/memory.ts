/** The backend's memory: the bytes of one storage, looked at through typed arrays. */
import { type DType, dtypes, type Memory, OutOfMemoryError, type TypedArray, type View } from '@sconce/core';

export class HostMemory {
  /** Empty once freed, so that whoever still uses the memory finds nothing there. */
  array: TypedArray;

  constructor(
    readonly dtype: DType,
    length: number,
  ) {
    try {
      this.array = new dtypes[dtype].array(length);
    } catch (cause) {
      throw new OutOfMemoryError(
        `DefaultCPUAllocator: can't allocate memory: you tried to allocate ${length * dtypes[dtype].bytes} bytes.`,
        { cause },
      );
    }
  }

  free(): void {
    this.array = new dtypes[this.dtype].array(0);
  }
}

/** The one place where an opaque `Memory` becomes ours. */
export const hostMemory = (memory: Memory): HostMemory => memory as HostMemory;

/** The whole memory under a view, in the view's dtype: core may look at a storage through another dtype of equal width. */
export function elements(view: View): TypedArray {
  const { array, dtype } = hostMemory(view.memory);
  return dtype === view.dtype ? array : new dtypes[view.dtype].array(array.buffer);
}
