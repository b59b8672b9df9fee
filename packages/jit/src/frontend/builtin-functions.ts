/** What PyTorch defines in TorchScript itself, as more overloads of operators: a number on a tensor's left, text in text. */
import type { Value } from '../ir/graph.ts';
import { BoolT, FloatT, IntT, type JitType, StrT, TensorT } from '../ir/types.ts';
import type { JitArgument, JitSchema } from '../ops/operator.ts';
import { operatorsNamed } from '../ops/registry.ts';
import type { GraphBuilder } from './builder.ts';
import type { Range } from './source.ts';

export interface BuiltinFunction {
  readonly schema: JitSchema;
  /** Puts the body's nodes into the graph. */
  readonly expand: (body: Body, inputs: readonly Value[]) => Value;
}

/** Makes nodes of operators without resolving them, as a copied body has them. */
export class Body {
  constructor(
    private readonly builder: GraphBuilder,
    private readonly range: Range,
  ) {}

  call(name: string, overload: string, inputs: readonly Value[], type: JitType = TensorT): Value {
    const node = this.builder.node(name, inputs, [type], this.range);
    node.operator = operatorsNamed(name).find(({ schema }) => schema.overload === overload);
    return node.output;
  }

  constant(value: unknown, type: JitType): Value {
    return this.builder.constant(value, type, this.range);
  }
}

const argument = (name: string, type: JitType): JitArgument => ({
  name,
  type,
  kwargOnly: false,
  hasDefault: false,
  default: undefined,
});

const define = (
  name: string,
  params: readonly (readonly [string, JitType])[],
  returns: JitType,
  expand: BuiltinFunction['expand'],
): [string, BuiltinFunction] => [
  name,
  {
    schema: {
      name,
      args: params.map(([param, type]) => argument(param, type)),
      returns: [returns],
      returnNames: [''],
      isVararg: false,
      isVarReturn: false,
    },
    expand,
  },
];

/** `1 < x` is `x > 1`. */
const mirrored: readonly (readonly [string, string])[] = [
  ['lt', 'gt'],
  ['gt', 'lt'],
  ['le', 'ge'],
  ['ge', 'le'],
  ['eq', 'eq'],
  ['ne', 'ne'],
];

/** For a number of this type on the left. */
const withNumber = (number: JitType): [string, BuiltinFunction][] => {
  const params = [
    ['a', number],
    ['b', TensorT],
  ] as const;
  return [
    define('aten::mul', params, TensorT, (body, [a, b]) => body.call('aten::mul', 'Scalar', [b, a])),
    define('aten::add', params, TensorT, (body, [a, b]) => {
      const one = body.constant(1, IntT);
      return body.call('aten::add', 'Scalar', [b, a, one]);
    }),
    define('aten::sub', params, TensorT, (body, [a, b]) => {
      const one = body.constant(1, IntT);
      return body.call('aten::add', 'Scalar', [body.call('aten::neg', '', [b]), a, one]);
    }),
    define('aten::div', params, TensorT, (body, [a, b]) =>
      body.call('aten::mul', 'Scalar', [body.call('aten::reciprocal', '', [b]), a]),
    ),
    ...mirrored.map(([name, swapped]) =>
      define(`aten::${name}`, params, TensorT, (body, [a, b]) =>
        body.call(`aten::${swapped}`, 'Scalar', [b, a]),
      ),
    ),
  ];
};

const all: readonly [string, BuiltinFunction][] = [
  ...withNumber(FloatT),
  ...withNumber(IntT),
  ...withNumber({ kind: 'number' }),
  ...[FloatT, IntT, TensorT].map((right) =>
    define(
      'aten::floordiv',
      [
        ['a', TensorT],
        ['b', right],
      ],
      TensorT,
      (body, inputs) => body.call('aten::floor_divide', right.kind === 'Tensor' ? '' : 'Scalar', inputs),
    ),
  ),
  define(
    'aten::__contains__',
    [
      ['self', StrT],
      ['key', StrT],
    ],
    BoolT,
    (body, [self, key]) => {
      const start = body.constant(0, IntT);
      const missing = body.constant(-1, IntT);
      const length = body.call('aten::len', 'str', [self], IntT);
      const at = body.call('aten::find', '', [self, key, start, length], IntT);
      return body.call('aten::ne', 'int', [at, missing], BoolT);
    },
  ),
];

let table: Map<string, BuiltinFunction[]> | undefined;

export function builtinFunctions(name: string): readonly BuiltinFunction[] {
  if (!table) {
    table = new Map();
    for (const [key, entry] of all) table.set(key, [...(table.get(key) ?? []), entry]);
  }
  return table.get(name) ?? [];
}
