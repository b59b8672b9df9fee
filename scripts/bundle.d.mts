import type { BuildResult } from 'esbuild';

/** Writes torch.mjs and what stands beside it into `outdir` (packages/sconce/dist). */
export function bundle(options?: { outdir?: string; write?: boolean }): Promise<BuildResult[]>;
