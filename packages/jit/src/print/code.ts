/** `.code`: one method or function as TorchScript source, with the constants that it mentions. */
import type { Func } from '../ir/function.ts';
import { leafOf } from '../ir/names.ts';
import { Dependencies } from './dependencies.ts';
import { ConstantTable } from './literal.ts';
import { Printer } from './printer.ts';

export interface Code {
  readonly text: string;
  /** What the text calls `CONSTANTS.c0`, `CONSTANTS.c1`, … */
  readonly constants: readonly unknown[];
}

function printed(func: Func, isMethod: boolean): Code {
  const constants = new ConstantTable();
  const printer = new Printer({ constants, dependencies: new Dependencies() });
  printer.function(func, leafOf(func.name), { showsSelf: !isMethod });
  return { text: printer.body.text, constants: constants.entries.map(({ value }) => value) };
}

/** A method outside of its class: `self` stands without its type. */
export const methodCode = (func: Func): Code => printed(func, true);

export const functionCode = (func: Func): Code => printed(func, false);

/** Constants by the names that the text gives them. */
export const namedConstants = (constants: readonly unknown[]): Record<string, unknown> =>
  Object.fromEntries(constants.map((value, i) => [`c${i}`, value]));
