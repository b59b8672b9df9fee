/**
 * Three pages, one project. Sconce is taken from its sources (the condition `sconce-source`), while developing and when
 * building, as in ../digits-web.
 */
import { defaultClientConditions, defineConfig } from 'vite';
import { mnist } from '../digits-web/mnist.ts';

const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [mnist()],
  resolve: { conditions: ['sconce-source', ...defaultClientConditions] },
  server: { headers },
  preview: { headers },
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    // Says which page takes which files: scripts/sizes.mjs reads it.
    manifest: true,
    rolldownOptions: {
      input: ['index.html', 'wasm.html', 'webgpu.html', 'train.html'].map(
        (page) => `${import.meta.dirname}/${page}`,
      ),
      output: { keepNames: true },
    },
  },
});
