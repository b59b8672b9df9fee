/** What a JavaScript literal is where an argument wants something else: 2 is a float for a float, 'float32' a dtype. */
import type { ReadLiteral } from '../frontend/builder.ts';
import type { Value } from '../ir/graph.ts';
import { dtypeCodes } from '../ir/tensor-options.ts';
import { isSubtype } from '../ir/type-relations.ts';
import { FloatT, IntT } from '../ir/types.ts';

const isNumber = ({ node, type }: Value): boolean =>
  node.constant !== undefined && (type.kind === 'int' || type.kind === 'float');

export const readLiteral: ReadLiteral = (builder, value, type, name) => {
  const { node } = value;
  const asFloat = (of: Value): Value =>
    of.type.kind === 'float' ? of : builder.constant(Number(of.node.constant!.value), FloatT, of.node.range);
  if (type.kind === 'float' && isNumber(value)) return asFloat(value);
  if (
    type.kind === 'List' &&
    isSubtype(FloatT, type.element) &&
    !isSubtype(IntT, type.element) &&
    node.kind === 'prim::ListConstruct' &&
    node.inputs.every(isNumber)
  )
    return builder.list(FloatT, node.inputs.map(asFloat));
  if (name === 'dtype' && type.kind === 'int' && value.type.kind === 'str' && node.constant) {
    const dtype = String(node.constant.value).replace(/^torch\./, '');
    if (Object.hasOwn(dtypeCodes, dtype)) return builder.constant(dtypeCodes[dtype], IntT, node.range);
  }
  return undefined;
};
