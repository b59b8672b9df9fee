/** The WGSL of a reduction: one text for each stage, mode and shape of the walks. */
import type { ComputeType, ReduceKernel } from '@sconce/core';
import { stored } from '../../lower/element.ts';
import { lower } from '../../lower/lower.ts';
import { walk } from '../../lower/walk.ts';
import { linearIndex } from '../../program.ts';
import type { Shader } from '../../shader.ts';
import { indexOf, type Walk, writeWalk } from '../iterate.ts';
import { readScalars } from '../pointwise.ts';
import { type State, stateOf } from './fold.ts';
import type { Mode, Stage } from './plan.ts';

export interface Form {
  readonly stage: Stage;
  readonly mode: Mode;
  readonly size: number;
  /** Over the outputs, for the operands of this stage: inputs, then outputs. */
  readonly kept: Walk;
  /** Over the folded dims but the innermost, and the steps along that, for the inputs of this stage. */
  readonly outer: Pick<Walk, 'rank' | 'steps'>;
  readonly steps: Walk['steps'];
  /** Coordinates of the folded dims: the place in `outer`, or -1 for the innermost, -2 for a dim of one element. */
  readonly places: ReadonlyMap<number, number>;
  /** How many elements of the innermost dim are taken in at a time. */
  readonly unroll: number;
  /** Of the operands, by the number of the kernel's input; outputs come after the inputs, the words last. */
  readonly inputs: readonly number[];
  readonly scalars: readonly (ComputeType | undefined)[];
}

/** How many of one level make a block of the next, in a float sum. */
const BLOCK = 16;

/** A row that is cut comes in this many pieces or more; a piece's words lie `items` apart. */
export function writeReduce(shader: Shader, { folds, finish, rank }: ReduceKernel, form: Form): string {
  const { stage, mode, size, inputs } = form;
  const outputs = stage === 'partial' ? 0 : finish.length;
  const wordsAt = inputs.length + outputs;
  const items = shader.i32();
  const pieces = stage === 'whole' ? '1' : shader.i32();
  const scalars = readScalars(shader, form.scalars);
  const bases = Array.from({ length: wordsAt }, () => shader.i32());
  const kept = writeWalk(shader, form.kept, 'item');
  const at = (operand: number): string => indexOf(bases[operand]!, kept.offsets[operand]!);
  const states = folds.map((fold, i) => stateOf(shader, fold, i));
  const lines: string[] = [];

  const parallel = stage === 'partial' ? `u32(${items} * ${pieces})` : `u32(${items})`;
  lines.push(
    `let id = ${mode === 'group' ? 'wid.y * groups.x + wid.x' : linearIndex(size)};`,
    `if (id >= ${parallel}) { return; }`,
  );
  if (stage === 'partial')
    lines.push(`let item = id % u32(${items});`, `let piece = i32(id / u32(${items}));`);
  else lines.push('let item = id;');
  lines.push(kept.statements, ...states.map((s) => s.declare), 'var blocks = 0;');

  const word = (w: number): string => `(${w} * ${pieces} + piece) * ${items} + i32(item)`;
  if (stage === 'final') {
    let w = 0;
    const joins = states.map((s) => {
      const words = Array.from({ length: s.words }, () => shader.name());
      const loads = words.map((name) => `let ${name} = bitcast<u32>(${shader.load(wordsAt, word(w++))});`);
      return `${loads.join('\n')}\n${s.join(words)}`;
    });
    const [from, step] = mode === 'group' ? ['i32(li)', `${size}`] : ['0', '1'];
    lines.push(blocked(states, 'piece', from, pieces, step, () => joins.join('\n'), 1));
  } else lines.push(rows(shader, folds, states, form, scalars, at, kept.coords, rank));

  lines.push(...states.map((s) => s.total ?? ''));
  if (mode === 'group') lines.push(tree(shader, states, size), 'if (li == 0u) {');
  if (stage === 'partial') {
    let w = 0;
    for (const s of states)
      for (const value of s.pack()) lines.push(shader.store(wordsAt, word(w++), `bitcast<i32>(${value})`));
  } else {
    const { statements, values } = lower(shader, finish, {
      input: (i) =>
        i < folds.length
          ? states[i]!.element
          : shader.load(inputs.indexOf(i - folds.length), at(inputs.indexOf(i - folds.length))),
      scalar: (i) => scalars[i]!,
      coord: (dim) => kept.coords[form.kept.places.get(dim)!]!,
    });
    lines.push(statements);
    for (const [j, value] of values.entries())
      lines.push(shader.store(inputs.length + j, at(inputs.length + j), stored(finish[j]!.dtype, value)));
  }
  if (mode === 'group') lines.push('}');
  return lines.join('\n');
}

/** The loops over a row, or over this invocation's part of it. */
function rows(
  shader: Shader,
  folds: ReduceKernel['folds'],
  states: readonly State[],
  form: Form,
  scalars: readonly string[],
  at: (operand: number) => string,
  keptCoords: readonly string[],
  rank: number,
): string {
  const { stage, mode, size, inputs, outer } = form;
  const [outerSize, innerSize] = [shader.i32(), shader.i32()];
  const lines: string[] = [];
  let [u0, u1, v0, v1] = ['0', outerSize, '0', innerSize];
  if (stage === 'partial') {
    const [innerPieces, outerLength, innerLength] = [shader.i32(), shader.i32(), shader.i32()];
    lines.push(
      `let uFrom = piece / ${innerPieces} * ${outerLength};`,
      `let vFrom = piece % ${innerPieces} * ${innerLength};`,
      `let uTo = min(uFrom + ${outerLength}, ${outerSize});`,
      `let vTo = min(vFrom + ${innerLength}, ${innerSize});`,
    );
    [u0, u1, v0, v1] = ['uFrom', 'uTo', 'vFrom', 'vTo'];
  }
  let [du, dv] = ['1', '1'];
  if (mode === 'group') {
    // So many of the workgroup's invocations lie along the innermost dim.
    const lanes = shader.i32();
    lines.push(`let lane = i32(li) % ${lanes};`, `let level = i32(li) / ${lanes};`);
    [u0, v0, du, dv] = [`${u0} + level`, `${v0} + lane`, `(${size} / ${lanes})`, lanes];
  }
  const walked = writeWalk(shader, outer, 'turn');
  const starts = inputs.map(() => shader.name());
  const steps = form.steps.map((step) =>
    strideText(step === 'strided' ? shader.i32() : step === 'dense' ? '1' : '0'),
  );
  const coord = (dim: number, v: string): string => {
    if (dim < rank) return keptCoords[form.kept.places.get(dim)!]!;
    const place = form.places.get(dim)!;
    return place === -1 ? v : walked.coords[place]!;
  };
  /** Takes in the elements at these places of the innermost dim. */
  const taking = (places: readonly string[]): string => {
    const lowered = places.map((v) =>
      lower(
        shader,
        folds.map((f) => f.map),
        {
          input: (i) => {
            const operand = inputs.indexOf(i);
            return shader.load(operand, indexOf(starts[operand]!, steps[operand]!(v)));
          },
          scalar: (i) => scalars[i]!,
          coord: (dim) => coord(dim, v),
        },
      ),
    );
    const position = (v: string): string => (outer.rank > 0 ? `u * ${innerSize} + ${v}` : v);
    const takes = states.map((s, i) => {
      const values = lowered.map((l) => l.values[i]!);
      return s.takeAll && values.length > 1
        ? s.takeAll(values)
        : values.map((value, n) => s.take(value, position(places[n]!))).join('\n');
    });
    return [...lowered.map((l) => l.statements), ...takes].join('\n');
  };
  const inside = [
    ...inputs.map((_, i) => `let ${starts[i]} = ${indexOf(at(i), walked.offsets[i] ?? '')};`),
    blocked(states, 'v', v0, v1, dv, taking, form.unroll),
  ];
  if (outer.rank === 0 && mode === 'thread' && stage === 'whole') return [...lines, ...inside].join('\n');
  lines.push(
    `for (var u = ${u0}; u < ${u1}; u += ${du}) {`,
    'let turn = u32(u);',
    walked.statements,
    ...inside,
    '}',
  );
  return lines.join('\n');
}

const strideText =
  (stride: string) =>
  (v: string): string =>
    stride === '0' ? '' : stride === '1' ? v : `${v} * ${stride}`;

/**
 * A loop over `name`, `unroll` places at a time; with float sums in it, in blocks.
 * @param body what is done at some places
 */
function blocked(
  states: readonly State[],
  name: string,
  from: string,
  to: string,
  step: string,
  body: (places: readonly string[]) => string,
  unroll: number,
): string {
  const times = (n: number): string => (step === '1' ? `${n}` : `${n} * ${step}`);
  const run = (end: string): string => {
    const single = `for (; ${name} < ${end}; ${name} += ${step}) {\n${body([name])}\n}`;
    if (unroll === 1) return single;
    const places = Array.from({ length: unroll }, (_, n) => (n === 0 ? name : `${name}_${n}`));
    const lets = places.slice(1).map((place, n) => `let ${place} = ${name} + ${times(n + 1)};`);
    return `for (; ${name} + ${times(unroll - 1)} < ${end}; ${name} += ${times(unroll)}) {
${lets.join('\n')}
${body(places)}
}
${single}`;
  };
  const ends = states.flatMap((s) => (s.ends ? [s.ends] : []));
  if (ends.length === 0) return `var ${name} = ${from};\n${run(to)}`;
  return `var ${name} = ${from};
while (${name} < ${to}) {
let end = min(${to}, ${name} + ${times(BLOCK * unroll)});
${run('end')}
${ends.map((e) => e[0]).join('\n')}
blocks += 1;
if (blocks % ${BLOCK} == 0) { ${ends.map((e) => e[1]).join(' ')} }
if (blocks % ${BLOCK ** 2} == 0) { ${ends.map((e) => e[2]).join(' ')} }
}`;
}

/** How many elements of a long row to take in at a time: loops cost more than cheap folds do, and texts grow with what is repeated. */
export function unrolling(folds: ReduceKernel['folds']): number {
  let work = 0;
  walk(
    folds.map((f) => f.map),
    (e) => {
      if (e.op === 'input' || e.op === 'const' || e.op === 'scalar') return;
      work += cheap.has(e.op) ? (e.dtype === 'int64' ? 3 : 1) : 8;
    },
  );
  for (const { combine, map } of folds) work += combine.startsWith('arg') ? 6 : map.dtype === 'int64' ? 3 : 1;
  return work <= 5 ? 8 : work <= 12 ? 4 : 1;
}

const cheap: ReadonlySet<string> = new Set(
  'cast add sub mul neg abs min max eq ne lt le gt ge and or xor not where isnan'.split(' '),
);

/** Folds the invocations of a workgroup into the first. All of them come here. */
function tree(shader: Shader, states: readonly State[], size: number): string {
  const packed = states.map((s) => s.pack());
  const names = packed.map((words, i) => words.map((_, w) => `w${i}_${w}`));
  for (const name of names.flat()) shader.declare(`var<workgroup> ${name}: array<u32, ${size}>;`);
  const write = states
    .flatMap((_, i) => packed[i]!.map((value, w) => `${names[i]![w]}[li] = ${value};`))
    .join('\n');
  const join = states.map((s, i) => s.join(names[i]!.map((name) => `${name}[li + half]`))).join('\n');
  return `${write}
for (var half = ${size / 2}u; half > 0u; half = half >> 1u) {
workgroupBarrier();
if (li < half) {
${join}
${write}
}
}`;
}
