/** Fused operators: several that follow one another as one, and where it can be as one kernel. */
import { is_grad_enabled } from '../autograd/mode.ts';
import type { Backend, View } from '../backend/backend.ts';
import { TorchError } from '../errors.ts';
import { X } from '../expr/build.ts';
import { Form } from '../expr/compose.ts';
import { substitute } from '../expr/differentiate.ts';
import { computeType, type Expr } from '../expr/expr.ts';
import { Chain, deferred, defersFrom, isOneKernel, leafOf } from '../kernel/chain.ts';
import { compileForm } from '../kernel/compile.ts';
import { expandTo, scalarArguments } from '../kernel/elementwise.ts';
import { parseSchema } from '../schema/schema.ts';
import { alias, emptyStrided } from '../tensor/create.ts';
import { type DType, dtypes } from '../tensor/dtype.ts';
import { broadcastShapes, numelOf, outputStrides, type Shape, sameShape } from '../tensor/layout.ts';
import { can_cast, type Scalar } from '../tensor/promotion.ts';
import { hasQuantizer } from '../tensor/quantized.ts';
import { Tensor } from '../tensor/tensor.ts';
import { callOperator } from './call.ts';
import { findOperator, Operator } from './operator.ts';

/** What a step takes: an input of the fused operator, the result of an earlier step, or a value known when it was made. */
export type Operand =
  | { readonly input: number }
  | { readonly step: number }
  | { readonly literal: unknown }
  /** A tensor without dims whose one value is known; as an operand of a formula it is a constant. */
  | { readonly constant: Tensor; readonly value: number | bigint };

/** One operator of the sequence, its operands in schema order. */
export interface Step {
  readonly operator: Operator;
  readonly args: readonly Operand[];
}

/** Operators whose kernels take an epilogue call these; a backend that takes one of them over runs its own. */
const products = [
  'convolution', '_convolution', 'conv1d', 'conv2d', 'conv3d', 'linear', 'addmm', 'mm', 'matmul',
].map((name) => `aten::${name}`); // biome-ignore format: a list

const takesProducts = new WeakMap<Backend, boolean>();

function hasOwnProducts(backend: Backend): boolean {
  let known = takesProducts.get(backend);
  if (known === undefined) {
    known = products.some((name) => findOperator(name)!.overrideOn(backend) !== undefined);
    takesProducts.set(backend, known);
  }
  return known;
}

/** A kernel's expression over the values that arrive, for operands of certain dtypes; null where it is not one kernel. */
interface Variant {
  readonly form: Form;
  readonly dtype: DType;
  /** The layouts of the last call, and the result's: graphs see the same sizes again and again. */
  shapes: readonly Shape[];
  strides: readonly Shape[];
  shape: Shape;
  outStrides: Shape;
}

/** dtype and shape, which is all that a formula's typing looks at. */
type Typed = Pick<Tensor, 'dtype' | 'shape'>;

/** A pointwise operator, or the one that an in-place operator does; of that the result has its first operand's dtype and shape. */
const formulaOf = ({
  meaning,
}: Operator): { elementwise: MakesElementwise; inplace: boolean } | undefined => {
  if (meaning.kind === 'pointwise') return { elementwise: meaning.elementwise, inplace: false };
  if (meaning.kind !== 'inplace' || meaning.functional.meaning.kind !== 'pointwise') return undefined;
  return { elementwise: meaning.functional.meaning.elementwise, inplace: true };
};

type MakesElementwise = Extract<Operator['meaning'], { kind: 'pointwise' }>['elementwise'];

/** Pointwise steps as one expression. Their inputs are the fused operator's, or the result of the product before them. */
class PointwiseChain {
  private readonly variants = new Map<number, Variant | null>();

  constructor(
    private readonly steps: readonly Step[],
    /** What stands in place of input 0 is step `first - 1`. */
    private readonly first: number,
  ) {}

  variantOf(tensors: readonly Typed[], backend: Backend): Variant | null {
    let key = 1;
    for (let i = 0; i < tensors.length; i++)
      key = key * 32 + dtypes[tensors[i].dtype].code * 2 + (tensors[i].shape.length === 0 ? 1 : 0);
    let variant = this.variants.get(key);
    if (variant === undefined) this.variants.set(key, (variant = this.makeVariant(tensors, backend)));
    return variant;
  }

  /** What stands for an operand: an input, what an earlier step of the chain gave, or a constant itself. */
  private standing<T>(o: Operand, inputs: readonly T[], results: readonly T[]): T | Tensor {
    if ('input' in o) return inputs[o.input];
    if ('step' in o) return o.step < this.first ? inputs[0] : results[o.step - this.first];
    return (o as { constant: Tensor }).constant;
  }

  private makeVariant(tensors: readonly Typed[], backend: Backend): Variant | null {
    const types: Typed[] = [];
    const exprs: Expr[] = [];
    const { steps, first } = this;
    const exprOf = (o: Operand, dtype: DType): Expr => {
      if ('input' in o) return { op: 'input', index: o.input, dtype };
      if ('step' in o) return o.step < first ? { op: 'input', index: 0, dtype } : exprs[o.step - first];
      const { value } = o as { value: number | bigint };
      return X.const(value, computeType(dtype)).cast(dtype).expr;
    };
    for (const step of steps) {
      const { operator, args } = step;
      const { elementwise, inplace } = formulaOf(operator)!;
      const operands = operandsOf(step);
      const scalars = operator.scalarArgs
        .map((i) => (args[i] as { literal: Scalar | null }).literal)
        .filter((s) => s !== null);
      const fixed = args.map((o) => ('literal' in o ? o.literal : true));
      const own = operands.map((o) => this.standing(o, tensors, types));
      const plan = elementwise(fixed).plan(own as Tensor[], scalars, inplace ? own[0].dtype : undefined);
      if (plan.dtypes.length !== 1) return null;
      // Refused when it runs alone.
      if (inplace && !can_cast(plan.natural, own[0].dtype)) return null;
      const numbers = scalarArguments(scalars, plan.kinds);
      exprs.push(
        substitute(plan.exprs[0], {
          input: (index, dtype) => exprOf(operands[index], dtype),
          scalar: (index, dtype) => X.const(numbers[index], dtype).expr,
        }),
      );
      const isZeroDim = own.every((t) => t.shape.length === 0);
      types.push({ dtype: plan.dtypes[0], shape: isZeroDim ? [] : [1] });
    }
    const form = new Form([exprs[exprs.length - 1]], tensors.length, []);
    const room = backend.capabilities.maxBindings - 1;
    if (form.canFault || form.hasCoord) return null;
    if (!isOneKernel(form, { leaves: tensors, numbers: [] }, room)) return null;
    return {
      form,
      dtype: types[types.length - 1].dtype,
      shapes: [],
      strides: [],
      shape: [],
      outStrides: [],
    };
  }

  /** Works out the result's shape and strides, as step after step would give them. */
  lay(variant: Variant, tensors: readonly Tensor[]): void {
    const { shapes, strides } = variant;
    let same = shapes.length === tensors.length;
    for (let i = 0; same && i < tensors.length; i++)
      same = sameShape(tensors[i].shape, shapes[i]) && sameShape(tensors[i].strides, strides[i]);
    if (same) return;
    const results: { shape: Shape; strides: Shape; offset: number }[] = [];
    for (const step of this.steps) {
      const operands = operandsOf(step).map((o) => this.standing(o, tensors, results));
      let shape: Shape = operands[0].shape;
      for (let i = 1; i < operands.length; i++) shape = broadcastShapes(shape, operands[i].shape);
      if (formulaOf(step.operator)!.inplace && !sameShape(shape, operands[0].shape))
        throw new TorchError('too large');
      results.push({ shape, strides: outputStrides(shape, operands), offset: 0 });
    }
    const last = results[results.length - 1];
    variant.shape = last.shape;
    variant.outStrides = last.strides;
    variant.shapes = tensors.map((t) => t.shape);
    variant.strides = tensors.map((t) => t.strides);
  }
}

const isNone = (o: Operand): boolean => 'literal' in o && o.literal === null;

/** The step's tensors, without those that are None. */
const operandsOf = ({ operator, args }: Step): Operand[] =>
  operator.tensorArgs.map((i) => args[i]).filter((o) => !isNone(o));

/** Runs a sequence of operators: a product or none, pointwise ones, a reduction or none. */
class Fusion {
  private readonly body: PointwiseChain;
  private readonly head: Step | undefined;
  private readonly tail: Step | undefined;
  /** Positions of the inputs that the pointwise steps read; those of the product are its own. */
  private readonly read: readonly number[];
  private asked: Backend | undefined;
  private own = false;

  constructor(readonly steps: readonly Step[]) {
    const isPointwise = (s: Step): boolean => formulaOf(s.operator) !== undefined;
    const start = isPointwise(steps[0]) ? 0 : 1;
    const end = isPointwise(steps[steps.length - 1]) ? steps.length : steps.length - 1;
    this.head = start === 1 ? steps[0] : undefined;
    this.tail = end < steps.length ? steps[steps.length - 1] : undefined;
    const middle = steps.slice(start, end);
    const read = [
      ...new Set(middle.flatMap((s) => s.args.flatMap((o) => ('input' in o ? [o.input] : [])))),
    ].sort((a, b) => a - b);
    this.read = read;
    // The chain's own input 0 is the product's result, where there is one.
    const renumbered = middle.map(({ operator, args }) => ({
      operator,
      args: args.map((o): Operand => ('input' in o ? { input: start + read.indexOf(o.input) } : o)),
    }));
    this.body = new PointwiseChain(renumbered, start);
  }

  call(inputs: readonly Tensor[]): unknown {
    const { backend } = inputs[0].storage;
    for (let i = 0; i < inputs.length; i++) {
      if (is_grad_enabled() && inputs[i].requires_grad) return this.apart(inputs);
      if (hasQuantizer(inputs[i])) return this.apart(inputs);
      if (inputs[i].storage.backend !== backend) return this.apart(inputs);
    }
    try {
      return this.together(inputs, backend) ?? this.apart(inputs);
    } catch (error) {
      // Operands that do not fit are reported by the operator that met them.
      this.apart(inputs);
      throw error;
    }
  }

  /** Operator after operator, as it was written; the first one's result may be there already. */
  private apart(inputs: readonly Tensor[], ...results: unknown[]): unknown {
    for (const { operator, args } of this.steps.slice(results.length))
      results.push(
        callOperator(
          operator,
          args.map((o) => taken(o, inputs, results)),
        ),
      );
    const last = results[results.length - 1];
    // In-place steps alone hand their input on, and the result is to be a tensor of its own.
    return inputs.includes(last as Tensor) ? alias(last as Tensor) : last;
  }

  private together(inputs: readonly Tensor[], backend: Backend): unknown {
    const { head, tail, read, body } = this;
    if (!head) {
      const variant = this.isOwn(backend) ? null : body.variantOf(inputs, backend);
      if (!variant) return undefined;
      body.lay(variant, inputs);
      return tail ? this.reduce(tail, variant, inputs, backend) : runOver(variant, inputs, backend);
    }
    const operands = read.map((i) => inputs[i]);
    const args = head.args.map((o) => taken(o, inputs, []));
    const finished = this.finish(head.operator, args, operands, backend);
    if (finished) return finished;
    const product = callOperator(head.operator, args) as Tensor;
    const variant = this.isOwn(backend) ? null : body.variantOf([product, ...operands], backend);
    if (!variant) return this.apart(inputs, product);
    body.lay(variant, [product, ...operands]);
    return runOver(variant, [product, ...operands], backend);
  }

  /** The product with the chain as its epilogue, where its kernel can have that. */
  private finish(
    operator: Operator,
    args: readonly unknown[],
    operands: readonly Tensor[],
    backend: Backend,
  ): Tensor | undefined {
    const { meaning } = operator;
    if (meaning.kind !== 'define' || !meaning.finish || hasOwnProducts(backend)) return undefined;
    const { dtype } = args.find((arg) => arg instanceof Tensor) as Tensor;
    const variant = this.body.variantOf([{ dtype, shape: [1, 1] }, ...operands], backend);
    // The kernel reads its two operands and the bias as well.
    const room = backend.capabilities.maxBindings - 4;
    if (!variant || variant.dtype !== dtype || operands.length > room) return undefined;
    return meaning.finish(operator.named(args), { expr: variant.form.exprs[0], operands });
  }

  /** Whether the backend has an operator of its own for one of the chain's. */
  private isOwn(backend: Backend): boolean {
    if (this.asked !== backend) {
      this.asked = backend;
      this.own = this.steps.some(
        ({ operator }) => formulaOf(operator) !== undefined && operator.overrideOn(backend) !== undefined,
      );
    }
    return this.own;
  }

  /** The chain waits for the reduction, which takes it in where it can. */
  private reduce(tail: Step, variant: Variant, inputs: readonly Tensor[], backend: Backend): unknown {
    if (defersFrom(backend) === Infinity || tail.operator.overrideOn(backend)) return undefined;
    const { shape, form, dtype, outStrides } = variant;
    if (numelOf(shape) === 0) return undefined;
    const leaves = inputs.map((t) => leafOf(t, shape));
    const chain = deferred(new Chain(form, shape, leaves, [], outStrides), dtype, backend);
    const args = tail.args.map((o) => ('step' in o ? chain : taken(o, inputs, [])));
    return callOperator(tail.operator, args);
  }
}

const taken = (o: Operand, inputs: readonly Tensor[], results: readonly unknown[]): unknown =>
  'input' in o ? inputs[o.input] : 'step' in o ? results[o.step] : 'constant' in o ? o.constant : o.literal;

function runOver({ shape, outStrides, dtype, form }: Variant, inputs: readonly Tensor[], backend: Backend) {
  const out = emptyStrided(shape, outStrides, dtype, backend);
  const views = new Array<View>(inputs.length);
  for (let i = 0; i < inputs.length; i++) views[i] = expandTo(inputs[i], shape);
  compileForm(backend, form, shape.length)([out], views);
  return out;
}

/**
 * An operator over `inputs` tensors that means these steps, the last one's result its own: at most one product that takes
 * an epilogue, then pointwise operators, then at most one reduction. Where gradients are recorded, or the backend has
 * operators of its own for them, the steps run one after another.
 */
export function fuse(name: string, inputs: number, steps: readonly Step[]): Operator {
  const params = Array.from({ length: inputs }, (_, i) => `Tensor input${i}`).join(', ');
  const fusion = new Fusion(steps);
  return new Operator(
    parseSchema(`fused::${name}(${params}) -> Tensor`),
    { kind: 'define', define: (args) => fusion.call(Object.values(args) as Tensor[]), followsLayouts: true },
    undefined,
    undefined,
  );
}
