/** `torch.jit.CompilationUnit`: functions and classes compiled from Python source text. */
import { TorchError } from '@sconce/core';
import { parseFile } from '../frontend/parser.ts';
import { Source } from '../frontend/source.ts';
import type { Sugared } from '../frontend/sugared.ts';
import type { ClassType } from '../ir/types.ts';
import { scriptModule } from '../javascript/modules.ts';
import { type Limits, limitsOf } from '../limits.ts';
import type { ScriptModule } from '../module.ts';
import { newProgram, type Program } from '../program.ts';
import type { Kwargs } from '../python/methods.ts';
import { ScriptFunction } from '../script-function.ts';
import { ScriptClass } from './class.ts';
import type { ModuleClass } from './module-class.ts';
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

/** A class of modules among a text's definitions. */
const definesModule = /^class\s+\w+\s*\(\s*[\w.]*\bModule\s*\)\s*:/m;

/** Makes modules of a class and compiles them; named arguments come in an object at the end. */
function moduleMaker(cls: ModuleClass): (...args: unknown[]) => ScriptModule {
  const make = (...args: unknown[]): ScriptModule => {
    const last = args[args.length - 1];
    const isNamed =
      typeof last === 'object' && last !== null && Object.getPrototypeOf(last) === Object.prototype;
    const module = cls.make(isNamed ? args.slice(0, -1) : args, isNamed ? (last as Kwargs) : {});
    return scriptModule(module, undefined, {});
  };
  return Object.defineProperty(make, 'name', { value: cls.name });
}

/**
 * Functions, classes and modules compiled together from Python source, each a property: `unit.foo(x)` returns a promise, and
 * `unit.Net(3)` runs `__init__` and gives a ScriptModule. `given` holds
 * what the text uses beside its own names and PyTorch's: functions compiled before, numbers, strings, lists.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: functions and classes are the text's
export class CompilationUnit {
  readonly #program: Program;
  readonly #scope: TextScope;
  readonly #options: TextOptions;
  readonly #names: string[] = [];
  /** Whether the text has modules, whose `__init__` is run. */
  readonly #mayRun: boolean;

  constructor(source?: string, given: TextGiven = {}, options: TextOptions = {}) {
    this.#program = { ...newProgram(), limits: limitsOf(options.limits) };
    const names = new PythonNames(this.#program.unit, given);
    this.#mayRun = source !== undefined && definesModule.test(source);
    this.#scope = new TextScope(
      this.#program.unit,
      names,
      // What modules call is saved with them, and archives have it below `__torch__`.
      options.prefix ?? (this.#mayRun ? '__torch__.' : ''),
      this.#program.limits?.instructions,
    );
    this.#options = options;
    if (source !== undefined) this.define(source);
  }

  /** Adds definitions. They may use each other in any order, and those that were there before. */
  define(source: string): this {
    if (typeof source !== 'string') throw new TorchError('define takes source text');
    const { filename = '<string>', limits } = this.#options;
    const file = parseFile(new Source(source, filename), {
      dialect: 'python',
      limits: limitsOf(limits),
      isRun: this.#mayRun,
    });
    this.#scope.add(file);
    const names = [...file.classes, ...file.functions].map(({ name }) => name);
    if (!this.#mayRun) for (const name of names) this.#scope.resolve(name);
    for (const name of names) {
      this.#names.push(name);
      const cls = this.#scope.moduleClass(name);
      // A function that only makes modules is no TorchScript: what Python may run is compiled when it is asked for.
      if (cls) this.#put(name, { value: moduleMaker(cls) });
      else if (this.#mayRun) this.#put(name, { get: () => this.#property(name) });
      else {
        const value = this.#property(name);
        if (value) this.#put(name, { value });
      }
    }
    return this;
  }

  #put(name: string, property: PropertyDescriptor): void {
    Object.defineProperty(this, name, { ...property, enumerable: true, configurable: true });
  }

  #property(name: string): ScriptFunction | ScriptClass | undefined {
    return this.#expose(this.#scope.resolve(name)!);
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

  /** The functions, in the order of the text; of a text with modules, whose functions Python may run, those that compile are properties only. */
  get_functions(): ScriptFunction[] {
    if (this.#mayRun) return [];
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
