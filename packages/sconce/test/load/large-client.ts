/** A process of its own that loads a URL; prints its values and by how much its memory grew at most. */
import type { Tensor } from '@sconce/core';
import * as torch from 'sconce';

const [url, how] = process.argv.slice(2);
await torch.use('wasm');
(globalThis as { gc?: () => void }).gc?.();
const before = process.memoryUsage.rss();
let peak = before;
const watch = (): void => {
  peak = Math.max(peak, process.memoryUsage.rss());
};
const source = how === 'whole' ? new Uint8Array(await (await fetch(url)).arrayBuffer()) : url;
watch();
const loaded = (await torch.load(source, { onprogress: watch })) as Map<string, Tensor>;
watch();
const values = await Promise.all([...loaded.values()].map((t) => t.at(9_374_999).item()));
console.log(JSON.stringify({ grew: peak - before, values }));
