/** A fold as one invocation keeps it: its variables, and how they pass to others as words of 32 bits. */
import { type ComputeType, type DType, dtypes, type Fold } from '@sconce/core';
import { literal, valueType } from '../../lower/element.ts';
import type { Shader } from '../../shader.ts';
import { type Combining, identity, running } from '../combine.ts';
import { keyOf, keyWords } from '../order.ts';

export interface State {
  /** Words of a partial result. */
  readonly words: number;
  /** The variables, at the fold of nothing. */
  readonly declare: string;
  /** @param value of the fold's compute type
   *  @param position an i32, in row-major order of the folded dims */
  take(value: string, position: string): string;
  /** Several at once, where that is better than one by one. */
  takeAll?(values: readonly string[]): string;
  /** Ends a block of elements, of blocks, and of blocks of blocks. */
  readonly ends?: readonly [string, string, string];
  /** Before `pack` and `element`. */
  readonly total?: string;
  pack(): string[];
  /** Takes in the partial result of others. */
  join(words: readonly string[]): string;
  /** The result, as a stored element of `dtype`. */
  readonly element: string;
  readonly dtype: DType;
}

/** Words of the partial result of a fold. */
export function wordsOf({ combine, map }: Fold): number {
  if (combine === 'argmin' || combine === 'argmax') return keyWords(map.dtype) + 1;
  if (dtypes[map.dtype].isFloat && (combine === 'min' || combine === 'max')) return 2;
  return map.dtype === 'int64' ? 2 : 1;
}

/** @param i the fold's number: names end in it */
export function stateOf(shader: Shader, { combine, map }: Fold, i: number): State {
  if (combine === 'argmin' || combine === 'argmax') return place(shader, map.dtype, combine === 'argmin', i);
  const isFloat = dtypes[map.dtype].isFloat;
  if (isFloat && combine === 'sum') return floatSum(i);
  if (isFloat && (combine === 'min' || combine === 'max')) return floatExtreme(shader, combine, i);
  return plain(shader, combine, map.dtype as ComputeType, i);
}

/**
 * Sums of blocks, and sums of blocks of those: the error grows with the lengths of the blocks, not of the row. That
 * needs no promise of a compiler about the order of operations within an expression, as compensation does.
 */
const floatSum = (i: number): State => ({
  words: 1,
  declare: `var s${i} = 0.0f; var t${i} = 0.0f; var r${i} = 0.0f; var q${i} = 0.0f;`,
  take: (value) => `s${i} += ${value};`,
  takeAll: (values) => `s${i} += ${pairwise(values)};`,
  ends: [`t${i} += s${i}; s${i} = 0.0f;`, `r${i} += t${i}; t${i} = 0.0f;`, `q${i} += r${i}; r${i} = 0.0f;`],
  total: `s${i} = q${i} + (r${i} + (t${i} + s${i}));`,
  pack: () => [`bitcast<u32>(s${i})`],
  join: ([word]) => `s${i} += bitcast<f32>(${word});`,
  element: `s${i}`,
  dtype: 'float32',
});

const pairwise = (values: readonly string[]): string => {
  if (values.length === 1) return values[0]!;
  const half = values.length / 2;
  return `(${pairwise(values.slice(0, half))} + ${pairwise(values.slice(half))})`;
};

/** WGSL's min and max may drop a NaN: the greatest of the values' bits tells whether there was one. */
function floatExtreme(shader: Shader, combine: 'min' | 'max', i: number): State {
  const start = literal(shader, identity(combine, 'float32'), 'float32');
  const bitsOf = (value: string) => `bitcast<u32>(${value}) & 0x7fffffffu`;
  return {
    words: 2,
    declare: `var a${i} = ${start}; var n${i} = 0u;`,
    take: (value) => `a${i} = ${combine}(a${i}, ${value}); n${i} = max(n${i}, ${bitsOf(value)});`,
    pack: () => [`bitcast<u32>(a${i})`, `n${i}`],
    join: ([a, n]) => `a${i} = ${combine}(a${i}, bitcast<f32>(${a})); n${i} = max(n${i}, ${n});`,
    element: `select(a${i}, ${shader.use('f32_of')}(0x7fc00000u), n${i} > 0x7f800000u)`,
    dtype: 'float32',
  };
}

function plain(shader: Shader, combine: Combining, dtype: ComputeType, i: number): State {
  const { join } = running(shader, combine, dtype);
  const pack: Readonly<Record<string, readonly string[]>> = {
    bool: [`u32(a${i})`],
    float32: [`bitcast<u32>(a${i})`],
    int32: [`bitcast<u32>(a${i})`],
    int64: [`a${i}.x`, `a${i}.y`],
  };
  const unpack = ([word, high]: readonly string[]): string => {
    if (dtype === 'bool') return `(${word} != 0u)`;
    return dtype === 'int64' ? `vec2<u32>(${word}, ${high})` : `bitcast<${valueType(dtype)}>(${word})`;
  };
  return {
    words: dtype === 'int64' ? 2 : 1,
    declare: `var a${i} = ${literal(shader, identity(combine, dtype), dtype)};`,
    take: (value) => join(`a${i}`, value),
    pack: () => [...pack[dtype]!],
    join: (words) => join(`a${i}`, unpack(words)),
    element: dtype === 'bool' ? `u32(a${i})` : `a${i}`,
    dtype,
  };
}

/** The greatest key, and the first position of it. */
function place(shader: Shader, dtype: DType, isMin: boolean, i: number): State {
  const key = keyOf(shader, dtype);
  const isWide = keyWords(dtype) === 2;
  const isFloat = dtypes[dtype].isFloat;
  const keyed = (value: string): string => {
    const k = key(dtype === 'bool' ? `u32(${value})` : value);
    if (!isMin) return k;
    // NaN is the extreme of both.
    return isFloat ? `select(~${k}, 0xffffffffu, ${shader.use('f32_isnan')}(${value}))` : `~${k}`;
  };
  const best = `k${i}`;
  const take = (k: string, position: string): string => {
    const isGreater = isWide
      ? `((x.y > ${best}.y) | ((x.y == ${best}.y) & (x.x > ${best}.x)) | (all(x == ${best}) & (at < p${i})))`
      : `((x > ${best}) | ((x == ${best}) & (at < p${i})))`;
    return `{ let x = ${k}; let at = ${position}; if ${isGreater} { ${best} = x; p${i} = at; } }`;
  };
  return {
    words: isWide ? 3 : 2,
    declare: `var ${best} = ${isWide ? 'vec2<u32>(0u, 0u)' : '0u'}; var p${i} = 0xffffffffu;`,
    take: (value, position) => take(keyed(value), `u32(${position})`),
    pack: () => (isWide ? [`${best}.x`, `${best}.y`, `p${i}`] : [best, `p${i}`]),
    join: (words) =>
      isWide ? take(`vec2<u32>(${words[0]}, ${words[1]})`, words[2]!) : take(words[0]!, words[1]!),
    element: `vec2<u32>(p${i}, 0u)`,
    dtype: 'int64',
  };
}
