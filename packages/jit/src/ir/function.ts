/** A TorchScript function or method: its signature, and its graph, compiled when it is first asked for. */
import { TorchError } from '@sconce/core';
import type { Graph } from './graph.ts';
import type { JitType } from './types.ts';

export interface Param {
  readonly name: string;
  readonly type: JitType;
  readonly hasDefault: boolean;
  /** The interpreter's value of the default; undefined without one. */
  readonly default?: unknown;
  readonly kwargOnly: boolean;
  /** How often one number counts where a list is wanted: `BroadcastingList2[int]`. */
  readonly size?: number;
}

export interface Signature {
  readonly name: string;
  readonly params: readonly Param[];
  readonly returns: JitType;
}

export class Func {
  private compiled?: Graph;
  private compiling = false;

  constructor(
    /** Qualified for functions; a method's own name. */
    readonly name: string,
    private readonly readSignature: () => Signature,
    private readonly compile: (func: Func) => Graph,
    /** The text of its definition, when it came from text. */
    readonly code?: () => string,
    /** The operators that its text names, known without compiling it. */
    readonly called: () => readonly string[] = () => [],
  ) {}

  private known?: Signature;

  /** Whether its own compilation is under way. */
  get isCompiling(): boolean {
    return this.compiling;
  }

  get signature(): Signature {
    return (this.known ??= this.readSignature());
  }

  get graph(): Graph {
    if (!this.compiled) {
      if (this.compiling)
        throw new TorchError(
          `function '${this.name}' is called recursively. Recursive calls are not supported`,
        );
      this.compiling = true;
      try {
        this.compiled = this.compile(this);
      } finally {
        this.compiling = false;
      }
    }
    return this.compiled;
  }
}
