/** What PyTorch would call the class of a JavaScript module. */
import { isCallableClass, type Module } from '@sconce/core';
import { identifier } from '../ir/names.ts';
import { nnClasses } from './classes.ts';

/** The entry of PyTorch's own class that this module is an instance of; undefined for a user's class. */
export function libraryClass(module: Module): (typeof nnClasses)[string] | undefined {
  const name = module._get_name();
  return isCallableClass(module.constructor) && Object.hasOwn(nnClasses, name) ? nnClasses[name] : undefined;
}

/** `__torch__.Net` for a user's class, `__torch__.torch.nn.modules.linear.Linear` for one of nn's. */
export function qualifiedName(module: Module): string {
  const known = libraryClass(module);
  const name = identifier(module._get_name() || 'Module');
  return known ? `__torch__.${known[0]}.${name}` : `__torch__.${name}`;
}
