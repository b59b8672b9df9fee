/** Runs plans: at once while it can, waiting only where an operator's answer is a promise, freeing tensors as they die. */
import { TorchError } from '@sconce/core';
import { JitError } from '../errors.ts';
import { location } from '../frontend/source.ts';
import type { Func } from '../ir/function.ts';
import { objects } from '../ops/container.ts';
import { type Device, is_grad_enabled, set_grad_enabled, type Tensor } from '../ops/core.ts';
import type { ScriptObject } from '../ops/value.ts';
import type { Coercion } from './coerce.ts';
import {
  CALL,
  type Instruction,
  JUMP,
  JUMP_UNLESS,
  LOOP,
  type Memory,
  MOVE,
  NEXT,
  type Of,
  OP,
  type Plan,
  RETURN,
  RUN,
} from './instruction.ts';
import { ambient } from './marshal.ts';
import { Ownership } from './ownership.ts';
import { planOf } from './plan.ts';

interface Frame {
  readonly plan: Plan;
  readonly slots: unknown[];
  /** How each slot has its value. */
  readonly hold: Hold[];
  at: number;
  /** Where the result goes in the frame below. */
  readonly out: number;
}

/** Those that call something. */
type Calling = Extract<Instruction, { kind: 'op' | 'run' }>;

/** A slot's value is counted, or a tensor that is the slot's alone to free, or lent by someone who outlives it. */
type Hold = 0 | 1 | 2;
const COUNTED = 0;
const ALONE = 1;
const LENT = 2;

const EMPTY = undefined;

const read = (slots: readonly unknown[], constants: readonly unknown[], operand: number): unknown =>
  operand >= 0 ? slots[operand] : constants[~operand];

const converted = (value: unknown, convert: Coercion | undefined): unknown =>
  convert === undefined ? value : convert(value);

/** The operands in their places among what is known of the call's arguments. */
function argumentsOf({ slots, plan }: Frame, { call, from }: Of<'op'>): unknown[] {
  const { known, positions, convert } = call;
  const { constants } = plan;
  const n = positions.length;
  if (convert === null && n === known.length) {
    if (n === 1) return [read(slots, constants, from[0])];
    if (n === 2) return [read(slots, constants, from[0]), read(slots, constants, from[1])];
  }
  const args = known.slice();
  for (let i = 0; i < n; i++) {
    const value = read(slots, constants, from[i]);
    args[positions[i]] = convert === null ? value : converted(value, convert[i]);
  }
  return args;
}

class Run {
  private readonly frames: Frame[] = [];
  /** Null while gradients may be recorded, since a graph may then hold any tensor. */
  private owned: Ownership | null;
  private gradMode = is_grad_enabled();

  constructor(
    func: Func,
    args: readonly unknown[],
    private readonly device: Device | null,
    /** Instructions that it may run in loops and calls. */
    private budget: number,
  ) {
    this.owned = this.gradMode ? null : new Ownership();
    this.push(planOf(func), args, -1);
  }

  private push(plan: Plan, args: readonly unknown[], out: number): void {
    const slots = new Array<unknown>(plan.slots).fill(EMPTY);
    const hold = new Array<Hold>(plan.slots).fill(COUNTED);
    for (let i = 0; i < args.length; i++) {
      slots[i] = args[i];
      this.owned?.hold(args[i]);
    }
    this.frames.push({ plan, slots, hold, at: 0, out });
  }

  private wait(
    result: Promise<unknown>,
    frame: Frame,
    instruction: Calling,
    args: readonly unknown[],
  ): Promise<unknown> {
    return result.then(
      (value) => {
        if (instruction.kind === 'op' && instruction.sole) this.own(frame, instruction, value);
        else this.finish(frame, instruction, args, value);
        return this.resume();
      },
      (error) => {
        const explained = this.explain(error, instruction);
        this.abandon();
        throw explained;
      },
    );
  }

  /** Goes on until the end or the next wait. */
  resume(): unknown {
    const outerGrad = is_grad_enabled();
    const outerDevice = ambient.device;
    set_grad_enabled(this.gradMode);
    ambient.device = this.device;
    try {
      return this.steps();
    } catch (error) {
      const explained = this.explainAt(error);
      this.abandon();
      throw explained;
    } finally {
      this.gradMode = is_grad_enabled();
      set_grad_enabled(outerGrad);
      ambient.device = outerDevice;
    }
  }

  private abandon(): void {
    for (const frame of this.frames) this.leave(frame);
    this.frames.length = 0;
  }

  /** Frees what the frame still has. */
  private leave({ slots, hold }: Frame): void {
    if (!this.owned) return;
    for (let i = 0; i < slots.length; i++)
      if (hold[i] === ALONE) (slots[i] as Tensor).dispose();
      else if (hold[i] === COUNTED) this.owned.drop(slots[i]);
  }

  private set(frame: Frame, slot: number, value: unknown): void {
    this.owned?.hold(value);
    frame.slots[slot] = value;
  }

  private steps(): unknown {
    let frame = this.frames[this.frames.length - 1];
    for (;;) {
      const { slots, plan } = frame;
      const { constants, code, kinds } = plan;
      const at = frame.at++;
      switch (kinds[at]) {
        case OP: {
          const waits = this.operator(frame, code[at] as Of<'op'>);
          if (waits) return waits;
          continue;
        }
        case RUN: {
          const instruction = code[at] as Of<'run'>;
          const args = new Array<unknown>(instruction.args.length);
          for (let i = 0; i < args.length; i++) args[i] = read(slots, constants, instruction.args[i]);
          const result = instruction.run(args);
          if (result instanceof Promise) return this.wait(result, frame, instruction, args);
          this.finish(frame, instruction, args, result);
          continue;
        }
        case CALL:
          this.call(frame, code[at] as Of<'call'>);
          frame = this.frames[this.frames.length - 1];
          continue;
        case MOVE: {
          const instruction = code[at] as Of<'move'>;
          this.move(frame, instruction);
          this.dropAfter(frame, instruction.drops, instruction.ends);
          continue;
        }
        case JUMP:
          frame.at = (code[at] as Of<'jump'>).target;
          continue;
        case JUMP_UNLESS: {
          const { test, target } = code[at] as Of<'jumpUnless'>;
          if (!read(slots, constants, test)) frame.at = target;
          continue;
        }
        case LOOP: {
          const { counter, test, limit, end } = code[at] as Of<'loop'>;
          slots[counter] = 0;
          if (!read(slots, constants, test) || (read(slots, constants, limit) as number) <= 0) frame.at = end;
          continue;
        }
        case NEXT: {
          const { counter, test, limit, start, drops, ends } = code[at] as Of<'next'>;
          const goOn = read(slots, constants, test);
          const count = (slots[counter] as number) + 1;
          slots[counter] = count;
          const isLast = !goOn || count >= (read(slots, constants, limit) as number);
          this.dropAfter(frame, drops, ends);
          if (!isLast) frame.at = start;
          this.spend(at - start + 1);
          continue;
        }
        case RETURN: {
          const value = this.leaveWith(frame, code[at] as Of<'return'>);
          if (this.frames.length === 0) return value;
          frame = this.frames[this.frames.length - 1];
        }
      }
    }
  }

  /** Calls an operator of core; gives a promise where its answer must be waited for. */
  private operator(frame: Frame, instruction: Of<'op'>): Promise<unknown> | undefined {
    const { call } = instruction;
    const args = argumentsOf(frame, instruction);
    const result = call.run(args);
    if (call.mayWait && result instanceof Promise) return this.wait(result, frame, instruction, args);
    if (instruction.sole) this.own(frame, instruction, result);
    else this.finish(frame, instruction, args, result);
    return undefined;
  }

  /** Puts results into slots that alone have them. */
  private own(frame: Frame, { outs, drops, ends }: Of<'op'>, result: unknown): void {
    const { slots, hold } = frame;
    if (outs.length === 1) {
      slots[outs[0]] = result;
      hold[outs[0]] = ALONE;
    } else
      for (let i = 0; i < outs.length; i++) {
        slots[outs[i]] = (result as unknown[])[i];
        hold[outs[i]] = ALONE;
      }
    this.dropAfter(frame, drops, ends);
  }

  private call({ slots, plan }: Frame, instruction: Of<'call'>): void {
    const args = instruction.args.map((operand, i) => {
      const coerce = instruction.coerce[i];
      const value = read(slots, plan.constants, operand);
      return coerce ? coerce(value) : value;
    });
    const func = instruction.func ?? (args[0] as ScriptObject).type.methods.get(instruction.method)!;
    if (this.frames.length > 1000) throw new JitError('RecursionError', 'maximum recursion depth exceeded');
    const callee = planOf(func);
    this.spend(callee.code.length);
    this.push(callee, args, instruction.out);
  }

  /** Ends the frame and gives its value to the one below. */
  private leaveWith(frame: Frame, { value: from, coerce }: Of<'return'>): unknown {
    const raw = read(frame.slots, frame.plan.constants, from);
    const value = coerce ? coerce(raw) : raw;
    this.frames.pop();
    const below = this.frames[this.frames.length - 1];
    if (from >= 0 && frame.hold[from] === ALONE) {
      frame.hold[from] = LENT;
      if (below) this.owned?.made(value, []);
    }
    if (!below) this.owned?.escape(value);
    else this.set(below, frame.out, value);
    this.leave(frame);
    if (below) {
      const { drops, ends } = below.plan.code[below.at - 1];
      this.dropAfter(below, drops, ends);
    }
    return value;
  }

  /** A straight run of instructions is as long as the text; what repeats them is counted. */
  private spend(instructions: number): void {
    this.budget -= instructions;
    if (this.budget < 0)
      throw new JitError(
        'RuntimeError',
        'the program runs too long: it has used up the limit `instructions`',
      );
  }

  private move(frame: Frame, instruction: Extract<Instruction, { kind: 'move' }>): void {
    const { from, to, coerce, sole } = instruction;
    const { slots, hold, plan } = frame;
    const n = from.length;
    if (n === 0) return;
    if (n === 1 && sole[0] && coerce[0] === undefined) {
      this.hand(frame, from[0], to[0]);
      return;
    }
    const values = new Array<unknown>(n);
    const taken = new Array<boolean>(n);
    for (let i = 0; i < n; i++) {
      const operand = from[i];
      const raw = operand >= 0 ? slots[operand] : plan.constants[~operand];
      const change = coerce[i];
      values[i] = change === undefined ? raw : change(raw);
      if (sole[i]) {
        // Taken out of all before any is put in: two carried tensors may change places.
        taken[i] = operand >= 0 && hold[operand] === ALONE;
        if (taken[i]) hold[operand] = LENT;
      } else this.owned?.hold(values[i]);
    }
    for (let i = 0; i < n; i++) {
      const slot = to[i];
      if (hold[slot] === ALONE) {
        if (this.owned) (slots[slot] as Tensor).dispose();
      } else if (hold[slot] === COUNTED) this.owned?.drop(slots[slot]);
      slots[slot] = values[i];
      hold[slot] = !sole[i] ? COUNTED : taken[i] ? ALONE : LENT;
    }
  }

  /** A move of one tensor from slot to slot, or of one that is lent. */
  private hand({ slots, hold, plan }: Frame, from: number, to: number): void {
    if (hold[to] === ALONE && from !== to && this.owned) (slots[to] as Tensor).dispose();
    slots[to] = read(slots, plan.constants, from);
    const isAlone = from >= 0 && hold[from] === ALONE;
    if (isAlone) hold[from] = LENT;
    hold[to] = isAlone ? ALONE : LENT;
  }

  private dropAfter({ slots, hold }: Frame, drops: readonly number[], ends: readonly number[]): void {
    const { owned } = this;
    for (let i = 0; i < ends.length; i++) {
      const slot = ends[i];
      if (hold[slot] === ALONE && owned) (slots[slot] as Tensor).dispose();
      hold[slot] = COUNTED;
      slots[slot] = EMPTY;
    }
    for (let i = 0; i < drops.length; i++) {
      owned?.drop(slots[drops[i]]);
      slots[drops[i]] = EMPTY;
    }
  }

  private finish(frame: Frame, instruction: Calling, args: readonly unknown[], raw: unknown): void {
    const result = instruction.kind === 'op' ? converted(raw, instruction.call.result) : raw;
    if (this.owned) this.account(instruction, args, result);
    const { outs } = instruction;
    if (outs.length === 1) this.set(frame, outs[0], result === undefined ? null : result);
    else if (outs.length > 1)
      for (let i = 0; i < outs.length; i++) this.set(frame, outs[i], (result as unknown[])[i]);
    this.dropAfter(frame, instruction.drops, instruction.ends);
    if (this.owned && is_grad_enabled()) this.owned = null;
  }

  private account(
    { memory, outs }: { memory: Memory; outs: readonly number[] },
    args: readonly unknown[],
    result: unknown,
  ): void {
    const owned = this.owned!;
    if (memory === 'fresh' && outs.length > 1) for (const item of result as unknown[]) owned.made(item, args);
    else if (memory === 'fresh') owned.made(result, args);
    else if (memory === 'holds') owned.keep(result as object, args);
    else if (memory === 'stores') owned.store(args[0], args.slice(1));
    else if (memory === 'shares') owned.escape(result);
    else if (memory === 'escapes') {
      for (const arg of args) owned.escape(arg);
      owned.escape(result);
    }
  }

  /** An error that came while the innermost frame ran its last instruction; of an operator, or the interpreter's own. */
  private explainAt(error: unknown): unknown {
    const frame = this.frames.at(-1);
    const instruction = frame?.plan.code[frame.at - 1];
    return instruction?.kind === 'op' || instruction?.kind === 'run'
      ? this.explain(error, instruction)
      : error;
  }

  /** An error of an operator as one of the program, with the line of the program that called it. */
  private explain(error: unknown, { node }: Instruction): unknown {
    const place = node?.range ? location(node.range) : undefined;
    if (error instanceof JitError) {
      if (place !== undefined) error.place ??= place;
      return error;
    }
    if (error instanceof TorchError || !(error instanceof Error)) return error;
    return new JitError(
      'RuntimeError',
      `${error.message}${node ? ` (in ${node.kind}${place ? `, ${place}` : ''})` : ''}`,
      { cause: error },
    );
  }
}

/** Runs a function with its arguments in order; a promise only where it had to wait. */
export const execute = (
  func: Func,
  args: readonly unknown[],
  device: Device | null,
  budget = Number.POSITIVE_INFINITY,
): unknown => new Run(func, args, device, budget).resume();

objects.isLess = (a, b) => {
  const lessThan = a.type.methods.get('__lt__');
  if (!lessThan) throw new JitError('TypeError', `${a.type.leafName} has no __lt__ to be sorted by`);
  const answer = execute(lessThan, [a, b], ambient.device);
  if (answer instanceof Promise)
    throw new JitError(
      'RuntimeError',
      `sort: ${a.type.leafName}.__lt__ waits for a tensor's value, which a sort cannot`,
    );
  return answer === true;
};
