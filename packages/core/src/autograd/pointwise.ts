/** Pointwise kernels whose derivative is worked out from their expression. */

import { TorchError } from '../errors.ts';
import { X } from '../expr/build.ts';
import { differentiate } from '../expr/differentiate.ts';
import { Elementwise } from '../kernel/elementwise.ts';
import { isFloat } from '../tensor/dtype.ts';
import type { Scalar } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { is_grad_enabled } from './mode.ts';
import { type Gradients, Node } from './node.ts';
import { fit } from './operator_node.ts';
import { edgeOf, SavedTensor, setHistory, usedTwice } from './record.ts';

const derivatives = new WeakMap<Elementwise, Map<string, Elementwise | null>>();

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
  let known = derivatives.get(e);
  if (!known) derivatives.set(e, (known = new Map()));
  const key = `${index}|${tensors.map((t) => `${t.dtype}${t.shape.length === 0}`)}|${scalars.length}`;
  const found = known.get(key);
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
  known.set(key, derivative);
  return derivative;
}

class PointwiseNode extends Node {
  private saved: SavedTensor[] | null;
  private readonly inputs: readonly { shape: readonly number[]; dtype: Tensor['dtype'] }[];

  constructor(
    name: string,
    private readonly elementwise: Elementwise,
    tensors: readonly Tensor[],
    private readonly scalars: readonly Scalar[],
  ) {
    super(name, tensors.map(edgeOf));
    this.inputs = tensors;
    this.saved = tensors.map((t) => new SavedTensor(t, name, false));
  }

  apply([grad]: Gradients): Gradients {
    if (!this.saved) throw new TorchError(usedTwice);
    const tensors = this.saved.map((s) => s.get());
    return this.edges.map((edge, i) => {
      if (!edge || !grad) return null;
      const derivative = derivativeOf(this.elementwise, i, tensors, this.scalars);
      if (!derivative) return null;
      return fit(applyElementwise(this.name, derivative, [...tensors, grad], this.scalars), this.inputs[i]);
    });
  }

  override release(): void {
    for (const s of this.saved ?? []) s.release();
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
