/** ScriptModule: a loaded TorchScript module as users hold it: callable, with its methods, attributes and submodules as properties. */
import { ArgumentError, type DType, dtypes, isFloat, no_grad, OrderedDict, TorchError } from '@sconce/core';
import { type Explanation, explainModule } from './explain.ts';
import type { CompilationUnit } from './frontend/unit.ts';
import { bindArguments, toCaller } from './interpreter/boundary.ts';
import { execute } from './interpreter/run.ts';
import type { Func } from './ir/function.ts';
import { allNodes } from './ir/graph.ts';
import { graphToString } from './ir/print.ts';
import type { Attribute } from './ir/types.ts';
import type { Device } from './ops/core.ts';
import { Tensor } from './ops/core.ts';
import { ScriptObject } from './ops/value.ts';

/** What modules of one archive share. */
export interface Program {
  readonly unit: CompilationUnit;
  /** Where the module is; `cpu` and `cuda:0` in its code mean this. */
  device: Device;
}

const OBJECT = Symbol('object');
const PROGRAM = Symbol('program');

const wrappers = new WeakMap<ScriptObject, ScriptModule>();

/** The one module that stands for an object. */
export function wrapModule(object: ScriptObject, program: Program): ScriptModule {
  let module = wrappers.get(object);
  if (!module) wrappers.set(object, (module = new ScriptModule(object, program)));
  return module;
}

export interface ScriptModule {
  (...args: unknown[]): Promise<unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: attributes and methods are the program's
  [name: string]: any;
}

/** A TorchScript module. Calls always return a promise; `forward` and the other methods take what Python's take. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: a callable class needs both
export class ScriptModule {
  declare private readonly [OBJECT]: ScriptObject;
  declare private readonly [PROGRAM]: Program;

  constructor(object: ScriptObject, program: Program) {
    const call = (...args: unknown[]): Promise<unknown> =>
      runMethod(call as unknown as ScriptModule, 'forward', args);
    Object.setPrototypeOf(call, ScriptModule.prototype);
    // So that a module may have attributes of these names.
    Reflect.deleteProperty(call, 'name');
    Reflect.deleteProperty(call, 'length');
    Object.defineProperty(call, OBJECT, { value: object });
    Object.defineProperty(call, PROGRAM, { value: program });
    const { type } = object;
    for (const [slot, attribute] of type.attributes.entries()) {
      if (reserved.has(attribute.name)) continue;
      Object.defineProperty(call, attribute.name, {
        enumerable: true,
        configurable: true,
        get: () => toCaller(object.slots[slot], (inner) => wrapModule(inner, program)),
        set: (value: unknown) => {
          object.slots[slot] = attributeValue(attribute, value);
        },
      });
    }
    for (const [name, constant] of type.constants)
      if (!reserved.has(name) && type.slotOf(name) === undefined)
        Object.defineProperty(call, name, { enumerable: true, configurable: true, value: constant.value });
    for (const name of type.methods.keys())
      if (!reserved.has(name) && !name.startsWith('__'))
        Object.defineProperty(call, name, {
          enumerable: false,
          configurable: true,
          value: (...args: unknown[]) => runMethod(call as unknown as ScriptModule, name, args),
        });
    // biome-ignore lint/correctness/noConstructorReturn: the module is the callable
    return call as unknown as ScriptModule;
  }

  /** The class's name in Python, without its module path. */
  get original_name(): string {
    return this[OBJECT].type.leafName;
  }

  /** The source of `forward` (or of the first method), as the archive has it. */
  get code(): string {
    const { methods } = this[OBJECT].type;
    const func = methods.get('forward') ?? [...methods.values()][0];
    return func?.code ? methodCode(func.code()) : '';
  }

  /** The graph of `forward` as text. */
  get graph(): string {
    const func = this[OBJECT].type.methods.get('forward');
    if (!func) throw new TorchError(`Module '${this.original_name}' has no method 'forward'`);
    return graphToString(func.graph);
  }

  /** The names of the methods that the archive has for this module. */
  get method_names(): string[] {
    return [...this[OBJECT].type.methods.keys()];
  }

  /** Any attribute by name; the way to those whose names the module itself uses. */
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

  *named_children(): Generator<[string, ScriptModule]> {
    const { type, slots } = this[OBJECT];
    for (const [slot, { name }] of type.attributes.entries()) {
      const value = slots[slot];
      if (value instanceof ScriptObject && value.type.isModule)
        yield [name, wrapModule(value, this[PROGRAM])];
    }
  }

  *children(): Generator<ScriptModule> {
    for (const [, child] of this.named_children()) yield child;
  }

  /** This module and all inside it, each once, with their paths. */
  *named_modules(prefix = '', seen: Set<unknown> = new Set()): Generator<[string, ScriptModule]> {
    if (seen.has(this[OBJECT])) return;
    seen.add(this[OBJECT]);
    yield [prefix, this];
    for (const [name, child] of this.named_children())
      yield* child.named_modules(prefix ? `${prefix}.${name}` : name, seen);
  }

  *modules(): Generator<ScriptModule> {
    for (const [, module] of this.named_modules()) yield module;
  }

  private *tensors(
    role: Attribute['role'],
    prefix: string,
  ): Generator<[string, Tensor, ScriptObject, number]> {
    for (const [path, module] of this.named_modules(prefix)) {
      const object = module[OBJECT];
      for (const [slot, attribute] of object.type.attributes.entries()) {
        const value = object.slots[slot];
        if (attribute.role === role && value instanceof Tensor)
          yield [path ? `${path}.${attribute.name}` : attribute.name, value, object, slot];
      }
    }
  }

  private *once(role: Attribute['role'], prefix: string): Generator<[string, Tensor]> {
    const seen = new Set<Tensor>();
    for (const [name, tensor] of this.tensors(role, prefix)) {
      if (seen.has(tensor)) continue;
      seen.add(tensor);
      yield [name, tensor];
    }
  }

  named_parameters(prefix = ''): Generator<[string, Tensor]> {
    return this.once('parameter', prefix);
  }

  *parameters(): Generator<Tensor> {
    for (const [, tensor] of this.named_parameters()) yield tensor;
  }

  named_buffers(prefix = ''): Generator<[string, Tensor]> {
    return this.once('buffer', prefix);
  }

  *buffers(): Generator<Tensor> {
    for (const [, tensor] of this.named_buffers()) yield tensor;
  }

  /** Parameters and buffers by path, module by module, as PyTorch orders them. */
  state_dict(prefix = ''): OrderedDict<string, Tensor> {
    const out = new OrderedDict<string, Tensor>();
    const inside = new Set<ScriptObject>();
    const visit = (module: ScriptModule, path: string): void => {
      const object = module[OBJECT];
      // A damaged archive may hold a module inside itself.
      if (inside.has(object)) return;
      inside.add(object);
      for (const role of ['parameter', 'buffer'])
        for (const [slot, attribute] of object.type.attributes.entries()) {
          const value = object.slots[slot];
          if (attribute.role === role && value instanceof Tensor) out.set(path + attribute.name, value);
        }
      for (const [name, child] of module.named_children()) visit(child, `${path}${name}.`);
      inside.delete(object);
    };
    visit(this, prefix);
    return out;
  }

  /** Copies values into the module's own tensors. With `strict` (the default) every key must be there, and no other. */
  load_state_dict(
    state: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
    { strict = true }: { strict?: boolean } = {},
  ): { missing_keys: string[]; unexpected_keys: string[] } {
    const given = state instanceof Map ? state : new Map(Object.entries(state));
    const own = this.state_dict();
    const missing_keys = [...own.keys()].filter((key) => !given.has(key));
    const unexpected_keys = [...given.keys()].filter((key) => !own.has(key));
    const problems: string[] = [];
    if (strict && unexpected_keys.length)
      problems.push(`Unexpected key(s) in state_dict: ${unexpected_keys.map((k) => `"${k}"`).join(', ')}. `);
    if (strict && missing_keys.length)
      problems.push(`Missing key(s) in state_dict: ${missing_keys.map((k) => `"${k}"`).join(', ')}. `);
    for (const [key, tensor] of own) {
      const source = given.get(key);
      if (source && String(source.shape) !== String(tensor.shape))
        problems.push(
          `size mismatch for ${key}: copying a param with shape torch.Size([${source.shape.join(', ')}]) from checkpoint, the shape in current model is torch.Size([${tensor.shape.join(', ')}]).`,
        );
    }
    if (problems.length)
      throw new TorchError(
        `Error(s) in loading state_dict for ${this.original_name}:\n\t${problems.join('\n\t')}`,
      );
    no_grad(() => {
      for (const [key, tensor] of own) {
        const source = given.get(key);
        if (source) tensor.copy_(source);
      }
    });
    return { missing_keys, unexpected_keys };
  }

  train(mode = true): this {
    for (const module of this.modules()) {
      const object = module[OBJECT];
      if (object.type.slotOf('training') !== undefined) object.set('training', mode);
    }
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  requires_grad_(requires_grad = true): this {
    for (const parameter of this.parameters()) parameter.requires_grad = requires_grad;
    return this;
  }

  zero_grad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /** Moves parameters and buffers to a device, or casts the floating point ones to a dtype. */
  async to(target: Device | string): Promise<this> {
    const isDType = typeof target === 'string' && Object.hasOwn(dtypes, target);
    if (isDType && !isFloat(target as DType))
      throw new ArgumentError(
        `nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=${target}`,
      );
    const moved = new Map<Tensor, Tensor>();
    let device: Device | undefined;
    for (const role of ['parameter', 'buffer', 'attribute'] as const)
      for (const [, tensor, object, slot] of [...this.tensors(role, '')]) {
        if (role === 'attribute' && isDType) continue;
        let next = moved.get(tensor);
        if (!next) {
          const keep = isDType && !isFloat(tensor.dtype);
          const result: Tensor = keep ? tensor : await no_grad(() => tensor.to(target));
          next = result === tensor ? tensor : result.detach();
          if (next !== tensor && tensor.requires_grad) next!.requires_grad = true;
          moved.set(tensor, next!);
        }
        object.slots[slot] = next;
        device ??= next!.device;
      }
    if (!isDType && device) this[PROGRAM].device = device;
    return this;
  }

  /** What a backend (the current one unless given) lacks for this program, found without running it. */
  explain(backend?: unknown): Explanation {
    return explainModule(this[OBJECT], backend);
  }

  toString(): string {
    return describe(this, 'RecursiveScriptModule', 0);
  }
}

/** Names that belong to every module; an attribute so called is reached through `getattr`. */
const reserved = new Set(Object.getOwnPropertyNames(ScriptModule.prototype));

function describe(module: ScriptModule, kind: string, depth: number): string {
  const children = [...module.named_children()];
  const own = `original_name=${module.original_name}`;
  if (children.length === 0) return `${kind}(${own})`;
  const pad = '  '.repeat(depth + 1);
  const lines = children.map(([name, child]) => `${pad}(${name}): ${describe(child, kind, depth + 1)}`);
  return `${kind}(\n${pad}${own}\n${lines.join('\n')}\n${'  '.repeat(depth)})`;
}

function attributeValue(attribute: Attribute, value: unknown): unknown {
  if (attribute.type.kind === 'Tensor' && !(value instanceof Tensor))
    throw new ArgumentError(`Could not cast attribute '${attribute.name}' to type Tensor`);
  if (attribute.type.kind === 'bool' && typeof value !== 'boolean')
    throw new ArgumentError(`Could not cast attribute '${attribute.name}' to type bool`);
  return value instanceof Function && OBJECT in value
    ? (value as unknown as ScriptModule)[OBJECT as never]
    : value;
}

/** As PyTorch's `.code`: a method outside of its class, `self` without its type. */
function methodCode(text: string): string {
  const lines = text.split('\n');
  const body = lines.map((line, i) =>
    i > 0 && line.startsWith('  ') && !/^ {4}\w+: .*[,:]$/.test(line) ? line.slice(2) : line,
  );
  return `${body
    .join('\n')
    .replace(/^(def \w+\(self): __torch__[\w.]*/, '$1')
    .trimEnd()}\n`;
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
  const object: ScriptObject = module[OBJECT as never];
  const program: Program = module[PROGRAM as never];
  const func = object.type.methods.get(name);
  if (!func) throw new TorchError(`Module '${object.type.leafName}' has no method '${name}'`);
  const [, ...params] = func.signature.params;
  const unwrap = {
    object: (value: unknown) =>
      typeof value === 'function' && OBJECT in value ? (value as never)[OBJECT] : undefined,
  };
  const bound = bindArguments(name, func, params, args, unwrap);
  const start = () => execute(func, [object, ...bound], program.device);
  let result: unknown;
  if (!writesAttributes(func)) result = start();
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
