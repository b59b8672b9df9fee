/** Values as Python prints them, for `extra_repr`. */

export const tuple = (values: readonly number[]): string =>
  `(${values.join(', ')}${values.length === 1 ? ',' : ''})`;
export const bool = (value: boolean): string => (value ? 'True' : 'False');
/** A Python float: `1.0`, `1e-05`. */
export function float(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return `${value}.0`;
  const text = String(value);
  if (Math.abs(value) >= 1e-4) return text;
  const [digits, exponent] = value.toExponential().split('e');
  return `${digits}e-${exponent.slice(1).padStart(2, '0')}`;
}
