/** Moved: `npx tsx --conditions=sconce-source bench/src/kernels.ts [NAME …]`. */
import './src/kernels.ts';
