/** A signature as PyTorch prints a schema: `f(Tensor x, int n=2, str? s=None) -> Tensor`. */
import { Device } from '../ops/core.ts';
import { escapeText, floatText, shortest17 } from '../ops/text.ts';
import type { Param, Signature } from './function.ts';
import { graphText } from './type-text.ts';
import { EnumValue, type JitType } from './types.ts';

/** A type in a schema: as in graphs, but NamedTuples by their names and futures in parentheses. */
function typeText(type: JitType): string {
  switch (type.kind) {
    case 'List':
      return `${typeText(type.element)}[]`;
    case 'Optional':
      return `${typeText(type.element)}?`;
    case 'Future':
      return `Future(${typeText(type.element)})`;
    case 'Dict':
      return `Dict(${typeText(type.key)}, ${typeText(type.value)})`;
    case 'Tuple':
      return type.name ?? `(${type.elements.map(typeText).join(', ')})`;
    default:
      return graphText(type);
  }
}

/** A default value in a schema. */
function defaultText(value: unknown, type: JitType): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return escapeText(value);
  if (value instanceof Device) return String(value);
  if (value instanceof EnumValue) return `${value.type.name}.${value.name}`;
  if (typeof value === 'number') {
    const inner = type.kind === 'Optional' ? type.element : type;
    if (inner.kind !== 'float' && Number.isInteger(value)) return String(value);
    return Number.isInteger(value) || !Number.isFinite(value) ? floatText(value) : shortest17(value);
  }
  if (Array.isArray(value)) {
    const inner = type.kind === 'Optional' ? type.element : type;
    const at = (i: number): JitType =>
      inner.kind === 'List' ? inner.element : inner.kind === 'Tuple' ? inner.elements[i] : inner;
    const items = value.map((item, i) => defaultText(item, at(i))).join(', ');
    return inner.kind === 'Tuple' ? `(${items})` : `[${items}]`;
  }
  return String(value);
}

const parameter = ({ name, type, hasDefault, default: value }: Param): string =>
  `${typeText(type)} ${name}${hasDefault ? `=${defaultText(value, type)}` : ''}`;

/** `name` is what stands before the parenthesis. */
export function schemaText({ params, returns }: Signature, name: string): string {
  const positional = params.filter((param) => !param.kwargOnly).map(parameter);
  const named = params.filter((param) => param.kwargOnly).map(parameter);
  const all = [...positional, ...(named.length > 0 ? ['*', ...named] : [])].join(', ');
  const result = typeText(returns);
  return `${name}(${all}) -> ${result.startsWith('(') ? `(${result})` : result}`;
}
