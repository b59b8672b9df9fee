/**
 * Writes what `save` makes of each golden checkpoint into a folder, for verify_saved.py to load with real PyTorch:
 *   npx tsx --conditions=sconce-source packages/core/test/serialization/write-saved.mts DIR
 *   /usr/bin/python3 packages/core/test/serialization/verify_saved.py DIR
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { setCurrentBackend } from '../../src/index.ts';
import { memoryBackend } from './memory-backend.ts';
import { savedAgain } from './saved.ts';

setCurrentBackend(memoryBackend());
const folder = process.argv[2];
mkdirSync(folder, { recursive: true });
for (const { name, original, saved } of await savedAgain()) {
  writeFileSync(`${folder}/${name}.original.pt`, original);
  writeFileSync(`${folder}/${name}.saved.pt`, saved);
}
