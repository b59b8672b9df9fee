/** From an `nn.Module` to its TorchScript class and object: parameters, buffers, attributes, constants, submodules. */
import { isModule, isParameter, type Module, registered, TorchError } from '@sconce/core';
import { typesEqual } from '../ir/type-relations.ts';
import { ClassType, type JitType, NoneT, TensorT } from '../ir/types.ts';
import { moduleParts, ScriptModule } from '../module.ts';
import type { Tensor } from '../ops/core.ts';
import { ScriptObject } from '../ops/value.ts';
import type { Program } from '../program.ts';
import { libraryClass, qualifiedName } from './names.ts';
import { asTuples, coerceValue, inferValue, type Typed } from './values.ts';

export interface ConversionOptions {
  /**
   * `trace`: parameters, buffers, submodules and `training` only, and a type for each module, as tracing has it.
   * `script`: attributes and constants too, and one type for all instances of a class that have the same structure.
   */
  readonly mode: 'trace' | 'script';
  /** Whether a type that an earlier module of this structure has may stand for another: its methods are what they would be here. */
  readonly mayShare?: (type: ClassType) => boolean;
}

/** A module that was converted, with what a compiler needs to give it methods. */
export interface ConvertedModule {
  readonly module: Module;
  readonly object: ScriptObject;
  /** Whether the type is new, so that it has no methods yet. */
  readonly isNew: boolean;
  /** Attributes that have no TorchScript type, and why: an error only when the program uses one. */
  readonly failed: ReadonlyMap<string, string>;
}

export interface Conversion {
  readonly object: ScriptObject;
  /** Every module of ours below and the root, children first. Modules that were scripted before are not among them. */
  readonly modules: readonly ConvertedModule[];
}

interface Parts {
  readonly parameters: [string, Tensor | null][];
  readonly buffers: [string, Tensor | null][];
  readonly attributes: [string, Typed][];
  readonly children: [string, ScriptObject][];
  readonly constants: [string, Typed][];
  readonly functions: [string, unknown][];
  readonly failed: Map<string, string>;
}

/** Statics that a user's class may have, as in Python: `static __constants__ = ['k']`, `static __annotations__ = { x: 'Optional[Tensor]' }`. */
interface Annotated {
  readonly __constants__?: readonly string[];
  readonly __annotations__?: Readonly<Record<string, string | JitType>>;
}

/** Every type made for a class while scripting, by the class itself. */
const sharedTypes = new WeakMap<object, ClassType[]>();

/**
 * Converts a module and all below it. Tensors are the module's own: what trains the one trains the other. A submodule
 * that is a ScriptModule already keeps its object and its type.
 */
export function convertModule(root: Module, program: Program, options: ConversionOptions): Conversion {
  const modules: ConvertedModule[] = [];
  const convert = (module: Module): ScriptObject => {
    if (module instanceof ScriptModule) {
      const { object, program: own } = moduleParts(module);
      if (own !== program)
        for (const tensor of own.constants)
          if (!program.constants.includes(tensor)) program.constants.push(tensor);
      return object;
    }
    const wanted = qualifiedName(module);
    const reserved = options.mode === 'trace' ? program.unit.uniqueName(wanted) : undefined;
    const parts = partsOf(module, program, options, convert);
    const known = options.mode === 'script' ? sharedType(module, parts, options) : undefined;
    const type = known ?? newType(reserved ?? program.unit.uniqueName(wanted), parts);
    if (!known && options.mode === 'script') remember(module, type);
    const object = objectOfType(type, parts);
    modules.push({ module, object, isNew: !known, failed: parts.failed });
    return object;
  };
  return { object: convert(root), modules };
}

function partsOf(
  module: Module,
  program: Program,
  { mode }: ConversionOptions,
  convert: (child: Module) => ScriptObject,
): Parts {
  const parts: Parts = {
    parameters: [],
    buffers: [],
    attributes: [],
    children: [],
    constants: [],
    functions: [],
    failed: new Map(),
  };
  const library = libraryClass(module);
  const annotated = module.constructor as Annotated;
  const annotation = (name: string): string | JitType | undefined =>
    library ? (library[1][name] ?? library[2][name]) : annotated.__annotations__?.[name];
  const isConstant = (name: string): boolean =>
    library
      ? name in library[1]
      : annotated.__constants__?.includes(name) === true || isFinal(annotation(name));
  const { buffers, absent } = registered(module);

  const hook = library?.[2]._is_full_backward_hook ?? 'Optional[bool]';
  parts.attributes.push(
    ['training', { type: program.unit.type('bool'), value: module.training }],
    [
      '_is_full_backward_hook',
      { type: program.unit.type(mode === 'trace' ? 'Optional[bool]' : hook), value: null },
    ],
  );
  for (const [name, value] of Object.entries(module)) {
    if (name === 'training') continue;
    if (isModule(value)) {
      parts.children.push([name, convert(value)]);
      continue;
    }
    if (
      isParameter(value) ||
      (value === null && absent.has(name)) ||
      (value === null && isAbsentParameter(module, name))
    ) {
      if (value !== null || mode === 'script') parts.parameters.push([name, value as Tensor | null]);
      continue;
    }
    if (buffers.has(name)) {
      if (value !== null || mode === 'script') parts.buffers.push([name, value as Tensor | null]);
      continue;
    }
    if (mode === 'trace') continue;
    if (typeof value === 'function' && !library) {
      parts.functions.push([name, value]);
      continue;
    }
    const wanted = annotation(name);
    const declared =
      typeof wanted === 'string' ? program.unit.type(wanted.replace(/^Final\[(.*)\]$/, '$1')) : wanted;
    const typed = typedValue(value, declared, library !== undefined);
    if (typeof typed === 'string') parts.failed.set(name, typed);
    else if (isConstant(name)) parts.constants.push([name, typed]);
    else parts.attributes.push([name, typed]);
  }
  return parts;
}

const isFinal = (type: string | JitType | undefined): boolean =>
  typeof type === 'string' && /^Final\[/.test(type);

/** A bias that a layer of nn was made without is a parameter that is not there, not an attribute that happens to be None. */
const isAbsentParameter = (module: Module, name: string): boolean =>
  libraryClass(module) !== undefined && /^(weight|bias)/.test(name);

function typedValue(value: unknown, declared: JitType | undefined, isLibrary: boolean): Typed | string {
  if (declared) {
    const typed = coerceValue(value, declared);
    if (typed) return typed;
  }
  const inferred = inferValue(isLibrary ? asTuples(value) : value);
  return 'why' in inferred ? inferred.why : inferred;
}

function newType(name: string, parts: Parts): ClassType {
  const type = new ClassType(name, true);
  for (const [attribute, value] of parts.parameters)
    type.addAttribute({ name: attribute, type: value ? TensorT : NoneT, role: 'parameter' });
  for (const [attribute, value] of parts.buffers)
    type.addAttribute({ name: attribute, type: value ? TensorT : NoneT, role: 'buffer' });
  for (const [attribute, typed] of parts.attributes)
    type.addAttribute({ name: attribute, type: typed.type, role: 'attribute' });
  for (const [attribute, child] of parts.children)
    type.addAttribute({ name: attribute, type: child.type, role: 'attribute' });
  for (const [constant, typed] of parts.constants) type.constants.set(constant, typed);
  for (const [attribute, value] of parts.functions) type.functions.set(attribute, value);
  return type;
}

function objectOfType(type: ClassType, parts: Parts): ScriptObject {
  const object = new ScriptObject(type);
  for (const [name, value] of [...parts.parameters, ...parts.buffers, ...parts.children])
    object.set(name, value);
  for (const [name, { value }] of parts.attributes) object.set(name, value);
  return object;
}

function remember(module: Module, type: ClassType): void {
  const types = sharedTypes.get(module.constructor);
  if (types) types.push(type);
  else sharedTypes.set(module.constructor, [type]);
}

/** A type of this class whose attributes, constants and submodules are the same, so that it may stand for the module. */
function sharedType(module: Module, parts: Parts, { mayShare }: ConversionOptions): ClassType | undefined {
  const wanted = newType('', parts);
  return sharedTypes
    .get(module.constructor)
    ?.find((type) => hasStructure(type, wanted) && (mayShare?.(type) ?? true));
}

function hasStructure(type: ClassType, other: ClassType): boolean {
  if (
    type.attributes.length !== other.attributes.length ||
    type.constants.size !== other.constants.size ||
    type.functions.size !== other.functions.size
  )
    return false;
  for (const [name, value] of type.functions) if (other.functions.get(name) !== value) return false;
  for (const [i, a] of type.attributes.entries()) {
    const b = other.attributes[i];
    if (a.name !== b.name || a.role !== b.role || !typesEqual(a.type, b.type)) return false;
  }
  for (const [name, a] of type.constants) {
    const b = other.constants.get(name);
    if (!b || !typesEqual(a.type, b.type) || !sameConstant(a.value, b.value)) return false;
  }
  return true;
}

function sameConstant(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((x, i) => sameConstant(x, b[i]));
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([k, v]) => b.has(k) && sameConstant(v, b.get(k)));
  return Object.is(a, b);
}

/** The error for an attribute that has no TorchScript type, where a program uses it. */
export function failedAttribute(converted: ConvertedModule, name: string): TorchError {
  return new TorchError(
    `Module '${converted.module._get_name()}' has no attribute '${name}' (This attribute exists on the JavaScript module, but we failed to convert its type to a TorchScript type. ${converted.failed.get(name)} Its type was inferred; try adding a type annotation for the attribute: static __annotations__ = { ${name}: '…' }.)`,
  );
}
