/** From schemas to what users call: functions `torch.add(...)`, methods `x.add(...)`, and `torch.ops.aten.add.Tensor(...)`. */
import { ArgumentError, TorchError } from '../errors.ts';
import { copyInto } from '../kernel/elementwise.ts';
import { Tensor } from '../tensor/tensor.ts';
import { bind, signatureOf, splitKeywords } from './bind.ts';
import { callOperator } from './call.ts';
import { findOperators, type Operator, packetNames } from './operator.ts';

export type TorchFunction = (...args: unknown[]) => unknown;

const takes = (overloads: readonly Operator[], argument: string): boolean =>
  overloads.some((o) => o.schema.args.some((a) => a.name === argument));

/** Binds and calls one of `overloads`; `out` and `requires_grad`, which Python takes and no schema has, are done after. */
function callBound(
  name: string,
  overloads: readonly Operator[],
  args: readonly unknown[],
  kwargs: Record<string, unknown> | null,
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
  const bound = bind(name, overloads, args, kwargs);
  return callOperator(bound.operator, bound.args);
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
    if (t.shape.length !== value.shape.length || t.shape.some((n, d) => n !== value.shape[d]))
      t.resize_(value.shape);
    copyInto(t, value);
    value.dispose();
  });
  return out;
}

/** The function `torch.<name>`. */
function functionOf(name: string, overloads: readonly Operator[]): TorchFunction {
  const fn = (...args: unknown[]): unknown => {
    const [positional, kwargs] = splitKeywords(args);
    return callBound(name, overloads, positional, kwargs);
  };
  Object.defineProperty(fn, 'name', { value: name });
  return fn;
}

/** The method of that name: `this` takes the place of `self`. */
function methodOf(
  name: string,
  overloads: readonly Operator[],
): (this: Tensor, ...args: unknown[]) => unknown {
  const at = signatureOf(overloads[0]).self;
  return function (this: Tensor, ...args: unknown[]): unknown {
    const [positional, kwargs] = splitKeywords(args);
    const all =
      at === 0 ? [this, ...positional] : [...positional.slice(0, at), this, ...positional.slice(at)];
    return callBound(name, overloads, all, kwargs);
  };
}

/** Every registered operator as a function, by name: `torch.relu`. */
export const functions: Record<string, TorchFunction> = {};

type Overloads = Record<string, TorchFunction>;
/** `torch.ops.aten.add.Tensor(a, b)`: any operator by its schema name; an empty overload is `default`. */
export const ops: Record<string, Record<string, Overloads>> = {};

/** Makes what is registered callable; again after more operators were registered. */
export function install(): void {
  for (const name of packetNames()) {
    const overloads = findOperators(name);
    const { namespace, base } = overloads[0].schema;
    const packet = ((ops[namespace] ??= {})[base] ??= Object.assign(
      functionOf(base, overloads),
      {},
    ) as unknown as Overloads);
    for (const o of overloads) packet[o.schema.overload || 'default'] ??= functionOf(base, [o]);
    if (namespace !== 'aten') continue;
    functions[base] = functionOf(base, overloads);
    const withSelf = overloads.filter((o) => signatureOf(o).self >= 0);
    if (withSelf.length > 0 && !(base in Tensor.prototype))
      Object.defineProperty(Tensor.prototype, base, {
        value: methodOf(base, withSelf),
        writable: true,
        configurable: true,
      });
  }
}

/** The method that the operators of this base name make; for code that extends it. */
export const methodNamed = (base: string): ((this: Tensor, ...args: unknown[]) => unknown) =>
  methodOf(
    base,
    findOperators(`aten::${base}`).filter((o) => signatureOf(o).self >= 0),
  );
