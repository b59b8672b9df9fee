/** Methods of Tensor that are not operators: values, gradients, moves. */
import { backward, type RemovableHandle, registerHook, retainGrad } from '../autograd/api.ts';
import type { BackwardOptions } from '../autograd/engine.ts';
import type { TensorHook } from '../autograd/meta.ts';
import type { Backend } from '../backend/backend.ts';
import { methodNamed } from '../dispatch/install.ts';
import { TorchError } from '../errors.ts';
import { fromTypedArray } from './create.ts';
import { backendOf, Device } from './device.ts';
import type { DType, TypedArray } from './dtype.ts';
import { dtypes } from './dtype.ts';
import { formatTensor } from './format.ts';
import {
  canReadNow,
  data,
  dataNow,
  type HostNumber,
  item,
  itemNow,
  type NestedNumbers,
  readRaw,
  tolist,
} from './host.ts';
import { at, type Index, setAt } from './indexing.ts';
import { sameShape } from './layout.ts';
import { get_default_dtype, type Scalar } from './promotion.ts';
import { hasQuantizer, listsOf, printedQuantizer, quantizerOf } from './quantized.ts';
import { Tensor } from './tensor.ts';
import { asNumber, look, plainShape, unwatched } from './watch.ts';

export interface TensorExtras {
  /** The elements in row-major order, in the dtype's own array; float16 and bfloat16 as a Float32Array. */
  data(): Promise<TypedArray>;
  /** The one element as a number, boolean, or a bigint past 2^53. */
  item(): Promise<HostNumber>;
  tolist(): Promise<NestedNumbers>;
  /** Adds to the `grad` of every leaf that this tensor was computed from. */
  backward(
    gradient?: Tensor | null,
    options?: BackwardOptions & { inputs?: Tensor | readonly Tensor[] },
  ): void;
  register_hook(hook: TensorHook): RemovableHandle;
  retain_grad(): void;
  /** Sets `requires_grad` and returns the tensor. */
  requires_grad_(requires_grad?: boolean): this;
  /** Same shape and elements; waits for the values. */
  equal(other: Tensor): Promise<boolean>;
  /** Whether all elements agree within `atol + rtol * |other|`; waits for the values. */
  allclose(other: Tensor, rtol?: number, atol?: number, equal_nan?: boolean): Promise<boolean>;
  /** `x[index]`: integers, `'1:5:2'`, `'...'`, null, index tensors; a promise where a mask is among them. */
  at(...index: Index[]): Tensor;
  /** `x[index] = value`, and returns x. */
  set_at(index: Index[], value: Tensor | Scalar | readonly unknown[]): Tensor;
  /** The size of dim 0, as Python's `len(x)`. */
  readonly length: number;
  /** The slices along dim 0: `for (const row of x)`. */
  [Symbol.iterator](): IterableIterator<Tensor>;
  /** The one element where JavaScript wants a number (`x.sum() > 0`), on backends whose memory the host reads. */
  [Symbol.toPrimitive](hint: string): number | bigint | boolean | string;
  /** As PyTorch prints it: the values where the host can read them. */
  toString(): string;
  /** The tensor with its dims the other way round. */
  readonly T: Tensor;
  /** `to('float32')`, and so on. */
  float(): Tensor;
  double(): Tensor;
  half(): Tensor;
  bfloat16(): Tensor;
  byte(): Tensor;
  char(): Tensor;
  short(): Tensor;
  int(): Tensor;
  long(): Tensor;
  bool(): Tensor;
  /** In another dtype (the tensor itself where it has it), or in that of `other`. */
  to(target: DType | Tensor, ...rest: unknown[]): Tensor;
  to(options: { dtype?: DType | null; copy?: boolean; memory_format?: string | null }): Tensor;
  /** On another device, as a promise, since leaving one is a read. */
  to(device: Device | Backend | string): Promise<Tensor>;
}

const inspect = Symbol.for('nodejs.util.inspect.custom');

function describe(t: Tensor): string {
  const readable = canReadNow(t) && t.backend.name !== 'meta' && !t.storage.isFreed;
  const isQuantized = readable && hasQuantizer(t);
  const values = isQuantized ? (t.dequantize() as Tensor) : t.detach();
  return formatTensor(readable ? dataNow(values) : null, t.shape, t.dtype, {
    ...(isQuantized && { quantizer: printedQuantizer(quantizerOf(t), listsOf(t).map(dataNow)) }),
    ...(t.backend.deviceType !== 'cpu' && { device: t.backend.deviceType }),
    grad_fn: t.grad_fn?.name ?? null,
    requires_grad: t.requires_grad,
    default_dtype: get_default_dtype(),
  });
}

const isDevice = (value: unknown): boolean =>
  value instanceof Device ||
  (typeof value === 'object' && value !== null && 'allocate' in value) ||
  (typeof value === 'string' && !Object.hasOwn(dtypes, value));

/** PyTorch's names of the methods that convert. */
const conversions = {
  float: 'float32',
  double: 'float64',
  half: 'float16',
  bfloat16: 'bfloat16',
  byte: 'uint8',
  char: 'int8',
  short: 'int16',
  int: 'int32',
  long: 'int64',
  bool: 'bool',
} as const;

async function move(t: Tensor, device: Device | string | Backend): Promise<Tensor> {
  const backend = backendOf(device);
  if (backend === t.backend) return t;
  return fromTypedArray(await readRaw(t), t.shape, t.dtype as DType, backend);
}

export function installExtras(): void {
  const convert = methodNamed('to');
  const extras: Record<string, unknown> & ThisType<Tensor> = {
    data() {
      look('data', this);
      return unwatched(() => data(this));
    },
    item() {
      look('item', this);
      return unwatched(() => item(this));
    },
    tolist() {
      look('tolist', this);
      return unwatched(() => tolist(this));
    },
    backward(gradient: Tensor | null = null, options: BackwardOptions = {}) {
      const keywords =
        gradient !== null && !(gradient instanceof Tensor)
          ? (gradient as BackwardOptions & { gradient?: Tensor })
          : undefined;
      if (keywords) backward(this, keywords.gradient ?? null, keywords);
      else backward(this, gradient, options);
    },
    register_hook(hook: TensorHook) {
      return registerHook(this, hook);
    },
    retain_grad() {
      retainGrad(this);
    },
    requires_grad_(requires_grad = true) {
      this.requires_grad = requires_grad;
      return this;
    },
    async equal(other: Tensor) {
      if (!sameShape(plainShape(this), plainShape(other))) return false;
      look('item', this);
      return (await unwatched(() => item(this.eq(other).all()))) as boolean;
    },
    async allclose(other: Tensor, rtol = 1e-5, atol = 1e-8, equal_nan = false) {
      look('item', this);
      return (await unwatched(() => item(this.isclose(other, rtol, atol, equal_nan).all()))) as boolean;
    },
    at(...index: Index[]) {
      return at(this, index);
    },
    set_at(index: Index[], value: Tensor) {
      return setAt(this, index, value);
    },
    toString() {
      return unwatched(() => describe(this));
    },
    [inspect]() {
      return unwatched(() => describe(this));
    },
    [Symbol.toPrimitive](hint: string) {
      if (hint === 'string') return unwatched(() => describe(this));
      return asNumber(this, () => itemNow(this));
    },
    *[Symbol.iterator]() {
      look('iterate', this);
      const [length] = plainShape(this);
      if (length === undefined) throw new TorchError('iteration over a 0-d tensor');
      for (const row of this.unbind(0)) yield row;
    },
    to(...args: unknown[]) {
      if (args.length === 1 && isDevice(args[0])) return move(this, args[0] as Device);
      return convert.apply(this, args as never);
    },
  };
  for (const [name, dtype] of Object.entries(conversions))
    extras[name] = function (this: Tensor): Tensor {
      return this.to(dtype);
    };
  for (const name of Reflect.ownKeys(extras))
    Object.defineProperty(Tensor.prototype, name, {
      value: extras[name as string],
      writable: true,
      configurable: true,
    });
  Object.defineProperty(Tensor.prototype, 'T', {
    configurable: true,
    get(this: Tensor) {
      return this.numpy_T();
    },
  });
  Object.defineProperty(Tensor.prototype, 'length', {
    configurable: true,
    get(this: Tensor) {
      look('len', this);
      const [length] = plainShape(this);
      if (length === undefined) throw new TorchError('len() of a 0-d tensor');
      return length;
    },
  });
}
installExtras();
