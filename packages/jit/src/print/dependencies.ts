/** The types and functions that a printed program mentions, in the order in which printing meets them. */
import { Func } from '../ir/function.ts';
import type { ClassType, EnumType, InterfaceType, JitType, TupleType } from '../ir/types.ts';

/** What has a qualified name, and a definition in an archive's code. A TupleType among these is a NamedTuple. */
export type Named = ClassType | InterfaceType | EnumType | TupleType | Func;

/** Another name for a type or function than its own: archives hold no two of one name. */
export type NameOf = (named: Named) => string;

/** What makes two mentions the same: NamedTuples are told apart by their names, all else by identity. */
export const identityOf = (named: Named): unknown =>
  named instanceof Func || named.kind !== 'Tuple' ? named : `tuple ${named.name}`;

export class Dependencies {
  readonly found: Named[] = [];
  private readonly seen = new Set<unknown>();
  private readonly searched = new Set<unknown>();

  add(named: Named): void {
    const key = identityOf(named);
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.found.push(named);
  }

  /** Notes the named types in a type, those of a class's attributes among them. */
  addType(type: JitType): void {
    switch (type.kind) {
      case 'Class':
        this.add(type);
        if (this.searched.has(type)) return;
        this.searched.add(type);
        for (const attribute of type.attributes) this.addType(attribute.type);
        return;
      case 'Tuple':
        if (type.name !== undefined) {
          this.add(type);
          if (this.searched.has(type.name)) return;
          this.searched.add(type.name);
        }
        for (const element of type.elements) this.addType(element);
        return;
      case 'Interface':
        this.add(type);
        return;
      case 'Enum':
        this.add(type);
        return;
      case 'List':
      case 'Optional':
      case 'Future':
        this.addType(type.element);
        return;
      case 'Dict':
        this.addType(type.key);
        this.addType(type.value);
        return;
      case 'Union':
        for (const member of type.members) this.addType(member);
        return;
    }
  }
}
