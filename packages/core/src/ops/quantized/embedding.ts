/** Tables of rows quantised to bytes or to halves of bytes, each with a scale and a zero point of its own. */
import { op } from '../../dispatch/operator.ts';
import { NotSupportedError, TorchError } from '../../errors.ts';
import { PackedParams, packedClasses, packedOf } from '../../tensor/packed.ts';
import { integersOf, quantizerOf } from '../../tensor/quantized.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { call } from './quantize.ts';

const { embedding: EMBEDDING } = packedClasses;

/** The rows of these positions, as numbers: the table is never dequantised as a whole. */
function rowsOf(packed: PackedParams, positions: Tensor): Tensor {
  const quantizer = quantizerOf(packed.weight);
  if (quantizer.kind !== 'channel')
    throw new TorchError(
      `Expect embedding_bag weights to be quantized using kPerChannelAffineFloatQParams, but they have one scale`,
    );
  const of = (list: Tensor): Tensor =>
    (list.index_select(0, positions) as Tensor).to('float32').unsqueeze(1) as Tensor;
  const integers = (integersOf(packed.weight).index_select(0, positions) as Tensor).to('float32');
  const scales = of(quantizer.scales);
  const zeros = of(quantizer.zero_points);
  if ((packed.weight.dtype as string) !== 'quint4x2') return integers.sub(zeros).mul(scales) as Tensor;
  // Beside integers of four bits PyTorch has scale and offset as half floats.
  const half = (x: Tensor): Tensor => (x.to('float16') as Tensor).to('float32') as Tensor;
  return integers.mul(half(scales)).add(half(zeros.mul(scales).neg() as Tensor)) as Tensor;
}

function refusePruned(name: string, isPruned: boolean): void {
  if (isPruned) throw new NotSupportedError(`${name}: pruned weights are not there`);
}

function embedding(name: string, value: unknown, indices: Tensor, isPruned: boolean): Tensor {
  refusePruned(name, isPruned);
  const packed = packedOf(value, 'embedding');
  const rows = rowsOf(packed, indices.reshape([-1]) as Tensor);
  return rows.view([...indices.shape, packed.weight.shape[1]]) as Tensor;
}

interface Bag {
  readonly weight: unknown;
  readonly indices: Tensor;
  readonly offsets: Tensor | null;
  readonly pruned_weights: boolean;
  readonly per_sample_weights: Tensor | null;
  readonly include_last_offset: boolean;
}

/** The sum of each bag's rows, whatever `mode` says: so PyTorch computes it. */
function bag(name: string, a: Bag): Tensor {
  refusePruned(name, a.pruned_weights);
  const { indices } = a;
  const flat = indices.reshape([-1]) as Tensor;
  const rows = rowsOf(packedOf(a.weight, 'embedding'), flat);
  if (indices.shape.length === 2 && a.offsets !== null)
    throw new TorchError(
      'embedding_bag_byte operator: input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences.',
    );
  if (indices.shape.length === 1 && a.offsets === null)
    throw new TorchError('embedding_bag_byte operator: offsets has to be a 1D Tensor where input is 1D');
  const count = flat.shape[0];
  const length = indices.shape.length === 2 ? Math.max(indices.shape[1], 1) : 1;
  const offsets =
    a.offsets ?? call('aten::arange.start_step', 0, count, length, indices.dtype, null, indices.device, null);
  const own = call('aten::arange', count, offsets.dtype, null, indices.device, null);
  const bags = [rows, own, offsets, false, 0, false, a.per_sample_weights, a.include_last_offset] as const;
  return (call('aten::embedding_bag', ...bags) as unknown as Tensor[])[0];
}

export const quantizedEmbeddings = [
  op(`quantized::embedding_bag_prepack(Tensor weight) -> ${EMBEDDING} W_prepack`, {
    grad: 'none',
    define: ({ weight }) => {
      quantizerOf(weight);
      return new PackedParams('embedding', { weight, bias: null });
    },
  }),
  op(`quantized::embedding_bag_unpack(${EMBEDDING} W_prepack) -> Tensor W_origin`, {
    grad: 'none',
    define: ({ W_prepack }) => packedOf(W_prepack, 'embedding').weight,
  }),
  (['byte', '4bit'] as const).map((width) => [
    op(
      `quantized::embedding_${width}(${EMBEDDING} weight, Tensor indices, bool pruned_weights=False) -> Tensor`,
      {
        grad: 'none',
        define: ({ weight, indices, pruned_weights }) =>
          embedding(`quantized::embedding_${width}`, weight, indices, pruned_weights),
      },
    ),
    op(
      `quantized::embedding_bag_${width}(${EMBEDDING} weight, Tensor indices, Tensor? offsets=None, bool scale_grad_by_freq=False, int mode=0, bool pruned_weights=False, Tensor? per_sample_weights=None, Tensor? compressed_indices_mapping=None, bool include_last_offset=False) -> Tensor`,
      { grad: 'none', define: (args) => bag(`quantized::embedding_bag_${width}`, args) },
    ),
  ]),
].flat(3);
