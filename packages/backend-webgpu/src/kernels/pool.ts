/** Pool: one invocation per output element walks its window, cut to what lies inside. */
import { computeType, type Executable, type PoolKernel, type View } from '@sconce/core';
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
    const key = `${indices ? 'indices ' : ''}${walk.key}`;
    let program = programs.get(key);
    if (!program) programs.set(key, (program = build(gpu, kernel, walk, lead, indices !== undefined)));
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

function build(gpu: Gpu, kernel: PoolKernel, walk: Walk, lead: number, indices: boolean): Program {
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
      // Along each dim, from the first position inside to the end of the window or of x.
      let at = indexOf(bases[1]!, offsets[1]!);
      for (const [d, s] of sliding.entries()) {
        const out = coords[walk.places.get(lead + d)!]!;
        lines.push(
          `let start${d} = ${out} * ${s.stride} - ${s.padding};`,
          `let first${d} = select(start${d}, start${d} + (-start${d} + ${s.dilation} - 1) / ${s.dilation} * ${s.dilation}, start${d} < 0);`,
          `let end${d} = min(start${d} + ${s.window} * ${s.dilation}, ${s.size});`,
        );
      }
      const body = kernel.reduce === 'max' ? maxBody(shader, kernel) : sumBody(shader, kernel);
      lines.push(body.before);
      for (const [d, s] of sliding.entries()) {
        lines.push(
          `for (var p${d} = first${d}; p${d} < end${d}; p${d} += ${s.dilation}) {`,
          `let at${d} = ${at} + p${d} * ${s.step};`,
        );
        at = `at${d}`;
      }
      const flat = sliding.reduce((text, s, d) => (d === 0 ? 'p0' : `(${text}) * ${s.size} + p${d}`), '');
      lines.push(body.inside(shader.load(1, at), flat), ...sliding.map(() => '}'), body.after);
      lines.push(shader.store(0, indexOf(bases[0]!, offsets[0]!), 'result'));
      if (indices) lines.push(shader.store(2, indexOf(bases[2]!, offsets[2]!), 'vec2<u32>(u32(best), 0u)'));
      return lines.join('\n');
    },
  });
}

interface Body {
  readonly before: string;
  /** @param flat the position in x's window dims */
  inside(element: string, flat: string): string;
  /** Leaves the element to store in `result`. */
  readonly after: string;
}

function sumBody(shader: Shader, { dtype }: PoolKernel): Body {
  const sum = running(shader, 'sum', dtype);
  const { statements, element } = sum.give('sum');
  return {
    before: `var sum: ${sum.type};`,
    inside: (x) => sum.take('sum', x),
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
    inside: (x, flat) => `let x = ${x};\nif ((best < 0) | (${isGreater})) { result = x; best = ${flat}; }`,
    after: '',
  };
}
