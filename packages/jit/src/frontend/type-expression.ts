/** Type expressions of the source (`Optional[List[int]]`, `__torch__.a.B`) to types. */
import { unionOf } from '../ir/type-relations.ts';
import {
  AnyListT,
  AnyT,
  AnyTupleT,
  BoolT,
  ComplexT,
  DeviceT,
  dictOf,
  FloatT,
  foreignClass,
  futureOf,
  GeneratorT,
  IntT,
  type JitType,
  listOf,
  NoneT,
  NumberT,
  optionalOf,
  StrT,
  TensorT,
  tupleOf,
} from '../ir/types.ts';
import { withForeignMethods } from '../ops/foreign.ts';
import type { Expr } from './ast.ts';
import { parseTypeExpression } from './expression-parser.ts';
import { CompileError, Source } from './source.ts';
import type { Resolver, Sugared } from './sugared.ts';

const simple: ReadonlyMap<string, JitType> = new Map<string, JitType>([
  ['Tensor', TensorT],
  ['torch.Tensor', TensorT],
  ['int', IntT],
  ['float', FloatT],
  ['complex', ComplexT],
  ['bool', BoolT],
  ['str', StrT],
  ['number', NumberT],
  ['Device', DeviceT],
  ['torch.device', DeviceT],
  ['torch.dtype', IntT],
  ['torch.layout', IntT],
  ['torch.Size', listOf(IntT)],
  ['torch.Generator', GeneratorT],
  ['Generator', GeneratorT],
  ['NoneType', NoneT],
  ['None', NoneT],
  ['Any', AnyT],
  ['list', AnyListT],
  ['tuple', AnyTupleT],
  ['Stream', { kind: 'Stream' }],
  ['Storage', { kind: 'Storage' }],
  ['AnyClassType', { kind: 'AnyClass' }],
  ['AnyEnumType', { kind: 'AnyEnum' }],
]);

/** `a.b.c` of nested attributes, or undefined for any other expression. */
export function dottedName(expr: Expr): string | undefined {
  if (expr.kind === 'name') return expr.name;
  if (expr.kind !== 'attribute') return undefined;
  const object = dottedName(expr.object);
  return object === undefined ? undefined : `${object}.${expr.name}`;
}

/** `typing.List`, `list` and `torch.jit.Final` as archives write them. */
function genericName(name: string, resolver: Resolver): string {
  if (resolver.dialect === 'archive') return name;
  const leaf = name.replace(/^(typing|torch\.jit|torch\.futures)\./, '');
  return lowercase.get(leaf) ?? leaf;
}

const lowercase: ReadonlyMap<string, string> = new Map([
  ['list', 'List'],
  ['dict', 'Dict'],
  ['tuple', 'Tuple'],
]);

/** In an author's text a dotted name leads through modules; in an archive it is one name. */
function resolveDotted(name: string, resolver: Resolver): Sugared | undefined {
  if (resolver.dialect === 'archive') return resolver.resolve(name);
  const [root, ...rest] = name.split('.');
  let found = resolver.resolve(root);
  for (const part of rest) {
    if (found?.kind !== 'module') return undefined;
    found = found.member(part);
  }
  return found;
}

export function typeOfExpression(expr: Expr, resolver: Resolver): JitType {
  if (resolver.dialect === 'python') {
    // A class may be named before it is there.
    if (expr.kind === 'string' && !expr.value.startsWith('torch.classes.')) {
      const { value, range } = expr;
      return typeOfExpression(parseTypeExpression(new Source(value, range.source.filename)), resolver);
    }
    if (expr.kind === 'binary' && expr.op === '|')
      return unionOf([typeOfExpression(expr.left, resolver), typeOfExpression(expr.right, resolver)]);
  }
  if (expr.kind === 'constant' && expr.value === null) return NoneT;
  const name = dottedName(expr);
  if (name !== undefined) {
    const known = simple.get(name);
    if (known) return known;
    const list = /^_size_\d_t$/.test(name);
    if (list) return listOf(IntT);
    if (name.startsWith('__torch__.torch.classes.')) return withForeignMethods(foreignClass(name));
    const found = resolveDotted(name, resolver);
    if (found?.kind === 'type') return found.type;
    if (found?.kind === 'annotation') return found.type;
    throw new CompileError(`Unknown type name '${name}'`, expr.range);
  }
  if (expr.kind === 'string' && expr.value.startsWith('torch.classes.'))
    return withForeignMethods(foreignClass(`__torch__.${expr.value}`));
  if (expr.kind === 'subscript') {
    const generic = genericName(dottedName(expr.object) ?? '', resolver);
    const items = () => expr.items.map((item) => typeOfExpression(item, resolver));
    const only = () => {
      if (expr.items.length !== 1)
        throw new CompileError(`${generic} type must have exactly one element type`, expr.range);
      return items()[0];
    };
    switch (generic) {
      case 'List':
        return listOf(only());
      case 'Optional': {
        const element = only();
        // None is one more of a union's members.
        return element.kind === 'Union' ? unionOf([...element.members, NoneT]) : optionalOf(element);
      }
      case 'Future':
      case 'RRef':
      case 'Await':
        return futureOf(only());
      case 'Final':
        return only();
      case 'Dict': {
        if (expr.items.length !== 2)
          throw new CompileError('Dict must have exactly two element types', expr.range);
        const [key, value] = items();
        return dictOf(key, value);
      }
      case 'Tuple':
        if (expr.items.length === 1 && expr.items[0].kind === 'tuple' && expr.items[0].items.length === 0)
          return tupleOf([]);
        return tupleOf(items());
      case 'Union':
        return unionOf(items());
    }
    if (/^BroadcastingList\d$/.test(generic)) return listOf(only());
    throw new CompileError(`Unknown type constructor ${generic}`, expr.range);
  }
  const kind = expr.kind === 'int' || expr.kind === 'float' ? 'type const' : 'this kind';
  throw new CompileError(`Expression of ${kind} cannot be used in a type expression`, expr.range);
}

/** The length that a `BroadcastingList2[int]`, or an optional one, gives to a single number. */
export function broadcastSize(expr: Expr): number | undefined {
  if (expr.kind !== 'subscript') return undefined;
  const generic = dottedName(expr.object) ?? '';
  if (/(^|\.)Optional$/.test(generic)) return expr.items[0] && broadcastSize(expr.items[0]);
  const sized = /(?:^|\.)BroadcastingList(\d)$/.exec(generic);
  return sized ? Number(sized[1]) : undefined;
}
