/** The types of TorchScript's IR: structural ones as plain data, classes, interfaces and enums by identity. */
import { type DType, type Type as SchemaType, TorchError } from '@sconce/core';
import type { Func } from './function.ts';
import { leafOf } from './names.ts';

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
  /** Functions of the author's that objects hold as attributes; what is called is in `statics` or `operators`. */
  readonly functions = new Map<string, unknown>();
  /** Attributes that are operators. */
  readonly operators = new Map<string, string>();
  /** What may not be used in TorchScript, each with the reason. */
  readonly refused = new Map<string, string>();
  /** Methods that Python alone runs, by their signatures: a call raises an error. */
  readonly unused = new Map<string, Func>();
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
) as Record<PrimitiveKind, JitType>;

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
} = primitives;

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
