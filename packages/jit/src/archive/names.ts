/** Names in an archive: no two types or functions of one name, and all below `__torch__`, where readers look. */
import { identityOf, type Named, type NameOf } from '../print/dependencies.ts';

const mangle = (name: string, count: number): string => {
  const atoms = name.split('.');
  const atom = `___torch_mangle_${count}`;
  const known = atoms.findIndex((part) => part.startsWith('___torch_mangle_'));
  if (known >= 0) atoms[known] = atom;
  else atoms.splice(-1, 0, atom);
  return atoms.join('.');
};

/** Gives each its own name where that is free, as a new archive has no others. */
export function uniqueNames(): NameOf {
  const names = new Map<unknown, string>();
  const used = new Set<string>();
  let count = 0;
  return (named: Named) => {
    const key = identityOf(named);
    let name = names.get(key);
    if (name === undefined) {
      const own = named.name!.startsWith('__torch__.') ? named.name! : `__torch__.${named.name}`;
      name = own;
      while (used.has(name)) name = mangle(own, count++);
      used.add(name);
      names.set(key, name);
    }
    return name;
  };
}
