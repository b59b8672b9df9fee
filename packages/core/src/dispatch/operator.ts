/** An operator: one schema, its meaning, its derivative. Everything else about it follows from the schema. */
import type { Recipe } from '../autograd/operator_node.ts';
import type { Backend, OpKernel } from '../backend/backend.ts';
import { TorchError } from '../errors.ts';
import type { X } from '../expr/build.ts';
import { Elementwise, type ElementwiseOptions } from '../kernel/elementwise.ts';
import type { Epilogue } from '../kernel/epilogue.ts';
import { lazySchema, type Schema, writesArgument } from '../schema/schema.ts';
import type { Type } from '../schema/type.ts';
import type { Layout } from '../tensor/layout.ts';
import { isScalar, type Scalar } from '../tensor/promotion.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type Signature, signatureOf } from './signature.ts';
import type { ArgsOf } from './types.ts';

export type Args = Record<string, unknown>;

/** What a derivative formula may ask for by name, beside the operator's arguments. */
export interface Saved {
  /** Gradient of the (first) output; never null in a formula that asks for it. */
  grad: Tensor;
  /** Gradients of all outputs; null where an output was not used. */
  grads: readonly (Tensor | null)[];
  /** The (first) output. */
  result: Tensor;
  results: readonly Tensor[];
  /** Which arguments want a gradient. */
  needs: Readonly<Record<string, boolean>>;
}

type Formula<S extends string> = (
  saved: ArgsOf<S> & Saved,
) => Tensor | null | undefined | readonly (Tensor | null)[];

/**
 * Formulas by the argument whose gradient they give (a list for a list of tensors). What a formula destructures from
 * its argument is what is saved for it, so name just what you use. Broadcasting and dtype are undone for you.
 * `none`: the result never wants a gradient.
 */
export type Gradient<S extends string> =
  | { readonly [K in keyof ArgsOf<S>]?: Formula<S> }
  | ((saved: ArgsOf<S> & Saved) => {
      readonly [K in keyof ArgsOf<S>]?: Tensor | null | undefined | readonly (Tensor | null)[];
    })
  | 'none';

interface Common<S extends string> {
  readonly grad?: Gradient<S>;
  /** The node's name where it is not the operator's, `Backward0` appended: `MulBackward0`. */
  readonly gradName?: string;
  /** Also defines the in-place form, `relu_`; a string gives the overload its in-place form has where it differs. */
  readonly inplace?: boolean;
}

export interface Definition<S extends string> extends Common<S> {
  /** The meaning: kernels, or a composition of other operators. */
  readonly define: (args: ArgsOf<S>) => unknown;
  /**
   * The same with an epilogue applied to each element before it is written, as one kernel; records nothing. Undefined
   * for a call where that cannot be. See `fuse`.
   */
  readonly finish?: (args: ArgsOf<S>, epilogue: Epilogue) => Tensor | undefined;
  /**
   * What it launches, and what it gives to operators that a backend runs itself, follows from dtypes, layouts and arguments that
   * are no tensors: never from values, nor from a setting other than how accurate convolutions are. So a program that makes the
   * call again need not run the definition again; see `repeat/launches.ts`.
   */
  readonly followsLayouts?: boolean;
}

export interface ViewDefinition<S extends string> {
  readonly grad?: Gradient<S>;
  readonly gradName?: string;
  /** The layouts of the views of `self`: one, or a list for an operator that returns a list. */
  readonly view: (args: ArgsOf<S>) => Layout | readonly Layout[];
}

/** Tensors and Scalars of the schema as expressions, absent optional ones as null; all other arguments as they are. */
export type Operands<A> = {
  readonly [K in keyof A]: A[K] extends Tensor
    ? X
    : A[K] extends Tensor | null
      ? X | null
      : Scalar extends A[K]
        ? null extends A[K]
          ? X | null
          : X
        : A[K];
};

export interface PointwiseDefinition<S extends string> extends Common<S>, ElementwiseOptions {
  /** The meaning for one element. Its derivative follows, unless `grad` gives a better one. */
  readonly math: (args: Operands<ArgsOf<S>>) => X;
}

export type GradientFormula = (saved: Record<string, unknown>) => unknown;

type Finish = (args: Args, epilogue: Epilogue) => Tensor | undefined;

/** Counts what users gave and took back for single backends: after that a call may be another thing than it was. */
export const given = { changes: 0 };

/** How an operator is run; see `dispatch/call.ts`. */
export type Meaning =
  | { readonly kind: 'pointwise'; readonly elementwise: (args: readonly unknown[]) => Elementwise }
  | {
      readonly kind: 'define';
      readonly define: (args: Args) => unknown;
      readonly finish?: Finish;
      readonly followsLayouts?: boolean;
    }
  | { readonly kind: 'view'; readonly view: (args: Args) => Layout | readonly Layout[] }
  | { readonly kind: 'inplace'; readonly functional: Operator }
  | { readonly kind: 'mutate'; readonly define: (args: Args) => unknown };

/** Names of the arguments, and which positions hold what. */
interface Places {
  readonly names: readonly string[];
  readonly tensors: readonly number[];
  readonly lists: readonly number[];
  readonly scalars: readonly number[];
}

function placesOf({ args }: Schema): Places {
  const positions = (test: (t: Type) => boolean): number[] =>
    args.flatMap((a, i) => (test(a.type) ? [i] : []));
  return {
    names: args.map((a) => a.name),
    tensors: positions(isTensorType),
    lists: positions(isListOfTensors),
    scalars: positions((t) => stripOptional(t).kind === 'Scalar'),
  };
}

export class Operator {
  /** The schema's, at hand. */
  readonly base: string;
  /** By argument name; null where the parts' own derivatives serve. */
  readonly gradients: Record<string, GradientFormula> | null;
  readonly gradientOfAll: GradientFormula | null;
  readonly isDifferentiable: boolean;
  /** How its graph nodes work, by which arguments want a gradient; see `autograd/operator_node.ts`. */
  readonly recipes: Map<number, Recipe> = new Map();
  /** Kernels that users gave for single backends, by the backend's name or its device type; null where there are none. */
  implementations: Map<string, (...args: never[]) => unknown> | null = null;
  private asked: Backend | undefined;
  private override: OpKernel | undefined;
  private bound: Signature | undefined;
  private found: Places | undefined;

  constructor(
    readonly schema: Schema,
    readonly meaning: Meaning,
    grad: Gradient<string> | undefined,
    private nodeName: string | undefined,
  ) {
    this.base = schema.base;
    this.isDifferentiable = grad !== 'none';
    this.gradientOfAll = typeof grad === 'function' ? (grad as GradientFormula) : null;
    this.gradients =
      grad !== undefined && typeof grad === 'object' ? (grad as Record<string, GradientFormula>) : null;
  }

  /** What its graph nodes are called: `AddBackward0`. */
  get gradName(): string {
    return (this.nodeName ??= `${camelCase(this.base)}Backward0`);
  }

  private get places(): Places {
    return (this.found ??= placesOf(this.schema));
  }

  get argNames(): readonly string[] {
    return this.places.names;
  }

  /** Positions of arguments that may hold tensors: single ones, and lists. */
  get tensorArgs(): readonly number[] {
    return this.places.tensors;
  }

  get listArgs(): readonly number[] {
    return this.places.lists;
  }

  get scalarArgs(): readonly number[] {
    return this.places.scalars;
  }

  /** How arguments are bound to it. */
  get signature(): Signature {
    return (this.bound ??= signatureOf(this.schema));
  }

  /** Whether this operator has a derivative of its own, rather than its parts'. */
  get hasGradient(): boolean {
    return this.gradients !== null || this.gradientOfAll !== null;
  }

  /** The backend's own kernel for this operator, asked for once. */
  overrideOn(backend: Backend): OpKernel | undefined {
    if (this.asked !== backend) {
      this.asked = backend;
      this.override = backend.op?.(this.schema);
    }
    return this.override;
  }

  /** Arguments by name. */
  named(args: readonly unknown[]): Args {
    const out: Args = {};
    const names = this.argNames;
    for (let i = 0; i < names.length; i++) out[names[i]] = args[i];
    return out;
  }

  toString(): string {
    return this.schema.name;
  }
}

const stripOptional = (t: Type): Type => (t.kind === 'Optional' ? t.element : t);
const isTensorType = (t: Type): boolean => stripOptional(t).kind === 'Tensor';
const isListOfTensors = (t: Type): boolean => {
  const list = stripOptional(t);
  return list.kind === 'List' && isTensorType(list.element);
};

/** `native_layer_norm` → `NativeLayerNorm`, as PyTorch names graph nodes. */
const camelCase = (name: string): string =>
  name
    .replace(/^_+|_+$/g, '')
    .split('_')
    .map((part) => part && part[0].toUpperCase() + part.slice(1))
    .join('')
    .replace(/(\d)([a-z])/g, (_, d: string, c: string) => d + c.toUpperCase());

/** An operator by its schema, its definition, and its derivative where that cannot be worked out by itself. */
export function op<const S extends string>(text: S, definition: Definition<S>): Operator[] {
  const schema = lazySchema(text);
  const meaning = {
    kind: writesArgument(schema) ? 'mutate' : 'define',
    define: definition.define as (args: Args) => unknown,
    ...(definition.finish && { finish: definition.finish as Finish }),
    followsLayouts: definition.followsLayouts,
  } as const;
  return withInplace(
    new Operator(schema, meaning, definition.grad as Gradient<string>, definition.gradName),
    definition.inplace,
  );
}

/** An operator that returns views of its first argument. */
export function view<const S extends string>(text: S, definition: ViewDefinition<S>): Operator[] {
  const meaning = { kind: 'view', view: definition.view as (args: Args) => Layout } as const;
  return [new Operator(lazySchema(text), meaning, definition.grad as Gradient<string>, definition.gradName)];
}

/** Which arguments of a pointwise operator are operands, which of those are tensors, and which say what is computed. */
interface Kinds {
  readonly isOperand: readonly boolean[];
  readonly isTensor: readonly boolean[];
  readonly literals: readonly number[];
}

function kindsOf({ args }: Schema): Kinds {
  const isOperand = args.map((a) => ['Tensor', 'Scalar'].includes(stripOptional(a.type).kind));
  return {
    isOperand,
    isTensor: args.map((a) => stripOptional(a.type).kind === 'Tensor'),
    literals: args.flatMap((a, i) => (!isOperand[i] || a.type.kind === 'Optional' ? [i] : [])),
  };
}

/** An operator whose meaning is a scalar formula, applied to each element of its broadcast operands. */
export function pointwise<const S extends string>(text: S, definition: PointwiseDefinition<S>): Operator[] {
  const schema = lazySchema(text);
  const { math, promote, promotes, result } = definition;
  const known = new Map<string, Elementwise>();
  let kinds: Kinds | undefined;
  let only: Elementwise | undefined;
  const make = (args: readonly unknown[], { isOperand, isTensor }: Kinds): Elementwise => {
    const present = schema.args.map((_, i) => args[i] !== null && args[i] !== undefined);
    const fixed = [...args];
    return new Elementwise(
      (...operands) => {
        const named: Args = {};
        let next = 0;
        for (const wantTensors of [true, false])
          schema.args.forEach(({ name }, i) => {
            if (isOperand[i] && isTensor[i] === wantTensors)
              named[name] = present[i] ? operands[next++] : null;
          });
        schema.args.forEach(({ name }, i) => {
          if (!isOperand[i]) named[name] = fixed[i];
        });
        return math(named as Operands<ArgsOf<S>>);
      },
      { promote, promotes, result },
    );
  };
  const elementwise = (args: readonly unknown[]): Elementwise => {
    if (only) return only;
    kinds ??= kindsOf(schema);
    const { isOperand, literals } = kinds;
    if (literals.length === 0) return (only = make(args, kinds));
    let key = '';
    for (const i of literals)
      key += isOperand[i] ? (args[i] == null ? '0;' : '1;') : `${JSON.stringify(args[i])};`;
    let found = known.get(key);
    if (!found) known.set(key, (found = make(args, kinds)));
    return found;
  };
  const operator = new Operator(
    schema,
    { kind: 'pointwise', elementwise },
    definition.grad as Gradient<string>,
    definition.gradName,
  );
  return withInplace(operator, definition.inplace);
}

function withInplace(functional: Operator, wanted: boolean | undefined): Operator[] {
  if (!wanted) return [functional];
  const { schema } = functional;
  const overload = schema.overload && `.${schema.overload}`;
  const text = schema.text
    .replace(
      /^(\w+::)?\w+(\.\w+)?\(Tensor /,
      (_, ns: string | undefined) => `${ns ?? ''}${schema.base}_${overload}(Tensor(a!) `,
    )
    .replace(/-> Tensor$/, '-> Tensor(a!)');
  const inplace = new Operator(
    lazySchema(text),
    { kind: 'inplace', functional },
    undefined,
    functional.gradName,
  );
  return [functional, inplace];
}

const none: readonly never[] = [];

/** The tensors among an operator's arguments, lists flattened, absent ones left out. */
export function tensorsIn({ tensorArgs, listArgs }: Operator, args: readonly unknown[]): readonly Tensor[] {
  // Nearly all calls: an array of just the right size.
  if (listArgs.length === 0 && tensorArgs.length <= 3) {
    const first = args[tensorArgs[0]];
    const second = tensorArgs.length > 1 ? args[tensorArgs[1]] : null;
    const third = tensorArgs.length > 2 ? args[tensorArgs[2]] : null;
    if (first instanceof Tensor && !(third instanceof Tensor))
      return second instanceof Tensor ? [first, second] : [first];
    if (first instanceof Tensor && second instanceof Tensor && third instanceof Tensor)
      return [first, second, third];
  }
  const out: Tensor[] = [];
  for (let k = 0; k < tensorArgs.length; k++) {
    const t = args[tensorArgs[k]];
    if (t instanceof Tensor) out.push(t);
  }
  for (let k = 0; k < listArgs.length; k++)
    for (const t of (args[listArgs[k]] as (Tensor | null)[] | null) ?? none)
      if (t instanceof Tensor) out.push(t);
  return out;
}

/** The present Scalars among an operator's arguments. */
export function scalarsIn({ scalarArgs }: Operator, args: readonly unknown[]): readonly Scalar[] {
  if (scalarArgs.length === 0) return none;
  const first = args[scalarArgs[0]];
  if (scalarArgs.length === 1) return isScalar(first) ? [first] : none;
  const out: Scalar[] = [];
  for (let k = 0; k < scalarArgs.length; k++) {
    const s = args[scalarArgs[k]];
    if (isScalar(s)) out.push(s);
  }
  return out;
}

const operators = new Map<string, Operator>();
const packets = new Map<string, Operator[]>();

/** Makes operators known. Throws for a schema name that is there already. */
export function register(list: readonly Operator[]): void {
  for (const operator of list) {
    const { name, namespace, base } = operator.schema;
    if (operators.has(name)) throw new TorchError(`operator ${name} is defined twice`);
    operators.set(name, operator);
    const packet = packets.get(`${namespace}::${base}`);
    if (packet) packet.push(operator);
    else packets.set(`${namespace}::${base}`, [operator]);
  }
}

/** Forgets an operator; a program that was compiled with it keeps it. */
export function unregister(operator: Operator): void {
  const { name, namespace, base } = operator.schema;
  if (operators.get(name) !== operator) return;
  operators.delete(name);
  const packet = packets.get(`${namespace}::${base}`)!;
  packet.splice(packet.indexOf(operator), 1);
  if (packet.length === 0) packets.delete(`${namespace}::${base}`);
}

/** All overloads of `aten::add`, in the order of definition; empty where there is none. */
export const findOperators = (name: string): readonly Operator[] => packets.get(name) ?? [];
/** The operator of this full name, `aten::add.Tensor`. */
export const findOperator = (name: string): Operator | undefined => operators.get(name);
export const allOperators = (): Operator[] => [...operators.values()];
export const packetNames = (): string[] => [...packets.keys()];

/** A schema text whose name is computed: `named('exp', '(Tensor self) -> Tensor')`; the compiler still reads the rest. */
export const named = <const S extends string>(name: string, rest: S): `name${S}` =>
  `${name}${rest}` as `name${S}`;
