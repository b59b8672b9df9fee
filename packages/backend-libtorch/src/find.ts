/** Finds a LibTorch on this machine: the environment's, a Python torch's, or the system's. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface LibTorch {
  /** What led to it; a user sees it. */
  readonly origin: string;
  /** The folder that names it: the value of `$LIBTORCH`, or its prefix. */
  readonly root: string;
  /** The folder of TorchConfig.cmake. */
  readonly config: string;
  readonly version: string;
}

/** TorchConfig.cmake below a prefix: as LibTorch's own archive and Python's wheel lay it out, then as Linux packages do. */
const configBelow = (prefix: string): string | undefined =>
  [
    'share/cmake/Torch',
    'lib/cmake/Torch',
    'lib64/cmake/Torch',
    `lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/cmake/Torch`,
    'Torch',
    '.',
  ]
    .map((below) => join(prefix, below))
    .find((folder) => existsSync(join(folder, 'TorchConfig.cmake')));

/** `PACKAGE_VERSION` as CMake reads it, without what follows the numbers (`+cpu`). */
export function versionOf(config: string): string {
  const file = join(config, 'TorchConfigVersion.cmake');
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return /PACKAGE_VERSION "(\d+\.\d+(\.\d+)?)/.exec(text)?.[1] ?? 'unknown';
}

function at(origin: string, prefix: string): LibTorch | undefined {
  const config = configBelow(prefix);
  return config === undefined ? undefined : { origin, root: prefix, config, version: versionOf(config) };
}

function ofPython(): LibTorch | undefined {
  try {
    const prefix = execFileSync('python3', ['-c', 'import torch; print(torch.utils.cmake_prefix_path)'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 60_000,
    }).trim();
    return at("Python's torch", prefix);
  } catch {
    return undefined; // no Python, or one without torch
  }
}

const ofSystem = (): LibTorch | undefined =>
  ['/usr/local', '/usr', '/opt/libtorch', '/opt/homebrew']
    .map((prefix) => at('the system', prefix))
    .find((found) => found !== undefined);

const places = '$LIBTORCH, a Python torch, or the system (Debian: apt install libtorch-dev)';

/** The LibTorch to build over, or the sentence that says why there is none. */
export function findLibTorch(): LibTorch | string {
  const { LIBTORCH } = process.env;
  const found = LIBTORCH ? at('$LIBTORCH', LIBTORCH) : (ofPython() ?? ofSystem());
  if (!found)
    return LIBTORCH
      ? `LIBTORCH is ${LIBTORCH}, but no TorchConfig.cmake is below it (looked in share/cmake/Torch and lib/cmake/Torch)`
      : `no LibTorch is on this machine (looked for ${places})`;
  const [major, minor] = found.version.split('.').map(Number);
  return major > 1 || (major === 1 && minor >= 13)
    ? found
    : `${found.origin} has LibTorch ${found.version}, and Sconce needs 1.13 or later`;
}
