/** Pointwise kernels: one invocation per element. */
import type { ComputeType, Executable, Expr, PointwiseKernel, View } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { stored } from '../lower/element.ts';
import { type Leaves, lower } from '../lower/lower.ts';
import { coordDims, inputDtypes, scalarDtypes } from '../lower/walk.ts';
import { linearGroups, linearIndex, Numbers, Program } from '../program.ts';
import type { Operand, Shader } from '../shader.ts';
import { indexOf, pushWalk, type Walk, walkOf, writeWalk } from './iterate.ts';

const GROUP = 64;

/** Scalars as numbers of the call: `pushScalars` writes what `readScalars` reads. Indices that do not occur are skipped. */
export function pushScalars(
  numbers: Numbers,
  types: readonly (ComputeType | undefined)[],
  scalars: readonly (number | bigint)[] = [],
): void {
  for (let i = 0; i < types.length; i++) {
    const value = scalars[i]!;
    switch (types[i]) {
      case undefined:
        break;
      case 'int64':
        numbers.i64(value);
        break;
      case 'float32':
        numbers.f32(Number(value));
        break;
      case 'int32':
        numbers.i32(Number(BigInt.asIntN(32, BigInt(value))));
        break;
      default:
        numbers.i32(Number(value) === 0 ? 0 : 1);
    }
  }
}

export function readScalars(shader: Shader, types: readonly (ComputeType | undefined)[]): string[] {
  return Array.from(types, (type) => {
    switch (type) {
      case undefined:
        return '';
      case 'int64':
        return shader.i64();
      case 'float32':
        return shader.f32();
      case 'int32':
        return shader.i32();
      default:
        return `(${shader.i32()} != 0)`;
    }
  });
}

export function compilePointwise(gpu: Gpu, { exprs }: PointwiseKernel): Executable {
  const found = [...inputDtypes(exprs)];
  const inputs = found.map(([index]) => index);
  const scalars = scalarDtypes(exprs);
  const keep = coordDims(exprs);
  const operands: Operand[] = [
    ...exprs.map((e) => ({ dtype: e.dtype, writes: true })),
    ...found.map(([, dtype]) => ({ dtype, writes: false })),
  ];
  const programs = new Map<string, Program>();
  const numbers = new Numbers();

  return (outs, ins, values) => {
    const views: View[] = [...outs];
    for (const i of inputs) views.push(ins[i]!);
    const walk = walkOf(views, outs[0]!.shape, { keep });
    if (walk.count === 0) return;
    let program = programs.get(walk.key);
    if (!program) programs.set(walk.key, (program = build(gpu, exprs, operands, inputs, scalars, walk)));
    numbers.clear().i32(walk.count);
    pushScalars(numbers, scalars, values);
    for (const v of views) numbers.i32(v.offset);
    pushWalk(numbers, walk);
    program.run(views, numbers, linearGroups(walk.count, GROUP));
  };
}

function build(
  gpu: Gpu,
  exprs: readonly Expr[],
  operands: readonly Operand[],
  inputs: readonly number[],
  scalars: readonly (ComputeType | undefined)[],
  walk: Walk,
): Program {
  return new Program(gpu, {
    label: 'pointwise',
    operands,
    workgroupSize: [GROUP, 1, 1],
    write: (shader) => {
      const count = shader.i32();
      const numbers = readScalars(shader, scalars);
      const bases = operands.map(() => shader.i32());
      const { statements, offsets, coords } = writeWalk(shader, walk, 'id');
      const index = (operand: number): string => indexOf(bases[operand]!, offsets[operand]!);
      const leaves: Leaves = {
        input: (i) => {
          const operand = exprs.length + inputs.indexOf(i);
          return shader.load(operand, index(operand));
        },
        scalar: (i) => numbers[i]!,
        coord: (dim) => coords[walk.places.get(dim)!]!,
      };
      const { statements: computed, values } = lower(shader, exprs, leaves);
      const stores = values.map((v, j) => shader.store(j, index(j), stored(exprs[j]!.dtype, v)));
      return `let id = ${linearIndex(GROUP)};
if (id >= u32(${count})) { return; }
${statements}
${computed}
${stores.join('\n')}`;
    },
  });
}
