/** `sconce conformance` and `sconce build`: the way to what other packages do. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { BACKENDS, type Output, UsageError } from './usage.ts';

/** What a tool's package exports, as far as it is used here. */
interface Tools {
  '@sconce/conformance/command': { main(argv: readonly string[]): Promise<number> };
  '@sconce/backend-libtorch': {
    buildLibtorch(options: { log: (line: string) => void; force: boolean }): Promise<{
      readonly path: string;
      readonly version: string;
      readonly compiled: boolean;
    }>;
  };
}

/** A package that `sconce` does not depend on, since most users never need it: as the folder here, or `sconce`, finds it. */
async function tool<Name extends keyof Tools>(name: Name): Promise<Tools[Name]> {
  for (const from of [pathToFileURL(join(process.cwd(), 'package.json')), import.meta.url]) {
    let file: string;
    try {
      file = createRequire(from).resolve(name);
    } catch {
      continue;
    }
    return (await import(pathToFileURL(file).href)) as Tools[Name];
  }
  const owner = name.split('/').slice(0, 2).join('/');
  throw new UsageError(`the package ${owner} is not installed: npm install --save-dev ${owner}`);
}

/** Sconce's own backends go by their names. */
const ownBackend = (name: string): string =>
  (BACKENDS as readonly string[]).includes(name)
    ? createRequire(import.meta.url).resolve(`@sconce/backend-${name}`)
    : name;

/** `--backend MODULE`, then what `sconce-conformance` takes. */
export async function conformance(args: readonly string[]): Promise<number> {
  const at = args.indexOf('--backend');
  const module = args[at + 1];
  if (at < 0 || module === undefined) throw new UsageError('which backend? --backend MODULE');
  const rest = args.filter((_, i) => i !== at && i !== at + 1);
  return (await tool('@sconce/conformance/command')).main([ownBackend(module), ...rest]);
}

export async function build(args: readonly string[], { print, say }: Output): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { force: { type: 'boolean', default: false }, quiet: { type: 'boolean', default: false } },
  });
  if (positionals.length !== 1 || positionals[0] !== 'libtorch')
    throw new UsageError('build what? There is: sconce build libtorch');
  const { buildLibtorch } = await tool('@sconce/backend-libtorch');
  const log = (line: string) => values.quiet || say(line);
  const { path, version, compiled } = await buildLibtorch({ log, force: values.force });
  print(`LibTorch ${version}: ${compiled ? 'built' : 'already built'} ${path}`);
  return 0;
}
