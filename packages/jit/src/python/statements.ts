/** Python's statements, run at once: functions of a text that a module's `__init__` consists of and calls. */
import { TorchError } from '@sconce/core';
import type { Block, Def, Statement } from '../frontend/ast.ts';
import { CompileError } from '../frontend/source.ts';
import { iterate } from './builtins.ts';
import { type EagerNames, Expressions, type Frame } from './expressions.ts';
import type { Kwargs } from './methods.ts';
import { Guard, PythonFunction } from './namespaces.ts';
import { isTrue, str } from './text.ts';

/** What ends a block early. */
type Exit = { readonly kind: 'return'; readonly value: unknown } | { readonly kind: 'break' | 'continue' };

const deepest = 200;

export class PythonRunner extends Expressions {
  private depth = 0;
  private steps = 0;

  constructor(
    names: EagerNames,
    /** How many statements may run. */
    private readonly limit: number,
  ) {
    super(names);
  }

  /** A definition as a function; `owner` makes what `super()` gives its methods. */
  function(def: Def, superOf?: (self: unknown) => unknown): PythonFunction {
    return new PythonFunction(def.name, (args, kwargs) => this.call_(def, args, kwargs, superOf));
  }

  private call_(
    def: Def,
    args: readonly unknown[],
    kwargs: Kwargs,
    superOf: ((self: unknown) => unknown) | undefined,
  ): unknown {
    if (this.depth >= deepest)
      throw new CompileError('RecursionError: maximum recursion depth exceeded', def.range);
    const locals = this.bind(def, args, kwargs);
    this.depth++;
    try {
      const exit = this.block(def.body, { locals, ...(superOf && { super: () => superOf(args[0]) }) });
      return exit?.kind === 'return' ? exit.value : null;
    } finally {
      this.depth--;
    }
  }

  private bind(def: Def, args: readonly unknown[], kwargs: Kwargs): Map<string, unknown> {
    const locals = new Map<string, unknown>();
    const rest = new Map(Object.entries(kwargs));
    let place = 0;
    for (const param of def.params) {
      if (!param.kwargOnly && place < args.length) {
        locals.set(param.name, args[place++]);
        continue;
      }
      if (rest.has(param.name)) {
        locals.set(param.name, rest.get(param.name));
        rest.delete(param.name);
      } else if (param.default) locals.set(param.name, this.evaluate(param.default, { locals: new Map() }));
      else throw new TorchError(`TypeError: ${def.name}() missing a required argument: '${param.name}'`);
    }
    if (place < args.length)
      throw new TorchError(
        `TypeError: ${def.name}() takes ${def.params.length} arguments but ${args.length} were given`,
      );
    for (const name of rest.keys())
      throw new TorchError(`TypeError: ${def.name}() got an unexpected keyword argument '${name}'`);
    return locals;
  }

  private block(statements: Block, frame: Frame): Exit | undefined {
    for (const statement of statements) {
      if (++this.steps > this.limit)
        throw new CompileError(
          `more than ${this.limit} statements were run (limits.instructions)`,
          statement.range,
        );
      const exit = this.statement(statement, frame);
      if (exit) return exit;
    }
    return undefined;
  }

  private statement(statement: Statement, frame: Frame): Exit | undefined {
    switch (statement.kind) {
      case 'expression':
        this.evaluate(statement.value, frame);
        return undefined;
      case 'assign': {
        const value = this.evaluate(statement.value, frame);
        for (const target of statement.targets) this.store(target, value, frame);
        return undefined;
      }
      case 'augmented': {
        const { target, op, range } = statement;
        const before = this.evaluate(target, frame);
        const more = this.evaluate(statement.value, frame);
        if (op === '+' && Array.isArray(before)) before.push(...iterate(more));
        else this.store(target, this.binary(op, before, more, range), frame);
        return undefined;
      }
      case 'if':
        return this.block(
          isTrue(this.evaluate(statement.test, frame)) ? statement.body : statement.orElse,
          frame,
        );
      case 'while':
        while (isTrue(this.evaluate(statement.test, frame))) {
          const exit = this.block(statement.body, frame);
          if (exit?.kind === 'return') return exit;
          if (exit?.kind === 'break') break;
        }
        return undefined;
      case 'for':
        for (const item of iterate(this.evaluate(statement.iterable, frame))) {
          this.store(statement.target, item, frame);
          const exit = this.block(statement.body, frame);
          if (exit?.kind === 'return') return exit;
          if (exit?.kind === 'break') break;
        }
        return undefined;
      case 'with':
        return this.guarded(statement, frame);
      case 'return':
        return { kind: 'return', value: statement.value ? this.evaluate(statement.value, frame) : null };
      case 'raise':
        throw this.raised(statement, frame);
      case 'assert':
        if (!isTrue(this.evaluate(statement.test, frame)))
          throw new CompileError(
            `AssertionError: ${statement.message ? str(this.evaluate(statement.message, frame)) : ''}`,
            statement.range,
          );
        return undefined;
      case 'delete':
        for (const target of statement.targets) {
          if (target.kind === 'name') frame.locals.delete(target.name);
          else if (target.kind === 'attribute')
            delete (this.evaluate(target.object, frame) as Record<string, unknown>)[target.name];
          else throw new CompileError('only a name or an attribute can be deleted here', target.range);
        }
        return undefined;
      case 'def':
        frame.locals.set(statement.def.name, this.closure(statement.def, frame));
        return undefined;
      case 'break':
      case 'continue':
        return { kind: statement.kind };
      default:
        return undefined;
    }
  }

  /** A function inside a function sees the variables around it. */
  private closure(def: Def, frame: Frame): PythonFunction {
    return new PythonFunction(def.name, (args, kwargs) => {
      const locals = new Map([...frame.locals, ...this.bind(def, args, kwargs)]);
      const exit = this.block(def.body, { ...frame, locals });
      return exit?.kind === 'return' ? exit.value : null;
    });
  }

  private guarded(statement: Extract<Statement, { kind: 'with' }>, frame: Frame): Exit | undefined {
    const enter = (i: number): Exit | undefined => {
      if (i === statement.items.length) return this.block(statement.body, frame);
      const item = statement.items[i].value;
      const guard = this.evaluate(item, frame);
      if (!(guard instanceof Guard))
        throw new CompileError('only torch.no_grad() can be entered here', item.range);
      return guard.run(() => enter(i + 1));
    };
    return enter(0);
  }

  private raised({ value, range }: Extract<Statement, { kind: 'raise' }>, frame: Frame): CompileError {
    if (value?.kind === 'call' && value.callee.kind === 'name') {
      const [message] = value.args;
      return new CompileError(
        `${value.callee.name}: ${message ? str(this.evaluate(message, frame)) : ''}`,
        range,
      );
    }
    return new CompileError(value?.kind === 'name' ? value.name : 'raised', range);
  }
}
