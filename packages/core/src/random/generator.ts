/** PyTorch's CPU generator: the same seed gives the same numbers, and its saved state is PyTorch's own 5056 bytes. */
import { ArgumentError, TorchError } from '../errors.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { readRawNow } from '../tensor/host.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { MT_SIZE, Mt19937 } from './mt19937.ts';

const DEFAULT_SEED = 67280421310721n;
const STATE_BYTES = 5056;
/** States that PyTorch wrote before 1.5 lack the cached float and keep the cached double in parts. */
const LEGACY_STATE_BYTES = 5048;

/** Where things lie in a saved state: a C struct of 8-byte aligned fields, the engine's words as 64 bits each. */
const AT = {
  seed: 0,
  left: 8,
  seeded: 12,
  next: 16,
  state: 24,
  normalX: 5016,
  normalY: 5024,
  normalRho: 5032,
};
const AT_NORMAL_VALID = 5040;
const AT_FLOAT_NORMAL = 5048;
const AT_FLOAT_NORMAL_VALID = 5052;

/**
 * A source of random numbers, as `torch.Generator()`. All backends draw from it, so a seed means the same on each.
 *
 *     const g = new Generator().manual_seed(0)
 */
export class Generator {
  #seed = DEFAULT_SEED;
  readonly #engine = new Mt19937(Number(DEFAULT_SEED & 0xffffffffn));
  /** The second value of the last Box-Muller pair drawn one by one, if not yet used; `normal` keeps it here. */
  nextNormal: number | undefined;
  #nextFloatNormal: number | undefined;

  readonly device = 'cpu';

  /** Seeds: any integer from -2^63 to 2^64-1, a negative one meaning 2^64 more. The low 32 bits seed the engine. */
  manual_seed(seed: number | bigint): this {
    if (typeof seed === 'number' && !Number.isFinite(seed))
      throw new ArgumentError(`manual_seed expected a long, but got ${seed}`);
    const value = typeof seed === 'bigint' ? seed : BigInt(Math.trunc(seed));
    if (value < -(2n ** 63n) || value >= 2n ** 64n)
      throw new TorchError(`Overflow when unpacking long: the seed ${value} is outside [-2^63, 2^64)`);
    this.#seed = BigInt.asUintN(64, value);
    this.#engine.seed(Number(this.#seed & 0xffffffffn));
    this.nextNormal = this.#nextFloatNormal = undefined;
    return this;
  }

  /** The seed in use; a bigint where a number cannot hold it. */
  initial_seed(): number | bigint {
    return this.#seed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(this.#seed) : this.#seed;
  }

  /** Seeds with a fresh random number, and returns it. */
  seed(): number | bigint {
    const word = () => BigInt(Math.floor(Math.random() * 2 ** 32));
    this.manual_seed((word() << 32n) | word());
    return this.initial_seed();
  }

  /** The next 32 random bits. */
  random(): number {
    return this.#engine.random();
  }

  /** The next 64 random bits: the first 32 drawn are the high ones. */
  random64(): bigint {
    const high = this.#engine.random();
    return (BigInt(high) << 32n) | BigInt(this.#engine.random());
  }

  /** A float in [0, 1) of 24 random bits, as `uniform_real_distribution<float>`. */
  uniform24(): number {
    return (this.#engine.random() & 0xffffff) * 2 ** -24;
  }

  /** A double in [0, 1) of 53 random bits, as `uniform_real_distribution<double>`. */
  uniform53(): number {
    const high = this.#engine.random() & 0x1fffff;
    return (high * 2 ** 32 + this.#engine.random()) * 2 ** -53;
  }

  /** The bytes of PyTorch's `get_state()`. */
  getStateBytes(): Uint8Array {
    const bytes = new Uint8Array(STATE_BYTES);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(AT.seed, this.#seed, true);
    view.setInt32(AT.left, this.#engine.left, true);
    view.setInt32(AT.seeded, 1, true);
    view.setUint32(AT.next, this.#engine.next, true);
    for (let i = 0; i < MT_SIZE; i++) view.setUint32(AT.state + 8 * i, this.#engine.state[i], true);
    if (this.nextNormal !== undefined) {
      view.setFloat64(AT.normalY, this.nextNormal, true);
      view.setInt32(AT_NORMAL_VALID, 1, true);
    }
    if (this.#nextFloatNormal !== undefined) {
      view.setFloat32(AT_FLOAT_NORMAL, this.#nextFloatNormal, true);
      bytes[AT_FLOAT_NORMAL_VALID] = 1;
    }
    return bytes;
  }

  /** Goes on from a state that `getStateBytes`, or PyTorch, gave. */
  setStateBytes(bytes: Uint8Array): this {
    if (bytes.length !== STATE_BYTES && bytes.length !== LEGACY_STATE_BYTES)
      throw new TorchError(
        `Expected either a CPUGeneratorImplStateLegacy of size ${LEGACY_STATE_BYTES} or a CPUGeneratorImplState of size ${STATE_BYTES} but found the input RNG state size to be ${bytes.length}`,
      );
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const left = view.getInt32(AT.left, true);
    const next = view.getUint32(AT.next, true);
    const seeded = view.getInt32(AT.seeded, true) === 1;
    if (!seeded || left <= 0 || left > MT_SIZE || next > MT_SIZE)
      throw new TorchError('Invalid mt19937 state');
    this.#seed = view.getBigUint64(AT.seed, true);
    this.#engine.left = left;
    this.#engine.next = next;
    for (let i = 0; i < MT_SIZE; i++) this.#engine.state[i] = view.getUint32(AT.state + 8 * i, true);
    this.nextNormal = this.#nextFloatNormal = undefined;
    const valid = view.getInt32(AT_NORMAL_VALID, true) !== 0;
    if (bytes.length === LEGACY_STATE_BYTES) {
      const angle = 2 * Math.PI * view.getFloat64(AT.normalX, true);
      if (valid) this.nextNormal = view.getFloat64(AT.normalRho, true) * Math.sin(angle);
      return this;
    }
    if (valid) this.nextNormal = view.getFloat64(AT.normalY, true);
    if (bytes[AT_FLOAT_NORMAL_VALID]) this.#nextFloatNormal = view.getFloat32(AT_FLOAT_NORMAL, true);
    return this;
  }

  /** The state as PyTorch's `get_state()` gives it: a uint8 tensor of 5056 bytes, on the backend in use. */
  get_state(): Tensor {
    const bytes = this.getStateBytes();
    return fromTypedArray(bytes, [bytes.length], 'uint8');
  }

  /** Goes on from a state: a uint8 tensor, or its bytes where the host cannot read the tensor at once. */
  set_state(state: Tensor | Uint8Array): this {
    if (state instanceof Uint8Array) return this.setStateBytes(state);
    if (state.dtype !== 'uint8')
      throw new ArgumentError(`RNG state must be a torch.ByteTensor, not ${state.dtype}`);
    return this.setStateBytes(readRawNow(state) as Uint8Array);
  }

  /** A generator of its own that goes on from this one's state. */
  clone_state(): Generator {
    return new Generator().setStateBytes(this.getStateBytes());
  }
}

/** What every random operator draws from unless it is given a generator. */
export const default_generator: Generator = new Generator();

/** Seeds the default generator, and returns it. */
export const manual_seed = (seed: number | bigint): Generator => default_generator.manual_seed(seed);

/** The default generator's seed. */
export const initial_seed = (): number | bigint => default_generator.initial_seed();

/** Seeds the default generator with a fresh random number, and returns that. */
export const seed = (): number | bigint => default_generator.seed();

/** The default generator's state, as `Generator.get_state`. */
export const get_rng_state = (): Tensor => default_generator.get_state();

/** Sets the default generator's state. */
export const set_rng_state = (state: Tensor | Uint8Array): void => void default_generator.set_state(state);
