/** Graphs and code of a trace up to the names of values, as conformance/models/generate_trace.py writes PyTorch's. */
import * as torch from '../../src/index.ts';

const { jit } = torch;
type ScriptModule = InstanceType<typeof jit.ScriptModule>;
type ScriptFunction = InstanceType<typeof jit.ScriptFunction>;
type Graph = ReturnType<typeof jit.graph_of>;

export type Record_ = readonly [graph: string, code: string];

function renumbered(graph: string): string {
  const seen = new Map<string, number>();
  return graph.replace(/%([A-Za-z0-9_.]+)/g, (_, name: string) => {
    if (!seen.has(name)) seen.set(name, seen.size);
    return `%${seen.get(name)}`;
  });
}

/** The graph of a fork, below the one that it is in, has names of its own. */
const canonicalGraph = (text: string): string =>
  text
    .replace(/ # [^\n]*/g, '')
    .replace(/\.___torch_mangle_\d+/g, '')
    .split(/^(?=with )/m)
    .map(renumbered)
    .join('');

const canonicalCode = (text: string): string => text.replace(/\.___torch_mangle_\d+/g, '');

function nameless(graph: Graph, keeps: boolean): Graph {
  const copy = graph.copy();
  for (const node of copy.block.nodes)
    if (node.kind !== 'prim::GetAttr') for (const output of node.outputs) output.setDebugName('');
  if (!keeps) for (const input of copy.inputs.slice(1)) input.setDebugName('');
  return copy;
}

function recordOf(graph: Graph, name: string, keeps: boolean): Record_ {
  const plain = nameless(graph, keeps);
  const { code } = jit.create_function_from_graph(name, plain);
  return [canonicalGraph(String(plain)), canonicalCode(code)];
}

export const functionRecord = (traced: ScriptFunction): Record_ => recordOf(jit.graph_of(traced), 'f', true);

export function moduleRecord(
  module: ScriptModule,
  methods: readonly string[],
  path = '',
): Record<string, Record_> {
  const out: Record<string, Record_> = {};
  for (const name of module.method_names)
    out[path + name] = recordOf(jit.graph_of(module, name), name, path === '' && methods.includes(name));
  for (const [name, child] of module.named_children())
    Object.assign(out, moduleRecord(child as ScriptModule, methods, `${path}${name}.`));
  return out;
}

export type Shapes = readonly (readonly number[] | Shapes | { readonly [name: string]: Shapes[number] })[];

/** Random tensors as the generator makes them: nested shapes are tuples, objects dicts. */
export function inputs(shapes: Shapes): unknown[] {
  const one = (shape: unknown): unknown => {
    if (!Array.isArray(shape))
      return Object.fromEntries(Object.entries(shape as object).map(([k, v]) => [k, one(v)]));
    return shape.length > 0 && typeof shape[0] !== 'number' ? shape.map(one) : torch.rand(shape as number[]);
  };
  return shapes.map(one);
}
