/** How much a program that comes from elsewhere may ask for: bounds on its text, its archive and its run. */

/** Bounds for programs from elsewhere, given as `limits` to `load` and `CompilationUnit`. */
export interface Limits {
  /** How deep expressions, types and blocks of source text may nest, and values of a pickle. */
  readonly nesting: number;
  /** Characters of one source text. */
  readonly source: number;
  /** Instructions that one call may run in loops and calls. Unlimited by default, since a long loop is no fault. */
  readonly instructions: number;
  /** Inflated bytes of one record of an archive. */
  readonly record_bytes: number;
  /** Inflated bytes of a whole archive. */
  readonly archive_bytes: number;
}

/** What holds where a caller says nothing. */
export const defaultLimits: Limits = {
  nesting: 400,
  source: 64 * 1024 * 1024,
  instructions: Number.POSITIVE_INFINITY,
  record_bytes: 8 * 1024 ** 3,
  archive_bytes: 32 * 1024 ** 3,
};

export const limitsOf = (given: Partial<Limits> | undefined): Limits => ({ ...defaultLimits, ...given });
