/**
 * Scan: an invocation runs along a row. Few long rows are cut to pieces: the fold of each piece, a scan of those, and
 * then every piece runs from what comes before it.
 */
import { computeType, type DType, type Executable, type ScanKernel, type View } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { literal, loaded, stored } from '../lower/element.ts';
import { linearGroups, linearIndex, Numbers, Program } from '../program.ts';
import type { Operand } from '../shader.ts';
import { identity, running } from './combine.ts';
import { indexOf, pushWalk, type Walk, walkOf, writeWalk } from './iterate.ts';
import { withScratch } from './scratch.ts';

const GROUP = 64;

/** 'folds' writes the fold of each piece; 'rows' runs from nothing, 'pieces' from the folds before it. */
type Stage = 'rows' | 'folds' | 'pieces';

/** Rows enough to keep a device busy are not cut, nor are rows that one invocation runs through in no time. */
const MANY_ROWS = 1024;
const SHORT = 128;

export function compileScan(gpu: Gpu, kernel: ScanKernel): Executable {
  const { dtype, combine } = kernel;
  const type = computeType(dtype);
  const programs = new Map<string, Program>();
  const numbers = new Numbers();

  const pass = (
    stage: Stage,
    views: readonly View[],
    walk: Walk,
    length: number,
    pieceLength: number,
    strides: readonly number[],
    folds?: View,
  ): void => {
    const key = `${stage} ${walk.key}`;
    let program = programs.get(key);
    if (!program) programs.set(key, (program = build(gpu, kernel, stage, walk)));
    const count = walk.count * Math.ceil(length / pieceLength);
    numbers.clear().i32(count).i32(walk.count).i32(length).i32(pieceLength);
    for (const v of views) numbers.i32(v.offset);
    for (const s of strides) numbers.i32(s);
    pushWalk(numbers, walk);
    program.run(folds ? [...views, folds] : views, numbers, linearGroups(count, GROUP));
  };

  return ([out], [x]) => {
    const views = [x!, out!];
    const last = Math.max(0, x!.shape.length - 1);
    const length = x!.shape[last] ?? 1;
    const walk = walkOf(views, x!.shape, { to: last });
    if (walk.count === 0 || length === 0) return;
    const strides = views.map((v) => v.strides[last] ?? 0);
    if (walk.count >= MANY_ROWS || length <= SHORT) {
      pass('rows', views, walk, length, length, strides);
      return;
    }
    const pieceLength = length > 1 << 16 ? 256 : 32;
    const pieces = Math.ceil(length / pieceLength);
    withScratch(gpu, type, [pieces, walk.count], (folds) => {
      const ofX = { ...walk, steps: walk.steps.slice(0, 1), strides: walk.strides.slice(0, 1) };
      pass('folds', [x!], ofX, length, pieceLength, strides.slice(0, 1), folds);
      const across: View = { ...folds, shape: [walk.count, pieces], strides: [1, walk.count] };
      scanOf(gpu, combine, type)([across], [across]);
      pass('pieces', views, walk, length, pieceLength, strides, folds);
    });
  };
}

const compiled = new WeakMap<Gpu, Map<string, Executable>>();

/** The scan of a matrix's rows, compiled once per device. */
export function scanOf(gpu: Gpu, combine: ScanKernel['combine'], dtype: DType): Executable {
  let scans = compiled.get(gpu);
  if (!scans) compiled.set(gpu, (scans = new Map()));
  const key = `${combine} ${dtype}`;
  let scan = scans.get(key);
  if (!scan) scans.set(key, (scan = compileScan(gpu, { kind: 'scan', combine, rank: 2, dtype })));
  return scan;
}

function build(gpu: Gpu, { combine, dtype }: ScanKernel, stage: Stage, walk: Walk): Program {
  const type = computeType(dtype);
  const operands: Operand[] = [{ dtype, writes: false }];
  if (stage !== 'folds') operands.push({ dtype, writes: true });
  const folds = operands.length;
  const views = operands.length;
  if (stage !== 'rows') operands.push({ dtype: type, writes: stage === 'folds' });
  return new Program(gpu, {
    label: `scan ${combine}`,
    operands,
    workgroupSize: [GROUP, 1, 1],
    write: (shader) => {
      const [count, rows, length, pieceLength] = [shader.i32(), shader.i32(), shader.i32(), shader.i32()];
      const bases = Array.from({ length: views }, () => shader.i32());
      const steps = bases.map(() => shader.i32());
      const { statements, offsets } = writeWalk(shader, walk, 'row');
      const at = (operand: number): string =>
        `${indexOf(bases[operand]!, offsets[operand]!)} + i * ${steps[operand]}`;
      const fold = running(shader, combine, dtype);
      const { statements: giving, element } = fold.give('sum');
      const store = `${giving}\n${shader.store(1, at(1), element)}`;
      return `let id = ${linearIndex(GROUP)};
if (id >= u32(${count})) { return; }
let row = id % u32(${rows});
let piece = i32(id / u32(${rows}));
${statements}
var sum = ${literal(shader, identity(combine, type), type)};
${stage === 'pieces' ? `if (piece > 0) { sum = ${loaded(type, shader.load(folds, `(piece - 1) * ${rows} + i32(row)`))}; }` : ''}
let end = min(${length}, (piece + 1) * ${pieceLength});
for (var i = piece * ${pieceLength}; i < end; i += 1) {
${fold.take('sum', shader.load(0, at(0)))}
${stage === 'folds' ? '' : store}
}
${stage === 'folds' ? shader.store(folds, 'id', stored(type, 'sum')) : ''}`;
    },
  });
}
