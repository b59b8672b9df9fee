/** What goes wrong in the device's own time: loss, exhausted memory, refused commands. Nothing of it stays silent. */
import { OutOfMemoryError, TorchError } from '@sconce/core';

export class Failures {
  /** Set when the device is gone: every later call throws it. */
  lost: TorchError | undefined;
  /** The first error that no read has told yet. */
  private untold: Error | undefined;
  /** Settles when the device is lost. */
  readonly loss: Promise<void>;

  constructor(device: GPUDevice) {
    this.loss = device.lost.then(({ reason, message }) => {
      this.lost = new TorchError(
        `webgpu: the device was lost (${reason}${message ? `: ${message.trim()}` : ''}); what its tensors held is gone. ` +
          "`await torch.use('webgpu')` starts a new device",
      );
    });
    // Some implementations (Deno's) lack the attribute, all have the event.
    device.addEventListener?.('uncapturederror', (event) => {
      const { error } = event as GPUUncapturedErrorEvent;
      (event as Event).preventDefault?.();
      this.note(explain(error, undefined));
    });
  }

  /** Keeps the first; but exhausted memory is the reason for refusals that may come before it. */
  note(error: Error): void {
    if (!this.untold || (error instanceof OutOfMemoryError && !(this.untold instanceof OutOfMemoryError)))
      this.untold = error;
  }

  /** Throws what a call must not go on after. */
  check(): void {
    if (this.lost !== undefined) throw this.lost;
  }

  /** For a read: throws the loss, or, once, the first error that came late. */
  tell(): void {
    this.check();
    const error = this.untold;
    this.untold = undefined;
    if (error) throw error;
  }
}

/** A device's error as ours; `whose` names the operators. */
export function explain(error: GPUError, whose: string | undefined): Error {
  const by = whose === undefined ? '' : ` in ${whose}`;
  // Node has the classes as no globals.
  const isMemory = error.constructor.name === 'GPUOutOfMemoryError';
  return isMemory
    ? new OutOfMemoryError(`webgpu is out of memory${by}: ${error.message}`)
    : new TorchError(`webgpu refused commands${by}: ${error.message}`);
}
