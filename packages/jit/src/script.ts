/** `torch.jit.script`: JavaScript functions and modules to TorchScript. */
import { isModule, type Module, TorchError } from '@sconce/core';
import type { Given } from './javascript/given.ts';
import { scriptModule } from './javascript/modules.ts';
import { scriptFunction } from './javascript/script.ts';
import type { AnyFunction } from './javascript/text.ts';
import { ScriptModule } from './module.ts';
import { ScriptFunction } from './script-function.ts';
import type { TextGiven } from './text/names.ts';
import { scriptText } from './text/script.ts';
import type { CompilationUnit, TextOptions } from './text/unit.ts';

/**
 * Compiles a JavaScript function, or a module's forward with all that it calls, from its own source. `schema`,
 * `'f(Tensor x, int n) -> Tensor'`, gives the types, which are Tensor otherwise or stand in comments; `given` the names
 * that the function uses beside its own, `{ helper, ALPHA }`, or `() => ({ helper, ALPHA })` where code is minified.
 *
 * A text is Python source: `jit.script('def f(x): return x + 1')`. One function gives a ScriptFunction, several a
 * CompilationUnit.
 */
export function script(module: Module, schema: string, given?: Given): ScriptModule;
export function script(module: Module, given?: Given): ScriptModule;
export function script(f: AnyFunction | ScriptFunction, schema: string, given?: Given): ScriptFunction;
export function script(f: AnyFunction | ScriptFunction, given?: Given): ScriptFunction;
export function script(
  text: string,
  given?: TextGiven,
  options?: TextOptions,
): ScriptFunction | CompilationUnit;
export function script(
  subject: AnyFunction | Module | string,
  schemaOrGiven?: string | Given,
  more?: Given | TextOptions,
): ScriptFunction | ScriptModule | CompilationUnit {
  if (typeof subject === 'string')
    return scriptText(subject, schemaOrGiven as TextGiven, more as TextOptions);
  const schema = typeof schemaOrGiven === 'string' ? schemaOrGiven : undefined;
  const given = (more as Given) ?? (typeof schemaOrGiven === 'string' ? undefined : schemaOrGiven) ?? {};
  if (subject instanceof ScriptFunction || subject instanceof ScriptModule) return subject;
  if (isModule(subject)) return scriptModule(subject, schema, given);
  if (typeof subject === 'function') return scriptFunction(subject as AnyFunction, schema, given);
  throw new TorchError(
    `jit.script takes a function, an nn.Module or TorchScript text's CompilationUnit, not ${subject === null ? 'null' : typeof subject}`,
  );
}
