/** The jit's own operators by name: `aten::add` to its overloads for ints, floats, strings and lists. */
import { containerOperators } from './container.ts';
import { numberOperators } from './number.ts';
import { type ScalarOperator, scalarOperators } from './operator.ts';
import { tensorOperators } from './tensor.ts';
import { textOperators } from './text.ts';
import { unsafeOperators } from './unsafe.ts';

let table: Map<string, ScalarOperator[]> | undefined;

/** Made when it is first needed, since parsing some 700 schemas takes a few milliseconds. */
export function scalarTable(): ReadonlyMap<string, readonly ScalarOperator[]> {
  if (!table) {
    table = new Map();
    for (const entries of [
      tensorOperators,
      numberOperators,
      containerOperators,
      textOperators,
      unsafeOperators,
    ])
      for (const operator of scalarOperators(entries)) {
        const name = `${operator.schema.namespace}::${operator.schema.base}`;
        const list = table.get(name);
        if (list) list.push(operator);
        else table.set(name, [operator]);
      }
  }
  return table;
}
