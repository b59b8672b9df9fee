/** Names in an archive: no two types or functions of one name, and all below `__torch__`, where readers look. */
import { mangled } from '../ir/names.ts';
import { identityOf, type Named, type NameOf } from '../print/dependencies.ts';

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
      while (used.has(name)) name = mangled(own, count++);
      used.add(name);
      names.set(key, name);
    }
    return name;
  };
}
