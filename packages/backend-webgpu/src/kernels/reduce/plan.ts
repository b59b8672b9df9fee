/** How a reduction is cut: which invocations fold what, in one pass or two. */
import type { Walk } from '../iterate.ts';

/**
 * 'thread': an invocation folds a row by itself, without workgroup memory or barriers, next to those of the neighbouring
 * rows. 'group': a workgroup folds a row, reading it in turns. Software adapters pay heavily for barriers: they get
 * threads.
 */
export type Mode = 'thread' | 'group';

/** 'whole' goes from inputs to outputs in one pass; 'partial' folds pieces of rows to words, 'final' those to outputs. */
export type Stage = 'whole' | 'partial' | 'final';

/** The dims that a row is folded over: `outer` of them merged to one count, and the innermost. */
export interface Row {
  readonly outer: number;
  readonly inner: number;
}

export interface Cut {
  readonly mode: Mode;
  /** Invocations of a workgroup. */
  readonly size: number;
  /** Pieces per row along the outer dims and the inner, and their lengths; one of each where it is not cut. */
  readonly outerPieces: number;
  readonly innerPieces: number;
  readonly outerLength: number;
  readonly innerLength: number;
}

export const THREADS = 64;
/** Of software adapters, which share work out by workgroups. */
const FEW_THREADS = 16;

const clamp = (n: number, most: number): number => Math.max(1, Math.min(n, most));

export function cutOf(items: number, { outer, inner }: Row, isAlong: boolean, isSoftware: boolean): Cut {
  const length = outer * inner;
  let mode: Mode = 'thread';
  let size = THREADS;
  let pieces = 1;
  if (isSoftware) {
    if (items <= 1 << 14) size = FEW_THREADS;
    if (items < 512 && length >= 2048) pieces = clamp(Math.ceil(2048 / items), Math.ceil(length / 512));
  } else if (isAlong && length >= 32) {
    mode = 'group';
    if (length >= 1024) size = 256;
    if (items < 256 && length >= 8192) pieces = clamp(Math.ceil(1024 / items), Math.ceil(length / 4096));
  } else if (items < 16384 && length >= 256) pieces = clamp(Math.ceil(32768 / items), Math.ceil(length / 64));

  const outerLength = Math.ceil(outer / clamp(pieces, outer)) || 1;
  const outerPieces = Math.ceil(outer / outerLength) || 1;
  const innerLength = Math.ceil(inner / clamp(Math.floor(pieces / outerPieces), inner)) || 1;
  const innerPieces = Math.ceil(inner / innerLength) || 1;
  return { mode, size, outerPieces, innerPieces, outerLength, innerLength };
}

/** Of the pass that folds `pieces` partial results per item. */
export const finalMode = (items: number, pieces: number, isSoftware: boolean): Pick<Cut, 'mode' | 'size'> =>
  !isSoftware && pieces >= 64 && items <= 256
    ? { mode: 'group', size: THREADS }
    : { mode: 'thread', size: isSoftware ? FEW_THREADS : THREADS };

/** Whether neighbours in memory are in one row (and not in neighbouring rows), for the first operand of which one can say. */
export function isAlongRow(kept: Walk, row: Walk, operands: number): boolean {
  const smallest = (strides: readonly number[]): number =>
    strides.reduce((least, s) => (s !== 0 && Math.abs(s) < least ? Math.abs(s) : least), Infinity);
  for (let i = 0; i < operands; i++) {
    const [across, along] = [smallest(kept.strides[i]!), smallest(row.strides[i]!)];
    if (across !== along) return along < across;
  }
  return true;
}

/** The same walk for some of its operands. */
export const forOperands = (walk: Walk, operands: readonly number[]): Walk => ({
  ...walk,
  steps: operands.map((i) => walk.steps[i]!),
  strides: operands.map((i) => walk.strides[i]!),
});
