/** Overload resolution: which schema a call means, and the conversions torch::jit allows on the way. */

import type { Signature } from '../ir/function.ts';
import type { Value } from '../ir/graph.ts';
import { leafOf } from '../ir/names.ts';
import { schemaText } from '../ir/schema.ts';
import { isSubtype, typesEqual } from '../ir/type-relations.ts';
import { typeName } from '../ir/type-text.ts';
import { bindVariables, hasVariables, substitute } from '../ir/type-variables.ts';
import { type JitType, NoneT } from '../ir/types.ts';
import type { JitArgument } from '../ops/operator.ts';
import type { GraphBuilder } from './builder.ts';
import { CompileError, type Range } from './source.ts';

export interface NamedValue {
  readonly name?: string;
  readonly value: Value;
  readonly range: Range;
}

export interface MatchedSchema {
  readonly inputs: readonly Value[];
  readonly returns: readonly JitType[];
}

interface Callable {
  readonly name: string;
  readonly args: readonly JitArgument[];
  readonly returns: readonly JitType[];
  readonly isVararg: boolean;
  /** What messages show instead: of a method with its self. */
  readonly signature?: Signature;
}

const unwrapOptional = (type: JitType): JitType => (type.kind === 'Optional' ? type.element : type);

/** Whether all elements of a tuple may be elements of that list. */
function tupleFitsList(tuple: JitType, list: JitType): boolean {
  return (
    tuple.kind === 'Tuple' && list.kind === 'List' && tuple.elements.every((e) => isSubtype(e, list.element))
  );
}

/** Inserts the conversions that lead from the value to the type; returns the value itself where there are none. */
export function convertTo(
  builder: GraphBuilder,
  range: Range,
  type: JitType,
  value: Value,
  allowConversions: boolean,
): Value {
  if (type.kind === 'Optional' && value.type.kind !== 'Optional' && value.type.kind !== 'None')
    return convertTo(builder, range, type.element, value, allowConversions);
  if (value.node.kind === 'prim::EmptyListLiteral' && type.kind === 'List')
    return builder.list(type.element, []);
  if (value.type.kind === 'Tuple') {
    const wanted = unwrapOptional(type);
    if (tupleFitsList(value.type, wanted)) {
      const element = (wanted as { element: JitType }).element;
      value = builder.list(element, builder.unpackTuple(value));
    } else if (
      type.kind === 'Tuple' &&
      !isSubtype(value.type, type) &&
      type.elements.length === value.type.elements.length
    ) {
      const parts = builder.unpackTuple(value);
      value = builder.tuple(
        parts.map((part, i) => convertTo(builder, range, type.elements[i], part, allowConversions)),
      );
    }
  }
  if (!allowConversions) return value;
  const from = value.type.kind;
  const to = type.kind;
  if (from === 'Tensor') {
    if (to === 'float') return builder.builtin('aten::FloatImplicit', [value], range);
    if (to === 'int') return builder.builtin('aten::IntImplicit', [value], range);
    if (to === 'number') return builder.builtin('aten::ScalarImplicit', [value], range);
    if (to === 'complex') return builder.builtin('aten::ComplexImplicit', [value], range);
  } else if (from === 'number') {
    if (to === 'float') return builder.builtin('aten::Float', [value], range);
    if (to === 'int') return builder.builtin('aten::Int', [value], range);
    if (to === 'complex') return builder.builtin('aten::Complex', [value], range);
  } else if (from === 'bool') {
    if (to === 'float') return builder.builtin('aten::Float', [value], range);
    if (to === 'int' || to === 'number') return builder.builtin('aten::Int', [value], range);
  } else if (from === 'str' && to === 'Device') return builder.builtin('aten::device', [value], range);
  return value;
}

function matchArgument(
  builder: GraphBuilder,
  arg: JitArgument,
  actual: NamedValue,
  allowConversions: boolean,
  env: Map<string, JitType>,
): Value | string {
  let { value } = actual;
  if (arg.size !== undefined) {
    const list = unwrapOptional(arg.type);
    if (
      list.kind === 'List' &&
      typesEqual(list.element, value.type) &&
      (value.type.kind === 'int' || value.type.kind === 'float')
    )
      value = builder.list(value.type, new Array(arg.size).fill(value));
  }
  let type: JitType | undefined = arg.type;
  if (hasVariables(type)) {
    const problem = bindVariables(type, value.type, env);
    if (problem)
      return `Could not match type ${typeName(value.type)} to ${typeName(arg.type)} in argument '${arg.name}': ${problem}.`;
    type = substitute(type, env);
    if (!type)
      return `Type variables in type ${typeName(arg.type)} could not be inferred from actual type ${typeName(value.type)}`;
  }
  value = convertTo(builder, actual.range, type, value, allowConversions);
  if (isSubtype(value.type, type)) return value;
  const literal = allowConversions && builder.readLiteral?.(builder, value, unwrapOptional(type), arg.name);
  if (literal && isSubtype(literal.type, type)) return literal;
  return `Expected a value of type '${typeName(type)}' for argument '${arg.name}' but instead found type '${typeName(value.type)}'.${missingMethod(value.type, type)}`;
}

/** Why an object does not have an interface. */
function missingMethod(type: JitType, wanted: JitType): string {
  if (type.kind !== 'Class' || wanted.kind !== 'Interface') return '';
  const name = [...wanted.methods.keys()].find((method) => !type.methods.has(method));
  if (name === undefined) return '';
  return `\nClass '${typeName(type)}' does not have method '${name}' but '${typeName(wanted)}' does.`;
}

function takesVarargsAsList(schema: Callable, index: number): boolean {
  const arg = schema.args[index];
  const next = schema.args[index + 1];
  const { type } = arg;
  return (
    (next === undefined || next.kwargOnly) &&
    type.kind === 'List' &&
    type.element.kind !== 'Var' &&
    arg.size === undefined
  );
}

/** Matches one schema. Returns why it does not fit as text. */
export function tryMatch(
  builder: GraphBuilder,
  range: Range,
  schema: Callable,
  args: readonly NamedValue[],
  kwargs: readonly NamedValue[],
  self: NamedValue | undefined,
  allowConversions: boolean,
): MatchedSchema | string {
  const env = new Map<string, JitType>();
  const inputs: Value[] = [];
  const usedKwargs = new Set<string>();
  let usedArgs = 0;
  let receiver = self;
  for (let i = 0; i < schema.args.length; i++) {
    const arg = schema.args[i];
    let actual: NamedValue | undefined;
    if (receiver && arg.name === 'self') {
      actual = receiver;
      receiver = undefined;
    } else if (!arg.kwargOnly && usedArgs < args.length) {
      if (allowConversions && takesVarargsAsList(schema, i)) {
        const list = arg.type as { element: JitType };
        const given = args[usedArgs].value;
        if (given.type.kind !== 'List' && !tupleFitsList(given.type, unwrapOptional(arg.type))) {
          const items: Value[] = [];
          for (const item of args.slice(usedArgs)) {
            const converted = matchArgument(
              builder,
              { ...arg, type: list.element },
              item,
              allowConversions,
              env,
            );
            if (typeof converted === 'string') return converted;
            items.push(converted);
          }
          usedArgs = args.length;
          inputs.push(builder.list(list.element, items));
          continue;
        }
      }
      actual = args[usedArgs++];
    } else {
      const named = kwargs.find(
        (kwarg) =>
          kwarg.name === arg.name ||
          (kwarg.name === 'input' && arg.name === 'self' && !kwargs.some((k) => k.name === 'self')),
      );
      if (named) {
        if (usedKwargs.has(named.name!)) return `argument ${named.name} specified twice in schema`;
        usedKwargs.add(named.name!);
        actual = named;
      } else if (arg.hasDefault) actual = { value: builder.defaultValue(arg), range };
    }
    if (!actual) return `Argument ${arg.name} not provided.`;
    const matched = matchArgument(builder, arg, actual, allowConversions, env);
    if (typeof matched === 'string') return matched;
    inputs.push(matched);
  }
  if (receiver) return 'Provided self argument not used in schema';
  if (schema.isVararg) for (; usedArgs < args.length; usedArgs++) inputs.push(args[usedArgs].value);
  if (usedArgs < args.length)
    return `Expected at most ${usedArgs} arguments but found ${args.length} positional arguments.`;
  for (const kwarg of kwargs)
    if (!usedKwargs.has(kwarg.name!))
      return schema.args.some((arg) => arg.name === kwarg.name)
        ? `Argument ${kwarg.name} specified both as positional and keyword argument.`
        : `Unknown keyword argument '${kwarg.name}'.`;
  const returns: JitType[] = [];
  for (const type of schema.returns) {
    const known = substitute(type, env);
    if (!known) return `the type of the result ${typeName(type)} could not be inferred`;
    returns.push(known);
  }
  return { inputs, returns };
}

export function describeSchema(schema: Callable): string {
  const signature = schema.signature ?? {
    name: schema.name,
    params: schema.args,
    returns: schema.returns[0] ?? NoneT,
  };
  const text = schemaText(signature, leafOf(schema.name));
  return schema.signature || schema.returns.length > 0 ? text : text.replace(/ -> NoneType$/, ' -> ()');
}

/** Matches the one schema of a function, method or constructor, or throws. */
export function matchOnly(
  builder: GraphBuilder,
  range: Range,
  schema: Callable,
  args: readonly NamedValue[],
  kwargs: readonly NamedValue[],
  self?: NamedValue,
): MatchedSchema {
  const matched = tryMatch(builder, range, schema, args, kwargs, self, true);
  if (typeof matched !== 'string') return matched;
  throw new CompileError(`${describeSchema(schema)}:\n${matched}\n`, range);
}

/** Matches the first schema that takes the arguments, without conversions where one does; throws with the reasons of all. */
export function matchFirst(
  builder: GraphBuilder,
  range: Range,
  schemas: readonly Callable[],
  args: readonly NamedValue[],
  kwargs: readonly NamedValue[],
): { readonly index: number; readonly matched: MatchedSchema } {
  if (schemas.length === 1) return { index: 0, matched: matchOnly(builder, range, schemas[0], args, kwargs) };
  let problems: string[] = [];
  for (const allowConversions of [false, true]) {
    problems = [];
    for (const [index, schema] of schemas.entries()) {
      const matched = tryMatch(builder, range, schema, args, kwargs, undefined, allowConversions);
      if (typeof matched !== 'string') return { index, matched };
      problems.push(`${describeSchema(schema)}:\n${matched}`);
    }
  }
  throw new CompileError(`${variants(problems)}\nThe original call is`, range);
}

/** What is said of a call that none of several variants takes. */
export const variants = (problems: readonly string[]): string =>
  `Arguments for call are not valid.\nThe following variants are available:\n  \n${problems
    .map((problem) => problem.replace(/^/gm, '  '))
    .join('\n  \n')}\n`;
