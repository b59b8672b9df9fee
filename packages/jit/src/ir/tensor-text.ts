/** A tensor constant in a graph's text, as ATen's stream operator prints small tensors. */
import { canReadNow, dataNow, type Tensor } from '../ops/core.ts';
import { significant } from '../ops/text.ts';
import { scalarNames } from './tensor-options.ts';

/** `{5}` for one element, ATen's text for up to ten, else `<Tensor>`. */
export function tensorText(tensor: Tensor): string {
  const { shape } = tensor;
  const elements = shape.reduce((a, b) => a * b, 1);
  if (elements > 10 || shape.length > 2 || !canReadNow(tensor)) return '<Tensor>';
  const values = Array.from(dataNow(tensor), Number);
  if (elements === 1) return `{${significant(values[0], 6)}}`;
  const { scale, width, digits } = formatOf(values);
  const columns = shape[shape.length - 1] ?? 1;
  let text = scale === 1 ? '' : `${significant(scale, 6)} *\n`;
  values.forEach((value, i) => {
    const isLast = shape.length < 2 || (i + 1) % columns === 0;
    text += (value / scale).toFixed(digits).padStart(width) + (isLast ? '\n' : ' ');
  });
  const device = tensor.device.type === 'cpu' ? 'CPU' : tensor.device.type.toUpperCase();
  return `${text}[ ${device}${scalarNames[tensor.dtype]}Type{${shape.join(',')}} ]`.replaceAll('\n', ' ');
}

const digitsOf = (value: number): number => (value === 0 ? 1 : Math.floor(Math.log10(value)) + 1);

/** The common scale, width and digits after the point. */
function formatOf(values: readonly number[]): { scale: number; width: number; digits: number } {
  const sizes = values.filter(Number.isFinite).map(Math.abs);
  const least = digitsOf(Math.min(...sizes));
  const most = digitsOf(Math.max(...sizes));
  if (values.every((value) => !Number.isFinite(value) || Number.isInteger(value)))
    return { scale: 1, width: most + 1, digits: 0 };
  if (most - least > 4) return { scale: 1, width: 11, digits: 4 };
  if (most > 5 || most < 0) return { scale: 10 ** (most - 1), width: 7, digits: 4 };
  return { scale: 1, width: most === 0 ? 7 : most + 6, digits: 4 };
}
