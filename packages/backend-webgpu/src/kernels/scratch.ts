/** Memory for the length of a call, and copies of inputs that a kernel would overwrite while it still reads them. */
import { contiguousStrides, type DType, numelOf, type View } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { linearGroups, linearIndex, Numbers, Program } from '../program.ts';
import { indexOf, pushWalk, type Walk, walkOf, writeWalk } from './iterate.ts';

const GROUP = 64;

/** Runs `body` with a contiguous view of memory of its own, which the device may use again after the work issued in it. */
export function withScratch<T>(gpu: Gpu, dtype: DType, shape: readonly number[], body: (view: View) => T): T {
  const memory = gpu.allocate(dtype, numelOf(shape));
  try {
    return body({ memory, dtype, shape, strides: contiguousStrides(shape), offset: 0 });
  } finally {
    gpu.free(memory);
  }
}

/** Runs `body` with `inputs`, of which those that lie in a memory of `outputs` are copied first. */
export function apart<T>(
  gpu: Gpu,
  inputs: readonly View[],
  outputs: readonly View[],
  body: (inputs: readonly View[]) => T,
): T {
  const at = inputs.findIndex((v) => outputs.some((o) => o.memory === v.memory));
  if (at < 0) return body(inputs);
  const shared = inputs[at]!;
  return withScratch(gpu, shared.dtype, shared.shape, (copy) => {
    copyView(gpu, copy, shared);
    return apart(
      gpu,
      inputs.map((v, i) => (i === at ? copy : v)),
      outputs,
      body,
    );
  });
}

const copiers = new WeakMap<Gpu, Map<string, Program>>();
const numbers = new Numbers();

/** Copies elements between views of one dtype and shape. */
export function copyView(gpu: Gpu, to: View, from: View): void {
  const views = [to, from];
  const walk = walkOf(views, to.shape);
  if (walk.count === 0) return;
  let programs = copiers.get(gpu);
  if (!programs) copiers.set(gpu, (programs = new Map()));
  const key = `${to.dtype} ${walk.key}`;
  let program = programs.get(key);
  if (!program) programs.set(key, (program = copier(gpu, to.dtype, walk)));
  numbers.clear().i32(walk.count).i32(to.offset).i32(from.offset);
  pushWalk(numbers, walk);
  program.run(views, numbers, linearGroups(walk.count, GROUP));
}

const copier = (gpu: Gpu, dtype: DType, walk: Walk): Program =>
  new Program(gpu, {
    label: 'copy',
    operands: [
      { dtype, writes: true },
      { dtype, writes: false },
    ],
    workgroupSize: [GROUP, 1, 1],
    write: (shader) => {
      const count = shader.i32();
      const [to, from] = [shader.i32(), shader.i32()];
      const { statements, offsets } = writeWalk(shader, walk, 'id');
      return `let id = ${linearIndex(GROUP)};
if (id >= u32(${count})) { return; }
${statements}
${shader.store(0, indexOf(to, offsets[0]!), shader.load(1, indexOf(from, offsets[1]!)))}`;
    },
  });
