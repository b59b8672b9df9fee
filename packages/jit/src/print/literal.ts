/** Constants as TorchScript's source writes them, those without a literal as `CONSTANTS.cN`. */
import { isQuantized } from '@sconce/core';
import { annotation } from '../ir/type-text.ts';
import { EnumValue, type JitType } from '../ir/types.ts';
import { canReadNow, Device, dataNow, PackedParams, PyFloat, Tensor } from '../ops/core.ts';
import { escapeText, floatText } from '../ops/text.ts';
import { ScriptObject, typeTagOf } from '../ops/value.ts';
import type { NameOf } from './dependencies.ts';

export interface Constant {
  readonly value: unknown;
  readonly type: JitType;
}

/** What a program's text calls `CONSTANTS.c0`, `c1`, …: in order of their first mention, equal tensors once. */
export class ConstantTable {
  readonly entries: Constant[] = [];

  /** The index of a constant. */
  of(value: unknown, type: JitType): number {
    if (value instanceof Tensor) {
      const known = this.entries.findIndex(
        ({ value: other }) => other instanceof Tensor && isEqual(value, other),
      );
      if (known >= 0) return known;
    }
    return this.entries.push({ value, type }) - 1;
  }
}

function isEqual(a: Tensor, b: Tensor): boolean {
  if (a === b) return true;
  if (a.dtype !== b.dtype || a.backend !== b.backend || a.shape.length !== b.shape.length) return false;
  // Their integers say nothing without a scale.
  if (isQuantized(a.dtype)) return false;
  if (a.shape.some((size, d) => size !== b.shape[d])) return false;
  if (!canReadNow(a) || !canReadNow(b)) return false;
  const [x, y] = [dataNow(a), dataNow(b)];
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  return true;
}

export interface LiteralOptions {
  readonly constants: ConstantTable;
  readonly nameOf?: NameOf;
  /**
   * For archives: whole floats from 1e10 on and `\r` in the form that PyTorch's parser reads back as what they are; PyTorch
   * itself prints them otherwise, and reads an int or refuses the text.
   */
  readonly reloadable?: boolean;
}

/** Whether a list of these, written without its type, is read as what it is. */
export const isInferable = (type: JitType): boolean => {
  switch (type.kind) {
    case 'Union':
    case 'Optional':
    case 'number':
    case 'Interface':
    case 'Any':
      return false;
    case 'List':
    case 'Future':
      return isInferable(type.element);
    case 'Dict':
      return isInferable(type.key) && isInferable(type.value);
    case 'Tuple':
      return type.elements.every(isInferable);
    default:
      return true;
  }
};

const isAscii = (text: string): boolean => !/[^\0-\x7f]/.test(text);

/** Whether the constant holds, at any depth, a string that the parser could not read. */
const holdsForeignText = (value: unknown): boolean =>
  typeof value === 'string'
    ? !isAscii(value)
    : Array.isArray(value)
      ? value.some(holdsForeignText)
      : value instanceof Map && [...value].some(([k, v]) => holdsForeignText(k) || holdsForeignText(v));

/** The type that a value has by itself where its place does not say. */
function ownType(value: unknown, type: JitType): JitType {
  if (type.kind === 'Optional') return ownType(value, type.element);
  if (type.kind !== 'Any' && type.kind !== 'Union' && type.kind !== 'number') return type;
  return (typeof value === 'object' && value !== null && typeTagOf(value)) || type;
}

/** A string as PyTorch's parser reads it back: what is beyond ASCII stands as it is, a return in octal. */
export const reloadableText = (value: string): string =>
  `"${value.replace(/[\0-\x7f]+/g, (ascii) => escapeText(ascii).slice(1, -1).replaceAll('\\r', '\\015'))}"`;

export function literal(value: unknown, declared: JitType, options: LiteralOptions): string {
  const type = ownType(value, declared);
  if (
    value instanceof Tensor ||
    value instanceof ScriptObject ||
    value instanceof PackedParams ||
    holdsForeignText(value)
  )
    return `CONSTANTS.c${options.constants.of(value, type)}`;
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (value instanceof PyFloat) return floatLiteral(value.value, options);
  if (typeof value === 'number')
    return type.kind === 'float' || !Number.isInteger(value) ? floatLiteral(value, options) : String(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'string') return options.reloadable ? reloadableText(value) : escapeText(value);
  if (value instanceof Device) return `torch.device(${escapeText(String(value))})`;
  if (value instanceof EnumValue) return `${options.nameOf?.(value.type) ?? value.type.name}.${value.name}`;
  const typeText = () => annotation(type, options.nameOf);
  if (value instanceof Map) {
    const [keyType, valueType] = type.kind === 'Dict' ? [type.key, type.value] : [type, type];
    const items = [...value].map(
      ([k, v]) => `${literal(k, keyType, options)}: ${literal(v, valueType, options)}`,
    );
    const text = `{${items.join(', ')}}`;
    return value.size === 0 || !isInferable(valueType) ? `annotate(${typeText()},${text})` : text;
  }
  if (Array.isArray(value)) {
    if (type.kind === 'Tuple') {
      const items = value.map((item, i) => literal(item, type.elements[i], options));
      const name = type.name === undefined ? '' : typeText();
      return `${name}(${items.join(', ')}${items.length === 1 ? ',' : ''})`;
    }
    const element = type.kind === 'List' ? type.element : type;
    const text = `[${value.map((item) => literal(item, element, options)).join(', ')}]`;
    return value.length === 0 || !isInferable(element) ? `annotate(${typeText()}, ${text})` : text;
  }
  return String(value);
}

function floatLiteral(value: number, { reloadable }: LiteralOptions): string {
  const text = floatText(value);
  return reloadable && /^-?\d+$/.test(text) ? `${text}.` : text;
}
