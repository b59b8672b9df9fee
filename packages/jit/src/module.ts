/** ScriptModule: a loaded TorchScript module as users hold it: callable, with its methods, attributes and submodules as properties. */
import {
  ArgumentError,
  type Backend,
  backendOf,
  type DType,
  deviceOf,
  dtypes,
  fromTypedArray,
  Module,
  readRaw,
  replaceData,
  TorchError,
  TracedNumber,
} from '@sconce/core';
import { type JitSaveOptions, writeArchive } from './archive/write.ts';
import { type Explanation, explainModule } from './explain.ts';
import { bindArguments, toCaller } from './interpreter/boundary.ts';
import { execute } from './interpreter/run.ts';
import type { Func } from './ir/function.ts';
import { allNodes } from './ir/graph.ts';
import { graphToString, inlinedGraph } from './ir/print.ts';
import type { Attribute } from './ir/types.ts';
import type { Device } from './ops/core.ts';
import { Tensor } from './ops/core.ts';
import { ScriptObject } from './ops/value.ts';
import { type Code, methodCode, namedConstants } from './print/code.ts';
import type { Program } from './program.ts';
import { saveObject } from './save.ts';
import { scriptMethod } from './script-method.ts';
import { activeTrace } from './trace/state.ts';

export type { Program } from './program.ts';

const OBJECT = Symbol('object');
const PROGRAM = Symbol('program');

const wrappers = new WeakMap<ScriptObject, ScriptModule>();

/** The one module that stands for an object. */
export function wrapModule(object: ScriptObject, program: Program): ScriptModule {
  let module = wrappers.get(object);
  if (!module) wrappers.set(object, (module = new ScriptModule(object, program)));
  return module;
}

/** Makes a method of the program one of the module's. */
export function exposeMethod(module: ScriptModule, name: string): void {
  if (name.startsWith('__') || (name !== 'forward' && reserved.has(name))) return;
  Object.defineProperty(module, name, {
    enumerable: false,
    configurable: true,
    value: scriptMethod(module[OBJECT].type.methods.get(name)!, (...args) => runMethod(module, name, args)),
  });
}

export interface ScriptModule {
  // biome-ignore lint/suspicious/noExplicitAny: attributes and methods are the program's
  [name: string]: any;
}

/**
 * A TorchScript module: an `nn.Module` whose attributes are the program's, so that parameters, `state_dict`, `train` and
 * hooks are as on any other. A call, of `forward` or another method, always returns a promise.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: attributes and methods are the program's
export class ScriptModule extends Module {
  declare readonly [OBJECT]: ScriptObject;
  declare readonly [PROGRAM]: Program;

  constructor(object: ScriptObject, program: Program) {
    super();
    Object.defineProperty(this, OBJECT, { value: object });
    Object.defineProperty(this, PROGRAM, { value: program });
    const { type } = object;
    for (const [slot, attribute] of type.attributes.entries()) {
      const { name, role } = attribute;
      if (reserved.has(name)) continue;
      Object.defineProperty(this, name, {
        enumerable: name !== 'training',
        configurable: true,
        get: () => toCaller(object.slots[slot], (inner) => wrapModule(inner, program)),
        set: (value: unknown) => {
          object.slots[slot] = attributeValue(attribute, value);
        },
      });
      const value = object.slots[slot];
      if (role === 'buffer' && value instanceof Tensor) this.register_buffer(name, value);
    }
    for (const [name, constant] of type.constants)
      if (!reserved.has(name) && type.slotOf(name) === undefined)
        Object.defineProperty(this, name, { enumerable: true, configurable: true, value: constant.value });
    for (const name of type.methods.keys()) exposeMethod(this, name);
  }

  override _get_name(): string {
    return 'RecursiveScriptModule';
  }

  override extra_repr(): string {
    return `original_name=${this.original_name}`;
  }

  /** The class's name in Python, without its module path. */
  get original_name(): string {
    return this[OBJECT].type.leafName;
  }

  /** The source of `forward`, printed from its graph as PyTorch prints it. */
  get code(): string {
    return this.forwardCode().text;
  }

  /** The source of `forward`, and the values that it calls `CONSTANTS.c0`, `c1`, … by these names. */
  get code_with_constants(): [code: string, constants: Record<string, unknown>] {
    const { text, constants } = this.forwardCode();
    return [text, namedConstants(constants)];
  }

  /** The graph of `forward` as text. */
  get graph(): string {
    return graphToString(methodOf(this[OBJECT], 'forward').graph);
  }

  /** The graph of `forward` with every call replaced by what it calls. */
  get inlined_graph(): string {
    return inlinedGraph(methodOf(this[OBJECT], 'forward'));
  }

  private forwardCode(): Code {
    return methodCode(methodOf(this[OBJECT], 'forward'));
  }

  /** The bytes of an archive that `torch.jit.load` reads, in PyTorch too. */
  save_to_buffer(options?: JitSaveOptions): Promise<Uint8Array> {
    return writeArchive(this[OBJECT], this[PROGRAM], options);
  }

  /** Writes the archive to a path. */
  save(path: string, options?: JitSaveOptions): Promise<void> {
    return saveObject(path, this[OBJECT], this[PROGRAM], options);
  }

  /** The names of the methods that the archive has for this module. */
  get method_names(): string[] {
    return [...this[OBJECT].type.methods.keys()];
  }

  /** Any attribute by name; the way to those whose names every module uses for itself. */
  getattr(name: string): unknown {
    const { type, slots } = this[OBJECT];
    const slot = type.slotOf(name);
    if (slot === undefined) throw new TorchError(`Module '${type.leafName}' has no attribute '${name}'`);
    return toCaller(slots[slot], (inner) => wrapModule(inner, this[PROGRAM]));
  }

  /** Calls a method by name. */
  run_method(name: string, ...args: unknown[]): Promise<unknown> {
    return runMethod(this, name, args);
  }

  override to(target: DType): this;
  override to(target: Device | Backend | string): Promise<this>;
  override to(target: DType | Device | Backend | string): this | Promise<this> {
    if (typeof target === 'string' && Object.hasOwn(dtypes, target)) return super.to(target as DType);
    return this.moveAll(target as Device);
  }

  /** Beside parameters and buffers a program keeps tensors in attributes and constants. */
  private async moveAll(target: Device | Backend | string): Promise<this> {
    const backend = backendOf(target);
    await super.to(backend);
    const others = new Set<Tensor>(this[PROGRAM].constants);
    for (const module of this.modules())
      if (module instanceof ScriptModule)
        for (const value of module[OBJECT].slots) if (value instanceof Tensor) others.add(value);
    for (const tensor of others) {
      if (tensor.backend === backend) continue;
      const moved = fromTypedArray(await readRaw(tensor), tensor.shape, tensor.dtype, backend);
      replaceData(tensor, moved);
      moved.dispose();
    }
    this[PROGRAM].device = deviceOf(backend);
    return this;
  }

  /** What a backend (the current one unless given) lacks for this program, found without running it. */
  explain(backend?: unknown): Explanation {
    return explainModule(this[OBJECT], backend);
  }
}

/** What tracing makes of a module: it prints as the module that was traced. */
class TracedModule extends ScriptModule {
  override _get_name(): string {
    return this.original_name;
  }
}

/** The module of a traced object; of the objects below it, those that were made with it are traced modules too. */
export function wrapTraced(
  object: ScriptObject,
  program: Program,
  own: ReadonlySet<ScriptObject>,
): ScriptModule {
  for (const slot of object.slots)
    if (slot instanceof ScriptObject && own.has(slot)) wrapTraced(slot, program, own);
  let module = wrappers.get(object);
  if (!module) wrappers.set(object, (module = new TracedModule(object, program)));
  return module;
}

/** The program's object behind a module, and what it shares with the others of its archive. */
export const moduleParts = (module: ScriptModule): { object: ScriptObject; program: Program } => ({
  object: module[OBJECT],
  program: module[PROGRAM],
});

/** The program's object behind what a caller gave, when that is a module of ours. */
export const objectOf = (value: unknown): ScriptObject | undefined =>
  typeof value === 'function' && OBJECT in value ? (value as never)[OBJECT] : undefined;

/** Names that belong to every module; an attribute so called is reached through `getattr`. */
const reserved = new Set(
  [ScriptModule.prototype, Module.prototype].flatMap((prototype) => Object.getOwnPropertyNames(prototype)),
);

function attributeValue(attribute: Attribute, value: unknown): unknown {
  if (attribute.type.kind === 'Tensor' && !(value instanceof Tensor))
    throw new ArgumentError(`Could not cast attribute '${attribute.name}' to type Tensor`);
  if (attribute.type.kind === 'bool' && typeof value !== 'boolean')
    throw new ArgumentError(`Could not cast attribute '${attribute.name}' to type bool`);
  return value instanceof ScriptModule ? value[OBJECT] : value;
}

function methodOf(object: ScriptObject, name: string): Func {
  const func = object.type.methods.get(name);
  if (!func) throw new TorchError(`Module '${object.type.leafName}' has no method '${name}'`);
  return func;
}

/** Whether a program stores into attributes: then its calls must not overlap. */
const writers = new WeakMap<Func, boolean>();

function writesAttributes(func: Func): boolean {
  const known = writers.get(func);
  if (known !== undefined) return known;
  writers.set(func, false);
  let writes = false;
  for (const node of allNodes(func.graph.block))
    if (
      node.kind === 'prim::SetAttr' ||
      (node.func && writesAttributes(node.func)) ||
      (node.kind === 'prim::CallMethod' && !node.func)
    )
      writes = true;
  writers.set(func, writes);
  return writes;
}

/** The last call of each module whose program writes; the next one waits for it. */
const queues = new WeakMap<ScriptObject, Promise<unknown>>();

async function runMethod(module: ScriptModule, name: string, args: readonly unknown[]): Promise<unknown> {
  const object: ScriptObject = module[OBJECT];
  const program: Program = module[PROGRAM];
  const func = methodOf(object, name);
  const [, ...params] = func.signature.params;
  const unwrap = { object: objectOf };
  const trace = activeTrace();
  const given = trace ? args.map((arg) => (arg instanceof TracedNumber ? arg.valueOf() : arg)) : args;
  const bound = bindArguments(name, func, params, given, unwrap);
  const start = () => execute(func, [object, ...bound], program.device, program.limits?.instructions);
  let result: unknown;
  if (trace) result = trace.callMethod(object, func, bound, start);
  else if (!writesAttributes(func)) result = start();
  else {
    const previous = queues.get(object);
    const mine = previous ? previous.then(start, start) : start();
    if (mine instanceof Promise) {
      queues.set(object, mine);
      const done = () => {
        if (queues.get(object) === mine) queues.delete(object);
      };
      mine.then(done, done);
    }
    result = mine;
  }
  return toCaller(result instanceof Promise ? await result : result, (inner) => wrapModule(inner, program));
}
