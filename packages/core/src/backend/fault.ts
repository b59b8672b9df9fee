/** What a user reads when a kernel met data that PyTorch refuses. */
import { IndexError, TorchError } from '../errors.ts';
import type { KernelFault } from './backend.ts';

/** A kernel's fault as the error that PyTorch raises, with the operator's name. */
export function explainFault({ fault, detail }: KernelFault, operator: string): TorchError {
  if (fault === 'division')
    return new TorchError(`ZeroDivisionError: integer division by zero in ${operator}`);
  return new IndexError(
    operator.startsWith('embedding')
      ? `index out of range in self: ${detail.index} is not in [0, ${detail.size})`
      : `index ${detail.index} is out of bounds for dimension ${detail.dim} with size ${detail.size} (in ${operator})`,
  );
}
