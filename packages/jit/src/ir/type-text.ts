/** Types as text: as source writes them, as messages name them, as graphs print them. */
import { leafOf } from './names.ts';
import { scalarNames } from './tensor-options.ts';
import {
  type ClassType,
  type EnumType,
  InferredTensorT,
  type InterfaceType,
  type JitType,
  type TensorDetail,
  type TupleType,
} from './types.ts';

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

/** What a field is where nothing is given, ` = 2.5`. */
function defaultText({ defaults, elements, fields }: TupleType, field: string): string {
  const value = defaults?.get(field);
  if (value === undefined) return '';
  if (value === null || typeof value === 'boolean')
    return ` = ${value === null ? 'None' : value ? 'True' : 'False'}`;
  const isFloat = elements[fields!.indexOf(field)].kind === 'float';
  return ` = ${isFloat && Number.isInteger(value) ? `${value}.` : value}`;
}

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
        return `NamedTuple(${type.fields.map((field, i) => `${field} : ${graphText(type.elements[i])}${defaultText(type, field)}`).join(', ')})`;
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
