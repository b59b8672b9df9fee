/** `torch.jit.script_if_tracing`: a function that is compiled where a trace meets it, so that its branches and loops survive there. */
import type { Given } from './javascript/given.ts';
import type { AnyFunction } from './javascript/text.ts';
import { script } from './script.ts';
import type { ScriptFunction } from './script-function.ts';
import { is_tracing } from './trace/state.ts';

/**
 * Wraps a JavaScript function: called as it is, except while a trace records, when the script of it is called instead (which
 * returns a promise). `schema` and `given` are `jit.script`'s.
 */
export function script_if_tracing<F extends AnyFunction>(f: F, schema?: string | Given, given?: Given): F {
  let compiled: ScriptFunction | undefined;
  const wrapped = (...args: unknown[]): unknown => {
    if (!is_tracing()) return f(...(args as never[]));
    compiled ??= typeof schema === 'string' ? script(f, schema, given) : script(f, schema);
    return compiled(...args);
  };
  return wrapped as unknown as F;
}
