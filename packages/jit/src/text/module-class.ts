/** A class of modules that a text defines: `__init__` run as Python makes the module, its methods are compiled as TorchScript. */
import { isModule, Module } from '@sconce/core';
import type { ClassDef, Def, Expr } from '../frontend/ast.ts';
import { CompileError } from '../frontend/source.ts';
import type { Sugared } from '../frontend/sugared.ts';
import { typeOfExpression } from '../frontend/type-expression.ts';
import type { CompilationUnit } from '../frontend/unit.ts';
import { ownNames } from '../frontend/walk.ts';
import type { ClassType, JitType } from '../ir/types.ts';
import { bound, type PythonClass, setClass } from '../python/attributes.ts';
import type { Kwargs } from '../python/methods.ts';
import { Namespace, PythonFunction, pathOf } from '../python/namespaces.ts';
import type { PythonRunner } from '../python/statements.ts';
import { setMethodSource } from '../recursive/methods.ts';
import type { ConvertedModule } from '../recursive/module.ts';
import { has, ignored } from './decorators.ts';
import type { TextScope } from './scope.ts';

/** What a class is made with. */
export interface ModuleContext {
  readonly unit: CompilationUnit;
  readonly scope: TextScope;
  readonly runner: PythonRunner;
  /** What a path such as `torch.nn.functional.relu` is in compiled code. */
  readonly imported: (path: string) => Sugared | undefined;
}

const isFinal = (type: Expr): boolean => {
  const of = type.kind === 'subscript' ? type.object : type;
  return (of.kind === 'name' ? of.name : of.kind === 'attribute' ? of.name : '') === 'Final';
};

export class ModuleClass implements PythonClass {
  readonly name: string;
  private readonly methods = new Map<string, Def>();
  private readonly properties = new Map<string, { getter: Def; setter?: Def }>();
  private readonly attributes = new Map<string, Expr>();
  private readonly annotations = new Map<string, Expr>();
  private readonly made: new () => Module;

  constructor(
    node: ClassDef,
    private readonly base: ModuleClass | undefined,
    private readonly context: ModuleContext,
  ) {
    this.name = node.name;
    for (const statement of node.body) {
      if (statement.kind === 'def') this.define(statement.def);
      else if (statement.kind === 'annotation' && statement.target.kind === 'name')
        this.annotations.set(statement.target.name, statement.type);
      else if (statement.kind === 'assign' && statement.targets[0].kind === 'name') {
        this.attributes.set(statement.targets[0].name, statement.value);
        if (statement.type) this.annotations.set(statement.targets[0].name, statement.type);
      } else if (statement.kind !== 'pass' && statement.kind !== 'expression')
        throw new CompileError('Unexpected statement kind in a class body', statement.range);
    }
    this.made = this.constructorOf();
  }

  private define(def: Def): void {
    const setter = this.properties.get(def.name);
    if (has(def, 'property')) this.properties.set(def.name, { getter: def });
    else if (setter && has(def, 'setter')) setter.setter = def;
    else this.methods.set(def.name, def);
  }

  /** The class in JavaScript whose objects are the modules. */
  private constructorOf(): new () => Module {
    const cls = this;
    const made = class extends (this.base?.made ?? Module) {
      static get __constants__(): readonly string[] {
        return cls.constants();
      }

      static get __annotations__(): Readonly<Record<string, JitType>> {
        return cls.types();
      }

      override _get_name(): string {
        return cls.name;
      }
    };
    Object.defineProperty(made, 'name', { value: this.name });
    setClass(made, this);
    setMethodSource(made, (converted) => this.addMethods(converted));
    return made;
  }

  private constants(): string[] {
    const listed = this.attributes.has('__constants__') ? (this.member('__constants__') as string[]) : [];
    const final = [...this.annotations].filter(([, type]) => isFinal(type)).map(([name]) => name);
    return [...listed, ...final, ...(this.base?.constants() ?? [])];
  }

  private types(): Record<string, JitType> {
    const types: Record<string, JitType> = this.base?.types() ?? {};
    // A plain `Final` leaves the type to the value.
    for (const [name, type] of this.annotations)
      if (!isFinal(type) || type.kind === 'subscript')
        types[name] = typeOfExpression(type, this.context.scope);
    return types;
  }

  annotate(name: string, type: Expr): void {
    this.annotations.set(name, type);
  }

  /** The module itself, not compiled: `__init__` is run. */
  make(args: readonly unknown[], kwargs: Kwargs): Module {
    const module = new this.made();
    // Constants of the class are each module's.
    for (const name of this.constants()) {
      const value = this.member(name);
      if (value !== undefined) (module as unknown as Record<string, unknown>)[name] = value;
    }
    const init = this.member('__init__');
    if (init instanceof PythonFunction) init.call([module, ...args], kwargs);
    return module;
  }

  isInstance(value: unknown): boolean {
    return isModule(value) && value instanceof this.made;
  }

  member(name: string): unknown {
    const attribute = this.attributes.get(name);
    if (attribute) return this.context.runner.evaluate(attribute, { locals: new Map() });
    const def = this.methods.get(name);
    if (!def) return this.base?.member(name);
    const method = this.context.runner.function(def, (self) => this.superOf(self as Module));
    return has(def, 'staticmethod')
      ? new PythonFunction(name, (args, kwargs) => method.call(args.slice(1), kwargs))
      : method;
  }

  /** What `super()` is in a method of this class. */
  private superOf(self: Module): Namespace {
    return new Namespace('super', (name) => {
      const found = this.base?.member(name);
      if (found instanceof PythonFunction) return bound(found, self);
      if (found !== undefined) return found;
      if (name === '__init__') return new PythonFunction(name, () => null);
      const own = (Module.prototype as unknown as Record<string, unknown>)[name];
      return typeof own === 'function' ? own.bind(self) : own;
    });
  }

  private find(name: string): Def | undefined {
    return this.methods.get(name) ?? this.base?.find(name);
  }

  private property(name: string): { getter: Def; setter?: Def } | undefined {
    return this.properties.get(name) ?? this.base?.property(name);
  }

  private names(kind: 'methods' | 'properties'): string[] {
    return [...new Set([...(this.base?.names(kind) ?? []), ...this[kind].keys()])];
  }

  /** Compiles forward, properties, what is exported, and the methods that these call. */
  private addMethods(converted: ConvertedModule): void {
    const { type } = converted.object;
    this.addFunctions(converted);
    const wanted = [
      ...(this.find('forward') ? ['forward'] : []),
      ...this.names('methods').filter((name) => has(this.find(name)!, 'export')),
    ];
    for (const name of this.names('properties')) wanted.push(...this.addProperty(type, name));
    for (const name of wanted) {
      if (type.methods.has(name) || type.statics.has(name)) continue;
      const def = this.find(name);
      if (!def || name === '__init__') continue;
      if (has(def, 'ignore')) type.refused.set(name, ignored(name).message);
      else if (has(def, 'unused')) type.unused.set(name, this.context.scope.unused(def, 1));
      else if (has(def, 'staticmethod'))
        type.statics.set(name, this.context.scope.function(name, this.compiled(def)));
      else {
        this.addMethod(type, name, def);
        for (const called of ownNames(def)) if (type.slotOf(called) === undefined) wanted.push(called);
      }
    }
  }

  private addMethod(type: ClassType, name: string, def: Def): void {
    const { unit, scope } = this.context;
    const compiled = { ...this.compiled(def), name };
    type.methods.set(name, unit.func(name, compiled, { resolver: scope, self: type, isModuleSelf: true }));
  }

  private addProperty(type: ClassType, name: string): string[] {
    const { getter, setter } = this.property(name)!;
    type.getters.set(name, `__${name}_getter`);
    this.addMethod(type, `__${name}_getter`, getter);
    if (setter) {
      type.setters.set(name, `__${name}_setter`);
      this.addMethod(type, `__${name}_setter`, setter);
    }
    return [...ownNames(getter), ...(setter ? ownNames(setter) : [])];
  }

  /** A definition as TorchScript, which refuses what only Python runs. */
  private compiled(def: Def): Def {
    return def.asTorchScript?.() ?? def;
  }

  /** Attributes that are functions, and those that have no type. */
  private addFunctions({ module, object: { type }, failed }: ConvertedModule): void {
    const { scope, imported } = this.context;
    for (const [name, value] of type.functions) {
      const path = pathOf(value);
      const found = path === undefined ? undefined : imported(path);
      if (found?.kind === 'builtin') type.operators.set(name, found.name);
      else if (found?.kind === 'function') type.statics.set(name, found.func);
      else type.refused.set(name, `attribute '${name}' is a function that cannot be compiled`);
    }
    for (const [name, why] of failed) {
      const value = (module as unknown as Record<string, unknown>)[name];
      const found = value instanceof PythonFunction ? scope.resolve(value.name) : undefined;
      if (found?.kind === 'function') type.statics.set(name, found.func);
      else
        type.refused.set(
          name,
          `Module '${this.name}' has no attribute '${name}' (This attribute exists on the Python module, but we failed to convert its type to a TorchScript type. ${why} Its type was inferred; try adding a type annotation for the attribute.)`,
        );
    }
  }
}
