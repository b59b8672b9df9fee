/**
 * `torch.backends.compare`: runs a program on one backend and each of its operators on another as well, on the same
 * inputs, and names the first whose results differ.
 */
import {
  alias,
  type Backend,
  callOperator,
  Device,
  type DType,
  dataNow,
  default_generator,
  deviceOf,
  fromTypedArray,
  intercept,
  NotSupportedError,
  no_grad,
  type Operator,
  readRawNow,
  registeredBackend,
  type Storage,
  setCurrentBackend,
  Tensor,
  TorchError,
} from '@sconce/core';
import { backend_name, findBackend } from '../backends.ts';
import { type Difference, differenceOf, toleranceOf } from './values.ts';

export interface TensorLayout {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  /** Where tensors share memory: the number of the first argument on the same storage. */
  readonly sharesWith?: number;
}

/** An operator whose result on the one backend is not that on the other. */
export interface Divergence {
  /** `aten::softmax.int` */
  readonly operator: string;
  /** How many operators had been compared before it. */
  readonly after: number;
  /** Tensors by their layout, the rest as they are. */
  readonly inputs: readonly unknown[];
  /** What differs: a value, or a sentence where it is a shape, a dtype, an error or the generator's state. */
  readonly reason: string;
  /** Of the worst element: where it is in the result, and by how many steps of the dtype it is off. */
  readonly position?: readonly number[];
  readonly got?: number | bigint;
  readonly expected?: number | bigint;
  readonly ulps?: number;
  /** How many of the result's elements are beyond tolerance. */
  readonly count?: number;
  readonly dtype?: DType;
}

export interface CompareOptions {
  /** Instead of those of `torch.testing.assert_close` (wider for sums, by their largest element). */
  readonly rtol?: number;
  readonly atol?: number;
}

const inputText = (value: unknown): string => {
  if (value === null || typeof value !== 'object' || !('strides' in value))
    return Array.isArray(value) ? `[${value.map(inputText).join(', ')}]` : String(value);
  const { dtype, shape, strides, offset, sharesWith } = value as TensorLayout;
  const shared = sharesWith === undefined ? '' : `, memory of argument ${sharesWith}`;
  return `${dtype}[${shape.join(', ')}] strides (${strides.join(', ')})${offset ? ` offset ${offset}` : ''}${shared}`;
};

/** What `compare` found. */
export class Comparison {
  constructor(
    readonly backends: readonly [string, string],
    /** How many calls were compared. */
    readonly operators: number,
    /** Operators that the second backend does not have. */
    readonly not_compared: readonly string[],
    /** The first that diverges. */
    readonly divergence: Divergence | undefined,
  ) {}

  get equal(): boolean {
    return this.divergence === undefined;
  }

  toString(): string {
    const [a, b] = this.backends;
    const { divergence: d } = this;
    const rest = this.not_compared.length ? `, not compared: ${this.not_compared.join(', ')}` : '';
    if (!d) return `${a} and ${b} agree on ${this.operators} operators${rest}`;
    return [
      `${d.operator} differs on ${a} and ${b}, after ${d.after} operators that agree${rest}`,
      `  ${d.reason}`,
      ...d.inputs.map((input, i) => `  argument ${i}: ${inputText(input)}`),
    ].join('\n');
  }
}

/** Results whose values nobody promised. */
const hasNoValues = ({ base }: { base: string }): boolean => /^(empty|new_empty|resize_)/.test(base);

function tensorsIn(value: unknown, into: Tensor[] = []): Tensor[] {
  if (value instanceof Tensor) into.push(value);
  else if (Array.isArray(value)) for (const v of value) tensorsIn(v, into);
  return into;
}

/** The arguments on another backend: the same values in the same layout, sharing memory where they did. */
class Twin {
  private readonly flat = new Map<Storage, Tensor>();
  private readonly from: Backend;
  private readonly to: Backend;

  constructor(from: Backend, to: Backend) {
    this.from = from;
    this.to = to;
  }

  of(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((v) => this.of(v));
    if (value instanceof Device) return value.type === this.from.deviceType ? deviceOf(this.to) : value;
    if (!(value instanceof Tensor) || value.backend !== this.from) return value;
    const { storage } = value;
    let flat = this.flat.get(storage);
    if (!flat) {
      const all = alias(value, { shape: [storage.length], strides: [1], offset: 0 });
      flat = fromTypedArray(readRawNow(all), [storage.length], storage.dtype, this.to);
      this.flat.set(storage, flat);
    }
    return alias(flat, { shape: [...value.shape], strides: [...value.strides], offset: value.offset });
  }

  dispose(): void {
    for (const tensor of this.flat.values()) tensor.dispose();
  }
}

function layoutsOf(args: readonly unknown[]): unknown[] {
  const seen: Tensor[] = [];
  const firsts: number[] = [];
  const layout = (value: unknown, i: number): unknown => {
    if (Array.isArray(value)) return value.map((v) => layout(v, i));
    if (!(value instanceof Tensor)) return value;
    const same = seen.findIndex((t) => t.storage === value.storage);
    seen.push(value);
    firsts.push(i);
    const { dtype, shape, strides, offset } = value;
    return {
      dtype,
      shape: [...shape],
      strides: [...strides],
      offset,
      ...(same >= 0 && { sharesWith: firsts[same] }),
    } satisfies TensorLayout;
  };
  return args.map(layout);
}

function positionOf(index: number, shape: readonly number[]): number[] {
  const position = [];
  let rest = index;
  for (const size of shape.toReversed()) {
    position.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return position;
}

type Found = Omit<Divergence, 'operator' | 'after' | 'inputs'>;
type Outcome = { readonly value: unknown } | { readonly error: unknown };

const attempt = (fn: () => unknown): Outcome => {
  try {
    return { value: fn() };
  } catch (error) {
    return { error };
  }
};

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message.split('\n')[0] : String(error);

class Lockstep {
  compared = 0;
  divergence: Divergence | undefined;
  readonly skipped = new Set<string>();
  /** While the other backend runs, and while values are read. */
  private isBusy = false;

  constructor(
    private readonly first: Backend,
    private readonly second: Backend,
    private readonly options: CompareOptions,
  ) {}

  /** Inner operators end first: of an operator and what it is made of, the innermost is found. */
  readonly call = (operator: Operator, args: readonly unknown[], proceed: () => unknown): unknown => {
    const tensors = tensorsIn(args);
    if (this.isBusy || this.divergence || tensors.some((t) => t.backend !== this.first)) return proceed();
    const before = default_generator.getStateBytes();
    let inputs: unknown[] = [];
    let copies: readonly unknown[] = [];
    const twin = new Twin(this.first, this.second);
    this.apart(() => {
      inputs = layoutsOf(args);
      copies = args.map((a) => twin.of(a));
    });
    const got = attempt(proceed);
    if (!this.divergence) {
      const after = default_generator.getStateBytes();
      this.apart(() => {
        default_generator.setStateBytes(before);
        const found = this.differ(operator, args, copies, got, after);
        default_generator.setStateBytes(after);
        if (found)
          this.divergence = { operator: operator.schema.name, after: this.compared, inputs, ...found };
        else this.compared++;
      });
    }
    for (const copy of tensorsIn(copies)) copy.dispose();
    twin.dispose();
    if ('error' in got) throw got.error;
    return got.value;
  };

  private apart(fn: () => void): void {
    this.isBusy = true;
    try {
      fn();
    } finally {
      this.isBusy = false;
    }
  }

  private differ(
    operator: Operator,
    args: readonly unknown[],
    copies: readonly unknown[],
    got: Outcome,
    state: Uint8Array,
  ): Found | undefined {
    setCurrentBackend(this.second);
    const expected = attempt(() => no_grad(() => callOperator(operator, copies)));
    setCurrentBackend(this.first);
    const [a, b] = [this.first.name, this.second.name];
    if ('error' in expected) {
      if ('error' in got) return undefined;
      if (expected.error instanceof NotSupportedError) {
        this.skipped.add(operator.schema.name);
        return undefined;
      }
      return { reason: `${b} threw: ${messageOf(expected.error)}` };
    }
    if ('error' in got) return { reason: `${a} threw: ${messageOf(got.error)}` };
    if (default_generator.getStateBytes().some((byte, i) => byte !== state[i]))
      return { reason: 'the random generator was left in another state' };
    const written = operator.schema.args.flatMap((arg, i) => (arg.alias?.write ? [i] : []));
    const gots = [...tensorsIn(got.value), ...written.flatMap((i) => tensorsIn(args[i]))];
    const wants = [...tensorsIn(expected.value), ...written.flatMap((i) => tensorsIn(copies[i]))];
    try {
      if (gots.length !== wants.length)
        return { reason: `${a} returned ${gots.length} tensors, ${b} ${wants.length}` };
      for (let i = 0; i < gots.length; i++) {
        const found = this.differTensor(operator, gots[i], wants[i]);
        if (found) return found;
      }
      return undefined;
    } finally {
      for (const t of tensorsIn(expected.value)) t.dispose();
    }
  }

  private differTensor(operator: Operator, got: Tensor, expected: Tensor): Found | undefined {
    const text = (t: Tensor): string => `${t.dtype}[${t.shape.join(', ')}]`;
    if (text(got) !== text(expected))
      return { reason: `${text(got)} on ${this.first.name}, ${text(expected)} on ${this.second.name}` };
    if (hasNoValues(operator.schema) || got.backend !== this.first) return undefined;
    const { dtype } = got;
    const usual = toleranceOf(dtype, operator.meaning.kind === 'pointwise');
    const { rtol, atol } = this.options;
    const tolerance = {
      rtol: rtol ?? usual.rtol,
      atol: atol ?? usual.atol,
      isScaled: atol === undefined && usual.isScaled,
    };
    const difference: Difference | undefined = differenceOf(
      dataNow(got.detach() as Tensor),
      dataNow(expected),
      dtype,
      tolerance,
    );
    if (!difference) return undefined;
    const position = positionOf(difference.index, got.shape);
    const { count, ulps } = difference;
    return {
      ...difference,
      position,
      dtype,
      reason: `at [${position.join(', ')}]: ${difference.got} on ${this.first.name}, ${difference.expected} on ${this.second.name}, ${ulps} ulp apart; ${count} of ${got.numel()} elements beyond tolerance`,
    };
  }
}

/**
 * Runs `fn` on `first`, and every operator of it on `second` too, with the same inputs in the same layout and the same
 * random numbers; stops comparing at the first that differs by more than it may. Both must be backends whose memory the
 * host can read at once (not webgpu). Deferred chains are run operator by operator.
 *
 *     const found = await torch.backends.compare('wasm', 'reference', () => model(x));
 *     console.log(String(found));
 */
export async function compare(
  first: string,
  second: string,
  fn: () => unknown,
  options: CompareOptions = {},
): Promise<Comparison> {
  const [a, b] = [await findBackend(first), await findBackend(second)];
  for (const backend of [a, b])
    if (!backend.readNow)
      throw new TorchError(
        `compare: values on backend '${backend.name}' cannot be read at once, operator by operator`,
      );
  if (a === b) throw new TorchError(`compare: '${first}' and '${second}' are the same backend`);
  const before = nameInUse();
  setCurrentBackend(b);
  setCurrentBackend(a);
  const lockstep = new Lockstep(a, b, options);
  const stop = intercept(lockstep.call);
  try {
    await fn();
  } finally {
    stop();
    if (before !== undefined) setCurrentBackend(registeredBackend(before)!);
  }
  const { compared, skipped, divergence } = lockstep;
  return new Comparison([a.name, b.name], compared, [...skipped], divergence);
}

function nameInUse(): string | undefined {
  try {
    return backend_name();
  } catch {
    return undefined;
  }
}
