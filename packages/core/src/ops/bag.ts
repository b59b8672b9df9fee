/** Embeddings of whole bags of indices: their sum, mean or greatest. */
import { callOperator } from '../dispatch/call.ts';
import { findOperator, op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { copyInto } from '../kernel/elementwise.ts';
import type { Tensor } from '../tensor/tensor.ts';

const SUM = 0;
const MEAN = 1;
const MAX = 2;

interface Bags {
  readonly weight: Tensor;
  readonly indices: Tensor;
  readonly offsets: Tensor;
  readonly mode: number;
  readonly scale_grad_by_freq: boolean;
  readonly per_sample_weights: Tensor | null;
  readonly include_last_offset: boolean;
  readonly padding_idx: number;
}

const wide = (t: Tensor): Tensor => (t.dtype === 'int64' ? t : t.to('int64'));

/** The bag of each index: bags start where `offsets` say. */
function bagOf(indices: Tensor, offsets: Tensor): Tensor {
  const n = indices.shape[0];
  const starts = indices
    .new_zeros([n + 1], { dtype: 'int64' })
    .index_add(0, wide(offsets), wide(offsets).new_ones(offsets.shape)) as Tensor;
  return starts.cumsum(0).sub(1).narrow(0, 0, n);
}

function check({ weight, indices, offsets, mode, per_sample_weights }: Bags): void {
  if (weight.shape.length !== 2) throw new TorchError(`'weight' must be 2-D`);
  if (indices.shape.length !== 1)
    throw new TorchError(
      `input has to be a 1D or 2D Tensor, but got Tensor of dimension ${indices.shape.length}`,
    );
  if (offsets.shape.length !== 1)
    throw new TorchError(
      `offsets has to be a 1D Tensor, but got Tensor of dimension ${offsets.shape.length}`,
    );
  for (const t of [indices, offsets])
    if (t.dtype !== 'int64' && t.dtype !== 'int32')
      throw new TorchError(
        `Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got ${t.dtype} instead (while checking arguments for embedding_bag)`,
      );
  if (per_sample_weights !== null && mode !== SUM)
    throw new TorchError(
      `embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got mode='${mode === MEAN ? 'mean' : 'max'}'). Please open a feature request on GitHub.`,
    );
}

/** The output, the bag of each index, the bags' sizes without padding, and where the greatest came from. */
function embed(a: Bags): Tensor[] {
  check(a);
  const { weight, mode, padding_idx } = a;
  const indices = wide(a.indices);
  const count = a.offsets.shape[0] - (a.include_last_offset ? 1 : 0);
  const width = weight.shape[1];
  const starts = (a.include_last_offset ? a.offsets.narrow(0, 0, count) : a.offsets) as Tensor;
  const bags = bagOf(indices, starts);
  const padding = indices.eq(padding_idx) as Tensor;
  const counted = padding.logical_not().to('int64') as Tensor;
  const sizes = counted.new_zeros([count]).index_add(0, bags, counted) as Tensor;
  const rows = callOperator(findOperator('aten::embedding')!, [
    weight,
    indices,
    padding_idx,
    a.scale_grad_by_freq,
    false,
  ]) as Tensor;
  if (mode === MAX) {
    const spread = bags.unsqueeze(1).expand(rows.shape) as Tensor;
    const masked = rows.masked_fill(padding.unsqueeze(1), -Infinity) as Tensor;
    const lowest = weight.new_full([count, width], -Infinity) as Tensor;
    const best = lowest.scatter_reduce(0, spread, masked, 'amax') as Tensor;
    const isEmpty = sizes.eq(0).unsqueeze(1) as Tensor;
    // The first of equals wins: its position is the least that holds the greatest value.
    const n = indices.shape[0];
    const order = indices.new_ones([n]).cumsum(0).sub(1).unsqueeze(1).expand(rows.shape) as Tensor;
    const hit = masked
      .eq(best.detach().index_select(0, bags))
      .logical_and(padding.logical_not().unsqueeze(1)) as Tensor;
    const first = order
      .new_full([count, width], n)
      .scatter_reduce(0, spread, order.where(hit, n), 'amin') as Tensor;
    const at = first.clamp(0, Math.max(n - 1, 0)) as Tensor;
    const winners = (n === 0 ? at : indices.index_select(0, at.reshape([-1])).reshape(at.shape)).masked_fill(
      isEmpty,
      0,
    ) as Tensor;
    const output = (
      n === 0 ? weight.new_zeros([count, width]) : masked.gather(0, at).masked_fill(isEmpty, 0)
    ) as Tensor;
    return [output, bags, sizes, winners];
  }
  let parts = rows.masked_fill(padding.unsqueeze(1), 0) as Tensor;
  if (a.per_sample_weights !== null) parts = parts.mul(a.per_sample_weights.unsqueeze(1));
  let output = weight.new_zeros([count, width]).index_add(0, bags, parts) as Tensor;
  if (mode === MEAN) output = output.div(sizes.clamp_min(1).unsqueeze(1));
  // What PyTorch's fast sums do not need, they do not fill.
  const isFast = mode === SUM && weight.dtype !== 'float64' && padding_idx < 0;
  const filled = (mode === SUM ? sizes.new_zeros(a.offsets.shape) : sizes) as Tensor;
  return [output, isFast ? bags.new_empty([0]) : bags, filled, filled];
}

type BagArgs = Omit<Bags, 'padding_idx'> & { padding_idx: number | null };
const bag = (a: BagArgs): Tensor[] => {
  const padding =
    a.padding_idx === null ? -1 : a.padding_idx < 0 ? a.padding_idx + a.weight.shape[0] : a.padding_idx;
  return embed({ ...a, padding_idx: padding });
};

const own =
  'Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int padding_idx=-1' as const;

export const bags = [
  op(`_embedding_bag(${own}) -> (Tensor, Tensor, Tensor, Tensor)`, { define: (a) => embed(a) }),
  op(`_embedding_bag_forward_only(${own}) -> (Tensor, Tensor, Tensor, Tensor)`, { define: (a) => embed(a) }),
  op(
    'embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False) -> (Tensor, Tensor, Tensor, Tensor)',
    { define: (a) => bag({ ...a, padding_idx: null }) },
  ),
  op(
    'embedding_bag.padding_idx(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq, int mode, bool sparse, Tensor? per_sample_weights, bool include_last_offset, int? padding_idx) -> (Tensor, Tensor, Tensor, Tensor)',
    { define: (a) => bag(a) },
  ),
  op('embedding_renorm_(Tensor(a!) self, Tensor indices, float max_norm, float norm_type) -> Tensor(a!)', {
    define: ({ self, indices, max_norm, norm_type }) => {
      // Rows that are not asked for keep their length.
      const rows = indices.new_zeros([self.shape[0]], { dtype: 'int64' }) as Tensor;
      const asked = rows
        .index_fill(0, wide(indices).reshape([-1]), 1)
        .ne(0)
        .unsqueeze(1) as Tensor;
      const norms = self.detach().norm(norm_type, [1], true) as Tensor;
      const shrunk = self.detach().mul(norms.add(1e-7).reciprocal().mul(max_norm)) as Tensor;
      copyInto(self, shrunk.where(norms.gt(max_norm).logical_and(asked), self.detach()));
      return self;
    },
  }),
].flat();
