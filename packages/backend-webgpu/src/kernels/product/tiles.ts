/**
 * A product in tiles, for GPUs: a workgroup loads `depth` steps of its rows and columns into its memory, and each
 * invocation multiplies what it needs of them into a block of sums in registers.
 */
import type { DType } from '@sconce/core';
import { valueType } from '../../lower/element.ts';
import type { Recipe } from '../../shader.ts';
import { A, Address, type Column, Lines } from './address.ts';
import { declarePut, type Ending, endingOperands, putColumn } from './ending.ts';
import type { Form } from './geometry.ts';
import { placeOf } from './tiling.ts';

/** A tile of `rows` x `columns`, in blocks of `down` x `across` per invocation (multiples of 4). */
export interface Tiles {
  readonly kind: 'tiles';
  readonly rows: number;
  readonly columns: number;
  readonly down: number;
  readonly across: number;
  /** Which of a and b has its steps of k next to each other: invocations in line then load along k. */
  readonly aAlongK: boolean;
  readonly bAlongK: boolean;
}

const DEPTH = 16;

export function tiles(t: Tiles, form: Form, dtype: DType, ending: Ending): Recipe {
  const [output, ...rest] = endingOperands(ending);
  const factor = { dtype, writes: false };
  const threads = (t.rows / t.down) * (t.columns / t.across);
  return {
    label: 'matmul',
    operands: [output, factor, factor, ...rest],
    workgroupSize: [threads, 1, 1],
    write: (shader) => {
      const address = new Address(shader, form, dtype);
      const type = valueType(ending.accumulate);
      const head = new Lines(shader);
      const at = placeOf(head, shader, address, t);
      declarePut(shader, ending, address.targets);
      const quads = { a: t.rows / 4, b: t.columns / 4 };
      shader.declare(`var<workgroup> ta: array<vec4<${type}>, ${DEPTH * quads.a}>;
var<workgroup> tb: array<vec4<${type}>, ${DEPTH * quads.b}>;`);
      const id = head.let('i32(li)');
      const [tx, ty] = [
        head.let(`${id} % ${t.columns / t.across}`),
        head.let(`${id} / ${t.columns / t.across}`),
      ];

      const loads = new Lines(shader);
      const zero = `vec4<${type}>()`;
      const store = (tile: string, k: string, quad: string, count: number, value: string): void => {
        const index = `${k} * ${count} + ${quad}`;
        loads.lines.push(`${tile}[${index}] = select(${zero}, ${value}, k + ${k} < ${at.to});`);
      };
      const quad = (start: string): string => {
        const next = (n: number): string => shader.load(A, `${start} + ${n} * ${address.nextRow}`);
        return `vec4<${type}>(${[0, 1, 2, 3].map(next).join(', ')})`;
      };
      each(loads, head, id, threads, quads.a, t.aAlongK, (k, q, placeAt) => {
        const start = loads.let(`${address.row(at.group, `${at.row} + 4 * ${q}`)} + ${placeAt(address).a}`);
        store('ta', k, q, quads.a, quad(start));
      });
      const columnsOf = (lines: Lines, q: string): Column =>
        address.column(
          lines,
          at.group,
          lines.let(`vec4<i32>(${at.column} + 4 * ${q}) + vec4<i32>(0, 1, 2, 3)`),
        );
      let fixed: Column | undefined;
      each(loads, head, id, threads, quads.b, t.bAlongK, (k, q, placeAt) => {
        // Along columns, the quad is the same at each step.
        const column = t.bAlongK ? columnsOf(loads, q) : (fixed ??= columnsOf(head, q));
        store('tb', k, q, quads.b, address.elements(loads, column, placeAt(address)));
      });

      const [down, across] = [t.down / 4, t.across / 4];
      const name = (p: number, r: number, q: number): string => `s${p}${r}${q}`;
      const blocks = [...Array(down).keys()].flatMap((p) =>
        [0, 1, 2, 3].flatMap((r) => [...Array(across).keys()].map((q) => ({ p, r, q }))),
      );
      const step = [
        ...[...Array(down).keys()].map(
          (p) => `let x${p} = ta[i * ${quads.a} + ${p * (t.rows / t.down)} + ${ty}];`,
        ),
        ...[...Array(across).keys()].map(
          (q) => `let y${q} = tb[i * ${quads.b} + ${q * (t.columns / t.across)} + ${tx}];`,
        ),
        ...blocks.map(({ p, r, q }) => `${name(p, r, q)} += x${p}.${'xyzw'[r]} * y${q};`),
      ];
      const ends = [...Array(across).keys()].flatMap((q) =>
        [0, 1, 2, 3].map((j) => {
          const rows = [...Array(down).keys()].flatMap((p) =>
            [0, 1, 2, 3].map((r) => ({
              m: `(${at.row} + 4 * (${p * (t.rows / t.down)} + ${ty}) + ${r})`,
              sum: `${name(p, r, q)}.${'xyzw'[j]}`,
            })),
          );
          const n = `${at.column} + 4 * (${q * (t.columns / t.across)} + ${tx}) + ${j}`;
          return `{\nlet n = ${n};\n${putColumn(address, 'n', rows, at.part)}\n}`;
        }),
      );
      return `${address.head}
${head.text}
${blocks.map(({ p, r, q }) => `var ${name(p, r, q)} = ${zero};`).join('\n')}
for (var k = ${at.from}; k < ${at.to}; k += ${DEPTH}) {
${loads.text}
workgroupBarrier();
for (var i = 0; i < ${DEPTH}; i++) {
${step.join('\n')}
}
workgroupBarrier();
}
${ends.join('\n')}`;
    },
  };
}

type PlaceAt = (address: Address) => ReturnType<Address['place']>;

/** The loads of one invocation: `load(step of k, quad of rows or columns)`, names both, for each of its share. */
function each(
  lines: Lines,
  head: Lines,
  id: string,
  threads: number,
  quads: number,
  alongK: boolean,
  load: (k: string, quad: string, placeAt: PlaceAt) => void,
): void {
  const fast = alongK ? DEPTH : quads;
  // Each further load is the same number of steps, or of quads, away.
  const [low, high] = [head.let(`${id} % ${fast}`), head.let(`${id} / ${fast}`)];
  let known: ReturnType<Address['place']> | undefined;
  for (let i = 0; i < (quads * DEPTH) / threads; i++) {
    const next = lines.let(`${high} + ${(i * threads) / fast}`);
    const [k, quad] = alongK ? [low, next] : [next, low];
    load(k, quad, (address) => {
      const place = (): ReturnType<Address['place']> => address.place(lines, lines.let(`k + ${k}`));
      return alongK ? (known ??= place()) : place();
    });
  }
}
