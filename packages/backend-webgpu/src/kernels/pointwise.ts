/** Pointwise kernels: one invocation per element, or per four of them where they lie side by side. */
import type { ComputeType, DType, Executable, Expr, PointwiseKernel, View } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { stored } from '../lower/element.ts';
import { type Leaves, lower } from '../lower/lower.ts';
import { canBeWide, coordDims, inputDtypes, scalarDtypes } from '../lower/walk.ts';
import { widened } from '../lower/widen.ts';
import { storageType } from '../memory.ts';
import { linearGroups, linearIndex, Numbers, Program } from '../program.ts';
import type { Operand, Shader } from '../shader.ts';
import { fourAtATime, indexOf, pushWalk, type Walk, type WideWalk, walkOf, writeWalk } from './iterate.ts';

const GROUP = 256;
/** From how many elements on vectors are worth a program of their own. */
const WIDE_FROM = 4096;

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
  const inputs = [...inputDtypes(exprs)].map(([index, dtype]) => ({ index, dtype }));
  const scalars = scalarDtypes(exprs);
  const keep = coordDims(exprs);
  const mayBeWide = canBeWide(exprs);
  const formula: Formula = { exprs, inputs, scalars };
  const programs = new Map<string, Program>();
  const numbers = new Numbers();

  return (outs, ins, values) => {
    const views: View[] = [...outs];
    for (const { index } of inputs) views.push(ins[index]!);
    const walk = walkOf(views, outs[0]!.shape, { keep });
    if (walk.count === 0) return;
    const wide = mayBeWide && walk.count >= WIDE_FROM ? fourAtATime(walk, views, outs.length) : undefined;
    const { key, count } = wide ?? walk;
    let program = programs.get(key);
    if (!program) programs.set(key, (program = build(gpu, formula, wide ?? walk)));
    numbers.clear().i32(count);
    pushScalars(numbers, scalars, values);
    for (let i = 0; i < views.length; i++) {
      const { offset } = views[i]!;
      numbers.i32(wide?.vectors[i] ? offset / 4 : offset);
    }
    pushWalk(numbers, wide ?? walk);
    program.run(views, numbers, linearGroups(count, GROUP));
  };
}

interface Formula {
  readonly exprs: readonly Expr[];
  readonly inputs: readonly { readonly index: number; readonly dtype: DType }[];
  readonly scalars: readonly (ComputeType | undefined)[];
}

const vectorOf = { f32: 'F', i32: 'I', u32: 'U', 'vec2<u32>': '' } as const;
const valueVector: Partial<Record<DType, string>> = { float32: 'F', int32: 'I', bool: 'B' };

function build(gpu: Gpu, { exprs, inputs, scalars }: Formula, walk: Walk | WideWalk): Program {
  const vectors = 'vectors' in walk ? walk.vectors : undefined;
  const operands: Operand[] = [
    ...exprs.map(({ dtype }) => ({ dtype, writes: true })),
    ...inputs.map(({ dtype }) => ({ dtype, writes: false })),
  ].map((operand, i) => ({ ...operand, isVector: vectors?.[i] }));
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
          const operand = exprs.length + inputs.findIndex((input) => input.index === i);
          const element = shader.load(operand, index(operand));
          return vectors && !vectors[operand]
            ? `${vectorOf[storageType[operands[operand]!.dtype]!]}(${element})`
            : element;
        },
        scalar: (i, dtype) => (vectors ? `${valueVector[dtype]}(${numbers[i]})` : numbers[i]!),
        coord: (dim) => coords[walk.places.get(dim)!]!,
      };
      const lowered = lower(shader, exprs, leaves, vectors ? 4 : 1);
      const stores = lowered.values.map((v, j) => {
        const value = stored(exprs[j]!.dtype, v);
        return shader.store(j, index(j), vectors ? widened(value) : value);
      });
      return `let id = ${linearIndex(GROUP)};
if (id >= u32(${count})) { return; }
${statements}
${lowered.statements}
${stores.join('\n')}`;
    },
  });
}
