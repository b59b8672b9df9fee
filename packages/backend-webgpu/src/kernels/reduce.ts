/** Reduce: folds over the last dims, and expressions of them, in one pass or two. */
import type { Executable, ReduceKernel, View } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { coordDims, inputDtypes, scalarDtypes } from '../lower/walk.ts';
import { linearGroups, Numbers, Program } from '../program.ts';
import type { Operand } from '../shader.ts';
import { pushWalk, type Walk, walkOf } from './iterate.ts';
import { pushScalars } from './pointwise.ts';
import { wordsOf } from './reduce/fold.ts';
import { type Cut, cutOf, finalMode, forOperands, isAlongRow, type Stage } from './reduce/plan.ts';
import { type Form, unrolling, writeReduce } from './reduce/shader.ts';
import { withScratch } from './scratch.ts';

export function compileReduce(gpu: Gpu, kernel: ReduceKernel): Executable {
  const reduction = new Reduction(gpu, kernel);
  return (outputs, inputs, scalars) => reduction.run(outputs, inputs, scalars ?? []);
}

/** The powers of two up to a workgroup's size. */
const powerOfTwo = (n: number, most: number): number => {
  let p = 1;
  while (p < n && p < most) p *= 2;
  return p;
};

/** Turns of an invocation that pay for the longer text that takes in several elements at a time. */
const LONG = 32;

class Reduction {
  private readonly programs = new Map<string, Program>();
  private readonly numbers = new Numbers();
  /** The kernel's inputs that occur, with their dtypes: in the folds, in what finishes them, in either. */
  private readonly folded: Map<number, View['dtype']>;
  private readonly finished: Map<number, View['dtype']>;
  private readonly used: number[];
  private readonly scalars: ReturnType<typeof scalarDtypes>;
  private readonly keptDims: Set<number>;
  private readonly foldedDims: Set<number>;
  private readonly hasPlaces: boolean;
  private readonly words: number;
  private readonly unroll: number;

  constructor(
    private readonly gpu: Gpu,
    private readonly kernel: ReduceKernel,
  ) {
    const { folds, finish, rank } = kernel;
    const maps = folds.map((f) => f.map);
    this.folded = inputDtypes(maps);
    this.finished = new Map(
      [...inputDtypes(finish)].flatMap(([i, dtype]) =>
        i < folds.length ? [] : ([[i - folds.length, dtype]] as const),
      ),
    );
    this.used = [...new Set([...this.folded.keys(), ...this.finished.keys()])];
    this.scalars = scalarDtypes([...maps, ...finish]);
    const dims = [...coordDims([...maps, ...finish])];
    this.keptDims = new Set(dims.filter((d) => d < rank));
    this.foldedDims = new Set(dims.filter((d) => d >= rank));
    this.hasPlaces = folds.some((f) => f.combine === 'argmin' || f.combine === 'argmax');
    this.unroll = unrolling(folds);
    this.words = folds.reduce((sum, f) => sum + wordsOf(f), 0);
  }

  run(outputs: readonly View[], inputs: readonly View[], scalars: readonly (number | bigint)[]): void {
    const { gpu, used } = this;
    const { rank, reduced } = this.kernel;
    const views = used.map((i) => inputs[i]!);
    const kept = walkOf([...views, ...outputs], outputs[0]!.shape, { keep: this.keptDims });
    if (kept.count === 0) return;
    const row = walkOf(views, inputs[0]?.shape ?? [], {
      from: rank,
      to: rank + reduced,
      keep: this.foldedDims,
      reorder: !this.hasPlaces,
    });
    const inner = row.rank > 0 ? row.sizes[row.rank - 1]! : 1;
    const lengths = { outer: inner === 0 ? 0 : row.count / inner, inner };
    let cut = cutOf(kept.count, lengths, isAlongRow(kept, row, views.length), gpu.isSoftware);
    const pieces = cut.outerPieces * cut.innerPieces;
    // Where the words have no binding left, rows are not cut.
    const bound = Math.max(this.folded.size, this.finished.size + outputs.length) + 1;
    if (pieces > 1 && bound < gpu.device.limits.maxStorageBuffersPerShaderStage) {
      withScratch(gpu, 'int32', [this.words * pieces * kept.count], (words) => {
        this.pass('partial', cut, kept, row, lengths, inputs, [], scalars, words);
        cut = { ...cut, ...finalMode(kept.count, pieces, gpu.isSoftware) };
        this.pass('final', cut, kept, row, lengths, inputs, outputs, scalars, words);
      });
      return;
    }
    this.pass('whole', cut, kept, row, lengths, inputs, outputs, scalars);
  }

  private pass(
    stage: Stage,
    cut: Cut,
    kept: Walk,
    row: Walk,
    lengths: { outer: number; inner: number },
    inputs: readonly View[],
    outputs: readonly View[],
    scalars: readonly (number | bigint)[],
    words?: View,
  ): void {
    const { used, numbers } = this;
    const { mode, size } = cut;
    const pieces = cut.outerPieces * cut.innerPieces;
    const isIn = stage === 'whole' ? () => true : stage === 'partial' ? this.isFolded : this.isFinished;
    const mine = used.flatMap((input, operand) => (isIn(input) ? [operand] : []));
    const views = [...mine.map((operand) => inputs[used[operand]!]!), ...outputs];
    const keptHere = forOperands(kept, [...mine, ...outputs.map((_, j) => used.length + j)]);
    const along = forOperands(row, mine);
    const last = row.rank - 1;
    const outer: Walk = {
      ...along,
      rank: Math.max(0, last),
      sizes: along.sizes.slice(0, -1),
      strides: along.strides.map((s) => s.slice(0, -1)),
      steps: along.strides.map((s) => (s.slice(0, -1).every((x) => x === 0) ? 'fixed' : 'strided')),
    };
    const strides = along.strides.map((s) => s[last] ?? 0);
    const steps = strides.map((s) => (s === 0 ? 'fixed' : s === 1 ? 'dense' : 'strided'));

    const lanes = mode === 'group' ? powerOfTwo(Math.min(cut.innerLength, lengths.inner), size) : 1;
    const unroll = Math.min(cut.innerLength, lengths.inner) >= LONG * lanes ? this.unroll : 1;
    let key = `${stage}${mode}${size} ${kept.key}`;
    if (stage !== 'final') key += ` ${row.rank}${outer.steps}${steps}${unroll}`;
    let program = this.programs.get(key);
    if (!program) {
      const places = new Map([...row.places].map(([dim, place]) => [dim, place === last ? -1 : place]));
      this.programs.set(
        key,
        (program = this.program({
          stage,
          mode,
          size,
          kept: keptHere,
          outer,
          steps,
          places,
          unroll,
          inputs: mine.map((operand) => used[operand]!),
          scalars: this.scalars,
        })),
      );
    }

    numbers.clear().i32(kept.count);
    if (stage !== 'whole') numbers.i32(pieces);
    pushScalars(numbers, this.scalars, scalars);
    for (const v of views) numbers.i32(v.offset);
    pushWalk(numbers, keptHere);
    if (stage !== 'final') {
      numbers.i32(lengths.outer).i32(lengths.inner);
      if (stage === 'partial') numbers.i32(cut.innerPieces).i32(cut.outerLength).i32(cut.innerLength);
      if (mode === 'group') numbers.i32(lanes);
      pushWalk(numbers, outer);
      for (const [i, step] of steps.entries()) if (step === 'strided') numbers.i32(strides[i]!);
    }
    const count = stage === 'partial' ? kept.count * pieces : kept.count;
    program.run(words ? [...views, words] : views, numbers, linearGroups(count, mode === 'group' ? 1 : size));
  }

  private readonly isFolded = (input: number): boolean => this.folded.has(input);
  private readonly isFinished = (input: number): boolean => this.finished.has(input);

  private program(form: Form): Program {
    const { kernel, folded, finished } = this;
    const operands: Operand[] = form.inputs.map((i) => ({
      dtype: (folded.get(i) ?? finished.get(i))!,
      writes: false,
    }));
    if (form.stage !== 'partial')
      operands.push(...kernel.finish.map(({ dtype }) => ({ dtype, writes: true })));
    if (form.stage !== 'whole') operands.push({ dtype: 'int32', writes: form.stage === 'partial' });
    return new Program(this.gpu, {
      label: `reduce ${kernel.folds.map((f) => f.combine).join(' ')}`,
      operands,
      workgroupSize: [form.size, 1, 1],
      write: (shader) => writeReduce(shader, kernel, form),
    });
  }
}
