/** Peephole: small patterns that say in more nodes what fewer say. */
import { coercion } from '../interpreter/coerce.ts';
import { insertConstant } from '../ir/copy.ts';
import { allNodes, type Graph, type Node, type Value } from '../ir/graph.ts';
import { isSubtype } from '../ir/type-relations.ts';
import { BoolT, IntT, type JitType } from '../ir/types.ts';
import { Tensor } from '../ops/core.ts';
import { AliasAnalysis } from './alias.ts';

/** The value that the node's one output is; undefined where the pattern does not fit. */
type Rule = (node: Node, aliases: AliasAnalysis) => Value | undefined;

const constantOf = (value: Value | undefined): unknown => value?.node.constant?.value;
const isNever = (type: JitType): boolean =>
  type.kind !== 'None' && type.kind !== 'Optional' && type.kind !== 'Union' && type.kind !== 'Any';

/** `is None` of what never is, or always. */
const isNone =
  (answer: boolean): Rule =>
  (node) => {
    const [a, b] = node.inputs;
    const other = a.type.kind === 'None' ? b : b.type.kind === 'None' ? a : undefined;
    if (!other) return undefined;
    if (other.type.kind === 'None') return insertConstant(node, answer, BoolT);
    if (isNever(other.type)) return insertConstant(node, !answer, BoolT);
    return undefined;
  };

/** What the list was made of, where nothing changes it. */
const partsOf = (value: Value, aliases: AliasAnalysis): readonly Value[] | undefined =>
  value.node.kind === 'prim::ListConstruct' && !aliases.isWritten(value) ? value.node.inputs : undefined;

const element: Rule = (node, aliases) => {
  const parts = partsOf(node.inputs[0], aliases);
  const index = constantOf(node.inputs[1]);
  if (!parts || typeof index !== 'number') return undefined;
  return parts[index < 0 ? index + parts.length : index];
};

const length: Rule = (node, aliases) => {
  const parts = partsOf(node.inputs[0], aliases) ?? keysOf(node.inputs[0], aliases);
  return parts && insertConstant(node, parts.length, IntT);
};

/** The keys that the dict was made with, all known and different, where nothing changes it. */
function keysOf(value: Value, aliases: AliasAnalysis): readonly unknown[] | undefined {
  if (value.node.kind !== 'prim::DictConstruct' || aliases.isWritten(value)) return undefined;
  const keys = value.node.inputs.filter((_, i) => i % 2 === 0).map(constantOf);
  const areKnown = keys.every((key) => ['string', 'number', 'boolean'].includes(typeof key));
  return areKnown && new Set(keys).size === keys.length ? keys : undefined;
}

/** What a dict that was just made has under a key. */
const entry: Rule = (node, aliases) => {
  const keys = keysOf(node.inputs[0], aliases);
  const at = keys?.indexOf(constantOf(node.inputs[1])) ?? -1;
  return at < 0 ? undefined : node.inputs[0].node.inputs[2 * at + 1];
};

/** A new list of these, unless it is changed later: what was just made is not asked for that again. */
function listBefore(node: Node, items: readonly Value[], aliases: AliasAnalysis): Value | undefined {
  if (aliases.isWritten(node.output)) return undefined;
  const list = node.graph.create('prim::ListConstruct', items, [node.output.type]);
  list.insertBefore(node);
  return list.output;
}

/** Two lists that were just made, one after the other. */
const concatenation: Rule = (node, aliases) => {
  if (node.output.type.kind !== 'List') return undefined;
  const [a, b] = node.inputs.map((input) => partsOf(input, aliases));
  return a && b && listBefore(node, [...a, ...b], aliases);
};

/** A known part of a list that was just made. */
const section: Rule = (node, aliases) => {
  if (node.output.type.kind !== 'List') return undefined;
  const parts = partsOf(node.inputs[0], aliases);
  const [start, end, step] = node.inputs.slice(1).map(constantOf);
  if (!parts || step !== 1 || [start, end].some((v) => v === undefined)) return undefined;
  return listBefore(node, parts.slice(Number(start ?? 0), end === null ? undefined : Number(end)), aliases);
};

/** `n + 0`, `n * 1`, `n // 1`: n itself. */
const withNeutral =
  (neutral: number, isSymmetric: boolean): Rule =>
  (node) => {
    const [a, b] = node.inputs;
    if (a.type.kind !== 'int' || b.type.kind !== 'int') return undefined;
    if (constantOf(b) === neutral) return a;
    return isSymmetric && constantOf(a) === neutral ? b : undefined;
  };

const isSum = ({ kind, inputs: [a, b] }: Node): boolean =>
  (kind === 'aten::add' || kind === 'aten::sub') && a.type.kind === 'int' && b.type.kind === 'int';

/** `n + 1 + 1` is `n + 2`. */
const sumOfConstants: Rule = (node) => {
  const { node: inner } = node.inputs[0];
  if (!isSum(node) || !isSum(inner)) return undefined;
  const [outer, own] = [node, inner].map(({ inputs }) => constantOf(inputs[1]));
  if (typeof outer !== 'number' || typeof own !== 'number') return undefined;
  const sum = inner.kind === node.kind ? outer + own : outer - own;
  if (!Number.isSafeInteger(sum)) return undefined;
  if (sum === 0) return inner.inputs[0];
  const folded = node.graph.create(node.kind, [inner.inputs[0], insertConstant(node, sum, IntT)], [IntT]);
  folded.operator = node.operator;
  folded.insertBefore(node);
  return folded.output;
};

/** An int compared with itself. */
const comparedWithItself =
  (answer: boolean): Rule =>
  (node) => {
    const [a, b] = node.inputs;
    return a === b && a.type.kind === 'int' ? insertConstant(node, answer, BoolT) : undefined;
  };

/** `True if b else False` is b, whatever else the branches do. */
function readCondition({ inputs: [test], blocks: [yes, no], outputs }: Node): boolean {
  const same = outputs.filter(
    (_, i) => constantOf(yes.outputs[i]) === true && constantOf(no.outputs[i]) === false,
  );
  for (const output of same) output.replaceAllUsesWith(test);
  return same.length > 0;
}

/** The number that was made a tensor to be recorded: traces are full of `int(torch.tensor(n))`. */
const untensored =
  (kind: string): Rule =>
  (node) => {
    const { node: source } = node.inputs[0];
    return source.kind === 'prim::NumToTensor' && source.inputs[0].type.kind === kind
      ? source.inputs[0]
      : undefined;
  };

const isSelf =
  (kind: string): Rule =>
  (node) =>
    node.inputs[0].type.kind === kind ? node.inputs[0] : undefined;

/** A cast to what the value is known to be anyway. */
const needlessCast: Rule = ({ inputs: [value], output }) =>
  isSubtype(value.type, output.type) ? value : undefined;

/** What never is None needs no unwrapping. */
const unwrapped: Rule = ({ inputs: [value] }) => (isNever(value.type) ? value : undefined);

const first = (...rules: Rule[]): Rule => {
  return (node, aliases) => {
    for (const rule of rules) {
      const value = rule(node, aliases);
      if (value) return value;
    }
    return undefined;
  };
};

/** `not not a` is a. */
const negation: Rule = (node) => {
  const { node: inner } = node.inputs[0];
  return inner.kind === 'aten::__not__' ? inner.inputs[0] : undefined;
};

/** Transposed twice, as before; neither may be written, for the result would be another window of the same memory. */
const twice: Rule = (node, aliases) => {
  const inner = node.inputs[0].node;
  if (inner.kind !== node.kind || aliases.isWritten(node.inputs[0])) return undefined;
  if (node.kind === 'aten::t') return inner.inputs[0];
  const [a, b] = [1, 2].map((i) => constantOf(node.inputs[i]));
  const [c, d] = [1, 2].map((i) => constantOf(inner.inputs[i]));
  if ([a, b, c, d].some((v) => typeof v !== 'number')) return undefined;
  return (a === c && b === d) || (a === d && b === c) ? inner.inputs[0] : undefined;
};

/** A constant tensor's own properties. */
const property =
  (read: (t: Tensor, node: Node) => unknown): Rule =>
  (node) => {
    const tensor = constantOf(node.inputs[0]);
    const value = tensor instanceof Tensor ? read(tensor, node) : undefined;
    return value === undefined ? undefined : insertConstant(node, value, node.output.type);
  };

const rules: Readonly<Record<string, Rule>> = {
  'aten::__is__': isNone(true),
  'aten::__isnot__': isNone(false),
  'aten::__not__': negation,
  'aten::__getitem__': first(element, entry),
  'prim::unchecked_cast': needlessCast,
  'aten::_unwrap_optional': unwrapped,
  'aten::len': length,
  'aten::add': first(concatenation, withNeutral(0, true), sumOfConstants),
  'aten::sub': first(withNeutral(0, false), sumOfConstants),
  'aten::mul': withNeutral(1, true),
  'aten::floordiv': withNeutral(1, false),
  'aten::slice': section,
  'aten::eq': comparedWithItself(true),
  'aten::ne': comparedWithItself(false),
  'aten::Int': first(isSelf('int'), untensored('int')),
  'aten::IntImplicit': untensored('int'),
  'aten::Float': first(isSelf('float'), untensored('float')),
  'aten::FloatImplicit': untensored('float'),
  'aten::Bool': first(isSelf('bool'), untensored('bool')),
  'aten::ScalarImplicit': untensored('int'),
  'aten::t': twice,
  'aten::transpose': twice,
  'aten::dim': property((t) => t.shape.length),
  'prim::is_cuda': property(() => false),
};

/** What was just put into a list comes out of it. */
function unpackList(node: Node, aliases: AliasAnalysis): boolean {
  const parts = partsOf(node.inputs[0], aliases);
  if (parts?.length !== node.outputs.length) return false;
  node.outputs.forEach((output, i) => {
    output.replaceAllUsesWith(parts[i]);
  });
  return true;
}

/** Rewrites what one of the rules fits; returns whether any did. */
export function peephole(graph: Graph, aliases = new AliasAnalysis(graph)): boolean {
  let changed = false;
  for (const node of [...allNodes(graph.block)]) {
    if (!node.owner) continue;
    if (node.kind === 'prim::ListUnpack') changed = unpackList(node, aliases) || changed;
    if (node.kind === 'prim::If') changed = readCondition(node) || changed;
    if (node.outputs.length !== 1) continue;
    const value = rules[node.kind]?.(node, aliases);
    if (!value || value === node.output) continue;
    // A float where another number may stand as well has another representation.
    if (coercion(value.type, node.output.type) !== undefined) continue;
    node.output.replaceAllUsesWith(value);
    changed = true;
  }
  return changed;
}
