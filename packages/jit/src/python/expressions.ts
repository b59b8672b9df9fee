/** Python's expressions, evaluated at once: what a module's `__init__` and the functions that it calls compute. */
import { functions, isModule, TorchError } from '@sconce/core';
import type { Expr } from '../frontend/ast.ts';
import { CompileError, type Range } from '../frontend/source.ts';
import { Tensor } from '../ops/core.ts';
import { isTuple, makeTuple } from '../ops/value.ts';
import { attribute, callValue, classOf } from './attributes.ts';
import { iterate } from './builtins.ts';
import { compare, keyOf } from './methods.ts';
import { Attribute, annotate, TypedAttribute } from './namespaces.ts';
import { arithmetic, float, int, isNumber, numberOf } from './numbers.ts';
import { isEqual, isTrue } from './text.ts';

/** Where names are looked up that a function does not assign. */
export interface EagerNames {
  find(name: string): unknown;
}

/** The variables of one call. */
export interface Frame {
  readonly locals: Map<string, unknown>;
  /** What `super()` means here. */
  readonly super?: () => unknown;
}

const tensorOperators: Readonly<Record<string, string>> = {
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '//': 'floor_divide',
  '%': 'remainder',
  '**': 'pow',
  '@': 'matmul',
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
  '==': 'eq',
  '!=': 'ne',
  '&': 'bitwise_and',
  '|': 'bitwise_or',
  '^': 'bitwise_xor',
};
const mirrored: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

export class Expressions {
  constructor(protected readonly names: EagerNames) {}

  evaluate(expr: Expr, frame: Frame): unknown {
    try {
      return this.value(expr, frame);
    } catch (error) {
      // What our functions refuse gets the place that called them.
      if (error instanceof CompileError || !(error instanceof TorchError)) throw error;
      throw new CompileError(error.message, expr.range);
    }
  }

  private value(expr: Expr, frame: Frame): unknown {
    const { range } = expr;
    const of = (inner: Expr): unknown => this.evaluate(inner, frame);
    switch (expr.kind) {
      case 'name':
        return this.lookUp(expr.name, frame, range);
      case 'int':
        return int(expr.value);
      case 'float':
        return float(expr.value);
      case 'string':
      case 'constant':
        return expr.value;
      case 'attribute': {
        const object = of(expr.object);
        const found = attribute(object, expr.name);
        if (found === undefined) throw new CompileError(this.missing(object, expr.name), range);
        return found;
      }
      case 'call':
        return this.call(expr, frame);
      case 'subscript':
        return this.subscript(of(expr.object), expr.items, frame, range);
      case 'list':
        return this.items(expr.items, frame);
      case 'tuple':
        return makeTuple(this.items(expr.items, frame));
      case 'dict':
        return new Map(expr.keys.map((key, i) => [keyOf(of(key)), of(expr.values[i])]));
      case 'unary':
        return this.unary(expr.op, of(expr.operand), range);
      case 'binary':
        if (expr.op === 'and' || expr.op === 'or') {
          const left = of(expr.left);
          return isTrue(left) === (expr.op === 'and') ? of(expr.right) : left;
        }
        return this.binary(expr.op, of(expr.left), of(expr.right), range);
      case 'conditional':
        return isTrue(of(expr.test)) ? of(expr.body) : of(expr.orElse);
      case 'comprehension':
        return this.comprehended(expr, frame, (inner) => this.evaluate(expr.element, inner));
      case 'dictComprehension':
        return new Map(
          this.comprehended(expr, frame, (inner): [unknown, unknown] => [
            keyOf(this.evaluate(expr.key, inner)),
            this.evaluate(expr.value, inner),
          ]),
        );
      default:
        throw new CompileError(`an expression of this kind (${expr.kind}) is not run here`, range);
    }
  }

  private lookUp(name: string, frame: Frame, range: Range): unknown {
    if (frame.locals.has(name)) return frame.locals.get(name);
    const found = this.names.find(name);
    if (found === undefined) throw new CompileError(`NameError: name '${name}' is not defined`, range);
    return found;
  }

  private missing(object: unknown, name: string): string {
    const path = (object as { path?: string })?.path;
    return typeof path === 'string'
      ? `module '${path}' has no attribute '${name}' that Sconce can run`
      : `AttributeError: object has no attribute '${name}'`;
  }

  private comprehended<T>(
    { target, iterable, tests = [] }: Extract<Expr, { kind: 'comprehension' | 'dictComprehension' }>,
    frame: Frame,
    element: (frame: Frame) => T,
  ): T[] {
    const inner: Frame = { ...frame, locals: new Map(frame.locals) };
    const out: T[] = [];
    for (const item of iterate(this.evaluate(iterable, frame))) {
      this.store(target, item, inner);
      if (tests.every((test) => isTrue(this.evaluate(test, inner)))) out.push(element(inner));
    }
    return out;
  }

  private items(exprs: readonly Expr[], frame: Frame): unknown[] {
    return exprs.flatMap((expr) =>
      expr.kind === 'starred' ? iterate(this.evaluate(expr.value, frame)) : [this.evaluate(expr, frame)],
    );
  }

  private call(expr: Extract<Expr, { kind: 'call' }>, frame: Frame): unknown {
    const { callee } = expr;
    if (callee.kind === 'name' && callee.name === 'super' && frame.super) return frame.super();
    const called = this.evaluate(callee, frame);
    // A type is no value: only the compiler reads it.
    if (called === Attribute && expr.args.length === 2)
      return new TypedAttribute(this.evaluate(expr.args[0], frame), expr.args[1]);
    if (called === annotate && expr.args.length === 2) return this.evaluate(expr.args[1], frame);
    const kwargs = Object.fromEntries(
      expr.kwargs.map(({ name, value }) => [name, this.evaluate(value, frame)]),
    );
    return callValue(called, this.items(expr.args, frame), kwargs);
  }

  private unary(op: string, operand: unknown, range: Range): unknown {
    if (op === 'not') return !isTrue(operand);
    if (operand instanceof Tensor) return op === '-' ? operand.neg() : operand.bitwise_not();
    if (!isNumber(operand)) throw new CompileError(`bad operand type for unary ${op}`, range);
    return op === '-' ? arithmetic('*', operand, -1) : arithmetic('-', arithmetic('*', operand, -1), 1);
  }

  protected binary(op: string, left: unknown, right: unknown, range: Range): unknown {
    if (op === 'is' || op === 'is not') return Object.is(left, right) === (op === 'is');
    if (op === 'in') return this.contains(right, left);
    if (left instanceof Tensor || right instanceof Tensor) return this.tensorBinary(op, left, right, range);
    if (op === '==' || op === '!=') return isEqual(left, right) === (op === '==');
    if (op === '<' || op === '>' || op === '<=' || op === '>=') {
      const areNumbers = isNumber(left) && isNumber(right);
      const order = areNumbers ? compare(numberOf(left), numberOf(right)) : compare(left, right);
      return op[0] === '<'
        ? order < 0 || (op === '<=' && order === 0)
        : order > 0 || (op === '>=' && order === 0);
    }
    if (isNumber(left) && isNumber(right)) {
      const result = arithmetic(op, left, right);
      if (result !== undefined) return result;
    }
    if (op === '+' && typeof left === 'string' && typeof right === 'string') return left + right;
    if (op === '+' && Array.isArray(left) && Array.isArray(right)) {
      const all = [...left, ...right];
      return isTuple(left) ? makeTuple(all) : all;
    }
    if (op === '*' && isNumber(right)) {
      const times = Math.max(0, numberOf(right));
      if (typeof left === 'string') return left.repeat(times);
      if (Array.isArray(left)) {
        const all = Array.from({ length: times }, () => left).flat(1);
        return isTuple(left) ? makeTuple(all) : all;
      }
    }
    if (op === '*' && isNumber(left) && !isNumber(right)) return this.binary('*', right, left, range);
    throw new CompileError(`TypeError: unsupported operand type(s) for ${op}`, range);
  }

  private contains(container: unknown, item: unknown): boolean {
    if (typeof container === 'string') return container.includes(String(item));
    if (container instanceof Map) return container.has(keyOf(item));
    return iterate(container).some((other) => isEqual(other, item));
  }

  private tensorBinary(op: string, left: unknown, right: unknown, range: Range): unknown {
    const name = Object.hasOwn(tensorOperators, op) ? tensorOperators[op] : undefined;
    if (name === undefined) throw new CompileError(`${op} is not for tensors`, range);
    const apply = (object: unknown, method: string, ...args: unknown[]): unknown =>
      (object as Record<string, (...given: unknown[]) => unknown>)[method](...args);
    if (left instanceof Tensor) return apply(left, name, right);
    switch (op) {
      case '+':
      case '*':
      case '==':
      case '!=':
        return apply(right, name, left);
      case '-':
        return apply(functions, 'rsub', right, left);
      case '/':
        return apply(apply(right, 'reciprocal'), 'mul', left);
      case '**':
        return apply(functions, 'pow', left, right);
    }
    if (Object.hasOwn(mirrored, op)) return this.tensorBinary(mirrored[op], right, left, range);
    throw new CompileError(`${op} of a number and a tensor is not run here`, range);
  }

  private subscript(object: unknown, items: readonly Expr[], frame: Frame, range: Range): unknown {
    if (object instanceof Tensor) {
      const indices = items.map((item) => this.tensorIndex(item, frame));
      return callValue(attribute(object, 'at'), indices, {});
    }
    const [item] = items;
    if (item.kind === 'slice') {
      const part = (of: Expr | undefined): number | undefined => {
        const value = of && this.evaluate(of, frame);
        return value === undefined || value === null ? undefined : numberOf(value);
      };
      return sliced(object, part(item.start), part(item.end), part(item.step) ?? 1);
    }
    const key = this.evaluate(item, frame);
    if (object instanceof Map) {
      if (!object.has(keyOf(key))) throw new CompileError(`KeyError: ${String(key)}`, range);
      return object.get(keyOf(key));
    }
    if (typeof key === 'string') return attribute(object, key);
    const all = typeof object === 'string' ? [...object] : iterate(object);
    const at = numberOf(key) < 0 ? numberOf(key) + all.length : numberOf(key);
    if (!(at in all)) throw new CompileError('IndexError: index out of range', range);
    return all[at];
  }

  private tensorIndex(item: Expr, frame: Frame): unknown {
    if (item.kind === 'ellipsis') return '...';
    if (item.kind !== 'slice') return this.evaluate(item, frame);
    const part = (of: Expr | undefined): string => (of ? String(numberOf(this.evaluate(of, frame))) : '');
    return `${part(item.start)}:${part(item.end)}${item.step ? `:${part(item.step)}` : ''}`;
  }

  /** Stores a value where an assignment's or a loop's target says. */
  protected store(target: Expr, value: unknown, frame: Frame): void {
    switch (target.kind) {
      case 'name':
        frame.locals.set(target.name, value);
        return;
      case 'tuple':
      case 'list':
        this.unpack(target.items, iterate(value), frame, target.range);
        return;
      case 'attribute': {
        const object = this.evaluate(target.object, frame);
        if (typeof object !== 'function' && typeof object !== 'object')
          throw new CompileError('this has no attributes', target.range);
        if (value instanceof TypedAttribute && isModule(object))
          classOf(object)?.annotate(target.name, value.type);
        const stored = value instanceof TypedAttribute ? value.value : value;
        (object as unknown as Record<string, unknown>)[target.name] = stored;
        return;
      }
      case 'subscript': {
        const object = this.evaluate(target.object, frame);
        if (object instanceof Tensor) {
          const indices = target.items.map((item) => this.tensorIndex(item, frame));
          const part = callValue(attribute(object, 'at'), indices, {}) as Tensor;
          if (value instanceof Tensor) part.copy_(value);
          else part.fill_(numberOf(value));
          return;
        }
        const key = this.evaluate(target.items[0], frame);
        if (object instanceof Map) object.set(keyOf(key), value);
        else if (Array.isArray(object))
          object[numberOf(key) < 0 ? numberOf(key) + object.length : numberOf(key)] = value;
        else (object as Record<string, unknown>)[String(key)] = value;
        return;
      }
      default:
        throw new CompileError('this cannot be assigned to', target.range);
    }
  }

  private unpack(targets: readonly Expr[], values: readonly unknown[], frame: Frame, range: Range): void {
    const star = targets.findIndex((target) => target.kind === 'starred');
    const after = star < 0 ? 0 : targets.length - star - 1;
    if (star < 0 ? values.length !== targets.length : values.length < targets.length - 1)
      throw new CompileError(`ValueError: ${values.length} values for ${targets.length} variables`, range);
    targets.forEach((target, i) => {
      if (target.kind === 'starred')
        this.store(target.value, values.slice(star, values.length - after), frame);
      else
        this.store(target, values[star >= 0 && i > star ? values.length - (targets.length - i) : i], frame);
    });
  }
}

/** `xs[start:end:step]` of a list, a tuple, a string or a module of modules. */
function sliced(object: unknown, start: number | undefined, end: number | undefined, step: number): unknown {
  const all = iterate(object);
  const { length } = all;
  const clamp = (i: number): number => Math.min(Math.max(i < 0 ? i + length : i, step < 0 ? -1 : 0), length);
  const out: unknown[] = [];
  const [from, to] =
    step > 0
      ? [clamp(start ?? 0), clamp(end ?? length)]
      : [Math.min(clamp(start ?? length - 1), length - 1), end === undefined ? -1 : clamp(end)];
  for (let i = from; step > 0 ? i < to : i > to; i += step) out.push(all[i]);
  if (typeof object === 'string') return out.join('');
  return isTuple(object) ? makeTuple(out) : out;
}
