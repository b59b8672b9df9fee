/** What a case is, and what comes of it. */
import type { Backend } from '@sconce/core';
import type { CaseFiles } from './files.ts';
import type { CaseId } from './query.ts';

export type Tier = 'quick' | 'full';

export type Verdict =
  | { readonly status: 'pass' }
  /** What was called, with what, and the first wrong element: several lines, for a person. */
  | { readonly status: 'fail'; readonly message: string }
  /** The backend declares that it lacks what the case needs. */
  | { readonly status: 'na'; readonly reason: string };

export const pass: Verdict = { status: 'pass' };
export const fail = (message: string): Verdict => ({ status: 'fail', message });
export const notApplicable = (reason: string): Verdict => ({ status: 'na', reason });

/** Why a case about subnormals does not apply. */
export const flushed = 'capabilities.flushesSubnormals: float32 numbers below 2^-126 are taken for 0';

export interface Case {
  readonly id: CaseId;
  /** Left out of the quick tier. */
  readonly fullOnly?: boolean;
  run(): Verdict | Promise<Verdict>;
}

export interface LayerContext {
  readonly backend: Backend;
  readonly files: CaseFiles;
  readonly tier: Tier;
  /** Whether any case of this operator or kernel can be wanted; lets a layer leave a file unread. */
  readonly wantsName: (name: string) => boolean;
}

export interface Layer {
  readonly name: string;
  cases(context: LayerContext): Iterable<Case> | AsyncIterable<Case>;
}
