/** What autograd keeps with a tensor. */
import type { Tensor } from '../tensor/tensor.ts';
import type { Node } from './node.ts';

export type TensorHook = (grad: Tensor) => Tensor | undefined | void;

export class AutogradMeta {
  /** Set on leaves by the user. */
  requires_grad = false;
  grad: Tensor | null = null;
  /** The node that computes this tensor's gradient; null on leaves. */
  node: Node | null = null;
  /** Which of the node's outputs this tensor is. */
  output = 0;
  /** On leaves, the node that adds to `grad`. */
  accumulator: Node | null = null;
  retainsGrad = false;
  /** On leaves; null where there are none. */
  hooks: TensorHook[] | null = null;
  /** An in-place change of the base asks its views to find their node anew; installed by autograd/views. */
  static refreshView: (view: Tensor) => void = () => {};

  static of(tensor: Tensor): AutogradMeta {
    tensor.meta ??= new AutogradMeta();
    return tensor.meta;
  }
}
