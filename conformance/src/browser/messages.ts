/** What the command and the page that runs the suite for it say to each other. */
import type { Tier } from '../case.ts';
import type { CaseResult } from '../run.ts';

/** What the page shall do. */
export interface Errand {
  readonly query: readonly string[];
  readonly tier: Tier;
  readonly expectations: string;
  /** How many cases were run before, on a page that did not live. */
  readonly skip: number;
  /** Says of each case that it begins: slow, and how a case is found that ends the page. */
  readonly careful: boolean;
  readonly fusion?: boolean;
  /** What the function that makes the backend is called with. */
  readonly options?: Readonly<Record<string, unknown>>;
}

export type Message =
  /** The backend is there. */
  | { readonly kind: 'ready'; readonly backend: string; readonly where: string }
  | { readonly kind: 'start'; readonly id: string }
  | { readonly kind: 'results'; readonly results: readonly CaseResult[] }
  /** After the last result, which was a failure, the backend did nothing right any more. */
  | { readonly kind: 'dead'; readonly message: string }
  | { readonly kind: 'done' }
  /** The suite itself, or making the backend, failed. */
  | { readonly kind: 'broken'; readonly message: string };

/** The functions that the command puts into the page: one gives the errand, the other takes messages. */
export const ERRAND = 'sconceErrand';
export const REPORT = 'sconceReport';
