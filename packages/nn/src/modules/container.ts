/** Modules of modules. */
import { callable, isModule, Module } from '@sconce/core';

class SequentialClass extends Module {
  /** `nn.Sequential(a, b, …)`, or an object (or Map) of named modules. */
  constructor(...modules: (Module | Map<string, Module> | Record<string, Module>)[]) {
    super();
    const [first] = modules;
    if (modules.length === 1 && !isModule(first)) {
      const entries = first instanceof Map ? first.entries() : Object.entries(first);
      for (const [name, module] of entries) this.add_module(name, module);
    } else for (const [i, module] of modules.entries()) this.add_module(String(i), module as Module);
  }

  /** Waits where a child returned a promise. */
  // biome-ignore lint/suspicious/noExplicitAny: children take and give what they like
  override forward(input: any): any {
    const children = [...this.children()];
    const from = (value: unknown, i: number): unknown => {
      let x = value;
      for (let k = i; k < children.length; k++) {
        if (x instanceof Promise) return x.then((v) => from(v, k));
        x = children[k](x);
      }
      return x;
    };
    return from(input, 0);
  }
}
export const Sequential = /* @__PURE__ */ callable(SequentialClass, 'Sequential');
export type Sequential = SequentialClass;

class ModuleListClass extends Module {
  constructor(modules: Iterable<Module> = []) {
    super();
    this.extend(modules);
  }

  append(module: Module): this {
    this.add_module(String([...this.children()].length), module);
    return this;
  }

  extend(modules: Iterable<Module>): this {
    for (const module of modules) this.append(module);
    return this;
  }

  get(index: number): Module {
    const list = [...this.children()];
    return list[index < 0 ? index + list.length : index];
  }

  *[Symbol.iterator](): IterableIterator<Module> {
    yield* this.children();
  }
}
export const ModuleList = /* @__PURE__ */ callable(ModuleListClass, 'ModuleList');
export type ModuleList = ModuleListClass;

/** `nn.ModuleDict({ name: module })`; it iterates over its names, as in PyTorch. */
class ModuleDictClass extends Module {
  constructor(modules: Record<string, Module> | Map<string, Module> = {}) {
    super();
    for (const [name, module] of modules instanceof Map ? modules : Object.entries(modules))
      this.add_module(name, module);
  }

  get(name: string): Module {
    return this.get_submodule(name);
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.named_children()) yield name;
  }

  *values(): IterableIterator<Module> {
    yield* this.children();
  }

  *items(): IterableIterator<[string, Module]> {
    yield* this.named_children();
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.keys();
  }
}
export const ModuleDict = /* @__PURE__ */ callable(ModuleDictClass, 'ModuleDict');
