/** Indexing as in Python: `x.at(0, '1:3', '...', null, mask)`, and assignment, `x.set_at([0, '1:3'], value)`. */
import { ArgumentError, IndexError } from '../errors.ts';
import { tensor } from './create.ts';
import { isScalar, type Scalar } from './promotion.ts';
import { Tensor } from './tensor.ts';
import { isWatched, plainShape, TracedNumber, unwatched } from './watch.ts';

/** `{ start: 1, stop: 5, step: 2 }` is `1:5:2`. */
export interface Slice {
  readonly start?: number | null;
  readonly stop?: number | null;
  readonly step?: number | null;
}

/** An integer, a slice (`'1:5:2'` or an object), `'...'`, null for a new dim, or an index or mask tensor (or nested array). */
export type Index = number | bigint | boolean | string | null | Slice | Tensor | readonly unknown[];

function parseSlice(text: string): Slice {
  const parts = text.split(':');
  const number = (s: string | undefined): number | null =>
    s === undefined || s.trim() === '' ? null : Number(s);
  const [start, stop, step] = parts.map(number);
  if (
    parts.length < 2 ||
    parts.length > 3 ||
    [start, stop, step].some((n) => n != null && !Number.isInteger(n))
  )
    throw new ArgumentError(`index '${text}' is no slice: write 'start:stop' or 'start:stop:step', or '...'`);
  return { start, stop, step };
}

const asTensor = (self: Tensor, value: Tensor | readonly unknown[] | boolean): Tensor =>
  value instanceof Tensor ? value : unwatched(() => tensor(value as never, { device: self.backend }));

interface Plan {
  /** The tensor after integers, slices and new dims. */
  readonly view: Tensor;
  /** Index tensors for its dims, null where there is none. */
  readonly indices: (Tensor | null)[];
}

function plan(self: Tensor, index: readonly Index[]): Plan {
  const consumed = index.reduce<number>((n, i) => {
    if (i === null || i === '...' || typeof i === 'boolean') return n;
    if (i instanceof Tensor && i.dtype === 'bool') return n + i.strides.length;
    return n + 1;
  }, 0);
  if (consumed > self.strides.length)
    throw new IndexError(`too many indices for tensor of dimension ${self.strides.length}`);
  if (index.filter((i) => i === '...').length > 1)
    throw new IndexError("an index can only have a single ellipsis ('...')");
  let view = self;
  let dim = 0;
  const indices: (Tensor | null)[] = [];
  const put = (t: Tensor): void => {
    while (indices.length < dim) indices.push(null);
    indices.push(t);
  };
  for (const i of index) {
    if (i === null) {
      view = view.unsqueeze(dim++);
    } else if (i === '...') {
      dim += self.strides.length - consumed;
    } else if (typeof i === 'boolean') {
      view = view.unsqueeze(dim);
      put(unwatched(() => tensor([i], { device: self.backend, dtype: 'bool' })));
      dim++;
    } else if (typeof i === 'number' || typeof i === 'bigint') {
      view = selectChecked(view, dim, Number(i));
    } else if (i instanceof TracedNumber) {
      view = view.select(dim, i as never);
    } else if (typeof i === 'string' || isSlice(i)) {
      const { start, stop, step } = typeof i === 'string' ? parseSlice(i) : i;
      if (step != null && step <= 0) throw new ArgumentError('step must be greater than zero');
      view = view.slice(dim++, start ?? 0, stop ?? null, step ?? 1);
    } else {
      const t = asTensor(self, i as Tensor);
      put(t);
      dim += t.dtype === 'bool' ? t.strides.length : 1;
      if (t.dtype === 'bool') for (let k = 1; k < t.strides.length; k++) indices.push(null);
    }
  }
  return { view, indices };
}

const isSlice = (i: unknown): i is Slice =>
  typeof i === 'object' &&
  i !== null &&
  !Array.isArray(i) &&
  !(i instanceof Tensor) &&
  ('start' in i || 'stop' in i || 'step' in i);

function selectChecked(view: Tensor, dim: number, i: number): Tensor {
  const shape = plainShape(view);
  if (shape.length === 0)
    throw new IndexError(
      'invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a number',
    );
  const n = shape[dim];
  if (!(i >= -n && i < n))
    throw new IndexError(`index ${i} is out of bounds for dimension ${dim} with size ${n}`);
  return view.select(dim, i);
}

/** Masks take as many entries of aten's list as they have dims; the nulls that held their place go. */
function withoutPlaceholders(indices: (Tensor | null)[]): (Tensor | null)[] {
  const out: (Tensor | null)[] = [];
  for (let i = 0; i < indices.length; i++) {
    const t = indices[i];
    out.push(t);
    if (t !== null && t.dtype === 'bool') i += t.strides.length - 1;
  }
  return out;
}

/** `x[index]`. A view for integers, slices, `...` and null; a copy for index tensors; a promise where a mask is among them. */
export function at(self: Tensor, index: readonly Index[]): Tensor | Promise<Tensor> {
  const { view, indices } = plan(self, index);
  if (indices.length === 0) return view === self ? (self.alias() as Tensor) : view;
  return view.index(withoutPlaceholders(indices)) as Tensor | Promise<Tensor>;
}

/** `x[index] = value`. Resolves when it is done: at once, but where a mask needs its values read. */
export function setAt(
  self: Tensor,
  index: readonly Index[],
  value: Tensor | Scalar | readonly unknown[],
): Tensor | Promise<Tensor> {
  const { view, indices } = plan(self, index);
  const source =
    value instanceof Tensor
      ? value
      : (value as unknown) instanceof TracedNumber
        ? (value as unknown as TracedNumber).tensor()
        : isScalar(value)
          ? fromScalar(self, value)
          : unwatched(() => tensor(value as never, { device: self.backend }).to(self.dtype) as Tensor);
  if (indices.length === 0) {
    // In a trace as PyTorch has it: a number or zero-dim tensor fills, another tensor is copied.
    if (isWatched() && source.strides.length === 0 && view.strides.length > 0) view.fill_(source);
    else view.copy_(trimmed(source, view));
    return self;
  }
  const typed = source.dtype === self.dtype ? source : (source.to(self.dtype) as Tensor);
  const done = view.index_put_(withoutPlaceholders(indices), typed) as Tensor | Promise<Tensor>;
  return done instanceof Promise ? done.then(() => self) : self;
}

const fromScalar = (self: Tensor, value: Scalar): Tensor =>
  unwatched(() => self.new_full([], value) as Tensor);

/** Leading ones of an assigned value are dropped, as PyTorch does. */
function trimmed(value: Tensor, target: Tensor): Tensor {
  let v = value;
  while (v.strides.length > target.strides.length && plainShape(v)[0] === 1) v = v.squeeze(0) as Tensor;
  return v;
}
