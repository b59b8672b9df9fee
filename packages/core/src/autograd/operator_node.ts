/** The graph node of an operator that has derivative formulas. */
import type { GradientFormula, Operator } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type Edge, type Gradients, Node } from './node.ts';
import { edgeOf, SavedTensor, usedTwice } from './record.ts';

/** A differentiable argument: which edges it has. */
interface Slot {
  readonly name: string;
  readonly first: number;
  readonly count: number;
  readonly isList: boolean;
}

const usedNames = new WeakMap<GradientFormula, readonly string[] | null>();

/** An arrow, a function or a method whose one parameter is a destructuring pattern, in a writer's or a minifier's spelling. */
const PATTERN = /^(?:async\s*)?(?:function\s*)?[\w$]*\s*\(?\s*\{([^{}]*)\}/;

/**
 * The names that a formula destructures from its argument, which is what it needs saved; null where it cannot be told.
 * A minifier renames variables, not properties: `({grad:e,result:t})=>…` still says what it takes.
 */
export function namesUsedBy(formula: GradientFormula): readonly string[] | null {
  let names = usedNames.get(formula);
  if (names === undefined) {
    const text = formula.toString();
    const pattern = PATTERN.exec(text)?.[1];
    names =
      pattern === undefined
        ? /^(?:function\s*[\w$]*\s*)?\(\s*\)/.test(text)
          ? []
          : null
        : /\.\.\.|\[/.test(pattern)
          ? null
          : pattern
              .split(',')
              .map((part) =>
                part
                  .split(/[:=]/)[0]
                  .trim()
                  .replace(/^(["'])(.*)\1$/, '$2'),
              )
              .filter(Boolean);
    usedNames.set(formula, names);
  }
  return names;
}

const provided = new Set(['grad', 'grads', 'result', 'results', 'needs']);

export class OperatorNode extends Node {
  private saved: Map<string, unknown> | null = new Map();
  private savedResults: (SavedTensor | null)[] | null = null;
  private readonly slots: readonly Slot[];
  private readonly inputs: readonly { shape: readonly number[]; dtype: Tensor['dtype'] }[];

  constructor(
    private readonly operator: Operator,
    args: readonly unknown[],
  ) {
    const slots: Slot[] = [];
    const tensors: (Tensor | null)[] = [];
    for (const i of operator.tensorArgs) {
      if (!(args[i] instanceof Tensor)) continue;
      slots.push({ name: operator.argNames[i], first: tensors.length, count: 1, isList: false });
      tensors.push(args[i]);
    }
    for (const i of operator.listArgs) {
      const list = (args[i] ?? []) as (Tensor | null)[];
      slots.push({ name: operator.argNames[i], first: tensors.length, count: list.length, isList: true });
      tensors.push(...list);
    }
    const edges: (Edge | null)[] = tensors.map((t) => (t === null ? null : edgeOf(t)));
    super(operator.gradName, edges);
    this.slots = slots;
    this.inputs = tensors.map((t) => ({ shape: t?.shape ?? [], dtype: t?.dtype ?? 'float32' }));
    this.save(args);
  }

  /** The formulas that this graph needs: those of arguments with an edge. */
  private *formulas(): Generator<[Slot | null, GradientFormula]> {
    const { gradients, gradientOfAll } = this.operator;
    if (gradientOfAll) yield [null, gradientOfAll];
    else
      for (const slot of this.slots) {
        const wanted = this.edges.slice(slot.first, slot.first + slot.count).some(Boolean);
        if (wanted && gradients?.[slot.name]) yield [slot, gradients[slot.name]];
      }
  }

  private save(args: readonly unknown[]): void {
    const { argNames } = this.operator;
    const needed = new Set<string>();
    for (const [, formula] of this.formulas()) {
      for (const name of namesUsedBy(formula) ?? [...argNames, 'result', 'results']) needed.add(name);
    }
    for (const name of needed) {
      if (provided.has(name)) {
        if (name === 'result' || name === 'results') this.savedResults = [];
        continue;
      }
      const value = args[argNames.indexOf(name)];
      this.saved!.set(name, pack(value, this.name));
    }
  }

  /** Keeps the outputs, if a formula asks for them. */
  saveResults(results: readonly Tensor[]): void {
    if (this.savedResults) this.savedResults = results.map((r) => new SavedTensor(r, this.name, true));
  }

  /** Whether gradients of all outputs are looked at; a formula of `grad` alone says that only the first has one. */
  get takesAllGradients(): boolean {
    for (const [, formula] of this.formulas())
      if (namesUsedBy(formula)?.includes('grads') ?? true) return true;
    return false;
  }

  /** The operator wrote its first argument in place: formulas get a copy of what it was. */
  replaceSaved(name: string, value: Tensor): void {
    const old = this.saved!.get(name);
    if (old instanceof SavedTensor) {
      old.release();
      this.saved!.set(name, new SavedTensor(value, this.name, false));
    }
  }

  saves(name: string): boolean {
    return this.saved!.has(name);
  }

  override release(): void {
    if (!this.saved) return;
    for (const value of this.saved.values()) releasePacked(value);
    for (const value of this.savedResults ?? []) value?.release();
    this.saved = null;
    this.savedResults = null;
  }

  apply(grads: Gradients): Gradients {
    if (!this.saved) throw new TorchError(usedTwice);
    const context: Record<string, unknown> = { grads, grad: grads[0] };
    for (const [name, value] of this.saved) context[name] = unpack(value);
    if (this.savedResults) {
      // Looked up when a formula does: an output that none needs may have been changed in place (batch norm's, by relu_).
      const results: (Tensor | null)[] = [];
      for (const [i, saved] of this.savedResults.entries())
        Object.defineProperty(results, i, { get: () => saved?.get() ?? null });
      context.results = results;
      Object.defineProperty(context, 'result', { get: () => results[0] });
    }
    const needs: Record<string, boolean> = {};
    for (const { name, first, count } of this.slots)
      needs[name] = this.edges.slice(first, first + count).some(Boolean);
    context.needs = needs;

    const out = new Array<Tensor | null>(this.edges.length).fill(null);
    for (const [slot, formula] of this.formulas()) {
      const value = formula(context);
      if (slot) this.place(out, slot, value);
      else
        for (const s of this.slots)
          if (needs[s.name]) this.place(out, s, (value as Record<string, unknown>)[s.name]);
    }
    return out;
  }

  private place(out: (Tensor | null)[], slot: Slot, value: unknown): void {
    const list = slot.isList ? ((value ?? []) as (Tensor | null)[]) : [value as Tensor | null];
    for (let i = 0; i < slot.count; i++) {
      const k = slot.first + i;
      const grad = list[i] ?? null;
      out[k] = grad && this.edges[k] ? fit(grad, this.inputs[k]) : null;
    }
  }
}

/** Undoes broadcasting and promotion: the gradient in its input's shape and dtype. */
export function fit(grad: Tensor, like: { shape: readonly number[]; dtype: Tensor['dtype'] }): Tensor {
  let out = grad;
  if (out.shape.length !== like.shape.length || out.shape.some((n, i) => n !== like.shape[i]))
    out = out.sum_to_size(like.shape);
  return out.dtype === like.dtype ? out : out.to(like.dtype);
}

function pack(value: unknown, by: string): unknown {
  if (value instanceof Tensor) return new SavedTensor(value, by, false);
  if (Array.isArray(value) && value.some((v) => v instanceof Tensor)) return value.map((v) => pack(v, by));
  return value;
}

const unpack = (value: unknown): unknown =>
  value instanceof SavedTensor ? value.get() : Array.isArray(value) ? value.map(unpack) : value;

function releasePacked(value: unknown): void {
  if (value instanceof SavedTensor) value.release();
  else if (Array.isArray(value)) for (const v of value) releasePacked(v);
}
