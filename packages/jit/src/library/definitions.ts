/** The functions that PyTorch writes in Python in one of its modules, as TorchScript text of ours, compiled as they are asked for. */
import type { Def } from '../frontend/ast.ts';
import { parseFile } from '../frontend/parser.ts';
import { Source } from '../frontend/source.ts';
import type { Resolver, Sugared } from '../frontend/sugared.ts';
import type { CompilationUnit } from '../frontend/unit.ts';

/** One name for several functions: literal flags, each with its place among the arguments, say which; the first flag counts least. */
export interface Dispatch {
  readonly flags: readonly (readonly [name: string, place: number])[];
  readonly functions: readonly string[];
}

export const definitionsOf = (text: string, filename: string): readonly Def[] =>
  parseFile(new Source(text, filename), { dialect: 'python' }).functions;

export class Definitions {
  private byName?: ReadonlyMap<string, readonly Def[]>;
  private readonly found = new Map<string, Sugared>();

  constructor(
    /** `torch.nn.functional`. */
    private readonly module: string,
    private readonly texts: readonly string[],
    private readonly dispatches: Readonly<Record<string, Dispatch>>,
    private readonly unit: CompilationUnit,
    private readonly resolver: Resolver,
  ) {}

  find(name: string): Sugared | undefined {
    const known = this.found.get(name);
    if (known) return known;
    const sugared = Object.hasOwn(this.dispatches, name)
      ? this.dispatched(name, this.dispatches[name])
      : this.defined(name);
    if (sugared) this.found.set(name, sugared);
    return sugared;
  }

  private defined(name: string): Sugared | undefined {
    this.byName ??= this.read();
    const funcs = this.byName.get(name)?.map((def) =>
      this.unit.func(this.unit.uniqueName(`__torch__.${this.module}.${name}`), def, {
        resolver: this.resolver,
      }),
    );
    if (!funcs) return undefined;
    return funcs.length === 1
      ? { kind: 'function', func: funcs[0] }
      : { kind: 'overloaded', name, among: () => funcs };
  }

  private dispatched(name: string, { flags, functions }: Dispatch): Sugared {
    return {
      kind: 'overloaded',
      name,
      among: (values, kwargs) => {
        const wanted = flags.map(
          ([flag, place]) => kwargs.find((kwarg) => kwarg.name === flag) ?? values[place],
        );
        const index = wanted.reduce(
          (sum, given, i) => sum + (given?.value.node.constant?.value === true ? 2 ** i : 0),
          0,
        );
        return [(this.find(functions[index]) as Extract<Sugared, { kind: 'function' }>).func];
      },
    };
  }

  /** Definitions of one name are its overloads, in order. */
  private read(): ReadonlyMap<string, readonly Def[]> {
    const byName = new Map<string, Def[]>();
    for (const text of this.texts)
      for (const def of definitionsOf(text, `${this.module.replaceAll('.', '/')}.py`))
        byName.set(def.name, [...(byName.get(def.name) ?? []), def]);
    return byName;
  }
}
