/** Gather: one invocation per element of the output, which reads where its index says. */
import type { Executable, GatherKernel, View } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { linearGroups, linearIndex, Numbers, Program } from '../program.ts';
import type { Operand, Shader } from '../shader.ts';
import { indexOf, pushWalk, type Walk, walkOf, writeWalk } from './iterate.ts';
import { apart } from './scratch.ts';

const GROUP = 64;

/** A view's strides with the indexed dim standing still: the index moves it. */
export const still = (v: View, dim: number): View => ({
  memory: v.memory,
  dtype: v.dtype,
  shape: v.shape,
  offset: v.offset,
  strides: v.strides.map((s, d) => (d === dim ? 0 : s)),
});

/**
 * Statements that give `name`, an i32, from an int64 index as stored, and record it where it is out of [0, size); what
 * comes after stands in the braces that these open.
 */
export function writeChecked(
  shader: Shader,
  name: string,
  stored: string,
  dim: number,
  size: string,
): { open: string; close: string } {
  return {
    open: `let wide_${name} = ${stored};
let ${name} = bitcast<i32>(wide_${name}.x);
if ((wide_${name}.y != 0u) | (wide_${name}.x >= u32(${size}))) { ${shader.fault('index', name, `${dim}`, size)} } else {`,
    close: '}',
  };
}

export function compileGather(gpu: Gpu, { dim, dtype }: GatherKernel): Executable {
  const operands: Operand[] = [
    { dtype, writes: true },
    { dtype: 'int64', writes: false },
    { dtype, writes: false },
  ];
  const programs = new Map<string, Program>();
  const numbers = new Numbers();
  return ([out], [x, index]) => {
    apart(gpu, [x!], [out!], ([source]) => {
      const views = [out!, index!, still(source!, dim)];
      const walk = walkOf(views, out!.shape);
      if (walk.count === 0) return;
      let program = programs.get(walk.key);
      if (!program) programs.set(walk.key, (program = build(gpu, operands, dim, walk)));
      numbers.clear().i32(walk.count);
      for (const v of views) numbers.i32(v.offset);
      numbers.i32(source!.shape[dim] ?? 1).i32(source!.strides[dim] ?? 0);
      pushWalk(numbers, walk);
      program.run(views, numbers, linearGroups(walk.count, GROUP));
    });
  };
}

const build = (gpu: Gpu, operands: readonly Operand[], dim: number, walk: Walk): Program =>
  new Program(gpu, {
    label: 'gather',
    operands,
    workgroupSize: [GROUP, 1, 1],
    write: (shader) => {
      const count = shader.i32();
      const bases = operands.map(() => shader.i32());
      const [size, step] = [shader.i32(), shader.i32()];
      const { statements, offsets } = writeWalk(shader, walk, 'id');
      const at = (operand: number): string => indexOf(bases[operand]!, offsets[operand]!);
      const { open, close } = writeChecked(shader, 'place', shader.load(1, at(1)), dim, size);
      return `let id = ${linearIndex(GROUP)};
if (id >= u32(${count})) { return; }
${statements}
${open}
${shader.store(0, at(0), shader.load(2, `${at(2)} + place * ${step}`))}
${close}`;
    },
  });
