/** ScriptClass: a TorchScript class compiled from text, called to make an object. */
import { TorchError } from '@sconce/core';
import { bindArguments } from '../interpreter/boundary.ts';
import { execute } from '../interpreter/run.ts';
import type { ClassType } from '../ir/types.ts';
import { objectOf, type ScriptModule, wrapModule } from '../module.ts';
import { ScriptObject } from '../ops/value.ts';
import type { Program } from '../program.ts';

export interface ScriptClass {
  /** Makes an object: runs `__init__`. The object has the class's attributes and methods. */
  // biome-ignore lint/style/useShorthandFunctionType: it gives the class of the same name its call
  (...args: unknown[]): Promise<ScriptModule>;
}

/** A class of a compiled text. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: an instance is callable
export class ScriptClass {
  declare readonly qualified_name: string;

  /** Made by `CompilationUnit` only. */
  constructor(type: ClassType, program: Program) {
    const make = async (...args: unknown[]): Promise<ScriptModule> => {
      const init = type.methods.get('__init__');
      if (!init) throw new TorchError(`Class ${type.leafName} does not have an __init__ function defined`);
      const object = new ScriptObject(type);
      const params = init.signature.params.slice(1);
      const bound = bindArguments(type.leafName, init, params, args, { object: objectOf });
      await execute(init, [object, ...bound], program.device, program.limits?.instructions);
      return wrapModule(object, program);
    };
    Object.setPrototypeOf(make, new.target.prototype);
    Object.defineProperties(make, {
      name: { value: type.leafName, configurable: true },
      qualified_name: { value: type.name },
    });
    // biome-ignore lint/correctness/noConstructorReturn: a callable object is a function
    return make as unknown as ScriptClass;
  }
}
Object.setPrototypeOf(ScriptClass.prototype, Function.prototype);
