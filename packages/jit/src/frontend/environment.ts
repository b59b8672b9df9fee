/** Variables while a function is compiled: reads and writes become `prim::Load` and `prim::Store` nodes, one frame per block. */
import type { Block, Value } from '../ir/graph.ts';
import { annotation, isSubtype, type JitType } from '../ir/types.ts';
import type { GraphBuilder } from './builder.ts';
import { convertTo } from './match.ts';
import { CompileError, type Range } from './source.ts';
import type { Sugared } from './sugared.ts';

interface Frame {
  readonly block: Block;
  readonly parent?: Frame;
  readonly types: Map<string, JitType>;
  readonly values: Map<string, Sugared>;
}

/** Whether graphs show this name: `_`, `_0` and `$…` are a printer's or a pass's, not the author's. */
export const isMeaningful = (name: string): boolean => name !== '' && name[0] !== '$' && !/^_\d*$/.test(name);

export class Environment {
  private frame?: Frame;

  constructor(private readonly builder: GraphBuilder) {}

  push(block: Block): void {
    this.frame = { block, ...(this.frame && { parent: this.frame }), types: new Map(), values: new Map() };
  }

  /** Ends the innermost frame and returns the variables it defined, with their types. */
  pop(): ReadonlyMap<string, JitType> {
    const { types, parent } = this.frame!;
    this.frame = parent;
    return types;
  }

  typeOf(name: string): JitType | undefined {
    for (let frame = this.frame; frame; frame = frame.parent) {
      const type = frame.types.get(name);
      if (type) return type;
    }
    return undefined;
  }

  /** The type that a branch's end must have known: in that branch, else outside. */
  setType(name: string, type: JitType): void {
    this.frame!.types.set(name, type);
  }

  get(name: string, range: Range): Sugared | undefined {
    for (let frame = this.frame; frame; frame = frame.parent) {
      const sugared = frame.values.get(name);
      if (sugared) return sugared;
      const type = frame.types.get(name);
      if (type) return { kind: 'value', value: this.load(name, type, range) };
    }
    return undefined;
  }

  /** Reads a variable for its number's and name's sake only: where torch::jit looks a variable up, graphs show it. */
  touch(name: string, type: JitType, times: number, range: Range): void {
    for (let i = 0; i < times; i++) this.load(name, type, range);
  }

  private load(name: string, type: JitType, range: Range): Value {
    const node = this.builder.node('prim::Load', [], [type], range);
    node.name = name;
    if (isMeaningful(name)) node.output.setDebugName(name);
    return node.output;
  }

  set(name: string, sugared: Sugared, range: Range, annotated?: JitType): void {
    if (sugared.kind !== 'value') {
      this.frame!.values.set(name, sugared);
      return;
    }
    let { value } = sugared;
    if (!value.hasDebugName && isMeaningful(name) && value.node.owner === this.frame!.block)
      value.setDebugName(name);
    let outer: JitType | undefined;
    for (let frame = this.frame!.parent; frame && !outer; frame = frame.parent) outer = frame.types.get(name);
    if (outer) {
      // torch::jit looks at the outer variable through a load, whose number and name show in what follows.
      this.load(name, outer, range);
      value = convertTo(this.builder, range, outer, value, true);
      if (!isSubtype(value.type, outer))
        throw new CompileError(
          `Variable '${name}' previously had type ${annotation(outer)} but is now being assigned to a value of type ${annotation(value.type)}`,
          range,
        );
    }
    if (annotated && !isSubtype(value.type, annotated))
      throw new CompileError(
        `Variable '${name}' is annotated with type ${annotation(annotated)} but is being assigned to a value of type ${annotation(value.type)}`,
        range,
      );
    const store = this.builder.node('prim::Store', [value], [], range);
    store.name = name;
    this.frame!.types.set(name, annotated ?? value.type);
    this.frame!.values.delete(name);
  }
}
