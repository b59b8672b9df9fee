/** Classes that hold no code: what NamedTuples, enums and interfaces declare. */
import {
  BoolT,
  EnumType,
  EnumValue,
  FloatT,
  type InterfaceType,
  IntT,
  type JitType,
  listOf,
  NoneT,
  StrT,
  TensorT,
  type TupleType,
} from '../ir/types.ts';
import type { ClassDef, Expr, Statement } from './ast.ts';
import { literalValue } from './literal.ts';
import { CompileError } from './source.ts';
import type { Resolver } from './sugared.ts';
import { typeOfExpression } from './type-expression.ts';

const isDocumentation = (statement: Statement): boolean =>
  statement.kind === 'expression' && statement.value.kind === 'string';

export function namedTupleOf(name: string, node: ClassDef, resolver: Resolver): TupleType {
  const fields: string[] = [];
  const elements: JitType[] = [];
  const defaults = new Map<string, unknown>();
  for (const statement of node.body) {
    if (statement.kind === 'pass' || isDocumentation(statement)) continue;
    const [target, type] =
      statement.kind === 'annotation'
        ? [statement.target, statement.type]
        : statement.kind === 'assign'
          ? [statement.targets[0], statement.type]
          : [];
    if (target?.kind !== 'name' || !type)
      throw new CompileError('Unexpected statement in a NamedTuple body', statement.range);
    fields.push(target.name);
    elements.push(typeOfExpression(type, resolver));
    if (statement.kind === 'assign') defaults.set(target.name, literalValue(statement.value, resolver));
  }
  return { kind: 'Tuple', elements, name, fields, defaults };
}

export function enumOf(name: string, node: ClassDef, resolver: Resolver): EnumType {
  const members: [string, unknown, JitType][] = [];
  for (const statement of node.body) {
    if (statement.kind === 'pass' || statement.kind === 'def' || isDocumentation(statement)) continue;
    if (statement.kind !== 'assign' || statement.targets[0].kind !== 'name')
      throw new CompileError('Unexpected statement in an Enum body', statement.range);
    const value = literalValue(statement.value, resolver);
    members.push([statement.targets[0].name, value, typeOfLiteral(value, statement.value)]);
  }
  const kinds = new Set(members.map(([, , type]) => type.kind));
  if (kinds.size > 1)
    throw new CompileError(`Could not unify type list for enum values of '${node.name}'`, node.range);
  const type = new EnumType(name, members[0]?.[2] ?? IntT);
  for (const [member, value] of members) type.members.set(member, new EnumValue(type, member, value));
  return type;
}

/** Gives an interface its methods; it is known by then, since they may take it. */
export function declareMethods(type: InterfaceType, node: ClassDef, resolver: Resolver): void {
  for (const statement of node.body) {
    if (isDocumentation(statement)) continue;
    if (statement.kind !== 'def')
      throw new CompileError('interface declartions can only contain method definitions', statement.range);
    const { name, params, returns, range } = statement.def;
    if (!returns) throw new CompileError('interface declarations must have a return type annotated.', range);
    type.methods.set(name, {
      name,
      params: params.slice(1).map((param) => ({
        name: param.name,
        type: param.type ? typeOfExpression(param.type, resolver) : TensorT,
        ...(param.default && { default: literalValue(param.default, resolver) }),
      })),
      returns: typeOfExpression(returns, resolver),
    });
  }
}

/** The type of a literal that stands without an annotation. */
export function typeOfLiteral(value: unknown, expr: Expr): JitType {
  if (value === null) return NoneT;
  if (typeof value === 'boolean') return BoolT;
  if (typeof value === 'string') return StrT;
  if (typeof value === 'bigint') return IntT;
  if (typeof value === 'number') {
    const inner = expr.kind === 'unary' ? expr.operand : expr;
    return inner.kind === 'float' || !Number.isInteger(value) ? FloatT : IntT;
  }
  if (value instanceof EnumValue) return value.type;
  if (Array.isArray(value) && (expr.kind === 'list' || expr.kind === 'tuple')) {
    const types = value.map((item, i) => typeOfLiteral(item, expr.items[i]));
    if (expr.kind === 'tuple') return { kind: 'Tuple', elements: types };
    if (types.length > 0 && types.every(({ kind }) => kind === types[0].kind)) return listOf(types[0]);
  }
  throw new CompileError('the type of this constant cannot be told; annotate it', expr.range);
}
