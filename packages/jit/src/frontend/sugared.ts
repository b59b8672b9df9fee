/** What a name can stand for while a program is compiled: a value, or something that only calls and attributes turn into one. */
import type { Func } from '../ir/function.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { ClassType, EnumType, InterfaceType, JitType, TupleType } from '../ir/types.ts';
import type { GraphBuilder } from './builder.ts';
import type { Dialect } from './lexer.ts';
import type { NamedValue } from './match.ts';
import type { Range } from './source.ts';
import { builtin, special } from './sugar.ts';

export type Sugared =
  | { readonly kind: 'value'; readonly value: Value }
  /** `torch.add`, `ops.prim.dtype`, or `x.relu` with its receiver. An object's own method of the name in `magic` goes first. */
  | { readonly kind: 'builtin'; readonly name: string; readonly self?: Value; readonly magic?: string }
  /** `x.float`: a conversion of a tensor to this dtype. */
  | { readonly kind: 'tensorCast'; readonly dtype: number; readonly self: Value }
  /** `torch`: its attributes are the operators of a namespace. */
  | { readonly kind: 'operators'; readonly namespace: string }
  /** `ops`: its attributes are namespaces. */
  | { readonly kind: 'namespaces' }
  /** `__torch__.a.b`: leads to functions and classes. */
  | { readonly kind: 'path'; readonly path: string }
  /** A Python module that the author sees: `torch`, `torch.nn.functional`, `math`. */
  | { readonly kind: 'module'; readonly name: string; readonly member: (name: string) => Sugared | undefined }
  | { readonly kind: 'constants' }
  /** A number, string or other literal that Python knows before the program runs; a constant where it is used. */
  | { readonly kind: 'constant'; readonly value: unknown; readonly type: JitType }
  | { readonly kind: 'special'; readonly form: SpecialForm }
  /** `x.tolist`, whose receiver is read again when it is called. */
  | { readonly kind: 'tolist' }
  | { readonly kind: 'cast'; readonly type: JitType; readonly operator: string; readonly magic: string }
  | { readonly kind: 'type'; readonly type: ClassType | TupleType | EnumType | InterfaceType }
  /** A type without a constructor, such as `torch.Tensor`. */
  | { readonly kind: 'annotation'; readonly type: JitType }
  /** `Cls.__new__`. */
  | { readonly kind: 'create'; readonly type: ClassType }
  | { readonly kind: 'function'; readonly func: Func }
  /** Several functions under one name: of those that these arguments leave, the first that takes them is called. */
  | {
      readonly kind: 'overloaded';
      readonly name: string;
      readonly among: (values: readonly NamedValue[], kwargs: readonly NamedValue[]) => readonly Func[];
    }
  | { readonly kind: 'method'; readonly self: Value; readonly name: string }
  /** What `raise` takes: an exception's class, and one with its message. */
  | { readonly kind: 'exception'; readonly name: string }
  | { readonly kind: 'raised'; readonly message: Value; readonly cls?: Value }
  /** A function of the language around that becomes nodes where it is called. */
  | { readonly kind: 'macro'; readonly name: string; readonly expand: Macro }
  /** A function that Python alone runs, of this signature: a call raises an error. */
  | { readonly kind: 'unused'; readonly func: Func }
  /** A function that Python runs, or that must not be reached. */
  | { readonly kind: 'refused'; readonly message: string }
  /** A `def` inside a function, which only `fork` may run. */
  | { readonly kind: 'closure'; readonly node: Node }
  | {
      readonly kind: 'range';
      readonly start: Value;
      readonly end: Value;
      readonly step: Value;
      readonly onlyEnd: boolean;
      readonly length?: number;
    }
  /** `zip` and `enumerate`: iterated in step; unrolled where the length is known while compiling. */
  | { readonly kind: 'zip'; readonly children: readonly Sugared[]; readonly length?: number }
  /** Several at once, iterated by unrolling. */
  | { readonly kind: 'tuple'; readonly items: readonly Sugared[] };

/** Where a macro puts its nodes. */
export interface MacroContext {
  readonly builder: GraphBuilder;
  readonly range: Range;
}

export type Macro = (
  context: MacroContext,
  values: readonly NamedValue[],
  kwargs: readonly NamedValue[],
) => Sugared;

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
  | 'zip'
  | 'enumerate'
  | 'list'
  | 'dict'
  | 'tuple';

/** Gives the names of a program their meaning, and its type expressions theirs. */
export interface Resolver {
  readonly dialect: Dialect;
  /** The archive's version, where operators once meant something else. */
  readonly version: number;
  /** The function or type of a qualified name, when there is one; for an author's text, what a name means there. */
  resolve(qualifiedName: string): Sugared | undefined;
  /** The value of `CONSTANTS.cN`, with its type. */
  constant(name: string): { readonly value: unknown; readonly type: JitType } | undefined;
}

const cast = (type: JitType, operator: string, magic: string): Sugared => ({
  kind: 'cast',
  type,
  operator,
  magic,
});

/** Python's builtins that TorchScript has. Casts get their type from the caller's module. */
export const builtins: ReadonlyMap<string, Sugared> = new Map<string, Sugared>([
  ...(
    [
      'isinstance',
      'getattr',
      'hasattr',
      'print',
      'range',
      'tuple',
      'zip',
      'enumerate',
      'list',
      'dict',
    ] as const
  ).map((form): [string, Sugared] => [form, special(form)]),
  ['int', cast({ kind: 'int' }, 'aten::Int', '__int__')],
  ['float', cast({ kind: 'float' }, 'aten::Float', '__float__')],
  ['bool', cast({ kind: 'bool' }, 'aten::Bool', '__bool__')],
  ['str', cast({ kind: 'str' }, 'aten::str', '__str__')],
  ['complex', cast({ kind: 'complex' }, 'aten::Complex', '__complex__')],
  ...['len', 'hex', 'oct', 'round'].map((name): [string, Sugared] => [
    name,
    builtin(`aten::${name}`, `__${name}__`),
  ]),
  ...['hash', 'all', 'any', 'divmod', 'sum', 'ord', 'chr', 'bin', 'pow', 'sorted', 'format'].map(
    (name): [string, Sugared] => [name, builtin(`aten::${name}`)],
  ),
  ...['min', 'max', 'abs', 'rangelist', 'id'].map((name): [string, Sugared] => [
    name,
    builtin(`prim::${name}`),
  ]),
  ['AssertionError', { kind: 'exception', name: 'AssertionError' }],
]);

/** The names that archives have beside them. */
export const archiveNames: ReadonlyMap<string, Sugared> = new Map<string, Sugared>([
  ['torch', { kind: 'operators', namespace: 'aten' }],
  ['ops', { kind: 'namespaces' }],
  ['CONSTANTS', { kind: 'constants' }],
  ['__torch__', { kind: 'path', path: '__torch__' }],
  ...(['fork', 'annotate', 'unchecked_cast', 'uninitialized'] as const).map((form): [string, Sugared] => [
    form,
    special(form),
  ]),
]);

/** What a message calls it. */
export function describe(sugared: Sugared): string {
  switch (sugared.kind) {
    case 'builtin':
      return 'builtin';
    case 'path':
    case 'module':
      return "python value of type 'module'";
    case 'type':
      return sugared.type.kind === 'Tuple'
        ? 'named tuple'
        : sugared.type.kind === 'Class'
          ? 'class'
          : sugared.type.kind;
    case 'special':
      return sugared.form;
    case 'exception':
      return 'exception';
    case 'tuple':
      return 'Tuple';
    case 'zip':
      return 'iterabletree';
    default:
      return sugared.kind;
  }
}
