/** How the jit sees operators: core's tensor operators and its own scalar ones under one roof, with the IR's types. */
import { type Argument, lazySchema, type Schema } from '@sconce/core';
import { BoolT, FloatT, fromSchemaType, IntT, type JitType, NoneT } from '../ir/types.ts';

/** An operator on numbers, strings, lists, dicts or whole tensors' properties, which needs no kernel. */
export interface ScalarOperator {
  readonly schema: Schema;
  /** Takes the values in schema order (then any varargs); may return a promise where it must read a device. */
  readonly run: (...args: never[]) => unknown;
  /** Only the compiler knows it; a call is refused. */
  readonly absent?: boolean;
}

export interface JitArgument {
  readonly name: string;
  readonly type: JitType;
  readonly kwargOnly: boolean;
  readonly hasDefault: boolean;
  /** In the interpreter's representation. */
  readonly default: unknown;
  /** Whether the schema writes a Scalar's default as a float, such as `1.0`. */
  readonly isFloatDefault?: boolean;
  /** The N of `int[N]`, where one number may stand for N equal ones. */
  readonly size?: number;
}

export interface JitSchema {
  readonly name: string;
  readonly args: readonly JitArgument[];
  readonly returns: readonly JitType[];
  readonly returnNames: readonly string[];
  readonly isVararg: boolean;
  readonly isVarReturn: boolean;
}

/** Names that schemas use as defaults of int-like types. */
const namedInts: Readonly<Record<string, number>> = {
  Mean: 1,
  Sum: 2,
  None: 0,
  contiguous_format: 0,
  preserve_format: 1,
  channels_last: 2,
  strided: 0,
  float: 6,
  long: 4,
};

function defaultOf(argument: Argument): unknown {
  const { default: value, type } = argument;
  const inner = type.kind === 'Optional' ? type.element : type;
  if (typeof value === 'string' && inner.kind !== 'str') return namedInts[value] ?? value;
  // The schema reader leaves the letters of escapes.
  if (value === ' ntfv') return ' \n\t\f\v';
  if (inner.kind === 'List' && inner.size !== undefined && value !== null && !Array.isArray(value))
    return new Array(inner.size).fill(value);
  return value;
}

const jitSchemas = new WeakMap<Schema, JitSchema>();

/** The schema with the IR's types; worked out once per schema. */
export function jitSchemaOf(schema: Schema): JitSchema {
  let known = jitSchemas.get(schema);
  if (!known) {
    known = {
      name: `${schema.namespace}::${schema.base}`,
      args: schema.args.map((arg) => {
        const inner = arg.type.kind === 'Optional' ? arg.type.element : arg.type;
        return {
          name: arg.name,
          type: fromSchemaType(arg.type),
          kwargOnly: arg.kwargOnly,
          hasDefault: arg.hasDefault,
          default: arg.hasDefault ? defaultOf(arg) : undefined,
          ...(inner.kind === 'Scalar' &&
            new RegExp(`\\b${arg.name}=-?\\d+\\.`).test(schema.text) && { isFloatDefault: true }),
          ...(inner.kind === 'List' && inner.size !== undefined && { size: inner.size }),
        };
      }),
      returns: schema.returns.map((result) => fromSchemaType(result.type)),
      returnNames: schema.returns.map((result) => result.name),
      isVararg: schema.isVararg,
      isVarReturn: /->\s*\.\.\.\s*$/.test(schema.text),
    };
    jitSchemas.set(schema, known);
  }
  return known;
}

/** One row of a table of scalar operators. */
export type ScalarEntry = readonly [schema: string, run: (...args: never[]) => unknown];

export const scalarOperators = (entries: readonly ScalarEntry[]): ScalarOperator[] =>
  entries.map(([text, run]) => ({ schema: lazySchema(text), run }));

/** The type of the default value that stands in for an argument. */
export function typeOfDefault({ default: value, type, isFloatDefault = false }: JitArgument): JitType {
  if (value === null) return NoneT;
  const inner = type.kind === 'Optional' ? type.element : type;
  if (inner.kind !== 'number') return inner;
  if (typeof value === 'boolean') return BoolT;
  return isFloatDefault || !Number.isInteger(value) ? FloatT : IntT;
}
