/** The modules that a module's `__init__` sees: torch, nn, F, init, math, as they are outside compiled code. */
import { functions, no_grad, tensor } from '@sconce/core';
import * as nn from '@sconce/nn';
import type { Expr } from '../frontend/ast.ts';
import { Device, dtypes, Tensor } from '../ops/core.ts';
import type { Callable } from './methods.ts';
import { float, isInt, numberOf } from './numbers.ts';

/** A module of Python: a name that leads to others. */
export class Namespace {
  constructor(
    readonly path: string,
    private readonly members: (name: string) => unknown,
  ) {}

  get(name: string): unknown {
    return this.members(name);
  }
}

/** A function of Python's own, told from a JavaScript function that takes its options in an object. */
export class PythonFunction {
  constructor(
    readonly name: string,
    readonly call: Callable,
  ) {}
}

/** What `with` enters. */
export class Guard {
  constructor(readonly run: <T>(body: () => T) => T) {}
}

/** A value whose type its author says: `torch.jit.Attribute(value, type)`. */
export class TypedAttribute {
  constructor(
    readonly value: unknown,
    readonly type: Expr,
  ) {}
}

/** `torch.jit.Attribute`, whose second argument only the compiler reads. */
export const Attribute: PythonFunction = new PythonFunction('Attribute', ([value]) => value);
/** `torch.jit.annotate`, whose first only the compiler reads. */
export const annotate: PythonFunction = new PythonFunction('annotate', ([, value]) => value);

type Library = Readonly<Record<string, unknown>>;

/** The path of what was found in a namespace, `torch.nn.functional.relu`. */
const paths = new WeakMap<object, string>();
export const pathOf = (value: unknown): string | undefined =>
  typeof value === 'function' || (typeof value === 'object' && value !== null)
    ? paths.get(value as object)
    : undefined;

const own = (library: Library, name: string): unknown =>
  Object.hasOwn(library, name) ? library[name] : undefined;

function known(path: string, value: unknown): unknown {
  if (typeof value === 'function' && !paths.has(value)) paths.set(value, path);
  return value;
}

const library = (path: string, of: () => unknown): Namespace =>
  new Namespace(path, (name) => known(`${path}.${name}`, own(of() as Library, name)));

const F = new Namespace('torch.nn.functional', (name) =>
  known(
    `torch.nn.functional.${name}`,
    own(nn.functional as Library, name) ?? own(functions as Library, name),
  ),
);

const nnSpace = new Namespace('torch.nn', (name) => {
  if (name === 'functional') return F;
  if (name === 'init') return init;
  if (name === 'modules' || name === 'parameter') return nnSpace;
  return known(`torch.nn.${name}`, own(nn as Library, name));
});
const init = library('torch.nn.init', () => nn.init);

/** A decorator that says something to the compiler only. */
const same = (name: string): PythonFunction => new PythonFunction(name, ([value]) => value);

const jit = new Namespace('torch.jit', (name) => {
  if (name === 'Attribute') return Attribute;
  if (name === 'is_scripting' || name === 'is_tracing') return new PythonFunction(name, () => false);
  if (name === 'annotate') return annotate;
  return /^(script|export|ignore|unused)$/.test(name) ? same(name) : undefined;
});

export const torch: Namespace = new Namespace('torch', (name) => {
  switch (name) {
    case 'nn':
      return nnSpace;
    case 'jit':
      return jit;
    case 'Tensor':
      return Tensor;
    case 'tensor':
      return tensor;
    case 'Size':
      return new PythonFunction(name, ([items]) => items);
    case 'device':
      return new PythonFunction(name, ([type]) => new Device(...deviceParts(String(type))));
    case 'no_grad':
      return new PythonFunction(name, () => new Guard((body) => no_grad(body)));
    case 'pi':
    case 'inf':
    case 'nan':
      return math.get(name);
  }
  if (Object.hasOwn(dtypes, name)) return name;
  if (Object.hasOwn(dtypeNames, name)) return dtypeNames[name];
  return known(`torch.${name}`, own(functions as Library, name));
});

const dtypeNames: Readonly<Record<string, string>> = {
  float: 'float32',
  double: 'float64',
  half: 'float16',
  long: 'int64',
  int: 'int32',
  short: 'int16',
};

function deviceParts(text: string): [type: string, index: number | null] {
  const [type, index] = text.split(':');
  return [type, index === undefined ? null : Number(index)];
}

const mathFunctions: Readonly<Record<string, (x: number, y: number) => number>> = {
  sqrt: Math.sqrt,
  exp: Math.exp,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  tanh: Math.tanh,
  pow: (x, y) => x ** y,
  log2: Math.log2,
  log10: Math.log10,
};

export const math: Namespace = new Namespace('math', (name) => {
  const numbers = { pi: Math.PI, e: Math.E, inf: Number.POSITIVE_INFINITY, nan: Number.NaN };
  if (Object.hasOwn(numbers, name)) return numbers[name as keyof typeof numbers];
  if (name === 'floor' || name === 'ceil') return new PythonFunction(name, ([x]) => Math[name](numberOf(x)));
  if (name === 'log')
    return new PythonFunction(name, ([x, base]) =>
      float(Math.log(numberOf(x)) / (base === undefined ? 1 : Math.log(numberOf(base)))),
    );
  if (name === 'prod')
    return new PythonFunction(name, ([items]) => {
      const values = [...(items as Iterable<unknown>)];
      const product = values.reduce<number>((a, b) => a * numberOf(b), 1);
      return values.every(isInt) ? product : float(product);
    });
  const fn = Object.hasOwn(mathFunctions, name) ? mathFunctions[name] : undefined;
  return fn && new PythonFunction(name, ([x, y]) => float(fn(numberOf(x), numberOf(y))));
});
