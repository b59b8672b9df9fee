// Builds backend-libtorch's addon, unless the cache has it: what `sconce build libtorch` does, without a built `sconce`.
import { buildLibtorch } from '../packages/backend-libtorch/src/build.ts';

const quiet = process.argv.includes('--quiet');

buildLibtorch({ log: (line) => quiet || console.error(line) }).then(
  ({ path, version, compiled }) =>
    console.error(`LibTorch ${version}: ${compiled ? 'built' : 'have'} ${path}`),
  (error) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  },
);
