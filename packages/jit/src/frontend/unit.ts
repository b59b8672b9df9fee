/** A compilation unit: finds functions and classes by qualified name in source files, and compiles them as they are needed. */

import { Func, type Param } from '../ir/function.ts';
import { mangled } from '../ir/names.ts';
import type { NamedType } from '../ir/type-text.ts';
import { ClassType, InferredTensorT, InterfaceType, type JitType } from '../ir/types.ts';
import type { Limits } from '../limits.ts';
import type { ClassDef, Def, Expr } from './ast.ts';
import { cleanUp } from './cleanup.ts';
import { declareMethods, enumOf, namedTupleOf } from './declarations.ts';
import { Emitter, type MethodOptions } from './emit.ts';
import { parseTypeExpression } from './expression-parser.ts';
import { inlineForkedClosures } from './forks.ts';
import type { Dialect } from './lexer.ts';
import { literalValue } from './literal.ts';
import { canonicalizeModifiedLoops } from './loops.ts';
import { normalizeOperators } from './normalize.ts';
import { parseFile } from './parser.ts';
import { CompileError, Source } from './source.ts';
import { convertToSsa } from './ssa.ts';
import type { Resolver, Sugared } from './sugared.ts';
import { broadcastSize, typeOfExpression } from './type-expression.ts';
import { operatorsIn } from './walk.ts';

export interface UnitOptions {
  /** The archive's; the newest where not given. */
  readonly version?: number;
  /** The text of a module of the archive: `__torch__.a.b` is `code/__torch__/a/b.py`. Undefined where there is none. */
  readonly source: (path: string) => Source | undefined;
  readonly constant?: (name: string) => { value: unknown; type: JitType } | undefined;
  /** What the texts may ask for. */
  readonly limits?: Limits;
}

export interface FuncOptions extends MethodOptions {
  /** Where free names come from; the unit itself unless given. */
  readonly resolver?: Resolver;
  /** What compiles it: another language's meaning of the same syntax tree. */
  readonly emitter?: new (
    resolver: Resolver,
  ) => Emitter;
}

type Definition =
  | { readonly kind: 'class'; readonly node: ClassDef }
  | { readonly kind: 'function'; readonly node: Def };

export class CompilationUnit implements Resolver {
  readonly dialect: Dialect = 'archive';
  private readonly read = new Set<string>();
  private readonly definitions = new Map<string, Definition>();
  private readonly resolved = new Map<string, Sugared>();
  private readonly tags = new Map<string, JitType>();
  private readonly taken = new Set<string>();
  private mangled = 0;

  constructor(private readonly options: UnitOptions) {}

  get version(): number {
    return this.options.version ?? 10;
  }

  constant(name: string): { value: unknown; type: JitType } | undefined {
    return this.options.constant?.(name);
  }

  resolve(name: string): Sugared | undefined {
    const known = this.resolved.get(name);
    if (known) return known;
    const dot = name.lastIndexOf('.');
    this.readModule(dot < 0 ? '' : name.slice(0, dot));
    const definition = this.definitions.get(name);
    if (!definition) return undefined;
    if (definition.kind === 'class') return this.defineClass(name, definition.node);
    const sugared: Sugared = { kind: 'function', func: this.func(name, definition.node) };
    this.resolved.set(name, sugared);
    return sugared;
  }

  /** The type of a qualified name or a type tag such as `List[Optional[int]]`. */
  type(text: string): JitType {
    let type = this.tags.get(text);
    if (!type) {
      type = typeOfExpression(parseTypeExpression(new Source(text, '<type>')), this);
      this.tags.set(text, type);
    }
    return type;
  }

  /** Takes a name for something made here: itself where it is free, else with `___torch_mangle_N` before its last part. */
  uniqueName(wanted: string): string {
    let name = wanted;
    while (this.taken.has(name)) name = mangled(wanted, this.mangled++);
    this.taken.add(name);
    return name;
  }

  /** Every function and class that is known so far by its qualified name. */
  names(): readonly string[] {
    return [...this.definitions.keys()];
  }

  private readModule(path: string): void {
    if (this.read.has(path)) return;
    this.read.add(path);
    const source = this.options.source(path);
    if (!source) return;
    const prefix = path === '' ? '' : `${path}.`;
    const file = parseFile(source, { limits: this.options.limits });
    for (const node of file.classes) this.define(`${prefix}${node.name}`, { kind: 'class', node });
    for (const node of file.functions) this.define(`${prefix}${node.name}`, { kind: 'function', node });
  }

  private define(name: string, definition: Definition): void {
    if (this.definitions.has(name))
      throw new CompileError(`'${name}' is defined twice`, definition.node.range);
    this.definitions.set(name, definition);
  }

  /** A function or method of this definition, compiled when its graph, or a result that is not declared, is asked for. */
  func(name: string, def: Def, options: FuncOptions = {}): Func {
    const { self, resolver = this, emitter = Emitter } = options;
    let inferred: JitType | undefined;
    let params: readonly Param[] | undefined;
    const parameters = () => (params ??= this.parameters(def, resolver, self));
    const declared = () => def.returns && typeOfExpression(def.returns, resolver);
    const func: Func = new Func(
      name,
      () => {
        const returns = declared();
        const given = { name, params: parameters() };
        if (returns) return { ...given, returns };
        func.graph;
        return { ...given, returns: inferred! };
      },
      () => {
        const { graph, returns } = new emitter(resolver).function(def, parameters(), declared(), options);
        inferred = returns;
        convertToSsa(graph);
        canonicalizeModifiedLoops(graph);
        normalizeOperators(graph);
        inlineForkedClosures(graph);
        cleanUp(graph);
        return graph;
      },
      () => def.range.source.text.slice(def.range.start, endOf(def)),
      () => operatorsIn(def),
    );
    return func;
  }

  private parameters(def: Def, resolver: Resolver, self?: ClassType): Param[] {
    if (self && def.params.length === 0)
      throw new CompileError('methods must have a self argument', def.range);
    return def.params.map((param, i) => {
      const type =
        i === 0 && self ? self : param.type ? typeOfExpression(param.type, resolver) : InferredTensorT;
      const size = param.type && broadcastSize(param.type);
      const value = param.default && literalValue(param.default, resolver);
      return {
        name: param.name,
        type,
        kwargOnly: param.kwargOnly,
        hasDefault: param.default !== undefined,
        ...(param.default && {
          default: size && typeof value === 'number' ? new Array(size).fill(value) : value,
        }),
        ...(size && { size }),
      };
    });
  }

  private defineClass(name: string, node: ClassDef): Sugared {
    switch (node.base) {
      case 'NamedTuple':
        return this.keep(name, namedTupleOf(name, node, this));
      case 'Enum':
        return this.keep(name, enumOf(name, node, this));
      case 'Interface':
      case 'ModuleInterface':
        return this.interface(name, node, node.base === 'ModuleInterface');
      case undefined:
      case 'Module':
        return this.plainClass(name, node);
      default:
        throw new CompileError(
          `Torchscript does not support class inheritance from '${node.base}'`,
          node.range,
        );
    }
  }

  private keep(name: string, type: NamedType): Sugared {
    const sugared: Sugared = { kind: 'type', type };
    this.resolved.set(name, sugared);
    return sugared;
  }

  private plainClass(name: string, node: ClassDef): Sugared {
    const type = new ClassType(name, node.base === 'Module');
    const sugared: Sugared = { kind: 'type', type };
    // Known before its parts are read, since they may refer to it.
    this.resolved.set(name, sugared);
    const parameters = new Set<string>();
    const buffers = new Set<string>();
    const attribute = (attributeName: string, annotationExpr: Expr) => {
      const role = parameters.has(attributeName)
        ? 'parameter'
        : buffers.has(attributeName)
          ? 'buffer'
          : 'attribute';
      type.addAttribute({ name: attributeName, type: typeOfExpression(annotationExpr, this), role });
    };
    for (const statement of node.body) {
      if (statement.kind === 'annotation' && statement.target.kind === 'name')
        attribute(statement.target.name, statement.type);
      else if (statement.kind === 'assign' && statement.targets.length === 1) {
        const [target] = statement.targets;
        if (target.kind === 'subscript' && target.items[0]?.kind === 'string')
          attribute(target.items[0].value, statement.value);
        else if (target.kind === 'name' && target.name.startsWith('__')) {
          const listed =
            target.name === '__parameters__'
              ? parameters
              : target.name === '__buffers__'
                ? buffers
                : undefined;
          if (statement.value.kind !== 'list')
            throw new CompileError('expected a list here', statement.range);
          for (const item of statement.value.items) if (item.kind === 'string') listed?.add(item.value);
        } else if (target.kind === 'name' && statement.type)
          type.constants.set(target.name, {
            type: typeOfExpression(statement.type, this),
            value: literalValue(statement.value, this),
          });
        else throw new CompileError('Unexpected statement in a class body', statement.range);
      } else if (statement.kind === 'def') {
        const { def } = statement;
        if (type.methods.has(def.name))
          throw new CompileError(`method '${def.name}' is defined twice`, def.range);
        type.methods.set(def.name, this.func(def.name, def, { self: type }));
      } else if (statement.kind !== 'pass')
        throw new CompileError('Unexpected statement kind in a class body', statement.range);
    }
    return sugared;
  }

  private interface(name: string, node: ClassDef, isModule: boolean): Sugared {
    const type = new InterfaceType(name, isModule);
    const sugared = this.keep(name, type);
    declareMethods(type, node, this);
    return sugared;
  }
}

const endOf = (def: Def): number => {
  let end = def.range.end;
  const visit = (body: Def['body']): void => {
    for (const statement of body) {
      end = Math.max(end, statement.range.end);
      if ('body' in statement) visit(statement.body);
      if ('orElse' in statement) visit(statement.orElse);
      if (statement.kind === 'def') visit(statement.def.body);
    }
  };
  visit(def.body);
  return end;
};
