/** Finds the operators that a definition's text calls, without compiling it. */
import type { Block, Def, Expr } from './ast.ts';
import { dottedName } from './type-expression.ts';

/** `aten::relu` for each `torch.relu(…)`, `ns::op` for each `ops.ns.op(…)`. */
export function operatorsIn(def: Def): string[] {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      value.forEach(visit);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    const node = value as Partial<Extract<Expr, { kind: 'call' }>>;
    if (node.kind === 'call') {
      const [root, ...rest] = dottedName(node.callee!)?.split('.') ?? [];
      if (root === 'torch' && rest.length === 1) found.add(`aten::${rest[0]}`);
      else if (root === 'ops' && rest.length === 2) found.add(`${rest[0]}::${rest[1]}`);
    }
    for (const [key, child] of Object.entries(value)) if (key !== 'range') visit(child);
  };
  visit(def.body satisfies Block);
  return [...found];
}
