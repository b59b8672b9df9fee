/** Operators that make one element of many: sums, extremes, softmax, sorting. */
import type { Call } from '../call.ts';
import type { Converters } from './converter.ts';
import { toResult } from './pointwise.ts';

const axesOf = (c: Call): number[] => {
  const rank = c.rank('self');
  const dims = c.value('dim') === null ? [] : c.numbers('dim');
  return dims.length === 0 ? Array.from({ length: rank }, (_, i) => i) : dims.map((dim) => c.axis(dim, rank));
};

const keepdims = (c: Call): number => (c.value('keepdim') === true ? 1 : 0);

/** The operand as what the result is. */
const reduction =
  (type: string) =>
  (c: Call): string =>
    c.node(type, [toResult(c)], { axes: axesOf(c), keepdims: keepdims(c) });

/** ReduceSum takes its axes as an operand. */
function sum(c: Call): string {
  return c.node('ReduceSum', [toResult(c), c.constant(axesOf(c))], { keepdims: keepdims(c) });
}

/** The extreme along a dimension with its place, the extreme of all, or of two tensors. */
const extreme =
  (type: 'Max' | 'Min') =>
  (c: Call): string | string[] => {
    if (c.has('other')) return c.node(type, [c.input('self'), c.input('other')]);
    if (c.value('dim') === null) return reduction(`Reduce${type}`)(c);
    const axis = c.axis(c.fixed('dim'), c.rank('self'));
    return [
      c.node(`Reduce${type}`, [c.input('self')], { axes: [axis], keepdims: keepdims(c) }),
      c.graph.node(`Arg${type}`, [c.input('self')], { axis, keepdims: keepdims(c) }),
    ];
  };

const place =
  (type: 'ArgMax' | 'ArgMin') =>
  (c: Call): string => {
    if (c.value('dim') !== null)
      return c.node(type, [c.input('self')], {
        axis: c.axis(c.fixed('dim'), c.rank('self')),
        keepdims: keepdims(c),
      });
    const flat = c.graph.node('Reshape', [c.input('self'), c.constant([-1])]);
    return c.node(type, [flat], { axis: 0, keepdims: 0 });
  };

const softmax =
  (type: string) =>
  (c: Call): string =>
    c.node(type, [toResult(c)], { axis: c.axis(c.fixed('dim'), c.rank('self')) });

/** The 2-norm or 1-norm. */
function norm(c: Call): string {
  const order = c.number('p') || c.number('ord') || 2;
  if (order !== 1 && order !== 2) c.refuse(`a norm of order ${order}`);
  return reduction(`ReduceL${order}`)(c);
}

function variance(c: Call): string {
  const axes = axesOf(c);
  const { dtype } = c.result();
  const x = c.input('self');
  const mean = c.graph.node('ReduceMean', [x], { axes, keepdims: 1 });
  const difference = c.graph.node('Sub', [x, mean]);
  const square = c.graph.node('Mul', [difference, difference]);
  const count = axes.reduce((product, axis) => product * c.tensor('self').shape[axis], 1);
  const correction =
    c.value('unbiased') === false
      ? 0
      : Number.isNaN(c.number('correction')) || c.value('correction') === null
        ? 1
        : c.number('correction');
  const mean2 = c.node('ReduceMean', [square], { axes, keepdims: keepdims(c) });
  return correction === 0 ? mean2 : c.node('Mul', [mean2, c.scalar(count / (count - correction), dtype)]);
}

export const reductions: Converters = {
  _softmax: softmax('Softmax'),
  _log_softmax: softmax('LogSoftmax'),
  all: (c) => {
    const x = c.graph.node('Cast', [c.graph.node('Cast', [c.input('self')], { to: 9 })], { to: 6 });
    return c.node('Cast', [c.graph.node('ReduceMin', [x], { axes: axesOf(c), keepdims: keepdims(c) })], {
      to: 9,
    });
  },
  any: (c) => {
    const x = c.graph.node('Cast', [c.graph.node('Cast', [c.input('self')], { to: 9 })], { to: 6 });
    return c.node('Cast', [c.graph.node('ReduceMax', [x], { axes: axesOf(c), keepdims: keepdims(c) })], {
      to: 9,
    });
  },
  amax: reduction('ReduceMax'),
  amin: reduction('ReduceMin'),
  argmax: place('ArgMax'),
  argmin: place('ArgMin'),
  cumsum: (c) => c.node('CumSum', [toResult(c), c.scalar(c.axis(c.fixed('dim'), c.rank('self')), 'int64')]),
  linalg_vector_norm: norm,
  log_softmax: softmax('LogSoftmax'),
  logsumexp: reduction('ReduceLogSumExp'),
  max: extreme('Max'),
  mean: reduction('ReduceMean'),
  min: extreme('Min'),
  norm,
  prod: reduction('ReduceProd'),
  softmax: softmax('Softmax'),
  std: (c) => c.node('Sqrt', [variance(c)]),
  sum,
  topk: (c) => {
    const axis = c.axis(c.fixed('dim'), c.rank('self'));
    return c.graph.nodeOf(
      'TopK',
      [c.input('self'), c.constant([c.fixed('k')])],
      { axis, largest: c.value('largest') ? 1 : 0, sorted: 1 },
      ['', ''],
    );
  },
  var: variance,
};
