/** `to_onnx`: a module's method as an ONNX model, recorded from a run on example inputs. */
import { functions, TorchError } from '@sconce/core';
import { freeze } from '../../freeze.ts';
import { bindArguments } from '../../interpreter/boundary.ts';
import { moduleParts, type ScriptModule } from '../../module.ts';
import { no_grad, Tensor } from '../../ops/core.ts';
import { isRandom, updatesStatistics, writesArguments } from '../../passes/effects.ts';
import { collect, Divergence, placeOf, Recorder, type Runs, type Step } from '../recorder.ts';
import { Call, Names } from './call.ts';
import { OnnxGraph } from './model.ts';
import { attention } from './operators/attention.ts';
import type { Converters } from './operators/converter.ts';
import { layers } from './operators/layers.ts';
import { pointwise } from './operators/pointwise.ts';
import { reductions } from './operators/reductions.ts';
import { shapes } from './operators/shapes.ts';

/** What `to_onnx` may be told. */
export interface OnnxOptions {
  /** The method; `forward` unless given. */
  readonly method?: string;
  /** Whether the first size of the inputs stays open. Where the program does not allow it, the example's is fixed; `true` makes that an error. */
  readonly dynamic_batch?: boolean;
}

const converters: Converters = { ...shapes, ...layers, ...reductions, ...attention, ...pointwise };

/** What the result holds has nothing to do with what the operand holds. */
const ofShapeOnly = new Set(
  'zeros_like ones_like full_like empty_like new_zeros new_ones new_full new_empty'
    .split(' ')
    .map((name) => `aten::${name}`),
);

/**
 * A method as an ONNX model (operator set 17), recorded from a run on `inputs`: branches and loops go as they go there.
 * Sizes are the examples', but for the batch. Throws a TorchError that names the operator and its place for what ONNX, or
 * this, does not have.
 */
export async function to_onnx(
  module: ScriptModule,
  inputs: readonly unknown[],
  { method = 'forward', dynamic_batch }: OnnxOptions = {},
): Promise<Uint8Array> {
  const frozen = isFrozen(module) ? module : freeze(module.eval(), { preserved_attrs: [method] });
  if (dynamic_batch === false) return record(frozen, method, [inputs]);
  const larger = withLargerBatch(inputs);
  if (!larger) return record(frozen, method, [inputs]);
  try {
    return await record(frozen, method, [inputs, larger]);
  } catch (error) {
    if (dynamic_batch || !(error instanceof Divergence)) throw error;
    return record(frozen, method, [inputs]);
  } finally {
    for (const [i, value] of larger.entries()) if (value !== inputs[i]) (value as Tensor).dispose();
  }
}

const isFrozen = (module: ScriptModule): boolean =>
  moduleParts(module).object.type.slotOf('training') === undefined;

const batchOf = (inputs: readonly unknown[]): number | undefined =>
  (inputs.find((input) => input instanceof Tensor && input.shape.length > 0) as Tensor | undefined)?.shape[0];

/** The same with one more of the batch, in every input that has it. */
function withLargerBatch(inputs: readonly unknown[]): unknown[] | undefined {
  const batch = batchOf(inputs);
  if (!batch) return undefined;
  return inputs.map((input) => {
    if (!(input instanceof Tensor) || input.shape[0] !== batch) return input;
    const first = functions.narrow(input, 0, 0, 1) as Tensor;
    const longer = no_grad(() => functions.cat([input, first], 0)) as Tensor;
    first.dispose();
    return longer;
  });
}

async function record(
  module: ScriptModule,
  method: string,
  runs: readonly (readonly unknown[])[],
): Promise<Uint8Array> {
  const { object, program } = moduleParts(module);
  const func = object.type.methods.get(method);
  if (!func) throw new TorchError(`Module '${object.type.leafName}' has no method '${method}'`);
  const [, ...params] = func.signature.params;
  const bound = runs.map((inputs) =>
    bindArguments(method, func, params, inputs, { object: () => undefined }),
  );
  const onnx = new OnnxGraph();
  const names = new Names(onnx, runs.length > 1 ? bound.map((values) => batchOf(values)!) : [1]);
  params.forEach(({ name }, i) => {
    const tensors = bound.map((values) => values[i]);
    const [tensor] = tensors;
    if (tensor instanceof Tensor) {
      const declared = names.declared((tensors as Tensor[]).map(({ shape }) => shape));
      const known = onnx.input(name, tensor.dtype, declared);
      names.set(tensor, known);
      if (declared[0] === 'batch' && names.batchInput === '') names.batchInput = known;
    } else if (Array.isArray(tensor) && tensor.some((item) => item instanceof Tensor))
      throw new TorchError(
        `the input '${name}' is a list of tensors: an ONNX model takes tensors one by one`,
      );
  });
  const recorder = new Recorder(func.graph, program.device, (step) => convert(step, names));
  const given = new Set<Tensor>();
  collect(bound, given);
  try {
    const results = await recorder.run([
      new Array(runs.length).fill(object),
      ...params.map((_, i) => bound.map((v) => v[i])),
    ]);
    await declareResults(results[0], names);
    return onnx.finish(object.type.leafName);
  } finally {
    for (const tensor of recorder.made) if (!given.has(tensor)) tensor.dispose();
  }
}

/** The results, one after another, tuples and lists flattened. */
async function declareResults(runs: Runs, names: Names): Promise<void> {
  const [first] = runs;
  if (first instanceof Tensor) {
    const tensors = runs as readonly Tensor[];
    const name = await names.of(tensors, 'the result');
    const result = names.graph.node('Identity', [name], {}, 'output');
    names.graph.output(result, first.dtype, names.declared(tensors.map(({ shape }) => shape)));
  } else if (first instanceof Map)
    for (const key of first.keys())
      await declareResults(
        runs.map((run) => (run as Map<unknown, unknown>).get(key)),
        names,
      );
  else if (Array.isArray(first))
    for (let i = 0; i < first.length; i++)
      await declareResults(
        runs.map((run) => (run as unknown[])[i]),
        names,
      );
}

const tensorsIn = (value: unknown): Tensor[] => {
  const found = new Set<Tensor>();
  collect(value, found);
  return [...found];
};

async function convert(step: Step, names: Names): Promise<void> {
  const { node, inputs, outputs } = step;
  const made = outputs.map((runs) => runs[0]).flatMap(tensorsIn);
  if (!node.operator) return;
  const given = inputs.map((runs) => runs[0]).flatMap(tensorsIn);
  const depends = given.some((tensor) => names.get(tensor)?.name !== undefined);
  if (!depends && !(given.length > 0 && followsBatch(step) && converterOf(node.kind))) {
    // Computed here, and a constant where something that depends on the inputs uses it.
    if (isRandom(node))
      throw new TorchError(`${placeOf(node)} cannot be converted to ONNX: it draws numbers`);
    return;
  }
  if (ofShapeOnly.has(node.kind)) return;
  if (made.length === 0) {
    if (asksForShape.has(node.kind) || 'run' in node.operator) return readsData(step, names);
    return;
  }
  // A list put together, or an element taken out of one.
  if ('run' in node.operator) return;
  const known = new Map<Tensor, string>();
  for (const runs of inputs) {
    const tensors = runs.map((run) => (Array.isArray(run) ? run : [run]));
    for (let i = 0; i < tensors[0].length; i++) {
      const each = tensors.map((list) => list[i]);
      if (each[0] instanceof Tensor) known.set(each[0], await names.of(each as Tensor[], placeOf(node)));
    }
  }
  const call = new Call(step, names, known);
  if (updatesStatistics(node)) return call.refuse('it changes its running statistics');
  const converter = converterOf(node.kind);
  if (!converter) return call.refuse('there is no conversion of this operator');
  const results = converter(call);
  const list = typeof results === 'string' ? [results] : results;
  if (writesArguments(node)) {
    names.written(made[0], list[0], placeOf(node));
    const self = inputs[0][0] as Tensor;
    if (self !== made[0]) names.written(self, list[0], placeOf(node));
    return;
  }
  const places = outputs.flatMap((runs) => (Array.isArray(runs[0]) ? runs[0] : [runs[0]])) as unknown[];
  places.forEach((tensor, i) => {
    if (tensor instanceof Tensor && list[i]) names.set(tensor, list[i]);
  });
}

/** Whether a result has another size with another batch: a class token, repeated for each of it. */
const followsBatch = ({ outputs }: Step): boolean =>
  outputs.some(
    ([first, other]) =>
      first instanceof Tensor && other instanceof Tensor && String(first.shape) !== String(other.shape),
  );

/** Of a tensor that depends on the inputs these ask only what does not. */
const asksForShape = new Set(
  'aten::size aten::dim aten::numel aten::len aten::is_floating_point aten::stride aten::is_contiguous prim::dtype prim::device prim::layout prim::is_cuda prim::is_nested prim::requires_grad prim::is_quantized prim::is_sparse aten::__is__ aten::__isnot__'.split(
    ' ',
  ),
);

/** Numbers out of tensors are as the example has them: no model could be right for other inputs. */
function readsData({ node, inputs }: Step, names: Names): void {
  if (asksForShape.has(node.kind)) return;
  const first = inputs[0]?.[0];
  if (first instanceof Tensor && names.get(first)?.name !== undefined)
    throw new TorchError(
      `${placeOf(node)} cannot be converted to ONNX: the program goes by a number in a tensor that depends on the inputs`,
    );
}

/** Dropouts that are left do not drop, as the module is in eval mode. */
const converterOf = (kind: string): Converters[string] | undefined => {
  const name = kind.replace(/^aten::/, '');
  if (/^(feature_)?(alpha_)?dropout_?$/.test(name))
    return (c) => (c.value('train') && c.number('p') > 0 ? c.refuse('it drops') : c.named(c.tensor('input')));
  const plain = name.endsWith('_') ? name.slice(0, -1) : name;
  if (Object.hasOwn(converters, name)) return converters[name];
  if (plain === 'copy')
    return (c) =>
      c.node('Expand', [
        c.cast(c.input('src'), c.tensor('src').dtype, c.result().dtype),
        c.names.shape(c.resultSizes()),
      ]);
  return Object.hasOwn(converters, plain) ? converters[plain] : undefined;
};
