/** Attributes and calls of what Python code meets here: modules, tensors, containers, and functions of JavaScript. */
import { isModule, Module, TorchError } from '@sconce/core';
import type { Expr } from '../frontend/ast.ts';
import { EnumType, EnumValue } from '../ir/types.ts';
import { PyFloat, Tensor } from '../ops/core.ts';
import { type Kwargs, methodOf } from './methods.ts';
import { Namespace, PythonFunction, pathOf } from './namespaces.ts';

/** A class that the text defines, as `__init__` sees it: called to make an object. */
export interface PythonClass {
  readonly name: string;
  make(args: readonly unknown[], kwargs: Kwargs): unknown;
  /** A class attribute or method, found here or in a base. */
  member(name: string): unknown;
  isInstance(value: unknown): boolean;
  /** Gives an attribute of its objects a type. */
  annotate(name: string, type: Expr): void;
}

export const isPythonClass = (value: unknown): value is PythonClass =>
  typeof value === 'object' && value !== null && 'make' in value && 'isInstance' in value;

/** The class of a module that the text defines. */
const classes = new WeakMap<object, PythonClass>();
export const setClass = (made: object, cls: PythonClass): void => void classes.set(made, cls);
export const classOf = (module: Module): PythonClass | undefined => classes.get(module.constructor);

/** A method with its object. */
export const bound = (method: PythonFunction, self: unknown): PythonFunction =>
  new PythonFunction(method.name, (args, kwargs) => method.call([self, ...args], kwargs));

/** The attribute, or undefined where there is none. */
export function attribute(object: unknown, name: string): unknown {
  if (object instanceof Namespace) return object.get(name);
  if (isModule(object)) return moduleAttribute(object, name);
  if (object instanceof Tensor) return tensorAttribute(object, name);
  if (isPythonClass(object)) return object.member(name);
  if (object instanceof EnumType) return object.members.get(name);
  if (object instanceof EnumValue) return name === 'name' || name === 'value' ? object[name] : undefined;
  const method = methodOf(object, name);
  if (method) return new PythonFunction(name, method);
  if (object === null || object === undefined) return undefined;
  return (object as Record<string, unknown>)[name];
}

function moduleAttribute(module: Module, name: string): unknown {
  if (Object.hasOwn(module, name)) return (module as unknown as Record<string, unknown>)[name];
  const found = classOf(module)?.member(name);
  if (found instanceof PythonFunction) return bound(found, module);
  if (found !== undefined) return found;
  const value = (module as unknown as Record<string, unknown>)[name];
  return typeof value === 'function' ? value.bind(module) : value;
}

function tensorAttribute(tensor: Tensor, name: string): unknown {
  if (name === 'data') return tensor.detach();
  if (name === 'item' || name === 'tolist')
    throw new TorchError(
      `${name} is not to be had while a module is made: reading a tensor waits, and __init__ does not`,
    );
  const value = (tensor as unknown as Record<string, unknown>)[name];
  return typeof value === 'function' ? value.bind(tensor) : value;
}

/** Parameters that our functions take in order, where Python may name them. */
const inOrder: Readonly<Record<string, string>> = {
  Linear: 'in_features out_features',
  NonDynamicallyQuantizableLinear: 'in_features out_features',
  Bilinear: 'in1_features in2_features out_features',
  ...Object.fromEntries(
    ['Conv', 'ConvTranspose'].flatMap((name) =>
      [1, 2, 3].map((d) => [`${name}${d}d`, 'in_channels out_channels kernel_size']),
    ),
  ),
  ...Object.fromEntries(
    ['BatchNorm', 'InstanceNorm'].flatMap((name) => [1, 2, 3].map((d) => [`${name}${d}d`, 'num_features'])),
  ),
  LayerNorm: 'normalized_shape',
  RMSNorm: 'normalized_shape',
  GroupNorm: 'num_groups num_channels',
  Embedding: 'num_embeddings embedding_dim',
  ...Object.fromEntries(
    ['RNN', 'LSTM', 'GRU', 'RNNCell', 'LSTMCell', 'GRUCell'].map((name) => [name, 'input_size hidden_size']),
  ),
  MultiheadAttention: 'embed_dim num_heads',
  TransformerEncoderLayer: 'd_model nhead',
  TransformerEncoder: 'encoder_layer num_layers',
  Parameter: 'data requires_grad',
  uniform_: 'tensor a b',
  normal_: 'tensor mean std',
  constant_: 'tensor val',
  ones_: 'tensor',
  zeros_: 'tensor',
  kaiming_uniform_: 'tensor',
  kaiming_normal_: 'tensor',
  xavier_uniform_: 'tensor gain',
  xavier_normal_: 'tensor gain',
  calculate_gain: 'nonlinearity param',
};

/** Numbers as modules keep them: their declared types say which are floats. */
const asNumbers = (value: unknown): unknown =>
  value instanceof PyFloat ? value.value : Array.isArray(value) ? value.map(asNumbers) : value;

/** A function of Python's as JavaScript calls it. */
const asCallback = (value: unknown): unknown =>
  value instanceof PythonFunction ? (...args: unknown[]) => value.call(args, {}) : value;

/** Calls what Python code calls: its own functions and classes, ours, and modules. */
export function callValue(callee: unknown, args: readonly unknown[], kwargs: Kwargs): unknown {
  if (callee instanceof PythonFunction) return callee.call(args, kwargs);
  if (isPythonClass(callee)) return callee.make(args, kwargs);
  if (typeof callee !== 'function')
    throw new TorchError(`TypeError: '${typeof callee}' object is not callable`);
  const path = pathOf(callee);
  const isOfModules = path?.startsWith('torch.nn.') ?? false;
  const names = isOfModules ? (inOrder[path!.replace(/^.*\./, '')]?.split(' ') ?? []) : [];
  const all = (isOfModules ? args.map(asNumbers) : args).map(asCallback);
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(kwargs)) {
    const place = names.indexOf(name);
    const given = isOfModules ? asNumbers(value) : value;
    if (place >= 0 && place >= args.length) all[place] = given;
    else options[name] = given;
  }
  if (Object.keys(options).length > 0) all.push(options);
  if (callee.prototype instanceof Module) return Reflect.construct(callee, all);
  return (callee as (...given: unknown[]) => unknown)(...all);
}
