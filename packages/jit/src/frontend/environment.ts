/** Variables while a function is compiled: reads and writes become `prim::Load` and `prim::Store` nodes, one frame per block. */
import type { Block, Value } from '../ir/graph.ts';
import { isSubtype } from '../ir/type-relations.ts';
import { typeName } from '../ir/type-text.ts';
import type { JitType } from '../ir/types.ts';
import type { GraphBuilder } from './builder.ts';
import { convertTo } from './match.ts';
import { CompileError, type Range } from './source.ts';
import { describe, type Sugared } from './sugared.ts';

/** The variables of one block; loads that a look-up needs are appended where the builder stands. */
export interface Frame {
  readonly block: Block;
  readonly parent?: Frame;
  readonly types: Map<string, JitType>;
  readonly values: Map<string, Sugared>;
}

/** Whether graphs show this name: `_`, `_0` and `$…` are a printer's or a pass's, not the author's. */
export const isMeaningful = (name: string): boolean => name !== '' && name[0] !== '$' && !/^_\d*$/.test(name);

export class Environment {
  private frame?: Frame;
  /** Why a variable that one branch sets cannot be used after it. */
  private readonly problems = new Map<string, () => CompileError>();

  constructor(
    private readonly builder: GraphBuilder,
    /** Whether a module that gets a name is no value of a variable, as in Python, where another may never take its place. */
    private readonly namesModules: boolean,
  ) {}

  get block(): Block {
    return this.frame!.block;
  }

  push(block: Block): void {
    this.frame = { block, ...(this.frame && { parent: this.frame }), types: new Map(), values: new Map() };
  }

  pop(): Frame {
    const frame = this.frame!;
    this.frame = frame.parent;
    return frame;
  }

  /** Gives a name a meaning without a variable behind it. */
  bind(name: string, sugared: Sugared): void {
    this.frame!.values.set(name, sugared);
  }

  /** What a later use of the variable is told. */
  explain(name: string, problem: () => CompileError): void {
    this.problems.set(name, problem);
  }

  undefined(name: string, range: Range): CompileError {
    const problem = this.problems.get(name)?.();
    if (problem) return new CompileError(`${problem.message}\nand was used here`, range);
    return new CompileError(`undefined value ${name}`, range);
  }

  /** The type that a branch's end must have known. */
  setType(name: string, type: JitType): void {
    this.frame!.types.set(name, type);
  }

  get(name: string, range?: Range): Sugared | undefined {
    return this.find(this.frame, name, range);
  }

  /** Looks a variable up from this frame outwards. Every look-up that finds a value loads it. */
  find(from: Frame | undefined, name: string, range?: Range): Sugared | undefined {
    for (let frame = from; frame; frame = frame.parent) {
      const sugared = frame.values.get(name);
      if (sugared) return sugared;
      const type = frame.types.get(name);
      if (type) return { kind: 'value', value: this.load(name, type, range) };
    }
    return undefined;
  }

  private load(name: string, type: JitType, range?: Range): Value {
    const node = this.builder.node('prim::Load', [], [type], range);
    node.name = name;
    if (isMeaningful(name)) node.output.setDebugName(name);
    return node.output;
  }

  remove(name: string, range: Range): void {
    let isRemoved = false;
    for (let frame = this.frame; frame; frame = frame.parent) {
      const had = frame.values.delete(name);
      isRemoved = frame.types.delete(name) || had;
    }
    if (!isRemoved) throw this.undefined(name, range);
  }

  set(name: string, sugared: Sugared, range: Range, annotated?: JitType): void {
    let value = sugared.kind === 'value' ? sugared.value : undefined;
    if (value && !value.hasDebugName && isMeaningful(name) && value.node.owner === this.frame!.block)
      value.setDebugName(name);
    const outer = this.find(this.frame!.parent, name, range);
    if (outer) {
      if (annotated)
        throw new CompileError(
          `Attempting to declare and annotate the type of variable '${name}' but it is already defined in an outer block`,
          range,
        );
      if (!value)
        throw new CompileError(
          `Cannot re-assign '${name}' to a value of type ${describe(sugared)} because ${name} is not a first-class value.  Only reassignments to first-class values are allowed`,
          range,
        );
      if (outer.kind !== 'value')
        throw new CompileError(
          `Cannot re-assign '${name}' because it has type ${describe(sugared)} and ${name} is not a first-class value.  Only reassignments to first-class values are allowed`,
          range,
        );
      value = convertTo(this.builder, range, outer.value.type, value, true);
      this.check(name, outer.value.type, value.type, range);
    }
    if (!value || (!outer && this.namesModules && value.type.kind === 'Class' && value.type.isModule)) {
      this.frame!.values.set(name, sugared);
      return;
    }
    if (annotated && !isSubtype(value.type, annotated))
      throw new CompileError(
        `Variable '${name}' is annotated with type ${typeName(annotated)} but is being assigned to a value of type ${typeName(value.type)}`,
        range,
      );
    const store = this.builder.node('prim::Store', [value], [], range);
    store.name = name;
    this.frame!.types.set(name, annotated ?? value.type);
    this.frame!.values.delete(name);
  }

  private check(name: string, before: JitType, now: JitType, range: Range): void {
    if (isSubtype(now, before)) return;
    const hint =
      before.kind === 'List' && now.kind === 'List'
        ? '\nEmpty lists default to List[Tensor]. Add a variable annotation to the assignment to create an empty list of another type (torch.jit.annotate(List[T, []]) where T is the type of elements in the list for Python 2)'
        : '';
    throw new CompileError(
      `Variable '${name}' previously had type ${typeName(before)} but is now being assigned to a value of type ${typeName(now)}${hint}\n`,
      range,
    );
  }
}
