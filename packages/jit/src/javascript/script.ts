/** `torch.jit.script` of JavaScript functions. */
import { libraryFunction } from '../library/index.ts';
import { newProgram, sharedUnit } from '../program.ts';
import { ScriptFunction } from '../script-function.ts';
import { JavaScriptCompiler, schemaOf } from './compile.ts';
import type { Given } from './given.ts';
import type { AnyFunction } from './text.ts';

/** Compiles a JavaScript function from its own text. */
export function scriptFunction(fn: AnyFunction, schema?: string, given: Given = {}): ScriptFunction {
  const compiler = new JavaScriptCompiler(sharedUnit, given, libraryFunction(sharedUnit));
  const func = compiler.function(fn, schema === undefined ? undefined : schemaOf(schema));
  // An error in the function is one of the call that compiles it.
  func.graph;
  return new ScriptFunction(func, newProgram());
}
