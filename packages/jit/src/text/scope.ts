/** The definitions of one Python text: functions, classes, NamedTuples, enums, interfaces and constants, compiled as they are needed. */
import type { ClassDef, Def, Expr, File, Statement } from '../frontend/ast.ts';
import { declareMethods, enumOf, namedTupleOf, typeOfLiteral } from '../frontend/declarations.ts';
import { literalValue } from '../frontend/literal.ts';
import { CompileError } from '../frontend/source.ts';
import type { Resolver, Sugared } from '../frontend/sugared.ts';
import { dottedName, typeOfExpression } from '../frontend/type-expression.ts';
import type { CompilationUnit } from '../frontend/unit.ts';
import type { Func } from '../ir/function.ts';
import { ClassType, InterfaceType } from '../ir/types.ts';
import type { PythonNames } from './names.ts';

type Base = 'class' | 'NamedTuple' | 'Enum' | 'interface';

/** What stands for a decorated function that Python alone may run. */
const ignored = (name: string): Sugared => ({
  kind: 'refused',
  message: `'${name}' is marked with @torch.jit.ignore: only Python can call it, and there is none here`,
});

export class TextScope implements Resolver {
  readonly dialect = 'python';
  readonly version = 10;
  private readonly nodes = new Map<string, ClassDef | Def | Expr>();
  private readonly resolved = new Map<string, Sugared>();
  private readonly imports = new Map<string, string>();
  private readonly inProgress = new Set<string>();

  constructor(
    private readonly unit: CompilationUnit,
    private readonly names: PythonNames,
    /** What stands before the names of functions and classes: `__torch__.`, or nothing. */
    private readonly prefix: string,
  ) {}

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
    const isIgnored = node.decorators?.some((d) => /(^|\.)ignore$/.test(decoratorName(d)));
    if ('params' in node) {
      if (isIgnored) return this.keep(name, ignored(name));
      const def = isUnused(node) ? unusedBody(node) : node;
      return this.keep(name, { kind: 'function', func: this.func(name, def) });
    }
    switch (baseOf(node)) {
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

  private func(name: string, def: Def): Func {
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
    const decorators = (def.decorators ?? []).map(decoratorName);
    const has = (name: string) => decorators.some((d) => d === name || d.endsWith(`.${name}`));
    if (has('ignore')) {
      type.refused.set(
        def.name,
        `'${def.name}' is marked with @torch.jit.ignore: only Python can call it, and there is none here`,
      );
      return;
    }
    refuseMutableDefaults(def);
    const body = has('unused') ? unusedBody(def) : def;
    if (has('staticmethod')) {
      type.statics.set(def.name, this.unit.func(this.qualified(def.name), body, { resolver: this }));
      return;
    }
    let { name } = def;
    if (has('property')) {
      name = `__${def.name}_getter`;
      type.getters.set(def.name, name);
    } else if (decorators.includes(`${def.name}.setter`)) {
      name = `__${def.name}_setter`;
      type.setters.set(def.name, name);
    } else if (has('classmethod')) throw new CompileError("classmethods aren't supported", def.range);
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
}

function refuseMutableDefaults({ params, range }: Def): void {
  for (const { name, default: value } of params)
    if (value?.kind === 'list' || value?.kind === 'dict')
      throw new CompileError(
        `Mutable default parameters are not supported because Python binds them to the function and they persist across function calls.\n As a workaround, make the default None and instantiate the default parameter within the body of the function. Found <class '${value.kind}'> on parameter ${name}`,
        range,
      );
}

const decoratorName = (expr: Expr): string => dottedName(expr.kind === 'call' ? expr.callee : expr) ?? '';

const isUnused = (def: Def): boolean =>
  def.decorators?.some((d) => /(^|\.)unused$/.test(decoratorName(d))) ?? false;

/** Compiles, and raises when it is called. */
function unusedBody(def: Def): Def {
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

function baseOf(node: ClassDef): Base {
  const name = node.base?.split('.').at(-1);
  if (node.decorators?.some((d) => /(^|\.)interface$/.test(decoratorName(d)))) return 'interface';
  if (name === undefined || name === 'object') return 'class';
  if (name === 'NamedTuple') return 'NamedTuple';
  if (/^(Int|Str)?Enum$/.test(name)) return 'Enum';
  if (name === 'Module')
    throw new CompileError(
      `class '${node.name}': a module from text would need Python to run its __init__. Make the module in JavaScript and give it methods: module.define(text), or jit.script(module)`,
      node.range,
    );
  throw new CompileError(
    `TorchScript does not support class inheritance: class '${node.name}' has the base '${node.base}'`,
    node.range,
  );
}
