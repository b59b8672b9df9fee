/** Values of literal expressions: default arguments, class constants and enum members of the source. */
import { Device } from '@sconce/core';
import type { Expr } from './ast.ts';
import { CompileError } from './source.ts';
import type { Resolver } from './sugared.ts';
import { dottedName } from './type-expression.ts';

/** The interpreter's value of a literal. Throws where the expression is none. */
export function literalValue(expr: Expr, resolver: Resolver): unknown {
  switch (expr.kind) {
    case 'int':
      return expr.value >= BigInt(Number.MIN_SAFE_INTEGER) && expr.value <= BigInt(Number.MAX_SAFE_INTEGER)
        ? Number(expr.value)
        : expr.value;
    case 'float':
    case 'string':
    case 'constant':
      return expr.value;
    case 'list':
    case 'tuple':
      return expr.items.map((item) => literalValue(item, resolver));
    case 'dict':
      return new Map(
        expr.keys.map((key, i) => [literalValue(key, resolver), literalValue(expr.values[i], resolver)]),
      );
    case 'unary': {
      const value = literalValue(expr.operand, resolver);
      if (expr.op === '-' && (typeof value === 'number' || typeof value === 'bigint')) return -value;
      break;
    }
    case 'name':
      if (expr.name === 'inf') return Infinity;
      if (expr.name === 'nan') return NaN;
      if (resolver.dialect === 'python') {
        const found = resolver.resolve(expr.name);
        if (found?.kind === 'constant') return found.value;
      }
      break;
    case 'attribute': {
      if (expr.object.kind === 'name' && expr.object.name === 'CONSTANTS') {
        const constant = resolver.constant(expr.name);
        if (constant) return constant.value;
      }
      const name = dottedName(expr);
      const dot = name?.lastIndexOf('.') ?? -1;
      const owner = dot > 0 ? resolver.resolve(name!.slice(0, dot)) : undefined;
      if (owner?.kind === 'module') {
        const member = owner.member(name!.slice(dot + 1));
        if (member?.kind === 'constant') return member.value;
      }
      if (owner?.kind === 'type' && owner.type.kind === 'Enum') {
        const member = owner.type.members.get(name!.slice(dot + 1));
        if (member) return member;
      }
      break;
    }
    case 'call': {
      const callee = dottedName(expr.callee);
      if (callee === 'annotate' && expr.args.length === 2) return literalValue(expr.args[1], resolver);
      if (callee === 'torch.device' && expr.args.length === 1) {
        const [type, index] = String(literalValue(expr.args[0], resolver)).split(':');
        return new Device(type, index === undefined ? null : Number(index));
      }
      break;
    }
  }
  throw new CompileError('only a literal may stand here', expr.range);
}
