/** Where scripted code finds PyTorch's own Python: `torch.nn.functional` and the forward of nn's modules, as TorchScript text of ours. */
import { type Module, TorchError } from '@sconce/core';
import type { Resolver, Sugared } from '../frontend/sugared.ts';
import type { CompilationUnit } from '../frontend/unit.ts';
import type { Func } from '../ir/function.ts';
import type { ClassType } from '../ir/types.ts';
import { KnownNames, type PythonModule } from '../javascript/names.ts';
import { Definitions, type Dispatch, definitionsOf } from './definitions.ts';
import { functional } from './functional.ts';
import { losses } from './losses.ts';
import { moduleMethods } from './modules.ts';
import { resampling } from './resampling.ts';
import { torchFunctional } from './torch-functional.ts';

const pooling = (name: string, place: number): Dispatch => ({
  flags: [['return_indices', place]],
  functions: [`_${name}`, `${name}_with_indices`],
});

/** Names of `torch.nn.functional` that stand for several functions, or for one of another name. */
const functionalDispatches: Readonly<Record<string, Dispatch>> = {
  ...Object.fromEntries(
    [1, 2, 3].flatMap((dims) => [
      [`max_pool${dims}d`, pooling(`max_pool${dims}d`, 6)],
      [`adaptive_max_pool${dims}d`, pooling(`adaptive_max_pool${dims}d`, 2)],
    ]),
  ),
  threshold: { flags: [], functions: ['_threshold'] },
};

const uniqueDispatches: Readonly<Record<string, Dispatch>> = {
  unique: {
    flags: [
      ['return_inverse', 2],
      ['return_counts', 3],
    ],
    functions: ['_return_output', '_return_inverse', '_return_counts', '_unique_impl'],
  },
  unique_consecutive: {
    flags: [
      ['return_inverse', 1],
      ['return_counts', 2],
    ],
    functions: [
      '_consecutive_return_output',
      '_consecutive_return_inverse',
      '_consecutive_return_counts',
      '_unique_consecutive_impl',
    ],
  },
};

/** What PyTorch's own code is compiled with in one unit. */
class Library implements Resolver {
  readonly dialect = 'python';
  // Within it `torch.norm` is the operator.
  private readonly known = new KnownNames((name, module) =>
    module === 'torch.nn.functional' ? this.find(name, module) : undefined,
  );
  private readonly modules: Readonly<Record<PythonModule, Definitions>>;

  constructor(private readonly unit: CompilationUnit) {
    const texts = [functional, resampling, losses];
    this.modules = {
      'torch.nn.functional': new Definitions('torch.nn.functional', texts, functionalDispatches, unit, this),
      'torch.functional': new Definitions(
        'torch.functional',
        [torchFunctional],
        uniqueDispatches,
        unit,
        this,
      ),
    };
  }

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
    return (
      this.find(name, 'torch.nn.functional') ??
      this.find(name, 'torch.functional') ??
      this.known.find(name) ??
      this.unit.resolve(name)
    );
  }

  find(name: string, module: PythonModule): Sugared | undefined {
    return this.modules[module].find(name);
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

/** Finds what PyTorch writes in Python, by name and module; undefined for one that is only an operator. */
export const libraryFunction =
  (unit: CompilationUnit) =>
  (name: string, module: PythonModule): Sugared | undefined =>
    libraryOf(unit).find(name, module);

/** Gives the class of one of nn's modules its methods. */
export function addLibraryMethods(unit: CompilationUnit, module: Module, type: ClassType): void {
  for (const func of libraryOf(unit).methods(module, type)) type.methods.set(func.name, func);
}
