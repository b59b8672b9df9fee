/**
 * Softmax of rows in one dispatch: a few invocations go over a row three times, for its maximum, for the sum of the
 * exponentials, and for the quotients. For scores of attention, scaled and masked on the way.
 */
import type { DType, View } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { literal, loaded } from '../lower/element.ts';
import { linearGroups, Numbers, Program } from '../program.ts';
import type { Shader } from '../shader.ts';
import { indexOf, pushWalk, type Walk, walkOf, writeWalk } from './iterate.ts';
import { hasSubgroupsOfFour } from './product/product.ts';

export interface SoftmaxForm {
  readonly dtype: DType;
  readonly log: boolean;
  /** Added to the scores, or (bool) false where a score does not count. */
  readonly mask?: 'bool' | 'float32' | undefined;
  /** Row i of a matrix looks at columns 0 to i. */
  readonly causal: boolean;
  /** Rows of -inf give zeros in place of NaN. */
  readonly safe: boolean;
}

export interface SoftmaxCall {
  readonly out: View;
  readonly x: View;
  /** Of x's shape: broadcast. */
  readonly mask?: View | undefined;
  readonly scale?: number;
  /** The number in its matrix of the first row, for `causal`. */
  readonly firstRow?: number;
}

/** How invocations share a row. */
type Sharing = { readonly kind: 'alone' | 'subgroup' | 'workgroup'; readonly invocations: number };

function sharingOf(gpu: Gpu, columns: number): Sharing {
  if (!gpu.isSoftware) return { kind: 'workgroup', invocations: columns > 1024 ? 256 : 64 };
  return hasSubgroupsOfFour(gpu) ? { kind: 'subgroup', invocations: 4 } : { kind: 'alone', invocations: 1 };
}

const withoutLast = (v: View): View => ({
  ...v,
  shape: v.shape.slice(0, -1),
  strides: v.strides.slice(0, -1),
});

export class Softmax {
  private readonly programs = new Map<string, Program>();
  private readonly numbers = new Numbers();

  constructor(
    private readonly gpu: Gpu,
    private readonly form: SoftmaxForm,
  ) {}

  /** Over the last dim; `out` may be `x`. */
  run({ out, x, mask, scale = 1, firstRow = 0 }: SoftmaxCall, sharing?: Sharing): void {
    const views = mask ? [out, x, mask] : [out, x];
    const rows = views.map(({ memory, dtype, shape, strides, offset }) =>
      withoutLast({ memory, dtype, shape, strides, offset }),
    );
    const columns = x.shape.at(-1)!;
    const walk = walkOf(rows, rows[0]!.shape, { reorder: false });
    if (walk.count === 0 || columns === 0) return;
    const how = sharing ?? sharingOf(this.gpu, columns);
    const key = `${walk.key} ${how.kind} ${how.invocations}`;
    let program = this.programs.get(key);
    if (!program) this.programs.set(key, (program = this.build(walk, how)));
    const numbers = this.numbers.clear().i32(walk.count).i32(columns).f32(scale);
    numbers.i32(x.shape.at(-2) ?? 1).i32(firstRow);
    for (const v of views) numbers.i32(v.offset).i32(v.strides.at(-1)!);
    pushWalk(numbers, walk);
    program.run(views, numbers, linearGroups(walk.count, 1));
  }

  private build(walk: Walk, how: Sharing): Program {
    const { dtype, mask, log, causal, safe } = this.form;
    const operands = [
      { dtype, writes: true },
      { dtype, writes: false },
      ...(mask ? [{ dtype: mask, writes: false } as const] : []),
    ];
    return new Program(this.gpu, {
      label: log ? 'log_softmax' : 'softmax',
      operands,
      workgroupSize: [how.invocations, 1, 1],
      subgroups: how.kind === 'subgroup',
      write: (shader) => {
        const [rows, columns, scale, height, firstRow] = [
          shader.i32(), shader.i32(), shader.f32(), shader.i32(), shader.i32(),
        ]; // biome-ignore format: five numbers
        const places = operands.map(() => ({ offset: shader.i32(), step: shader.i32() }));
        const { statements, offsets } = writeWalk(shader, walk, 'id');
        const starts = places.map(({ offset }, i) => `let start${i} = ${indexOf(offset, offsets[i]!)};`);
        const at = (operand: number): string => `start${operand} + j * ${places[operand]!.step}`;
        const none = literal(shader, -Infinity, 'float32');
        const exp = shader.use('f32_exp');
        const { most, sum } = combining(shader, how);
        let score = `${shader.load(1, at(1))} * scale`;
        if (mask === 'bool') score = `select(none, ${score}, ${loaded('bool', shader.load(2, at(2)))})`;
        else if (mask) score = `${score} + ${shader.load(2, at(2))}`;
        if (causal) score = `select(none, ${score}, j <= i)`;
        const round = dtype === 'float16' ? 'round_f16' : dtype === 'bfloat16' ? 'round_bf16' : '';
        const rounded = (value: string): string => (round ? `${shader.use(round)}(${value})` : value);
        const each = (body: string): string =>
          `for (var j = first; j < columns; j += ${how.invocations}) {\n${body}\n}`;
        return `let id = wid.y * groups.x + wid.x;
if (id >= u32(${rows})) { return; }
let columns = ${columns};
let scale = ${scale};
let none = ${none};
let i = i32(id) % ${height} + ${firstRow};
let first = i32(${how.kind === 'subgroup' ? 'lane' : 'li'});
${statements}
${starts.join('\n')}
var most = none;
${each(`most = max(most, ${score});`)}
most = ${most('most')};
${safe ? 'if (most == none) { most = 0f; }' : ''}
var sum = 0f;
${each(
  log
    ? `sum += ${exp}(${score} - most);`
    : `let e = ${exp}(${score} - most);\nsum += e;\n${shader.store(0, at(0), 'e')}`,
)}
sum = ${sum('sum')};
${log ? `let rest = ${shader.use('f32_log')}(sum);` : safe ? 'if (sum == 0f) { sum = 1f; }' : ''}
${each(shader.store(0, at(0), rounded(log ? `(${score} - most) - rest` : `${shader.load(0, at(0))} / sum`)))}`;
      },
    });
  }
}

/** What makes one value of the invocations' values. */
function combining(
  shader: Shader,
  { kind, invocations }: Sharing,
): { most: (v: string) => string; sum: (v: string) => string } {
  if (kind === 'alone') return { most: (v) => v, sum: (v) => v };
  if (kind === 'subgroup') return { most: (v) => `subgroupMax(${v})`, sum: (v) => `subgroupAdd(${v})` };
  const fold = (name: string, both: (a: string, b: string) => string): string => `
fn ${name}(value: f32, li: u32) -> f32 {
  workgroupBarrier();
  shared_values[li] = value;
  workgroupBarrier();
  for (var n = ${invocations / 2}u; n > 0u; n /= 2u) {
    if (li < n) { shared_values[li] = ${both('shared_values[li]', 'shared_values[li + n]')}; }
    workgroupBarrier();
  }
  return shared_values[0];
}`;
  shader.declare(`var<workgroup> shared_values: array<f32, ${invocations}>;
${fold('most_of', (a, b) => `max(${a}, ${b})`)}
${fold('sum_of', (a, b) => `${a} + ${b}`)}`);
  return { most: (v) => `most_of(${v}, li)`, sum: (v) => `sum_of(${v}, li)` };
}
