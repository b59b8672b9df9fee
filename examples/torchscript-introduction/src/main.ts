/** Prints the introduction to TorchScript; `main.ts libtorch` runs it on another backend than wasm. */
import * as torch from 'sconce';
import { introduction } from './introduction.ts';

await torch.use(process.argv[2] ?? 'wasm');
await introduction((step, text) => console.log(`\n>>> ${step}\n${text}`));
