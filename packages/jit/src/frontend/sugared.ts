/** What a name can stand for while a program is compiled: a value, or something that only calls and attributes turn into one. */
import type { Func } from '../ir/function.ts';
import type { Value } from '../ir/graph.ts';
import type { ClassType, EnumType, InterfaceType, JitType, TupleType } from '../ir/types.ts';
import type { Def } from './ast.ts';

export type Sugared =
  | { readonly kind: 'value'; readonly value: Value }
  /** `torch.add`, `ops.prim.dtype`, or `x.relu` with its receiver. */
  | { readonly kind: 'builtin'; readonly name: string; readonly self?: Value }
  /** `torch`: its attributes are the operators of a namespace. */
  | { readonly kind: 'operators'; readonly namespace: string }
  /** `ops`: its attributes are namespaces. */
  | { readonly kind: 'namespaces' }
  /** `__torch__.a.b`: leads to functions and classes. */
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'constants' }
  | { readonly kind: 'special'; readonly form: SpecialForm }
  | { readonly kind: 'cast'; readonly type: JitType; readonly operator: string }
  | { readonly kind: 'type'; readonly type: ClassType | TupleType | EnumType | InterfaceType }
  /** `Cls.__new__`. */
  | { readonly kind: 'create'; readonly type: ClassType }
  | { readonly kind: 'function'; readonly func: Func }
  | { readonly kind: 'method'; readonly self: Value; readonly name: string }
  /** A `def` inside a function, which only `fork` may run. */
  | { readonly kind: 'closure'; readonly def: Def }
  | { readonly kind: 'range'; readonly start?: Value; readonly end: Value; readonly step?: Value };

export type SpecialForm =
  | 'fork'
  | 'annotate'
  | 'unchecked_cast'
  | 'uninitialized'
  | 'isinstance'
  | 'getattr'
  | 'hasattr'
  | 'print'
  | 'range'
  | 'tuple';

/** Gives the names of a program their meaning, and its type expressions theirs. */
export interface Resolver {
  /** The archive's version, where operators once meant something else. */
  readonly version: number;
  /** The function or type of a qualified name, when there is one. */
  resolve(qualifiedName: string): Sugared | undefined;
  /** The value of `CONSTANTS.cN`, with its type. */
  constant(name: string): { readonly value: unknown; readonly type: JitType } | undefined;
}

const cast = (type: JitType, operator: string): Sugared => ({ kind: 'cast', type, operator });
const special = (form: SpecialForm): Sugared => ({ kind: 'special', form });
const builtin = (name: string): Sugared => ({ kind: 'builtin', name });

/** Python's builtins that TorchScript has, and the names that archives add. Casts get their type from the caller's module. */
export const globals: ReadonlyMap<string, Sugared> = new Map<string, Sugared>([
  ['torch', { kind: 'operators', namespace: 'aten' }],
  ['ops', { kind: 'namespaces' }],
  ['CONSTANTS', { kind: 'constants' }],
  ['__torch__', { kind: 'path', path: '__torch__' }],
  ...(
    [
      'fork',
      'annotate',
      'unchecked_cast',
      'uninitialized',
      'isinstance',
      'getattr',
      'hasattr',
      'print',
      'range',
      'tuple',
    ] as const
  ).map((form): [string, Sugared] => [form, special(form)]),
  ['int', cast({ kind: 'int' }, 'aten::Int')],
  ['float', cast({ kind: 'float' }, 'aten::Float')],
  ['bool', cast({ kind: 'bool' }, 'aten::Bool')],
  ['str', cast({ kind: 'str' }, 'aten::str')],
  ['complex', cast({ kind: 'complex' }, 'aten::Complex')],
  ...[
    'len',
    'hex',
    'oct',
    'round',
    'hash',
    'all',
    'any',
    'divmod',
    'sum',
    'list',
    'dict',
    'ord',
    'chr',
    'bin',
    'pow',
    'sorted',
    'format',
  ].map((name): [string, Sugared] => [name, builtin(`aten::${name}`)]),
  ...['min', 'max', 'abs', 'rangelist', 'id'].map((name): [string, Sugared] => [
    name,
    builtin(`prim::${name}`),
  ]),
]); // prettier-ignore

/** What a message calls it. */
export function describe(sugared: Sugared): string {
  switch (sugared.kind) {
    case 'builtin':
      return `builtin ${sugared.name}`;
    case 'path':
      return `module ${sugared.path}`;
    case 'type':
      return `class ${sugared.type.name}`;
    case 'special':
      return sugared.form;
    default:
      return sugared.kind;
  }
}
