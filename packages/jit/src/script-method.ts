/** ScriptMethod: a method as a module shows it, called or looked at. */
import { Compiled, FUNC, PRINTED } from './compiled.ts';
import type { Func } from './ir/function.ts';
import { type Code, methodCode } from './print/code.ts';

/** A method of a ScriptModule: `module.forward.graph`. */
export class ScriptMethod extends Compiled {
  override [PRINTED](): Code {
    return methodCode(this[FUNC]);
  }
}

/** `call` with what there is to see of the function that it runs. */
export function scriptMethod(func: Func, call: (...args: unknown[]) => Promise<unknown>): ScriptMethod {
  Object.setPrototypeOf(call, ScriptMethod.prototype);
  Object.defineProperty(call, FUNC, { value: func });
  return call as ScriptMethod;
}
