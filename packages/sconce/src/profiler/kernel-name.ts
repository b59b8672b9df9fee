/** What a kernel is called in a profile: its kind, and for an expression the operations that it is made of. */
import type { Expr, Kernel } from '@sconce/core';

const SHOWN = 5;

/** The operations of expressions, innermost first, each once. */
function operationsOf(exprs: readonly Expr[]): string {
  const names = new Set<string>();
  const walk = (expr: Expr): void => {
    if (!('args' in expr)) return;
    for (const arg of expr.args) walk(arg);
    names.add(expr.op);
  };
  exprs.forEach(walk);
  if (names.size === 0) return 'copy';
  const all = [...names];
  return all.length > SHOWN ? `${all.slice(0, SHOWN).join(' ')} …` : all.join(' ');
}

/** `pointwise(mul add erf)`, `reduce(sum of mul)`, `conv2d(relu)`, `matmul`, … */
export function kernelName(kernel: Kernel): string {
  switch (kernel.kind) {
    case 'pointwise':
      return `pointwise(${operationsOf(kernel.exprs)})`;
    case 'reduce': {
      const of = operationsOf(kernel.folds.map((f) => f.map));
      return `reduce(${kernel.folds.map((f) => f.combine).join(' ')}${of === 'copy' ? '' : ` of ${of}`})`;
    }
    case 'matmul':
      return kernel.finish ? `matmul(${operationsOf([kernel.finish])})` : 'matmul';
    case 'conv': {
      const name = `conv${kernel.transposed ? '_transpose' : ''}${kernel.dims}d`;
      return kernel.finish ? `${name}(${operationsOf([kernel.finish])})` : name;
    }
    case 'pool':
      return `pool${kernel.dims}d(${kernel.reduce})`;
    case 'scatter':
    case 'scan':
      return `${kernel.kind}(${kernel.combine})`;
    default:
      return kernel.kind;
  }
}
