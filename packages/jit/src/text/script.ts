/** `torch.jit.script` of Python source text. */
import type { ScriptFunction } from '../script-function.ts';
import type { TextGiven } from './names.ts';
import { CompilationUnit, type TextOptions } from './unit.ts';

/**
 * Compiles a text. One function gives a ScriptFunction, whatever classes stand beside it; several functions, or classes
 * alone, give the CompilationUnit of all. Names are qualified as in a script run by itself, `__torch__.f`.
 */
export function scriptText(
  text: string,
  given: TextGiven = {},
  options: TextOptions = {},
): ScriptFunction | CompilationUnit {
  const unit = new CompilationUnit(text, given, { prefix: '__torch__.', ...options });
  const functions = unit.get_functions();
  return functions.length === 1 ? functions[0] : unit;
}
