/** Which operator's kernels are being issued: for errors that a backend learns of later. */
let inProgress: string | undefined;

/**
 * The innermost operator whose kernels are being issued, such as `index_select`. A backend that learns of a fault
 * only later notes it with the kernel, and hands it back in its `KernelFault`.
 */
export const operatorInProgress = (): string | undefined => inProgress;

/** Says that kernels are this operator's from now on; returns whose they were, to be set again after. */
export function setOperatorInProgress(name: string | undefined): string | undefined {
  const before = inProgress;
  inProgress = name;
  return before;
}
