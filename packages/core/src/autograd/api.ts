/** `backward`, `autograd.grad`, hooks, `Function`: what users call. */
import { ArgumentError, TorchError } from '../errors.ts';
import { alias } from '../tensor/create.ts';
import { isFloat } from '../tensor/dtype.ts';
import { Tensor, tensorsMade } from '../tensor/tensor.ts';
import { type BackwardOptions, runBackward } from './engine.ts';
import { AutogradMeta, type TensorHook } from './meta.ts';
import { is_grad_enabled, setRecording } from './mode.ts';
import { type Gradients, hooksOf, Node } from './node.ts';
import { edgeOf, SavedTensor, setHistory, usedTwice } from './record.ts';

const list = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T]);

/** `torch.autograd.backward`: adds to the `grad` of every leaf, or of `inputs` alone. */
export function backward(
  tensors: Tensor | readonly Tensor[],
  grad_tensors: Tensor | null | readonly (Tensor | null)[] = null,
  options: BackwardOptions & { inputs?: Tensor | readonly Tensor[] } = {},
): void {
  const outputs = list(tensors);
  const inputs = options.inputs === undefined ? null : list(options.inputs);
  if (inputs?.length === 0) throw new ArgumentError("'inputs' argument to backward cannot be empty.");
  runBackward(outputs, list(grad_tensors), options, inputs, true);
}

/** `torch.autograd.grad`: the gradients of `outputs` with respect to `inputs`; leaves' `grad` stays as it is. */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: BackwardOptions & {
    grad_outputs?: Tensor | null | readonly (Tensor | null)[];
    allow_unused?: boolean;
  } = {},
): (Tensor | null)[] {
  const outs = list(outputs);
  const result = runBackward(outs, list(options.grad_outputs ?? null), options, list(inputs));
  if (!options.allow_unused && result.some((g) => g === null))
    throw new TorchError(
      'One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior.',
    );
  return result;
}

/** A hook that was registered. */
export interface RemovableHandle {
  remove(): void;
}

const removable = <T>(from: T[], item: T): RemovableHandle => ({
  remove: () => {
    const i = from.indexOf(item);
    if (i >= 0) from.splice(i, 1);
  },
});

/** `Tensor.register_hook`: sees, and may replace, the tensor's gradient. */
export function registerHook(tensor: Tensor, hook: TensorHook): RemovableHandle {
  if (!tensor.requires_grad)
    throw new TorchError("cannot register a hook on a tensor that doesn't require gradient");
  const node = tensor.grad_fn;
  if (!node) {
    const hooks = (AutogradMeta.of(tensor).hooks ??= []);
    hooks.push(hook);
    return removable(hooks, hook);
  }
  const entry = { output: tensor.meta!.output, hook };
  const { before } = hooksOf(node);
  before.push(entry);
  return removable(before, entry);
}

/** `Tensor.retain_grad`: a tensor that is no leaf keeps its gradient too. */
export function retainGrad(tensor: Tensor): void {
  if (!tensor.requires_grad) throw new TorchError("can't retain_grad on Tensor that has requires_grad=False");
  const node = tensor.grad_fn;
  if (!node || tensor.meta!.retainsGrad) return;
  tensor.meta!.retainsGrad = true;
  hooksOf(node).retained.push({ output: tensor.meta!.output, tensor });
}

/** What a custom Function's forward and backward share. */
export class FunctionContext {
  private saved: (SavedTensor | null)[] = [];
  private nonDifferentiable = new Set<Tensor>();
  needs_input_grad: boolean[] = [];
  /** Anything else may be put on the context. */
  [key: string]: unknown;

  save_for_backward(...tensors: (Tensor | null)[]): void {
    this.saved = tensors.map((t) => t && new SavedTensor(t, 'Function', false));
  }

  get saved_tensors(): (Tensor | null)[] {
    return this.saved.map((s) => s?.get() ?? null);
  }

  mark_non_differentiable(...tensors: Tensor[]): void {
    for (const t of tensors) this.nonDifferentiable.add(t);
  }

  /** For the graph only. */
  isDifferentiable(tensor: Tensor): boolean {
    return isFloat(tensor.dtype) && !this.nonDifferentiable.has(tensor);
  }

  /** For the graph only. */
  releaseSaved(): void {
    for (const s of this.saved) s?.release();
  }
}

type FunctionClass = {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a user's forward takes what it likes
  forward(ctx: FunctionContext, ...args: any[]): Tensor | Tensor[];
  backward(ctx: FunctionContext, ...grads: (Tensor | null)[]): Tensor | null | (Tensor | null)[];
};

class FunctionNode extends Node {
  private released = false;
  constructor(
    private readonly definition: FunctionClass,
    private readonly context: FunctionContext,
    private readonly inputs: readonly unknown[],
  ) {
    super(
      `${definition.name}Backward`,
      inputs.flatMap((a) => (a instanceof Tensor ? [edgeOf(a)] : [])),
    );
  }

  apply(grads: Gradients): Gradients {
    if (this.released) throw new TorchError(usedTwice);
    const full = grads.map((g, i) => g ?? zerosFor(this, i, grads));
    const made = is_grad_enabled() ? null : tensorsMade();
    const from = made?.length;
    const out = list(this.definition.backward(this.context, ...full) as Tensor | null | (Tensor | null)[]);
    if (out.length !== this.inputs.length)
      throw new TorchError(
        `function ${this.name} returned an incorrect number of gradients (expected ${this.inputs.length}, got ${out.length})`,
      );
    // The engine frees what a node returns: of a tensor that is the user's, it gets another handle.
    const isOurs = (t: Tensor): boolean => made === null || made.indexOf(t, from) >= 0 || full.includes(t);
    return this.inputs.flatMap((a, i) => {
      if (!(a instanceof Tensor)) return [];
      const grad = out[i] ?? null;
      return [grad === null || isOurs(grad) ? grad : alias(grad)];
    });
  }

  override release(): void {
    this.released = true;
    this.context.releaseSaved();
  }
}

const zerosFor = (node: Node, i: number, grads: Gradients): Tensor | null => {
  const like = grads.find((g) => g !== null);
  const meta = node.outputs[i];
  return like && meta ? (like.new_zeros(meta.shape, { dtype: meta.dtype }) as Tensor) : null;
};

/**
 * `torch.autograd.Function`: subclass it with static `forward(ctx, ...args)` and `backward(ctx, ...grads)`, and call
 * `apply`. Forward runs unrecorded; backward returns one gradient (or null) per argument of forward.
 */
// biome-ignore lint/suspicious/noShadowRestrictedNames: PyTorch's name
export class Function {
  // biome-ignore lint/suspicious/noExplicitAny: a user's forward takes what it likes
  static apply(this: unknown, ...args: any[]): any {
    const definition = this as FunctionClass;
    const context = new FunctionContext();
    const tensors = args.filter((a): a is Tensor => a instanceof Tensor);
    context.needs_input_grad = args.map((a) => a instanceof Tensor && a.requires_grad);
    const record = is_grad_enabled() && tensors.some((t) => t.requires_grad);
    const before = is_grad_enabled();
    setRecording(false);
    let result: Tensor | Tensor[];
    try {
      result = definition.forward(context, ...args);
    } finally {
      setRecording(before);
    }
    if (!record) return result;
    const node = new FunctionNode(definition, context, args);
    const outputs = list(result as Tensor | Tensor[]).map((t) =>
      tensors.includes(t) ? (t.detach() as Tensor) : t,
    );
    setHistory(node, outputs);
    for (const t of outputs) if (!context.isDifferentiable(t) && t.meta) t.meta.node = null;
    return Array.isArray(result) ? outputs : outputs[0];
  }
}
