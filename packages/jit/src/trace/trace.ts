/** `torch.jit.trace`: runs a function or a module on examples, and makes of what it did a TorchScript function or module. */
import { ArgumentError, interceptModules, isModule, isWatched, type Module, TorchError } from '@sconce/core';
import { normalizeOperators } from '../frontend/normalize.ts';
import type { Graph, Value } from '../ir/graph.ts';
import type { ClassType } from '../ir/types.ts';
import { ScriptModule, wrapTraced } from '../module.ts';
import { Tensor } from '../ops/core.ts';
import { ScriptObject } from '../ops/value.ts';
import { newProgram, type Program } from '../program.ts';
import { convertModule } from '../recursive/module.ts';
import { ScriptFunction } from '../script-function.ts';
import {
  byName,
  type Calling,
  type ExampleInputs,
  inOrder,
  type KeywordInputs,
  type Traceable,
} from './calling.ts';
import { checkTrace } from './check.ts';
import { ATTRIBUTE, fixUpScopes, funcOf, MODULE_CALL, noteConstants, tidy } from './fixup.ts';
import { Recorder } from './recorder.ts';
import { tracedType } from './recording.ts';
import { is_tracing } from './state.ts';
import { addInput, checkExamples, inputType, outputValue } from './structure.ts';
import { TracerWarning, tracerWarnings, Warnings } from './warning.ts';

/** What `trace` may be told, as PyTorch names it. */
export interface TraceOptions {
  /** Trace again and compare the graphs, run both and the original and compare the results. */
  readonly check_trace?: boolean;
  /** Other inputs to check with, each in the form of the examples; shapes that the trace has not seen among them. */
  readonly check_inputs?: readonly unknown[] | null;
  readonly check_tolerance?: number;
  /** Without it dicts may be returned, and lists are without a warning. */
  readonly strict?: boolean;
  /** In place of `example_inputs`: examples by the names of the parameters; `check_inputs` are then such objects, too. */
  readonly example_kwarg_inputs?: KeywordInputs | null;
}

/** What is traced: a function as it is called, and what its parameters are named. */
interface Subject {
  readonly call: (...args: unknown[]) => unknown;
  readonly names: readonly string[] | undefined;
}

/** Records one call. `prepare` gives the graph what stands before the inputs. */
async function record(
  subject: Subject,
  examples: readonly unknown[],
  recorder: Recorder,
  prepare: () => void,
): Promise<Graph> {
  const { graph } = recorder;
  if (is_tracing()) throw new TorchError("Tracing can't be nested");
  checkExamples(examples);
  prepare();
  const named = subject.names && subject.names.length >= examples.length ? subject.names : undefined;
  recorder.start();
  try {
    const args = examples.map((example, i) => {
      const value = graph.block.paramNode.addOutput(inputType(example));
      if (named) value.setDebugName(named[i]);
      return addInput(recorder, example, value);
    });
    const called = subject.call(...args);
    const result = called instanceof Promise ? await called : called;
    graph.block.returnNode.addInput(outputValue(recorder, result));
    return graph;
  } finally {
    recorder.finish();
  }
}

/** Traces a function into one without calls of modules. */
async function recordFunction(
  fn: Traceable,
  calling: Calling,
  examples: readonly unknown[],
  strict: boolean,
  warnings: Warnings,
  program: Program,
  name: string,
): Promise<ScriptFunction> {
  const recorder = new Recorder(strict, warnings);
  const graph = await record(
    { call: (...args) => calling.call(fn, args), names: calling.names },
    examples,
    recorder,
    () => {},
  );
  normalizeOperators(graph);
  tidy(graph);
  noteConstants(graph, program);
  return new ScriptFunction(funcOf(name, graph), program);
}

/** Paths of all submodules, by which their calls and attributes are known: the last, where there are several. */
function pathsOf(root: Module): Map<Module, string> {
  const paths = new Map<Module, string>();
  const visit = (module: Module, prefix: string): void => {
    for (const [name, child] of module.named_children()) {
      paths.set(child, `${prefix}.${name}`);
      visit(child, `${prefix}.${name}`);
    }
  };
  visit(root, '__module');
  return paths;
}

/** Makes every attribute of the object and those below a value of the recording. */
function addAttributes(
  recorder: Recorder,
  object: ScriptObject,
  value: Value,
  path: string,
  all: Map<string, Value>,
): void {
  recorder.setValue(object, value);
  for (const [slot, attribute] of object.type.attributes.entries()) {
    const own = `${path}.${attribute.name}`;
    const held = object.slots[slot];
    const type = held instanceof Tensor ? tracedType(held) : attribute.type;
    const node = recorder.append(recorder.graph.create(ATTRIBUTE, [], [type]));
    node.name = own;
    all.set(own, node.output);
    if (held instanceof Tensor) {
      if (recorder.hasValue(held)) recorder.noteTied(held);
      else recorder.setValue(held, node.output);
    } else if (held instanceof ScriptObject && (attribute.type as ClassType).isModule)
      addAttributes(recorder, held, node.output, own, all);
  }
}

function methodOf(module: Module, name: string): Traceable {
  const method = (module as unknown as Record<string, unknown>)[name];
  if (typeof method !== 'function')
    throw new TorchError(`'${module._get_name()}' object has no attribute '${name}'`);
  return method as Traceable;
}

/** A call of the method; forward's is the module's own, with its hooks. */
const callOf =
  (module: Module, name: string): Traceable =>
  (...args) =>
    name === 'forward' ? module(...args) : methodOf(module, name).apply(module, args);

/** Traces one method of a module and adds it to the object's type. */
async function recordMethod(
  module: Module,
  name: string,
  calling: Calling,
  examples: readonly unknown[],
  object: ScriptObject,
  strict: boolean,
  warnings: Warnings,
  program: Program,
): Promise<void> {
  const recorder = new Recorder(strict, warnings);
  const attributes = new Map<string, Value>();
  const paths = pathsOf(module);
  const outer = interceptModules((called, args, proceed) => {
    const path = paths.get(called);
    if (path === undefined || called instanceof ScriptModule || !recorder.isActive || !isWatched())
      return proceed(args);
    return withinScope(recorder, path, () => proceed(args));
  });
  let graph: Graph;
  try {
    const subject: Subject = {
      call: (...args) => calling.call(callOf(module, name), args),
      names: calling.names,
    };
    graph = await record(subject, examples, recorder, () => {
      const self = recorder.graph.block.paramNode.addOutput(object.type).setDebugName('self');
      addAttributes(recorder, object, self, '__module', attributes);
    });
  } finally {
    interceptModules(outer);
  }
  fixUpScopes(graph, attributes, program);
  object.type.methods.set(name, funcOf(name, graph));
}

/** A module's call: what it records becomes the body of a node, later a method. */
function withinScope(recorder: Recorder, path: string, run: () => unknown): unknown {
  const outer = recorder.block;
  const node = recorder.append(recorder.graph.create(MODULE_CALL));
  node.name = path;
  recorder.block = node.addBlock();
  recorder.scopes.push(path);
  const inner = recorder.block;
  const leave = (): void => {
    if (recorder.block !== inner)
      throw new TorchError(
        `Tracing: the call of ${path} ended while another module's was being recorded. Await one submodule's promise before the next one is called.`,
      );
    recorder.scopes.pop();
    recorder.block = outer;
  };
  const result = run();
  if (!(result instanceof Promise)) {
    leave();
    return result;
  }
  return result.then((value) => {
    leave();
    return value;
  });
}

const functionName = (fn: Traceable): string =>
  `__torch__.${/^[A-Za-z_$][\w$]*$/.test(fn.name) ? fn.name.replaceAll('$', '_') : '_lambda'}`;

/**
 * Runs `func` on the examples (one, or an array of the arguments of one call) and records what it does: a function becomes a
 * ScriptFunction, an `nn.Module` a ScriptModule with its parameters and submodules. Control flow that depends on values,
 * and whatever leaves the tensors, is not recorded; where that can be seen there is a TracerWarning.
 */
export async function trace<F extends Traceable | Module>(
  func: F,
  example_inputs?: ExampleInputs,
  options: TraceOptions = {},
): Promise<F extends Module ? ScriptModule : ScriptFunction> {
  type Result = F extends Module ? ScriptModule : ScriptFunction;
  if (func instanceof ScriptModule || func instanceof ScriptFunction) {
    tracerWarnings.show(
      new TracerWarning(
        'The input to trace is already a ScriptModule, tracing it is a no-op. Returning the object as is.',
      ),
    );
    return func as unknown as Result;
  }
  const { example_kwarg_inputs = null } = options;
  const isByName = example_kwarg_inputs !== null;
  if (example_inputs === undefined || example_inputs === null) {
    if (!isByName)
      throw new ArgumentError(
        "trace() missing 1 required positional argument: 'example_inputs'. Give one tensor, an array of the arguments of one call, or { example_kwarg_inputs } by name",
      );
  } else if (isByName)
    throw new ArgumentError('trace() takes example_inputs or example_kwarg_inputs, not both');
  const given = isByName ? example_kwarg_inputs : example_inputs;
  if (isModule(func)) {
    const { check_inputs, example_kwarg_inputs: _, ...rest } = options;
    return (await trace_module(
      func,
      { forward: given },
      {
        ...rest,
        example_inputs_is_kwarg: isByName,
        check_inputs: check_inputs?.map((forward) => ({ forward })),
      },
    )) as unknown as Result;
  }
  if (typeof func !== 'function') throw new TorchError('torch.jit.trace takes a function or an nn.Module');
  const fn = func as Traceable;
  const { check_trace = true, check_inputs, check_tolerance = 1e-5, strict = true } = options;
  const calling = isByName ? byName(fn, fn.name || 'function', given) : inOrder(fn);
  const program = newProgram();
  const warnings = new Warnings();
  const name = program.unit.uniqueName(functionName(fn));
  const traced = await recordFunction(fn, calling, calling.flat(given), strict, warnings, program, name);
  if (check_trace)
    for (const inputs of check_inputs ?? [given])
      await checkTrace({
        inputs: calling.flat(inputs),
        traced,
        original: (...args) => calling.call(fn, args),
        retrace: (again) => recordFunction(fn, calling, again, strict, warnings, newProgram(), name),
        tolerance: check_tolerance,
      });
  return traced as unknown as Result;
}

/** Traces several methods of a module into one ScriptModule: `{ forward: examples, other: examples }`. */
export async function trace_module(
  mod: Module,
  inputs: Readonly<Record<string, ExampleInputs>>,
  options: Omit<TraceOptions, 'check_inputs' | 'example_kwarg_inputs'> & {
    readonly check_inputs?: readonly Readonly<Record<string, ExampleInputs>>[] | null;
    /** Each method's examples are by the names of its parameters. */
    readonly example_inputs_is_kwarg?: boolean;
  } = {},
): Promise<ScriptModule> {
  if (!isModule(mod)) throw new TorchError('expected torch.nn.Module as the first argument');
  if (typeof inputs !== 'object' || inputs === null || Array.isArray(inputs) || inputs instanceof Tensor)
    throw new TorchError('expected a dictionary of (method_name, input) pairs');
  const { check_trace = true, check_inputs, check_tolerance = 1e-5, strict = true } = options;
  const program = newProgram();
  const warnings = new Warnings();
  const { object, modules } = convertModule(mod, program, { mode: 'trace' });
  const callings = new Map<string, Calling>();
  for (const [name, example] of Object.entries(inputs)) {
    const method = methodOf(mod, name);
    const calling = options.example_inputs_is_kwarg
      ? byName(method, `${mod._get_name()}.${name}`, example)
      : inOrder(method);
    callings.set(name, calling);
    await recordMethod(mod, name, calling, calling.flat(example), object, strict, warnings, program);
  }
  const traced = wrapTraced(object, program, new Set(modules.map((converted) => converted.object)));
  if (!check_trace) return traced;
  for (const [name, calling] of callings)
    for (const given of check_inputs ?? [inputs])
      await checkTrace({
        inputs: calling.flat(given[name]),
        traced,
        method: name,
        original: (...args) => calling.call(callOf(mod, name), args),
        retrace: async (again) => {
          const other = newProgram();
          const copy = convertModule(mod, other, { mode: 'trace' });
          await recordMethod(mod, name, calling, again, copy.object, strict, warnings, other);
          return wrapTraced(copy.object, other, new Set(copy.modules.map((converted) => converted.object)));
        },
        tolerance: check_tolerance,
      });
  return traced;
}
