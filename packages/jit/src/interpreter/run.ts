/** Runs plans: at once while it can, waiting only where an operator's answer is a promise, freeing tensors as they die. */
import { TorchError } from '@sconce/core';
import { JitError } from '../errors.ts';
import { location } from '../frontend/source.ts';
import type { Func } from '../ir/function.ts';
import { type Device, is_grad_enabled, set_grad_enabled, Tensor } from '../ops/core.ts';
import type { ScriptObject } from '../ops/value.ts';
import { ambient } from './marshal.ts';
import { type Instruction, type Memory, type Plan, planOf } from './plan.ts';

interface Frame {
  readonly plan: Plan;
  readonly slots: unknown[];
  at: number;
  /** Where the result goes in the frame below. */
  readonly out: number;
}

const EMPTY = undefined;

/** Tensors that the run made, by how many slots and containers hold them; one that nothing holds is freed at once. */
class Ownership {
  private readonly counts = new Map<object, number>();
  private readonly contents = new Map<object, unknown[]>();

  hold(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    const count = this.counts.get(value);
    if (count !== undefined) this.counts.set(value, count + 1);
  }

  drop(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    const count = this.counts.get(value);
    if (count === undefined) return;
    if (count > 1) {
      this.counts.set(value, count - 1);
      return;
    }
    this.counts.delete(value);
    if (value instanceof Tensor) value.dispose();
    else {
      const held = this.contents.get(value);
      this.contents.delete(value);
      if (held) for (const item of held) this.drop(item);
    }
  }

  /** Takes note of what an operator gave; `args` tells what it merely handed on. */
  made(result: unknown, args: readonly unknown[]): void {
    if (result instanceof Tensor) {
      if (!this.counts.has(result) && !mentions(args, result)) this.counts.set(result, 0);
    } else if (Array.isArray(result)) {
      for (const item of result) if (item instanceof Tensor) this.made(item, args);
      this.keep(result, result);
    }
  }

  /** A container of these items lives as long as its slot, and they at least as long. */
  keep(container: object, items: readonly unknown[]): void {
    const held = [...items];
    for (const item of held) this.hold(item);
    this.counts.set(container, 0);
    this.contents.set(container, held);
  }

  /** More items go into a container; one that the run did not make may outlive it. */
  store(container: unknown, items: readonly unknown[]): void {
    const held = this.contents.get(container as object);
    for (const item of items) {
      const all = Array.isArray(item)
        ? [item, ...item]
        : item instanceof Map
          ? [item, ...item.keys(), ...item.values()]
          : [item];
      if (!held) for (const one of all) this.escape(one);
      else
        for (const one of all) {
          this.hold(one);
          held.push(one);
        }
    }
  }

  /** From here on the value belongs to someone else. */
  escape(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    this.counts.delete(value);
    const held = this.contents.get(value);
    this.contents.delete(value);
    if (held) for (const item of held) this.escape(item);
    if (Array.isArray(value)) for (const item of value) this.escape(item);
    else if (value instanceof Map)
      for (const [key, item] of value) {
        this.escape(key);
        this.escape(item);
      }
  }
}

function mentions(args: readonly unknown[], tensor: Tensor): boolean {
  for (const arg of args) if (arg === tensor || (Array.isArray(arg) && arg.includes(tensor))) return true;
  return false;
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
    /** Loop rounds and calls that it may make; for code that runs while an archive is read. */
    private budget: number,
  ) {
    this.owned = this.gradMode ? null : new Ownership();
    this.push(planOf(func), args, -1);
  }

  private push(plan: Plan, args: readonly unknown[], out: number): void {
    const slots = new Array<unknown>(plan.slots).fill(EMPTY);
    for (let i = 0; i < args.length; i++) {
      slots[i] = args[i];
      this.owned?.hold(args[i]);
    }
    this.frames.push({ plan, slots, at: 0, out });
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
      this.abandon();
      throw error;
    } finally {
      this.gradMode = is_grad_enabled();
      set_grad_enabled(outerGrad);
      ambient.device = outerDevice;
    }
  }

  private abandon(): void {
    for (const frame of this.frames) for (const value of frame.slots) this.owned?.drop(value);
    this.frames.length = 0;
  }

  private set(frame: Frame, slot: number, value: unknown): void {
    this.owned?.hold(value);
    frame.slots[slot] = value;
  }

  private steps(): unknown {
    let frame = this.frames[this.frames.length - 1];
    for (;;) {
      const { slots, plan } = frame;
      const { constants } = plan;
      const instruction = plan.code[frame.at++];
      const get = (operand: number): unknown => (operand >= 0 ? slots[operand] : constants[~operand]);
      switch (instruction.kind) {
        case 'run': {
          const args = new Array<unknown>(instruction.args.length);
          for (let i = 0; i < args.length; i++) args[i] = get(instruction.args[i]);
          let result: unknown;
          try {
            result = instruction.run(args);
          } catch (error) {
            throw this.explain(error, instruction);
          }
          if (result instanceof Promise) {
            const waiting = frame;
            return result.then(
              (value) => {
                this.finish(waiting, instruction, args, value);
                return this.resume();
              },
              (error) => {
                const explained = this.explain(error, instruction);
                this.abandon();
                throw explained;
              },
            );
          }
          this.finish(frame, instruction, args, result);
          continue;
        }
        case 'call': {
          this.spend();
          const args = instruction.args.map((operand, i) => {
            const coerce = instruction.coerce[i];
            return coerce ? coerce(get(operand)) : get(operand);
          });
          const func = instruction.func ?? (args[0] as ScriptObject).type.methods.get(instruction.method)!;
          if (this.frames.length > 1000)
            throw new JitError('RecursionError', 'maximum recursion depth exceeded');
          this.push(planOf(func), args, instruction.out);
          frame = this.frames[this.frames.length - 1];
          continue;
        }
        case 'move': {
          const { from, to, coerce } = instruction;
          if (from.length === 1) this.move(frame, to[0], coerce[0] ? coerce[0](get(from[0])) : get(from[0]));
          else if (from.length > 1) {
            const values = from.map((operand, i) => (coerce[i] ? coerce[i](get(operand)) : get(operand)));
            // All are held before any is dropped: two carried tensors may change places.
            if (this.owned) for (const value of values) this.owned.hold(value);
            for (let i = 0; i < to.length; i++) {
              this.owned?.drop(slots[to[i]]);
              slots[to[i]] = values[i];
            }
          }
          break;
        }
        case 'jump':
          frame.at = instruction.target;
          continue;
        case 'jumpUnless':
          if (!get(instruction.test)) frame.at = instruction.target;
          continue;
        case 'loop':
          slots[instruction.counter] = 0;
          if (!get(instruction.test) || (get(instruction.limit) as number) <= 0) frame.at = instruction.end;
          continue;
        case 'next': {
          const goOn = get(instruction.test);
          const count = (slots[instruction.counter] as number) + 1;
          slots[instruction.counter] = count;
          const { drops } = instruction;
          const isLast = !goOn || count >= (get(instruction.limit) as number);
          for (let i = 0; i < drops.length; i++) {
            this.owned?.drop(slots[drops[i]]);
            slots[drops[i]] = EMPTY;
          }
          if (!isLast) frame.at = instruction.start;
          this.spend();
          continue;
        }
        case 'return': {
          const raw = get(instruction.value);
          const value = instruction.coerce ? instruction.coerce(raw) : raw;
          this.frames.pop();
          const below = this.frames[this.frames.length - 1];
          if (!below) this.owned?.escape(value);
          else this.set(below, frame.out, value);
          if (this.owned) for (let i = 0; i < slots.length; i++) this.owned.drop(slots[i]);
          if (!below) return value;
          frame = below;
          this.dropAfter(frame, frame.plan.code[frame.at - 1]);
          continue;
        }
      }
      this.dropAfter(frame, instruction);
    }
  }

  private spend(): void {
    if (--this.budget < 0) throw new JitError('RuntimeError', 'the program runs too long');
  }

  private move(frame: Frame, to: number, value: unknown): void {
    this.owned?.hold(value);
    this.owned?.drop(frame.slots[to]);
    frame.slots[to] = value;
  }

  private dropAfter(frame: Frame, instruction: Instruction): void {
    const { drops } = instruction;
    for (let i = 0; i < drops.length; i++) {
      this.owned?.drop(frame.slots[drops[i]]);
      frame.slots[drops[i]] = EMPTY;
    }
  }

  private finish(
    frame: Frame,
    instruction: Extract<Instruction, { kind: 'run' }>,
    args: readonly unknown[],
    result: unknown,
  ): void {
    if (this.owned) this.account(instruction, args, result);
    const { outs } = instruction;
    if (outs.length === 1) this.set(frame, outs[0], result === undefined ? null : result);
    else if (outs.length > 1)
      for (let i = 0; i < outs.length; i++) this.set(frame, outs[i], (result as unknown[])[i]);
    this.dropAfter(frame, instruction);
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
