/** Chains: pointwise calls that run as one kernel, at once or when somebody looks at what they make. */
import type { Backend, Executable, View } from '../backend/backend.ts';
import { Form, inline, type Place } from '../expr/compose.ts';
import type { Expr } from '../expr/expr.ts';
import { emptyDeferred } from '../tensor/create.ts';
import type { DType } from '../tensor/dtype.ts';
import {
  expandedStrides,
  isNonOverlappingAndDense,
  numelOf,
  type Shape,
  sameShape,
} from '../tensor/layout.ts';
import { defer, makeRoom, materialise, type Pending, Storage } from '../tensor/storage.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { compileForm } from './compile.ts';
import { operatorInProgress, setOperatorInProgress } from './progress.ts';

let enabled: boolean | null = null;

/**
 * Whether pointwise calls wait for their consumers, on every backend: false runs each at once, null (the start) leaves
 * it to the backend's `capabilities.defersFrom`. Returns what was set before. Results are the same either way.
 */
export function set_fusion_enabled(value: boolean | null): boolean | null {
  const before = enabled;
  enabled = value;
  return before;
}

/** The least number of elements that are worth deferring on this backend. */
export const defersFrom = (backend: Backend): number =>
  enabled === null ? (backend.capabilities.defersFrom ?? Infinity) : enabled ? 1 : Infinity;

/** A value that a chain reads, as a window of the chain's own shape. */
export interface Leaf {
  readonly storage: Storage;
  readonly dtype: DType;
  readonly strides: Shape;
  readonly offset: number;
}

type Numbers = readonly (number | bigint)[];

/** An expression with the values it reads. Its result, where deferred, is a whole storage of these strides. */
export class Chain implements Pending {
  uses = 0;
  /** Whose call it was: an error that comes later bears this name. */
  private readonly operator = operatorInProgress();
  sources: readonly Storage[];

  constructor(
    readonly form: Form,
    readonly shape: Shape,
    public leaves: readonly Leaf[],
    readonly numbers: readonly Numbers[],
    readonly strides: Shape = [],
  ) {
    this.sources = leaves.map((l) => l.storage);
  }

  run(storage: Storage): void {
    const { shape, strides } = this;
    const outer = setOperatorInProgress(this.operator);
    try {
      this.runInto(storage.backend, [
        { memory: storage.held, dtype: storage.dtype, shape, strides, offset: 0 },
      ]);
    } finally {
      setOperatorInProgress(outer);
    }
  }

  snapshot(source: Storage): Storage {
    const { backend, dtype, length } = source;
    const copy = new Storage(backend, dtype, length, null);
    const whole = { storage: source, dtype, strides: [1], offset: 0 };
    new Chain(copying(dtype), [length], [whole], [], [1]).run(copy);
    return copy;
  }

  redirect(source: Storage, copy: Storage): void {
    this.leaves = this.leaves.map((l) => (l.storage === source ? { ...l, storage: copy } : l));
    this.sources = this.leaves.map((l) => l.storage);
  }

  runInto(backend: Backend, outputs: readonly View[]): void {
    const executable: Executable = compileForm(backend, this.form, this.shape.length);
    const inputs = this.leaves.map((l) => windowOf(l, this.shape));
    executable(outputs, inputs, flat(this.numbers));
  }
}

const copies = new Map<DType, Form>();

function copying(dtype: DType): Form {
  let form = copies.get(dtype);
  if (!form) copies.set(dtype, (form = new Form([{ op: 'input', index: 0, dtype }], 1, [])));
  return form;
}

const windowOf = ({ storage, dtype, strides, offset }: Leaf, shape: Shape): View => ({
  memory: storage.held,
  dtype,
  shape,
  strides,
  offset,
});

export const flat = (groups: readonly Numbers[]): Numbers | undefined =>
  groups.length === 0 ? undefined : groups.length === 1 ? groups[0] : groups.flat();

/** A kernel grows to this many operations, written out as a tree to this many nodes, and takes this many numbers. */
const MOST_OPERATIONS = 32;
const MOST_NODES = 256;
const MOST_NUMBERS = 32;

/** What reading or writing one element costs, in additions; and starting a kernel. */
const ACCESS = 8;
const START = 1 << 15;

/**
 * Whether taking the expression in again is still cheaper than its values in memory. A pending result that several
 * expressions take in is computed by each. After so many that it would have been cheaper to write it once, it is.
 */
function isWorthRepeating({ form, leaves, shape, uses }: Chain): boolean {
  let reads = 0;
  for (const l of leaves) if (!l.strides.includes(0) || shape.length === 0) reads++;
  const extra = form.cost + (reads - 1) * ACCESS;
  return uses * extra <= (reads + 2) * ACCESS;
}

const isAllOf = (t: Tensor, { shape, strides }: Chain): boolean =>
  t.offset === 0 && t.dtype === t.storage.dtype && sameShape(t.shape, shape) && sameShape(t.strides, strides);

/** The chain whose result `t` is, where it can stand in a kernel over `shape`; what cannot is run. */
function partOf(t: Tensor, shape: Shape): Chain | null {
  const { storage } = t;
  const part = storage.pending as Chain | null;
  if (part === null) return null;
  const isWhole = isAllOf(t, part);
  // One that is broadcast is computed again for each element, which may still cost less than starting a kernel.
  const elements = numelOf(shape);
  const fits =
    sameShape(part.shape, shape) ||
    (!part.form.hasCoord && (numelOf(part.shape) === elements || part.form.cost * elements <= START));
  if (isWhole && fits && isWorthRepeating(part)) return part;
  materialise(storage);
  return null;
}

/** A tensor as a window of the larger `shape`; what is pending in it is run. */
export const leafOf = (t: Tensor, shape: Shape): Leaf => {
  materialise(t.storage);
  return {
    storage: t.storage,
    dtype: t.dtype,
    strides: sameShape(t.shape, shape) ? t.strides : expandedStrides(t.shape, t.strides, shape),
    offset: t.offset,
  };
};

const sameLeaf = (a: Leaf, b: Leaf): boolean =>
  a.storage === b.storage && a.offset === b.offset && a.dtype === b.dtype && sameShape(a.strides, b.strides);

/** What the operands of a call read together, each value and each group of numbers once. */
export class Gathering {
  readonly leaves: Leaf[] = [];
  readonly numbers: Numbers[] = [];
  /** Names the structure: equal keys of one form, equal compositions. */
  key = '';
  readonly places: Place[] = [];

  constructor(
    tensors: readonly Tensor[],
    parts: readonly (Chain | null)[],
    readonly shape: Shape,
    /** The call's own numbers. */
    readonly own: Numbers | undefined,
  ) {
    for (let i = 0; i < tensors.length; i++) {
      const part = parts[i];
      if (part === null) {
        const slot = this.slotOf(leafOf(tensors[i], shape));
        this.key += `|${slot}`;
        this.places.push({ form: null, slots: [slot], groups: [] });
      } else {
        const inPlace = sameShape(part.shape, shape);
        const slots = part.leaves.map((l) =>
          this.slotOf(inPlace ? l : { ...l, strides: expandedStrides(part.shape, l.strides, shape) }),
        );
        const groups = part.numbers.map((n) => this.groupOf(n));
        this.key += `|${part.form.id}:${slots}:${groups}`;
        this.places.push({ form: part.form, slots, groups });
      }
    }
    if (own !== undefined) this.numbers.push(own);
  }

  private slotOf(leaf: Leaf): number {
    const known = this.leaves.findIndex((l) => sameLeaf(l, leaf));
    return known >= 0 ? known : this.leaves.push(leaf) - 1;
  }

  private groupOf(numbers: Numbers): number {
    const known = this.numbers.indexOf(numbers);
    return known >= 0 ? known : this.numbers.push(numbers) - 1;
  }

  get groupSizes(): number[] {
    return this.numbers.map((n) => n.length);
  }

  /** `form` over these operands. */
  compose(form: Form): Form {
    let composed = form.composed.get(this.key);
    if (!composed) {
      const exprs = form.exprs.map((e) => this.inline(e, form.groups));
      form.composed.set(this.key, (composed = new Form(exprs, this.leaves.length, this.groupSizes)));
    }
    return composed;
  }

  /** An expression over the call's operands as one over what they read; inputs before `first` are not operands. */
  inline(expr: Expr, ownGroups: readonly number[], first = 0): Expr {
    const sizes = this.groupSizes;
    const own = this.own === undefined ? [] : [sizes.length - 1];
    return inline(expr, this.places, sizes, own, ownGroups, first);
  }

  get hasCoord(): boolean {
    return this.places.some((p) => p.form?.hasCoord);
  }
}

/** Whether `form` with so many values and numbers is still one kernel. */
export const isOneKernel = (
  { size, spread }: { size: number; spread: number },
  gathering: { leaves: readonly unknown[]; numbers: readonly Numbers[] },
  room: number,
): boolean =>
  size <= MOST_OPERATIONS &&
  spread <= MOST_NODES &&
  gathering.leaves.length <= room &&
  gathering.numbers.reduce((n, g) => n + g.length, 0) <= MOST_NUMBERS;

/**
 * Puts the operands' pending expressions into the kernel that `build` makes of what they read, as many as fit: the
 * widest are run first until it does.
 */
export function gather<K extends { size: number; spread: number }>(
  tensors: readonly Tensor[],
  shape: Shape,
  own: Numbers | undefined,
  room: number,
  build: (gathering: Gathering) => K,
): { gathering: Gathering; built: K } {
  const found = tensors.map((t) => partOf(t, shape));
  // Another operand may have been a view of the same storage, and had it run.
  const parts = found.map((part, i) => (tensors[i].storage.pending === part ? part : null));
  for (;;) {
    const gathering = new Gathering(tensors, parts, shape, own);
    const built = build(gathering);
    let widest = -1;
    for (let i = 0; i < parts.length; i++)
      if (parts[i] !== null && (widest < 0 || parts[i]!.form.size > parts[widest]!.form.size)) widest = i;
    if (widest < 0 || isOneKernel(built, gathering, room)) {
      for (let i = 0; i < parts.length; i++)
        if (parts[i] !== null && parts.indexOf(parts[i]) === i) parts[i]!.uses++;
      return { gathering, built };
    }
    const wide = parts[widest];
    materialise(tensors[widest].storage);
    for (let i = 0; i < parts.length; i++) if (parts[i] === wide) parts[i] = null;
  }
}

const anyPending = (tensors: readonly Tensor[]): boolean => {
  for (let i = 0; i < tensors.length; i++) if (tensors[i].storage.pending !== null) return true;
  return false;
};

/** The call as a chain that reads only what is in memory. `room` is how many values a kernel may read. */
export function chainOf(
  form: Form,
  tensors: readonly Tensor[],
  shape: Shape,
  strides: Shape | undefined,
  own: Numbers | undefined,
  room: number,
): Chain {
  makeRoom();
  if (!anyPending(tensors)) {
    const leaves = new Array<Leaf>(tensors.length);
    for (let i = 0; i < tensors.length; i++) leaves[i] = leafOf(tensors[i], shape);
    return new Chain(form, shape, leaves, own === undefined ? [] : [own], strides);
  }
  const { gathering, built } = gather(tensors, shape, own, room, (g) => g.compose(form));
  return new Chain(built, shape, gathering.leaves, gathering.numbers, strides);
}

/** Whether a call of this form over so many elements may wait. */
export const mayDefer = (form: Form, backend: Backend, elements: number): boolean =>
  elements >= defersFrom(backend) && elements > 0 && !form.canFault && form.size <= MOST_OPERATIONS;

/** A new tensor that holds the chain. */
export function deferred(chain: Chain, dtype: DType, backend: Backend): Tensor {
  const out = emptyDeferred(chain.shape, chain.strides, dtype, backend);
  defer(out.storage, chain);
  return out;
}

/** Whether all of the storage's elements, and each once, are the tensor's. */
export const coversStorage = ({ storage, dtype, shape, strides, offset }: Tensor): boolean =>
  offset === 0 &&
  dtype === storage.dtype &&
  numelOf(shape) === storage.length &&
  isNonOverlappingAndDense(shape, strides);

/**
 * Whether `t` is all that a pending expression is to become, so that writing it changes the expression only. One that was
 * taken in elsewhere is there to stay: a moment of an optimiser must not grow from step to step.
 */
export function isPendingWhole(t: Tensor): boolean {
  const pending = t.storage.pending as Chain | null;
  return pending !== null && pending.uses === 0 && isAllOf(t, pending);
}
