/** Walks over syntax trees: what a definition's text mentions, found without compiling it. */
import type { Def, Expr, Statement } from './ast.ts';
import { dottedName } from './type-expression.ts';

/** Every expression and statement of a definition's body, those around before those inside. */
function* nodesOf(def: Def): Generator<Expr | Statement> {
  yield* below(def.body);
}

function* below(value: unknown): Generator<Expr | Statement> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value) && 'kind' in value) yield value as Expr | Statement;
  for (const [key, child] of Object.entries(value)) if (key !== 'range') yield* below(child);
}

/** `aten::relu` for each `torch.relu(…)`, `ns::op` for each `ops.ns.op(…)`. */
export function operatorsIn(def: Def): string[] {
  const found = new Set<string>();
  for (const node of nodesOf(def)) {
    if (node.kind !== 'call') continue;
    const [root, ...rest] = dottedName(node.callee)?.split('.') ?? [];
    if (root === 'torch' && rest.length === 1) found.add(`aten::${rest[0]}`);
    else if (root === 'ops' && rest.length === 2) found.add(`${rest[0]}::${rest[1]}`);
  }
  return [...found];
}

/** Whether an expression runs statements, which must not happen twice. */
export function hasStatements(expr: Expr): boolean {
  for (const node of below(expr)) if (node.kind === 'block') return true;
  return false;
}

/** The names that it reads of `self`. */
export function ownNames(def: Def): Set<string> {
  const names = new Set<string>();
  for (const node of nodesOf(def))
    if (node.kind === 'attribute' && node.object.kind === 'name' && node.object.name === 'self')
      names.add(node.name);
  return names;
}
