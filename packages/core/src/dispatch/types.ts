/** The TypeScript types of an operator's arguments, read from its schema text by the compiler. */

import type { Generator } from '../random/generator.ts';
import type { Device } from '../tensor/device.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Scalar } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';

interface Primitives {
  Tensor: Tensor;
  int: number;
  SymInt: number;
  float: number;
  bool: boolean;
  str: string;
  Scalar: Scalar;
  ScalarType: DType;
  Device: Device | string;
  Layout: string;
  MemoryFormat: string;
  Generator: Generator;
}

/** `Tensor?`, `int[2]`, `Tensor(a!)`, `SymInt[]?` */
type TypeOf<T extends string> = T extends `${infer Inner}?`
  ? TypeOf<Inner> | null
  : T extends `${infer Inner}[${string}]`
    ? readonly TypeOf<Inner>[]
    : T extends `${infer Inner}(${string})`
      ? TypeOf<Inner>
      : T extends keyof Primitives
        ? Primitives[T]
        : unknown;

type NameOf<N extends string> = N extends `${infer Name}=${string}` ? Name : N;

/** One argument: a type, a space, a name; a fragment of a default such as `1]` has no space and is no argument. */
type Arg<A extends string> = A extends `${infer T}(${string} -> *)${infer Suffix} ${infer N}`
  ? { [K in NameOf<N>]: TypeOf<`${T}${Suffix}`> }
  : A extends `${infer T} ${infer N}`
    ? { [K in NameOf<N>]: TypeOf<T> }
    : unknown;

type List<S extends string> = S extends `${infer Head}, ${infer Rest}` ? Arg<Head> & List<Rest> : Arg<S>;

/** The arguments of a schema, by name. */
export type ArgsOf<S extends string> = S extends `${string}(${infer Args}) -> ${string}` ? List<Args> : never;

/** One argument of a schema as a tuple of its type; what is no argument, a `*` or the rest of a default, as none. */
type One<A extends string> = A extends `${infer T}(${string} -> *)${infer Suffix} ${string}`
  ? [TypeOf<`${T}${Suffix}`>]
  : A extends `${infer T} ${string}`
    ? [TypeOf<T>]
    : [];

type Tuple<S extends string> = S extends `${infer Head}, ${infer Rest}`
  ? [...One<Head>, ...Tuple<Rest>]
  : One<S>;

/** The arguments of a schema, in order. */
export type PositionalOf<S extends string> = S extends `${string}(${infer Args}) -> ${string}`
  ? Tuple<Args>
  : // biome-ignore lint/suspicious/noExplicitAny: a schema that the compiler cannot see
    any[];
