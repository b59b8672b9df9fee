/** What the names that are not a function's own stand for: `torch`, `nn`, `F`, `Math`, and what was given to `jit.script`. */
import { functions } from '@sconce/core';
import type { NamedValue } from '../frontend/match.ts';
import { CompileError } from '../frontend/source.ts';
import { asValue, constant, module, special } from '../frontend/sugar.ts';
import type { MacroContext, Sugared } from '../frontend/sugared.ts';
import type { Value } from '../ir/graph.ts';
import { dtypeCodes, memoryFormats } from '../ir/tensor-options.ts';
import { annotation } from '../ir/type-text.ts';
import { FloatT, IntT, StrT } from '../ir/types.ts';
import { candidatesNamed, operatorsNamed } from '../ops/registry.ts';

/** A function of numbers that takes so many of them. */
const macro = (
  name: string,
  count: number,
  expand: (context: MacroContext, values: readonly Value[]) => Value,
  takesAny = false,
): Sugared => ({
  kind: 'macro',
  name,
  expand(context, values: readonly NamedValue[], kwargs: readonly NamedValue[]) {
    const { range } = context;
    if (kwargs.length > 0 || (count >= 0 ? values.length !== count : values.length === 0))
      throw new CompileError(`${name} takes ${count >= 0 ? count : 'one or more'} argument(s)`, range);
    for (const { value } of values)
      if (!takesAny && !['int', 'float', 'number', 'bool'].includes(value.type.kind))
        throw new CompileError(
          `${name} is for numbers, and this is ${annotation(value.type)}${value.type.kind === 'Tensor' ? `: write x.${name.replace('Math.', '')}(), or x.item() for its number` : ''}`,
          value.node.range ?? range,
        );
    return asValue(
      expand(
        context,
        values.map(({ value }) => value),
      ),
    );
  },
});

const call =
  (operator: string) =>
  ({ builder, range }: MacroContext, values: readonly Value[]): Value =>
    builder.builtin(operator, values, range);

/** `Math`: what TorchScript's scalar operators have of it, with JavaScript's meaning. */
const math: Readonly<Record<string, Sugared>> = {
  ...Object.fromEntries(
    [
      'floor',
      'ceil',
      'sqrt',
      'exp',
      'expm1',
      'log',
      'log1p',
      'log10',
      'sin',
      'cos',
      'tan',
      'asin',
      'acos',
      'atan',
      'sinh',
      'cosh',
      'tanh',
      'asinh',
      'acosh',
      'atanh',
    ].map((name) => [name, macro(`Math.${name}`, 1, call(`aten::${name}`))]),
  ),
  abs: macro('Math.abs', 1, call('prim::abs')),
  atan2: macro('Math.atan2', 2, call('aten::atan2')),
  pow: macro('Math.pow', 2, call('aten::pow')),
  trunc: macro('Math.trunc', 1, ({ builder, range }, [x]) =>
    x.type.kind === 'int' ? x : builder.builtin('aten::Int', [x], range),
  ),
  // Halves go up in JavaScript, to even in Python.
  round: macro('Math.round', 1, ({ builder, range }, [x]) => {
    if (x.type.kind === 'int') return x;
    const low = builder.builtin('aten::floor', [x], range);
    const rest = builder.builtin('aten::sub', [x, low], range);
    const up = builder.builtin('aten::ge', [rest, builder.number(0.5, true, range)], range);
    return builder.builtin('aten::add', [low, builder.builtin('aten::Int', [up], range)], range);
  }),
  min: macro('Math.min', -1, ({ builder, range }, values) =>
    values.reduce((a, b) => builder.builtin('prim::min', [a, b], range)),
  ),
  max: macro('Math.max', -1, ({ builder, range }, values) =>
    values.reduce((a, b) => builder.builtin('prim::max', [a, b], range)),
  ),
  PI: constant(Math.PI, FloatT),
  E: constant(Math.E, FloatT),
  LN2: constant(Math.LN2, FloatT),
  LN10: constant(Math.LN10, FloatT),
  LOG2E: constant(Math.LOG2E, FloatT),
  LOG10E: constant(Math.LOG10E, FloatT),
  SQRT2: constant(Math.SQRT2, FloatT),
  SQRT1_2: constant(Math.SQRT1_2, FloatT),
};

const jit: Sugared = module('jit', (name) => {
  switch (name) {
    case 'fork':
    case '_fork':
      return special('fork');
    case 'wait':
    case '_wait':
      return { kind: 'builtin', name: 'aten::wait' };
    case 'annotate':
      return special('annotate');
    case 'isinstance':
      return special('isinstance');
    case 'is_scripting':
      return { kind: 'macro', name, expand: () => constant(true, { kind: 'bool' }) };
    default:
      return undefined;
  }
});

/** The modules of which PyTorch writes functions in Python. */
export type PythonModule = 'torch.nn.functional' | 'torch.functional';

/** Finds a function of such a module; undefined where an operator is all there is. */
export type FindFunction = (name: string, module: PythonModule) => Sugared | undefined;

/** What `F` and `torch` lead to. */
export class KnownNames {
  readonly torch: Sugared;
  readonly F: Sugared;
  readonly nn: Sugared;

  constructor(library: FindFunction) {
    this.F = module('torch.nn.functional', (name) => {
      const operator = functionalOperators[name] ?? `aten::${name}`;
      return (
        library(name, 'torch.nn.functional') ??
        (operatorsNamed(operator).length > 0 ? { kind: 'builtin', name: operator } : undefined)
      );
    });
    this.nn = module('torch.nn', (name) => (name === 'functional' ? this.F : undefined));
    this.torch = module('torch', (name) => {
      if (name === 'nn') return this.nn;
      if (name === 'jit') return jit;
      if (name === 'Tensor') return { kind: 'annotation', type: { kind: 'Tensor' } };
      if (name === 'pi') return constant(Math.PI, FloatT);
      if (name === 'e') return constant(Math.E, FloatT);
      if (name === 'inf') return constant(Number.POSITIVE_INFINITY, FloatT);
      if (name === 'nan') return constant(Number.NaN, FloatT);
      if (Object.hasOwn(dtypeCodes, name)) return constant(dtypeCodes[name], IntT);
      if (memoryFormats.includes(name)) return constant(memoryFormats.indexOf(name), IntT);
      if (name === 'strided') return constant(0, IntT);
      if (/^(linalg|fft|special)$/.test(name))
        return module(`torch.${name}`, (member) => ({ kind: 'builtin', name: `aten::${name}_${member}` }));
      if (name === 'ops')
        return module('torch.ops', (namespace) =>
          module(`torch.ops.${namespace}`, (member) => ({
            kind: 'builtin',
            name: `${namespace}::${member}`,
          })),
        );
      const operator = `aten::${name}`;
      const isThere = candidatesNamed(operator).length > 0;
      return library(name, 'torch.functional') ?? (isThere ? { kind: 'builtin', name: operator } : undefined);
    });
  }

  find(name: string): Sugared | undefined {
    switch (name) {
      case 'torch':
        return this.torch;
      case 'F':
        return this.F;
      case 'nn':
        return this.nn;
      case 'jit':
        return jit;
      case 'Math':
        return module('Math', (member) =>
          Object.hasOwn(math, member)
            ? math[member]
            : {
                kind: 'refused',
                message: `Math.${member} is not compiled: there are ${Object.keys(math).join(', ')}`,
              },
        );
      case 'console':
        return module('console', (member) =>
          member === 'log'
            ? special('print')
            : { kind: 'refused', message: `console.${member} is not compiled: console.log prints` },
        );
      case 'Number':
        return macroModule;
      case 'String':
        return { kind: 'cast', type: StrT, operator: 'aten::str', magic: '__str__' };
      case 'Boolean':
        return { kind: 'cast', type: { kind: 'bool' }, operator: 'aten::Bool', magic: '__bool__' };
      default:
        return undefined;
    }
  }
}

const macroModule: Sugared = module('Number', (name) => {
  if (name === 'isNaN') return macro('Number.isNaN', 1, call('aten::isnan'));
  if (name === 'isFinite') return macro('Number.isFinite', 1, call('aten::isfinite'));
  if (name === 'POSITIVE_INFINITY') return constant(Number.POSITIVE_INFINITY, FloatT);
  if (name === 'NEGATIVE_INFINITY') return constant(Number.NEGATIVE_INFINITY, FloatT);
  if (name === 'MAX_SAFE_INTEGER') return constant(Number.MAX_SAFE_INTEGER, IntT);
  return undefined;
});

/** Names of `torch.nn.functional` whose operator has another. */
const functionalOperators: Readonly<Record<string, string>> = {
  logsigmoid: 'aten::log_sigmoid',
  max_pool1d: 'aten::max_pool1d',
};

/** Whether a value given by the caller is an operator of ours, and which. */
export function operatorOf(value: unknown): string | undefined {
  if (typeof value !== 'function') return undefined;
  const { name } = value;
  return Object.hasOwn(functions, name) && functions[name] === value ? `aten::${name}` : undefined;
}

/** Roots under which bundlers keep what a file imports: Vite's, vitest's, esbuild's. */
export const importRoot: RegExp =
  /^(?:__vi_import_\d+__|__vite_ssr_import_\d+__|__vi_export_all__|import_[\w$]+)$/;

/** A name that a bundler made of another by counting it up. */
export const renamed: RegExp = /^(torch|nn|F|jit|functional)(?:\d+|\$\d+|_\d+)$/;
