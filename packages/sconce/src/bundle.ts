/**
 * The entry of `dist/torch.mjs`: all of `torch` in one file, for `<script type="module">` without a bundler. It also
 * hands out core, which the backends' files beside it (and third parties' backends) share with it.
 */
export * as core from '@sconce/core';
export * from './index.ts';
