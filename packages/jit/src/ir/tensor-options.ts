/** What programs and graphs call dtypes and memory formats, which inside are numbers. */

/** A dtype's name, its number, its name in graphs, and a second name where it has one. */
const rows: readonly (readonly [name: string, code: number, scalar: string, alias?: string])[] = [
  ['uint8', 0, 'Byte'],
  ['int8', 1, 'Char'],
  ['int16', 2, 'Short', 'short'],
  ['int32', 3, 'Int', 'int'],
  ['int64', 4, 'Long', 'long'],
  ['float16', 5, 'Half', 'half'],
  ['float32', 6, 'Float', 'float'],
  ['float64', 7, 'Double', 'double'],
  ['complex64', 9, 'ComplexFloat', 'cfloat'],
  ['complex128', 10, 'ComplexDouble', 'cdouble'],
  ['bool', 11, 'Bool'],
  ['qint8', 12, 'QInt8'],
  ['quint8', 13, 'QUInt8'],
  ['qint32', 14, 'QInt32'],
  ['bfloat16', 15, 'BFloat16'],
];

/** `float32`, and `float`, of `torch.float32` and `torch.float`. */
export const dtypeCodes: Readonly<Record<string, number>> = Object.fromEntries(
  rows.flatMap(([name, code, , alias]) => [[name, code], ...(alias ? [[alias, code]] : [])]),
);

/** `float` of `x.float()`, `byte` of `x.byte()`. */
export const castCodes: Readonly<Record<string, number>> = Object.fromEntries(
  rows
    .filter(([name]) => !name.startsWith('q'))
    .map(([, code, scalar, alias]) => [alias ?? scalar.toLowerCase(), code]),
);

/** `Float` of `Float(2, 3)` and `CPUFloatType`. */
export const scalarNames: Readonly<Record<string, string>> = Object.fromEntries(
  rows.map(([name, , scalar]) => [name, scalar]),
);

/** A memory format's number is its place here. */
export const memoryFormats: readonly string[] = [
  'contiguous_format',
  'preserve_format',
  'channels_last',
  'channels_last_3d',
];
