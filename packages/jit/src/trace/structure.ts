/** Example inputs and results of a traced function: nested tensors in and out of the graph. */
import { TorchError, unwatched } from '@sconce/core';
import type { Value } from '../ir/graph.ts';
import { typesEqual } from '../ir/type-relations.ts';
import { dictOf, type JitType, listOf, StrT, TensorT, tupleOf } from '../ir/types.ts';
import { alias, Tensor } from '../ops/core.ts';
import { operatorsNamed } from '../ops/registry.ts';
import { typeTagOf } from '../ops/value.ts';
import { unshaped } from './fixup.ts';
import { Size } from './number.ts';
import type { Recorder } from './recorder.ts';
import { tracedType } from './recording.ts';
import { sentences } from './warning.ts';

type Entries = readonly (readonly [string, unknown])[];

/** A dict, as an object or a Map with strings for keys. */
function entriesOf(value: unknown): Entries | undefined {
  if (value instanceof Map) return [...value] as [string, unknown][];
  if (typeof value !== 'object' || value === null) return undefined;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.entries(value) : undefined;
}

const isList = (value: object): boolean => typeTagOf(value)?.kind === 'List';

/** What Python would call the type of a value. */
function pythonType(value: unknown): string {
  if (value instanceof Tensor) return 'Tensor';
  if (value === null || value === undefined) return 'NoneType';
  if (Array.isArray(value)) return `Tuple[${value.map(pythonType).join(', ')}]`;
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float';
  const entries = entriesOf(value);
  if (entries) return `Dict[str, ${entries.length > 0 ? pythonType(entries[0][1]) : 'Tensor'}]`;
  return { boolean: 'bool', string: 'str', bigint: 'int' }[typeof value as string] ?? typeof value;
}

const isTraceable = (value: unknown): boolean => {
  if (value instanceof Tensor) return true;
  if (Array.isArray(value)) return value.every(isTraceable);
  const entries = entriesOf(value);
  return entries !== undefined && entries.length > 0 && entries.every(([, item]) => isTraceable(item));
};

/** Refuses examples that hold anything but tensors. */
export function checkExamples(examples: readonly unknown[]): void {
  if (!examples.every(isTraceable))
    throw new TorchError(
      `Type '${pythonType(examples)}' cannot be traced. Only Tensors and (possibly nested) Lists, Dicts, and Tuples of Tensors can be traced`,
    );
}

/** The type of an example input. An array is a tuple, unless it was annotated as a list. */
export function inputType(value: unknown): JitType {
  if (value instanceof Tensor) return unwatched(() => tracedType(value));
  if (Array.isArray(value)) {
    const types = value.map(inputType);
    return isList(value) ? listOf(TensorT) : tupleOf(types);
  }
  const entries = entriesOf(value);
  if (entries && entries.length > 0) {
    const types = entries.map(([, item]) => inputType(item));
    return dictOf(StrT, unshaped(types[0]));
  }
  throw new TorchError(`Got ${pythonType(value)}, which is no tensor`);
}

/** A tensor of the trace's own over the same memory, so that nothing of the recording stays with the caller's. */
function ownTensor(tensor: Tensor): Tensor {
  return unwatched(() => {
    const own = alias(tensor);
    if (tensor.requires_grad) own.requires_grad = true;
    return own;
  });
}

/** Makes an example input a value of the graph; gives what the function is called with. */
export function addInput(recorder: Recorder, input: unknown, value: Value): unknown {
  const { type } = value;
  if (input instanceof Tensor) {
    const own = ownTensor(input);
    recorder.setResult(own, value);
    return own;
  }
  if (Array.isArray(input)) {
    if (type.kind === 'Tuple') {
      const unpack = recorder.append(recorder.graph.create('prim::TupleUnpack', [value], type.elements));
      return input.map((item, i) => addInput(recorder, item, unpack.outputs[i]));
    }
    const unpack = recorder.append(
      recorder.graph.create(
        'prim::ListUnpack',
        [value],
        input.map(() => TensorT),
      ),
    );
    return input.map((item, i) => addInput(recorder, item, unpack.outputs[i]));
  }
  const entries = entriesOf(input)!;
  const given: [string, unknown][] = [];
  const itemType = type.kind === 'Dict' ? type.value : TensorT;
  for (const [key, item] of entries) {
    const at = recorder.constant(key, StrT);
    at.node.range = undefined;
    const get = recorder.append(recorder.graph.create('aten::__getitem__', [value, at], [itemType]));
    get.operator = operatorsNamed('aten::__getitem__').find(({ schema }) => schema.overload === 'Dict_str');
    given.push([key, addInput(recorder, item, get.output)]);
  }
  return input instanceof Map ? new Map(given) : Object.fromEntries(given);
}

/** The value of a result. `nr` is its number among the results, for messages. */
export function outputValue(recorder: Recorder, result: unknown, nr = 1): Value {
  if (result instanceof Tensor) {
    const known = recorder.knownValue(result);
    if (known) return known;
    throw new TorchError(
      `output ${nr} (${unwatched(() => String(result))}) of traced region did not have observable data dependence with trace inputs; this probably indicates your program cannot be understood by the tracer.`,
    );
  }
  if (result instanceof Size) return result.traced;
  const node = (kind: string, inputs: Value[], type: JitType): Value =>
    recorder.append(recorder.graph.create(kind, inputs, [type])).output;
  if (Array.isArray(result)) {
    const items = result.map((item, i) => outputValue(recorder, item, i + 1));
    if (isList(result)) {
      if (recorder.strict) recorder.warnings.warn(sentences.list);
      return node('prim::ListConstruct', items, listOf(TensorT));
    }
    return node('prim::TupleConstruct', items, tupleOf(items.map((item) => item.type)));
  }
  const entries = entriesOf(result);
  if (entries) {
    if (recorder.strict) throw new TorchError(sentences.dict);
    const inputs: Value[] = [];
    let valueType: JitType | undefined;
    for (const [key, item] of entries) {
      if (!(item instanceof Tensor))
        throw new TorchError(
          `output ${nr} of traced region cannot be understood by the tracer, only dict[str, Tensor] or dict[Tensor, Tensor] can be a dictionary output of a traced function`,
        );
      inputs.push(recorder.constant(key, StrT), outputValue(recorder, item, nr));
      valueType = valueType && !typesEqual(valueType, TensorT) ? valueType : TensorT;
    }
    return node('prim::DictConstruct', inputs, dictOf(StrT, valueType ?? TensorT));
  }
  throw new TorchError(
    `Only tensors, lists, tuples of tensors, or dictionary of tensors can be output from traced functions${result instanceof Promise ? ': a promise must be awaited first' : ''}`,
  );
}
