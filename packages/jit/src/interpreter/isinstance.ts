/** `isinstance` at run time, for values whose static type leaves it open. */
import { isSubtype } from '../ir/type-relations.ts';
import { type ClassType, EnumValue, type JitType } from '../ir/types.ts';
import { Device, PyFloat, Tensor } from '../ops/core.ts';
import { isTuple, ScriptObject, typeTagOf } from '../ops/value.ts';

/** Whether the value, of static type `known`, is of the wanted type. */
export function isInstance(value: unknown, wanted: JitType, known: JitType): boolean {
  const inner = known.kind === 'Optional' ? known.element : known;
  switch (wanted.kind) {
    case 'Any':
      return true;
    case 'None':
      return value === null;
    case 'Optional':
      return value === null || isInstance(value, wanted.element, known);
    case 'Union':
      return wanted.members.some((member) => isInstance(value, member, known));
    case 'Tensor':
      return value instanceof Tensor;
    case 'float':
      return (
        value instanceof PyFloat ||
        (typeof value === 'number' && (inner.kind === 'float' || !Number.isInteger(value)))
      );
    case 'int':
      return (
        typeof value === 'bigint' ||
        (typeof value === 'number' && inner.kind !== 'float' && Number.isInteger(value))
      );
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint' || value instanceof PyFloat;
    case 'bool':
      return typeof value === 'boolean';
    case 'str':
      return typeof value === 'string';
    case 'Device':
      return value instanceof Device;
    case 'AnyTuple':
      return isTuple(value);
    case 'AnyList':
      return Array.isArray(value) && !isTuple(value);
    case 'Enum':
      return value instanceof EnumValue && value.type === wanted;
    case 'Class':
    case 'Interface':
      return value instanceof ScriptObject && isSubtype(value.type as ClassType, wanted);
    case 'List':
    case 'Dict':
    case 'Tuple': {
      const shape =
        wanted.kind === 'Dict'
          ? value instanceof Map
          : wanted.kind === 'Tuple'
            ? isTuple(value)
            : Array.isArray(value) && !isTuple(value);
      if (!shape) return false;
      const tag = typeTagOf(value as object);
      if (tag) return isSubtype(tag, wanted);
      const options = inner.kind === 'Union' ? inner.members : [inner];
      const same = options.filter((option) => option.kind === wanted.kind);
      if (same.length === 1) return isSubtype(same[0], wanted);
      if (wanted.kind === 'List')
        return (value as unknown[]).every((item) => isInstance(item, wanted.element, { kind: 'Any' }));
      if (wanted.kind === 'Tuple')
        return (
          (value as unknown[]).length === wanted.elements.length &&
          (value as unknown[]).every((item, i) => isInstance(item, wanted.elements[i], { kind: 'Any' }))
        );
      return [...(value as Map<unknown, unknown>)].every(
        ([k, v]) =>
          isInstance(k, wanted.key, { kind: 'Any' }) && isInstance(v, wanted.value, { kind: 'Any' }),
      );
    }
    default:
      return false;
  }
}
