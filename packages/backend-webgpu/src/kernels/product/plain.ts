/** A product without haste: one invocation per output. For int64, which has no vectors of four. */
import type { DType } from '@sconce/core';
import { valueType } from '../../lower/element.ts';
import type { Recipe } from '../../shader.ts';
import { A, Address, Lines } from './address.ts';
import { declarePut, type Ending, endingOperands, putColumn } from './ending.ts';
import type { Form } from './geometry.ts';
import { placeOf, type Tile } from './tiling.ts';

export interface Plain {
  readonly kind: 'plain';
}

export const plainTile: Tile = { rows: 4, columns: 16 };

export function plain(form: Form, dtype: DType, ending: Ending): Recipe {
  const [output, ...rest] = endingOperands(ending);
  const factor = { dtype, writes: false };
  return {
    label: 'matmul',
    operands: [output, factor, factor, ...rest],
    workgroupSize: [plainTile.columns, plainTile.rows, 1],
    write: (shader) => {
      const address = new Address(shader, form, dtype);
      const type = valueType(ending.accumulate);
      const lines = new Lines(shader);
      const at = placeOf(lines, shader, address, plainTile);
      declarePut(shader, ending, address.targets);
      const m = lines.let(`${at.row} + i32(lid.y)`);
      const n = lines.let(`${at.column} + i32(lid.x)`);
      const column = address.column(lines, at.group, n);
      const row = lines.let(address.row(at.group, m));
      const step = new Lines(shader);
      const place = address.place(step, 'k');
      const x = step.let(shader.load(A, `${row} + ${place.a}`));
      const y = step.let(address.element(column, place));
      const add =
        ending.accumulate === 'int64'
          ? `sum = ${shader.use('i64_add')}(sum, ${shader.use('i64_mul')}(${x}, ${y}));`
          : `sum += ${x} * ${y};`;
      return `${address.head}
${lines.text}
var sum = ${type}();
for (var k = ${at.from}; k < ${at.to}; k++) {
${step.text}
${add}
}
${putColumn(address, n, [{ m, sum: 'sum' }], at.part)}`;
    },
  };
}
