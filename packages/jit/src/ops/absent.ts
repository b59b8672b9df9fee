/** Operators that programs name, mostly on paths they do not take, and that Sconce has no meaning for: known to the compiler, refused when called. */
import { NotSupportedError, type Schema } from '@sconce/core';
import { type ScalarOperator, scalarOperators } from './operator.ts';

const nested = 'nested tensors';
const schemas: readonly (readonly [schema: string, what: string])[] = [
  ['aten::_nested_tensor_from_mask(Tensor t, Tensor mask, bool mask_check=True) -> Tensor', nested],
  ['aten::_nested_tensor_from_mask_left_aligned(Tensor t, Tensor mask) -> bool', nested],
  ['aten::to_padded_tensor(Tensor self, float padding, int[]? output_size=None) -> Tensor', nested],
];

let table: Map<string, readonly ScalarOperator[]> | undefined;

function refused(): ReadonlyMap<string, readonly ScalarOperator[]> {
  if (!table) {
    table = new Map();
    for (const [text, what] of schemas) {
      const [operator] = scalarOperators([[text, () => undefined]]);
      const { schema } = operator;
      table.set(`${schema.namespace}::${schema.base}`, [
        { ...operator, absent: true, run: () => refuse(schema, what) },
      ]);
    }
  }
  return table;
}

/** The refused operator of this name, for a program that core has nothing else for. */
export const absentOperators = (name: string): readonly ScalarOperator[] => refused().get(name) ?? [];

/** The schemas of all of them. */
export const absentSchemas = (): Schema[] => [...refused().values()].flat().map(({ schema }) => schema);

function refuse(schema: Schema, what: string): never {
  throw new NotSupportedError(`${schema.namespace}::${schema.base}: Sconce does not have ${what}`);
}
