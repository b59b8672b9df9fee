/** `torch.jit.CompilationUnit`: functions and classes compiled from Python source text. */
import { TorchError } from '@sconce/core';
import { parseFile } from '../frontend/parser.ts';
import { Source } from '../frontend/source.ts';
import type { Sugared } from '../frontend/sugared.ts';
import type { ClassType } from '../ir/types.ts';
import { type Limits, limitsOf } from '../limits.ts';
import { newProgram, type Program } from '../program.ts';
import { ScriptFunction } from '../script-function.ts';
import { ScriptClass } from './class.ts';
import { PythonNames, type TextGiven } from './names.ts';
import { TextScope } from './scope.ts';

/** What compiling a text may be told. */
export interface TextOptions {
  /** What messages and graphs call the text. */
  readonly filename?: string;
  /** Bounds on the text and on what a call of it runs; see `Limits`. */
  readonly limits?: Partial<Limits>;
  /** What stands before qualified names. */
  readonly prefix?: string;
}

export interface CompilationUnit {
  // biome-ignore lint/suspicious/noExplicitAny: functions and classes are the text's
  [name: string]: any;
}

/**
 * Functions and classes compiled together from Python source, each a property: `unit.foo(x)` returns a promise. `given` holds
 * what the text uses beside its own names and PyTorch's: functions compiled before, numbers, strings, lists.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: functions and classes are the text's
export class CompilationUnit {
  readonly #program: Program;
  readonly #scope: TextScope;
  readonly #options: TextOptions;
  readonly #names: string[] = [];

  constructor(source?: string, given: TextGiven = {}, options: TextOptions = {}) {
    this.#program = { ...newProgram(), limits: limitsOf(options.limits) };
    const names = new PythonNames(this.#program.unit, given);
    this.#scope = new TextScope(this.#program.unit, names, options.prefix ?? '');
    this.#options = options;
    if (source !== undefined) this.define(source);
  }

  /** Adds definitions. They may use each other in any order, and those that were there before. */
  define(source: string): this {
    if (typeof source !== 'string') throw new TorchError('define takes source text');
    const { filename = '<string>', limits } = this.#options;
    const file = parseFile(new Source(source, filename), { dialect: 'python', limits: limitsOf(limits) });
    this.#scope.add(file);
    const made: [string, Sugared][] = [...file.classes, ...file.functions].map(({ name }) => [
      name,
      this.#scope.resolve(name)!,
    ]);
    for (const [name, sugared] of made) {
      this.#names.push(name);
      const property = this.#expose(sugared);
      if (property)
        Object.defineProperty(this, name, { value: property, enumerable: true, configurable: true });
    }
    return this;
  }

  /** Compiles what was only declared so far, and gives the user's side of it. */
  #expose(sugared: Sugared): ScriptFunction | ScriptClass | undefined {
    if (sugared.kind === 'function') {
      sugared.func.graph;
      return new ScriptFunction(sugared.func, this.#program);
    }
    if (sugared.kind === 'type' && sugared.type.kind === 'Class') {
      for (const method of sugared.type.methods.values()) method.graph;
      for (const func of sugared.type.statics.values()) func.graph;
      return new ScriptClass(sugared.type, this.#program);
    }
    return undefined;
  }

  /** The functions, in the order of the text. */
  get_functions(): ScriptFunction[] {
    return this.#names.map((name) => this[name]).filter((f) => f instanceof ScriptFunction);
  }

  /** A function by name, or a class's method as `Class.method`; null where there is none. */
  find_function(name: string): ScriptFunction | null {
    const [owner, method] = name.split('.');
    const sugared = this.#scope.resolve(owner);
    if (method === undefined)
      return sugared?.kind === 'function' ? new ScriptFunction(sugared.func, this.#program) : null;
    const type: ClassType | undefined =
      sugared?.kind === 'type' && sugared.type.kind === 'Class' ? sugared.type : undefined;
    const func = type?.methods.get(method) ?? type?.statics.get(method);
    return func ? new ScriptFunction(func, this.#program) : null;
  }
}
