/** From a JavaScript function to a TorchScript function: its names resolved, its helpers compiled along with it. */

import type { Def, Expr } from '../frontend/ast.ts';
import { Source } from '../frontend/source.ts';
import type { Resolver, Sugared } from '../frontend/sugared.ts';
import type { CompilationUnit } from '../frontend/unit.ts';
import type { Func } from '../ir/function.ts';
import { identifier } from '../ir/names.ts';
import type { ClassType } from '../ir/types.ts';
import { JavaScriptEmitter } from './emitter.ts';
import { type Given, GivenNames } from './given.ts';
import { type FindFunction, KnownNames } from './names.ts';
import { type AnyFunction, FunctionText } from './text.ts';
import { signature, translate } from './translate.ts';
import { readSchema, type SchemaText } from './types.ts';

/** Answers for the names of JavaScript functions, which start with `#`; types are the unit's. */
class JavaScriptResolver implements Resolver {
  readonly dialect = 'python';

  constructor(
    private readonly unit: CompilationUnit,
    private readonly names: GivenNames,
  ) {}

  get version(): number {
    return this.unit.version;
  }

  resolve(name: string): Sugared | undefined {
    return name.startsWith('#') ? this.names.resolve(name.slice(1)) : this.unit.resolve(name);
  }

  constant(): undefined {
    return undefined;
  }
}

/** A name that an archive can hold. */
export const leafName = (fn: { readonly name: string }): string =>
  identifier(fn.name.replace(/^(?:bound |get |set )/, '') || '_lambda');

/** Reads a schema that a caller wrote; its errors show it. */
export const schemaOf = (text: string): SchemaText => {
  const source = new Source(text, '<schema>');
  return readSchema(text, { source, start: 0, end: text.length });
};

/** Compiles functions that see the same names. */
export class JavaScriptCompiler {
  private readonly names: GivenNames;
  private readonly resolver: JavaScriptResolver;
  private readonly compiled = new Map<AnyFunction, Func>();

  constructor(
    private readonly unit: CompilationUnit,
    given: Given,
    library: FindFunction,
  ) {
    this.names = new GivenNames(given, new KnownNames(library), (name, fn) => ({
      kind: 'function',
      func: this.function(fn, undefined, name),
    }));
    this.resolver = new JavaScriptResolver(unit, this.names);
  }

  /** The function, compiled when its graph is asked for; syntax and names are checked now. */
  function(fn: AnyFunction, schema?: SchemaText, givenName?: string): Func {
    const known = this.compiled.get(fn);
    if (known) return known;
    const leaf = schema?.name || (givenName ?? leafName(fn));
    const text = new FunctionText(leaf, Function.prototype.toString.call(fn));
    const def = translate(text, this.names, schema ? { schema } : {});
    const func = this.unit.func(this.unit.uniqueName(`__torch__.${leafName({ name: leaf })}`), def, {
      resolver: this.resolver,
      emitter: JavaScriptEmitter,
    });
    this.compiled.set(fn, func);
    return func;
  }

  /** A method of a module of ours. */
  method(name: string, fn: AnyFunction, self: ClassType, schema?: SchemaText): { func: Func; def: Def } {
    const text = new FunctionText(name, Function.prototype.toString.call(fn));
    const def = translate(text, this.names, { isMethod: true, ...(schema && { schema }) });
    return { func: this.methodOf(def, self), def };
  }

  /** A method that only raises an error when it is called. */
  unused(name: string, fn: AnyFunction, self: ClassType, schema?: SchemaText): { func: Func; def: Def } {
    const text = new FunctionText(name, Function.prototype.toString.call(fn));
    const range = text.range(text.node);
    const whole = signature(text, this.names, { isMethod: true, ...(schema && { schema }) });
    const message: Expr = { kind: 'string', value: `${name} is unused, so it has not been compiled`, range };
    const callee: Expr = { kind: 'name', name: '#NotImplementedError', range };
    const value: Expr = { kind: 'call', callee, args: [message], kwargs: [], range };
    const def: Def = { ...whole, body: [{ kind: 'raise', value, range }] };
    return { func: this.methodOf(def, self), def };
  }

  private methodOf(def: Def, self: ClassType): Func {
    return this.unit.func(def.name, def, {
      resolver: this.resolver,
      emitter: JavaScriptEmitter,
      self,
      isModuleSelf: true,
    });
  }
}
