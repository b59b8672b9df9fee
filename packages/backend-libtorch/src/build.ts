/** Compiles the addon over the LibTorch of this machine into the user's cache; nothing is downloaded. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { TorchError } from '@sconce/core';
import { addonFile, type Built, builtIn, cacheFolder, findAddon, packageRoot } from './cache.ts';
import { findLibTorch, versionOf } from './find.ts';

export interface BuildOptions {
  /** Told what is going on, a line at a time. */
  readonly log?: (line: string) => void;
  /** Compiles even where the cache has the addon. */
  readonly force?: boolean;
}

export interface BuildResult {
  readonly path: string;
  readonly version: string;
  /** False where the cache had it already. */
  readonly compiled: boolean;
}

const require = createRequire(import.meta.url);

/** The `bin` of cmake-js, whose package exports no path to it. */
function cmakeJs(): string {
  const file = require.resolve('cmake-js/package.json');
  const { bin } = JSON.parse(readFileSync(file, 'utf8')) as { bin: Record<string, string> };
  return join(dirname(file), bin['cmake-js']);
}

function run(
  args: readonly string[],
  log: (line: string) => void,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, CMAKE_BUILD_PARALLEL_LEVEL: String(Math.min(4, availableParallelism())) },
    });
    let output = '';
    const take = (chunk: Buffer) => {
      const text = chunk.toString();
      output += text;
      for (const line of text.split('\n')) if (line.trim()) log(line);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** The lines of a failed build that say why, rather than its last ones. */
function reason(output: string): string {
  if (/toolset is not available|CMAKE_CXX_COMPILER/i.test(output))
    return 'no C++ compiler is on this machine (Debian: apt install g++ make)';
  const errors = output.split('\n').filter((line) => /error/i.test(line));
  return [...new Set(errors.length ? errors : output.trim().split('\n'))].slice(0, 3).join('; ');
}

function hasCMake(): boolean {
  try {
    execFileSync('cmake', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The addon that would be loaded, if its LibTorch is still there as it was; found without asking Python. */
function readyAddon(): BuildResult | undefined {
  const path = findAddon();
  if (path === undefined) return undefined;
  const { version, config } = builtIn(dirname(path))!;
  return versionOf(config) === version ? { path, version, compiled: false } : undefined;
}

/**
 * Makes the addon ready to load, compiling it unless the cache has it for this LibTorch and these sources.
 * Throws `TorchError` with one line that says what is missing: LibTorch, CMake or a compiler.
 */
export async function buildLibtorch({
  log = () => {},
  force = false,
}: BuildOptions = {}): Promise<BuildResult> {
  const ready = force ? undefined : readyAddon();
  if (ready) return ready;
  const libtorch = findLibTorch();
  if (typeof libtorch === 'string') throw new TorchError(`backend-libtorch cannot be built: ${libtorch}`);
  if (!hasCMake())
    throw new TorchError(
      'backend-libtorch cannot be built: no CMake is on this machine (Debian: apt install cmake)',
    );
  const { version, root, config, origin } = libtorch;
  const folder = cacheFolder(version);
  const path = join(folder, addonFile);

  log(`building over LibTorch ${version} of ${origin} (${config})`);
  // In a folder of its own, then renamed: several processes may build at once, and none sees half an addon.
  const work = `${folder}.building-${process.pid}`;
  mkdirSync(work, { recursive: true });
  try {
    const { code, output } = await run(
      [cmakeJs(), 'compile', ...['-d', packageRoot, '-O', join(work, 'build')], `--CDTorch_DIR=${config}`],
      log,
    );
    if (code !== 0) throw new TorchError(`backend-libtorch cannot be built: ${reason(output)}`);
    const built: Built = { version, libtorch: root, config };
    writeFileSync(join(work, 'libtorch.json'), JSON.stringify(built));
    renameSync(join(work, 'build', 'Release', addonFile), join(work, addonFile));
    rmSync(join(work, 'build'), { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
    renameSync(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  log(`built ${path}`);
  return { path, version, compiled: true };
}
