/** Where the peers are: bench/peers, outside the workspace. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const require = createRequire(
  join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'peers', 'package.json'),
);

/** The file that `require` would load. */
export const peerFile = (name: string): string => require.resolve(name);

/** A peer's module; its types are not here, since the peers are not. */
// biome-ignore lint/suspicious/noExplicitAny: a peer's own interface
export async function peer(name: string): Promise<any> {
  const module = await import(pathToFileURL(peerFile(name)).href);
  return module.default && Object.keys(module).length <= 2 ? module.default : module;
}
