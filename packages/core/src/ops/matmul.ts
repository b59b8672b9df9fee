/** Matrix products. */

import { is_grad_enabled } from '../autograd/mode.ts';
import { applyElementwise } from '../autograd/pointwise.ts';
import type { View } from '../backend/backend.ts';
import { findOperator, op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { computeType, type Expr } from '../expr/expr.ts';
import { Compiled } from '../kernel/compile.ts';
import { Elementwise, expandTo, typeName } from '../kernel/elementwise.ts';
import { broadcastsTo, type Epilogue, finishOf } from '../kernel/epilogue.ts';
import { oneBackend, refuseUnrecorded } from '../kernel/guard.ts';
import { alias, empty } from '../tensor/create.ts';
import { type DType, isIntegral } from '../tensor/dtype.ts';
import {
  broadcastShapes,
  isContiguous,
  type Layout,
  numelOf,
  type Shape,
  sameShape,
} from '../tensor/layout.ts';
import { resultType, type Scalar, scalarValue } from '../tensor/promotion.ts';
import { materialise } from '../tensor/storage.ts';
import type { Tensor } from '../tensor/tensor.ts';

const asBatch = (t: Tensor): View =>
  t.shape.length === 3
    ? t
    : {
        memory: materialise(t.storage),
        dtype: t.dtype,
        shape: [1, t.shape[0], t.shape[1]],
        strides: [0, t.strides[0], t.strides[1]],
        offset: t.offset,
      };

const matmuls = new Map<DType | Expr, Compiled>();

/** The kernel for these dtypes, by what finishes it. */
function matmulOf(dtype: DType, finish: Expr | undefined): Compiled {
  const key = finish ?? dtype;
  let known = matmuls.get(key);
  if (!known) {
    const kernel = {
      kind: 'matmul',
      dtype,
      accumulate: computeType(dtype),
      ...(finish && { finish }),
    } as const;
    matmuls.set(key, (known = new Compiled(kernel)));
  }
  return known;
}

const overAll = (t: Tensor, shape: Shape): View => {
  const { memory, dtype, strides, offset } = expandTo(t, shape);
  return shape.length === 3
    ? { memory, dtype, shape, strides, offset }
    : { memory, dtype, shape: [1, ...shape], strides: [0, ...strides], offset };
};

/**
 * The matmul kernel on matrices (or batches of them), into a fresh contiguous tensor; a bias and an epilogue's operands
 * broadcast to it.
 */
function product(
  name: string,
  a: Tensor,
  b: Tensor,
  bias: Tensor | null = null,
  epilogue?: Epilogue,
): Tensor {
  if (a.dtype !== b.dtype)
    throw new TorchError(`expected m1 and m2 to have the same dtype, but got: ${spell(a)} != ${spell(b)}`);
  const operands = [a, b];
  refuseUnrecorded(name, operands);
  const backend = oneBackend(name, operands);
  const shape = a.shape.length === 2 ? [a.shape[0], b.shape[1]] : [a.shape[0], a.shape[1], b.shape[2]];
  const out = empty(shape, a.dtype, backend);
  if (a.dtype === 'bool') throw new TorchError(`"${name}" not implemented for 'Bool'`);
  const inputs = [asBatch(a), asBatch(b)];
  if (bias) inputs.push(overAll(bias, shape));
  if (epilogue) for (const o of epilogue.operands) inputs.push(overAll(o, shape));
  const finish = finishOf(a.dtype, bias?.dtype, epilogue);
  matmulOf(a.dtype, finish).on(backend)([asBatch(out)], inputs);
  return out;
}

const spellings: Record<string, string> = {
  Float: 'float',
  Double: 'double',
  Half: 'c10::Half',
  BFloat16: 'c10::BFloat16',
  Long: 'long int',
  Int: 'int',
};
const spell = (t: Tensor): string => spellings[typeName(t.dtype)] ?? typeName(t.dtype);

function mm(a: Tensor, b: Tensor, bias: Tensor | null = null, epilogue?: Epilogue): Tensor {
  if (a.shape.length !== 2) throw new TorchError('self must be a matrix');
  if (b.shape.length !== 2) throw new TorchError('mat2 must be a matrix');
  if (a.shape[1] !== b.shape[0])
    throw new TorchError(
      `mat1 and mat2 shapes cannot be multiplied (${a.shape.join('x')} and ${b.shape.join('x')})`,
    );
  return product('mm', a, b, bias, epilogue);
}

function bmm(a: Tensor, b: Tensor): Tensor {
  if (a.shape.length !== 3 || b.shape.length !== 3) throw new TorchError('batch1 must be a 3D tensor');
  if (a.shape[0] !== b.shape[0] || a.shape[2] !== b.shape[1])
    throw new TorchError(
      `Expected size for first two dimensions of batch2 tensor to be: [${a.shape[0]}, ${a.shape[2]}] but got: [${b.shape[0]}, ${b.shape[1]}].`,
    );
  return product('bmm', a, b);
}

const isScalarOne = (s: Scalar): boolean => Number(scalarValue(s)) === 1;
/** Integer matrices take integer factors: what is after the point is lost. */
const factor = (x: Tensor, s: Scalar): Scalar =>
  isIntegral(x.dtype) ? Math.trunc(Number(scalarValue(s))) : s;
const times = (x: Tensor, s: Scalar): Tensor => {
  const f = factor(x, s);
  return isScalarOne(f) ? x : x.mul(f);
};

/** beta * self + alpha * product; self is not looked at where beta is 0. */
function blend(self: Tensor, value: Tensor, beta: Scalar, alpha: Scalar): Tensor {
  const scaled = times(value, alpha);
  if (Number(scalarValue(factor(self, beta))) === 0) {
    broadcastShapes(self.shape, scaled.shape);
    return scaled;
  }
  if (
    self.shape.length > value.shape.length ||
    self.shape.some((n, i) => n !== 1 && n !== value.shape[value.shape.length - self.shape.length + i])
  )
    throw new TorchError(
      `The expanded size of the tensor (${value.shape.join(', ')}) must match the existing size (${self.shape.join(', ')})`,
    );
  return scaled.add(times(self, beta));
}

/** What `addmm` adds in the kernel itself: floats of one dtype that broadcast to the product, neither of them scaled. */
const isPlainBias = (self: Tensor, a: Tensor, b: Tensor, beta: Scalar, alpha: Scalar): boolean =>
  isScalarOne(beta) &&
  isScalarOne(alpha) &&
  self.dtype === a.dtype &&
  a.shape.length === 2 &&
  b.shape.length === 2 &&
  broadcastsTo(self.shape, [a.shape[0], b.shape[1]]);

const transposed = ({ shape, strides, offset }: Tensor): Layout => ({
  shape: [shape[1], shape[0]],
  strides: [strides[1], strides[0]],
  offset,
});

/** Whether `linear` may run the kernel itself: nothing is recorded, and the backend has no `addmm` of its own. */
const isAlone = (input: Tensor, weight: Tensor, bias: Tensor): boolean =>
  !(is_grad_enabled() && (input.requires_grad || weight.requires_grad || bias.requires_grad)) &&
  bias.dtype === input.dtype &&
  bias.shape.length === 1 &&
  (bias.shape[0] === 1 || bias.shape[0] === weight.shape[0]) &&
  findOperator('aten::addmm')!.overrideOn(input.backend) === undefined;

/**
 * `input @ weight (+ bias)` and the epilogue, for an input of any rank: its rows are one tall matrix. Undefined where an
 * operand of the epilogue cannot be seen as that matrix.
 */
function rowsTimes(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  { expr, operands }: Epilogue,
): Tensor | undefined {
  const rank = input.shape.length;
  if (rank < 2 || weight.shape.length !== 2 || (bias && bias.shape.length !== 1)) return undefined;
  if (bias && bias.dtype !== input.dtype) return undefined;
  const full = [...input.shape.slice(0, -1), weight.shape[1]];
  const flat = [numelOf(full.slice(0, -1)), weight.shape[1]];
  const seen: Tensor[] = [];
  for (const o of operands) {
    if (o.shape.length <= 1 || rank === 2) {
      if (!broadcastsTo(o.shape, flat)) return undefined;
      seen.push(o);
    } else if (sameShape(o.shape, full) && isContiguous(o.shape, o.strides)) seen.push(o.view(flat));
    else return undefined;
  }
  const rows = rank === 2 ? input : input.reshape([flat[0], input.shape[rank - 1]]);
  const out = mm(rows, weight, bias, { expr, operands: seen });
  return rank === 2 ? out : out.view(full);
}

/** The operand as one that broadcasts to `[count, ...matrix]`, where its memory allows; `full` is what it broadcasts to. */
function overBatch(o: Tensor, full: Shape): Tensor | undefined {
  const rank = o.shape.length;
  if (!broadcastsTo(o.shape, full)) return undefined;
  if (rank <= 2) return o;
  if (o.shape.slice(0, -2).every((n) => n === 1)) return o.reshape(o.shape.slice(-2));
  if (!sameShape(o.shape, full) || !isContiguous(o.shape, o.strides)) return undefined;
  return o.view([-1, ...full.slice(-2)]);
}

/** The product of two batches of matrices and the epilogue. */
function batchesTimes(a: Tensor, b: Tensor, { expr, operands }: Epilogue): Tensor | undefined {
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const [rows, inner] = a.shape.slice(-2);
  const [, columns] = b.shape.slice(-2);
  const full = [...batch, rows, columns];
  const seen = operands.map((o) => overBatch(o, full));
  if (b.shape[b.shape.length - 2] !== inner || numelOf(full) === 0 || seen.includes(undefined))
    return undefined;
  const x = a.expand([...batch, rows, inner]).reshape([-1, rows, inner]);
  const y = b.expand([...batch, inner, columns]).reshape([-1, inner, columns]);
  return product('bmm', x, y, null, { expr, operands: seen as Tensor[] }).view(full);
}

function matmul(a: Tensor, b: Tensor): Tensor {
  const [m, n] = [a.shape.length, b.shape.length];
  if (m === 0 || n === 0)
    throw new TorchError(`both arguments to matmul need to be at least 1D, but they are ${m}D and ${n}D`);
  if (m === 1 && n === 1) return a.dot(b);
  if (m === 2 && n === 1) return a.mv(b);
  if (m === 1 && n === 2) return a.unsqueeze(0).mm(b).squeeze(0);
  if (m === 2 && n === 2) return a.mm(b);
  const left = m === 1 ? a.unsqueeze(0) : a;
  const right = n === 1 ? b.unsqueeze(1) : b;
  // A batch of rows against one matrix is one tall matrix.
  if (right.shape.length === 2) {
    const rows = left.reshape([numelOf(left.shape.slice(0, -1)), left.shape[left.shape.length - 1]]);
    const shape = [...left.shape.slice(0, -1), ...(n === 1 ? [] : [right.shape[1]])];
    return rows.mm(right).view(shape.length === 0 ? [1] : shape);
  }
  const batch = broadcastShapes(left.shape.slice(0, -2), right.shape.slice(0, -2));
  const [rows, inner] = left.shape.slice(-2);
  const [innerB, columns] = right.shape.slice(-2);
  if (inner !== innerB)
    throw new TorchError(
      `Expected size for first two dimensions of batch2 tensor to be: [${numelOf(batch)}, ${inner}] but got: [${numelOf(batch)}, ${innerB}].`,
    );
  const count = numelOf(batch);
  const x = left.expand([...batch, rows, inner]).reshape([count, rows, inner]);
  const y = right.expand([...batch, innerB, columns]).reshape([count, innerB, columns]);
  const shape = [...batch, ...(m === 1 ? [] : [rows]), ...(n === 1 ? [] : [columns])];
  return x.bmm(y).view(shape);
}

const rankOneUpdate = new Elementwise(
  (self, a, b, beta, alpha) => {
    const [f, g] = [beta.cast(self.dtype), alpha.cast(self.dtype)];
    return self.isBool ? self.and(f).or(a.and(b).and(g)) : self.mul(f).add(a.mul(b).mul(g));
  },
  { promotes: [0, 1, 2] },
);

export const products = [
  op('mm(Tensor self, Tensor mat2) -> Tensor', {
    followsLayouts: true,
    define: ({ self, mat2 }) => mm(self, mat2),
    finish: ({ self, mat2 }, epilogue) => rowsTimes(self, mat2, null, epilogue),
    grad: { self: ({ grad, mat2 }) => grad.mm(mat2.t()), mat2: ({ grad, self }) => self.t().mm(grad) },
  }),
  op('bmm(Tensor self, Tensor mat2) -> Tensor', {
    followsLayouts: true,
    define: ({ self, mat2 }) => bmm(self, mat2),
    grad: {
      self: ({ grad, mat2 }) => grad.bmm(mat2.transpose(1, 2)),
      mat2: ({ grad, self }) => self.transpose(1, 2).bmm(grad),
    },
  }),
  op('mv(Tensor self, Tensor vec) -> Tensor', {
    define: ({ self, vec }) => {
      if (self.shape.length !== 2 || vec.shape.length !== 1)
        throw new TorchError(
          `vector + matrix @ vector expected, got 1, ${self.shape.length}, ${vec.shape.length}`,
        );
      if (self.shape[1] !== vec.shape[0])
        throw new TorchError(
          `size mismatch, got input (${self.shape[0]}), mat (${self.shape.join('x')}), vec (${vec.shape[0]})`,
        );
      return product('mv', self, vec.unsqueeze(1)).squeeze(1);
    },
    grad: { self: ({ grad, vec }) => grad.unsqueeze(1).mul(vec), vec: ({ grad, self }) => self.t().mv(grad) },
  }),
  op('dot(Tensor self, Tensor tensor) -> Tensor', {
    define: ({ self, tensor }) => {
      if (self.shape.length !== 1 || tensor.shape.length !== 1)
        throw new TorchError(
          `1D tensors expected, but got ${self.shape.length}D and ${tensor.shape.length}D tensors`,
        );
      if (self.shape[0] !== tensor.shape[0])
        throw new TorchError(
          `inconsistent tensor size, expected tensor [${self.shape[0]}] and src [${tensor.shape[0]}] to have the same number of elements, but got ${self.shape[0]} and ${tensor.shape[0]} elements respectively`,
        );
      return product('dot', self.unsqueeze(0), tensor.unsqueeze(1)).view([]);
    },
    grad: { self: ({ grad, tensor }) => grad.mul(tensor), tensor: ({ grad, self }) => grad.mul(self) },
  }),
  op('vdot(Tensor self, Tensor other) -> Tensor', { define: ({ self, other }) => self.dot(other) }),
  op('inner(Tensor self, Tensor other) -> Tensor', {
    define: ({ self, other }) => {
      if (self.shape.length === 0 || other.shape.length === 0) return self.mul(other);
      const k = self.shape[self.shape.length - 1];
      const out = self.reshape([-1, k]).mm(other.reshape([-1, k]).t());
      return out.view([...self.shape.slice(0, -1), ...other.shape.slice(0, -1)]);
    },
  }),
  op('outer(Tensor self, Tensor vec2) -> Tensor', {
    define: ({ self, vec2 }) => {
      if (self.shape.length !== 1 || vec2.shape.length !== 1)
        throw new TorchError(
          `outer: Expected 1-D argument ${self.shape.length !== 1 ? 'self' : 'vec2'}, but got ${(self.shape.length !== 1 ? self : vec2).shape.length}-D`,
        );
      return self.unsqueeze(1).mul(vec2);
    },
  }),
  op('ger(Tensor self, Tensor vec2) -> Tensor', { define: ({ self, vec2 }) => self.outer(vec2) }),
  op('addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor', {
    followsLayouts: true,
    inplace: true,
    define: ({ self, mat1, mat2, beta, alpha }) =>
      isPlainBias(self, mat1, mat2, beta, alpha)
        ? mm(mat1, mat2, self)
        : blend(self, mm(mat1, mat2), beta, alpha),
    finish: ({ self, mat1, mat2, beta, alpha }, epilogue) =>
      isPlainBias(self, mat1, mat2, beta, alpha) &&
      epilogue.operands.every((o) => broadcastsTo(o.shape, [mat1.shape[0], mat2.shape[1]]))
        ? mm(mat1, mat2, self, epilogue)
        : undefined,
    grad: {
      self: ({ grad, beta }) => times(grad, beta),
      mat1: ({ grad, mat2, alpha }) => times(grad.mm(mat2.t()), alpha),
      mat2: ({ grad, mat1, alpha }) => times(mat1.t().mm(grad), alpha),
    },
  }),
  op('addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor', {
    define: ({ self, batch1, batch2, beta, alpha }) =>
      blend(self, batch1.bmm(batch2).sum([0], { dtype: batch1.dtype }), beta, alpha),
  }),
  op('baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor', {
    followsLayouts: true,
    inplace: true,
    define: ({ self, batch1, batch2, beta, alpha }) => blend(self, bmm(batch1, batch2), beta, alpha),
    grad: {
      self: ({ grad, beta }) => times(grad, beta),
      batch1: ({ grad, batch2, alpha }) => times(grad.bmm(batch2.transpose(1, 2)), alpha),
      batch2: ({ grad, batch1, alpha }) => times(batch1.transpose(1, 2).bmm(grad), alpha),
    },
  }),
  op('addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor', {
    inplace: true,
    define: ({ self, mat, vec, beta, alpha }) => blend(self, mat.mv(vec), beta, alpha),
    grad: {
      self: ({ grad, beta }) => times(grad, beta),
      mat: ({ grad, vec, alpha }) => times(grad.unsqueeze(1).mul(vec), alpha),
      vec: ({ grad, mat, alpha }) => times(mat.t().mv(grad), alpha),
    },
  }),
  op('addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor', {
    inplace: true,
    define: ({ self, vec1, vec2, beta, alpha }) => {
      if (vec1.shape.length !== 1 || vec2.shape.length !== 1)
        throw new TorchError(
          `addr: Expected 1-D argument vec${vec1.shape.length !== 1 ? 1 : 2}, but got ${(vec1.shape.length !== 1 ? vec1 : vec2).shape.length}-D`,
        );
      if (Number(scalarValue(beta)) === 0)
        return vec1
          .outer(vec2)
          .mul(alpha)
          .to(resultType([self, vec1, vec2]));
      return applyElementwise('AddrBackward0', rankOneUpdate, [self, vec1.unsqueeze(1), vec2], [beta, alpha]);
    },
  }),
  op('matmul(Tensor self, Tensor other) -> Tensor', {
    followsLayouts: true,
    define: ({ self, other }) => matmul(self, other),
    finish: ({ self, other }, epilogue) =>
      self.shape.length > 2 && other.shape.length > 2
        ? batchesTimes(self, other, epilogue)
        : rowsTimes(self, other, null, epilogue),
  }),
  op('linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor', {
    followsLayouts: true,
    define: ({ input, weight, bias }) => {
      const rank = input.shape.length;
      if (rank === 2 && bias !== null && weight.shape.length === 2)
        return isAlone(input, weight, bias)
          ? mm(input, alias(weight, transposed(weight)), bias)
          : bias.addmm(input, weight.t());
      // As in PyTorch: a batch of contiguous rows is one tall matrix, and the bias is added where it is multiplied.
      if (
        rank > 2 &&
        bias?.shape.length === 1 &&
        weight.shape.length === 2 &&
        isContiguous(input.shape, input.strides)
      ) {
        const rows = input.view([numelOf(input.shape.slice(0, -1)), input.shape[rank - 1]]);
        return bias.addmm(rows, weight.t()).view([...input.shape.slice(0, -1), weight.shape[0]]);
      }
      const out = input.matmul(weight.shape.length === 2 ? weight.t() : weight);
      return bias === null ? out : out.add(bias);
    },
    finish: ({ input, weight, bias }, epilogue) =>
      weight.shape.length === 2 ? rowsTimes(input, weight.t(), bias, epilogue) : undefined,
  }),
  op('chain_matmul(Tensor[] matrices) -> Tensor', {
    define: ({ matrices }) => matrices.reduce((a, b) => a.mm(b)),
  }),
].flat();
