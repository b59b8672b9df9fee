/** What a TorchScript program raises while it runs. */
import { TorchError } from '@sconce/core';

/** An exception of a TorchScript program. `kind` is Python's class: `AssertionError`, `ValueError`, `RuntimeError`, …; `message` its text. */
export class JitError extends TorchError {
  override name = 'JitError';
  /** Where the program raised it, `file:line:column` of the author's source where the archive knows it. */
  place?: string;
  constructor(
    readonly kind: string,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message);
    if (options?.cause !== undefined) this.cause = options.cause;
  }
}
