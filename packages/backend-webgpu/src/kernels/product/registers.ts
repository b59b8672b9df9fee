/**
 * A product in registers: each invocation keeps `rows` times four sums. No workgroup memory and no barriers, which an
 * adapter that is a CPU pays dearly for. Four invocations share their rows: where they are a subgroup, each loads a
 * quarter of a's elements and hands them round.
 */
import type { DType } from '@sconce/core';
import { valueType } from '../../lower/element.ts';
import type { Recipe } from '../../shader.ts';
import { A, Address, Lines, type Place } from './address.ts';
import { declarePut, type Ending, endingOperands } from './ending.ts';
import type { Form } from './geometry.ts';
import { placeOf, type Tile } from './tiling.ts';

const LANES = 4;
const PER_LANE = 4;

export interface Registers {
  readonly kind: 'registers';
  readonly rows: number;
  /** Whether the workgroup of four is one subgroup. */
  readonly subgroups: boolean;
}

export const registersTile = ({ rows }: Registers): Tile => ({ rows, columns: LANES * PER_LANE });

export function registers({ rows, subgroups }: Registers, form: Form, dtype: DType, ending: Ending): Recipe {
  const [output, ...rest] = endingOperands(ending);
  const factor = { dtype, writes: false };
  return {
    label: 'matmul',
    operands: [output, factor, factor, ...rest],
    workgroupSize: [LANES, 1, 1],
    subgroups,
    write: (shader) => {
      const address = new Address(shader, form, dtype);
      const type = valueType(ending.accumulate);
      const lines = new Lines(shader);
      const tile = registersTile({ kind: 'registers', rows, subgroups });
      const at = placeOf(lines, shader, address, tile);
      declarePut(shader, ending, address.targets);
      const lane = lines.let(subgroups ? 'i32(lane)' : 'i32(li)');
      const first = lines.let(`${at.column} + ${lane}`);
      const columns = lines.let(`vec4<i32>(${first}) + vec4<i32>(0, ${LANES}, ${2 * LANES}, ${3 * LANES})`);
      const column = address.column(lines, at.group, columns);
      const starts = [lines.let(address.row(at.group, at.row))];
      for (let i = 1; i < rows; i++) starts.push(lines.let(`${starts[i - 1]} + ${address.nextRow}`));
      const sums = starts.map((_, i) => `s${i}`);
      lines.lines.push(...sums.map((s) => `var ${s} = vec4<${type}>();`), `var k = ${at.from};`);

      /** Four steps of k at a time: their products are added up first, which keeps long sums more accurate. */
      const four = (): string => {
        const body = new Lines(shader);
        const steps = [0, 1, 2, 3];
        let factor: (row: number, q: number) => string;
        let places: Place[];
        if (subgroups) {
          const own = address.place(body, body.let(`k + ${lane}`));
          const loads = starts.map((start) => body.let(shader.load(A, `${start} + ${own.a}`)));
          const from = (text: string, q: number): string =>
            text === '0' ? text : body.let(`subgroupBroadcast(${text}, ${q}u)`);
          factor = (row, q) => `subgroupBroadcast(${loads[row]}, ${q}u)`;
          places = steps.map((q) => ({
            a: '',
            b: from(own.b, q),
            places: own.places.map((p) => from(p, q)),
          }));
        } else {
          places = steps.map((q) => address.place(body, body.let(`k + ${q}`)));
          factor = (row, q) => shader.load(A, `${starts[row]} + ${places[q]!.a}`);
        }
        const ys = places.map((place) => address.elements(body, column, place));
        const sum = (row: number): string => ys.map((y, q) => `${factor(row, q)} * ${y}`).join(' + ');
        body.lines.push(...sums.map((s, row) => `${s} += ${sum(row)};`));
        return `for (; k + 4 <= ${at.to}; k += 4) {\n${body.text}\n}`;
      };

      const one = new Lines(shader);
      const place = address.place(one, 'k');
      const y = address.elements(one, column, place);
      one.lines.push(...sums.map((s, i) => `${s} += ${shader.load(A, `${starts[i]} + ${place.a}`)} * ${y};`));

      const end = new Lines(shader);
      const { sample, positions } = address.split(end, 'n');
      return `${address.head}
${lines.text}
${four()}
for (; k < ${at.to}; k++) {
${one.text}
}
var sums = array<vec4<${type}>, ${rows}>(${sums.join(', ')});
for (var c = 0; c < ${PER_LANE}; c++) {
let n = ${first} + c * ${LANES};
if (n < ${address.columns}) {
${end.text}
for (var i = 0; i < ${rows}; i++) {
let m = ${at.row} + i;
if (m < ${address.rows}) { put(sums[i][c], ${[at.part, 'm', sample, ...positions].join(', ')}); }
}
}
}`;
    },
  };
}
