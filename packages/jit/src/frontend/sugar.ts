/** What names stand for, made: the constructors of the kinds of `Sugared` that tables of names are written in. */
import type { Value } from '../ir/graph.ts';
import type { JitType } from '../ir/types.ts';
import type { SpecialForm, Sugared } from './sugared.ts';

export const asValue = (value: Value): Sugared => ({ kind: 'value', value });
export const constant = (value: unknown, type: JitType): Sugared => ({ kind: 'constant', value, type });
export const special = (form: SpecialForm): Sugared => ({ kind: 'special', form });
export const builtin = (name: string, magic?: string): Sugared => ({
  kind: 'builtin',
  name,
  ...(magic && { magic }),
});
export const module = (name: string, member: (name: string) => Sugared | undefined): Sugared => ({
  kind: 'module',
  name,
  member,
});
/** What must not be used, with the reason. */
export const refused = (message: string): Sugared => ({ kind: 'refused', message });
