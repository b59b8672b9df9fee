/** Where the methods of a module's class come from, where that is not the JavaScript of the class. */
import type { Module } from '@sconce/core';
import type { ConvertedModule } from './module.ts';

/** Gives the type of a converted module its methods. */
export type MethodSource = (converted: ConvertedModule) => void;

const sources = new WeakMap<object, MethodSource>();

/** Says who writes the methods for modules of this class. */
export function setMethodSource(cls: object, source: MethodSource): void {
  sources.set(cls, source);
}

export const methodSource = (module: Module): MethodSource | undefined => sources.get(module.constructor);
