/** Conditions: what they prove about types, what is decided while compiling, and expressions that branch. */
import type { Value } from '../ir/graph.ts';
import { isSubtype, typesEqual, unify, unionOf } from '../ir/type-relations.ts';
import { annotation, typeName } from '../ir/type-text.ts';
import { AnyT, BoolT, type JitType, NoneT } from '../ir/types.ts';
import type { Expr } from './ast.ts';
import { Expressions } from './expressions.ts';
import { CompileError, type Range } from './source.ts';
import { typeOfExpression } from './type-expression.ts';

/** Within a branch this variable has this type. */
interface Refinement {
  readonly name: string;
  readonly type: JitType;
}

type Refinements = readonly Refinement[];

export interface Condition {
  readonly value: Value;
  readonly whenTrue: Refinements;
  readonly whenFalse: Refinements;
  /** Decided while compiling: only one branch is compiled. */
  readonly known?: boolean;
}

/** What holds where both hold; of two claims about one variable, neither unless they agree. */
const both = (a: Refinements, b: Refinements): Refinements => {
  const result = [...a];
  for (const claim of b) {
    const at = result.findIndex((other) => other.name === claim.name);
    if (at < 0) result.push(claim);
    else if (!typesEqual(result[at].type, claim.type)) result.splice(at, 1);
  }
  return result;
};

/** What holds where one of them holds. */
const either = (a: Refinements, b: Refinements): Refinements =>
  a.filter((claim) => b.some((other) => other.name === claim.name && typesEqual(other.type, claim.type)));

const parts = (type: JitType): readonly JitType[] =>
  type.kind === 'Optional' ? [type.element, NoneT] : type.kind === 'Union' ? type.members : [type];

type Noneness = 'always' | 'maybe' | 'never';

function noneness(value: Value): Noneness {
  if (value.type.kind === 'None') return 'always';
  if (value.node.kind === 'prim::Constant' && value.node.constant?.value === null) return 'always';
  return parts(value.type).some((type) => type.kind === 'None') ? 'maybe' : 'never';
}

export abstract class Conditions extends Expressions {
  protected abstract hasAttribute(object: Expr, name: Expr, range: Range): boolean;

  /** Expressions whose meaning is a branch; undefined for any other. */
  protected override logical(
    expr: Extract<Expr, { kind: 'unary' | 'binary' | 'conditional' }>,
    hint?: JitType,
  ): Value | undefined {
    if (expr.kind === 'conditional') return this.ternary(expr, hint);
    const op = expr.op as string;
    if (['not', 'and', 'or', 'is', 'is not'].includes(op)) return this.condition(expr).value;
    return undefined;
  }

  protected condition(expr: Expr): Condition {
    const { builder } = this;
    const { range } = expr;
    if (expr.kind === 'binary' && (expr.op === 'and' || expr.op === 'or'))
      return this.shortCircuit(expr.op === 'or', expr.left, expr.right, range);
    if (expr.kind === 'unary' && expr.op === 'not') {
      const { value, whenTrue, whenFalse, known } = this.condition(expr.operand);
      return {
        value: builder.builtin('aten::__not__', [value], range),
        whenTrue: whenFalse,
        whenFalse: whenTrue,
        ...(known !== undefined && { known: !known }),
      };
    }
    if (expr.kind === 'binary' && (expr.op === 'is' || expr.op === 'is not'))
      return this.identity(expr.op === 'is', expr.left, expr.right, range);
    if (expr.kind === 'call') {
      const form = expr.callee.kind === 'name' ? expr.callee.name : '';
      if (form === 'isinstance') return this.isinstance(expr.args, range);
      if (form === 'hasattr') {
        this.needArguments('hasattr', expr.args, 2, range);
        return this.decided(this.hasAttribute(expr.args[0], expr.args[1], range), range);
      }
      // torch::jit looks at what is called before it calls it.
      const callee = this.sugared(expr.callee);
      if (callee.kind === 'special' && callee.form === 'isinstance') return this.isinstance(expr.args, range);
    }
    const value = this.toBool(this.expression(expr), range);
    const constant = value.node.kind === 'prim::Constant' ? value.node.constant?.value : undefined;
    const known =
      value.node.kind === 'aten::is_scripting'
        ? true
        : value.node.kind === 'aten::has_torch_function'
          ? false
          : typeof constant === 'boolean'
            ? constant
            : undefined;
    return { value, whenTrue: [], whenFalse: [], ...(known !== undefined && { known }) };
  }

  protected needArguments(form: string, args: readonly Expr[], count: number, range: Range): void {
    if (args.length !== count)
      throw new CompileError(`${form} expected exactly ${count} arguments but found ${args.length}`, range);
  }

  private decided(
    known: boolean,
    range: Range,
    whenTrue: Refinements = [],
    whenFalse: Refinements = [],
  ): Condition {
    return { value: this.builder.bool(known, range), whenTrue, whenFalse, known };
  }

  private identity(isIs: boolean, leftExpr: Expr, rightExpr: Expr, range: Range): Condition {
    const left = this.expression(leftExpr);
    const right = this.expression(rightExpr);
    const [a, b] = [noneness(left), noneness(right)];
    if (a === 'always' && b === 'always') return this.decided(isIs, range);
    if ((a === 'always' && b === 'never') || (a === 'never' && b === 'always'))
      return this.decided(!isIs, range);
    const value = this.builder.builtin(isIs ? 'aten::__is__' : 'aten::__isnot__', [left, right], range);
    const isNone = (expr: Expr) => expr.kind === 'constant' && expr.value === null;
    const [expr, tested] = isNone(rightExpr) ? [leftExpr, left] : [rightExpr, right];
    if (!(isNone(leftExpr) || isNone(rightExpr)) || expr.kind !== 'name')
      return { value, whenTrue: [], whenFalse: [] };
    const rest = parts(tested.type).filter((type) => type.kind !== 'None');
    const present =
      rest.length > 0 && rest.length < parts(tested.type).length
        ? [{ name: expr.name, type: unionOf(rest) }]
        : [];
    return isIs ? { value, whenTrue: [], whenFalse: present } : { value, whenTrue: present, whenFalse: [] };
  }

  protected isinstance(args: readonly Expr[], range: Range): Condition {
    this.needArguments('isinstance', args, 2, range);
    const [expr, typesExpr] = args;
    const value = this.expression(expr);
    const gather = (e: Expr): JitType[] =>
      e.kind === 'tuple' ? e.items.flatMap(gather) : [typeOfExpression(e, this.resolver)];
    const wanted = gather(typesExpr);
    const yes: JitType[] = [];
    const no: JitType[] = [];
    let isAlways = true;
    for (const type of parts(value.type)) {
      if (type.kind === 'Any') {
        yes.push(...wanted);
        no.push(AnyT);
        isAlways = wanted.length === 1 && wanted[0].kind === 'Any';
        break;
      }
      // The narrower of the two holds in the branch: a subclass of what was asked for, or one of what the value was.
      const match = wanted.find((asked) => isSubtype(type, asked));
      if (match) {
        yes.push(type);
        continue;
      }
      const narrower = wanted.find((asked) => isSubtype(asked, type));
      isAlways = false;
      no.push(type);
      if (narrower) yes.push(narrower);
    }
    const refine = (types: readonly JitType[]): Refinements =>
      expr.kind === 'name' && types.length > 0
        ? [{ name: expr.name, type: types.reduce((a, b) => unify(a, b, true)!) }]
        : [];
    const whenTrue = refine(yes);
    const whenFalse = refine(no);
    if (yes.length === 0) return this.decided(false, expr.range, whenTrue, whenFalse);
    if (isAlways) return this.decided(true, expr.range, whenTrue, whenFalse);
    const node = this.builder.node('prim::isinstance', [value], [BoolT]);
    // Each once, in the order of their names.
    node.types = wanted
      .filter((type, i) => wanted.findIndex((other) => typesEqual(other, type)) === i)
      .toSorted((a, b) => (annotation(a) < annotation(b) ? -1 : 1));
    return { value: node.output, whenTrue, whenFalse };
  }

  private shortCircuit(isOr: boolean, left: Expr, right: Expr, range: Range): Condition {
    const first = this.condition(left);
    let second: Condition | undefined;
    const constant = () => this.builder.bool(isOr, range);
    const rest = () => {
      second = this.condition(right);
      return second.value;
    };
    const value = isOr
      ? this.branchExpression(first, constant, rest, range)
      : this.branchExpression(first, rest, constant, range);
    const { whenTrue, whenFalse, known } = second!;
    let decided: boolean | undefined;
    // Either one that decides alone does.
    if (first.known === isOr || known === isOr) decided = isOr;
    else if (first.known !== undefined && known !== undefined) decided = !isOr;
    return {
      value,
      whenTrue: isOr ? either(first.whenTrue, whenTrue) : both(first.whenTrue, whenTrue),
      whenFalse: isOr ? both(first.whenFalse, whenFalse) : either(first.whenFalse, whenFalse),
      ...(decided !== undefined && { known: decided }),
    };
  }

  private ternary(expr: Extract<Expr, { kind: 'conditional' }>, hint?: JitType): Value {
    const condition = this.condition(expr.test);
    if (condition.known !== undefined)
      return this.expression(condition.known ? expr.body : expr.orElse, hint);
    return this.branchExpression(
      condition,
      () => this.expression(expr.body, hint),
      () => this.expression(expr.orElse, hint),
      expr.range,
    );
  }

  /** A value that one of two branches computes. */
  protected branchExpression(
    condition: Condition,
    whenTrue: () => Value,
    whenFalse: () => Value,
    range: Range,
  ): Value {
    const node = this.builder.node('prim::If', [condition.value], [], range);
    const blocks = [node.addBlock(), node.addBlock()];
    const branch = (i: number, refinements: Refinements, emit: () => Value): JitType => {
      this.variables.push(blocks[i]);
      const value = this.within(blocks[i], () => {
        this.refine(refinements, range);
        return emit();
      });
      blocks[i].returnNode.addInput(value);
      this.variables.pop();
      return value.type;
    };
    const yes = branch(0, condition.whenTrue, whenTrue);
    const no = branch(1, condition.whenFalse, whenFalse);
    const type = unify(yes, no, true);
    if (!type)
      throw new CompileError(
        `if-expression's true branch has type ${typeName(yes)} but false branch has type ${typeName(no)}`,
        range,
      );
    return node.addOutput(type);
  }

  /** Gives the variables the types that hold from here on. */
  protected refine(refinements: Refinements, range: Range): void {
    for (const { name, type } of refinements) {
      const before = this.variables.get(name, range);
      if (before?.kind !== 'value') continue;
      this.variables.set(name, { kind: 'value', value: this.uncheckedCast(before.value, type) }, range);
    }
  }
}
