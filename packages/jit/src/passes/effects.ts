/** What running a node can be seen by, other than its outputs: what it writes, prints, raises or draws. */
import type { Node, Value } from '../ir/graph.ts';

const effects = new Set([
  'prim::SetAttr',
  'prim::RaiseException',
  'prim::Print',
  'prim::CallMethod',
  'prim::CallFunction',
  'prim::Enter',
  'prim::Exit',
  'prim::fork',
  'aten::warn',
  'aten::wait',
  'aten::manual_seed',
  'aten::set_grad_enabled',
  'aten::save',
]);

/** What draws from a generator. torch::jit takes the drawing for no effect: numbers that nobody reads are not drawn. */
const random = new Set(
  'rand rand_like randn randn_like randint randint_like randperm bernoulli multinomial normal poisson dropout'
    .split(' ')
    .map((name) => `aten::${name}`),
);

/** The same as in torch::jit, whose front end does not look whether a dropout drops anything. */
const dropouts = /^aten::(feature_)?(alpha_)?dropout_?$/;

/** Whether the node's result may differ from call to call: it draws, or would if it were told to. */
export function isRandom(node: Node): boolean {
  if (dropouts.test(node.kind)) return node.inputs[2]?.node.constant?.value !== false;
  return random.has(node.kind) || node.kind === 'aten::rrelu';
}

const norms = new Set(['aten::batch_norm', 'aten::instance_norm', 'aten::native_batch_norm']);

const isNone = (value: Value): boolean => value.node.constant?.value === null;

/** Whether a norm that may be training keeps running statistics, which no schema says that it writes. */
export const updatesStatistics = ({ kind, inputs }: Node): boolean =>
  norms.has(kind) && inputs[5].node.constant?.value !== false && STATISTICS.some((i) => !isNone(inputs[i]));

/** Their places among a norm's inputs: mean and variance. */
const STATISTICS = [3, 4];

/** Which of its inputs the node writes in place; a dropout that does not drop only looks as if it did. */
export function writtenInputs(node: Node): readonly number[] {
  if (updatesStatistics(node)) return STATISTICS;
  const args = node.operator?.schema.args ?? [];
  if (!args.some((arg) => arg.alias?.write)) return [];
  if (node.kind.endsWith('dropout_') && !isRandom(node)) return [];
  return args.flatMap((arg, i) => (arg.alias?.write ? [i] : []));
}

/** Whether the node writes in place. */
export const writesArguments = (node: Node): boolean => writtenInputs(node).length > 0;

/** Whether the node must be run even where nothing reads its outputs; what it writes aside. */
export function hasOwnEffect(node: Node): boolean {
  if (effects.has(node.kind)) return true;
  return node.blocks.some((block) => block.nodes.some(hasEffect));
}

const isTrue = (value: Value): boolean => value.node.constant?.value === true;

/** Whether only the trip count ends the loop. */
export const isForLoop = (node: Node): boolean =>
  node.kind === 'prim::Loop' && isTrue(node.inputs[1]) && isTrue(node.blocks[0].outputs[0]);

/** The same with all that it writes. */
export const hasEffect = (node: Node): boolean => hasOwnEffect(node) || writesArguments(node);

/** What they answer is not in their operands. */
const asking = new Set([
  'aten::is_grad_enabled',
  'aten::get_default_dtype',
  'aten::initial_seed',
  'aten::is_autocast_enabled',
]);

/** Whether two runs of the node on the same values give the same, and nobody can tell how often it was run. */
export const isPure = (node: Node): boolean =>
  !hasEffect(node) &&
  !isRandom(node) &&
  !asking.has(node.kind) &&
  node.blocks.length === 0 &&
  node.kind !== 'prim::GetAttr' &&
  node.kind !== 'prim::CreateObject';
