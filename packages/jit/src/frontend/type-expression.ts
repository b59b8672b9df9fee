/** Type expressions of the source (`Optional[List[int]]`, `__torch__.a.B`) to types. */
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
  unionOf,
} from '../ir/types.ts';
import type { Expr } from './ast.ts';
import { CompileError } from './source.ts';
import type { Resolver } from './sugared.ts';

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

export function typeOfExpression(expr: Expr, resolver: Resolver): JitType {
  if (expr.kind === 'constant' && expr.value === null) return NoneT;
  const name = dottedName(expr);
  if (name !== undefined) {
    const known = simple.get(name);
    if (known) return known;
    const list = /^_size_\d_t$/.test(name);
    if (list) return listOf(IntT);
    if (name.startsWith('__torch__.torch.classes.')) return foreignClass(name);
    const found = resolver.resolve(name);
    if (found?.kind === 'type') return found.type;
    throw new CompileError(`Unknown type name '${name}'`, expr.range);
  }
  if (expr.kind === 'string' && expr.value.startsWith('torch.classes.'))
    return foreignClass(`__torch__.${expr.value}`);
  if (expr.kind === 'subscript') {
    const generic = dottedName(expr.object) ?? '';
    const items = () => expr.items.map((item) => typeOfExpression(item, resolver));
    const only = () => {
      if (expr.items.length !== 1)
        throw new CompileError(`${generic} type must have exactly one element type`, expr.range);
      return items()[0];
    };
    switch (generic) {
      case 'List':
        return listOf(only());
      case 'Optional':
        return optionalOf(only());
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
  throw new CompileError('Expression of this kind cannot be used in a type expression', expr.range);
}
