/** Operators with several names get the one that torch::jit keeps. */
import { allNodes, type Graph } from '../ir/graph.ts';
import { jitSchemaOf } from '../ops/operator.ts';
import { operatorsNamed } from '../ops/registry.ts';

const aliases: Readonly<Record<string, string>> = {
  absolute: 'abs',
  absolute_: 'abs_',
  clip: 'clamp',
  clip_: 'clamp_',
  det: 'linalg_det',
  ger: 'outer',
  arccos: 'acos',
  arccos_: 'acos_',
  arcsin: 'asin',
  arcsin_: 'asin_',
  arctan: 'atan',
  arctan_: 'atan_',
  arctan2: 'atan2',
  arctan2_: 'atan2_',
  arccosh: 'acosh',
  arccosh_: 'acosh_',
  arcsinh: 'asinh',
  arcsinh_: 'asinh_',
  arctanh: 'atanh',
  arctanh_: 'atanh_',
  fix: 'trunc',
  fix_: 'trunc_',
  negative: 'neg',
  negative_: 'neg_',
  subtract: 'sub',
  subtract_: 'sub_',
  multiply: 'mul',
  multiply_: 'mul_',
  divide: 'div',
  divide_: 'div_',
  true_divide: 'div',
  true_divide_: 'div_',
  greater: 'gt',
  greater_: 'gt_',
  greater_equal: 'ge',
  greater_equal_: 'ge_',
  less: 'lt',
  less_: 'lt_',
  less_equal: 'le',
  less_equal_: 'le_',
  not_equal: 'ne',
  not_equal_: 'ne_',
  row_stack: 'vstack',
  swapaxes: 'transpose',
  swapaxes_: 'transpose_',
  swapdims: 'transpose',
  swapdims_: 'transpose_',
  moveaxis: 'movedim',
  inverse: 'linalg_inv',
  orgqr: 'linalg_householder_product',
  special_digamma: 'digamma',
  special_erf: 'erf',
  special_erfc: 'erfc',
  special_erfinv: 'erfinv',
  special_exp2: 'exp2',
  special_expit: 'sigmoid',
  special_expm1: 'expm1',
  special_gammainc: 'igamma',
  special_gammaincc: 'igammac',
  special_gammaln: 'lgamma',
  special_i0: 'i0',
  special_log1p: 'log1p',
  special_log_softmax: 'log_softmax',
  special_logit: 'logit',
  special_logsumexp: 'logsumexp',
  special_psi: 'digamma',
  special_round: 'round',
  special_sinc: 'sinc',
  special_xlogy: 'xlogy',
  special_multigammaln: 'mvlgamma',
  special_polygamma: 'polygamma',
  special_softmax: 'softmax',
  concat: 'cat',
  concatenate: 'cat',
};

/** Renames nodes; each that is renamed is a new node, and its values take new numbers. */
export function normalizeOperators(graph: Graph): void {
  for (const node of [...allNodes(graph.block)]) {
    const [namespace, name] = node.kind.split('::');
    if (namespace !== 'aten' || !Object.hasOwn(aliases, name)) continue;
    const first = node.inputs[0]?.type;
    if (first?.kind !== 'Tensor' && first?.kind !== 'List') continue;
    const kind = `aten::${aliases[name]}`;
    const before = node.operator?.schema.args.map((arg) => arg.type.kind).join();
    const operator =
      operatorsNamed(kind).find(({ schema }) => schema.args.map((arg) => arg.type.kind).join() === before) ??
      operatorsNamed(kind).find(({ schema }) => jitSchemaOf(schema).args.length === node.inputs.length);
    if (!operator) continue;
    const renamed = graph.create(
      kind,
      node.inputs,
      node.outputs.map((output) => output.type),
    );
    renamed.operator = operator;
    renamed.range = node.range;
    renamed.insertBefore(node);
    node.outputs.forEach((output, i) => {
      const debugName = output.hasDebugName ? output.debugName : undefined;
      output.setDebugName('');
      if (debugName !== undefined) renamed.outputs[i].setDebugName(debugName);
      output.replaceAllUsesWith(renamed.outputs[i]);
    });
    node.destroy();
  }
}
