/** What Python's `str` and `repr` write, and its `format`. */
import { TorchError } from '@sconce/core';
import { PyFloat, Tensor } from '../ops/core.ts';
import { isTuple } from '../ops/value.ts';
import { isFloat, numberOf } from './numbers.ts';

function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16))
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

export function repr(value: unknown): string {
  if (typeof value === 'string') {
    const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
    return `${quote}${value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll(quote, `\\${quote}`)}${quote}`;
  }
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (value instanceof PyFloat || isFloat(value)) return floatText(numberOf(value));
  if (isTuple(value)) return `(${value.map(repr).join(', ')}${value.length === 1 ? ',' : ''})`;
  if (Array.isArray(value)) return `[${value.map(repr).join(', ')}]`;
  if (value instanceof Map) return `{${[...value].map(([k, v]) => `${repr(k)}: ${repr(v)}`).join(', ')}}`;
  return String(value);
}

export const str = (value: unknown): string => (typeof value === 'string' ? value : repr(value));

/** `'{} {name} {0}'.format(…)`; no widths or precisions. */
export function format(
  template: string,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): string {
  let next = 0;
  return template.replace(/\{\{|\}\}|\{([^{}]*)\}/g, (whole, field: string | undefined) => {
    if (field === undefined) return whole[0];
    if (/[:!]/.test(field)) throw new TorchError(`format: '${whole}' is not supported: write {} alone`);
    if (field === '') return str(args[next++]);
    return str(/^\d+$/.test(field) ? args[Number(field)] : kwargs[field]);
  });
}

/** Whether Python takes a value for true. */
export function isTrue(value: unknown): boolean {
  if (value === null || value === undefined) return false;
  if (value instanceof Tensor)
    throw new TorchError('a tensor cannot decide here: its value is not known while a module is made');
  if (value instanceof PyFloat) return value.value !== 0;
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map || value instanceof Set) return value.size > 0;
  return Boolean(value);
}

/** Whether two values are equal, as `==` has it of what is no tensor. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return isTuple(a) === isTuple(b) && a.length === b.length && a.every((item, i) => isEqual(item, b[i]));
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([k, v]) => b.has(k) && isEqual(v, b.get(k)));
  const isNumeric = (value: unknown) =>
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    typeof value === 'boolean' ||
    value instanceof PyFloat;
  if (isNumeric(a) && isNumeric(b)) return numberOf(a) === numberOf(b);
  return Object.is(a, b);
}
