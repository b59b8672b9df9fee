/** The recorder of one trace: hears every operator, size and TorchScript call of the program, and makes nodes of them. */
import {
  intercept,
  isWatched,
  type Look,
  plainShape,
  runningLine,
  type Shape,
  TorchError,
  unwatched,
  watch,
  watchShape,
} from '@sconce/core';
import type { Func } from '../ir/function.ts';
import type { Node, Value } from '../ir/graph.ts';
import { leafOf } from '../ir/names.ts';
import {
  BoolT,
  DeviceT,
  FunctionT,
  fromSchemaType,
  IntT,
  type JitType,
  type TensorDetail,
  TensorT,
} from '../ir/types.ts';
import { Device, dtypes, type Operator, PyFloat, Tensor } from '../ops/core.ts';
import type { ScriptObject } from '../ops/value.ts';
import { decomposed } from './cells.ts';
import { numberTensor, recordedForm } from './form.ts';
import { type NumberRecording, Size } from './number.ts';
import { operatorOf, Recording, tracedType } from './recording.ts';
import { type ActiveTrace, setActiveTrace } from './state.ts';
import { outputValue } from './structure.ts';
import { converting, sentences, type Warnings } from './warning.ts';

/** What the program asked that is a number or a fact, and no node. */
const facts = new Set(
  'dim is_floating_point is_complex is_conj is_neg is_signed is_same_size stride storage_offset is_contiguous is_set_to is_nonzero equal item _local_scalar_dense sym_size sym_stride sym_numel sym_storage_offset result_type can_cast promote_types'
    .split(' ')
    .map((name) => `aten::${name}`),
);

/** The type of a result as PyTorch has it, where its ways are not ours. */
function resultType(operator: Operator, result: Tensor, self: Value | undefined): JitType {
  const type = tracedType(result) as { readonly kind: 'Tensor'; readonly detail: TensorDetail };
  const strides = self && 'detail' in self.type ? self.type.detail?.strides : undefined;
  // An unsafe chunk is a view there, and may be a copy here.
  if (operator.base.startsWith('unsafe_') && strides) return { ...type, detail: { ...type.detail, strides } };
  if (operator.schema.args[0]?.alias?.write && strides?.length === result.strides.length)
    return { ...type, detail: { ...type.detail, strides } };
  // A convolution is recorded below autograd, where nothing wants a gradient.
  if (operator.base === '_convolution') return { ...type, detail: { ...type.detail, requires_grad: false } };
  return type;
}

const zeroDim = (dtype: 'int64' | 'float32'): JitType => ({
  kind: 'Tensor',
  detail: { dtype, sizes: [], requires_grad: false, device: 'cpu' },
});

/** What NumToTensor gives, of which nothing is known about gradients. */
const NumberTensorT: JitType = { kind: 'Tensor', detail: { dtype: 'int64', sizes: [], device: 'cpu' } };

export class Recorder extends Recording implements NumberRecording, ActiveTrace {
  private readonly numberTensors = new WeakMap<Size, Tensor>();
  private stop: (() => void) | undefined;
  /** What was called and waits for values: while it does, operators are its own, and unrecorded. */
  private readonly pending = new Set<Node>();
  isActive = false;

  constructor(
    readonly strict: boolean,
    readonly warnings: Warnings,
  ) {
    super();
  }

  start(): void {
    const removeInterceptor = intercept((operator, args, proceed) => {
      if (!isWatched()) return proceed();
      if (this.pending.size === 0) return this.record(operator, args, proceed);
      this.refuseUnheard(`${operator.schema.namespace}::${operator.schema.base}`);
      return proceed();
    });
    const watcher = watch((look, tensor) => this.looked(look, tensor));
    const outer = setActiveTrace(this);
    this.isActive = true;
    this.stop = () => {
      this.isActive = false;
      removeInterceptor();
      watch(watcher);
      setActiveTrace(outer);
    };
  }

  finish(): void {
    this.stop?.();
    this.stop = undefined;
  }

  // Operators

  private record(
    operator: Operator,
    args: readonly unknown[],
    proceed: (args?: readonly unknown[]) => unknown,
  ): unknown {
    const { schema } = operator;
    this.locate();
    if (schema.name === 'aten::size.int') return this.size(args[0] as Tensor, args[1] as number);
    if (schema.name === 'aten::size')
      return (args[0] as Tensor).strides.map((_, d) => this.size(args[0] as Tensor, d));
    if (schema.name === 'aten::numel') return this.numel(args[0] as Tensor);
    const name = `${schema.namespace}::${schema.base}`;
    const plain = args.map(plainArgument);
    if (facts.has(name)) return unwatched(() => proceed(plain));
    const cell = decomposed(schema.name);
    if (cell) return cell(args, (tensor) => this.copyOf(tensor));
    const call = recordedForm(operator, args);
    const node = this.graph.create(`${call.operator.schema.namespace}::${call.operator.schema.base}`);
    node.operator = call.operator.base.startsWith('unsafe_')
      ? operatorOf(call.operator.schema.name)
      : call.operator;
    const types = call.operator.schema.args.map((arg) => arg.type);
    this.castSizes(call.args, types).forEach((arg, i) => {
      node.addInput(this.input(arg, types[i]));
    });
    this.append(node);
    node.range = this.range;
    const result = unwatched(() => proceed(plain));
    if (!(result instanceof Promise)) {
      this.output(node, call.operator, args, result);
      return result;
    }
    // Its definition waits for values, and goes on calling operators of its own.
    return this.whilePending(node, result, (value) => this.output(node, call.operator, args, value));
  }

  private async whilePending(
    node: Node,
    promise: Promise<unknown>,
    done: (value: unknown) => void,
  ): Promise<unknown> {
    this.pending.add(node);
    let value: unknown;
    try {
      value = await promise;
    } finally {
      this.pending.delete(node);
    }
    done(value);
    return value;
  }

  /** The program's own call while another one waits would be taken for a part of that. */
  private refuseUnheard(what: string): void {
    const line = runningLine(this.whilePending.name);
    if (line === undefined) return;
    const [first] = this.pending;
    const waiting = first.name ? `${first.kind} of ${first.name}` : first.kind;
    throw new TorchError(
      `Tracing: ${what} was called at ${line} while ${waiting} was still waiting for values, so it would not be recorded. Await a call that gives a promise before the next operator is called, and one promise after the other in place of Promise.all.`,
    );
  }

  /** Another tensor for a value of the trace, where views of one tensor would be changed in place. */
  private copyOf(tensor: Tensor): Tensor {
    if (!tensor.requires_grad) return tensor;
    const copy = unwatched(() => tensor.clone() as Tensor);
    this.setResult(copy, this.valueOf(tensor));
    return copy;
  }

  private output(node: Node, operator: Operator, args: readonly unknown[], result: unknown): void {
    const { returns } = operator.schema;
    if (returns.length === 1 && returns[0].type.kind === 'List') {
      const list = node.addOutput(fromSchemaType(returns[0].type));
      const items = result as readonly Tensor[];
      if (!items.every((item) => item instanceof Tensor)) return;
      const types = items.map((item) => resultType(operator, item, node.inputs[0]));
      const unpack = this.append(this.graph.create('prim::ListUnpack', [list], types));
      unpack.range = undefined;
      items.forEach((item, i) => {
        this.setResult(item, unpack.outputs[i]);
      });
      if (operator.base === 'broadcast_tensors') this.noteUnbroadcast(args[0] as Tensor[], items);
      return;
    }
    const results = returns.length === 1 ? [result] : (result as readonly unknown[]);
    for (const one of results) {
      if (one instanceof Tensor)
        this.setResult(one, node.addOutput(resultType(operator, one, node.inputs[0])));
      else node.addOutput(returns.length === 1 ? fromSchemaType(returns[0].type) : TensorT);
    }
  }

  /** PyTorch gives back the very tensors that have the common shape already, which are known by their last value. */
  private noteUnbroadcast(given: readonly Tensor[], results: readonly Tensor[]): void {
    given.forEach((tensor, i) => {
      if (plainShape(tensor).join() === plainShape(results[i]).join())
        this.setValue(tensor, this.valueOf(results[i]));
    });
  }

  // Sizes

  protected override watchSizes(tensor: Tensor): void {
    watchShape(tensor, (t, shape) => (this.isActive ? this.shape(t) : shape));
  }

  private shape(tensor: Tensor): Shape {
    if (!this.isActive) return plainShape(tensor);
    if (this.pending.size > 0) {
      this.refuseUnheard('shape');
      return plainShape(tensor);
    }
    this.locate();
    return tensor.strides.map((_, d) => this.size(tensor, d)) as unknown as Shape;
  }

  private size(tensor: Tensor, dim: number): Size {
    const shape = plainShape(tensor);
    const self = this.valueOf(tensor);
    const at = this.constant(dim, IntT);
    const node = this.node('aten::size', [self, at], [IntT]);
    node.operator = operatorOf('aten::size.int');
    const size = shape[dim < 0 ? dim + shape.length : dim];
    if (size === undefined)
      throw new TorchError(
        `Dimension out of range (expected to be in range of [${-shape.length}, ${shape.length - 1}], but got ${dim})`,
      );
    return this.toSize(node.output, size);
  }

  private numel(tensor: Tensor): Size {
    const node = this.node('aten::numel', [this.valueOf(tensor)], [IntT]);
    node.operator = operatorOf('aten::numel');
    return this.toSize(
      node.output,
      plainShape(tensor).reduce((a, b) => a * b, 1),
    );
  }

  private toSize(number: Value, value: number): Size {
    const node = this.append(this.graph.create('prim::NumToTensor', [number], [NumberTensorT]));
    node.operator = operatorOf('prim::NumToTensor.Scalar');
    return new Size(this, node.output, value);
  }

  arithmetic(
    name: string,
    operands: readonly (Size | number | string)[],
    result: number,
    isInt: boolean,
  ): Size {
    this.locate();
    const operator = operatorOf(name) as Operator;
    const node = this.graph.create(name.replace(/\.\w+$/, ''));
    node.operator = operator;
    operator.schema.args.forEach((arg, i) => {
      const operand = operands[i];
      if (operand === undefined) node.addInput(this.input(arg.default, arg.type));
      else if (operand instanceof Size || arg.type.kind !== 'Tensor')
        node.addInput(this.input(operand, arg.type));
      else {
        const constant = numberTensor(operand, undefined);
        node.addInput(this.valueOf(constant));
      }
    });
    this.append(node);
    node.range = this.range;
    return new Size(this, node.addOutput(zeroDim(isInt ? 'int64' : 'float32')), result, isInt);
  }

  tensorFor(size: Size): Tensor {
    let tensor = this.numberTensors.get(size);
    if (!tensor) {
      tensor = numberTensor(size.isInt ? size.value : new PyFloat(size.value), undefined);
      this.setValue(tensor, size.traced);
      this.numberTensors.set(size, tensor);
    }
    return tensor;
  }

  becameNumber(size: Size): void {
    if (isWatched()) this.warnings.warn(converting(size.isInt ? 'Python integer' : 'Python float'));
  }

  private looked(look: Look, tensor: Tensor, source?: Tensor): void {
    if (this.pending.size > 0) return;
    if (look === 'out') {
      this.setValue(tensor, this.valueOf(source!));
      return;
    }
    const sentence = {
      len: sentences.len,
      iterate: sentences.iterate,
      constant: sentences.tensor,
      data: converting('NumPy array'),
      tolist: converting('Python list'),
      item: converting(tensor.dtype === 'bool' ? 'Python boolean' : 'Python number'),
      // JavaScript asks for a number mostly to compare it.
      number: converting('Python boolean'),
    }[look];
    this.warnings.warn(sentence);
    if (look === 'constant') this.literal(tensor);
  }

  /** `torch.tensor(…)` is a constant, moved and detached. */
  private literal(made: Tensor): void {
    this.locate();
    const constant = this.constant(made, tracedType(made));
    const inputs = [
      constant,
      this.constant(new Device('cpu', null), DeviceT),
      this.constant(dtypes[made.dtype].code, IntT),
      this.constant(false, BoolT),
      this.constant(false, BoolT),
      this.none(),
    ];
    const to = this.node('aten::to', inputs, [tracedType(made)]);
    to.operator = operatorOf('aten::to.device');
    const detach = this.node('aten::detach', [to.output], [tracedType(made)]);
    detach.operator = operatorOf('aten::detach');
    this.setValue(made, detach.output);
    this.watchSizes(made);
  }

  // Calls of TorchScript

  callFunction(func: Func, args: readonly unknown[], run: () => unknown): unknown {
    this.locate();
    const inputs = func.signature.params.map((param, i) => this.valueOfAny(args[i], param.type));
    const constant = this.append(this.graph.create('prim::Constant', [], [FunctionT]));
    constant.name = leafOf(func.name);
    constant.func = func;
    const node = this.node('prim::CallFunction', [constant.output, ...inputs], [func.signature.returns]);
    node.func = func;
    return this.afterCall(node, run);
  }

  fork(run: () => unknown): PromiseLike<unknown> {
    const fork = this.append(this.graph.create('prim::fork'));
    fork.scope = undefined;
    const outer = this.block;
    this.block = fork.addBlock();
    let result: unknown;
    try {
      result = run();
      if (result instanceof Promise)
        throw new TorchError(
          'Tracing: a fork of what gives a promise (an async function, TorchScript) cannot be recorded; script the function that forks it',
        );
      const body = outputValue(this, result);
      this.block.returnNode.addInput(body);
      fork.addOutput({ kind: 'Future', element: body.type });
    } finally {
      this.block = outer;
    }
    return new Forked(() => {
      this.locate();
      const { element } = fork.output.type as { element: JitType };
      const wait = this.node('aten::wait', [fork.output], [element]);
      wait.operator = operatorOf('aten::wait');
      this.setResult(result, wait.output);
      return result;
    });
  }

  callMethod(object: ScriptObject, func: Func, args: readonly unknown[], run: () => unknown): unknown {
    this.locate();
    const params = func.signature.params.slice(1);
    const self = this.valueOfAny(object, object.type);
    const inputs = params.map((param, i) => this.valueOfAny(args[i], param.type));
    const node = this.append(
      this.graph.create('prim::CallMethod', [self, ...inputs], [func.signature.returns]),
    );
    node.name = func.name;
    node.func = func;
    return this.afterCall(node, run);
  }

  private afterCall(node: Node, run: () => unknown): unknown {
    const outer = setActiveTrace(undefined);
    const result = unwatched(run);
    setActiveTrace(outer);
    if (!(result instanceof Promise)) {
      this.setResult(result, node.output);
      return result;
    }
    // While it runs, nothing is recorded.
    return this.whilePending(node, result, (value) => this.setResult(value, node.output));
  }
}

/** A fork's result while it is traced: who awaits it records that, once. */
class Forked implements PromiseLike<unknown> {
  private result: { readonly value: unknown } | undefined;
  constructor(private readonly wait: () => unknown) {}

  // biome-ignore lint/suspicious/noThenProperty: await is what it is for
  then<A, B>(
    done?: ((value: unknown) => A | PromiseLike<A>) | null,
    failed?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const settled = new Promise<unknown>((resolve) => {
      this.result ??= { value: this.wait() };
      resolve(this.result.value);
    });
    return settled.then(done, failed) as Promise<A | B>;
  }
}

const plainArgument = (value: unknown): unknown =>
  value instanceof Size
    ? value.value
    : Array.isArray(value) && value.some((v) => v instanceof Size)
      ? value.map(plainArgument)
      : value;
