/** The types of TorchScript's IR: structural ones as plain data, classes, interfaces and enums by identity. */
import { type DType, type Type as SchemaType, TorchError } from '@sconce/core';
import type { Func } from './function.ts';
import { leafOf } from './names.ts';
import { scalarNames } from './tensor-options.ts';

/** What a tracer saw of a tensor; graphs print it, nothing else reads it. */
export interface TensorDetail {
  readonly dtype: DType;
  readonly sizes?: readonly number[];
  readonly strides?: readonly number[];
  readonly requires_grad?: boolean;
  readonly device?: string;
}

export type JitType =
  | { readonly kind: PrimitiveKind }
  | { readonly kind: 'Tensor'; readonly detail?: TensorDetail }
  | { readonly kind: 'List'; readonly element: JitType }
  | { readonly kind: 'Optional'; readonly element: JitType }
  | { readonly kind: 'Future'; readonly element: JitType }
  | { readonly kind: 'Dict'; readonly key: JitType; readonly value: JitType }
  | TupleType
  | { readonly kind: 'Union'; readonly members: readonly JitType[] }
  /** A type variable of a generic schema. */
  | { readonly kind: 'Var'; readonly name: string }
  | ClassType
  | InterfaceType
  | EnumType;

export type PrimitiveKind =
  | 'Tensor'
  | 'int'
  | 'float'
  | 'complex'
  | 'bool'
  | 'str'
  | 'number'
  | 'Device'
  | 'Generator'
  | 'Storage'
  | 'Stream'
  | 'None'
  | 'Any'
  | 'AnyList'
  | 'AnyTuple'
  | 'AnyClass'
  | 'AnyEnum'
  | 'Function';

/** A tuple; with a `name` and field names, a NamedTuple. */
export interface TupleType {
  readonly kind: 'Tuple';
  readonly elements: readonly JitType[];
  readonly name?: string;
  readonly fields?: readonly string[];
  readonly defaults?: ReadonlyMap<string, unknown>;
}

export interface Attribute {
  readonly name: string;
  type: JitType;
  readonly role: 'parameter' | 'buffer' | 'attribute';
}

/** A TorchScript class or module type: its attributes in slot order, its constants and its methods. */
export class ClassType {
  readonly kind = 'Class';
  readonly attributes: Attribute[] = [];
  readonly constants = new Map<string, { type: JitType; value: unknown }>();
  readonly methods = new Map<string, Func>();
  /** Properties: the methods that read and write them. */
  readonly getters = new Map<string, string>();
  readonly setters = new Map<string, string>();
  /** Functions of the class that take no object. */
  readonly statics = new Map<string, Func>();
  /** What may not be used in TorchScript, each with the reason. */
  readonly refused = new Map<string, string>();
  private readonly slots = new Map<string, number>();

  constructor(
    /** Fully qualified, such as `__torch__.torch.nn.modules.linear.Linear`. */
    readonly name: string,
    readonly isModule: boolean,
  ) {}

  addAttribute(attribute: Attribute): void {
    if (this.slots.has(attribute.name))
      throw new TorchError(`attempting to add ${attribute.name} to ${this.name}: the class has it already`);
    this.slots.set(attribute.name, this.attributes.length);
    this.attributes.push(attribute);
  }

  slotOf(name: string): number | undefined {
    return this.slots.get(name);
  }

  /** The class's own name, without module path. */
  get leafName(): string {
    return leafOf(this.name);
  }
}

export interface MethodSignature {
  readonly name: string;
  readonly params: readonly { readonly name: string; readonly type: JitType; readonly default?: unknown }[];
  readonly returns: JitType;
}

export class InterfaceType {
  readonly kind = 'Interface';
  readonly methods = new Map<string, MethodSignature>();
  constructor(
    readonly name: string,
    readonly isModule: boolean,
  ) {}
}

/** One member of an enum; there is one such object per member, so identity is equality. */
export class EnumValue {
  constructor(
    readonly type: EnumType,
    readonly name: string,
    readonly value: unknown,
  ) {}
}

export class EnumType {
  readonly kind = 'Enum';
  readonly members = new Map<string, EnumValue>();
  constructor(
    readonly name: string,
    readonly valueType: JitType,
  ) {}
}

const primitives: Record<PrimitiveKind, JitType> = Object.fromEntries(
  (
    [
      'Tensor',
      'int',
      'float',
      'complex',
      'bool',
      'str',
      'number',
      'Device',
      'Generator',
      'Storage',
      'Stream',
      'None',
      'Any',
      'AnyList',
      'AnyTuple',
      'AnyClass',
      'AnyEnum',
      'Function',
    ] as const
  ).map((kind) => [kind, { kind }]),
) as Record<PrimitiveKind, JitType>; // prettier-ignore

export const {
  Tensor: TensorT,
  int: IntT,
  float: FloatT,
  complex: ComplexT,
  bool: BoolT,
  str: StrT,
  number: NumberT,
  Device: DeviceT,
  None: NoneT,
  Any: AnyT,
  AnyList: AnyListT,
  AnyTuple: AnyTupleT,
  Function: FunctionT,
  Generator: GeneratorT,
} = primitives; // prettier-ignore

/** The type of what nobody annotated: Tensor, which messages say was inferred. */
export const InferredTensorT: JitType = { kind: 'Tensor' };

export const listOf = (element: JitType): JitType => ({ kind: 'List', element });
export const futureOf = (element: JitType): JitType => ({ kind: 'Future', element });
export const dictOf = (key: JitType, value: JitType): JitType => ({ kind: 'Dict', key, value });
export const tupleOf = (elements: readonly JitType[]): TupleType => ({ kind: 'Tuple', elements });
export const optionalOf = (element: JitType): JitType =>
  element.kind === 'Optional' || element.kind === 'None' || element.kind === 'Any'
    ? element
    : { kind: 'Optional', element };

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

/** Binds the type variables of a formal type to an actual one. Returns why it cannot, or undefined when it can. */
export function bindVariables(
  formal: JitType,
  actual: JitType,
  env: Map<string, JitType>,
): string | undefined {
  switch (formal.kind) {
    case 'Var': {
      const bound = env.get(formal.name);
      if (!bound) env.set(formal.name, actual);
      else {
        const both = unify(bound, actual);
        if (!both)
          return `Type variable '${formal.name}' previously matched to type ${annotation(bound)} is matched to type ${annotation(actual)}`;
        env.set(formal.name, both);
      }
      return undefined;
    }
    case 'List':
      if (actual.kind === 'List') return bindVariables(formal.element, actual.element, env);
      if (actual.kind === 'Tuple' && hasVariables(formal)) {
        let all: JitType | undefined = actual.elements[0];
        for (const element of actual.elements) all = all && unify(all, element);
        return all
          ? bindVariables(formal.element, all, env)
          : `Cannot match a tuple to ${annotation(formal)}`;
      }
      return hasVariables(formal) ? `Cannot match ${annotation(formal)} to ${annotation(actual)}` : undefined;
    case 'Optional':
      if (actual.kind === 'Optional') return bindVariables(formal.element, actual.element, env);
      return actual.kind === 'None' ? undefined : bindVariables(formal.element, actual, env);
    case 'Future':
      if (actual.kind === 'Future') return bindVariables(formal.element, actual.element, env);
      return hasVariables(formal) ? `Cannot match a future to ${annotation(actual)}` : undefined;
    case 'Dict':
      if (actual.kind === 'Dict')
        return bindVariables(formal.key, actual.key, env) ?? bindVariables(formal.value, actual.value, env);
      return hasVariables(formal) ? `Cannot match a dict to ${annotation(actual)}` : undefined;
    case 'Tuple':
      if (actual.kind === 'Tuple' && actual.elements.length === formal.elements.length) {
        for (let i = 0; i < formal.elements.length; i++) {
          const problem = bindVariables(formal.elements[i], actual.elements[i], env);
          if (problem) return problem;
        }
        return undefined;
      }
      return hasVariables(formal) ? 'Cannot match a tuple' : undefined;
    default:
      return undefined;
  }
}

export function hasVariables(type: JitType): boolean {
  switch (type.kind) {
    case 'Var':
      return true;
    case 'List':
    case 'Optional':
    case 'Future':
      return hasVariables(type.element);
    case 'Dict':
      return hasVariables(type.key) || hasVariables(type.value);
    case 'Tuple':
      return type.elements.some(hasVariables);
    default:
      return false;
  }
}

/** The type with its variables replaced, or undefined when one is not bound. */
export function substitute(type: JitType, env: ReadonlyMap<string, JitType>): JitType | undefined {
  if (!hasVariables(type)) return type;
  switch (type.kind) {
    case 'Var':
      return env.get(type.name);
    case 'List':
    case 'Optional':
    case 'Future': {
      const element = substitute(type.element, env);
      return element && (type.kind === 'Optional' ? optionalOf(element) : { kind: type.kind, element });
    }
    case 'Dict': {
      const key = substitute(type.key, env);
      const value = substitute(type.value, env);
      return key && value && dictOf(key, value);
    }
    case 'Tuple': {
      const elements = type.elements.map((element) => substitute(element, env));
      return elements.every((element) => element !== undefined) ? { ...type, elements } : undefined;
    }
    default:
      return type;
  }
}

/** What has a name of its own in annotations. */
export type NamedType = ClassType | InterfaceType | EnumType | TupleType;

/** The type as TorchScript's source writes it: `List[Optional[Tensor]]`. `nameOf` may give types other names than their own. */
export function annotation(type: JitType, nameOf?: (named: NamedType) => string): string {
  const text = (inner: JitType): string => annotation(inner, nameOf);
  switch (type.kind) {
    case 'List':
    case 'Optional':
    case 'Future':
      return `${type.kind}[${text(type.element)}]`;
    case 'Dict':
      return `Dict[${text(type.key)}, ${text(type.value)}]`;
    case 'Tuple':
      if (type.name !== undefined) return nameOf?.(type) ?? type.name;
      return type.elements.length === 0 ? 'Tuple[()]' : `Tuple[${type.elements.map(text).join(', ')}]`;
    case 'Union':
      return `Union[${type.members.map(text).join(', ')}]`;
    case 'Var':
      return type.name;
    case 'Class':
    case 'Interface':
    case 'Enum':
      return nameOf?.(type) ?? type.name;
    case 'None':
      return 'NoneType';
    case 'AnyList':
      return 'list';
    case 'AnyTuple':
      return 'tuple';
    default:
      return type.kind;
  }
}

/** `Float(3, 4, strides=[4, 1], requires_grad=0, device=cpu)` */
function tensorText({ dtype, sizes, strides, requires_grad, device }: TensorDetail): string {
  const parts = (sizes ?? []).map(String);
  if (strides && strides.length > 0) parts.push(`strides=[${strides.join(', ')}]`);
  if (requires_grad !== undefined) parts.push(`requires_grad=${requires_grad ? 1 : 0}`);
  if (device !== undefined) parts.push(`device=${device}`);
  return `${scalarNames[dtype] ?? dtype}(${parts.join(', ')})`;
}

/** The type as messages name it. */
export const typeName = (type: JitType): string =>
  type === InferredTensorT ? 'Tensor (inferred)' : annotation(type);

/** The type as graphs print it: `Tensor?[]`, `Scalar`, `NamedTuple(a : int)`. */
export function graphText(type: JitType): string {
  switch (type.kind) {
    case 'List':
      return `${graphText(type.element)}[]`;
    case 'Optional':
      return `${graphText(type.element)}?`;
    case 'Future':
      return `Future[${graphText(type.element)}]`;
    case 'Dict':
      return `Dict(${graphText(type.key)}, ${graphText(type.value)})`;
    case 'Tuple':
      if (type.fields)
        return `NamedTuple(${type.fields.map((field, i) => `${field} : ${graphText(type.elements[i])}`).join(', ')})`;
      return `(${type.elements.map(graphText).join(', ')})`;
    case 'Union':
      return `Union(${type.members.map(graphText).join(', ')})`;
    case 'number':
      return 'Scalar';
    case 'Tensor':
      return 'detail' in type && type.detail ? tensorText(type.detail) : 'Tensor';
    case 'Enum':
      return `Enum<${type.name}>`;
    case 'Interface':
      return `InterfaceType<${leafOf(type.name)}>`;
    default:
      return annotation(type);
  }
}

/** A schema's type as the IR has it: dtypes, layouts and memory formats are plain ints there. */
export function fromSchemaType(type: SchemaType): JitType {
  switch (type.kind) {
    case 'List':
      if (type.element.kind === 'Any') return listOf(AnyT);
      return listOf(fromSchemaType(type.element));
    case 'Optional':
      return optionalOf(fromSchemaType(type.element));
    case 'Tuple':
      return tupleOf(type.elements.map(fromSchemaType));
    case 'Dict':
      return dictOf(fromSchemaType(type.key), fromSchemaType(type.value));
    case 'Future':
      return futureOf(fromSchemaType(type.element));
    case 'Variable':
      if (type.name === 'list') return AnyListT;
      return { kind: 'Var', name: type.name };
    case 'Class':
      return foreignClass(type.name);
    case 'ScalarType':
    case 'Layout':
    case 'MemoryFormat':
    case 'QScheme':
      return IntT;
    case 'Scalar':
      return NumberT;
    default:
      return primitives[type.kind as PrimitiveKind];
  }
}

const foreignClasses = new Map<string, ClassType>();

/** The type of a class that is not written in TorchScript, such as a packed-parameter object. */
export function foreignClass(name: string): ClassType {
  let type = foreignClasses.get(name);
  if (!type) foreignClasses.set(name, (type = new ClassType(name, false)));
  return type;
}
