/** The types of ATen schemas and of TorchScript, as one immutable tree. */
export type Type =
  | { readonly kind: PrimitiveKind }
  | { readonly kind: 'List'; readonly element: Type; readonly size?: number }
  | { readonly kind: 'Optional'; readonly element: Type }
  | { readonly kind: 'Tuple'; readonly elements: readonly Type[] }
  | { readonly kind: 'Dict'; readonly key: Type; readonly value: Type }
  | { readonly kind: 'Future'; readonly element: Type }
  /** A type variable of a generic schema, such as `t` in `aten::append.t(t[](a!) self, t el)`. */
  | { readonly kind: 'Variable'; readonly name: string }
  /** A custom class, such as `__torch__.torch.classes.quantized.LinearPackedParamsBase`. */
  | { readonly kind: 'Class'; readonly name: string };

export type PrimitiveKind = (typeof primitiveKinds)[number];

const primitiveKinds = [
  'Tensor',
  'int',
  'float',
  'bool',
  'str',
  'complex',
  'Scalar',
  'ScalarType',
  'Layout',
  'Device',
  'MemoryFormat',
  'QScheme',
  'Stream',
  'Generator',
  'Storage',
  'Any',
  'AnyClass',
  'AnyEnum',
  'None',
] as const;

const primitives = new Map<string, Type>(primitiveKinds.map((kind) => [kind, { kind }]));

/** Other spellings that PyTorch prints for a primitive type. */
const synonyms: Record<string, PrimitiveKind> = {
  SymInt: 'int',
  SymFloat: 'float',
  SymBool: 'bool',
  number: 'Scalar',
  NoneType: 'None',
  ConstQuantizerPtr: 'Any',
  AnyClassType: 'AnyClass',
  AnyEnumType: 'AnyEnum',
};

/** The primitive type of this name, or undefined when no primitive is called so. */
export const primitiveType = (name: string): Type | undefined =>
  primitives.get(Object.hasOwn(synonyms, name) ? synonyms[name] : name);

/** Prints a type as PyTorch's schemas do: `Tensor?`, `int[2]`, `Dict(str, Tensor)`, `(Tensor, int)`. */
export function typeToString(type: Type): string {
  switch (type.kind) {
    case 'List':
      return `${typeToString(type.element)}[${type.size ?? ''}]`;
    case 'Optional':
      return `${typeToString(type.element)}?`;
    case 'Tuple':
      return `(${type.elements.map(typeToString).join(', ')})`;
    case 'Dict':
      return `Dict(${typeToString(type.key)}, ${typeToString(type.value)})`;
    case 'Future':
      return `Future(${typeToString(type.element)})`;
    case 'Variable':
    case 'Class':
      return type.name;
    case 'None':
      return 'NoneType';
    default:
      return type.kind;
  }
}
