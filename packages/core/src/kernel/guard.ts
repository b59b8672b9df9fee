/** Refuses to run a kernel where a gradient would be lost without a word. */
import { is_grad_enabled } from '../autograd/mode.ts';
import type { Backend } from '../backend/backend.ts';
import { NotSupportedError, TorchError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Called by every kernel that has no derivative of its own. Operators with one call their kernels with recording off. */
export function refuseUnrecorded(what: string, inputs: readonly Tensor[]): void {
  if (!is_grad_enabled()) return;
  for (const t of inputs)
    if (t.requires_grad)
      throw new NotSupportedError(
        `derivative for ${what} is not implemented: wrap the call in no_grad, or detach its inputs`,
      );
}

/** All tensors of one call, and what it writes into, live on one backend. */
export function oneBackend(what: string, tensors: readonly Tensor[], out: Tensor = tensors[0]): Backend {
  const { backend } = out.storage;
  for (let i = 0; i < tensors.length; i++)
    if (tensors[i].storage.backend !== backend)
      throw new TorchError(
        `Expected all tensors to be on the same device, but found at least two devices, ${backend.name} and ${tensors[i].storage.backend.name}! (in ${what}; move one with 'await x.to(device)')`,
      );
  return backend;
}
