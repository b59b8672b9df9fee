/** Multi-head attention in the operators of PyTorch 1.13's `F.multi_head_attention_forward`: what a trace records, so that 1.13 loads it. */
import { py_float, type Tensor, TracedNumber } from '@sconce/core';
import { torch } from '../torch.ts';

export interface MultiHeadArguments {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly embed_dim: number;
  readonly num_heads: number;
  readonly in_proj_weight: Tensor;
  readonly in_proj_bias: Tensor | null;
  readonly dropout_p: number;
  readonly out_proj_weight: Tensor;
  readonly out_proj_bias: Tensor | null;
  readonly training: boolean;
  readonly key_padding_mask: Tensor | null;
  readonly need_weights: boolean;
  readonly attn_mask: Tensor | null;
  readonly average_attn_weights: boolean;
}

/** A product of sizes, which a trace follows. */
const times = (a: number, b: number): number =>
  (a as unknown) instanceof TracedNumber ? ((a as unknown as TracedNumber).mul(b) as never) : a * b;

/** Query, key and value projected, with as few products as their being the same tensor allows. */
function project(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  weight: Tensor,
  bias: Tensor | null,
): readonly Tensor[] {
  if (key !== value) {
    const weights = weight.chunk(3) as unknown as Tensor[];
    const biases = (bias?.chunk(3) ?? []) as unknown as Tensor[];
    return [query, key, value].map((t, i) => torch.linear(t, weights[i], biases[i] ?? null));
  }
  if (query === key) return torch.linear(query, weight, bias).chunk(3, -1) as unknown as Tensor[];
  const width = query.size(-1) as unknown as number;
  const parts = (t: Tensor): Tensor[] =>
    torch.split_with_sizes(t, [width, times(width, 2)]) as unknown as Tensor[];
  const weights = parts(weight);
  const biases = bias === null ? [null, null] : parts(bias);
  return [
    torch.linear(query, weights[0], biases[0]),
    ...(torch.linear(key, weights[1], biases[1]).chunk(2, -1) as unknown as Tensor[]),
  ];
}

/** `[length, batch, width]`, or without the batch; gives the output in the same form and the weights, null where not needed. */
export function multi_head_attention_forward(a: MultiHeadArguments): [Tensor, Tensor | null] {
  const { num_heads: heads } = a;
  let { query, key, value, attn_mask: mask, key_padding_mask: padding } = a;
  const isBatched = query.ndim === 3;
  if (!isBatched) {
    [query, key, value] = [query, key, value].map((t) => t.unsqueeze(1));
    padding = padding?.unsqueeze(0) ?? null;
  }
  const [length, batch, width] = query.shape;
  const depth: number =
    (width as unknown) instanceof TracedNumber
      ? ((width as unknown as TracedNumber).truncdiv(heads) as never)
      : width / heads;
  const [q0, k0, v0] = project(query, key, value, a.in_proj_weight, a.in_proj_bias);
  if (mask?.ndim === 2) mask = mask.unsqueeze(0);
  const inHeads = (t: Tensor, own: () => number): Tensor => {
    const dense = t.contiguous();
    return dense.view([own(), times(batch, heads), depth]).transpose(0, 1);
  };
  const q = inHeads(q0, () => length);
  const k = inHeads(k0, () => k0.shape[0]);
  const v = inHeads(v0, () => v0.shape[0]);
  const source = k.size(1) as unknown as number;
  if (padding !== null) {
    const each = padding
      .view([batch, 1, 1, source])
      .expand([-1, heads, -1, -1])
      .reshape([times(batch, heads), 1, source]);
    if (mask === null) mask = each;
    else if (mask.dtype === 'bool') mask = mask.logical_or(each);
    else mask = each.dtype === 'bool' ? mask.masked_fill(each, -Infinity) : mask.add(each);
  }
  if (mask?.dtype === 'bool')
    mask = torch.zeros_like(mask, { dtype: q.dtype }).masked_fill_(mask, -Infinity) as Tensor;
  const scaled = q.div(py_float(Math.sqrt(a.embed_dim / heads)));
  const scores =
    mask === null ? torch.bmm(scaled, k.transpose(-2, -1)) : torch.baddbmm(mask, scaled, k.transpose(-2, -1));
  let weights = scores.softmax(-1) as Tensor;
  if (a.training && a.dropout_p > 0) weights = torch.dropout(weights, a.dropout_p, true);
  const joined = torch
    .bmm(weights, v)
    .transpose(0, 1)
    .contiguous()
    .view([times(length, batch), width]);
  const flat = torch.linear(joined, a.out_proj_weight, a.out_proj_bias);
  const wide = flat.view([length, batch, flat.size(1) as unknown as number]);
  if (!a.need_weights) return [isBatched ? wide : wide.squeeze(1), null];
  let shown = weights.view([batch, heads, length, source]);
  if (a.average_attn_weights) shown = shown.sum([1]).div(heads);
  return isBatched ? [wide, shown] : [wide.squeeze(1), shown.squeeze(0)];
}
