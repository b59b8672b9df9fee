/** What methods of JavaScript's arrays, Maps and strings are in TorchScript. */
import type { Expr } from '../frontend/ast.ts';
import type { GraphBuilder } from '../frontend/builder.ts';
import type { Range } from '../frontend/source.ts';
import { asValue } from '../frontend/sugar.ts';
import type { Sugared } from '../frontend/sugared.ts';
import type { Value } from '../ir/graph.ts';
import { graphText } from '../ir/type-text.ts';
import { IntT, type JitType } from '../ir/types.ts';

/** What a method is compiled with. */
export interface MethodContext {
  readonly builder: GraphBuilder;
  readonly range: Range;
  readonly hint?: JitType;
  value(expr: Expr, hint?: JitType): Value;
  sugared(expr: Expr): Sugared;
  /** One of two values, of which only that is computed. */
  choose(test: Value, yes: () => Value, no: () => Value): Value;
  index(object: Value, items: readonly Expr[]): Value;
  /** The items with their numbers before them. */
  enumerate(iterable: Sugared): Sugared;
  iterable(value: Value): Sugared;
  /** What a container of modules holds. */
  modules(value: Value): readonly (readonly [name: string, module: Sugared])[];
  hold(value: Value): Expr;
  refuse(why: string): never;
}

export type Method = (context: MethodContext, self: Value, args: readonly Expr[]) => Sugared;

/** An operator that takes the receiver and the arguments; `from` and `to` say how many of these. */
const operator =
  (name: string, from: number, to = from): Method =>
  (context, self, args) => {
    if (args.length < from || args.length > to)
      context.refuse(
        `it takes ${from === to ? from : `${from} to ${to}`} argument(s) here and has ${args.length}`,
      );
    const element = self.type.kind === 'List' ? self.type.element : undefined;
    const values = args.map((arg) => context.value(arg, element));
    return asValue(context.builder.builtin(name, [self, ...values], context.range));
  };

/** `xs.slice(1, 3)`: from the one to before the other, both from the end where negative, as in Python. */
const slice: Method = ({ builder, range, value, refuse }, self, args) => {
  if (args.length > 2) refuse('slice takes a start and an end');
  const [start, end] = [0, 1].map((i) => (args[i] ? value(args[i]) : builder.none(range)));
  return asValue(
    builder.callBuiltin(
      'aten::slice',
      [self, start, end].map((v) => ({ value: v, range })),
      [{ name: 'step', value: builder.constant(1, IntT, range), range }],
      undefined,
      range,
    ),
  );
};

const includes: Method = ({ builder, range, value }, self, args) =>
  asValue(builder.builtin('aten::__contains__', [self, value(args[0])], range));

const at: Method = ({ builder, range, value }, self, args) =>
  asValue(builder.builtin('aten::__getitem__', [self, value(args[0])], range));

const sorted =
  (inPlace: boolean): Method =>
  ({ builder, range, value, refuse }, self, args) => {
    if (args.length !== 1 || args[0].kind !== 'constant')
      refuse('sort without an order sorts by text in JavaScript: write xs.sort((a, b) => a - b)');
    if (inPlace) {
      builder.statement('aten::sort', [self, value(args[0])], range);
      return asValue(self);
    }
    const copy = builder.builtin('aten::list', [self], range);
    builder.builtin('aten::sort', [copy, value(args[0])], range);
    return asValue(copy);
  };

function padded(
  name: string,
  { builder, range, value, refuse }: MethodContext,
  self: Value,
  args: readonly Expr[],
): Sugared {
  if (args.length < 1 || args.length > 2) refuse('it takes a length and what to fill with');
  const fill = args[1] ? value(args[1]) : builder.string(' ', range);
  return asValue(builder.builtin(name, [self, value(args[0]), fill], range));
}

export const arrayMethods: Readonly<Record<string, Method>> = {
  push: (context, self, args) => {
    if (args.length === 0) context.refuse('push takes at least one value');
    const element = self.type.kind === 'List' ? self.type.element : undefined;
    let last: Value | undefined;
    for (const arg of args) {
      const item = context.value(arg, element);
      if (element?.kind === 'Tensor' && item.type.kind !== 'Tensor')
        context.refuse(
          `this array is of tensors, as an empty one is that says nothing else: write jit.annotate('${graphText(item.type)}[]', []) where it is made`,
        );
      last = context.builder.builtin('aten::append', [self, item], context.range);
    }
    return asValue(last!);
  },
  pop: (context, self, args) => {
    if (args.length > 0) context.refuse('pop takes no argument in JavaScript');
    return asValue(context.builder.builtin('aten::pop', [self], context.range));
  },
  shift: ({ builder, range }, self) =>
    asValue(builder.builtin('aten::pop', [self, builder.constant(0, IntT, range)], range)),
  unshift: ({ builder, range, value }, self, args) =>
    asValue(builder.builtin('aten::insert', [self, builder.constant(0, IntT, range), value(args[0])], range)),
  at,
  slice,
  concat: operator('aten::add', 1),
  includes,
  reverse: ({ builder, range }, self) => {
    builder.statement('aten::reverse', [self], range);
    return asValue(self);
  },
  toReversed: ({ builder, range }, self) => {
    const copy = builder.builtin('aten::list', [self], range);
    builder.statement('aten::reverse', [copy], range);
    return asValue(copy);
  },
  // Python's index raises where there is none.
  indexOf: ({ builder, range, value, choose }, self, args) => {
    const item = value(args[0]);
    return asValue(
      choose(
        builder.builtin('aten::__contains__', [self, item], range),
        () => builder.builtin('aten::index', [self, item], range),
        () => builder.constant(-1, IntT, range),
      ),
    );
  },
  '#sort': sorted(true),
  '#toSorted': sorted(false),
  sort: sorted(true),
  toSorted: sorted(false),
  join: ({ builder, range, value, refuse }, self, args) => {
    if (self.type.kind !== 'List' || self.type.element.kind !== 'str')
      refuse('join is for an array of strings');
    const separator = args[0] ? value(args[0]) : builder.string(',', range);
    return asValue(builder.builtin('aten::join', [separator, self], range));
  },
  entries: ({ enumerate, iterable }, self) => enumerate(iterable(self)),
  values: ({ iterable }, self) => iterable(self),
  keys: ({ refuse }) => refuse('write for (let i = 0; i < xs.length; i++)'),
};

const tuple = (items: readonly Sugared[]): Sugared => ({ kind: 'tuple', items });

/** Of an `nn.ModuleDict`, under PyTorch's names; a loop over any of them is unrolled. */
export const moduleDictMethods: Readonly<Record<string, Method>> = {
  keys: ({ iterable }, self) => iterable(self),
  values: ({ modules }, self) => tuple(modules(self).map(([, module]) => module)),
  items: ({ builder, range, modules }, self) =>
    tuple(modules(self).map(([name, module]) => tuple([asValue(builder.string(name, range)), module]))),
};

/** Of whole numbers only: a float's text is JavaScript's own. */
export const intMethods: Readonly<Record<string, Method>> = { toString: operator('aten::str', 0) };

export const mapMethods: Readonly<Record<string, Method>> = {
  get: operator('aten::get', 1),
  set: (context, self, args) => {
    const { type } = self;
    const given = args.map((arg, i) =>
      context.value(arg, type.kind === 'Dict' ? (i === 0 ? type.key : type.value) : undefined),
    );
    if (type.kind === 'Dict' && type.value.kind === 'Tensor' && given[1] && given[1].type.kind !== 'Tensor')
      context.refuse(
        `this Map is of strings and tensors, as an empty one is that says nothing else: write jit.annotate('Dict(${graphText(given[0].type)}, ${graphText(given[1].type)})', new Map()) where it is made`,
      );
    return asValue(context.builder.builtin('aten::_set_item', [self, ...given], context.range));
  },
  has: includes,
  delete: operator('aten::Delete', 1),
  clear: operator('aten::clear', 0),
  keys: operator('aten::keys', 0),
  values: operator('aten::values', 0),
  entries: operator('aten::items', 0),
};

export const stringMethods: Readonly<Record<string, Method>> = {
  toUpperCase: operator('aten::upper', 0),
  toLowerCase: operator('aten::lower', 0),
  trim: operator('aten::strip', 0),
  trimStart: operator('aten::lstrip', 0),
  trimEnd: operator('aten::rstrip', 0),
  startsWith: operator('aten::startswith', 1),
  endsWith: operator('aten::endswith', 1),
  includes,
  indexOf: operator('aten::find', 1),
  charAt: at,
  padStart: (context, self, args) => padded('aten::rjust', context, self, args),
  padEnd: (context, self, args) => padded('aten::ljust', context, self, args),
  // Only the first, as JavaScript's replace of a string.
  replace: ({ builder, range, value, refuse }, self, args) => {
    if (args.length !== 2) refuse('replace takes a string and what stands for it');
    const given = [self, value(args[0]), value(args[1]), builder.constant(1, IntT, range)];
    return asValue(builder.builtin('aten::replace', given, range));
  },
  charCodeAt: (context, self, args) => {
    const { builder, range } = context;
    const index = args[0] ? context.value(args[0]) : builder.constant(0, IntT, range);
    return asValue(
      builder.builtin('aten::ord', [builder.builtin('aten::__getitem__', [self, index], range)], range),
    );
  },
  toString: ((_context, self) => asValue(self)) satisfies Method,
  lastIndexOf: operator('aten::rfind', 1),
  split: operator('aten::split', 1),
  replaceAll: operator('aten::replace', 2),
  slice,
  at,
  // Strings are not multiplied, lists are.
  repeat: ({ builder, range, value, refuse }, self, args) => {
    if (args.length !== 1) refuse('repeat takes a count');
    const copies = builder.builtin('aten::mul', [builder.list(self.type, [self]), value(args[0])], range);
    return asValue(builder.builtin('aten::join', [builder.string('', range), copies], range));
  },
  concat: operator('aten::add', 1),
  // How a template is put together.
  format: ({ builder, range, value }, self, args) => {
    // `true`, which Python writes True.
    const spelled = (given: Value): Value =>
      given.type.kind === 'bool'
        ? builder.builtin('aten::lower', [builder.builtin('aten::str', [given], range)], range)
        : given;
    return asValue(builder.builtin('aten::format', [self, ...args.map((arg) => spelled(value(arg)))], range));
  },
};
