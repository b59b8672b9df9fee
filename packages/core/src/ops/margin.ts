/** Losses over whole rows of scores: margins to the right classes, and alignments of sequences (CTC). */
import { callOperator } from '../dispatch/call.ts';
import { findOperator, op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { canReadNow, readRaw, readRawNow } from '../tensor/host.ts';
import { type Scalar, scalarValue } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { recorded } from './backward.ts';

const reduced = (loss: Tensor, reduction: number): Tensor =>
  reduction === 0 ? loss : reduction === 1 ? loss.mean() : loss.sum();

interface Rows {
  readonly x: Tensor;
  readonly isBatched: boolean;
}

function rowsOf(name: string, self: Tensor): Rows {
  if (self.shape.length > 2)
    throw new TorchError(
      `${name}: Expected non-empty vector or matrix with optional 0-dim batch size, but got: [${self.shape.join(', ')}]`,
    );
  const isBatched = self.shape.length === 2;
  return { x: isBatched ? self : self.reshape([1, -1]), isBatched };
}

function multiMargin(
  self: Tensor,
  target: Tensor,
  p: Scalar,
  margin: Scalar,
  weight: Tensor | null,
  reduction: number,
): Tensor {
  const power = Number(scalarValue(p));
  if (power !== 1 && power !== 2) throw new TorchError('only p == 1 and p == 2 supported');
  const { x, isBatched } = rowsOf('multi_margin_loss', self);
  const [n, classes] = x.shape;
  const at = target.reshape([-1]) as Tensor;
  if (at.shape[0] !== n)
    throw new TorchError(`inconsistent target size, expected ${n} but got [${target.shape.join(', ')}]`);
  const own = x.gather(1, at.unsqueeze(1)) as Tensor;
  let z = x.sub(own).add(margin).clamp_min(0) as Tensor;
  if (power === 2) z = z.mul(z);
  if (weight !== null) z = z.mul(weight.index_select(0, at).unsqueeze(1));
  const loss = z.scatter(1, at.unsqueeze(1), 0).sum([1]).div(classes) as Tensor;
  return reduced(reduction === 0 && !isBatched ? loss.reshape([]) : loss, reduction);
}

/** Which classes are targets: those listed before the first negative number. */
function listed(target: Tensor): { valid: Tensor; at: Tensor } {
  return { valid: target.lt(0).to('int64').cumsum(-1).eq(0), at: target.clamp_min(0) };
}

function multilabel(self: Tensor, target: Tensor, reduction: number): Tensor[] {
  const { x, isBatched } = rowsOf('multilabel_margin_loss', self);
  if (self.shape.join() !== target.shape.join())
    throw new TorchError(
      `inconsistent target size: [${target.shape.join(', ')}] for input of size: [${self.shape.join(', ')}]`,
    );
  const { valid, at } = listed(target.reshape(x.shape));
  const isTarget = x
    .detach()
    .new_zeros(x.shape)
    .scatter_add(1, at, valid.to(x.dtype))
    .gt(0)
    .to(x.dtype) as Tensor;
  const scores = x.gather(1, at) as Tensor;
  const gaps = x.unsqueeze(1).sub(scores.unsqueeze(2)).add(1).clamp_min(0) as Tensor;
  const counted = valid.to(x.dtype).unsqueeze(2).mul(isTarget.rsub(1).unsqueeze(1));
  const loss = gaps.mul(counted).sum([1, 2]).div(x.shape[1]) as Tensor;
  return [
    reduced(reduction === 0 && !isBatched ? loss.reshape([]) : loss, reduction),
    isTarget.reshape(target.shape),
  ];
}

/** Stands for log 0 where a real -inf would make NaN of a difference. */
const LOWEST = -1e30;

const logAdd = (a: Tensor, b: Tensor): Tensor =>
  callOperator(findOperator('aten::logaddexp')!, [a, b]) as Tensor;

interface Alignment {
  readonly log_probs: Tensor;
  readonly targets: Tensor;
  readonly input_lengths: readonly number[];
  readonly target_lengths: readonly number[];
  readonly blank: number;
}

/** Negative log-likelihood of each sequence: the forward algorithm over targets with blanks between, for the batch at once. */
function alignments(
  { log_probs, targets, input_lengths, target_lengths, blank }: Alignment,
  labels: readonly number[],
): Tensor {
  const [steps, batch, classes] = log_probs.shape;
  if (blank < 0 || blank >= classes) throw new TorchError('blank must be in label range');
  if (input_lengths.length !== batch) throw new TorchError('input_lengths must be of size batch_size');
  if (target_lengths.length !== batch) throw new TorchError('target_lengths must be of size batch_size');
  input_lengths.forEach((n, b) => {
    if (n < 0 || n > steps)
      throw new TorchError(
        `Expected input_lengths to have value at most ${steps}, but got value ${n} (while checking arguments for ctc_loss_cpu)`,
      );
    if (target_lengths[b] < 0) throw new TorchError('Expected target_lengths to have value at least 0');
  });
  const longest = Math.max(0, ...target_lengths);
  const width = 2 * longest + 1;
  const states = new BigInt64Array(batch * width).fill(BigInt(blank));
  const skips = new Uint8Array(batch * width);
  let start = 0;
  for (let b = 0; b < batch; b++) {
    const first = targets.shape.length === 2 ? b * targets.shape[1] : start;
    start += target_lengths[b];
    for (let k = 0; k < target_lengths[b]; k++) {
      states[b * width + 2 * k + 1] = BigInt(labels[first + k]);
      if (k > 0 && labels[first + k] !== labels[first + k - 1]) skips[b * width + 2 * k + 1] = 1;
    }
  }
  const { backend } = log_probs;
  const index = fromTypedArray(states, [batch, width], 'int64', backend);
  const canSkip = fromTypedArray(skips, [batch, width], 'bool', backend);
  const scores = log_probs
    .gather(2, index.unsqueeze(0).expand([steps, batch, width]))
    .clamp_min(LOWEST) as Tensor;
  const lengths = fromTypedArray(BigInt64Array.from(input_lengths, BigInt), [batch, 1], 'int64', backend);
  const place = canSkip.new_ones([width], { dtype: 'int64' }).cumsum(0).sub(1) as Tensor;
  const shifted = (a: Tensor, by: number): Tensor =>
    width <= by ? a.new_full(a.shape, LOWEST) : a.constant_pad_nd([by, -by], LOWEST);
  let alpha = log_probs.new_full([batch, width], LOWEST).masked_fill(place.eq(0), 0) as Tensor;
  for (let t = 0; t < steps; t++) {
    let next = alpha;
    if (t === 0) next = logAdd(alpha, shifted(alpha, 1));
    else {
      next = logAdd(alpha, shifted(alpha, 1));
      next = logAdd(next, shifted(alpha, 2).masked_fill(canSkip.logical_not(), LOWEST));
    }
    alpha = next.add(scores.select(0, t)).clamp_min(LOWEST).where(lengths.gt(t), alpha);
  }
  const ends = BigInt64Array.from(target_lengths, (n) => BigInt(2 * n));
  const last = fromTypedArray(ends, [batch, 1], 'int64', backend);
  const blankEnd = alpha.gather(1, last).squeeze(1) as Tensor;
  const labelEnd = alpha
    .gather(1, last.sub(1).clamp_min(0))
    .squeeze(1)
    .masked_fill(last.eq(0).squeeze(1), LOWEST) as Tensor;
  const total = logAdd(blankEnd, labelEnd);
  // PyTorch's gradient is that of the scores before log_softmax: it has exp(log_probs) besides. A zero with that slope.
  const times = place.new_ones([steps], { dtype: 'int64' }).cumsum(0).sub(1) as Tensor;
  const isUsed = lengths.squeeze(1).gt(times.unsqueeze(1)).unsqueeze(2).to(log_probs.dtype) as Tensor;
  const mass = log_probs.exp().mul(isUsed).sum([0, 2]) as Tensor;
  return total
    .neg()
    .masked_fill(total.le(LOWEST / 10), Infinity)
    .add(mass.sub(mass.detach()));
}

function ctc(a: Alignment & { reduction: number; zero_infinity: boolean }): Tensor | Promise<Tensor> {
  const isBatched = a.log_probs.shape.length === 3;
  const log_probs = (isBatched ? a.log_probs : a.log_probs.unsqueeze(1)) as Tensor;
  const run = (data: ArrayLike<number | bigint>): Tensor => {
    let loss = alignments({ ...a, log_probs }, Array.from(data, Number));
    if (a.zero_infinity) loss = loss.masked_fill(loss.eq(Infinity), 0);
    if (a.reduction === 1) {
      const lengths = BigInt64Array.from(a.target_lengths, (n) => BigInt(Math.max(n, 1)));
      return loss.div(fromTypedArray(lengths, [lengths.length], 'int64', loss.backend)).mean();
    }
    if (a.reduction === 2) return loss.sum();
    return isBatched ? loss : loss.squeeze(0);
  };
  return canReadNow(a.targets)
    ? run(readRawNow(a.targets) as ArrayLike<number | bigint>)
    : readRaw(a.targets).then((data) => run(data as ArrayLike<number | bigint>));
}

const numbersOf = async (t: Tensor): Promise<number[]> =>
  Array.from((await readRaw(t)) as ArrayLike<number | bigint>, Number);

export const margins = [
  op(
    'multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) -> Tensor',
    {
      define: ({ self, target, p, margin, weight, reduction }) =>
        multiMargin(self, target, p, margin, weight, reduction),
    },
  ),
  op(
    'multi_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, Scalar p, Scalar margin, Tensor? weight=None, int reduction=1) -> Tensor',
    {
      define: ({ grad_output, self, target, p, margin, weight, reduction }) =>
        recorded('multi_margin_loss_backward', grad_output, [self], (x) =>
          multiMargin(x, target, p, margin, weight, reduction),
        )[0],
    },
  ),
  op('multilabel_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor', {
    define: ({ self, target, reduction }) => multilabel(self, target, reduction)[0],
  }),
  op(
    'multilabel_margin_loss_forward(Tensor self, Tensor target, int reduction) -> (Tensor output, Tensor is_target)',
    {
      define: ({ self, target, reduction }) => multilabel(self, target, reduction),
    },
  ),
  op(
    'multilabel_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, Tensor is_target) -> Tensor',
    {
      define: ({ grad_output, self, target, reduction }) =>
        recorded(
          'multilabel_margin_loss_backward',
          grad_output,
          [self],
          (x) => multilabel(x, target, reduction)[0],
        )[0],
    },
  ),
  op(
    'ctc_loss.IntList(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor',
    {
      define: (a) => ctc(a),
    },
  ),
  op(
    'ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor',
    {
      define: ({ input_lengths, target_lengths, ...a }) => {
        const run = (inputs: number[], outputs: number[]): Tensor | Promise<Tensor> =>
          ctc({ ...a, input_lengths: inputs, target_lengths: outputs });
        if (canReadNow(input_lengths) && canReadNow(target_lengths)) {
          const [x, y] = [input_lengths, target_lengths].map((t) =>
            Array.from(readRawNow(t) as ArrayLike<number | bigint>, Number),
          );
          return run(x, y);
        }
        return Promise.all([numbersOf(input_lengths), numbersOf(target_lengths)]).then(([x, y]) => run(x, y));
      },
    },
  ),
].flat();
