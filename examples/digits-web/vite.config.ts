/**
 * How the page is built. Sconce is taken from its sources (the condition `sconce-source`), while developing and when building:
 * there is one truth, an edit shows at once, no stale dist can slip in, and what nobody calls is shaken off all the same.
 */
import { defaultClientConditions, defineConfig } from 'vite';
import { mnist } from './mnist.ts';

/** Cross-origin isolation: shared memory, so threads, need it; everything else runs without. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  root: import.meta.dirname,
  // Relative addresses: the page works from any folder of any static server.
  base: './',
  plugins: [mnist()],
  resolve: { conditions: ['sconce-source', ...defaultClientConditions] },
  server: { headers },
  preview: { headers },
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    // A strict content security policy has no place for data: addresses.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    // Modules print their class's name, as in PyTorch.
    rolldownOptions: { output: { keepNames: true } },
  },
});
