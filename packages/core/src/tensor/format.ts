/** Printing a tensor's values as PyTorch prints them: `tensor([[1., 2.],\n        [3., 4.]], dtype=torch.float64)`. */
import { ArgumentError } from '../errors.ts';
import { type DType, isFloat } from './dtype.ts';

export interface PrintOptions {
  /** Digits after the point. */
  precision?: number;
  /** More elements than this are summarised. */
  threshold?: number;
  /** How many elements stand at each end of a summarised dimension. */
  edgeitems?: number;
  linewidth?: number;
  /** Scientific notation: always, never, or (null) as the values need it. */
  sci_mode?: boolean | null;
  profile?: 'default' | 'short' | 'full';
}

type Options = Required<Omit<PrintOptions, 'profile'>>;

const profiles = {
  default: { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80 },
  short: { precision: 2, threshold: 1000, edgeitems: 2, linewidth: 80 },
  full: { precision: 4, threshold: Number.POSITIVE_INFINITY, edgeitems: 3, linewidth: 80 },
} as const;

let current: Options = { ...profiles.default, sci_mode: null };

/** Sets how tensors are printed, as `torch.set_printoptions`: a profile, and what is to differ from it. */
export function set_printoptions(options: PrintOptions = {}): void {
  const { profile, sci_mode = null, ...given } = options;
  if (profile !== undefined && !(profile in profiles))
    throw new ArgumentError(`set_printoptions: profile is 'default', 'short' or 'full', not '${profile}'`);
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  current = { ...current, ...(profile && profiles[profile]), ...set, sci_mode };
}

/** What is in force, as `set_printoptions` takes it. */
export const get_printoptions = (): Readonly<Options> => current;

export type Printable = ArrayLike<number | bigint | boolean>;

/** What stands behind the values, apart from size and dtype. */
export interface FormatSuffixes {
  /** Shown where given: leave it out for the current host device. */
  readonly device?: string;
  /** The node's name, as `AddBackward0`. */
  readonly grad_fn?: string | null;
  /** Shown where there is no `grad_fn`. */
  readonly requires_grad?: boolean;
  /** The dtype that needs no mention; float32 unless given. */
  readonly default_dtype?: DType;
  /** Of a quantised tensor, whose values are the numbers that its integers stand for. */
  readonly quantizer?: PrintedQuantizer;
}

/** A quantiser with its lists read: one scale and zero point, or one of each for each index along an axis. */
export interface PrintedQuantizer {
  /** `per_tensor_affine`, `per_channel_affine` or `per_channel_affine_float_qparams`. */
  readonly scheme: string;
  readonly scale: number | Printable;
  readonly zero_point: number | Printable;
  readonly axis?: number;
}

/**
 * A tensor as PyTorch's `str` gives it. `values` are the elements in row-major order (16-bit floats as their values),
 * or null where the host cannot read them.
 */
export function formatTensor(
  values: Printable | null,
  shape: readonly number[],
  dtype: DType,
  suffixes: FormatSuffixes = {},
): string {
  const indent = 'tensor('.length;
  const standard = suffixes.default_dtype ?? 'float32';
  const size = `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;
  const numel = shape.reduce((a, b) => a * b, 1);
  const tail: string[] = [];
  let text: string;
  const { quantizer } = suffixes;
  if (quantizer && values !== null) {
    if (suffixes.device) tail.push(`device='${suffixes.device}'`);
    tail.push(`size=${size}`, `dtype=torch.${dtype}`, ...quantizerSuffixes(quantizer));
    text = formatValues(values, shape, 'float32', indent);
  } else if (values === null && suffixes.device !== 'meta') {
    // Ours, not PyTorch's: there every device but meta can be read at once.
    text = '...';
    tail.push(`size=[${shape.join(', ')}]`, `dtype=${dtype}`);
    if (suffixes.device) tail.push(`device='${suffixes.device}'`);
  } else {
    if (suffixes.device) tail.push(`device='${suffixes.device}'`);
    if (values === null || (numel === 0 && shape.length !== 1)) tail.push(`size=${size}`);
    // Without elements nothing tells an int64 or a bool from the default dtype.
    const shown = values !== null && numel > 0 ? [standard, 'int64', 'bool'] : [standard];
    if (!shown.includes(dtype)) tail.push(`dtype=torch.${dtype}`);
    text = values === null ? '...' : formatValues(values, shape, dtype, indent);
  }
  if (suffixes.grad_fn) tail.push(`grad_fn=<${suffixes.grad_fn}>`);
  else if (suffixes.requires_grad) tail.push('requires_grad=True');
  return addSuffixes(`tensor(${text}`, tail, indent);
}

function quantizerSuffixes({ scheme, scale, zero_point, axis }: PrintedQuantizer): string[] {
  // PyTorch keeps the scales of channels in float64, but for zero points that are fractions.
  const [scales, zeros]: DType[] = scheme.endsWith('float_qparams')
    ? ['float32', 'float32']
    : ['float64', 'int64'];
  const list = (values: number | Printable, dtype: DType): string =>
    typeof values === 'number'
      ? dtype === 'int64'
        ? String(values)
        : pythonFloat(values)
      : formatTensor(values, [values.length], dtype);
  return [
    `quantization_scheme=torch.${scheme}`,
    `scale=${list(scale, scales)}`,
    `zero_point=${list(zero_point, zeros)}`,
    ...(axis === undefined ? [] : [`axis=${axis}`]),
  ];
}

/** Python's `repr` of a float. */
function pythonFloat(x: number): string {
  if (!Number.isFinite(x)) return named(x);
  const [mantissa, exponent] = x.toExponential().split('e');
  if (Number(exponent) < -4 || Number(exponent) >= 16)
    return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
  const text = Object.is(x, -0) ? '-0' : String(x);
  return text.includes('.') ? text : `${text}.0`;
}

/** Each suffix on the last line where it fits, else on a line of its own. */
function addSuffixes(text: string, suffixes: readonly string[], indent: number): string {
  let out = text;
  // One more than the line has, as PyTorch counts it: it is what decides where lines break.
  let length = text.length - text.lastIndexOf('\n') + 1;
  for (const suffix of suffixes) {
    if (length + suffix.length + 2 > current.linewidth) {
      out += `,\n${' '.repeat(indent)}${suffix}`;
      length = indent + suffix.length;
    } else {
      out += `, ${suffix}`;
      length += suffix.length + 2;
    }
  }
  return `${out})`;
}

/** The brackets and numbers alone, for lines that begin `indent` columns in. */
export function formatValues(
  values: Printable,
  shape: readonly number[],
  dtype: DType,
  indent: number,
): string {
  const numel = shape.reduce((a, b) => a * b, 1);
  if (numel === 0) return '[]';
  const edge = numel > current.threshold ? current.edgeitems : Number.POSITIVE_INFINITY;
  const seen: (number | bigint | boolean)[] = [];
  visit(values, shape, edge, 0, 0, seen);
  const { width, format } = isFloat(dtype) ? floatFormat(seen as number[]) : integerFormat(seen, dtype);

  const vector = (start: number, left: number): string => {
    const perLine = Math.max(1, Math.floor((current.linewidth - left) / (width + 2)));
    const n = shape[shape.length - 1];
    const items: string[] = [];
    for (let i = 0; i < n; i++) {
      if (i === edge && n > 2 * edge) {
        items.push(' ...');
        i = n - edge;
      }
      if (i < n) items.push(format(values[start + i]));
    }
    const lines: string[] = [];
    for (let i = 0; i < items.length; i += perLine) lines.push(items.slice(i, i + perLine).join(', '));
    return `[${lines.join(`,\n${' '.repeat(left + 1)}`)}]`;
  };
  const level = (dim: number, start: number, left: number): string => {
    if (dim === shape.length - 1) return vector(start, left);
    const n = shape[dim];
    const step = shape.slice(dim + 1).reduce((a, b) => a * b, 1);
    const parts: string[] = [];
    for (let i = 0; i < n; i++) {
      if (i === edge && n > 2 * edge) {
        parts.push('...');
        i = n - edge;
      }
      if (i < n) parts.push(level(dim + 1, start + i * step, left + 1));
    }
    return `[${parts.join(`,${'\n'.repeat(shape.length - dim - 1)}${' '.repeat(left + 1)}`)}]`;
  };
  return shape.length === 0 ? format(values[0]) : level(0, 0, indent);
}

/** Collects the elements that will be shown. */
function visit(
  values: Printable,
  shape: readonly number[],
  edge: number,
  dim: number,
  start: number,
  out: (number | bigint | boolean)[],
): void {
  if (dim === shape.length) {
    out.push(values[start]);
    return;
  }
  const n = shape[dim];
  const step = shape.slice(dim + 1).reduce((a, b) => a * b, 1);
  for (let i = 0; i < n; i++) {
    if (i === edge && n > 2 * edge) i = n - edge;
    if (i < n) visit(values, shape, edge, dim + 1, start + i * step, out);
  }
}

interface ElementFormat {
  readonly width: number;
  format(value: number | bigint | boolean): string;
}

function integerFormat(seen: readonly (number | bigint | boolean)[], dtype: DType): ElementFormat {
  const text = (value: number | bigint | boolean): string =>
    dtype === 'bool' ? (value ? 'True' : 'False') : String(value);
  const width = seen.reduce((most: number, value) => Math.max(most, text(value).length), 1);
  return { width, format: (value) => text(value).padStart(width) };
}

function floatFormat(seen: readonly number[]): ElementFormat {
  const { precision } = current;
  const finite = seen.filter((x) => Number.isFinite(x) && x !== 0);
  let width = 1;
  let scientific = false;
  const integers = finite.every((x) => Number.isInteger(x));
  if (finite.length > 0) {
    let least = Number.POSITIVE_INFINITY;
    let most = 0;
    for (const x of finite) {
      least = Math.min(least, Math.abs(x));
      most = Math.max(most, Math.abs(x));
    }
    scientific = most / least > 1000 || most > 1e8 || (!integers && least < 1e-4);
    const measure = scientific
      ? (x: number) => exponential(x, precision).length
      : integers
        ? (x: number) => fixed(x, 0).length + 1
        : (x: number) => fixed(x, precision).length;
    for (const x of finite) width = Math.max(width, measure(x));
    // Widths are of the notation that the values ask for, even where sci_mode overrules it, as in PyTorch.
    scientific = current.sci_mode ?? scientific;
  }
  return {
    width,
    format(value) {
      const x = Number(value);
      const text = scientific
        ? exponential(x, precision)
        : integers
          ? fixed(x, 0) + (Number.isFinite(x) ? '.' : '')
          : fixed(x, precision);
      return text.padStart(width);
    },
  };
}

const named = (x: number): string => (Number.isNaN(x) ? 'nan' : x > 0 ? 'inf' : '-inf');

/** Python's `{:.nf}`: exact, and ties to even where JavaScript's toFixed rounds them up. */
function fixed(x: number, digits: number): string {
  if (!Number.isFinite(x)) return named(x);
  const magnitude = Math.abs(x);
  const sign = x < 0 || Object.is(x, -0) ? '-' : '';
  if (magnitude >= 1e21) return `${sign}${BigInt(magnitude)}${digits > 0 ? `.${'0'.repeat(digits)}` : ''}`;
  let text = magnitude.toFixed(digits);
  // A tie is an odd multiple of half a last digit, so its binary fraction has at most digits + 1 places.
  if (Number.isInteger(magnitude * 2 ** (digits + 1))) {
    const exact = magnitude.toFixed(digits + 1);
    if (exact.endsWith('5') && Number(exact) === magnitude) text = evenTie(exact.slice(0, -1), text);
  }
  return sign + text;
}

/** Python's `{:.ne}`: exact, ties to even, an exponent of two digits at least. */
function exponential(x: number, digits: number): string {
  if (!Number.isFinite(x)) return named(x);
  const magnitude = Math.abs(x);
  const sign = x < 0 || Object.is(x, -0) ? '-' : '';
  let [mantissa, exponent] = magnitude.toExponential(digits).split('e');
  const [exact, exactExponent] = magnitude.toExponential(100).split('e');
  const cut = digits === 0 ? 1 : digits + 2;
  const rest = exact.slice(digits === 0 ? 2 : cut);
  if (/^50*$/.test(rest)) {
    const even = evenTie(exact.slice(0, cut), mantissa);
    if (even !== mantissa) [mantissa, exponent] = [even, exactExponent];
  }
  return `${sign}${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}

/** Of a tie's two neighbours the one whose last digit is even: what is left when the 5 is cut off, or what is rounded up. */
function evenTie(down: string, up: string): string {
  const bare = down.endsWith('.') ? down.slice(0, -1) : down;
  return Number(bare.at(-1)) % 2 === 0 ? bare : up;
}
