/** Where a value's static type is forgotten (Any, unions, Scalar) or found again: floats are boxed, containers tagged. */
import { typesEqual } from '../ir/type-relations.ts';
import type { JitType } from '../ir/types.ts';
import { PyFloat } from '../ops/core.ts';
import { tagType } from '../ops/value.ts';

export type Coercion = (value: unknown) => unknown;

const strip = (type: JitType): JitType => (type.kind === 'Optional' ? type.element : type);

/** Whether a number of this type might be an int or a float. */
function isDynamic(type: JitType): boolean {
  const inner = strip(type);
  return inner.kind === 'Any' || inner.kind === 'number' || inner.kind === 'Union';
}

const box: Coercion = (value) => (typeof value === 'number' ? new PyFloat(value) : value);
const unbox: Coercion = (value) => (value instanceof PyFloat ? value.value : value);

/** What must be done to a value of static type `from` that goes where `to` is expected; undefined for nothing. */
export function coercion(from: JitType, to: JitType): Coercion | undefined {
  if (from === to || typesEqual(from, to)) return undefined;
  const [source, target] = [strip(from), strip(to)];
  if (isDynamic(to)) {
    if (source.kind === 'float') return box;
    if (source.kind === 'List' || source.kind === 'Dict' || source.kind === 'Tuple')
      return (value) => tagType(value, source);
    return undefined;
  }
  if (isDynamic(from) && target.kind === 'float') return unbox;
  return undefined;
}

/** For text and the like, which take a value of any type but must know a float: every float boxed, every container tagged. */
export function labelled(from: JitType): Coercion | undefined {
  return coercion(from, { kind: 'Any' });
}
