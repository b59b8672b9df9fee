/** How types stand to each other: equal, one below another, and what stands for both. */
import { graphText } from './type-text.ts';
import { type JitType, NoneT, optionalOf, type TupleType, tupleOf } from './types.ts';

/** A union with nested unions and members that are subtypes of others folded; two members with None are an Optional. */
export function unionOf(types: readonly JitType[]): JitType {
  const flat: JitType[] = [];
  const add = (type: JitType): void => {
    if (type.kind === 'Union') type.members.forEach(add);
    else if (type.kind === 'Optional') {
      add(type.element);
      add(NoneT);
    } else if (!flat.some((other) => isSubtype(type, other))) {
      for (let i = flat.length - 1; i >= 0; i--) if (isSubtype(flat[i], type)) flat.splice(i, 1);
      flat.push(type);
    }
  };
  types.forEach(add);
  if (flat.length === 1) return flat[0];
  const others = flat.filter((type) => type.kind !== 'None');
  if (others.length === 1 && flat.length === 2) return optionalOf(others[0]);
  const byKind = (a: JitType, b: JitType) =>
    unionOrder.indexOf(a.kind) - unionOrder.indexOf(b.kind) || (graphText(a) < graphText(b) ? -1 : 1);
  return { kind: 'Union', members: flat.toSorted(byKind) };
}

/** The order of a union's members, which is that of torch::jit's kinds of types. */
const unionOrder: readonly JitType['kind'][] = [
  ...(['Any', 'Enum', 'AnyEnum', 'Tensor', 'Storage', 'Tuple', 'List', 'Dict', 'number', 'float'] as const),
  ...(['complex', 'Future', 'int', 'None', 'str', 'Generator', 'bool', 'Optional', 'Var', 'Device'] as const),
  ...(['Stream', 'Function', 'Class', 'Interface', 'AnyList', 'AnyTuple', 'AnyClass', 'Union'] as const),
];

export function typesEqual(a: JitType, b: JitType): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case 'List':
    case 'Optional':
    case 'Future':
      return typesEqual(a.element, (b as typeof a).element);
    case 'Dict':
      return typesEqual(a.key, (b as typeof a).key) && typesEqual(a.value, (b as typeof a).value);
    case 'Tuple': {
      const other = b as TupleType;
      return (
        a.name === other.name &&
        a.elements.length === other.elements.length &&
        a.elements.every((element, i) => typesEqual(element, other.elements[i]))
      );
    }
    case 'Union': {
      const other = b as typeof a;
      return (
        a.members.length === other.members.length &&
        a.members.every((m) => other.members.some((o) => typesEqual(m, o)))
      );
    }
    case 'Var':
      return a.name === (b as typeof a).name;
    case 'Class':
    case 'Interface':
    case 'Enum':
      return false;
    default:
      return true;
  }
}

/** Whether a value of type `a` may stand where `b` is expected, without any conversion. */
export function isSubtype(a: JitType, b: JitType): boolean {
  if (b.kind === 'Any' || typesEqual(a, b)) return true;
  if (a.kind === 'Union') return a.members.every((member) => isSubtype(member, b));
  if (a.kind === 'Optional') {
    if (b.kind === 'Optional') return isSubtype(a.element, b.element);
    return b.kind === 'Union' && isSubtype(NoneT, b) && isSubtype(a.element, b);
  }
  switch (b.kind) {
    case 'Optional':
      return a.kind === 'None' || isSubtype(a, b.element);
    case 'Union':
      return b.members.some((member) => isSubtype(a, member));
    case 'number':
      return a.kind === 'int' || a.kind === 'float' || a.kind === 'complex';
    case 'AnyList':
      return a.kind === 'List';
    case 'AnyTuple':
      return a.kind === 'Tuple';
    case 'AnyClass':
      return a.kind === 'Class';
    case 'AnyEnum':
      return a.kind === 'Enum';
    case 'Tuple':
      return (
        a.kind === 'Tuple' &&
        (b.name === undefined || a.name === b.name) &&
        a.elements.length === b.elements.length &&
        a.elements.every((element, i) => isSubtype(element, b.elements[i]))
      );
    case 'Future':
      return a.kind === 'Future' && isSubtype(a.element, b.element);
    case 'Interface':
      if (a.kind === 'Class') return [...b.methods.keys()].every((name) => a.methods.has(name));
      return a.kind === 'Interface' && [...b.methods.keys()].every((name) => a.methods.has(name));
    default:
      return false;
  }
}

/** The one type that both stand for where branches meet, or undefined. */
export function unify(a: JitType, b: JitType, defaultToUnion = false): JitType | undefined {
  if (isSubtype(a, b)) return b;
  if (isSubtype(b, a)) return a;
  if (a.kind === 'None') return optionalOf(b);
  if (b.kind === 'None') return optionalOf(a);
  if (a.kind === 'Optional' || b.kind === 'Optional') {
    const inner = unify(a.kind === 'Optional' ? a.element : a, b.kind === 'Optional' ? b.element : b);
    if (inner) return optionalOf(inner);
  }
  if (a.kind === 'Tuple' && b.kind === 'Tuple' && a.elements.length === b.elements.length) {
    const elements = a.elements.map((element, i) => unify(element, b.elements[i]));
    if (elements.every((element) => element !== undefined)) return tupleOf(elements);
  }
  if (a.kind === 'List' && b.kind === 'List' && !defaultToUnion) return undefined;
  return defaultToUnion ? unionOf([a, b]) : undefined;
}
