/** What the translator writes for JavaScript that Python has no word for, `#await` and its like: names that no author can write. */
import type { Expr } from '../frontend/ast.ts';
import { asValue } from '../frontend/sugar.ts';
import type { Sugared } from '../frontend/sugared.ts';
import { annotation } from '../ir/type-text.ts';
import { optionalOf } from '../ir/types.ts';
import type { MethodContext } from './methods.ts';

export type Form = (context: MethodContext, args: readonly Expr[]) => Sugared;

const isNumber = (kind: string): boolean => kind === 'int' || kind === 'float' || kind === 'number';

export const forms: Readonly<Record<string, Form>> = {
  '#await': ({ sugared, builder, range }, [arg]) => {
    const awaited = sugared(arg);
    if (awaited.kind !== 'value' || awaited.value.type.kind !== 'Future') return awaited;
    return asValue(builder.builtin('aten::wait', [awaited.value], range));
  },
  '#concat': ({ value, builder, range, refuse, hint }, args) => {
    const parts = args.map((arg) => value(arg, hint));
    if (parts.some(({ type }) => type.kind !== 'List')) refuse('only arrays can be spread here');
    if (parts.length === 1) return asValue(builder.builtin('aten::list', parts, range));
    return asValue(parts.reduce((a, b) => builder.builtin('aten::add', [a, b], range)));
  },
  '#number': ({ value, builder, range, refuse }, [arg]) => {
    const given = value(arg);
    const { kind } = given.type;
    if (isNumber(kind)) return asValue(given);
    if (kind === 'bool') return asValue(builder.builtin('aten::Int', [given], range));
    if (kind === 'str') return asValue(builder.builtin('aten::Float', [given], range));
    return refuse(`${annotation(given.type)} is not a number: write x.item() for a tensor's`);
  },
  '#toInt': ({ value, builder, range }, [arg]) => asValue(builder.builtin('aten::Int', [value(arg)], range)),
  '#invert': ({ value, builder, range, refuse }, [arg]) => {
    const given = value(arg);
    if (given.type.kind !== 'Tensor') refuse('~ is for tensors only');
    return asValue(builder.builtin('aten::bitwise_not', [given], range));
  },
  '#max': ({ value, builder, range }, [list]) => asValue(builder.builtin('prim::max', [value(list)], range)),
  '#min': ({ value, builder, range }, [list]) => asValue(builder.builtin('prim::min', [value(list)], range)),
  /** `new Array(n).fill(x)`. */
  '#repeated': ({ value, builder, range }, [list, count]) =>
    asValue(builder.builtin('aten::mul', [value(list), value(count)], range)),
  /** What `for (… of …)` goes through. */
  '#items': ({ sugared }, [list]) => sugared(list),
  '#keys': ({ value, builder, range, refuse }, [object]) => {
    const given = value(object);
    if (given.type.kind !== 'Dict')
      return refuse(
        '`for (… in …)` is for the keys of an object: write `for (const key of d.keys())`, or `for (const [i, x] of xs.entries())`',
      );
    return asValue(builder.builtin('aten::keys', [given], range));
  },
  /** Keys and items in pairs, as forEach gives them: of a Map key and value, of an array index and item. */
  '#eachOf': ({ value, builder, range, enumerate, iterable }, [object]) => {
    const given = value(object);
    if (given.type.kind === 'Dict') return asValue(builder.builtin('aten::items', [given], range));
    return enumerate(iterable(given));
  },
  /** An empty array of another one's type. */
  '#emptyAs': ({ value, builder, range, refuse }, [list]) => {
    const { type } = value(list);
    if (type.kind !== 'List') return refuse(`${annotation(type)} is no array of one type`);
    return asValue(builder.list(type.element, [], range));
  },
  /** null, where an item of the array may be. */
  '#noneOf': ({ value, builder, range, refuse }, [list]) => {
    const { type } = value(list);
    if (type.kind !== 'List') return refuse(`${annotation(type)} is no array of one type`);
    return asValue(builder.constant(null, optionalOf(type.element), range));
  },
  /** An empty array of the type of an array's arrays. */
  '#emptyInside': ({ value, builder, range, refuse }, [lists]) => {
    const { type } = value(lists);
    if (type.kind !== 'List' || type.element.kind !== 'List') return refuse('flat is for an array of arrays');
    return asValue(builder.list(type.element.element, [], range));
  },
  '#extend': ({ value, builder, range }, [list, more]) =>
    asValue(builder.builtin('aten::extend', [value(list), value(more)], range)),
};
