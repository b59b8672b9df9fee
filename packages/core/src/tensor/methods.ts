/** Methods of Tensor that are not operators: values, gradients, moves. */
import { backward, type RemovableHandle, registerHook, retainGrad } from '../autograd/api.ts';
import type { BackwardOptions } from '../autograd/engine.ts';
import type { TensorHook } from '../autograd/meta.ts';
import type { Backend } from '../backend/backend.ts';
import { methodNamed } from '../dispatch/install.ts';
import { fromTypedArray } from './create.ts';
import { backendOf, Device } from './device.ts';
import type { DType, TypedArray } from './dtype.ts';
import { dtypes } from './dtype.ts';
import { data, type HostNumber, item, type NestedNumbers, readRaw, tolist } from './host.ts';
import { sameShape } from './layout.ts';
import { Tensor } from './tensor.ts';

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
  /** On another device, as a promise, since leaving one is a read. */
  to(device: Device | Backend): Promise<Tensor>;
}

const isDevice = (value: unknown): boolean =>
  value instanceof Device ||
  (typeof value === 'object' && value !== null && 'allocate' in value) ||
  (typeof value === 'string' && !Object.hasOwn(dtypes, value));

async function move(t: Tensor, device: Device | string | Backend): Promise<Tensor> {
  const backend = backendOf(device);
  if (backend === t.backend) return t;
  return fromTypedArray(await readRaw(t), t.shape, t.dtype as DType, backend);
}

export function installExtras(): void {
  const convert = methodNamed('to');
  const extras: Record<string, unknown> & ThisType<Tensor> = {
    data() {
      return data(this);
    },
    item() {
      return item(this);
    },
    tolist() {
      return tolist(this);
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
      if (!sameShape(this.shape, other.shape)) return false;
      return (await item(this.eq(other).all())) as boolean;
    },
    async allclose(other: Tensor, rtol = 1e-5, atol = 1e-8, equal_nan = false) {
      return (await item(this.isclose(other, rtol, atol, equal_nan).all())) as boolean;
    },
    to(...args: unknown[]) {
      if (args.length === 1 && isDevice(args[0])) return move(this, args[0] as Device);
      return convert.apply(this, args as never);
    },
  };
  for (const [name, value] of Object.entries(extras))
    Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true });
}
installExtras();
