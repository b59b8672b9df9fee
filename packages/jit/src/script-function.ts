/** ScriptFunction: a function compiled or traced, as users hold it. */
import { TracedNumber } from '@sconce/core';
import { type JitSaveOptions, writeArchive } from './archive/write.ts';
import { Compiled, FUNC, PRINTED } from './compiled.ts';
import { bindArguments, toCaller } from './interpreter/boundary.ts';
import { execute } from './interpreter/run.ts';
import type { Func } from './ir/function.ts';
import { leafOf } from './ir/names.ts';
import { objectOf, wrapModule } from './module.ts';
import { type Code, functionCode } from './print/code.ts';
import type { Program } from './program.ts';
import { moduleOfFunction, saveObject } from './save.ts';
import { activeTrace } from './trace/state.ts';

const PROGRAM = Symbol('program');

/** A TorchScript function. A call always returns a promise. */
export class ScriptFunction extends Compiled {
  declare readonly [PROGRAM]: Program;

  /** Made by `jit.script` and `jit.trace` only. */
  constructor(func: Func, program: Program) {
    super();
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

  override [PRINTED](): Code {
    return functionCode(this[FUNC]);
  }

  /** The bytes of an archive whose module's `forward` is this function, as PyTorch saves one. */
  save_to_buffer(options?: JitSaveOptions): Promise<Uint8Array> {
    return writeArchive(moduleOfFunction(this[FUNC]), this[PROGRAM], options);
  }

  /** Writes the archive to a path. */
  save(path: string, options?: JitSaveOptions): Promise<void> {
    return saveObject(path, moduleOfFunction(this[FUNC]), this[PROGRAM], options);
  }

  override toString(): string {
    return `<torch.jit.ScriptFunction object ${this.qualified_name}>`;
  }
}

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
