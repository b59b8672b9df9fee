/** Sums of products named by their dims (einsum, tensordot), and what is built on products and norms of matrices. */
import { callOperator } from '../dispatch/call.ts';
import { findOperator, op } from '../dispatch/operator.ts';
import { NotSupportedError, TorchError } from '../errors.ts';
import { type DType, isFloat } from '../tensor/dtype.ts';
import { broadcastShapes, numelOf, type Shape, wrapDim, wrapDims } from '../tensor/layout.ts';
import { get_default_dtype, py_float, type Scalar, scalarValue } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { catOf } from './join.ts';

const range = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => i + from);

/** A tensor whose dims carry names; einsum's letters, or numbers for what an ellipsis stands for. */
interface Labelled {
  readonly tensor: Tensor;
  readonly labels: readonly string[];
}

/** Dims in this order, absent ones of size 1. */
function aligned({ tensor, labels }: Labelled, order: readonly string[]): Tensor {
  const present = order.filter((l) => labels.includes(l));
  const moved = tensor.permute(present.map((l) => labels.indexOf(l))) as Tensor;
  let k = 0;
  return moved.reshape(order.map((l) => (labels.includes(l) ? moved.shape[k++] : 1)));
}

const sizeIn = ({ tensor, labels }: Labelled, label: string): number => {
  const d = labels.indexOf(label);
  return d < 0 ? 1 : tensor.shape[d];
};

/** Two operands as one: dims that nobody needs any more are summed, by a batched matrix product. */
function pair(a: Labelled, b: Labelled, needed: ReadonlySet<string>): Labelled {
  const drop = (x: Labelled, other: Labelled): Labelled => {
    const gone = x.labels.filter(
      (l) => !needed.has(l) && (!other.labels.includes(l) || (sizeIn(other, l) === 1 && sizeIn(x, l) !== 1)),
    );
    if (gone.length === 0) return x;
    return {
      tensor: x.tensor.sum(gone.map((l) => x.labels.indexOf(l))),
      labels: x.labels.filter((l) => !gone.includes(l)),
    };
  };
  const left = drop(a, b);
  const right = drop(b, left);
  const all = [...new Set([...left.labels, ...right.labels])];
  const shared = (l: string): boolean => left.labels.includes(l) && right.labels.includes(l);
  const isWide = (x: Labelled, l: string): boolean => sizeIn(x, l) !== 1;
  const summed = all.filter((l) => !needed.has(l));
  const batch = all.filter((l) => needed.has(l) && shared(l));
  const rows = all.filter((l) => needed.has(l) && !shared(l) && left.labels.includes(l));
  const columns = all.filter((l) => needed.has(l) && !shared(l) && right.labels.includes(l));
  const labels = [...batch, ...rows, ...columns];
  const broadcasts = [...batch, ...summed].some((l) => isWide(left, l) !== isWide(right, l));
  const size = (l: string): number => (sizeIn(left, l) === 1 ? sizeIn(right, l) : sizeIn(left, l));
  const sizeOf = (list: readonly string[]): number => numelOf(list.map(size));
  if (summed.length === 0 || broadcasts) {
    const product = aligned(left, [...labels, ...summed]).mul(
      aligned(right, [...labels, ...summed]),
    ) as Tensor;
    return {
      tensor: summed.length === 0 ? product : product.sum(summed.map((_, i) => i + labels.length)),
      labels,
    };
  }
  const x = aligned(left, [...batch, ...rows, ...summed]).reshape([
    sizeOf(batch),
    sizeOf(rows),
    sizeOf(summed),
  ]);
  const y = aligned(right, [...batch, ...summed, ...columns]).reshape([
    sizeOf(batch),
    sizeOf(summed),
    sizeOf(columns),
  ]);
  return { tensor: x.bmm(y).reshape(labels.map(size)), labels };
}

/** `(i, i)` in one operand is its diagonal. */
function withoutRepeats({ tensor, labels }: Labelled): Labelled {
  let t = tensor;
  const left = [...labels];
  for (let d = 0; d < left.length; d++) {
    const again = left.indexOf(left[d], d + 1);
    if (again < 0) continue;
    if (t.shape[d] !== t.shape[again])
      throw new TorchError(
        `einsum(): subscript ${left[d]} is repeated for operand but the sizes don't match, ${t.shape[again]} != ${t.shape[d]}`,
      );
    t = t.diagonal(0, d, again).movedim(-1, d);
    left.splice(again, 1);
    d--;
  }
  return { tensor: t, labels: left };
}

function labelsOf(term: string, operand: number, rank: number, ellipsis: { rank: number }): string[] {
  const found = /^([^.]*)(\.\.\.)?([^.]*)$/.exec(term);
  if (!found || /[^a-zA-Z]/.test(found[1] + found[3]))
    throw new TorchError(
      `einsum(): invalid subscript given at index ${term.search(/[^a-zA-Z.]/)} in the equation string, subscripts must be in [a-zA-Z]`,
    );
  const named = found[1].length + found[3].length;
  const extra = rank - named;
  if (found[2] ? extra < 0 : extra !== 0)
    throw new TorchError(
      extra > 0
        ? `einsum(): fewer subscripts were provided for operand ${operand} than dimensions: ${named} for ${rank}`
        : `einsum(): the number of subscripts in the equation (${named}) ${found[2] ? 'is more than' : 'does not match'} the number of dimensions (${rank}) for operand ${operand}${found[2] ? '' : ' and no ellipsis was given'}`,
    );
  ellipsis.rank = Math.max(ellipsis.rank, extra);
  // The ellipsis' dims are named from the last: they broadcast like any shapes.
  return [...found[1], ...range(extra).map((i) => `#${extra - i}`), ...found[3]];
}

function einsum(equation: string, tensors: readonly Tensor[], path: readonly number[] | null): Tensor {
  if (tensors.length === 0) throw new TorchError('einsum(): must provide at least one operand');
  const text = equation.replaceAll(' ', '');
  const [inputs, output] = text.split('->') as [string, string | undefined];
  const terms = inputs.split(',');
  if (terms.length !== tensors.length)
    throw new TorchError(
      terms.length < tensors.length
        ? 'einsum(): more operands were provided than specified in the equation'
        : 'einsum(): fewer operands were provided than specified in the equation',
    );
  const ellipsis = { rank: 0 };
  let operands = terms.map((term, i) =>
    withoutRepeats({ tensor: tensors[i], labels: labelsOf(term, i, tensors[i].shape.length, ellipsis) }),
  );
  const extra = range(ellipsis.rank).map((i) => `#${ellipsis.rank - i}`);
  const letters = terms.join('').replaceAll('.', '');
  let result: string[];
  if (output === undefined)
    result = [...extra, ...[...letters].filter((l) => letters.indexOf(l) === letters.lastIndexOf(l)).sort()];
  else {
    const found = /^([a-zA-Z]*)(\.\.\.)?([a-zA-Z]*)$/.exec(output);
    if (!found) throw new TorchError(`einsum(): invalid output subscripts '${output}'`);
    result = [...found[1], ...(found[2] ? extra : []), ...found[3]];
    for (const l of result) {
      if (!l.startsWith('#') && !letters.includes(l))
        throw new TorchError(
          `einsum(): output subscript ${l} does not appear in the equation for any input operand`,
        );
      if (result.indexOf(l) !== result.lastIndexOf(l))
        throw new TorchError(`einsum(): output subscript ${l} appears more than once in the output`);
    }
  }
  const sizes = new Map<string, number>();
  operands.forEach((o, i) => {
    o.labels.forEach((l, d) => {
      const [known, n] = [sizes.get(l) ?? 1, o.tensor.shape[d]];
      if (known !== 1 && n !== 1 && known !== n)
        throw new TorchError(
          `einsum(): subscript ${l} has size ${n} for operand ${i} which does not broadcast with previously seen size ${known}`,
        );
      if (known === 1) sizes.set(l, n);
    });
  });
  let next = 0;
  while (operands.length > 1) {
    const [i, j] = path === null ? [0, 1] : [path[next++], path[next++]].sort((a, b) => a - b);
    const rest = operands.filter((_, k) => k !== i && k !== j);
    const needed = new Set([...result, ...rest.flatMap((o) => o.labels)]);
    const joined = pair(operands[i], operands[j], needed);
    operands = path === null ? [joined, ...rest] : [...rest, joined];
  }
  const [last] = operands;
  const gone = last.labels.flatMap((l, d) => (result.includes(l) ? [] : [d]));
  const tensor = gone.length > 0 ? (last.tensor.sum(gone) as Tensor) : last.tensor;
  const labels = last.labels.filter((l) => result.includes(l));
  return tensor.permute(result.map((l) => labels.indexOf(l))).expand(result.map((l) => sizes.get(l)!));
}

function tensordot(a: Tensor, b: Tensor, dimsA: Shape, dimsB: Shape): Tensor {
  if (dimsA.length !== dimsB.length)
    throw new TorchError(
      `both dimension lists should have same length, got ${dimsA.length} and ${dimsB.length}`,
    );
  const inA = dimsA.map((d) => wrapDim(d, a.shape.length));
  const inB = dimsB.map((d) => wrapDim(d, b.shape.length));
  let [x, y] = [a, b];
  inA.forEach((d, i) => {
    const [m, n] = [a.shape[d], b.shape[inB[i]]];
    if (n === 1) x = x.sum([d], true);
    else if (m === 1) y = y.sum([inB[i]], true);
    else if (m !== n)
      throw new TorchError(
        `contracted dimensions need to match, but first has size ${m} in dim ${dimsA[i]} and second has size ${n} in dim ${dimsB[i]}`,
      );
  });
  const restA = range(a.shape.length).filter((d) => !inA.includes(d));
  const restB = range(b.shape.length).filter((d) => !inB.includes(d));
  const summed = numelOf(inA.map((d) => x.shape[d]));
  const shapeA = restA.map((d) => a.shape[d]);
  const shapeB = restB.map((d) => b.shape[d]);
  return x
    .permute([...restA, ...inA])
    .reshape([numelOf(shapeA), summed])
    .mm(y.permute([...inB, ...restB]).reshape([summed, numelOf(shapeB)]))
    .reshape([...shapeA, ...shapeB]);
}

function kron(a: Tensor, b: Tensor): Tensor {
  const rank = Math.max(a.shape.length, b.shape.length);
  const pad = (t: Tensor): number[] => [...new Array(rank - t.shape.length).fill(1), ...t.shape];
  const [m, n] = [pad(a), pad(b)];
  return a
    .reshape(m.flatMap((k) => [k, 1]))
    .mul(b.reshape(n.flatMap((k) => [1, k])))
    .reshape(m.map((k, d) => k * n[d]));
}

function cross(name: string, a: Tensor, b: Tensor, dim: number): Tensor {
  if (a.shape.length !== b.shape.length)
    throw new TorchError(`${name}: inputs must have the same number of dimensions.`);
  const d = wrapDim(dim, a.shape.length);
  if (a.shape[d] !== 3 || b.shape[d] !== 3)
    throw new TorchError(
      `${name}: inputs dimension ${d} must have length 3. Got ${a.shape[d]} and ${b.shape[d]}`,
    );
  const shape = broadcastShapes(a.shape, b.shape);
  const [x, y] = [a.expand(shape), b.expand(shape)] as Tensor[];
  const turn = (t: Tensor, by: number): Tensor => t.roll([by], [d]);
  return turn(x, -1)
    .mul(turn(y, 1))
    .sub(turn(x, 1).mul(turn(y, -1)));
}

function crossDim(a: Tensor, dim: number | null): number {
  if (dim !== null) return dim;
  const found = a.shape.indexOf(3);
  if (found < 0) throw new TorchError('no dimension of size 3 in input');
  return found;
}

function diff(self: Tensor, n: number, dim: number, prepend: Tensor | null, append: Tensor | null): Tensor {
  if (self.shape.length === 0) throw new TorchError('diff expects input to be at least one-dimensional');
  if (n < 0) throw new TorchError(`order must be non-negative but got ${n}`);
  const d = wrapDim(dim, self.shape.length);
  let x = catOf(
    [prepend, self, append].filter((t): t is Tensor => t !== null),
    d,
  );
  const times = Math.min(n, x.shape[d]);
  for (let k = 0; k < times; k++) {
    const size = x.shape[d];
    if (size === 0) return x;
    const [after, before] = [x.narrow(d, 1, size - 1), x.narrow(d, 0, size - 1)] as Tensor[];
    x = x.dtype === 'bool' ? after.logical_xor(before) : after.sub(before);
  }
  return n === 0 ? self.clone() : x;
}

function converted(self: Tensor, dtype: DType | null, what: string): Tensor {
  const t = dtype === null ? self : (self.to(dtype) as Tensor);
  if (!isFloat(t.dtype))
    throw new TorchError(`${what}: Expected a floating point or complex tensor as input. Got ${t.dtype}`);
  return t;
}

/** The sum (or extreme) of absolute values along one dim, then an extreme along the other; or the Frobenius norm. */
function matrixNorm(
  self: Tensor,
  ord: Scalar | string,
  dim: Shape,
  keepdim: boolean,
  dtype: DType | null,
): Tensor {
  const x = converted(self, dtype, 'linalg.matrix_norm');
  if (x.shape.length < 2)
    throw new TorchError(`linalg.matrix_norm: The input tensor A must have at least 2 dimensions.`);
  if (dim.length !== 2)
    throw new TorchError(`linalg.matrix_norm: dim must be a 2-tuple. Got ${dim.join(' ')}`);
  const [rows, columns] = dim.map((d) => wrapDim(d, x.shape.length));
  if (rows === columns)
    throw new TorchError(`linalg.matrix_norm: dims must be different. Got (${dim.join(', ')})`);
  if (typeof ord === 'string') {
    if (ord === 'fro') return x.linalg_vector_norm(2, [rows, columns], keepdim);
    if (ord !== 'nuc') throw new TorchError(`linalg.matrix_norm: Order ${ord} not supported.`);
    throw new NotSupportedError(
      'linalg.matrix_norm: the nuclear norm needs singular values, which are not implemented',
    );
  }
  const p = Number(scalarValue(ord));
  if (Math.abs(p) === 2)
    throw new NotSupportedError(
      `linalg.matrix_norm: order ${p} needs singular values, which are not implemented`,
    );
  if (Math.abs(p) !== 1 && Math.abs(p) !== Infinity)
    throw new TorchError(`linalg.matrix_norm: Order ${p} not supported.`);
  const [first, second] = Math.abs(p) === 1 ? [rows, columns] : [columns, rows];
  const sums = x.abs().sum([first], keepdim) as Tensor;
  const at = keepdim || second < first ? second : second - 1;
  return p > 0 ? sums.amax([at], keepdim) : sums.amin([at], keepdim);
}

function norm(
  self: Tensor,
  ord: Scalar | null,
  dim: Shape | null,
  keepdim: boolean,
  dtype: DType | null,
): Tensor {
  if (ord === null) return converted(self, dtype, 'linalg.norm').linalg_vector_norm(2, dim, keepdim);
  const dims = dim ?? range(self.shape.length);
  if (dim === null && dims.length > 2)
    throw new TorchError(
      `linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got ${dims.length}D.`,
    );
  if (dims.length > 2)
    throw new TorchError(
      `linalg.norm: If dim is specified, it must be of length 1 or 2. Got [${dims.join(', ')}]`,
    );
  return dims.length === 2
    ? matrixNorm(self, ord, dims, keepdim, dtype)
    : self.linalg_vector_norm(ord, dims, keepdim, { dtype });
}

function matrixPower(self: Tensor, n: number): Tensor {
  const [rows, columns] = self.shape.slice(-2);
  if (self.shape.length < 2 || rows !== columns)
    throw new TorchError(
      `linalg.matrix_power: A must be batches of square matrices, but they are ${rows} by ${columns} matrices`,
    );
  if (n < 0) return matrixPower(callOperator(findOperator('aten::linalg_inv')!, [self]) as Tensor, -n);
  if (n === 0) return self.clone().copy_(self.new_ones([rows]).diag());
  let power: Tensor | null = null;
  let square = self;
  for (let k = n; k > 0; k = Math.floor(k / 2)) {
    if (k % 2 === 1) power = power === null ? square : (power as Tensor).matmul(square);
    if (k > 1) square = square.matmul(square);
  }
  return n === 1 ? self.clone() : power!;
}

/** The products in the order that costs least: the textbook's dynamic programme. */
function multiDot(tensors: readonly Tensor[]): Tensor {
  const n = tensors.length;
  if (n < 2) throw new TorchError(`multi_dot(): expected at least 2 tensors but got ${n}`);
  const first = tensors[0].shape.length === 1;
  const last = tensors[n - 1].shape.length === 1;
  const list = tensors.map((t, i) =>
    t.shape.length !== 1 ? t : i === 0 ? t.unsqueeze(0) : t.unsqueeze(-1),
  ) as Tensor[];
  list.forEach((t, i) => {
    if (t.shape.length !== 2)
      throw new TorchError(`multi_dot(): tensor ${i} must be 2D but got ${t.shape.length}D`);
  });
  const sizes = [list[0].shape[0], ...list.map((t) => t.shape[1])];
  const cost = list.map(() => new Array<number>(n).fill(0));
  const cut = list.map(() => new Array<number>(n).fill(0));
  for (let length = 1; length < n; length++)
    for (let i = 0; i + length < n; i++) {
      const j = i + length;
      cost[i][j] = Infinity;
      for (let k = i; k < j; k++) {
        const c = cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1];
        if (c < cost[i][j]) [cost[i][j], cut[i][j]] = [c, k];
      }
    }
  const product = (i: number, j: number): Tensor =>
    i === j ? list[i] : product(i, cut[i][j]).mm(product(cut[i][j] + 1, j));
  let out = product(0, n - 1);
  if (last) out = out.squeeze(-1);
  return first ? out.squeeze(0) : out;
}

function trapezoid(y: Tensor, x: Tensor | null, dx: Scalar, dim: number, cumulative: boolean): Tensor {
  const d = wrapDim(dim, y.shape.length);
  const n = y.shape[d];
  if (n === 0) return cumulative ? y.clone() : y.new_zeros(y.shape.filter((_, k) => k !== d));
  const heights = y.narrow(d, 1, n - 1).add(y.narrow(d, 0, n - 1)) as Tensor;
  if (x === null) {
    const half = py_float(Number(scalarValue(dx)) / 2);
    return (cumulative ? heights.cumsum(d) : heights.sum([d])).mul(half);
  }
  let points = x;
  if (x.shape.length === 1) {
    if (x.shape[0] !== n)
      throw new TorchError('trapezoid: There must be one `x` value for each sample point');
    points = x.reshape(y.shape.map((_, k) => (k === d ? n : 1)));
  }
  const at = points.shape.length - y.shape.length + d;
  const m = points.shape[at];
  const areas = heights.mul(points.narrow(at, 1, m - 1).sub(points.narrow(at, 0, m - 1))).div(2) as Tensor;
  return cumulative ? areas.cumsum(d) : areas.sum([d]);
}

function covariance(
  self: Tensor,
  correction: number,
  fweights: Tensor | null,
  aweights: Tensor | null,
): Tensor {
  if (self.shape.length > 2)
    throw new TorchError(
      `cov(): expected input to have two or fewer dimensions but got an input with ${self.shape.length} dimensions`,
    );
  if (self.dtype === 'bool') throw new TorchError('cov(): bool dtype is not supported for input');
  const rows = (self.shape.length < 2 ? self.reshape([1, -1]) : self) as Tensor;
  const x = isFloat(rows.dtype) ? rows : (rows.to(get_default_dtype()) as Tensor);
  const n = x.shape[1];
  const weights = fweights !== null && aweights !== null ? fweights.mul(aweights) : (fweights ?? aweights);
  const total: Tensor = weights === null ? x.new_full([], n, { dtype: 'int64' }) : (weights as Tensor).sum();
  const mean = weights === null ? x.mean([1], true) : x.mul(weights).sum([1], true).div(total);
  const centred = x.sub(mean) as Tensor;
  let divisor: Tensor = total;
  if (weights !== null && correction !== 0 && aweights !== null)
    divisor = total.sub((weights as Tensor).mul(aweights).sum().div(total).mul(correction));
  else divisor = total.sub(correction);
  const product = centred.mm((weights === null ? centred : centred.mul(weights)).t());
  return product.div(divisor.clamp_min(0)).squeeze();
}

function correlations(self: Tensor): Tensor {
  if (self.shape.length > 2)
    throw new TorchError(
      `corrcoef(): expected input to have two or fewer dimensions but got an input with ${self.shape.length} dimensions`,
    );
  const c = self.cov() as Tensor;
  if (c.shape.length === 0) return c.div(c);
  const deviation = c.diag().sqrt() as Tensor;
  return c.div(deviation.unsqueeze(1)).div(deviation.unsqueeze(0)).clip(-1, 1);
}

function combinations(self: Tensor, r: number, repeats: boolean): Tensor {
  if (self.shape.length !== 1)
    throw new TorchError(`Expect a 1D vector, but got shape [${self.shape.join(', ')}]`);
  if (r < 0) throw new TorchError(`Expect a non-negative number, but got ${r}`);
  if (r === 0) return self.new_empty([0]);
  const n = self.shape[0];
  const rows: number[][] = [];
  const grow = (from: number, row: number[]): void => {
    if (row.length === r) {
      rows.push(row);
      return;
    }
    for (let i = from; i < n; i++) grow(repeats ? i : i + 1, [...row, i]);
  };
  grow(0, []);
  const index = self.new_empty([rows.length * r], { dtype: 'int64' }) as Tensor;
  if (rows.length > 0 && self.backend.name !== 'meta')
    self.backend.write(index.memory, 0, BigInt64Array.from(rows.flat(), BigInt));
  return self.index_select(0, index).reshape([rows.length, r]);
}

/** Powers of x in columns, ascending. */
function vander(x: Tensor, n: number): Tensor {
  if (n === 0) return x.new_empty([...x.shape, 0]);
  const ones = x.new_ones([...x.shape, 1]);
  if (n === 1) return ones;
  return catOf(
    [
      ones,
      x
        .unsqueeze(-1)
        .expand([...x.shape, n - 1])
        .cumprod(-1),
    ],
    -1,
  );
}

/** The norm of every slice along `dim`, as PyTorch's weight normalisation takes it. */
function normExcept(v: Tensor, dim: number): Tensor {
  if (dim === -1) return v.norm();
  const d = wrapDim(dim, v.shape.length);
  const others = range(v.shape.length).filter((k) => k !== d);
  return v.norm(2, others, true);
}

export const linearAlgebra = [
  op('einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor', {
    define: ({ equation, tensors, path }) => einsum(equation, tensors, path),
  }),
  op('tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor', {
    define: ({ self, other, dims_self, dims_other }) => tensordot(self, other, dims_self, dims_other),
  }),
  op(
    '_trilinear(Tensor i1, Tensor i2, Tensor i3, int[] expand1, int[] expand2, int[] expand3, int[] sumdim, int unroll_dim=1) -> Tensor',
    {
      define: ({ i1, i2, i3, expand1, expand2, expand3, sumdim }) => {
        const rank = i1.shape.length + expand1.length;
        const widen = (t: Tensor, dims: Shape): Tensor =>
          [...dims].sort((a, b) => a - b).reduce((x: Tensor, d) => x.unsqueeze(d), t);
        const product = widen(i1, expand1).mul(widen(i2, expand2)).mul(widen(i3, expand3)) as Tensor;
        return sumdim.length === 0
          ? product
          : product.sum(wrapDims(sumdim, rank), false, { dtype: product.dtype });
      },
    },
  ),
  op('bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor', {
    define: ({ input1, input2, weight, bias }) => {
      if (input1.shape.length !== input2.shape.length)
        throw new TorchError(
          `bilinear(): input dimensions do not match: got ${input1.shape.length} and ${input2.shape.length}`,
        );
      if (input1.shape[input1.shape.length - 1] !== weight.shape[1])
        throw new TorchError(
          `bilinear(): input1 size does not match weight size: got ${input1.shape[input1.shape.length - 1]} but expected ${weight.shape[1]}`,
        );
      if (input2.shape[input2.shape.length - 1] !== weight.shape[2])
        throw new TorchError(
          `bilinear(): input2 size does not match weight size: got ${input2.shape[input2.shape.length - 1]} but expected ${weight.shape[2]}`,
        );
      const out = einsum('...i,oij,...j->...o', [input1, weight, input2], null);
      return bias === null ? out : out.add(bias);
    },
  }),
  op('kron(Tensor self, Tensor other) -> Tensor', { define: ({ self, other }) => kron(self, other) }),
  op('cross(Tensor self, Tensor other, int? dim=None) -> Tensor', {
    define: ({ self, other, dim }) => self.linalg_cross(other, { dim: crossDim(self, dim) }),
  }),
  op('linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor', {
    define: ({ self, other, dim }) => cross('linalg.cross', self, other, dim),
  }),
  op('linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor', {
    define: ({ x, y, dim }) => x.mul(y).sum([dim]),
  }),
  op('linalg_matmul(Tensor self, Tensor other) -> Tensor', {
    define: ({ self, other }) => self.matmul(other),
  }),
  op('linalg_matrix_power(Tensor self, int n) -> Tensor', { define: ({ self, n }) => matrixPower(self, n) }),
  op('matrix_power(Tensor self, int n) -> Tensor', { define: ({ self, n }) => matrixPower(self, n) }),
  op('linalg_multi_dot(Tensor[] tensors) -> Tensor', { define: ({ tensors }) => multiDot(tensors) }),
  op(
    'linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor',
    {
      define: ({ self, ord, dim, keepdim, dtype }) => matrixNorm(self, ord, dim, keepdim, dtype),
    },
  ),
  op(
    'linalg_matrix_norm.str_ord(Tensor self, str ord="fro", int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor',
    {
      define: ({ self, ord, dim, keepdim, dtype }) => matrixNorm(self, ord, dim, keepdim, dtype),
    },
  ),
  op(
    'linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor',
    {
      define: ({ self, ord, dim, keepdim, dtype }) => norm(self, ord, dim, keepdim, dtype),
    },
  ),
  op(
    'linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor',
    {
      define: ({ self, ord, dim, keepdim, dtype }) => {
        if (dim === null && self.shape.length !== 2)
          throw new TorchError(
            `linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got ${self.shape.length}D.`,
          );
        return matrixNorm(self, ord, dim ?? [0, 1], keepdim, dtype);
      },
    },
  ),
  op('frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor', {
    define: ({ self, dim, keepdim }) => self.linalg_vector_norm(2, dim.length === 0 ? null : dim, keepdim),
  }),
  op('linalg_diagonal(Tensor(a) A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor(a)', {
    define: ({ A, offset, dim1, dim2 }) => A.diagonal(offset, dim1, dim2),
  }),
  op('linalg_vander(Tensor x, *, SymInt? N=None) -> Tensor', {
    define: ({ x, N }) => {
      const n = N ?? x.shape[x.shape.length - 1] ?? 1;
      if (n <= 1) throw new TorchError('N must be greater than 1.');
      const points = (x.shape.length === 0 ? x.unsqueeze(0) : x) as Tensor;
      return vander(isFloat(x.dtype) ? points : points.to('int64'), n);
    },
  }),
  op('vander(Tensor x, int? N=None, bool increasing=False) -> Tensor', {
    define: ({ x, N, increasing }) => {
      if (x.shape.length !== 1) throw new TorchError('x must be a one-dimensional tensor.');
      const n = N ?? x.shape[0];
      if (n < 0) throw new TorchError('N must be non-negative.');
      const out = vander(isFloat(x.dtype) ? x : x.to('int64'), n);
      return increasing ? out : out.flip([1]);
    },
  }),
  op('diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor', {
    define: ({ self, n, dim, prepend, append }) => diff(self, n, dim, prepend, append),
  }),
  op('trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor', {
    define: ({ y, x, dim }) => trapezoid(y, x, 1, dim, false),
  }),
  op('trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor', {
    define: ({ y, dx, dim }) => trapezoid(y, null, dx, dim, false),
  }),
  op('trapz.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor', {
    define: ({ y, x, dim }) => trapezoid(y, x, 1, dim, false),
  }),
  op('trapz.dx(Tensor y, *, float dx=1., int dim=-1) -> Tensor', {
    define: ({ y, dx, dim }) => trapezoid(y, null, dx, dim, false),
  }),
  op('cumulative_trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor', {
    define: ({ y, x, dim }) => trapezoid(y, x, 1, dim, true),
  }),
  op('cumulative_trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor', {
    define: ({ y, dx, dim }) => trapezoid(y, null, dx, dim, true),
  }),
  op('cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor', {
    define: ({ self, correction, fweights, aweights }) => covariance(self, correction, fweights, aweights),
  }),
  op('corrcoef(Tensor self) -> Tensor', { define: ({ self }) => correlations(self) }),
  op('combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor', {
    define: ({ self, r, with_replacement }) => combinations(self, r, with_replacement),
  }),
  op('_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor', {
    define: ({ v, g, dim }) => {
      // PyTorch's fused kernel serves the first and the last dim; the second derivatives of the two ways differ.
      if (dim === 0 || dim === v.shape.length - 1)
        return (callOperator(findOperator('aten::_weight_norm_interface')!, [v, g, dim]) as Tensor[])[0];
      return v.mul(g.div(normExcept(v, dim)));
    },
  }),
  op('_weight_norm_interface(Tensor v, Tensor g, int dim=0) -> (Tensor, Tensor)', {
    define: ({ v, g, dim }) => {
      const wide = v.dtype === 'bfloat16' ? (v.to('float32') as Tensor) : v;
      const norms = normExcept(wide, dim);
      return [v.mul(g.div(norms)).to(v.dtype), norms];
    },
    grad: ({ grad, v, g, dim, results }) => {
      const norms = results[1].detach() as Tensor;
      const others = range(v.shape.length).filter((k) => k !== wrapDim(dim, v.shape.length));
      const sums = grad.mul(v).sum(others, true) as Tensor;
      return {
        v: g.div(norms).mul(grad.sub(v.mul(sums.div(norms.mul(norms))))),
        g: sums.div(norms),
      };
    },
  }),
].flat();
