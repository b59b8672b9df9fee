/** `sconce conformance` and `sconce build`: the way to what other packages do. */
import { parseArgs } from 'node:util';
import { type Output, UsageError } from './usage.ts';

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

/** A package that `sconce` does not depend on, since most users never need it. */
async function tool<Name extends keyof Tools>(name: Name): Promise<Tools[Name]> {
  try {
    return (await import(name)) as Tools[Name];
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const owner = name.split('/').slice(0, 2).join('/');
    throw new UsageError(`the package ${owner} is not installed: npm install --save-dev ${owner}`);
  }
}

/** `--backend MODULE`, then what `sconce-conformance` takes. */
export async function conformance(args: readonly string[]): Promise<number> {
  const at = args.indexOf('--backend');
  const module = args[at + 1];
  if (at < 0 || module === undefined) throw new UsageError('which backend? --backend MODULE');
  const rest = args.filter((_, i) => i !== at && i !== at + 1);
  return (await tool('@sconce/conformance/command')).main([module, ...rest]);
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
