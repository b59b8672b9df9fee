/** Chains of members and calls, `a?.b.c()`: where one may end early, and the same chain with another beginning. */
import type * as js from 'acorn';

/** What stands before the first `?.` of a chain. */
export function optionalLink(node: js.Node): js.Expression | undefined {
  if (node.type !== 'MemberExpression' && node.type !== 'CallExpression') return undefined;
  const { object, callee, optional } = node as js.MemberExpression & js.CallExpression;
  const inner = (node.type === 'MemberExpression' ? object : callee) as js.Expression;
  return optionalLink(inner) ?? (optional ? inner : undefined);
}

/** A chain with another beginning. */
export function replaced(node: js.Expression, link: js.Expression, by: js.Identifier): js.Expression {
  if (node === link) return by;
  if (node.type === 'MemberExpression') {
    const object = replaced(node.object as js.Expression, link, by);
    return { ...node, object, optional: node.object === link ? false : node.optional };
  }
  if (node.type === 'CallExpression') {
    const callee = replaced(node.callee as js.Expression, link, by);
    return { ...node, callee, optional: node.callee === link ? false : node.optional };
  }
  return node;
}
