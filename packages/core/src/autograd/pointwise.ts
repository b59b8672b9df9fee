/** Pointwise kernels whose derivative is worked out from their expression. */

import { TorchError } from '../errors.ts';
import { X } from '../expr/build.ts';
import { differentiate } from '../expr/differentiate.ts';
import { Elementwise } from '../kernel/elementwise.ts';
import { type DType, isFloat } from '../tensor/dtype.ts';
import type { Scalar } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { is_grad_enabled } from './mode.ts';
import { type Gradients, Node } from './node.ts';
import { fit } from './operator_node.ts';
import { edgesOf, looksAlong, SavedTensor, setHistory, usedTwice } from './record.ts';

/** The derivatives of a formula for operands of certain dtypes, by operand; those that were asked for. */
interface Derivatives {
  readonly dtypes: readonly DType[];
  readonly isZeroDim: readonly boolean[];
  readonly scalars: number;
  readonly of: (Elementwise | null | undefined)[];
}

const derivatives = new WeakMap<Elementwise, Derivatives[]>();

function derivativesOf(e: Elementwise, tensors: readonly Tensor[], scalars: readonly Scalar[]): Derivatives {
  let known = derivatives.get(e);
  if (!known) derivatives.set(e, (known = []));
  for (const d of known)
    if (
      d.scalars === scalars.length &&
      tensors.every((t, i) => t.dtype === d.dtypes[i] && (t.shape.length === 0) === d.isZeroDim[i])
    )
      return d;
  const made = {
    dtypes: tensors.map((t) => t.dtype),
    isZeroDim: tensors.map((t) => t.shape.length === 0),
    scalars: scalars.length,
    of: [],
  };
  known.push(made);
  return made;
}

/**
 * The gradient of tensor operand `index`, as a pointwise kernel over the operands and then the output's gradient;
 * null where it is zero everywhere.
 */
function derivativeOf(
  e: Elementwise,
  index: number,
  tensors: readonly Tensor[],
  scalars: readonly Scalar[],
): Elementwise | null {
  const known = derivativesOf(e, tensors, scalars).of;
  const found = known[index];
  if (found !== undefined) return found;

  const n = tensors.length;
  const { promote, promotes } = e.options;
  const common = e.commonDType(tensors, scalars);
  const tangent = (operands: X[]): X | undefined => {
    const y = [e.formula(...operands)].flat()[0] as X;
    return differentiate(y.expr, index);
  };
  const probe = [
    ...tensors.map((t, i) => X.input(i, t.dtype).cast(promote === 'none' ? t.dtype : common)),
    ...scalars.map((_, i) => X.scalar(i, 'float32')),
  ];
  let isZero: boolean;
  try {
    isZero =
      tangent(
        probe.map((x) =>
          x.cast(isFloat(x.dtype) ? (x.dtype === 'float64' ? 'float64' : 'float32') : x.dtype),
        ),
      ) === undefined;
  } catch {
    isZero = false; // the probe's types were not the plan's; the kernel itself decides
  }
  const derivative = isZero
    ? null
    : new Elementwise(
        (...operands) => {
          const grad = operands[n];
          const own = [...operands.slice(0, n), ...operands.slice(n + 1)];
          const d = tangent(own);
          if (!d) return grad.mul(0);
          return d.isConstant(1) ? grad : grad.mul(d);
        },
        {
          promote: promote === 'float' ? common : promote,
          promotes: promotes && [...promotes.map((p) => (p >= n ? p + 1 : p)), n],
        },
      );
  known[index] = derivative;
  return derivative;
}

class PointwiseNode extends Node {
  private saved: readonly SavedTensor[] | null;

  constructor(
    name: string,
    private readonly elementwise: Elementwise,
    tensors: readonly Tensor[],
    private readonly scalars: readonly Scalar[],
  ) {
    super(name, edgesOf(tensors));
    const saved = new Array<SavedTensor>(tensors.length);
    for (let i = 0; i < saved.length; i++) saved[i] = new SavedTensor(tensors[i], name, false);
    this.saved = saved;
  }

  apply([grad]: Gradients): Gradients {
    const { saved, edges, scalars } = this;
    if (saved === null) throw new TorchError(usedTwice);
    const out = new Array<Tensor | null>(edges.length).fill(null);
    if (!grad) return out;
    const tensors = saved.map((s) => s.get());
    const operands = [...tensors, grad];
    for (let i = 0; i < out.length; i++) {
      const edge = edges[i];
      if (edge === null) continue;
      const derivative = derivativeOf(this.elementwise, i, tensors, scalars);
      if (derivative)
        out[i] = fit(applyElementwise(this.name, derivative, operands, scalars), looksAlong(edge));
    }
    return out;
  }

  override release(): void {
    if (this.saved !== null) for (const s of this.saved) s.release();
    this.saved = null;
  }
}

/** Runs a pointwise kernel and records it where an operand wants a gradient. */
export function applyElementwise(
  name: string,
  elementwise: Elementwise,
  tensors: readonly Tensor[],
  scalars: readonly Scalar[] = [],
): Tensor {
  const [out] = elementwise.call(name, tensors, scalars);
  if (is_grad_enabled() && isFloat(out.dtype) && tensors.some((t) => t.requires_grad))
    setHistory(pointwiseNode(name, elementwise, tensors, scalars), [out]);
  return out;
}

export const pointwiseNode = (
  name: string,
  elementwise: Elementwise,
  tensors: readonly Tensor[],
  scalars: readonly Scalar[],
): Node => new PointwiseNode(name, elementwise, tensors, scalars);
