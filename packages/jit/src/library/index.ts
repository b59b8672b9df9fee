/** Where scripted code finds PyTorch's own Python: `torch.nn.functional` and the forward of nn's modules, as TorchScript text of ours. */
import { type Module, TorchError } from '@sconce/core';
import type { Def } from '../frontend/ast.ts';
import { parseFile } from '../frontend/parser.ts';
import { Source } from '../frontend/source.ts';
import type { Resolver, Sugared } from '../frontend/sugared.ts';
import type { CompilationUnit } from '../frontend/unit.ts';
import type { Func } from '../ir/function.ts';
import type { ClassType } from '../ir/types.ts';
import { KnownNames } from '../javascript/names.ts';
import { functional } from './functional.ts';
import { moduleMethods } from './modules.ts';

const path = '__torch__.torch.nn.functional';

const definitionsOf = (text: string, filename: string): readonly Def[] =>
  parseFile(new Source(text, filename), { dialect: 'python' }).functions;

/** What PyTorch's own code is compiled with in one unit. */
class Library implements Resolver {
  readonly dialect = 'python';
  private readonly known = new KnownNames((name) => this.functional(name));
  private definitions?: ReadonlyMap<string, Def>;
  private readonly functions = new Map<string, Sugared>();

  constructor(private readonly unit: CompilationUnit) {}

  get version(): number {
    return this.unit.version;
  }

  constant(): undefined {
    return undefined;
  }

  resolve(name: string): Sugared | undefined {
    if (name === 'warnings')
      return {
        kind: 'module',
        name,
        member: (member) => (member === 'warn' ? { kind: 'builtin', name: 'aten::warn' } : undefined),
      };
    if (/^(ValueError|RuntimeError|NotImplementedError)$/.test(name))
      return { kind: 'exception', name: `builtins.${name}` };
    return this.functional(name) ?? this.known.find(name) ?? this.unit.resolve(name);
  }

  functional(name: string): Sugared | undefined {
    const known = this.functions.get(name);
    if (known) return known;
    this.definitions ??= new Map(
      definitionsOf(functional, 'torch/nn/functional.py').map((def) => [def.name, def]),
    );
    const def = this.definitions.get(name);
    if (!def) return undefined;
    const func = this.unit.func(`${path}.${name}`, def, { resolver: this });
    const sugared: Sugared = { kind: 'function', func };
    this.functions.set(name, sugared);
    return sugared;
  }

  methods(module: Module, type: ClassType): Func[] {
    const name = module._get_name();
    const methods = moduleMethods[name];
    if (methods === undefined)
      throw new TorchError(
        `nn.${name} cannot be scripted: Sconce has no TorchScript definition of it. Trace it: jit.trace(module, example)`,
      );
    const text = typeof methods === 'function' ? methods(type, module) : methods;
    const filename = `${type.name
      .replace(/^__torch__\./, '')
      .split('.')
      .slice(0, -1)
      .join('/')}.py`;
    return definitionsOf(text, filename).map((def) =>
      this.unit.func(def.name, def, { resolver: this, self: type, isModuleSelf: true }),
    );
  }
}

const libraries = new WeakMap<CompilationUnit, Library>();

const libraryOf = (unit: CompilationUnit): Library => {
  let library = libraries.get(unit);
  if (!library) libraries.set(unit, (library = new Library(unit)));
  return library;
};

/** Finds functions of `torch.nn.functional` by name; undefined for one that is only an operator. */
export const libraryFunction =
  (unit: CompilationUnit) =>
  (name: string): Sugared | undefined =>
    libraryOf(unit).functional(name);

/** Gives the class of one of nn's modules its methods. */
export function addLibraryMethods(unit: CompilationUnit, module: Module, type: ClassType): void {
  for (const func of libraryOf(unit).methods(module, type)) type.methods.set(func.name, func);
}
