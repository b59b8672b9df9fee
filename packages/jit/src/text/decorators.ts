/** What decorators say of a function of a text: that it is not compiled, exported, a property, static. */
import type { Def, Expr } from '../frontend/ast.ts';
import { decoratorName } from '../frontend/parser.ts';
import type { Sugared } from '../frontend/sugared.ts';

/** Whether a definition has the decorator of this name, `unused` or `torch.jit.unused`. */
export const has = (def: Def, name: string): boolean =>
  def.decorators?.map(decoratorName).some((d) => d === name || d.endsWith(`.${name}`)) ?? false;

/** What stands for a function that Python alone may run. */
export const ignored = (name: string): Extract<Sugared, { kind: 'refused' }> => ({
  kind: 'refused',
  message: `'${name}' is marked with @torch.jit.ignore: only Python can call it, and there is none here`,
});

/** Compiles, and raises when it is called. */
export function unusedBody(def: Def): Def {
  const { range } = def;
  const error: Expr = {
    kind: 'call',
    callee: { kind: 'name', name: 'RuntimeError', range },
    args: [{ kind: 'string', value: 'Cannot call @unused methods', range }],
    kwargs: [],
    range,
  };
  return { ...def, body: [{ kind: 'raise', value: error, range }] };
}
