/** What the names of a text mean where it is run as Python: its own functions and classes, what was given, and torch. */
import type { TupleType } from '../ir/types.ts';
import { makeTuple, tagType } from '../ops/value.ts';
import { isPythonClass, type PythonClass } from '../python/attributes.ts';
import { builtins, collections, PythonType } from '../python/builtins.ts';
import type { EagerNames } from '../python/expressions.ts';
import { math, Namespace, PythonFunction, torch } from '../python/namespaces.ts';
import { isTrue } from '../python/text.ts';
import type { TextGiven } from './names.ts';

/** What a text defines, as the runner asks for it. */
export interface Defined {
  /** A function's or class's own meaning; undefined where the text has no such name. */
  own(name: string): unknown;
  /** The path that an import binds the name to. */
  importPath(name: string): string | undefined;
}

const modules: Readonly<Record<string, Namespace>> = { torch, math, collections };

const isInstance = (value: unknown, type: unknown): boolean => {
  if (Array.isArray(type)) return type.some((one) => isInstance(value, one));
  if (type instanceof PythonType) return type.has(value);
  if (isPythonClass(type)) return (type as PythonClass).isInstance(value);
  return typeof type === 'function' && value instanceof type;
};

/** Functions of Python that ask about objects. */
const reflection = (attribute: (object: unknown, name: string) => unknown): ReadonlyMap<string, unknown> =>
  new Map<string, unknown>([
    ['isinstance', new PythonFunction('isinstance', ([value, type]) => isInstance(value, type))],
    [
      'hasattr',
      new PythonFunction('hasattr', ([object, name]) => attribute(object, String(name)) !== undefined),
    ],
    [
      'getattr',
      new PythonFunction('getattr', ([object, name, other = null]) => {
        const found = attribute(object, String(name));
        return found === undefined ? other : found;
      }),
    ],
    [
      'setattr',
      new PythonFunction('setattr', ([object, name, value]) => {
        (object as Record<string, unknown>)[String(name)] = value;
        return null;
      }),
    ],
    ['callable', new PythonFunction('callable', ([value]) => isTrue(typeof value === 'function'))],
  ]);

export class TextEagerNames implements EagerNames {
  private readonly reflection: ReadonlyMap<string, unknown>;

  constructor(
    private readonly defined: Defined,
    private readonly given: TextGiven,
    attribute: (object: unknown, name: string) => unknown,
  ) {
    this.reflection = reflection(attribute);
  }

  find(name: string): unknown {
    const own = this.defined.own(name);
    if (own !== undefined) return own;
    if (Object.hasOwn(this.given, name)) return this.given[name];
    const path = this.defined.importPath(name);
    if (path !== undefined) {
      const imported = this.path(path);
      if (imported !== undefined) return imported;
    }
    if (Object.hasOwn(modules, name)) return modules[name];
    if (name === 'nn') return torch.get('nn');
    if (name === 'F') return this.path('torch.nn.functional');
    if (name === 'Tensor') return torch.get('Tensor');
    return this.reflection.get(name) ?? builtins.get(name);
  }

  private path(path: string): unknown {
    const [root, ...rest] = path.split('.');
    let found: unknown = Object.hasOwn(modules, root) ? modules[root] : undefined;
    for (const part of rest) found = found instanceof Namespace ? found.get(part) : undefined;
    return found;
  }
}

/** A NamedTuple's class, called to make one. */
export const tupleMaker = (type: TupleType): PythonFunction =>
  new PythonFunction(type.name ?? 'tuple', (args, kwargs) =>
    tagType(
      makeTuple(
        type.fields!.map((field, i) =>
          i < args.length ? args[i] : (kwargs[field] ?? type.defaults?.get(field)),
        ),
        type,
      ),
      type,
    ),
  );
