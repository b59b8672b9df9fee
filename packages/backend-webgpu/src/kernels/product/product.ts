/** Running a product: which kernel, how it is cut, and the programs that were written so far. */
import { type DType, NotSupportedError, type View } from '@sconce/core';
import type { Gpu } from '../../device/gpu.ts';
import { linearGroups, Numbers, Program } from '../../program.ts';
import type { Recipe } from '../../shader.ts';
import { pushScalars } from '../pointwise.ts';
import { withScratch } from '../scratch.ts';
import type { Ending } from './ending.ts';
import { type Form, formOf, type Geometry, MOST_INNER, pushGeometry } from './geometry.ts';
import { addParts, PARTS_GROUP } from './parts.ts';
import { type Plain, plain, plainTile } from './plain.ts';
import { type Registers, registers, registersTile } from './registers.ts';
import { type Tiles, tiles } from './tiles.ts';
import { countTiles, cut, pushCut, type Tile } from './tiling.ts';

export type Variant = Registers | Tiles | Plain;

/** Set by tests, which run what other adapters and sizes would get on the adapter that they have. */
export const forced: {
  kind?: Variant['kind'] | undefined;
  subgroups?: boolean | undefined;
  /** Rows and columns of a tile, and of an invocation's block. */
  tile?: readonly [rows: number, columns: number, down: number, across: number] | undefined;
  winograd?: boolean | undefined;
} = {};

/** Whether four invocations are a subgroup for certain: SwiftShader has none but of four. */
export function hasSubgroupsOfFour(gpu: Gpu): boolean {
  const { subgroupMinSize, subgroupMaxSize } = gpu.adapter.info as {
    subgroupMinSize?: number;
    subgroupMaxSize?: number;
  };
  return gpu.device.features.has('subgroups') && subgroupMinSize === 4 && subgroupMaxSize === 4;
}

function variantOf(gpu: Gpu, g: Geometry, accumulate: DType): Variant {
  if (accumulate === 'int64') return { kind: 'plain' };
  const kind = forced.kind ?? (gpu.isSoftware ? 'registers' : 'tiles');
  if (kind === 'plain') return { kind };
  if (kind === 'registers') {
    const rows = g.rows > 8 ? 16 : g.rows > 4 ? 8 : g.rows > 1 ? 4 : 1;
    return { kind, rows, subgroups: forced.subgroups ?? hasSubgroupsOfFour(gpu) };
  }
  const along = {
    kind,
    // Of a convolution, weights: their taps are next to each other.
    aAlongK: g.positions.length > 0 || Math.abs(g.a.channel) <= Math.abs(g.a.row),
    bAlongK: g.positions.length === 0 && Math.abs(g.b.channel) < Math.abs(g.b.sample),
  };
  const [tall, wide, down, across] = forced.tile ?? tileFor(g);
  return { ...along, rows: tall, columns: wide, down, across };
}

/** The larger a tile, the fewer loads per product; but tiles must keep the whole GPU busy, and not hang over the edges. */
function tileFor({ rows, columns, groups }: Geometry): readonly [number, number, number, number] {
  const area = rows * columns * groups;
  if (rows <= 16) return [16, 64, 4, 4];
  if (columns <= 16) return [64, 16, 4, 4];
  if (rows > 64 && columns > 64 && area >= 128 ** 3) return [128, 128, 8, 8];
  if (rows > 32 && columns > 32 && area >= 64 ** 3) return [64, 64, 4, 4];
  return [32, 32, 4, 4];
}

const tileOf = (v: Variant): Tile =>
  v.kind === 'registers' ? registersTile(v) : v.kind === 'tiles' ? v : plainTile;

function recipeOf(v: Variant, form: Form, dtype: DType, ending: Ending): Recipe {
  switch (v.kind) {
    case 'registers':
      return registers(v, form, dtype, ending);
    case 'tiles':
      return tiles(v, form, dtype, ending);
    case 'plain':
      return plain(form, dtype, ending);
  }
}

/** All products of one kernel. */
export class Product {
  private readonly programs = new Map<string, Program>();
  private readonly numbers = new Numbers();
  /** Writes sums as they are. */
  private readonly raw: Ending;

  constructor(
    private readonly gpu: Gpu,
    private readonly dtype: DType,
    private readonly ending: Ending,
  ) {
    const { accumulate } = ending;
    const finish = { op: 'input', index: 0, dtype: accumulate } as const;
    this.raw = { accumulate, finish, inputs: [], dtypes: [], scalars: [] };
  }

  run(g: Geometry, scalars: readonly (number | bigint)[]): void {
    const { rows, columns, groups, inner } = g;
    if (rows === 0 || columns === 0 || groups === 0) return;
    if (inner > MOST_INNER && g.taps.length > 0)
      throw new NotSupportedError(
        `webgpu: a convolution sums at most ${MOST_INNER} products (channels times window), not ${inner}`,
      );
    const { ending, gpu, numbers } = this;
    const { accumulate } = ending;
    const form = formOf(g);
    const variant = variantOf(gpu, g, accumulate);
    const plan = cut(
      g,
      tileOf(variant),
      gpu.isSoftware ? { workgroups: 8, shortest: 128 } : { workgroups: 256, shortest: 256 },
    );
    const operands = (...first: View[]): View[] => [...first, ...g.targets.slice(1).map((t) => t.view)];
    const whole = plan.parts === 1;
    const run = (out: Geometry, end: Ending, views: readonly View[]): void => {
      const f = { ...form, targets: out.targets.length };
      const program = this.program(`${JSON.stringify(variant)} ${JSON.stringify(f)} ${end === ending}`, () =>
        recipeOf(variant, f, this.dtype, end),
      );
      pushGeometry(numbers.clear(), out, f);
      pushCut(numbers, plan);
      pushScalars(numbers, end.scalars, scalars);
      program.run(views, numbers, linearGroups(countTiles(plan), 1));
    };
    const [target] = g.targets as [Geometry['targets'][0]];
    if (whole) {
      run(g, ending, operands(target.view, g.a.view, g.b.view));
      return;
    }
    withScratch(gpu, accumulate, [plan.parts, groups, rows, columns], (parts) => {
      const positions = new Array<number>(g.positions.length);
      let sample = 1;
      for (let d = positions.length - 1; d >= 0; d--) {
        positions[d] = sample;
        sample *= g.positions[d]!;
      }
      const partial = { view: parts, group: rows * columns, row: columns, sample, positions };
      run({ ...g, targets: [partial] }, this.raw, [parts, g.a.view, g.b.view]);
      const program = this.program(`parts ${JSON.stringify(form)}`, () => addParts(form, this.dtype, ending));
      pushGeometry(numbers.clear(), g, form);
      numbers.i32(groups).i32(plan.parts);
      pushScalars(numbers, ending.scalars, scalars);
      program.run(operands(target.view, parts), numbers, linearGroups(groups * rows * columns, PARTS_GROUP));
    });
  }

  private program(key: string, recipe: () => Recipe): Program {
    let program = this.programs.get(key);
    if (!program) this.programs.set(key, (program = new Program(this.gpu, recipe())));
    return program;
  }
}
