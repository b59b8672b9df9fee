/** ScriptFunction: a function compiled or traced, as users hold it. */
import { TracedNumber } from '@sconce/core';
import { type JitSaveOptions, writeArchive } from './archive/write.ts';
import { bindArguments, toCaller } from './interpreter/boundary.ts';
import { execute } from './interpreter/run.ts';
import type { Func } from './ir/function.ts';
import { graphToString, inlinedGraph } from './ir/print.ts';
import { schemaText } from './ir/schema.ts';
import { objectOf, wrapModule } from './module.ts';
import { functionCode, namedConstants } from './print/code.ts';
import type { Program } from './program.ts';
import { moduleOfFunction, saveObject } from './save.ts';
import { activeTrace } from './trace/state.ts';

const FUNC = Symbol('func');
const PROGRAM = Symbol('program');

export interface ScriptFunction {
  /** Runs the function. Keyword arguments come in one trailing object. */
  // biome-ignore lint/suspicious/noExplicitAny: what the program returns
  (...args: unknown[]): Promise<any>;
}

/**
 * A TorchScript function. A call always returns a promise. `graph` and `inlined_graph` are its IR as PyTorch prints it,
 * `schema` its signature.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: an instance is callable
export class ScriptFunction {
  declare readonly [FUNC]: Func;
  declare readonly [PROGRAM]: Program;

  /** Made by `jit.script` and `jit.trace` only. */
  constructor(func: Func, program: Program) {
    const call = (...args: unknown[]): Promise<unknown> => runFunction(func, program, args);
    Object.setPrototypeOf(call, new.target.prototype);
    Object.defineProperties(call, {
      name: { value: leafOf(func.name), configurable: true },
      [FUNC]: { value: func },
      [PROGRAM]: { value: program },
    });
    // biome-ignore lint/correctness/noConstructorReturn: a callable object is a function
    return call as ScriptFunction;
  }

  /** The name with its module's path: `__torch__.f`. */
  get qualified_name(): string {
    return this[FUNC].name;
  }

  /** Its source, printed from its graph as PyTorch prints it. */
  get code(): string {
    return functionCode(this[FUNC]).text;
  }

  /** Its source, and the values that it calls `CONSTANTS.c0`, `c1`, … by these names. */
  get code_with_constants(): [code: string, constants: Record<string, unknown>] {
    const { text, constants } = functionCode(this[FUNC]);
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
    return schemaText(this[FUNC].signature, leafOf(this[FUNC].name));
  }

  /** The bytes of an archive whose module's `forward` is this function, as PyTorch saves one. */
  save_to_buffer(options?: JitSaveOptions): Promise<Uint8Array> {
    return writeArchive(moduleOfFunction(this[FUNC]), this[PROGRAM], options);
  }

  /** Writes the archive to a path. */
  save(path: string, options?: JitSaveOptions): Promise<void> {
    return saveObject(path, moduleOfFunction(this[FUNC]), this[PROGRAM], options);
  }

  toString(): string {
    return `<torch.jit.ScriptFunction object ${this.qualified_name}>`;
  }
}
Object.setPrototypeOf(ScriptFunction.prototype, Function.prototype);

const leafOf = (qualified: string): string => qualified.slice(qualified.lastIndexOf('.') + 1);

/** The function and the program behind what a user holds. */
export const functionParts = (f: ScriptFunction): { func: Func; program: Program } => ({
  func: f[FUNC],
  program: f[PROGRAM],
});

async function runFunction(func: Func, program: Program, args: readonly unknown[]): Promise<unknown> {
  const unwrap = { object: objectOf };
  const trace = activeTrace();
  const given = trace ? args.map((arg) => (arg instanceof TracedNumber ? arg.valueOf() : arg)) : args;
  const bound = bindArguments(leafOf(func.name), func, func.signature.params, given, unwrap);
  const run = () => execute(func, bound, program.device, program.limits?.instructions);
  const result = await (trace ? trace.callFunction(func, bound, run) : run());
  return toCaller(result, (object) => wrapModule(object, program));
}
