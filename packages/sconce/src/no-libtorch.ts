/** What `#libtorch` is in a browser's bundle: LibTorch is a native library, so there is nothing to bundle. */
import { NotSupportedError } from '@sconce/core';

/** Always throws: says so, and what to use. */
export function libtorch(): never {
  throw new NotSupportedError(
    'libtorch is a native library and needs Node: in a browser there are webgpu, wasm and reference',
  );
}
