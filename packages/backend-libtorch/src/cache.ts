/** Where a built addon lies: a folder of the user's cache, named by LibTorch, Node-API, platform and our sources. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** This package's folder: the C++ sources and CMakeLists.txt lie in it. */
export const packageRoot: string = fileURLToPath(new URL('..', import.meta.url));

export const addonFile = 'sconce_libtorch.node';

/** Node-API's version, which keeps one build good for every later Node. */
const napi = 8;

/** What stands beside a built addon, in `libtorch.json`. */
export interface Built {
  readonly version: string;
  /** The LibTorch it is linked to: `$LIBTORCH`, or its prefix. */
  readonly libtorch: string;
  /** The folder of its TorchConfig.cmake. */
  readonly config: string;
}

const cacheRoot = (): string => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sconce');

/** A digest of everything that is compiled, so that a changed source never meets an old addon. */
function sourcesHash(): string {
  const hash = createHash('sha256');
  const native = join(packageRoot, 'native');
  for (const file of readdirSync(native).sort()) hash.update(file).update(readFileSync(join(native, file)));
  hash.update(readFileSync(join(packageRoot, 'CMakeLists.txt')));
  return hash.digest('hex').slice(0, 12);
}

export const cacheFolder = (version: string): string =>
  join(cacheRoot(), `libtorch-${version}-napi${napi}-${process.platform}-${process.arch}-${sourcesHash()}`);

const realpath = (path: string): string => (existsSync(path) ? realpathSync(path) : path);

/** What a finished folder of the cache holds, or undefined where there is none. */
export function builtIn(folder: string): Built | undefined {
  if (!existsSync(join(folder, addonFile))) return undefined;
  return JSON.parse(readFileSync(join(folder, 'libtorch.json'), 'utf8')) as Built;
}

/** The addon to load: the one built over `$LIBTORCH` if that is set, else the one built last. */
export function findAddon(): string | undefined {
  const root = cacheRoot();
  if (!existsSync(root)) return undefined;
  const suffix = cacheFolder('').slice(join(root, 'libtorch-').length);
  const wanted = process.env.LIBTORCH;
  const found = readdirSync(root)
    .filter((name) => name.startsWith('libtorch-') && name.endsWith(suffix))
    .map((name) => join(root, name))
    .filter((folder) => {
      const built = builtIn(folder);
      return built && (!wanted || realpath(built.libtorch) === realpath(wanted));
    })
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  return found.length ? join(found[0], addonFile) : undefined;
}
