/** What a module's method shows beside being called: its code, graph and schema, as a ScriptFunction does. */
import type { Func } from './ir/function.ts';
import { graphToString, inlinedGraph } from './ir/print.ts';
import { schemaText } from './ir/schema.ts';
import { methodCode, namedConstants } from './print/code.ts';

const FUNC = Symbol('func');

export interface ScriptMethod {
  /** Runs the method on its module. */
  // biome-ignore lint/suspicious/noExplicitAny: what the program returns
  (...args: unknown[]): Promise<any>;
}

/** A method of a ScriptModule: `module.forward.graph`. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: an instance is callable
export class ScriptMethod {
  declare readonly [FUNC]: Func;

  /** Its source, printed from its graph. */
  get code(): string {
    return methodCode(this[FUNC]).text;
  }

  /** Its source, and the values that it calls `CONSTANTS.c0`, `c1`, … by these names. */
  get code_with_constants(): [code: string, constants: Record<string, unknown>] {
    const { text, constants } = methodCode(this[FUNC]);
    return [text, namedConstants(constants)];
  }

  get graph(): string {
    return graphToString(this[FUNC].graph);
  }

  /** The graph with every call replaced by what it calls. */
  get inlined_graph(): string {
    return inlinedGraph(this[FUNC]);
  }

  get schema(): string {
    return schemaText(this[FUNC].signature, this[FUNC].name);
  }
}
Object.setPrototypeOf(ScriptMethod.prototype, Function.prototype);

/** `call` with what there is to see of the function that it runs. */
export function scriptMethod(func: Func, call: (...args: unknown[]) => Promise<unknown>): ScriptMethod {
  Object.setPrototypeOf(call, ScriptMethod.prototype);
  Object.defineProperty(call, FUNC, { value: func });
  return call as ScriptMethod;
}
