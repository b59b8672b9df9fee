/** Operators on strings, and how values become text: `str`, `format`, `%`, `print`. */
import { encodeUtf8 } from '@sconce/core';
import { JitError } from '../errors.ts';
import { leafOf } from '../ir/names.ts';
import { EnumValue } from '../ir/types.ts';
import { Device, PyFloat, Tensor } from './core.ts';
import type { Int } from './int.ts';
import type { ScalarEntry } from './operator.ts';
import { isTuple, ScriptObject, typeTagOf } from './value.ts';

/** A float as TorchScript's `str` and `format` write it (C++'s default: six significant digits, a point kept). */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Number.isInteger(value) && Math.abs(value) < 1e10) return `${Object.is(value, -0) ? '-0' : value}.`;
  return shortest17(value);
}

/** `%.17g`. */
export function shortest17(value: number): string {
  return significant(value, 17);
}

/** C's `%.{digits}g`. */
export function significant(value: number, digits: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [mantissa, exponentText] = value.toExponential(digits - 1).split('e');
  const exponent = Number(exponentText);
  const trim = (text: string) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (exponent < -4 || exponent >= digits) {
    const sign = exponent < 0 ? '-' : '+';
    return `${trim(mantissa)}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  return trim(value.toFixed(Math.max(0, digits - 1 - exponent)));
}

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  "'": "\\'",
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** A byte in octal as torch::jit writes it, whose bytes have signs: from 128 on its digits are no digits. */
function octal(byte: number): string {
  const c = (byte << 24) >> 24;
  const digits = [Math.trunc(c / 64), Math.trunc(c / 8) % 8, c % 8];
  return `\\${String.fromCharCode(...digits.map((digit) => 0x30 + digit))}`;
}

/** A string in quotes as torch::jit prints it, byte by byte. */
export const escapeText = (text: string): string =>
  `"${text.replace(
    /[\\"']|[^\x20-\x7e]+/g,
    (part) =>
      escapes[part] ??
      Array.from(encodeUtf8(part), (byte) => escapes[String.fromCharCode(byte)] ?? octal(byte)).join(''),
  )}"`;

/** A value as `format`, `str` and `print` show it. Ints and floats are told apart by the static type's text, where known. */
export function valueText(value: unknown, isFloat = false): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (value instanceof PyFloat) return plainFloat(value.value);
  if (typeof value === 'number')
    return isFloat || !Number.isInteger(value) ? plainFloat(value) : String(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'string') return value;
  if (value instanceof EnumValue) return `${leafOf(value.type.name)}.${value.name}`;
  if (value instanceof Tensor) return String(value);
  if (value instanceof Device) return String(value);
  if (value instanceof ScriptObject) return `<${value.type.name} object>`;
  if (value instanceof Map) {
    const tag = typeTagOf(value);
    const floats = tag?.kind === 'Dict' && tag.value.kind === 'float';
    return `{${[...value].map(([k, v]) => `${valueText(k)}: ${valueText(v, floats)}`).join(', ')}}`;
  }
  if (Array.isArray(value)) {
    const tag = typeTagOf(value);
    const floatAt = (i: number) =>
      (tag?.kind === 'List' && tag.element.kind === 'float') ||
      (tag?.kind === 'Tuple' && tag.elements[i]?.kind === 'float');
    const parts = value.map((v, i) => valueText(v, floatAt(i)));
    if (!isTuple(value)) return `[${parts.join(', ')}]`;
    return parts.length === 1 ? `(${parts[0]},)` : `(${parts.join(', ')})`;
  }
  return String(value);
}

/** `str(1.5)`: as an IValue prints, which keeps the point of whole numbers, and no sign of zero. */
function plainFloat(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 2 ** 63 ? `${BigInt(value)}.` : floatText(value);
}

/** Fills `{}` in order; literal braces are `{{` and `}}`. */
function format(template: string, ...values: unknown[]): string {
  const parts = template.split('{}');
  if (parts.length - 1 > values.length)
    throw new JitError('RuntimeError', `Too few arguments for format string: ${template}`);
  return parts.map((part, i) => part + (i < parts.length - 1 ? valueText(values[i]) : '')).join('');
}

function percentFormat(template: string, ...given: unknown[]): string {
  const values = given.length === 1 && isTuple(given[0]) ? [...given[0]] : given;
  let next = 0;
  const take = (): unknown => {
    if (next >= values.length) throw new JitError('RuntimeError', 'Too few arguments for format string');
    return values[next++];
  };
  const text = template.replace(
    /%([-+ #0]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g,
    (_, flags: string, width: string, precision: string | undefined, kind: string) => {
      if (kind === '%') return '%';
      if (!'sdieEfFc'.includes(kind))
        throw new JitError(
          'RuntimeError',
          `The specifier %${kind} is not supported in TorchScript format strings`,
        );
      const value = take();
      let out: string;
      const number = () => (value instanceof PyFloat ? value.value : Number(value));
      if (kind === 's') out = valueText(value);
      else if (kind === 'd' || kind === 'i')
        out = typeof value === 'bigint' ? String(value) : String(Math.trunc(number()));
      else if (kind === 'f' || kind === 'F')
        out = number().toFixed(precision === undefined ? 6 : Number(precision));
      else if (kind === 'e' || kind === 'E')
        out = number()
          .toExponential(precision === undefined ? 6 : Number(precision))
          .replace(/e([+-])(\d)$/, 'e$10$2');
      else out = String(value);
      if (flags.includes('+') && !out.startsWith('-') && kind !== 's') out = `+${out}`;
      const fill = flags.includes('0') && !flags.includes('-') ? '0' : ' ';
      return flags.includes('-') ? out.padEnd(Number(width || 0)) : out.padStart(Number(width || 0), fill);
    },
  );
  if (next < values.length) throw new JitError('RuntimeError', 'Too many arguments for format string');
  return text;
}

const at = (index: Int, length: number): number => {
  const i = Number(index);
  const from = i < 0 ? i + length : i;
  if (from < 0 || from >= length) throw new JitError('IndexError', 'string index out of range');
  return from;
};

/** Python's slice bounds over a length, with any step. */
export function sliceIndices(length: number, start: Int | null, end: Int | null, step: Int): number[] {
  const by = Number(step);
  if (by === 0) throw new JitError('ValueError', 'slice step cannot be zero');
  const clamp = (value: number, low: number, high: number) =>
    Math.max(low, Math.min(high, value < 0 ? value + length : value));
  const from =
    start === null
      ? by > 0
        ? 0
        : length - 1
      : clamp(Number(start), by > 0 ? 0 : -1, by > 0 ? length : length - 1);
  const to =
    end === null ? (by > 0 ? length : -1) : clamp(Number(end), by > 0 ? 0 : -1, by > 0 ? length : length - 1);
  const indices: number[] = [];
  if (by > 0) for (let i = from; i < to; i += by) indices.push(i);
  else for (let i = from; i > to; i += by) indices.push(i);
  return indices;
}

/** A window of the text as `find`, `count`, … take it: an end of -1 means the text's end. */
const windowOf = (text: string, start: Int, end: Int): { text: string; offset: number } => {
  const clamp = (value: number) =>
    Math.max(0, Math.min(text.length, value < 0 ? value + text.length : value));
  const from = clamp(Number(start));
  const to = Number(end) === -1 ? text.length : clamp(Number(end));
  return { text: text.slice(from, Math.max(from, to)), offset: from };
};

function find(text: string, part: string, start: Int, end: Int): number {
  const window = windowOf(text, start, end);
  const found = window.text.indexOf(part);
  return found < 0 ? -1 : found + window.offset;
}

function rfind(text: string, part: string, start: Int, end: Int): number {
  const window = windowOf(text, start, end);
  const found = window.text.lastIndexOf(part);
  return found < 0 ? -1 : found + window.offset;
}

const orMissing = (found: number): number => {
  if (found < 0) throw new JitError('ValueError', 'ValueError: substring not found');
  return found;
};

const stripper = (left: boolean, right: boolean) => (text: string, chars: string) => {
  let from = 0;
  let to = text.length;
  if (left) while (from < to && chars.includes(text[from])) from++;
  if (right) while (to > from && chars.includes(text[to - 1])) to--;
  return text.slice(from, to);
};

function split(text: string, separator: string | null, max: Int): string[] {
  const limit = Number(max) < 0 ? Number.POSITIVE_INFINITY : Number(max);
  if (separator === null) {
    const parts: string[] = [];
    let rest = text.trimStart();
    while (rest !== '' && parts.length < limit) {
      const match = /^\S+/.exec(rest)!;
      parts.push(match[0]);
      rest = rest.slice(match[0].length).trimStart();
    }
    return rest === '' ? parts : [...parts, rest];
  }
  if (separator === '') throw new JitError('ValueError', 'empty separator');
  const parts = text.split(separator);
  return parts.length - 1 <= limit ? parts : [...parts.slice(0, limit), parts.slice(limit).join(separator)];
}

function rsplit(text: string, separator: string, max: Int): string[] {
  const limit = Number(max) < 0 ? Number.POSITIVE_INFINITY : Number(max);
  const parts = text.split(separator);
  const cut = parts.length - 1 - limit;
  return cut <= 0 ? parts : [parts.slice(0, cut + 1).join(separator), ...parts.slice(cut + 1)];
}

function replace(text: string, old: string, by: string, max: Int): string {
  const limit = Number(max);
  if (limit < 0) return text.split(old).join(by);
  const parts = split(text, old, limit);
  return parts.join(by);
}

const every = (pattern: RegExp) => (text: string) => pattern.test(text);
const center = (text: string, width: Int, fill: string): string => {
  const total = Number(width) - text.length;
  if (total <= 0) return text;
  const left = Math.floor(total / 2) + (total & Number(width) & 1);
  return fill.repeat(left) + text + fill.repeat(total - left);
};
const title = (text: string) =>
  text.toLowerCase().replace(/[a-z]+/g, (word) => word[0].toUpperCase() + word.slice(1));

const compare = (name: string, test: (a: string, b: string) => boolean): ScalarEntry => [
  `aten::${name}.str(str a, str b) -> bool`,
  test,
];

const bytesOf = (text: string): number => {
  let count = 0;
  for (const c of text) {
    const code = c.codePointAt(0)!;
    count += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return count;
};

export const textOperators: readonly ScalarEntry[] = [
  ['aten::str(t elem) -> str', (value: unknown) => valueText(value)],
  ['aten::format(str self, ...) -> str', format],
  ['aten::percentFormat(str self, ...) -> str', percentFormat],
  ['aten::add.str(str a, str b) -> str', (a: string, b: string) => a + b],
  ['aten::len.str(str s) -> int', bytesOf],
  ['aten::__getitem__.str(str s, int index) -> str', (s: string, i: Int) => s[at(i, s.length)]],
  ['prim::StringIndex(str string, int index) -> str', (s: string, i: Int) => s[at(i, s.length)]],
  [
    'aten::slice.str(str string, int? start=None, int? end=None, int step=1) -> str',
    (s: string, a: Int | null, b: Int | null, step: Int) =>
      sliceIndices(s.length, a, b, step)
        .map((i) => s[i])
        .join(''),
  ],
  ['aten::list(str t) -> str[]', (s: string) => [...s]],
  compare('eq', (a, b) => a === b),
  compare('ne', (a, b) => a !== b),
  compare('lt', (a, b) => a < b),
  compare('gt', (a, b) => a > b),
  compare('le', (a, b) => a <= b),
  compare('ge', (a, b) => a >= b),
  ['aten::upper(str self) -> str', (s: string) => s.toUpperCase()],
  ['aten::lower(str self) -> str', (s: string) => s.toLowerCase()],
  [
    'aten::swapcase(str self) -> str',
    (s: string) => [...s].map((c) => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase())).join(''),
  ],
  [
    'aten::capitalize(str self) -> str',
    (s: string) => s.slice(0, 1).toUpperCase() + s.slice(1).toLowerCase(),
  ],
  ['aten::title(str self) -> str', title],
  ['aten::center(str self, int width, str fillchar=" ") -> str', center],
  [
    'aten::ljust(str self, int width, str fillchar=" ") -> str',
    (s: string, n: Int, fill: string) => s.padEnd(Number(n), fill),
  ],
  [
    'aten::rjust(str self, int width, str fillchar=" ") -> str',
    (s: string, n: Int, fill: string) => s.padStart(Number(n), fill),
  ],
  [
    'aten::zfill(str self, int width) -> str',
    (s: string, n: Int) =>
      /^[+-]/.test(s) ? s[0] + s.slice(1).padStart(Number(n) - 1, '0') : s.padStart(Number(n), '0'),
  ],
  [
    'aten::count(str self, str substr, int start=0, int end=-1) -> int',
    (s: string, part: string, a: Int, b: Int) =>
      part === '' ? windowOf(s, a, b).text.length + 1 : windowOf(s, a, b).text.split(part).length - 1,
  ],
  ['aten::find(str self, str substr, int start=0, int end=-1) -> int', find],
  ['aten::rfind(str self, str substr, int start=0, int end=-1) -> int', rfind],
  [
    'aten::index.str(str self, str substr, int start=0, int end=-1) -> int',
    (s: string, part: string, a: Int, b: Int) => orMissing(find(s, part, a, b)),
  ],
  [
    'aten::rindex(str self, str substr, int start=0, int end=-1) -> int',
    (s: string, part: string, a: Int, b: Int) => orMissing(rfind(s, part, a, b)),
  ],
  [
    'aten::startswith(str self, str substr, int start=0, int end=-1) -> bool',
    (s: string, part: string, a: Int, b: Int) => windowOf(s, a, b).text.startsWith(part),
  ],
  [
    'aten::endswith(str self, str substr, int start=0, int end=-1) -> bool',
    (s: string, part: string, a: Int, b: Int) => windowOf(s, a, b).text.endsWith(part),
  ],
  [
    'aten::expandtabs(str self, int tabsize=8) -> str',
    (s: string, n: Int) => s.replace(/\t/g, () => ' '.repeat(Number(n))),
  ],
  [
    'aten::strip(str self, str chars=" \\n\\t\\f\\v") -> str',
    (s: string, chars: string) => stripper(true, true)(s, chars),
  ],
  [
    'aten::lstrip(str self, str chars=" \\n\\t\\f\\v") -> str',
    (s: string, chars: string) => stripper(true, false)(s, chars),
  ],
  [
    'aten::rstrip(str self, str chars=" \\n\\t\\f\\v") -> str',
    (s: string, chars: string) => stripper(false, true)(s, chars),
  ],
  ['aten::replace(str self, str old, str new, int max=-1) -> str', replace],
  ['aten::split.str(str self, str? separator=None, int max=-1) -> str[]', split],
  ['aten::rsplit(str self, str separator=" ", int max=-1) -> str[]', rsplit],
  [
    'aten::splitlines(str self, bool keepends=False) -> str[]',
    (s: string, keep: boolean) =>
      (s.match(/[^\n\r]*(?:\r\n|\n|\r)|[^\n\r]+$/g) ?? []).map((line) =>
        keep ? line : line.replace(/[\r\n]+$/, ''),
      ),
  ],
  [
    'aten::partition(str self, str separator) -> (str, str, str)',
    (s: string, sep: string) => {
      const i = s.indexOf(sep);
      return i < 0 ? [s, '', ''] : [s.slice(0, i), sep, s.slice(i + sep.length)];
    },
  ],
  [
    'aten::rpartition(str self, str separator) -> (str, str, str)',
    (s: string, sep: string) => {
      const i = s.lastIndexOf(sep);
      return i < 0 ? ['', '', s] : [s.slice(0, i), sep, s.slice(i + sep.length)];
    },
  ],
  ['aten::join(str self, str[] values) -> str', (s: string, values: string[]) => values.join(s)],
  ['aten::isupper(str self) -> bool', (s: string) => /[A-Z]/.test(s) && !/[a-z]/.test(s)],
  ['aten::islower(str self) -> bool', (s: string) => /[a-z]/.test(s) && !/[A-Z]/.test(s)],
  ['aten::isdigit(str self) -> bool', every(/^\d+$/)],
  ['aten::isdecimal(str self) -> bool', every(/^\d+$/)],
  ['aten::isnumeric(str self) -> bool', every(/^\d+$/)],
  ['aten::isspace(str self) -> bool', every(/^\s+$/)],
  ['aten::isalnum(str self) -> bool', every(/^[A-Za-z0-9]+$/)],
  ['aten::isalpha(str self) -> bool', every(/^[A-Za-z]+$/)],
  ['aten::isidentifier(str self) -> bool', every(/^[A-Za-z_]\w*$/)],
  ['aten::isprintable(str self) -> bool', every(/^[\x20-\x7e]*$/)],
  ['aten::istitle(str self) -> bool', (s: string) => /[A-Za-z]/.test(s) && title(s) === s],
  [
    'aten::ord(str string) -> int',
    (s: string) => {
      if (s.length !== 1)
        throw new JitError('RuntimeError', `String for ord() must be 1 character, found ${s.length}`);
      return s.charCodeAt(0);
    },
  ],
  [
    'aten::chr(int i) -> str',
    (i: Int) => {
      if (i < 0 || i > 1114111)
        throw new JitError('RuntimeError', `chr() arg not in range(0x110000), found ${i}`);
      return String.fromCodePoint(Number(i));
    },
  ],
  ['aten::hex(int i) -> str', (i: Int) => radix(i, 16, '0x')],
  ['aten::oct(int i) -> str', (i: Int) => radix(i, 8, '0o')],
  ['aten::bin(int i) -> str', (i: Int) => radix(i, 2, '0b')],
];

const radix = (i: Int, base: number, prefix: string) =>
  `${i < 0 ? '-' : ''}${prefix}${(i < 0 ? -i : i).toString(base)}`;
