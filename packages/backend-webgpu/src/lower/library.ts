/** The WGSL functions that shaders share, from the files that own them. */
import type { LibraryFunction } from '../shader.ts';

export const library: Readonly<Record<string, LibraryFunction>> = {};
