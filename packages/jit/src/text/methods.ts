/** `torch.jit.define`: methods from text, added to a module's class. */
import { parseFile } from '../frontend/parser.ts';
import { CompileError, Source } from '../frontend/source.ts';
import type { CompilationUnit } from '../frontend/unit.ts';
import type { ClassType } from '../ir/types.ts';
import { limitsOf } from '../limits.ts';
import { exposeMethod, moduleParts, type ScriptModule } from '../module.ts';
import { PythonNames, type TextGiven } from './names.ts';
import { TextScope } from './scope.ts';

/**
 * Adds methods from Python source, `def double(self, x): return self.forward(x) * 2`, to the module and all of its class; none
 * where one is refused. `given` holds what the text uses beside PyTorch's names. PyTorch's `ScriptModule.define`; a function
 * here, so that a page which only loads and runs models leaves the compiler out.
 */
export function define(module: ScriptModule, text: string, given?: TextGiven): void {
  const { object, program } = moduleParts(module);
  for (const name of defineMethods(object.type, program.unit, text, given)) exposeMethod(module, name);
}

/** Compiles the functions of a text as methods of the class and returns their names. */
function defineMethods(
  type: ClassType,
  unit: CompilationUnit,
  text: string,
  given: TextGiven = {},
): string[] {
  const file = parseFile(new Source(text, '<string>'), { dialect: 'python', limits: limitsOf(undefined) });
  const [cls] = file.classes;
  if (cls)
    throw new CompileError('define takes methods; compile classes with jit.CompilationUnit', cls.range);
  const resolver = new TextScope(unit, new PythonNames(unit, given), '');
  resolver.add({ ...file, functions: [] });
  for (const def of file.functions) {
    if (type.methods.has(def.name))
      throw new CompileError(`method '${type.leafName}.${def.name}' already defined.`, def.range);
  }
  const names = file.functions.map(({ name }) => name);
  try {
    for (const def of file.functions)
      type.methods.set(def.name, unit.func(def.name, def, { resolver, self: type, isModuleSelf: true }));
    for (const name of names) type.methods.get(name)!.graph;
  } catch (error) {
    for (const name of names) type.methods.delete(name);
    throw error;
  }
  return names;
}
