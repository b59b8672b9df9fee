/** Systems of linear equations, by elimination: inverses, solutions and determinants. */
import { callOperator } from '../dispatch/call.ts';
import { findOperator, op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { refuseUnrecorded } from '../kernel/guard.ts';
import { isFloat } from '../tensor/dtype.ts';
import { canReadNow, readRawNow } from '../tensor/host.ts';
import { broadcastShapes, numelOf } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { catOf } from './join.ts';

function checkSquare(name: string, A: Tensor): void {
  const rank = A.shape.length;
  if (rank < 2) throw new TorchError(`${name}: The input tensor A must have at least 2 dimensions.`);
  const [rows, columns] = A.shape.slice(-2);
  if (rows !== columns)
    throw new TorchError(
      `${name}: A must be batches of square matrices, but they are ${rows} by ${columns} matrices`,
    );
  if (!isFloat(A.dtype) || A.dtype === 'float16' || A.dtype === 'bfloat16')
    throw new TorchError(
      isFloat(A.dtype)
        ? `"${name}" not implemented for '${A.dtype}': convert with .to('float32')`
        : `${name}: Expected a floating point or complex tensor as input. Got ${A.dtype}`,
    );
}

interface Eliminated {
  /** What stands right of A when A has become the identity: the solution. */
  readonly solution: Tensor;
  /** Pivots in order, [batch, n], and the sign of the row swaps, [batch]. */
  readonly pivots: Tensor;
  readonly sign: Tensor;
}

/** Gauss and Jordan with the largest pivot of each column; A is [batch, n, n], B [batch, n, k]. */
function eliminate(A: Tensor, B: Tensor): Eliminated {
  const [batch, n] = A.shape;
  let rows = catOf([A, B], 2);
  const order = A.new_ones([n], { dtype: 'int64' }).cumsum(0).sub(1) as Tensor;
  let sign = A.new_ones([batch]) as Tensor;
  const pivots: Tensor[] = [];
  for (let k = 0; k < n; k++) {
    const best = rows
      .narrow(1, k, n - k)
      .select(2, k)
      .abs()
      .argmax(1, true)
      .add(k) as Tensor;
    // Rows k and `best` change places.
    const isK = order.eq(k).unsqueeze(0) as Tensor;
    const from = best.where(isK, order.masked_fill(order.eq(best), k)) as Tensor;
    rows = rows.gather(1, from.unsqueeze(2).expand(rows.shape));
    sign = sign.mul(best.squeeze(1).ne(k).to(A.dtype).mul(-2).add(1));
    const pivot = rows.select(1, k).select(1, k) as Tensor;
    pivots.push(pivot);
    const row = rows.select(1, k).div(pivot.unsqueeze(1)) as Tensor;
    // Row k itself becomes `row`: it loses pivot - 1 times it.
    const factors = rows.select(2, k).sub(isK.to(A.dtype)) as Tensor;
    rows = rows.sub(factors.unsqueeze(2).mul(row.unsqueeze(1)));
  }
  const all = callOperator(findOperator('aten::stack')!, [
    pivots.length > 0 ? pivots : [A.new_ones([batch])],
    1,
  ]) as Tensor;
  return { solution: rows.narrow(2, n, B.shape[2]).contiguous(), pivots: all, sign };
}

/** PyTorch's error for a singular matrix, where the host can see the pivots; elsewhere the result is inf or NaN. */
function refuseSingular(pivots: Tensor, isBatched: boolean, say: (where: string, k: number) => string): void {
  if (!canReadNow(pivots)) return;
  const values = readRawNow(pivots.eq(0).logical_or(pivots.isnan())) as Uint8Array;
  const first = values.indexOf(1);
  if (first < 0) return;
  const n = pivots.shape[1];
  throw new LinAlgError(say(isBatched ? `(Batch element ${Math.floor(first / n)}): ` : '', (first % n) + 1));
}

class LinAlgError extends TorchError {
  override name = 'LinAlgError';
}

function inverse(name: string, A: Tensor): Tensor {
  checkSquare(name, A);
  refuseUnrecorded(name, [A]);
  if (numelOf(A.shape) === 0) return A.new_empty(A.shape);
  const n = A.shape[A.shape.length - 1];
  const flat = A.reshape([-1, n, n]) as Tensor;
  const identity = A.new_ones([n]).diag().expand(flat.shape) as Tensor;
  const { solution, pivots } = eliminate(flat, identity);
  refuseSingular(
    pivots,
    A.shape.length > 2,
    (where, k) =>
      `${name}: ${where}The diagonal element ${k} is zero, the inversion could not be completed because the input matrix is singular.`,
  );
  return solution.view(A.shape);
}

/** Whether B is (a batch of) vectors rather than matrices. */
const isVector = (A: Tensor, B: Tensor): boolean =>
  B.shape.length === 1 ||
  (A.shape.length - 1 === B.shape.length && B.shape.every((n, d) => n === A.shape[d]));

function solve(A: Tensor, B: Tensor): Tensor {
  checkSquare('linalg.solve', A);
  refuseUnrecorded('linalg.solve', [A, B]);
  if (A.dtype !== B.dtype)
    throw new TorchError(
      `linalg.solve: Expected A and B to have the same dtype, but found A of type ${A.dtype} and B of type ${B.dtype} instead`,
    );
  const vector = isVector(A, B);
  const right = (vector ? B.unsqueeze(-1) : B) as Tensor;
  const n = A.shape[A.shape.length - 1];
  const columns = right.shape[right.shape.length - 1];
  if (right.shape[right.shape.length - 2] !== n)
    throw new TorchError(
      `linalg.solve: Incompatible shapes of A and B for the equation AX = B (${A.shape.slice(-2).join('x')} and ${right.shape.slice(-2).join('x')})`,
    );
  const batch = broadcastShapes(A.shape.slice(0, -2), right.shape.slice(0, -2));
  const shape = [...batch, n, columns];
  if (numelOf(shape) === 0) return A.new_empty(vector ? shape.slice(0, -1) : shape);
  const { solution, pivots } = eliminate(
    A.expand([...batch, n, n]).reshape([-1, n, n]),
    right.expand(shape).reshape([-1, n, columns]),
  );
  refuseSingular(
    pivots,
    batch.length > 0,
    (where) => `torch.linalg.solve: ${where}The solver failed because the input matrix is singular.`,
  );
  const out = solution.view(shape) as Tensor;
  return vector ? out.squeeze(-1) : out;
}

/** The sign and the logarithm of the determinant's size. */
function logDeterminant(A: Tensor): [Tensor, Tensor] {
  checkSquare('linalg.slogdet', A);
  refuseUnrecorded('linalg.slogdet', [A]);
  const lead = A.shape.slice(0, -2);
  const n = A.shape[A.shape.length - 1];
  if (numelOf(A.shape) === 0) return [A.new_ones(lead), A.new_zeros(lead)];
  const flat = A.reshape([-1, n, n]) as Tensor;
  const { pivots, sign } = eliminate(flat, flat.narrow(2, 0, 0));
  // Past a zero pivot there is only NaN; the determinant is 0.
  const isSingular = pivots.eq(0).logical_or(pivots.isnan()).any(1) as Tensor;
  return [
    pivots.sign().prod(1).mul(sign).masked_fill(isSingular, 0).view(lead),
    pivots.abs().log().sum([1]).masked_fill(isSingular, -Infinity).view(lead),
  ];
}

function determinant(A: Tensor): Tensor {
  checkSquare('linalg.det', A);
  refuseUnrecorded('linalg.det', [A]);
  const lead = A.shape.slice(0, -2);
  const n = A.shape[A.shape.length - 1];
  if (numelOf(A.shape) === 0) return A.new_ones(lead);
  const flat = A.reshape([-1, n, n]) as Tensor;
  const { pivots, sign } = eliminate(flat, flat.narrow(2, 0, 0));
  const isSingular = pivots.eq(0).logical_or(pivots.isnan()).any(1) as Tensor;
  return pivots.prod(1).mul(sign).masked_fill(isSingular, 0).view(lead);
}

const transposed = (t: Tensor): Tensor => t.transpose(-2, -1);
const call = (name: string, ...args: unknown[]): Tensor =>
  callOperator(findOperator(`aten::${name}`)!, args) as Tensor;
const inverseOf = (A: Tensor): Tensor => call('linalg_inv', A);
/** One number for each matrix, beside the matrices. */
const perMatrix = (t: Tensor): Tensor => t.unsqueeze(-1).unsqueeze(-1);

export const solvers = [
  op('linalg_inv(Tensor A) -> Tensor', {
    define: ({ A }) => inverse('linalg.inv', A),
    grad: { A: ({ grad, result }) => transposed(result).matmul(grad).matmul(transposed(result)).neg() },
    gradName: 'LinalgInvExBackward0',
  }),
  op('inverse(Tensor self) -> Tensor', { define: ({ self }) => inverseOf(self) }),
  op('linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor', {
    define: ({ A, B, left }) => (left ? solve(A, B) : transposed(solve(transposed(A), transposed(B)))),
    grad: ({ grad, A, B, left, result }) => {
      if (!left) {
        const gB = transposed(call('linalg_solve', A, transposed(grad), true));
        return { A: transposed(result).matmul(gB).neg(), B: gB };
      }
      const gB = call('linalg_solve', transposed(A), grad, true);
      const gA = isVector(A, B)
        ? gB.unsqueeze(-1).mul(result.unsqueeze(-2)).neg()
        : gB.matmul(transposed(result)).neg();
      return { A: gA, B: gB };
    },
    gradName: 'LinalgSolveExBackward0',
  }),
  op('linalg_det(Tensor A) -> Tensor', {
    define: ({ A }) => determinant(A),
    grad: { A: ({ grad, A, result }) => perMatrix(grad.mul(result)).mul(transposed(inverseOf(A))) },
  }),
  op('det(Tensor self) -> Tensor', { define: ({ self }) => call('linalg_det', self) }),
  op('linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)', {
    define: ({ A }) => logDeterminant(A),
    grad: {
      A: ({ grads, A }) => (grads[1] === null ? null : perMatrix(grads[1]).mul(transposed(inverseOf(A)))),
    },
  }),
  op('slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)', {
    define: ({ self }) => call('linalg_slogdet', self),
  }),
  op('logdet(Tensor self) -> Tensor', {
    define: ({ self }) => {
      const [sign, size] = call('linalg_slogdet', self) as unknown as Tensor[];
      return size.add(sign.detach().log());
    },
  }),
].flat();
