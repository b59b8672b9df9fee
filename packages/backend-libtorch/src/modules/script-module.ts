/** A TorchScript archive that LibTorch itself runs: synchronously, or off the main thread. */
import { ArgumentError, type View } from '@sconce/core';
import { addon, type Decode, type NativeScriptModule, toTorchError } from '../addon.ts';
import { wire } from '../wire.ts';
import { Tensor } from './tensor.ts';

/**
 * What goes into a method and comes out of it: tensors (this package's, or core's on this backend), numbers, bigints,
 * strings, booleans, null, arrays (lists and tuples), Maps and plain objects (dicts). Named tuples come out as arrays
 * with their fields' names.
 */
export type Value =
  | Tensor
  | View
  | number
  | bigint
  | string
  | boolean
  | null
  | readonly Value[]
  | ReadonlyMap<Value, Value>
  | { readonly [key: string]: Value };

/** What methods return; cast it to what yours gives. */
// biome-ignore lint/suspicious/noExplicitAny: the archive decides, and no type can know it
export type Result = any;

const decode: Decode = (length, strings) => {
  const from = wire();
  from.receive(length);
  return from.takeAny(strings, (view) => new Tensor(view));
};

/**
 * ```js
 * const module = new ScriptModule('resnet18.pt');
 * const out = module.forward(ones([1, 3, 224, 224], false));      // at once
 * const same = await module.run('forward', ones([1, 3, 224, 224], false)); // on another thread
 * ```
 * Gradients are not recorded. Throws `TorchError` with LibTorch's sentence for a bad file or wrong arguments.
 */
export class ScriptModule {
  private readonly native: NativeScriptModule;

  /** From a path, or from an archive's bytes. */
  constructor(source: string | Uint8Array) {
    if (source === undefined) throw new ArgumentError('Wrong number of arguments');
    if (typeof source !== 'string' && !(source instanceof Uint8Array))
      throw new ArgumentError('Wrong argument types');
    try {
      this.native = new (addon().ScriptModule)(source);
    } catch (error) {
      throw toTorchError(error);
    }
  }

  /** The names of the module's methods. */
  get methods(): readonly string[] {
    return this.native.methods();
  }

  /** Runs `forward` at once. */
  forward(...args: readonly Value[]): Result {
    return this.call('forward', ...args);
  }

  /** Runs a method at once. */
  call(method: string, ...args: readonly Value[]): Result {
    const strings = this.send(args);
    try {
      return this.native.call(method, strings, decode);
    } catch (error) {
      throw toTorchError(error);
    }
  }

  /**
   * Runs a method on another thread. Many may run at once on one module, as far as libuv has threads
   * (`UV_THREADPOOL_SIZE`, 4 unless set).
   */
  async run(method: string, ...args: readonly Value[]): Promise<Result> {
    const strings = this.send(args);
    try {
      return await this.native.start(method, strings, decode);
    } catch (error) {
      throw toTorchError(error);
    }
  }

  /** Switches dropout and batch norm between training and evaluation. */
  train(mode = true): this {
    this.native.train(mode);
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  private send(args: readonly Value[]): string[] {
    const to = wire();
    const strings: string[] = [];
    to.at = 0;
    to.put(args.length);
    for (const arg of args) to.putAny(arg, strings);
    return strings;
  }
}
