/** The definitions of one Python text: functions, classes, NamedTuples, enums, interfaces and constants, compiled as they are needed. */
import type { ClassDef, Def, Expr, File, Statement } from '../frontend/ast.ts';
import { declareMethods, enumOf, namedTupleOf, typeOfLiteral } from '../frontend/declarations.ts';
import { literalValue } from '../frontend/literal.ts';
import { decoratorName } from '../frontend/parser.ts';
import { CompileError } from '../frontend/source.ts';
import { refused } from '../frontend/sugar.ts';
import type { Resolver, Sugared } from '../frontend/sugared.ts';
import { typeOfExpression } from '../frontend/type-expression.ts';
import type { CompilationUnit } from '../frontend/unit.ts';
import type { Func } from '../ir/function.ts';
import { ClassType, InterfaceType } from '../ir/types.ts';
import { attribute } from '../python/attributes.ts';
import type { PythonFunction } from '../python/namespaces.ts';
import { PythonRunner } from '../python/statements.ts';
import { has, ignored, unusedBody } from './decorators.ts';
import { type Defined, TextEagerNames, tupleMaker } from './eager-names.ts';
import { ModuleClass } from './module-class.ts';
import { isException, type PythonNames } from './names.ts';

type Base = 'class' | 'NamedTuple' | 'Enum' | 'interface' | 'module' | 'exception';

export class TextScope implements Resolver, Defined {
  readonly dialect = 'python';
  readonly version = 10;
  private readonly nodes = new Map<string, ClassDef | Def | Expr>();
  private readonly resolved = new Map<string, Sugared>();
  private readonly imports = new Map<string, string>();
  private readonly inProgress = new Set<string>();
  private readonly moduleClasses = new Map<string, ModuleClass>();
  private readonly run = new Map<string, PythonFunction>();
  private readonly runner: PythonRunner;

  constructor(
    private readonly unit: CompilationUnit,
    private readonly names: PythonNames,
    /** What stands before the names of functions and classes: `__torch__.`, or nothing. */
    private readonly prefix: string,
    instructions: number = Number.POSITIVE_INFINITY,
  ) {
    this.runner = new PythonRunner(new TextEagerNames(this, names.given, attribute), instructions);
  }

  /** Takes the definitions of a file; none is compiled yet. */
  add(file: File): void {
    for (const { name, path } of file.imports) if (name !== '*') this.imports.set(name, path);
    for (const { name, value } of file.globals) this.nodes.set(name, value);
    for (const node of [...file.classes, ...file.functions]) {
      if (this.nodes.has(node.name))
        throw new CompileError(`method '${node.name}' already defined.`, node.range);
      this.nodes.set(node.name, node);
    }
  }

  constant(): undefined {
    return undefined;
  }

  resolve(name: string): Sugared | undefined {
    const known = this.resolved.get(name);
    if (known) return known;
    const node = this.nodes.get(name);
    if (node) return this.define(name, node);
    const path = this.imports.get(name);
    if (path !== undefined) {
      const imported = this.names.imported(path);
      if (imported) return imported;
    }
    return this.names.find(name);
  }

  private define(name: string, node: ClassDef | Def | Expr): Sugared {
    if (this.inProgress.has(name)) throw new CompileError(`'${name}' is defined by itself`, node.range);
    this.inProgress.add(name);
    try {
      return this.made(name, node);
    } finally {
      this.inProgress.delete(name);
    }
  }

  private made(name: string, node: ClassDef | Def | Expr): Sugared {
    if ('kind' in node) {
      const value = literalValue(node, this);
      return this.keep(name, { kind: 'constant', value, type: typeOfLiteral(value, node) });
    }
    if ('params' in node) {
      if (has(node, 'ignore')) return this.keep(name, ignored(name));
      if (has(node, 'unused')) return this.keep(name, { kind: 'unused', func: this.unused(node, 0) });
      return this.keep(name, { kind: 'function', func: this.function(name, this.compiled(node)) });
    }
    switch (this.baseOf(node)) {
      case 'module': {
        this.moduleClass(name);
        return this.keep(name, refused(`'${name}' is a class of modules: only __init__ can make one`));
      }
      case 'exception':
        return this.keep(name, { kind: 'exception', name: this.qualified(name) });
      case 'NamedTuple':
        return this.keep(name, { kind: 'type', type: namedTupleOf(this.qualified(name), node, this) });
      case 'Enum':
        return this.keep(name, { kind: 'type', type: enumOf(this.qualified(name), node, this) });
      case 'interface':
        return this.interface(name, node);
      default:
        return this.classOf(name, node);
    }
  }

  private keep(name: string, sugared: Sugared): Sugared {
    this.resolved.set(name, sugared);
    return sugared;
  }

  private qualified(name: string): string {
    return this.unit.uniqueName(`${this.prefix}${name}`);
  }

  /** What is compiled of a definition. */
  private compiled(def: Def): Def {
    if (has(def, 'unused')) return unusedBody(def);
    return def.asTorchScript?.() ?? def;
  }

  /** A function that is not compiled: its signature, without the first parameters, in which what has no type is a Tensor. */
  unused(def: Def, skip: number): Func {
    const { range } = def;
    const returns = def.returns ?? { kind: 'name', name: 'Tensor', range };
    return this.unit.func(
      def.name,
      { ...def, params: def.params.slice(skip), returns, body: [] },
      { resolver: this },
    );
  }

  /** A function of this text, under a name of its own. */
  function(name: string, def: Def): Func {
    refuseMutableDefaults(def);
    return this.unit.func(this.qualified(name), def, { resolver: this });
  }

  private classOf(name: string, node: ClassDef): Sugared {
    const type = new ClassType(this.qualified(name), false);
    const sugared = this.keep(name, { kind: 'type', type });
    for (const statement of node.body) this.classStatement(type, name, statement);
    // Its assignments say what attributes there are.
    type.methods.get('__init__')?.graph;
    return sugared;
  }

  private classStatement(type: ClassType, className: string, statement: Statement): void {
    switch (statement.kind) {
      case 'def':
        this.method(type, className, statement.def);
        return;
      case 'assign': {
        const [target] = statement.targets;
        if (target.kind !== 'name' || statement.targets.length !== 1) break;
        const value = literalValue(statement.value, this);
        const given = statement.type && typeOfExpression(statement.type, this);
        type.constants.set(target.name, { value, type: given ?? typeOfLiteral(value, statement.value) });
        return;
      }
      case 'annotation':
      case 'pass':
        return;
      case 'expression':
        if (statement.value.kind === 'string') return;
    }
    throw new CompileError('Unexpected statement kind in a class body', statement.range);
  }

  private method(type: ClassType, className: string, def: Def): void {
    if (has(def, 'ignore')) {
      type.refused.set(def.name, ignored(def.name).message);
      return;
    }
    refuseMutableDefaults(def);
    const body = this.compiled(def);
    if (has(def, 'staticmethod')) {
      type.statics.set(def.name, this.unit.func(this.qualified(def.name), body, { resolver: this }));
      return;
    }
    let { name } = def;
    if (has(def, 'property')) {
      name = `__${def.name}_getter`;
      type.getters.set(def.name, name);
    } else if (def.decorators?.map(decoratorName).includes(`${def.name}.setter`)) {
      name = `__${def.name}_setter`;
      type.setters.set(def.name, name);
    } else if (has(def, 'classmethod')) throw new CompileError("classmethods aren't supported", def.range);
    if (type.methods.has(name))
      throw new CompileError(`method '${className}.${name}' already defined.`, def.range);
    type.methods.set(
      name,
      this.unit.func(name, { ...body, name }, { resolver: this, self: type, grows: name === '__init__' }),
    );
  }

  private interface(name: string, node: ClassDef): Sugared {
    const type = new InterfaceType(this.qualified(name), /(^|\.)Module$/.test(node.base ?? ''));
    const sugared = this.keep(name, { kind: 'type', type });
    declareMethods(type, node, this);
    return sugared;
  }

  private baseOf(node: ClassDef): Base {
    const name = node.base?.split('.').at(-1);
    if (node.decorators?.some((d) => /(^|\.)interface$/.test(decoratorName(d)))) return 'interface';
    if (name === undefined || name === 'object') return 'class';
    if (name === 'NamedTuple') return 'NamedTuple';
    if (/^(Int|Str)?Enum$/.test(name)) return 'Enum';
    if (isException(name)) return 'exception';
    const base = this.nodes.get(name);
    if (base && !('kind' in base) && !('params' in base) && this.baseOf(base) === 'exception')
      return 'exception';
    if (
      name === 'Module' ||
      (base && !('kind' in base) && !('params' in base) && this.baseOf(base) === 'module')
    )
      return 'module';
    throw new CompileError(
      `TorchScript does not support class inheritance: class '${node.name}' has the base '${node.base}'`,
      node.range,
    );
  }

  /** The class of modules of this name; undefined where the text has none. */
  moduleClass(name: string): ModuleClass | undefined {
    const known = this.moduleClasses.get(name);
    if (known) return known;
    const node = this.nodes.get(name);
    if (!node || 'kind' in node || 'params' in node || this.baseOf(node) !== 'module') return undefined;
    const base = node.base && this.nodes.has(node.base) ? this.moduleClass(node.base) : undefined;
    const made = new ModuleClass(node, base, {
      unit: this.unit,
      scope: this,
      runner: this.runner,
      imported: (path) => this.names.imported(path),
    });
    this.moduleClasses.set(name, made);
    return made;
  }

  /** What a name of the text is where Python runs it. */
  own(name: string): unknown {
    const node = this.nodes.get(name);
    if (!node) return undefined;
    if ('params' in node) {
      let run = this.run.get(name);
      if (!run) this.run.set(name, (run = this.runner.function(node)));
      return run;
    }
    if ('kind' in node) return this.runner.evaluate(node, { locals: new Map() });
    const module = this.moduleClass(name);
    if (module) return module;
    const found = this.resolve(name);
    if (found?.kind !== 'type') return undefined;
    if (found.type.kind === 'Tuple') return tupleMaker(found.type);
    return found.type.kind === 'Enum' ? found.type : undefined;
  }

  importPath(name: string): string | undefined {
    return this.imports.get(name);
  }
}

function refuseMutableDefaults({ params, range }: Def): void {
  for (const { name, default: value } of params)
    if (value?.kind === 'list' || value?.kind === 'dict')
      throw new CompileError(
        `Mutable default parameters are not supported because Python binds them to the function and they persist across function calls.\n As a workaround, make the default None and instantiate the default parameter within the body of the function. Found <class '${value.kind}'> on parameter ${name}`,
        range,
      );
}
