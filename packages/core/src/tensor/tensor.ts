/** The Tensor: a storage seen through shape, strides and offset, with its place in the autograd graph. */
import { AutogradMeta } from '../autograd/meta.ts';
import type { Node } from '../autograd/node.ts';
import type { Backend, Memory, View } from '../backend/backend.ts';
import { TorchError } from '../errors.ts';
import type { Methods } from '../generated/methods.ts';
import { type Device, deviceOf } from './device.ts';
import { type DType, isFloat } from './dtype.ts';
import { numelOf, type Shape } from './layout.ts';
import type { TensorExtras } from './methods.ts';
import { materialise, type Storage } from './storage.ts';

/** The tensors made while a scope is open, in the order in which they were made; see `dispatch/scope.ts`. */
let made: Tensor[] | null = null;

export const tensorsMade = (): Tensor[] | null => made;

/** Opens (or with null suspends) the collection of new tensors; returns what was open before. */
export function track(list: Tensor[] | null): Tensor[] | null {
  const before = made;
  made = list;
  return before;
}

/** Whether a tensor belongs to the scope that it was made in, to none, or is gone. */
const SCOPED = 0;
const KEPT = 1;
const DISPOSED = 2;

// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the operators' methods are installed from their schemas
export class Tensor implements View {
  /** Gradient, graph node and hooks; null while the tensor has nothing to do with autograd. */
  meta: AutogradMeta | null = null;
  /** The tensor that this one is a view of (never a view itself), or null. */
  base: Tensor | null = null;
  /** The storage's version when this view's graph node was made. */
  viewVersion = 0;
  /** What a view may not be changed in place for: the node of several views at once, or `no_grad`; null for none. */
  viewOrigin: string | null = null;
  private state = SCOPED;

  constructor(
    readonly storage: Storage,
    public dtype: DType,
    public shape: Shape,
    public strides: Shape,
    public offset: number,
  ) {
    storage.references++;
    if (made !== null) made.push(this);
  }

  get memory(): Memory {
    return materialise(this.storage);
  }

  get backend(): Backend {
    return this.storage.backend;
  }

  get device(): Device {
    return deviceOf(this.storage.backend);
  }

  get ndim(): number {
    return this.shape.length;
  }

  /** Counts in-place changes of the memory, as PyTorch's `_version`. */
  get _version(): number {
    return this.storage.version;
  }

  /** Whether operations on this tensor are recorded. Settable on leaves of floating point dtype. */
  get requires_grad(): boolean {
    if (this.meta !== null && (this.meta.requires_grad || this.meta.node !== null)) return true;
    return this.base !== null && this.grad_fn !== null;
  }

  set requires_grad(value: boolean) {
    if (value && !isFloat(this.dtype))
      throw new TorchError('only Tensors of floating point and complex dtype can require gradients');
    if (this.grad_fn !== null) {
      if (value) return;
      throw new TorchError(
        "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach().",
      );
    }
    if (value || this.meta !== null) AutogradMeta.of(this).requires_grad = value;
  }

  /** The node that made this tensor, or null for a leaf. Prints as PyTorch's, `<AddBackward0>`. */
  get grad_fn(): Node | null {
    if (this.base !== null && this.viewVersion !== this.storage.version) AutogradMeta.refreshView(this);
    return this.meta === null ? null : this.meta.node;
  }

  get is_leaf(): boolean {
    return this.grad_fn === null;
  }

  /** The gradient that `backward` accumulated, or null. */
  get grad(): Tensor | null {
    return this.meta === null ? null : this.meta.grad;
  }

  set grad(value: Tensor | null) {
    if (value !== null || this.meta !== null) AutogradMeta.of(this).grad = value;
  }

  /** Bytes of the storage aside, the number of elements. */
  get elements(): number {
    return numelOf(this.shape);
  }

  get isDisposed(): boolean {
    return this.state === DISPOSED;
  }

  /** Whether it was taken out of every scope; see `keep`. */
  get isKept(): boolean {
    return this.state === KEPT;
  }

  set isKept(value: boolean) {
    if (this.state !== DISPOSED) this.state = value ? KEPT : SCOPED;
  }

  /** Gives up this tensor; its memory is freed at once when no other tensor aliases it. Twice does no harm. */
  dispose(): void {
    if (this.state === DISPOSED) return;
    this.state = DISPOSED;
    this.storage.releaseOne();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The operators as methods, generated from their schemas. */
export interface Tensor extends Methods, TensorExtras {}
