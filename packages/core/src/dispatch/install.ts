/** From schemas to what users call: functions `torch.add(...)`, methods `x.add(...)`, and `torch.ops.aten.add.Tensor(...)`. */
import { ArgumentError, TorchError } from '../errors.ts';
import { copyInto } from '../kernel/elementwise.ts';
import { beginsWithSelf, takesSelf } from '../schema/schema.ts';
import { sameShape } from '../tensor/layout.ts';
import { Tensor } from '../tensor/tensor.ts';
import { isWatched, look, plainShape, unwatched } from '../tensor/watch.ts';
import { bindTo, bindWrapped, isKeywords, type Keywords } from './bind.ts';
import { callOperator } from './call.ts';
import { findOperators, type Operator, packetNames } from './operator.ts';

export type TorchFunction = (...args: unknown[]) => unknown;

const takes = (overloads: readonly Operator[], argument: string): boolean =>
  overloads.some((o) => o.schema.args.some((a) => a.name === argument));

/** Calls the first overload that takes the arguments, of which the last may be the keywords. */
function callFirst(name: string, overloads: readonly Operator[], args: unknown[]): unknown {
  if (args.length > 0) {
    const last = args[args.length - 1];
    if (typeof last === 'object' && isKeywords(last)) {
      args.pop();
      return callBound(name, overloads, args, last);
    }
  }
  return callBound(name, overloads, args, null);
}

/** Binds and calls one of `overloads`; `out` and `requires_grad`, which Python takes and no schema has, are done after. */
function callBound(
  name: string,
  overloads: readonly Operator[],
  args: readonly unknown[],
  kwargs: Keywords | null,
): unknown {
  if (kwargs !== null && kwargs.out !== undefined && !takes(overloads, 'out')) {
    const { out, ...rest } = kwargs;
    return writeOut(name, out, callBound(name, overloads, args, rest));
  }
  if (kwargs !== null && kwargs.requires_grad !== undefined && !takes(overloads, 'requires_grad')) {
    const { requires_grad, ...rest } = kwargs;
    const result = callBound(name, overloads, args, rest) as Tensor;
    if (requires_grad === true) result.requires_grad = true;
    return result;
  }
  for (let i = 0; i < overloads.length; i++) {
    const bound = bindTo(overloads[i].signature, args, kwargs);
    if (bound !== undefined) return named(overloads[i], callOperator(overloads[i], bound));
  }
  const { operator, args: wrapped } = bindWrapped(name, overloads, args, kwargs);
  return named(operator, callOperator(operator, wrapped));
}

/** Several results under their schema's names too, as PyTorch's named tuples have them: `x.max(1).values`. */
function named(operator: Operator, result: unknown): unknown {
  if (!Array.isArray(result)) return result;
  const { returns } = operator.schema;
  if (returns.length > 1)
    for (const [i, { name }] of returns.entries())
      if (name) Object.defineProperty(result, name, { value: result[i] });
  return result;
}

function writeOut(name: string, out: unknown, result: unknown): unknown {
  const targets = Array.isArray(out) ? out : [out];
  const values = Array.isArray(result) ? result : [result];
  targets.forEach((t, i) => {
    const value = values[i];
    if (!(t instanceof Tensor) || !(value instanceof Tensor))
      throw new ArgumentError(`${name}(): argument 'out' must be a Tensor`);
    if (value.requires_grad || t.requires_grad)
      throw new TorchError(
        `${name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad.`,
      );
    const [shape, wanted] = [plainShape(t), plainShape(value)];
    if (isWatched() && sameShape(shape, wanted)) t.copy_(value);
    else {
      look('out', t, value);
      unwatched(() => {
        if (!sameShape(shape, wanted)) t.resize_(wanted);
        copyInto(t, value);
      });
    }
    value.dispose();
  });
  return out;
}

/** The function `torch.<name>`. */
function functionOf(name: string, overloads: readonly Operator[]): TorchFunction {
  const fn = (...args: unknown[]): unknown => callFirst(name, overloads, args);
  Object.defineProperty(fn, 'name', { value: name });
  return fn;
}

/** The method of that name: `this` takes the place of `self`. */
function methodOf(
  name: string,
  overloads: readonly Operator[],
): (this: Tensor, ...args: unknown[]) => unknown {
  if (!beginsWithSelf(overloads[0].schema))
    return function (this: Tensor, ...args: unknown[]): unknown {
      const at = overloads[0].signature.self;
      const positional = args.length - (isKeywords(args[args.length - 1]) ? 1 : 0);
      args.splice(Math.min(at, positional), 0, this);
      return callFirst(name, overloads, args);
    };
  // Written out, since a rest array would have to be copied to put `this` in front.
  return function (this: Tensor, a?: unknown, b?: unknown, ...more: unknown[]): unknown {
    // biome-ignore lint/complexity/noArguments: tells an argument that was left out from one that is undefined
    const n = arguments.length;
    const args = n === 1 ? [this, a] : n === 2 ? [this, a, b] : n === 0 ? [this] : [this, a, b, ...more];
    return callFirst(name, overloads, args);
  };
}

/** Every registered operator as a function, by name: `torch.relu`. */
export const functions: Record<string, TorchFunction> = {};

/** Callable as its first fitting overload, and each overload by name: `add(a, b)`, `add.Tensor(a, b)`. */
export type Packet = TorchFunction & Record<string, TorchFunction>;
type Namespace = Record<string, Packet>;
/**
 * `torch.ops.aten.add.Tensor(a, b)`: any operator by its schema name; an empty overload is `default`. A namespace is filled
 * when it is first asked for: few programs name an operator in this way, and there are two thousand.
 */
export const ops: Record<string, Namespace> = {};

/** Makes `ops` have the operators of this name; later, where nobody has asked for their namespace yet. */
function addPacket(overloads: readonly Operator[]): void {
  const { namespace } = overloads[0].schema;
  const found = Object.getOwnPropertyDescriptor(ops, namespace);
  if (found?.get) return;
  if (found) fill(found.value as Namespace, overloads);
  else
    Object.defineProperty(ops, namespace, {
      configurable: true,
      enumerable: true,
      get() {
        const packets: Namespace = {};
        Object.defineProperty(ops, namespace, { value: packets, writable: true });
        for (const name of packetNames())
          if (name.startsWith(`${namespace}::`)) fill(packets, findOperators(name));
        return packets;
      },
    });
}

function fill(packets: Namespace, overloads: readonly Operator[]): void {
  const { base } = overloads[0].schema;
  const packet = (packets[base] ??= functionOf(base, overloads) as Packet);
  for (const o of overloads) packet[o.schema.overload || 'default'] ??= functionOf(base, [o]);
}

/**
 * The operators' methods. They stand behind `Tensor.prototype`, so what the class has itself goes first. Without a prototype
 * this begins as a dictionary: of an object with a fixed layout V8 copies the layout for each property that is added.
 */
const methods: object = Object.create(null);

/** Makes what is registered callable. */
export function install(): void {
  for (const name of packetNames()) installPacket(name);
  Object.setPrototypeOf(methods, Object.getPrototypeOf(Tensor.prototype));
  Object.setPrototypeOf(Tensor.prototype, methods);
}

/** Makes the operators of this name, `aten::add`, callable; again after more of them were registered. */
export function installPacket(name: string): void {
  const overloads = findOperators(name);
  const { namespace, base } = overloads[0].schema;
  addPacket(overloads);
  if (namespace !== 'aten') return;
  functions[base] = functionOf(base, overloads);
  const withSelf = overloads.filter((o) => takesSelf(o.schema));
  if (withSelf.length > 0 && !Object.hasOwn(methods, base))
    Object.defineProperty(methods, base, {
      value: methodOf(base, withSelf),
      writable: true,
      configurable: true,
    });
}

/** Takes a removed operator out of `ops`. */
export function uninstall({ schema: { namespace, base, overload } }: Operator): void {
  const packet = ops[namespace]?.[base];
  if (!packet) return;
  if (findOperators(`${namespace}::${base}`).length === 0) delete ops[namespace][base];
  else delete packet[overload || 'default'];
  if (Object.keys(ops[namespace]).length === 0) delete ops[namespace];
}

/** The method that the operators of this base name make; for code that extends it. */
export const methodNamed = (base: string): ((this: Tensor, ...args: unknown[]) => unknown) =>
  methodOf(
    base,
    findOperators(`aten::${base}`).filter((o) => takesSelf(o.schema)),
  );
