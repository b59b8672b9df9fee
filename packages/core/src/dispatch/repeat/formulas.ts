/** Formulas that are called again: pointwise operators, and those that write in place what such ones give. */

import { is_grad_enabled } from '../../autograd/mode.ts';
import type { Executable, View } from '../../backend/backend.ts';
import { mayDefer } from '../../kernel/chain.ts';
import { compileForm } from '../../kernel/compile.ts';
import { type Elementwise, expandTo, scalarArguments } from '../../kernel/elementwise.ts';
import { setOperatorInProgress } from '../../kernel/progress.ts';
import { allocated } from '../../tensor/create.ts';
import type { DType } from '../../tensor/dtype.ts';
import { mayOverlapItself, numelOf, type Shape, sameShape } from '../../tensor/layout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { callOperator, explain, isDirect } from '../call.ts';
import { type Operator, scalarsIn } from '../operator.ts';
import { arePlain, Circumstances, Outcomes } from './seen.ts';

/** A kernel, and the result that it is for. */
class Formed {
  constructor(
    readonly when: Circumstances,
    readonly executable: Executable,
    readonly numbers: readonly (number | bigint)[] | undefined,
    readonly dtype: DType,
    readonly length: number,
    readonly shape: Shape,
    readonly strides: Shape,
    /** Whether an operand is broadcast. */
    readonly expands: boolean,
  ) {}

  serves(tensors: readonly Tensor[]): boolean {
    return this.when.areThose(tensors);
  }

  run(out: Tensor, tensors: readonly Tensor[]): void {
    const { executable, expands, shape, numbers } = this;
    const inputs: readonly View[] = expands ? tensors.map((t) => expandTo(t, shape)) : tensors;
    executable([out], inputs, numbers);
  }
}

export class Formulas {
  private readonly outcomes = new Outcomes<Formed>();
  /** As errors name it. */
  private readonly name: string;

  constructor(
    private readonly operator: Operator,
    private readonly elementwise: (args: readonly unknown[]) => Elementwise,
    private readonly isInPlace: boolean,
  ) {
    const { meaning } = operator;
    this.name = meaning.kind === 'inplace' ? meaning.functional.base : operator.base;
  }

  call(args: readonly unknown[]): unknown {
    const { operator, isInPlace, outcomes } = this;
    const tensors = operandsOf(operator, args);
    const isPlain = tensors !== undefined && operator.implementations === null && isDirect();
    if (!isPlain || !isSimple(tensors, isInPlace)) return callOperator(operator, args);
    const formed = outcomes.find(tensors, args);
    if (formed === null) {
      const result = callOperator(operator, args);
      if (outcomes.areKept) outcomes.keep(this.formedBy(args, tensors, result as Tensor));
      return result;
    }
    const outer = setOperatorInProgress(this.name);
    try {
      return isInPlace ? overwritten(formed, tensors) : made(formed, tensors);
    } catch (error) {
      throw explain(operator, error);
    } finally {
      setOperatorInProgress(outer);
    }
  }

  /** The call was made, so its operands fit each other. */
  private formedBy(args: readonly unknown[], tensors: readonly Tensor[], result: Tensor): Formed | undefined {
    const { operator, isInPlace } = this;
    const { shape, strides } = result;
    const { backend, length } = result.storage;
    if (operator.overrideOn(backend) !== undefined || !arePlain(tensors, backend)) return undefined;
    if (isInPlace && mayOverlapItself(shape, strides)) return undefined;
    const scalars = scalarsIn(operator, args);
    const plan = this.elementwise(args).plan(tensors, scalars, isInPlace ? result.dtype : undefined);
    if (plan.dtypes.length !== 1 || mayDefer(plan.form, backend, numelOf(shape))) return undefined;
    return new Formed(
      new Circumstances(tensors, backend),
      compileForm(backend, plan.form, shape.length),
      scalars.length === 0 ? undefined : scalarArguments(scalars, plan.kinds),
      plan.dtypes[0],
      length,
      shape,
      strides,
      tensors.some((t) => !sameShape(t.shape, shape)),
    );
  }
}

function made(formed: Formed, tensors: readonly Tensor[]): Tensor {
  const { when, dtype, length, shape, strides } = formed;
  const out = allocated(when.backend, dtype, length, shape, strides);
  formed.run(out, tensors);
  return out;
}

function overwritten(formed: Formed, tensors: readonly Tensor[]): Tensor {
  const [self] = tensors;
  formed.run(self, tensors);
  self.storage.version++;
  return self;
}

/** All of the operator's tensors; undefined where one is absent. */
function operandsOf({ tensorArgs }: Operator, args: readonly unknown[]): readonly Tensor[] | undefined {
  const first = args[tensorArgs[0]] as Tensor | null;
  if (first === null) return undefined;
  if (tensorArgs.length === 1) return [first];
  const second = args[tensorArgs[1]] as Tensor | null;
  if (second === null) return undefined;
  if (tensorArgs.length === 2) return [first, second];
  const all = tensorArgs.map((i) => args[i] as Tensor | null);
  return all.includes(null) ? undefined : (all as Tensor[]);
}

/** Whether nothing is recorded, nothing waits to be computed, and nothing but the result is written. */
function isSimple(tensors: readonly Tensor[], isInPlace: boolean): boolean {
  const records = is_grad_enabled();
  const [self] = tensors;
  for (let i = 0; i < tensors.length; i++) {
    const t = tensors[i];
    const { storage } = t;
    if (storage.pending !== null || (records && t.requires_grad)) return false;
    if (isInPlace && t !== self && storage === self.storage) return false;
  }
  return !isInPlace || self.storage.readers === 0;
}
