/** Instructions: what a plan is made of. */
import type { Func } from '../ir/function.ts';
import type { Node } from '../ir/graph.ts';
import type { Operator, Repeated } from '../ops/core.ts';
import type { Coercion } from './coerce.ts';

/** Where an operand is: a slot, or below zero `~i` of the plan's constants. */
export type Operand = number;

export type Instruction = {
  readonly node?: Node;
  /** Slots whose values end here: those that are counted, and tensors that are their slot's alone. */
  drops: readonly number[];
  ends: readonly number[];
} /** Calls an operator of core. */ & (
  | {
      readonly kind: 'op';
      readonly call: Call;
      readonly from: readonly Operand[];
      readonly outs: readonly number[];
      /** The results are their slots' alone, or there is none but an operand that was changed. */
      readonly sole: boolean;
      readonly memory: 'fresh';
    }
  /** Calls `run` with the operands; `outs` has one slot, or one per element of a result that is an array. */
  | {
      readonly kind: 'run';
      readonly run: (args: unknown[]) => unknown;
      readonly args: readonly Operand[];
      readonly outs: readonly number[];
      readonly memory: Memory;
    }
  | {
      readonly kind: 'call';
      readonly func: Func | undefined;
      readonly method: string;
      readonly args: readonly Operand[];
      readonly coerce: Coercions;
      readonly out: number;
    }
  | {
      readonly kind: 'move';
      readonly from: readonly Operand[];
      readonly to: readonly number[];
      readonly coerce: Coercions;
      /** Which of them go on as their slot's alone. */
      readonly sole: readonly boolean[];
    }
  | { readonly kind: 'jump'; target: number }
  | { readonly kind: 'jumpUnless'; readonly test: Operand; target: number }
  /** Begins a loop: a trip count and a counter. */
  | {
      readonly kind: 'loop';
      readonly limit: Operand;
      readonly counter: number;
      readonly test: Operand;
      end: number;
    }
  | {
      readonly kind: 'next';
      readonly limit: Operand;
      readonly counter: number;
      readonly test: Operand;
      start: number;
    }
  | { readonly kind: 'return'; readonly value: Operand; readonly coerce: Coercion | undefined }
);

/** What most instructions end: one array for all, since they are many and read once each. */
export const none: readonly number[] = [];

export const OP = 0;
export const RUN = 1;
export const CALL = 2;
export const MOVE = 3;
export const JUMP = 4;
export const JUMP_UNLESS = 5;
export const LOOP = 6;
export const NEXT = 7;
export const RETURN = 8;

export const numberOf: Record<Instruction['kind'], number> = {
  op: OP,
  run: RUN,
  call: CALL,
  move: MOVE,
  jump: JUMP,
  jumpUnless: JUMP_UNLESS,
  loop: LOOP,
  next: NEXT,
  return: RETURN,
};

/** The instruction of one kind. */
export type Of<K extends Instruction['kind']> = Extract<Instruction, { kind: K }>;

export type Coercions = readonly (Coercion | undefined)[];

/** An operator and what is known of its arguments: the slots' values go into a copy of these. Nodes that are alike share one. */
export interface Call {
  readonly operator: Operator;
  readonly run: Repeated;
  readonly known: readonly unknown[];
  readonly positions: readonly number[];
  /** Null where nothing is converted. */
  readonly convert: Coercions | null;
  readonly result: Coercion | undefined;
  /** Whether the answer may be a promise: formulas, views and what is written in place are there at once. */
  readonly mayWait: boolean;
}

/**
 * What a `run` does with memory: `fresh` makes new tensors (or hands on an operand), `holds` makes a container of its
 * operands, `stores` puts operands into its first, `shares` gives a container of what others hold, `plain` hands on what
 * exists, `escapes` puts operands where they outlive the call.
 */
export type Memory = 'fresh' | 'holds' | 'stores' | 'shares' | 'plain' | 'escapes';

export interface Plan {
  readonly name: string;
  readonly code: readonly Instruction[];
  /** For each instruction, what it does in an array of its own: the objects have too many shapes to ask them. */
  readonly kinds: readonly number[];
  readonly constants: readonly unknown[];
  readonly slots: number;
  readonly inputs: number;
}
