/** `nn.Module`: a callable with parameters, buffers and children. */
import type { RemovableHandle } from '../autograd/api.ts';
import { no_grad } from '../autograd/mode.ts';
import type { Backend } from '../backend/backend.ts';
import { ArgumentError, TorchError } from '../errors.ts';
import { OrderedDict } from '../serialization/pickle-values.ts';
import type { Received } from '../serialization/receive.ts';
import { readStateDict } from '../serialization/state-dict.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { backendOf, type Device } from '../tensor/device.ts';
import { type DType, dtypes, isFloat } from '../tensor/dtype.ts';
import { readRaw } from '../tensor/host.ts';
import { sameShape } from '../tensor/layout.ts';
import { Tensor } from '../tensor/tensor.ts';
import { isParameter, type Parameter, replaceData } from './parameter.ts';
import { type ReadOptions, type Source, withSource } from './source.ts';

/** What `load_state_dict` found that did not fit. */
export interface IncompatibleKeys {
  readonly missing_keys: readonly string[];
  readonly unexpected_keys: readonly string[];
}

type ForwardPreHook = (module: Module, args: unknown[]) => unknown;
type ForwardHook = (module: Module, args: unknown[], output: unknown) => unknown;

interface State {
  /** Names of buffers, and whether they belong to the state dict. */
  readonly buffers: Map<string, boolean>;
  /** Names registered with nothing in them: a bias that is not there. */
  readonly absent: Set<string>;
  readonly preHooks: ForwardPreHook[];
  readonly hooks: ForwardHook[];
}

const state = Symbol('module');

/** What a user assigned, by name. */
/** Methods of ours: users' attributes may have any name. */
const own: unique symbol = Symbol('own');
const all: unique symbol = Symbol('all');
const checkName: unique symbol = Symbol('checkName');
const takeState: unique symbol = Symbol('takeState');
const convert: unique symbol = Symbol('convert');

const attributes = (module: Module): Record<string, unknown> => module as unknown as Record<string, unknown>;

const removable = <T>(list: T[], item: T): RemovableHandle => {
  list.push(item);
  return {
    remove: () => {
      const i = list.indexOf(item);
      if (i >= 0) list.splice(i, 1);
    },
  };
};

/** An instance can be called; what is assigned to it is found by its kind. */
export interface Module {
  // biome-ignore lint/style/useShorthandFunctionType: merged with the class below
  // biome-ignore lint/suspicious/noExplicitAny: a user's forward takes and gives what it likes
  (...args: any[]): any;
}

// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the call signature cannot be written in a class
export class Module {
  /** Whether the module behaves as in training (dropout, batch statistics). Set by `train` and `eval`. */
  training = true;
  declare readonly [state]: State;

  constructor() {
    const self = ((...args: unknown[]): unknown => callModule(self, args)) as unknown as Module;
    Object.setPrototypeOf(self, new.target.prototype);
    // A function's own properties would stand in the way of attributes of these names.
    delete (self as unknown as { name?: string }).name;
    delete (self as unknown as { length?: number }).length;
    Object.defineProperty(self, state, {
      value: { buffers: new Map(), absent: new Set(), preHooks: [], hooks: [] } satisfies State,
    });
    self.training = true;
    // biome-ignore lint/correctness/noConstructorReturn: the instance is a function, so that it can be called
    return self;
  }

  // biome-ignore lint/suspicious/noExplicitAny: a user's forward takes and gives what it likes
  forward(..._args: any[]): any {
    throw new TorchError(`Module [${this._get_name()}] is missing the required "forward" function`);
  }

  /** The class's name, as it is printed. */
  _get_name(): string {
    return this.constructor.name.replace(/Class$/, '');
  }

  register_parameter(name: string, parameter: Parameter | null): void {
    this[checkName](name);
    if (parameter === null) {
      this[state].absent.add(name);
      attributes(this)[name] = null;
    } else if (!isParameter(parameter))
      throw new ArgumentError(
        `cannot assign '${typeof parameter}' object to parameter '${name}' (torch.nn.Parameter or None required)`,
      );
    else attributes(this)[name] = parameter;
  }

  /** A tensor that is state but no parameter; `persistent: false` keeps it out of the state dict. */
  register_buffer(
    name: string,
    tensor: Tensor | null,
    { persistent = true }: { persistent?: boolean } = {},
  ): void {
    this[checkName](name);
    this[state].buffers.set(name, persistent);
    attributes(this)[name] = tensor;
  }

  add_module(name: string, module: Module | null): void {
    this[checkName](name);
    attributes(this)[name] = module;
  }

  register_module(name: string, module: Module | null): void {
    this.add_module(name, module);
  }

  private [checkName](name: string): void {
    if (name === '') throw new ArgumentError('name can\'t be empty string ""');
    if (name.includes('.')) throw new ArgumentError(`name can't contain ".", got: ${name}`);
    if (name in this && !Object.hasOwn(this, name))
      throw new ArgumentError(`attribute '${name}' already exists`);
  }

  *named_children(): IterableIterator<[string, Module]> {
    const seen = new Set<Module>();
    for (const [name, value] of Object.entries(this))
      if (isModule(value) && !seen.has(value)) {
        seen.add(value);
        yield [name, value];
      }
  }

  *children(): IterableIterator<Module> {
    for (const [, child] of this.named_children()) yield child;
  }

  /** This module and all below it, each once, with their dotted names. */
  *named_modules(memo: Set<Module> = new Set(), prefix = ''): IterableIterator<[string, Module]> {
    if (memo.has(this)) return;
    memo.add(this);
    yield [prefix, this];
    for (const [name, value] of Object.entries(this))
      if (isModule(value)) yield* value.named_modules(memo, prefix ? `${prefix}.${name}` : name);
  }

  *modules(): IterableIterator<Module> {
    for (const [, module] of this.named_modules()) yield module;
  }

  /** Own tensors of one kind, in the order in which they were assigned. */
  private *[own](kind: 'parameter' | 'buffer'): IterableIterator<[string, Tensor]> {
    if (kind === 'buffer') {
      for (const name of this[state].buffers.keys()) {
        const value = attributes(this)[name];
        if (value instanceof Tensor) yield [name, value];
      }
      return;
    }
    for (const [name, value] of Object.entries(this)) if (isParameter(value)) yield [name, value];
  }

  private *[all](
    kind: 'parameter' | 'buffer',
    prefix: string,
    recurse: boolean,
  ): IterableIterator<[string, Tensor]> {
    const seen = new Set<Tensor>();
    const modules: Iterable<[string, Module]> = recurse
      ? this.named_modules(new Set(), prefix)
      : [[prefix, this]];
    for (const [path, module] of modules)
      for (const [name, tensor] of module[own](kind))
        if (!seen.has(tensor)) {
          seen.add(tensor);
          yield [path ? `${path}.${name}` : name, tensor];
        }
  }

  named_parameters(prefix = '', recurse = true): IterableIterator<[string, Parameter]> {
    return this[all]('parameter', prefix, recurse) as IterableIterator<[string, Parameter]>;
  }

  *parameters(recurse = true): IterableIterator<Parameter> {
    for (const [, p] of this.named_parameters('', recurse)) yield p;
  }

  named_buffers(prefix = '', recurse = true): IterableIterator<[string, Tensor]> {
    return this[all]('buffer', prefix, recurse);
  }

  *buffers(recurse = true): IterableIterator<Tensor> {
    for (const [, b] of this.named_buffers('', recurse)) yield b;
  }

  /** The module at a dotted path. */
  get_submodule(target: string): Module {
    let module: Module = this;
    for (const name of target === '' ? [] : target.split('.')) {
      const next = attributes(module)[name];
      if (!isModule(next))
        throw new ArgumentError(`${module._get_name()} has no attribute \`${name}\` that is an nn.Module`);
      module = next;
    }
    return module;
  }

  get_parameter(target: string): Parameter {
    const dot = target.lastIndexOf('.');
    const found = attributes(this.get_submodule(target.slice(0, Math.max(dot, 0))))[target.slice(dot + 1)];
    if (!isParameter(found)) throw new ArgumentError(`\`${target}\` is not an nn.Parameter`);
    return found;
  }

  /** Parameters and persistent buffers by dotted name, sharing memory with the module. */
  state_dict(
    prefix = '',
    into: OrderedDict<string, Tensor> = new OrderedDict(),
  ): OrderedDict<string, Tensor> {
    const metadata = (into.attributes.get('_metadata') as OrderedDict | undefined) ?? new OrderedDict();
    into.attributes.set('_metadata', metadata);
    metadata.set(prefix.slice(0, -1), new Map([['version', this.stateVersion()]]));
    for (const [name, p] of this[own]('parameter')) into.set(prefix + name, p.detach() as Tensor);
    for (const [name, b] of this[own]('buffer'))
      if (this[state].buffers.get(name)) into.set(prefix + name, b.detach() as Tensor);
    for (const [name, value] of Object.entries(this))
      if (isModule(value)) value.state_dict(`${prefix}${name}.`, into);
    return into;
  }

  /** The `_version` that PyTorch writes beside a module's state. */
  protected stateVersion(): number {
    return 1;
  }

  /**
   * Copies a state dict into the module's own tensors: a Map or object of tensors or nested arrays, or a file as
   * path, URL, Response, Blob or bytes (PyTorch's format, safetensors or JSON; the bytes decide). Nothing is changed
   * where something does not fit, unless `strict` is false, which passes over missing and unexpected keys.
   * A file that comes over the network goes to the backend as it comes in; `ReadOptions` say how it is read.
   */
  load_state_dict(
    source: Source | Map<string, Tensor> | Record<string, unknown>,
    { strict = true, ...options }: ReadOptions & { strict?: boolean } = {},
  ): Promise<IncompatibleKeys> {
    const device = [...this.parameters()][0]?.backend;
    const read = (value: Parameters<typeof readStateDict>[0]): Map<string, Tensor> =>
      readStateDict(value, device ? { map_location: device } : {});
    const fromFile = (file: Received): IncompatibleKeys => {
      const dict = file instanceof Map ? file : read(file);
      try {
        return this[takeState](dict, strict);
      } finally {
        for (const tensor of dict.values()) tensor.dispose();
      }
    };
    try {
      return (
        withSource(source, { ...options, backend: backendOf(device), safetensors: true }, fromFile) ??
        Promise.resolve(this[takeState](read(source as Map<string, Tensor>), strict))
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  private [takeState](dict: Map<string, Tensor>, strict: boolean): IncompatibleKeys {
    const mine = new Map<string, Tensor>();
    for (const [path, module] of this.named_modules()) {
      const prefix = path ? `${path}.` : '';
      for (const [name, p] of module[own]('parameter')) mine.set(prefix + name, p);
      for (const [name, b] of module[own]('buffer'))
        if (module[state].buffers.get(name)) mine.set(prefix + name, b);
    }
    const missing = [...mine.keys()].filter((k) => !dict.has(k));
    const unexpected = [...dict.keys()].filter((k) => !mine.has(k));
    const problems: string[] = [];
    const quoted = (keys: string[]): string => keys.map((k) => `"${k}"`).join(', ');
    if (strict && unexpected.length > 0)
      problems.push(`Unexpected key(s) in state_dict: ${quoted(unexpected)}.`);
    if (strict && missing.length > 0) problems.push(`Missing key(s) in state_dict: ${quoted(missing)}.`);
    for (const [key, target] of mine) {
      const value = dict.get(key);
      if (value && !sameShape(value.shape, target.shape))
        problems.push(
          `size mismatch for ${key}: copying a param with shape torch.Size([${value.shape.join(', ')}]) from checkpoint, the shape in current model is torch.Size([${target.shape.join(', ')}]).`,
        );
    }
    if (problems.length > 0)
      throw new TorchError(
        `Error(s) in loading state_dict for ${this._get_name()}:\n\t${problems.join('\n\t')}`,
      );
    no_grad(() => {
      for (const [key, target] of mine) {
        const value = dict.get(key);
        if (value) target.copy_(value);
      }
    });
    return { missing_keys: missing, unexpected_keys: unexpected };
  }

  train(mode = true): this {
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  requires_grad_(requires_grad = true): this {
    for (const p of this.parameters()) p.requires_grad = requires_grad;
    return this;
  }

  /** Forgets all gradients. */
  zero_grad(): void {
    for (const p of this.parameters()) p.grad = null;
  }

  /** Calls `fn` on every module below, children first, then on this one. */
  apply(fn: (module: Module) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  private [convert](fn: (tensor: Tensor) => Tensor): this {
    const done = new Set<Tensor>();
    no_grad(() => {
      for (const tensor of [...this.parameters(), ...this.buffers()]) {
        if (done.has(tensor)) continue;
        done.add(tensor);
        const converted = fn(tensor);
        if (converted !== tensor) {
          replaceData(tensor, converted);
          converted.dispose();
        }
        if (tensor.grad) tensor.grad = fn(tensor.grad);
      }
    });
    return this;
  }

  /** `to(dtype)` converts floating point tensors at once; `to(device)` moves all of them, as a promise. */
  to(target: DType): this;
  to(target: Device | Backend | string): Promise<this>;
  to(target: DType | Device | Backend | string): this | Promise<this> {
    if (typeof target === 'string' && Object.hasOwn(dtypes, target)) {
      const dtype = target as DType;
      if (!isFloat(dtype))
        throw new TorchError(
          `nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=${dtype}`,
        );
      return this[convert]((t) => (isFloat(t.dtype) ? (t.to(dtype) as Tensor) : t));
    }
    return this.moveTo(backendOf(target as Device));
  }

  private async moveTo(backend: Backend): Promise<this> {
    const moved = new Map<Tensor, Tensor>();
    for (const t of [...this.parameters(), ...this.buffers()])
      if (t.backend !== backend) moved.set(t, fromTypedArray(await readRaw(t), t.shape, t.dtype, backend));
    for (const [t, data] of moved) {
      replaceData(t, data);
      data.dispose();
      t.grad = null;
    }
    return this;
  }

  float(): this {
    return this.to('float32');
  }

  double(): this {
    return this.to('float64');
  }

  half(): this {
    return this.to('float16');
  }

  bfloat16(): this {
    return this.to('bfloat16');
  }

  /** Sees, and may replace, the arguments of every call. */
  register_forward_pre_hook(hook: ForwardPreHook): RemovableHandle {
    return removable(this[state].preHooks, hook);
  }

  /** Sees, and may replace, the result of every call. */
  register_forward_hook(hook: ForwardHook): RemovableHandle {
    return removable(this[state].hooks, hook);
  }

  /** What stands between the parentheses when the module is printed. */
  extra_repr(): string {
    return '';
  }

  /** As PyTorch prints modules. */
  toString(): string {
    const lines = this.extra_repr() ? this.extra_repr().split('\n') : [];
    const children = [...this.named_children()].map(([name, child]) => `(${name}): ${indent(String(child))}`);
    const name = this._get_name();
    if (children.length === 0 && lines.length <= 1) return `${name}(${lines.join('')})`;
    return `${name}(\n  ${[...lines, ...children].join('\n  ')}\n)`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

const indent = (text: string): string => {
  const [first, ...rest] = text.split('\n');
  return [first, ...rest.map((line) => `  ${line}`)].join('\n');
};

/** What a module registered by name: its buffers (and whether they are persistent), and what it has not, such as a bias. */
export const registered = (
  module: Module,
): { readonly buffers: ReadonlyMap<string, boolean>; readonly absent: ReadonlySet<string> } => module[state];

/** Sees every call of a module's `forward`, between its hooks: the tracer. `proceed` makes the call. */
export type ModuleInterceptor = (
  module: Module,
  args: unknown[],
  proceed: (args: unknown[]) => unknown,
) => unknown;

let interceptor: ModuleInterceptor | undefined;

/** Installs what sees modules' calls, or removes it; returns what was there. */
export function interceptModules(next: ModuleInterceptor | undefined): ModuleInterceptor | undefined {
  const before = interceptor;
  interceptor = next;
  return before;
}

export const isModule = (value: unknown): value is Module =>
  typeof value === 'function' && value instanceof Module;

function callModule(module: Module, args: unknown[]): unknown {
  const { preHooks, hooks } = module[state];
  let input = args;
  for (const hook of preHooks) {
    const replaced = hook(module, input);
    if (replaced !== undefined) input = Array.isArray(replaced) ? replaced : [replaced];
  }
  const output = interceptor
    ? interceptor(module, input, (given) => module.forward(...given))
    : module.forward(...input);
  if (hooks.length === 0) return output;
  const finish = (value: unknown): unknown => hooks.reduce((v, hook) => hook(module, input, v) ?? v, value);
  return output instanceof Promise ? output.then(finish) : finish(output);
}
