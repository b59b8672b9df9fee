/** The graph node of an operator that has derivative formulas. */
import { type GradientFormula, type Operator, tensorsIn } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { sameShape } from '../tensor/layout.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type Edge, type GradientMeta, type Gradients, Node } from './node.ts';
import { edgesOf, looksAlong, SavedTensor, usedTwice } from './record.ts';

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

/** What the nodes of an operator do, given which of its arguments want a gradient. */
export interface Recipe {
  readonly slots: readonly Slot[];
  /** The formulas that are needed; null for one that gives the gradients of all slots. */
  readonly steps: readonly { readonly slot: Slot | null; readonly formula: GradientFormula }[];
  /** The arguments to save: their positions, and the names under which formulas ask for them. */
  readonly positions: readonly number[];
  readonly names: readonly string[];
  readonly savesResults: boolean;
  /** Whether gradients of all outputs are looked at; a formula of `grad` alone says that only the first has one. */
  readonly takesAllGradients: boolean;
  readonly needs: Readonly<Record<string, boolean>>;
}

function recipe(operator: Operator, args: readonly unknown[], edges: readonly (Edge | null)[]): Recipe {
  const { argNames, gradients, gradientOfAll } = operator;
  const slots: Slot[] = [];
  let first = 0;
  const add = (i: number, count: number, isList: boolean): void => {
    slots.push({ name: argNames[i], first, count, isList });
    first += count;
  };
  for (const i of operator.tensorArgs) if (args[i] instanceof Tensor) add(i, 1, false);
  for (const i of operator.listArgs) add(i, ((args[i] ?? []) as unknown[]).length, true);

  const needs: Record<string, boolean> = {};
  for (const s of slots) needs[s.name] = edges.slice(s.first, s.first + s.count).some(Boolean);
  const steps = gradientOfAll
    ? [{ slot: null, formula: gradientOfAll }]
    : slots.flatMap((slot) => {
        const formula = needs[slot.name] ? gradients?.[slot.name] : undefined;
        return formula ? [{ slot, formula }] : [];
      });
  const used = steps.map(({ formula }) => namesUsedBy(formula));
  const needed = new Set(used.flatMap((names) => names ?? [...argNames, 'result', 'results']));
  const names = [...needed].filter((name) => !provided.has(name));
  return {
    slots,
    steps,
    positions: names.map((name) => argNames.indexOf(name)),
    names,
    savesResults: needed.has('result') || needed.has('results'),
    takesAllGradients: used.some((own) => own?.includes('grads') ?? true),
    needs,
  };
}

/** The same recipe for all calls with a gradient for the same arguments; those with lists are each their own. */
function recipeOf(operator: Operator, args: readonly unknown[], edges: readonly (Edge | null)[]): Recipe {
  const { tensorArgs, listArgs, recipes } = operator;
  if (listArgs.length > 0) return recipe(operator, args, edges);
  let key = 0;
  let next = 0;
  for (let k = 0; k < tensorArgs.length; k++)
    key = key * 3 + (args[tensorArgs[k]] instanceof Tensor ? (edges[next++] === null ? 1 : 2) : 0);
  let known = recipes.get(key);
  if (known === undefined) recipes.set(key, (known = recipe(operator, args, edges)));
  return known;
}

/** The tensors that get an edge: single ones that are there, then lists, with their gaps. */
function differentiable(operator: Operator, args: readonly unknown[]): readonly (Tensor | null)[] {
  if (operator.listArgs.length === 0) return tensorsIn(operator, args);
  const tensors: (Tensor | null)[] = [];
  for (const i of operator.tensorArgs) if (args[i] instanceof Tensor) tensors.push(args[i]);
  for (const i of operator.listArgs) tensors.push(...((args[i] ?? []) as (Tensor | null)[]));
  return tensors;
}

/** What a formula gets, and destructures. Arguments are put on it by their names. */
class Context {
  readonly grad: Tensor | null;
  constructor(
    readonly grads: Gradients,
    readonly needs: Readonly<Record<string, boolean>>,
  ) {
    this.grad = grads[0];
  }
}

/** Results are looked up when a formula does: one that none needs may have been changed in place (batch norm's, by relu_). */
class ContextOfResults extends Context {
  #results: readonly (SavedTensor | null)[];
  constructor(
    grads: Gradients,
    needs: Readonly<Record<string, boolean>>,
    results: readonly (SavedTensor | null)[],
  ) {
    super(grads, needs);
    this.#results = results;
  }
  get result(): Tensor | null {
    return this.#results[0]?.get() ?? null;
  }
  get results(): readonly (Tensor | null)[] {
    const results: (Tensor | null)[] = [];
    for (const [i, saved] of this.#results.entries())
      Object.defineProperty(results, i, { get: () => saved?.get() ?? null });
    return results;
  }
}

const nothing: readonly unknown[] = [];

export class OperatorNode extends Node {
  private saved: readonly unknown[] | null;
  private savedResults: readonly (SavedTensor | null)[] | null = null;
  private readonly recipe: Recipe;

  constructor(operator: Operator, args: readonly unknown[]) {
    const edges = edgesOf(differentiable(operator, args));
    super(operator.gradName, edges);
    this.recipe = recipeOf(operator, args, edges);
    const { positions } = this.recipe;
    if (positions.length === 0) this.saved = nothing;
    else {
      const saved = new Array<unknown>(positions.length);
      for (let i = 0; i < saved.length; i++) saved[i] = pack(args[positions[i]], this.name);
      this.saved = saved;
    }
  }

  /** Keeps the outputs, if a formula asks for them. */
  saveResults(results: readonly Tensor[]): void {
    if (this.recipe.savesResults) this.savedResults = results.map((r) => new SavedTensor(r, this.name, true));
  }

  get takesAllGradients(): boolean {
    return this.recipe.takesAllGradients;
  }

  /** The operator wrote its first argument in place: formulas get a copy of what it was. */
  replaceSaved(name: string, value: Tensor): void {
    const at = this.recipe.names.indexOf(name);
    const old = this.saved![at];
    if (!(old instanceof SavedTensor)) return;
    old.release();
    this.saved = this.saved!.with(at, new SavedTensor(value, this.name, false));
  }

  saves(name: string): boolean {
    return this.recipe.names.includes(name);
  }

  override release(): void {
    if (this.saved === null) return;
    for (let i = 0; i < this.saved.length; i++) releasePacked(this.saved[i]);
    if (this.savedResults !== null) for (const value of this.savedResults) value?.release();
    this.saved = null;
    this.savedResults = null;
  }

  apply(grads: Gradients): Gradients {
    const { saved, recipe, savedResults } = this;
    if (saved === null) throw new TorchError(usedTwice);
    const { names, needs, steps, slots } = recipe;
    const context =
      savedResults === null ? new Context(grads, needs) : new ContextOfResults(grads, needs, savedResults);
    const named = context as unknown as Record<string, unknown>;
    for (let i = 0; i < names.length; i++) named[names[i]] = unpack(saved[i]);

    const out = new Array<Tensor | null>(this.edges.length).fill(null);
    for (let k = 0; k < steps.length; k++) {
      const { slot, formula } = steps[k];
      const value = formula(named);
      if (slot) this.place(out, slot, value);
      else for (const s of slots) if (needs[s.name]) this.place(out, s, (value as typeof named)[s.name]);
    }
    return out;
  }

  private place(out: (Tensor | null)[], { first, count, isList }: Slot, value: unknown): void {
    if (!isList) {
      out[first] = this.fitted(value as Tensor | null, first);
      return;
    }
    const list = (value ?? []) as (Tensor | null)[];
    for (let i = 0; i < count; i++) out[first + i] = this.fitted(list[i], first + i);
  }

  private fitted(grad: Tensor | null | undefined, i: number): Tensor | null {
    const edge = this.edges[i];
    return grad && edge !== null ? fit(grad, looksAlong(edge)) : null;
  }
}

/** Undoes broadcasting and promotion: the gradient in its input's shape and dtype. */
export function fit(grad: Tensor, like: GradientMeta): Tensor {
  const out = sameShape(grad.shape, like.shape) ? grad : grad.sum_to_size(like.shape);
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
