/** Ends a product whose sums were cut into parts: adds the parts up, then `finish`. */
import type { DType } from '@sconce/core';
import { loaded, valueType } from '../../lower/element.ts';
import { linearIndex } from '../../program.ts';
import type { Recipe } from '../../shader.ts';
import { Address, Lines } from './address.ts';
import { declarePut, type Ending, endingOperands } from './ending.ts';
import type { Form } from './geometry.ts';

export const PARTS_GROUP = 64;
const PARTS = 1;

/** Operands: the output, the parts ([part, group, row, column]), and what `finish` reads. */
export function addParts(form: Form, dtype: DType, ending: Ending): Recipe {
  const [output, ...rest] = endingOperands(ending);
  return {
    label: 'matmul parts',
    operands: [output, { dtype: ending.accumulate, writes: false }, ...rest],
    workgroupSize: [PARTS_GROUP, 1, 1],
    write: (shader) => {
      const address = new Address(shader, form, dtype);
      const [groups, parts] = [shader.i32(), shader.i32()];
      declarePut(shader, ending, address.targets, PARTS + 1);
      const type = valueType(ending.accumulate);
      const part = loaded(ending.accumulate, shader.load(PARTS, 'id + p * count'));
      const add = type === 'vec2<u32>' ? `${shader.use('i64_add')}(sum, ${part})` : `sum + ${part}`;
      const lines = new Lines(shader);
      const { sample, positions } = address.split(lines, 'n');
      return `${address.head}
let count = ${groups} * ${address.rows} * ${address.columns};
let id = i32(${linearIndex(PARTS_GROUP)});
if (id >= count) { return; }
var sum = ${type}();
for (var p = 0; p < ${parts}; p++) { sum = ${add}; }
let line = id / ${address.columns};
let n = id - line * ${address.columns};
let group = line / ${address.rows};
${lines.text}
put(sum, ${['group', `line - group * ${address.rows}`, sample, ...positions].join(', ')});`;
    },
  };
}
