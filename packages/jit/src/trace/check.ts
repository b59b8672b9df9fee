/** `check_trace`: traces again, runs the trace, the second trace and the program itself, and says what differs. */
import { TorchError, unwatched } from '@sconce/core';
import { copyGraph } from '../ir/copy.ts';
import { allNodes, type Graph, type Node } from '../ir/graph.ts';
import { unmangled } from '../ir/names.ts';
import { graphToString } from '../ir/print.ts';
import { moduleParts, ScriptModule } from '../module.ts';
import { Tensor } from '../ops/core.ts';
import { tagType, typeTagOf } from '../ops/value.ts';
import { isRandom } from '../passes/effects.ts';
import { inlineCalls } from '../passes/inline.ts';
import { functionParts, type ScriptFunction } from '../script-function.ts';
import { mismatch, toleranceOf } from './close.ts';
import { lineDiff } from './diff.ts';
import { unshaped } from './fixup.ts';
import { TracerWarning, tracerWarnings } from './warning.ts';

export interface Check {
  readonly inputs: readonly unknown[];
  readonly traced: ScriptModule | ScriptFunction;
  /** The method of a module. */
  readonly method?: string;
  readonly original: (...args: unknown[]) => unknown;
  readonly retrace: (inputs: readonly unknown[]) => Promise<ScriptModule | ScriptFunction>;
  readonly tolerance: number;
}

const indent = (text: string): string =>
  text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => `\t${line}`)
    .join('\n');

/** A trace that is not what the program does: its graph is another one when it is traced again. */
export class TracingCheckError extends TorchError {
  override name = 'TracingCheckError';
  constructor(graphDifference: string | undefined, constantDifference: string | undefined, extra?: string) {
    let message = 'Tracing failed sanity checks!\n';
    if (extra !== undefined) message += `${extra}\n`;
    if (graphDifference !== undefined)
      message += `ERROR: Graphs differed across invocations!\n${indent(graphDifference)}\n`;
    if (constantDifference !== undefined)
      message += `ERROR: Tensor-valued Constant nodes differed in value across invocations. This often indicates that the tracer has encountered untraceable code.\n${indent(constantDifference)}\n`;
    super(message);
  }
}

/** The same values in tensors of their own, so that no run sees what another one wrote. */
function cloned(value: unknown): unknown {
  if (value instanceof Tensor)
    return unwatched(() => {
      const copy = value.detach().clone() as Tensor;
      if (value.requires_grad) copy.requires_grad = true;
      return copy;
    });
  if (Array.isArray(value)) {
    const type = typeTagOf(value);
    const copy = value.map(cloned);
    return type ? tagType(copy, type) : copy;
  }
  if (value instanceof Map) return new Map([...value].map(([k, v]) => [k, cloned(v)]));
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, cloned(v)]));
  return value;
}

function graphOf(program: ScriptModule | ScriptFunction, method = 'forward'): Graph {
  return program instanceof ScriptModule
    ? moduleParts(program).object.type.methods.get(method)!.graph
    : functionParts(program as ScriptFunction).func.graph;
}

/** One flat graph without shapes, numbered from 0. */
function canonical(graph: Graph): Graph {
  const flat = copyGraph(graph);
  inlineCalls(flat.block);
  const copy = copyGraph(flat);
  for (const input of copy.inputs) input.type = unshaped(input.type);
  for (const node of allNodes(copy.block))
    for (const output of node.outputs) output.type = unshaped(output.type);
  return copy;
}

/** Without mangled names, and without places: after an await the program's line may be unknown. */
const textOf = (graph: Graph): string => unmangled(graphToString(graph)).replace(/ # [^\n]*/g, '');

/** The nodes of a graph's own block, each with its line. */
function nodesIn(graph: Graph, text: string): { node: Node; text: string }[] {
  const lines = text.split('\n').filter((line) => /^ {2}(%| = )/.test(line));
  return graph.block.nodes.map((node, i) => ({ node, text: (lines[i] ?? '').trim() }));
}

/** Where the program called the operator: its file and line, where they are known. */
function placed(title: string, { range }: Node): string {
  if (!range?.source.filename) return '';
  return `${title}:\n${indent(`${range.source.filename}:${range.source.firstLine + 1}`)}\n`;
}

async function differences(
  check: Check,
  again: ScriptModule | ScriptFunction,
): Promise<[graph: string | undefined, constants: string | undefined]> {
  const [mine, other] = [check.traced, again].map((program) => canonical(graphOf(program, check.method)));
  const [mineText, otherText] = [textOf(mine), textOf(other)];
  let graphDifference: string | undefined;
  if (mineText !== otherText) {
    graphDifference = `Graph diff:\n${indent(lineDiff(mineText, otherText))}\n`;
    const [mineNodes, otherNodes] = [nodesIn(mine, mineText), nodesIn(other, otherText)];
    const at = mineNodes.findIndex(
      ({ text }, i) => otherNodes[i] !== undefined && text !== otherNodes[i].text,
    );
    if (at >= 0) {
      const [first, second] = [mineNodes[at], otherNodes[at]];
      graphDifference += `First diverging operator:\nNode diff:\n${indent(lineDiff(first.text, second.text))}\n`;
      graphDifference += placed('Trace source location', first.node);
      graphDifference += placed('Check source location', second.node);
    }
  }
  let constantDifference: string | undefined;
  const others = [...allNodes(other.block)];
  for (const [i, node] of [...allNodes(mine.block)].entries()) {
    if (node.kind !== others[i]?.kind) break;
    const [a, b] = [node.constant?.value, others[i].constant?.value];
    if (!(a instanceof Tensor) || !(b instanceof Tensor)) continue;
    const why = await mismatch(a, b, toleranceOf(a.dtype));
    if (why === undefined) continue;
    const text = nodesIn(mine, mineText).find((one) => one.node === node)?.text ?? '';
    constantDifference = `Node:\n${indent(text)}\n${placed('Source Location', node)}Comparison exception: ${indent(why)}`;
    break;
  }
  return [graphDifference, constantDifference];
}

/** The tensors of a result, alone or in a tuple. */
const tensorsOf = (result: unknown): Tensor[] =>
  (Array.isArray(result) ? result : [result]).filter((item): item is Tensor => item instanceof Tensor);

/**
 * Checks a trace. Results that differ are TracerWarnings; a graph that differs, or an error while one of the three runs,
 * is a TracingCheckError.
 */
export async function checkTrace(check: Check): Promise<void> {
  const again = await check.retrace(cloned(check.inputs) as readonly unknown[]);
  const runOf =
    (program: ScriptModule | ScriptFunction) =>
    (...args: unknown[]): unknown =>
      program instanceof ScriptModule
        ? program.run_method(check.method ?? 'forward', ...args)
        : program(...args);
  const run = async (fn: (...args: unknown[]) => unknown, what: string): Promise<Tensor[]> => {
    try {
      return tensorsOf(await fn(...(cloned(check.inputs) as unknown[])));
    } catch (error) {
      throw new TracingCheckError(
        ...(await differences(check, again)),
        `encountered an exception while running the ${what} with test inputs.\nException:\n${indent(String((error as Error).message ?? error))}`,
      );
    }
  };
  let hasWarned = false;
  const compare = async (results: Tensor[], wanted: Tensor[], what: string): Promise<boolean> => {
    let isEqual = true;
    for (const [i, result] of results.entries()) {
      const expected = wanted[i];
      if (!expected) break;
      const why = await mismatch(result, expected, {
        rtol: check.tolerance,
        atol: toleranceOf(result.dtype).atol,
      });
      if (why === undefined) continue;
      isEqual = false;
      if (!hasWarned) warnOfRandomness(graphOf(check.traced, check.method));
      hasWarned = true;
      tracerWarnings.show(
        new TracerWarning(
          `TracerWarning: Output nr ${i + 1}. of the traced function does not match the corresponding output of the ${what}. Detailed error:\n${why}`,
        ),
      );
    }
    return isEqual;
  };
  const traced = await run(runOf(check.traced), 'trace');
  const wanted = await run(check.original, 'JavaScript function');
  if (await compare(traced, wanted, 'JavaScript function'))
    await compare(traced, await run(runOf(again), 'repeated trace'), 'repeated trace');
  const found = await differences(check, again);
  if (found.some((difference) => difference !== undefined)) throw new TracingCheckError(...found);
}

function warnOfRandomness(graph: Graph): void {
  const lines = graphToString(graph).split('\n');
  const nodes = graph.block.nodes
    .filter(isRandom)
    .map(
      (node) => lines.find((line) => line.startsWith(`  %${node.output.debugName} `))?.slice(2) ?? node.kind,
    );
  if (nodes.length === 0) return;
  tracerWarnings.show(
    new TracerWarning(
      `TracerWarning: Trace had nondeterministic nodes. Did you forget call .eval() on your model? Nodes:\n${nodes.slice(0, 20).map(indent).join('\n')}\nThis may cause errors in trace checking. To disable trace checking, pass check_trace=False to torch.jit.trace()`,
    ),
  );
}
