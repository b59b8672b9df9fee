/** `torch.library`: operators of the user's own, defined by a schema, and implementations of operators for single backends. */
import { NotSupportedError, TorchError } from '../errors.ts';
import { parseSchema, type Schema } from '../schema/schema.ts';
import type { Type } from '../schema/type.ts';
import { keepingTo } from './contract.ts';
import { installPacket, uninstall } from './install.ts';
import { findOperator, type Gradient, given, type Operator, op, register, unregister } from './operator.ts';
import type { PositionalOf } from './types.ts';

/** What an operator does, given its arguments in schema order, keyword-only ones too, with defaults filled in. */
// biome-ignore lint/suspicious/noExplicitAny: a schema says what it returns
export type Implementation<S extends string> = (...args: PositionalOf<S>) => any;

/** Takes back what was registered, for tests and for code that is loaded anew. */
export interface RegistrationHandle {
  destroy(): void;
}

/** The backend name under which the implementation for all backends goes, as in PyTorch. */
const DEFAULT = 'default';

/** The implementation for all backends; `impl` may give it after `define`. */
const implementations = new WeakMap<Operator, { run: ((...args: unknown[]) => unknown) | null }>();

/**
 * Defines an operator: `define('my::scale(Tensor x, int k=1) -> Tensor', (x, k) => x.mul(k))`. From then on it is
 * `torch.ops.my.scale(x, 3)`, `torch.ops.my.scale` in TorchScript, one node in traces, and runs in loaded archives.
 *
 * `implementation` is made of other operators (a promise where it reads values); it may be left out and given by `impl`
 * for each backend. Without a `derivative` the operator has that of its parts. With one, formulas by argument
 * (`{ x: ({ grad, k }) => grad.mul(k) }`; what a formula destructures is what is saved for it, `result` among it), one
 * function for all arguments, or `'none'`.
 *
 * Throws a TorchError for a text that is no schema, and for an operator that is there already.
 */
export function define<const S extends string>(
  schema: S,
  implementation?: Implementation<S> | null,
  derivative?: Gradient<S>,
): RegistrationHandle {
  const parsed = checkedSchema(schema);
  if (findOperator(parsed.name))
    throw new TorchError(
      `Tried to register an operator (${parsed.text}) with the same name and overload name multiple times. Each overload's schema should only be registered with a single call to def(). To define it anew, first destroy() what define returned`,
    );
  for (const name of typeof derivative === 'object' ? Object.keys(derivative ?? {}) : [])
    if (!parsed.args.some((arg) => arg.name === name))
      throw new TorchError(
        `define(): the derivative has a formula for '${name}', but the arguments of ${parsed.name} are ${parsed.args.map((arg) => arg.name).join(', ')}`,
      );
  const cell = { run: (implementation ?? null) as ((...args: unknown[]) => unknown) | null };
  const names = parsed.args.map((arg) => arg.name);
  const run = (args: Record<string, unknown>): unknown => {
    if (cell.run === null) throw missing(operator);
    return checked(...names.map((name) => args[name]));
  };
  const checked = keepingTo(parsed, (...args) => cell.run!(...args), false);
  const operator: Operator = op<string>(schema, { define: run, grad: derivative as Gradient<string> })[0];
  implementations.set(operator, cell);
  register([operator]);
  installPacket(`${parsed.namespace}::${parsed.base}`);
  return {
    destroy() {
      unregister(operator);
      uninstall(operator);
    },
  };
}

/**
 * What the operator of this name (`my::scale`, `aten::gelu`, with its overload where it has one: `aten::add.Tensor`) does
 * on one backend (`'wasm'`, or a device type such as `'cpu'`): a function of the arguments in schema order that returns
 * tensors on that backend, or undefined for a call that it leaves to the operator's own meaning. In-place forms and
 * autograd stay the operator's: where a gradient is recorded and the operator has no derivative of its own, its parts run.
 * The backend `'default'` is every backend that has no implementation of its own, for an operator defined without one.
 *
 * Throws a TorchError for an operator that is not there, and for a second implementation on one backend.
 */
export function impl(
  name: string,
  backend: string,
  // biome-ignore lint/suspicious/noExplicitAny: a schema says what it takes and returns
  implementation: (...args: any[]) => any,
): RegistrationHandle {
  const operator = findOperator(qualified(name));
  if (!operator)
    throw new TorchError(`impl(): there is no operator ${name}. Define it first, by torch.library.define`);
  const again = () =>
    new TorchError(
      `This is not allowed since there's already a kernel registered overriding ${operator}'s behavior for ${backend}`,
    );
  if (backend === DEFAULT) {
    const cell = implementations.get(operator);
    if (!cell || cell.run !== null) throw again();
    cell.run = implementation;
    return {
      destroy() {
        cell.run = null;
      },
    };
  }
  const kernels = (operator.implementations ??= new Map());
  if (kernels.has(backend)) throw again();
  kernels.set(backend, keepingTo(operator.schema, implementation, true));
  given.changes++;
  return {
    destroy() {
      given.changes++;
      kernels.delete(backend);
      if (kernels.size === 0) operator.implementations = null;
    },
  };
}

/**
 * PyTorch's `Library`: definitions and implementations in one namespace, taken back together. `kind` is `'DEF'` (the one
 * that owns the namespace), `'FRAGMENT'` (more definitions in it) or `'IMPL'` (implementations only).
 */
export class Library {
  private static readonly owned = new Set<string>(['aten', 'prim', 'torchvision', 'quantized', 'prepacked']);
  private readonly handles: RegistrationHandle[] = [];

  constructor(
    readonly ns: string,
    readonly kind: 'DEF' | 'FRAGMENT' | 'IMPL',
  ) {
    if (!['DEF', 'FRAGMENT', 'IMPL'].includes(kind))
      throw new TorchError(`Unsupported library kind: ${kind}`);
    if (kind !== 'DEF') return;
    if (Library.owned.has(ns))
      throw new TorchError(
        `Only a single TORCH_LIBRARY can be used to register the namespace ${ns}; please put all of your definitions in a single TORCH_LIBRARY block. If you really intended to define operators for a single namespace in a distributed way, make a Library of the kind 'FRAGMENT'`,
      );
    Library.owned.add(ns);
  }

  /** Defines an operator of this namespace, `scale(Tensor x, int k=1) -> Tensor`, and returns its name. */
  define<const S extends string>(
    schema: S,
    implementation?: Implementation<S> | null,
    derivative?: Gradient<S>,
  ): string {
    if (this.kind === 'IMPL') throw new TorchError('cannot define an operator in a Library of the kind IMPL');
    const [, given] = NAMESPACE.exec(schema) ?? [];
    if (given !== undefined && given !== this.ns)
      throw new TorchError(
        `Explicitly provided namespace (${given}) in schema string does not match namespace of enclosing TORCH_LIBRARY block (${this.ns}).`,
      );
    const text = given === undefined ? `${this.ns}::${schema}` : schema;
    this.handles.push(define(text as S, implementation, derivative));
    return text.slice(text.indexOf('::') + 2, text.indexOf('('));
  }

  /** What the operator of this name does on one backend; see `impl`. */
  // biome-ignore lint/suspicious/noExplicitAny: a schema says what it takes and returns
  impl(name: string, implementation: (...args: any[]) => any, backend: string = DEFAULT): void {
    this.handles.push(impl(name.includes('::') ? name : `${this.ns}::${name}`, backend, implementation));
  }

  /** Takes back all that was registered through it. */
  _destroy(): void {
    for (const handle of this.handles.splice(0).reverse()) handle.destroy();
    if (this.kind === 'DEF') Library.owned.delete(this.ns);
  }
}

const NAMESPACE = /^\s*(\w+)::/;

function qualified(name: string): string {
  if (!/^\w+::\w+(\.\w+)?$/.test(name))
    throw new TorchError(
      `Expected \`qualname\` to be of the form "namespace::name", but got ${name}. The qualname passed to the torch.library APIs must consist of a namespace and a name, e.g. aten::sin`,
    );
  return name;
}

/** The schema, which unlike those that come with Sconce is not known to be right. */
function checkedSchema(text: string): Schema {
  const schema = parseSchema(text);
  if (!NAMESPACE.test(text)) qualified(text.split('(')[0].trim());
  if (!text.includes('->')) throw new TorchError(`expected arrow but found 'eof' here:\n${text}`);
  for (const { type } of [...schema.args, ...schema.returns]) {
    const unknown = unknownType(type);
    if (unknown === undefined) continue;
    const at = text.search(new RegExp(`\\b${unknown}\\b`));
    throw new TorchError(
      `unknown type specifier:\n${text}\n${' '.repeat(at)}${'~'.repeat(unknown.length)} <--- HERE\n`,
    );
  }
  const names = schema.args.map((arg) => arg.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new TorchError(
      `define(): the argument '${twice}' stands twice in ${text}; formulas name arguments`,
    );
  return schema;
}

/** A name that is no type; those in lower case are type variables. */
function unknownType(type: Type): string | undefined {
  switch (type.kind) {
    case 'Variable':
      return /^[a-z]/.test(type.name) ? undefined : type.name;
    case 'List':
    case 'Optional':
    case 'Future':
      return unknownType(type.element);
    case 'Dict':
      return unknownType(type.key) ?? unknownType(type.value);
    case 'Tuple':
      for (const element of type.elements) {
        const unknown = unknownType(element);
        if (unknown !== undefined) return unknown;
      }
      return undefined;
    default:
      return undefined;
  }
}

const missing = (operator: Operator): NotSupportedError =>
  new NotSupportedError(
    `Could not run '${operator}' with arguments from this backend. '${operator}' is only available for these backends: [${[...(operator.implementations?.keys() ?? [])].join(', ')}]. Give define an implementation, or torch.library.impl('${operator}', backend, implementation)`,
  );
