/** A mobile function's instructions back to a graph: its jumps become branches and loops. */
import type { Block, Graph, Node, Value } from '../ir/graph.ts';
import { typesEqual, unify } from '../ir/type-relations.ts';
import { AnyT, IntT, type JitType } from '../ir/types.ts';
import { StackMachine } from './stack-machine.ts';

export class Decompiler extends StackMachine {
  /** The graph of the function, whose arguments have these types. */
  graph(types: readonly JitType[]): Graph {
    const { builder, code } = this;
    const { graph } = builder;
    for (const [i, type] of types.entries()) {
      const value = graph.block.paramNode.addOutput(type);
      const name = code.arguments?.[i]?.name;
      if (name) value.setDebugName(`${name}.1`);
      this.stack.push(value);
    }
    this.stretch(0, code.instructions.length);
    graph.block.returnNode.addInput(this.pop());
    return graph;
  }

  /** Instructions from `at` up to `end`, with the branches and loops between. */
  private stretch(at: number, end: number): void {
    while (at < end) {
      const [code, x, n] = this.code.instructions[at];
      if (code === 'JF') at = this.branch(at, x);
      else if (code === 'LOOP') at = this.loop(at, x, n);
      else if (code === 'RET') return;
      else if (code === 'JMP') throw this.bad(`jumps from ${at} to where no branch and no loop goes`);
      else {
        this.step(code, x, n);
        at++;
      }
    }
  }

  /** The target of a jump, which must go forward within the code. */
  private target(at: number, by: number): number {
    const to = at + by;
    if (to <= at || to > this.code.instructions.length) throw this.bad(`jumps from ${at} to ${to}`);
    return to;
  }

  /** Runs `body` on a block of its own: what it leaves on the stack is the block's. */
  private within(block: Block, body: () => void): Value[] {
    const outer = this.builder.block;
    const depth = this.stack.length;
    const registers = this.registers;
    this.builder.block = block;
    this.registers = new Map(registers);
    body();
    this.builder.block = outer;
    this.registers = registers;
    if (this.stack.length < depth) throw this.bad('takes from its stack what a branch did not put there');
    return this.stack.splice(depth);
  }

  /** `JF` over a branch, which ends with a jump over the other one. Returns where it goes on. */
  private branch(at: number, by: number): number {
    const otherwise = this.target(at, by);
    const leave = this.code.instructions[otherwise - 1];
    if (leave[0] !== 'JMP') throw this.bad(`has a branch at ${at} that does not end in a jump`);
    const end = this.target(otherwise - 1, leave[1]);
    const node = this.builder.node('prim::If', [this.pop()], [], this.range);
    const [whenTrue, whenFalse] = [node.addBlock(), node.addBlock()];
    const before = [...this.stack];
    const first = this.within(whenTrue, () => this.stretch(at + 1, otherwise - 1));
    this.stack = before;
    const second = this.within(whenFalse, () => this.stretch(otherwise, end));
    if (first.length !== second.length) throw this.bad(`has branches at ${at} with unlike results`);
    for (const [i, value] of first.entries()) {
      whenTrue.returnNode.addInput(value);
      whenFalse.returnNode.addInput(second[i]);
      this.stack.push(node.addOutput(together(value, second[i])));
    }
    return end;
  }

  /** `LOOP` over a body, which ends with a jump back to it. Below what is carried stand a counter, the limit and the condition. */
  private loop(at: number, by: number, count: number): number {
    const end = this.target(at, by);
    const back = this.code.instructions[end - 1];
    if (back[0] !== 'JMP' || end - 1 + back[1] !== at)
      throw this.bad(`has a loop at ${at} that does not come back`);
    const carried = this.take(count - 2);
    const [, limit, condition] = this.take(3);
    let types = carried.map(({ type }) => type);
    for (;;) {
      const node = this.builder.node('prim::Loop', [limit, condition, ...carried], [], this.range);
      const results = this.body(node, types, at + 1, end - 1);
      const met = results.map((type, i) => unify(types[i], type) ?? AnyT);
      if (met.every((type, i) => typesEqual(type, types[i]))) {
        for (const type of types) this.stack.push(node.addOutput(type));
        return end;
      }
      // What a round leaves is of a wider type than what came in: once more, with that.
      node.destroy();
      types = met;
    }
  }

  /** The types of what one round of the loop leaves. */
  private body(node: Node, types: readonly JitType[], start: number, end: number): readonly JitType[] {
    const block = node.addBlock();
    const trip = block.paramNode.addOutput(IntT);
    const params = types.map((type) => block.paramNode.addOutput(type));
    const results = this.within(block, () => {
      // The counter and the limit, which the body leaves where they are.
      this.stack.push(trip, trip, trip, ...params);
      this.stretch(start, end);
    });
    if (results.length !== types.length + 3) throw this.bad('has a loop that leaves too much or too little');
    const [, , ...rest] = results;
    for (const value of rest) block.returnNode.addInput(value);
    return rest.slice(1).map(({ type }) => type);
  }
}

/** The type of a value that comes out of either of two branches; one that was never set says nothing. */
function together(a: Value, b: Value): JitType {
  const isUnset = ({ node }: Value): boolean => node.kind === 'prim::Uninitialized';
  if (isUnset(a)) return a.setType(b.type).type;
  if (isUnset(b)) return b.setType(a.type).type;
  return unify(a.type, b.type) ?? AnyT;
}
