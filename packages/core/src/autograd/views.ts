/** In-place operators and views: who made the memory what it is now. PyTorch's CopySlices and AsStrided. */
import { TorchError } from '../errors.ts';
import type { Layout } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { AutogradMeta } from './meta.ts';
import { is_grad_enabled } from './mode.ts';
import { type Gradients, Node } from './node.ts';
import { edgeOf, setHistory } from './record.ts';

/** Before an in-place change: what PyTorch does not allow. */
export function checkInplace(self: Tensor, inputs: readonly Tensor[]): void {
  if (!is_grad_enabled() || !inputs.some((t) => t.requires_grad)) return;
  if (self.viewOrigin === 'no_grad')
    throw new TorchError(
      "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked).",
    );
  if (self.viewOrigin !== null && self.requires_grad)
    throw new TorchError(
      `Output ${self.meta?.output ?? 0} of ${self.viewOrigin} is a view and is being modified inplace. This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified inplace. You should replace the inplace operation by an out-of-place one.`,
    );
  if (self.meta?.requires_grad && self.grad_fn === null)
    throw new TorchError('a leaf Variable that requires grad is being used in an in-place operation.');
  if (self.base?.meta?.requires_grad && self.base.grad_fn === null)
    throw new TorchError(
      'a view of a leaf Variable that requires grad is being used in an in-place operation.',
    );
}

/** Gradient of a base of which a view was changed in place: outside the view it passes, inside it goes through `changed`. */
class CopySlices extends Node {
  constructor(
    base: Tensor,
    private readonly view: Layout,
    private readonly baseLayout: Layout,
    private readonly changed: Node,
  ) {
    super('CopySlices', [edgeOf(base), ...changed.edges.slice(1)]);
  }

  apply([grad]: Gradients): Gradients {
    if (!grad) return this.edges.map(() => null);
    const { view, baseLayout } = this;
    // A gradient laid out as the base was, so that the view's strides mean the same places.
    const whole = grad.new_empty_strided(baseLayout.shape, baseLayout.strides) as Tensor;
    whole.copy_(grad);
    const place = { shape: view.shape, strides: view.strides, offset: view.offset - baseLayout.offset };
    const inside = whole.as_strided(place.shape, place.strides, place.offset) as Tensor;
    const results = this.changed.apply([inside.clone()]);
    if (this.edges[0]) {
      if (results[0]) inside.copy_(results[0]);
      else inside.zero_();
    }
    return [this.edges[0] ? whole : null, ...results.slice(1)];
  }

  override release(): void {
    this.changed.release();
  }
}

/** The way from a base to one of its views, after either was changed in place. */
class AsStridedBackward extends Node {
  constructor(
    base: Tensor,
    private readonly view: Layout,
    private readonly baseLayout: Layout,
  ) {
    super('AsStridedBackward0', [edgeOf(base)]);
  }

  apply([grad]: Gradients): Gradients {
    if (!grad) return [null];
    const { view, baseLayout } = this;
    return [
      grad.as_strided_scatter_into(
        baseLayout.shape,
        baseLayout.strides,
        view.shape,
        view.strides,
        view.offset - baseLayout.offset,
      ),
    ];
  }
}

const layoutOf = ({ shape, strides, offset }: Tensor): Layout => ({ shape, strides, offset });

/** After `self` was changed in place by the operation of `node`: it, its base and its views belong to the new history. */
export function rebaseHistory(self: Tensor, node: Node): void {
  const { base } = self;
  if (base === null) {
    setHistory(node, [self]);
    return;
  }
  node.outputs = [{ shape: self.shape, dtype: self.dtype }];
  setHistory(new CopySlices(base, layoutOf(self), layoutOf(base), node), [base]);
  refreshView(self);
}

/** A view whose base changed gets its node anew. */
function refreshView(view: Tensor): void {
  const base = view.base!;
  view.viewVersion = view.storage.version;
  if (base.grad_fn === null) return;
  setHistory(new AsStridedBackward(base, layoutOf(view), layoutOf(base)), [view]);
}

AutogradMeta.refreshView = refreshView;
