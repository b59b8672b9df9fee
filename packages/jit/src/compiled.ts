/** What there is to see of anything compiled, beside calling it: its source, graph and signature. */
import type { Func } from './ir/function.ts';
import { leafOf } from './ir/names.ts';
import { graphToString, inlinedGraph } from './ir/print.ts';
import { schemaText } from './ir/schema.ts';
import { type Code, namedConstants } from './print/code.ts';

export const FUNC: unique symbol = Symbol('func');
export const PRINTED: unique symbol = Symbol('printed');

export interface Compiled {
  /** Runs it. Keyword arguments come in one trailing object. */
  // biome-ignore lint/suspicious/noExplicitAny: what the program returns
  // biome-ignore lint/style/useShorthandFunctionType: it gives the class of the same name its call
  (...args: unknown[]): Promise<any>;
}

/** A function whose graph is at hand. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: an instance is callable
export abstract class Compiled {
  declare readonly [FUNC]: Func;

  abstract [PRINTED](): Code;

  /** Its source, printed from its graph as PyTorch prints it. */
  get code(): string {
    return this[PRINTED]().text;
  }

  /** Its source, and the values that it calls `CONSTANTS.c0`, `c1`, … by these names. */
  get code_with_constants(): [code: string, constants: Record<string, unknown>] {
    const { text, constants } = this[PRINTED]();
    return [text, namedConstants(constants)];
  }

  /** Its IR, as PyTorch prints it. */
  get graph(): string {
    return graphToString(this[FUNC].graph);
  }

  /** The graph with every call replaced by what it calls. */
  get inlined_graph(): string {
    return inlinedGraph(this[FUNC]);
  }

  /** Its signature: `f(Tensor x, int n=2) -> Tensor`. */
  get schema(): string {
    return schemaText(this[FUNC].signature, leafOf(this[FUNC].name));
  }
}
Object.setPrototypeOf(Compiled.prototype, Function.prototype);
