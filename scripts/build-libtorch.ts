// Builds backend-libtorch's addon, unless the cache has it: what `sconce build libtorch` does, without a built `sconce`.
import { buildLibtorch } from '../packages/backend-libtorch/src/build.ts';

const began = Date.now();

buildLibtorch({ log: (line) => line.startsWith('building ') && console.error(line) }).then(
  ({ version, compiled }) => {
    const time = compiled ? `built in ${((Date.now() - began) / 1000).toFixed(1)} s` : 'there already';
    console.error(`addon over LibTorch ${version}: ${time}`);
  },
  (error) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  },
);
