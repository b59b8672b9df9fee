/** Pool: one invocation per output element walks its window, cut to what lies inside. */
import { computeType, type Executable, numelOf, type PoolKernel, type View } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { valueType } from '../lower/element.ts';
import { linearGroups, linearIndex, Numbers, Program } from '../program.ts';
import type { Operand, Shader } from '../shader.ts';
import { running } from './combine.ts';
import { indexOf, pushWalk, type Walk, walkOf, writeWalk } from './iterate.ts';

const GROUP = 64;

export function compilePool(gpu: Gpu, kernel: PoolKernel): Executable {
  const { dims, dtype, window, stride, padding, dilation } = kernel;
  const programs = new Map<string, Program>();
  const numbers = new Numbers();
  return (outputs, inputs) => {
    const [out, indices] = outputs as [View, View?];
    const x = inputs[0]!;
    const lead = out.shape.length - dims;
    const keep = new Set(Array.from({ length: dims }, (_, d) => lead + d));
    // The window moves x along the last dims: the walk moves it along the others.
    const planes: View = {
      memory: x.memory,
      dtype,
      shape: out.shape,
      strides: x.strides.map((s, d) => (d < lead ? s : 0)),
      offset: x.offset,
    };
    const views = indices ? [out, planes, indices] : [out, planes];
    const walk = walkOf(views, out.shape, { keep });
    if (walk.count === 0) return;
    const form = formOf(kernel, walk.count, x.shape.slice(lead), out.shape.slice(lead));
    const key = `${form} ${indices ? 'indices ' : ''}${walk.key}`;
    let program = programs.get(key);
    if (!program) programs.set(key, (program = build(gpu, kernel, form, walk, lead, indices !== undefined)));
    numbers.clear().i32(walk.count);
    for (const v of views) numbers.i32(v.offset);
    for (let d = 0; d < dims; d++)
      numbers
        .i32(x.shape[lead + d]!)
        .i32(x.strides[lead + d]!)
        .i32(window[d]!)
        .i32(stride[d]!)
        .i32(padding[d]!)
        .i32(dilation[d]!);
    pushWalk(numbers, walk);
    program.run(views, numbers, linearGroups(walk.count, GROUP));
  };
}

/** Loops over the window; or all of a small window's taps, cut to what is inside, or known to be inside. */
type Form = 'loops' | 'taps' | 'inside';

/** Taps that are written one by one, for so many elements that the longer text pays. */
const MOST_TAPS = 16;
const MANY = 4096;

function formOf(
  { window, stride, padding, dilation }: PoolKernel,
  count: number,
  size: readonly number[],
  outSize: readonly number[],
): Form {
  if (numelOf(window) > MOST_TAPS || count < MANY) return 'loops';
  const isInside = size.every(
    (n, d) => padding[d] === 0 && (outSize[d]! - 1) * stride[d]! + (window[d]! - 1) * dilation[d]! < n,
  );
  return isInside ? 'inside' : 'taps';
}

function build(
  gpu: Gpu,
  kernel: PoolKernel,
  form: Form,
  walk: Walk,
  lead: number,
  indices: boolean,
): Program {
  const { dims, dtype } = kernel;
  const operands: Operand[] = [
    { dtype, writes: true },
    { dtype, writes: false },
    ...(indices ? [{ dtype: 'int64' as const, writes: true }] : []),
  ];
  return new Program(gpu, {
    label: kernel.reduce === 'max' ? 'max_pool' : 'sum_pool',
    operands,
    workgroupSize: [GROUP, 1, 1],
    write: (shader) => {
      const count = shader.i32();
      const bases = operands.map(() => shader.i32());
      const sliding = Array.from({ length: dims }, () => ({
        size: shader.i32(),
        step: shader.i32(),
        window: shader.i32(),
        stride: shader.i32(),
        padding: shader.i32(),
        dilation: shader.i32(),
      }));
      const { statements, offsets, coords } = writeWalk(shader, walk, 'id');
      const lines = [`let id = ${linearIndex(GROUP)};`, `if (id >= u32(${count})) { return; }`, statements];
      for (const [d, s] of sliding.entries())
        lines.push(`let start${d} = ${coords[walk.places.get(lead + d)!]} * ${s.stride} - ${s.padding};`);
      const body = kernel.reduce === 'max' ? maxBody(shader, kernel) : sumBody(shader, kernel);
      const base = indexOf(bases[1]!, offsets[1]!);
      const load = (at: string): string => shader.load(1, at);
      lines.push(
        body.before,
        form === 'loops'
          ? loops(sliding, base, load, body)
          : taps(sliding, kernel.window, base, load, body, form === 'inside'),
        body.after,
      );
      lines.push(shader.store(0, indexOf(bases[0]!, offsets[0]!), 'result'));
      if (indices) lines.push(shader.store(2, indexOf(bases[2]!, offsets[2]!), 'vec2<u32>(u32(best), 0u)'));
      return lines.join('\n');
    },
  });
}

/** The names of a dim's numbers. */
type Sliding = Readonly<Record<'size' | 'step' | 'window' | 'stride' | 'padding' | 'dilation', string>>;

/** The position in x's window dims. */
const flatten = (sliding: readonly Sliding[], places: readonly string[]): string =>
  places.reduce((text, p, d) => (d === 0 ? p : `(${text}) * ${sliding[d]!.size} + ${p}`), '');

/** Along each dim, from the first position inside to the end of the window or of x. */
function loops(sliding: readonly Sliding[], base: string, load: (at: string) => string, body: Body): string {
  const lines: string[] = [];
  let at = base;
  for (const [d, s] of sliding.entries()) {
    lines.push(
      `let first${d} = select(start${d}, start${d} + (-start${d} + ${s.dilation} - 1) / ${s.dilation} * ${s.dilation}, start${d} < 0);`,
      `let end${d} = min(start${d} + ${s.window} * ${s.dilation}, ${s.size});`,
      `for (var p${d} = first${d}; p${d} < end${d}; p${d} += ${s.dilation}) {`,
      `let at${d} = ${at} + p${d} * ${s.step};`,
    );
    at = `at${d}`;
  }
  const flat = flatten(
    sliding,
    sliding.map((_, d) => `p${d}`),
  );
  return [...lines, body.inside(load(at), flat), ...sliding.map(() => '}')].join('\n');
}

/** Every tap in its turn. */
function taps(
  sliding: readonly Sliding[],
  window: readonly number[],
  base: string,
  load: (at: string) => string,
  body: Body,
  isInside: boolean,
): string {
  const lines: string[] = [];
  for (const [d, s] of sliding.entries())
    for (let k = 0; k < window[d]!; k++) {
      const p = `p${d}_${k}`;
      lines.push(`let ${p} = start${d}${k === 0 ? '' : ` + ${k} * ${s.dilation}`};`);
      lines.push(`let at${d}_${k} = ${isInside ? p : `clamp(${p}, 0, ${s.size} - 1)`} * ${s.step};`);
      if (!isInside) lines.push(`let ok${d}_${k} = (${p} >= 0) & (${p} < ${s.size});`);
    }
  const count = numelOf(window);
  for (let tap = 0; tap < count; tap++) {
    const k: number[] = [];
    let rest = tap;
    for (let d = window.length - 1; d >= 0; d--) {
      k[d] = rest % window[d]!;
      rest = Math.floor(rest / window[d]!);
    }
    const names = (prefix: string): string[] => k.map((i, d) => `${prefix}${d}_${i}`);
    const flat = flatten(sliding, names('p'));
    lines.push(
      `{\n${body.inside(load([base, ...names('at')].join(' + ')), flat, isInside ? undefined : names('ok').join(' & '))}\n}`,
    );
  }
  return lines.join('\n');
}

interface Body {
  readonly before: string;
  /**
   * @param flat the position in x's window dims
   * @param isInside a condition; what is given where it does not hold means nothing
   */
  inside(element: string, flat: string, isInside?: string): string;
  /** Leaves the element to store in `result`. */
  readonly after: string;
}

function sumBody(shader: Shader, { dtype }: PoolKernel): Body {
  const sum = running(shader, 'sum', dtype);
  const { statements, element } = sum.give('sum');
  return {
    before: `var sum: ${sum.type};`,
    inside: (x, _, isInside) =>
      isInside ? `if (${isInside}) {\n${sum.take('sum', x)}\n}` : sum.take('sum', x),
    after: `${statements}\nlet result = ${element};`,
  };
}

/** The element itself is kept, as stored. The first of equals and the first NaN wins. */
function maxBody(shader: Shader, { dtype }: PoolKernel): Body {
  const type = computeType(dtype);
  const stored = type === 'bool' ? 'u32' : valueType(type);
  const nan = (x: string): string => `${shader.use('f32_isnan')}(${x})`;
  const isGreater =
    type === 'float32'
      ? `((x > result) | ${nan('x')}) & !${nan('result')}`
      : type === 'int64'
        ? `${shader.use('i64_lt')}(result, x)`
        : 'x > result';
  return {
    before: `var result: ${stored};\nvar best = -1;`,
    // Without branches, which are dear where invocations run in step.
    inside: (x, flat, isInside) => `let x = ${x};
let better = ((best < 0) | (${isGreater}))${isInside ? ` & ${isInside}` : ''};
result = select(result, x, better);
best = select(best, ${flat}, better);`,
    after: '',
  };
}
