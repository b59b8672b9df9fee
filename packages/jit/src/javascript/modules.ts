/** `torch.jit.script` of an `nn.Module` of ours: classes from the modules, methods from their source or from the library. */
import type { Module } from '@sconce/core';
import { CompileError } from '../frontend/source.ts';
import { ownNames } from '../frontend/walk.ts';
import type { ClassType } from '../ir/types.ts';
import { addLibraryMethods, libraryFunction } from '../library/index.ts';
import { type ScriptModule, wrapModule } from '../module.ts';
import { newProgram } from '../program.ts';
import { methodSource } from '../recursive/methods.ts';
import { type ConvertedModule, convertModule, failedAttribute } from '../recursive/module.ts';
import { libraryClass } from '../recursive/names.ts';
import { functionParts, ScriptFunction } from '../script-function.ts';
import { JavaScriptCompiler, schemaOf } from './compile.ts';
import type { Given } from './given.ts';
import { operatorOf } from './names.ts';
import type { AnyFunction } from './text.ts';

/** Statics of a user's class that say what is compiled, and how. */
interface Scripted {
  /** Methods to compile though `forward` does not call them, as `@torch.jit.export` marks them. */
  readonly __export__?: readonly string[];
  /** Methods that may be called and raise an error when they are, as `@torch.jit.unused` marks them. */
  readonly __unused__?: readonly string[];
  /** Signatures of methods: `{ forward: 'forward(Tensor x, int n) -> Tensor' }`. */
  readonly __schemas__?: Readonly<Record<string, string>>;
}

/** The names that a user's class was compiled with, and the schema of its forward: another one's methods may differ. */
const compiledWith = new WeakMap<ClassType, { names: Readonly<Record<string, unknown>>; schema?: string }>();

function sameNames(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.is(a[key], b[key]));
}

/** The module and all below it as TorchScript. `schema` is `forward`'s. */
export function scriptModule(module: Module, schema: string | undefined, given: Given): ScriptModule {
  const program = newProgram();
  const { unit } = program;
  const names = typeof given === 'function' ? given() : given;
  const mayShare = (type: ClassType): boolean => {
    const before = compiledWith.get(type);
    return !before || (before.schema === schema && sameNames(before.names, names));
  };
  const { object, modules } = convertModule(module, program, { mode: 'script', mayShare });
  const compiler = new JavaScriptCompiler(unit, given, libraryFunction(unit));
  const added: ClassType[] = [];
  try {
    for (const converted of modules) {
      const { type } = converted.object;
      if (type.methods.size > 0 || added.includes(type)) continue;
      added.push(type);
      const source = methodSource(converted.module);
      if (libraryClass(converted.module)) addLibraryMethods(unit, converted.module, type);
      else if (source) source(converted);
      else {
        compiledWith.set(type, { names, ...(schema !== undefined && { schema }) });
        addMethods(converted, compiler, converted.module === module ? schema : undefined);
      }
    }
    for (const type of added) for (const method of type.methods.values()) method.graph;
  } catch (error) {
    // A class that is kept for the next module of its kind must not keep half of its methods.
    for (const type of added) type.methods.clear();
    throw error;
  }
  return wrapModule(object, program);
}

/** Compiles forward, what is exported, and what these call of the module's own methods. */
function addMethods(
  converted: ConvertedModule,
  compiler: JavaScriptCompiler,
  schema: string | undefined,
): void {
  const { module, object } = converted;
  const { type } = object;
  const statics = module.constructor as Scripted;
  for (const name of converted.failed.keys())
    type.refused.set(name, failedAttribute(converted, name).message);
  for (const [name, value] of type.functions)
    addFunction(type, name, value, compiler, statics.__schemas__?.[name]);
  const unused = new Set(statics.__unused__ ?? []);
  const wanted = [...(methodNamed(module, 'forward') ? ['forward'] : []), ...(statics.__export__ ?? [])];
  for (const name of wanted) {
    if (type.methods.has(name)) continue;
    const fn = methodNamed(module, name);
    if (!fn) continue;
    const text = (name === 'forward' ? schema : undefined) ?? statics.__schemas__?.[name];
    const typed = text === undefined ? undefined : schemaOf(text);
    const { func, def } = unused.has(name)
      ? compiler.unused(name, fn, type, typed)
      : compiler.method(name, fn, type, typed);
    type.methods.set(name, func);
    for (const called of ownNames(def)) {
      if (type.slotOf(called) !== undefined || type.constants.has(called)) continue;
      wanted.push(called);
      const getter = propertyNamed(module, called)?.get;
      const method = `__${called}_getter`;
      if (!getter || type.methods.has(method)) continue;
      const types = statics.__schemas__?.[called];
      const property = compiler.method(
        method,
        getter as AnyFunction,
        type,
        types === undefined ? undefined : schemaOf(types),
      );
      type.methods.set(method, property.func);
      for (const more of ownNames(property.def)) if (!wanted.includes(more)) wanted.push(more);
    }
  }
}

/** An attribute that is a function: an operator, a compiled one, or one to compile, where it can be. */
function addFunction(
  type: ClassType,
  name: string,
  value: unknown,
  compiler: JavaScriptCompiler,
  schema: string | undefined,
): void {
  const operator = operatorOf(value);
  if (operator) type.operators.set(name, operator);
  else if (value instanceof ScriptFunction) type.statics.set(name, functionParts(value).func);
  else
    try {
      type.statics.set(
        name,
        compiler.function(value as AnyFunction, schema === undefined ? undefined : schemaOf(schema), name),
      );
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      type.refused.set(name, `attribute '${name}' is a function that cannot be compiled: ${error.message}`);
    }
}

/** A member that the user's own class, or one that it extends, has. */
function propertyNamed(module: Module, name: string): PropertyDescriptor | undefined {
  for (
    let prototype = Object.getPrototypeOf(module);
    prototype;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    // Module itself, below which there is nothing of a user's.
    if (Object.hasOwn(prototype, 'named_parameters')) return undefined;
    const found = Object.getOwnPropertyDescriptor(prototype, name);
    if (found) return found;
  }
  return undefined;
}

function methodNamed(module: Module, name: string): AnyFunction | undefined {
  const value = propertyNamed(module, name)?.value;
  return typeof value === 'function' ? (value as AnyFunction) : undefined;
}
