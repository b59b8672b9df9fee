/** Branches, loops and comprehensions: nodes whose blocks are compiled in place, and what is known of variables behind them. */
import { type Block, maxTripCount, type Value } from '../ir/graph.ts';
import { unify } from '../ir/type-relations.ts';
import { typeName } from '../ir/type-text.ts';
import { dictOf, IntT, type JitType, listOf, StrT, TensorT } from '../ir/types.ts';
import { Assignments } from './assignments.ts';
import type { Block as Body, Expr } from './ast.ts';
import type { Condition } from './conditions.ts';
import type { Frame } from './environment.ts';
import { CompileError, type Range } from './source.ts';
import type { Sugared } from './sugared.ts';

export abstract class ControlFlow extends Assignments {
  /** Blocks that end in a return or a raise. */
  protected readonly exits = new Set<Block>();
  /** What the statement that is compiled stands in. */
  protected loop: 'none' | 'loop' | 'unrolled' = 'none';

  protected abstract body(statements: Body): void;

  protected branches(condition: Condition, body: Body, orElse: Body, range: Range): void {
    const { builder, variables } = this;
    const { known } = condition;
    if (known !== undefined) {
      this.refine(known ? condition.whenTrue : condition.whenFalse, range);
      this.body(known ? body : orElse);
      return;
    }
    const node = builder.node('prim::If', [condition.value], [], range);
    const [trueBlock, falseBlock] = [node.addBlock(), node.addBlock()];
    const emit = (block: Block, statements: Body, refinements: Condition['whenTrue']): Frame => {
      variables.push(block);
      this.within(block, () => {
        this.refine(refinements, range);
        this.body(statements);
      });
      return variables.pop();
    };
    const yes = emit(trueBlock, body, condition.whenTrue);
    const no = emit(falseBlock, orElse, condition.whenFalse);
    const [yesExits, noExits] = [this.exits.has(trueBlock), this.exits.has(falseBlock)];
    if (yesExits && noExits) this.exits.add(variables.block);
    const changed = new Set<string>();
    const collect = (own: Frame, other: Frame, block: Block, otherExits: boolean, branch: string): void => {
      for (const name of own.types.keys())
        if (this.within(block, () => variables.find(other, name)) || otherExits) changed.add(name);
        else
          variables.explain(
            name,
            () => new CompileError(`${name} is not defined in the ${branch} branch`, range),
          );
    };
    collect(yes, no, falseBlock, noExits, 'false');
    collect(no, yes, trueBlock, yesExits, 'true');
    for (const name of [...changed].sort()) this.join(name, { yes, no, trueBlock, falseBlock }, range);
  }

  /** Makes a variable that a branch changes known after the branches. */
  private join(
    name: string,
    at: { yes: Frame; no: Frame; trueBlock: Block; falseBlock: Block },
    range: Range,
  ): void {
    const { variables } = this;
    const read = (frame: Frame, block: Block): JitType | undefined => {
      if (this.exits.has(block)) return undefined;
      const found = this.within(block, () => variables.find(frame, name));
      return found?.kind === 'value' ? found.value.type : undefined;
    };
    const yes = read(at.yes, at.trueBlock);
    const no = read(at.no, at.falseBlock);
    if (!yes && !no) return;
    if (!yes) this.placeholder(at.trueBlock, name, no!);
    if (!no) this.placeholder(at.falseBlock, name, yes!);
    const outer = variables.get(name);
    const before = outer?.kind === 'value' ? outer.value.type : undefined;
    const toUnion = before?.kind === 'Union' || before?.kind === 'Optional' || before?.kind === 'number';
    const type = unify(yes ?? no!, no ?? yes!, toUnion || this.resolver.dialect === 'archive');
    if (type) {
      variables.setType(name, type);
      return;
    }
    const problem = new CompileError(
      `Type mismatch: ${name} is set to type ${typeName(yes!)} in the true branch and type ${typeName(no!)} in the false branch`,
      range,
    );
    if (outer) throw problem;
    variables.explain(name, () => problem);
  }

  /** A branch that never gets to its end still has to hand out the variables that the other one defines. */
  private placeholder(block: Block, name: string, type: JitType): void {
    this.within(block, () => {
      const value = this.builder.node('prim::Uninitialized', [], [type]).output;
      this.builder.node('prim::Store', [value], []).name = name;
    });
  }

  protected whileLoop(test: Expr, emitBody: () => void, range: Range): void {
    const trips = this.builder.number(maxTripCount, false, range);
    this.loopNode(trips, range, test, emitBody);
  }

  protected forLoop(target: Expr, iterableExpr: Expr, emitBody: () => void, range: Range): void {
    const iterable = this.iterable(this.sugared(iterableExpr), range);
    const length = this.staticLength(iterable);
    if (length !== undefined) {
      this.unrolled(iterable, length, target, emitBody, range);
      return;
    }
    const trips = this.lengthOf(iterable, range);
    this.loopNode(trips, range, undefined, emitBody, (trip) => {
      const item = this.valueOf(this.itemAt(iterable, trip, range), range);
      this.bind(target, { kind: 'value', value: item }, range);
    });
  }

  private loopNode(
    trips: Value,
    range: Range,
    test: Expr | undefined,
    emitBody: () => void,
    prologue?: (trip: Value) => void,
  ): void {
    const { builder, variables } = this;
    const node = builder.graph.create('prim::Loop');
    node.range = range;
    const bodyBlock = node.addBlock();
    const conditionBlock = node.addBlock();
    variables.push(conditionBlock);
    const condition = test
      ? this.within(conditionBlock, () => this.toBool(this.expression(test), test.range))
      : builder.bool(true, range);
    conditionBlock.returnNode.addInput(condition);
    variables.pop();
    builder.insert(node);
    node.addInput(trips);
    const outer = this.loop;
    this.loop = 'loop';
    const trip = bodyBlock.paramNode.addOutput(IntT);
    variables.push(bodyBlock);
    this.within(bodyBlock, () => {
      prologue?.(trip);
      emitBody();
    });
    variables.pop();
    this.loop = outer;
  }

  /** Over tuples and lists of modules, whose items may differ in type: the body once for each. */
  private unrolled(
    iterable: Sugared,
    length: number,
    target: Expr,
    emitBody: () => void,
    range: Range,
  ): void {
    const outer = this.loop;
    this.loop = 'unrolled';
    for (let i = 0; i < length; i++) {
      const index = this.builder.number(i, false, range);
      this.bind(target, this.itemAt(iterable, index, range), range);
      emitBody();
    }
    this.loop = outer;
  }

  protected override comprehension(
    expr: Extract<Expr, { kind: 'comprehension' | 'dictComprehension' }>,
    hint?: JitType,
  ): Value {
    const { builder, variables } = this;
    const { range, target, iterable } = expr;
    const isList = expr.kind === 'comprehension';
    const wanted = hint?.kind === 'Optional' ? hint.element : hint;
    if (wanted && wanted.kind !== 'Any' && wanted.kind !== (isList ? 'List' : 'Dict'))
      throw new CompileError(
        `Expected ${isList ? 'list' : 'Dict'} type annotation for ${isList ? 'list' : 'dict'} comprehension, found ${typeName(wanted)}`,
        range,
      );
    const typed = wanted?.kind === 'List' || wanted?.kind === 'Dict' ? wanted : undefined;
    const result = builder.node(
      isList ? 'prim::ListConstruct' : 'prim::DictConstruct',
      [],
      [typed ?? (isList ? listOf(TensorT) : dictOf(StrT, TensorT))],
    ).output;
    let isTyped = typed !== undefined;
    const scope = builder.node('prim::ComprehensionScope', [], [], range);
    const block = scope.addBlock();
    variables.push(block);
    const emitBody = (): void => {
      if (expr.kind === 'comprehension') {
        const element = this.expression(expr.element, typed?.kind === 'List' ? typed.element : undefined);
        if (!isTyped) result.type = listOf(element.type);
        isTyped = true;
        builder.callBuiltin(
          'aten::append',
          [{ value: element, range }],
          [],
          { value: result, range, name: 'self' },
          range,
        );
        return;
      }
      const key = this.expression(expr.key, typed?.kind === 'Dict' ? typed.key : undefined);
      const value = this.expression(expr.value, typed?.kind === 'Dict' ? typed.value : undefined);
      if (!isTyped) result.type = dictOf(key.type, value.type);
      isTyped = true;
      builder.builtin('aten::_set_item', [result, key, value], range);
    };
    this.within(block, () => this.forLoop(target, iterable, emitBody, range));
    variables.pop();
    return result;
  }
}
