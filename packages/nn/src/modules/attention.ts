/** Multi-head attention. */
import {
  ArgumentError,
  callable,
  is_grad_enabled,
  isWatched,
  Module,
  Parameter,
  type Tensor,
} from '@sconce/core';
import * as init from '../init.ts';
import { keywords } from '../keywords.ts';
import { torch } from '../torch.ts';
import { NonDynamicallyQuantizableLinear } from './linear.ts';
import { multi_head_attention_forward } from './multi-head.ts';

export interface AttentionOptions {
  dropout: number;
  bias: boolean;
  batch_first: boolean;
}

export interface AttentionCall {
  key_padding_mask?: Tensor | null;
  need_weights?: boolean;
  attn_mask?: Tensor | null;
  average_attn_weights?: boolean;
  is_causal?: boolean;
}

class MultiheadAttentionClass extends Module {
  readonly embed_dim: number;
  readonly num_heads: number;
  readonly dropout: number;
  readonly batch_first: boolean;
  /** Query, key and value projections, one below the other: [3 * embed_dim, embed_dim]. */
  readonly in_proj_weight: Parameter;
  readonly in_proj_bias: Parameter | null;
  readonly out_proj: InstanceType<typeof NonDynamicallyQuantizableLinear>;

  /** `nn.MultiheadAttention(embed_dim, num_heads, { dropout, bias, batch_first })`: Vaswani et al. 2017. */
  constructor(
    embed_dim: number,
    num_heads: number,
    ...rest: (number | boolean | Partial<AttentionOptions>)[]
  ) {
    super();
    const {
      dropout = 0,
      bias = true,
      batch_first = false,
    } = keywords<AttentionOptions>('MultiheadAttention', ['dropout', 'bias', 'batch_first'], rest);
    if (embed_dim % num_heads !== 0) throw new ArgumentError('embed_dim must be divisible by num_heads');
    this.embed_dim = embed_dim;
    this.num_heads = num_heads;
    this.dropout = dropout;
    this.batch_first = batch_first;
    this.in_proj_weight = Parameter(torch.empty([3 * embed_dim, embed_dim]));
    this.in_proj_bias = bias ? Parameter(torch.empty([3 * embed_dim])) : null;
    this.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, { bias });
    init.xavier_uniform_(this.in_proj_weight);
    if (this.in_proj_bias) init.zeros_(this.in_proj_bias);
    if (this.out_proj.bias) init.zeros_(this.out_proj.bias);
  }

  /** Gives [output, weights]; the weights are null where they are not needed. Masks: true, or -inf, is kept out. */
  override forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    o: AttentionCall = {},
  ): [Tensor, Tensor | null] {
    if (isWatched()) return this.recorded(query, key, value, o);
    const isBatched = query.ndim === 3;
    const first = (t: Tensor): Tensor =>
      !isBatched ? t.unsqueeze(0) : this.batch_first ? t : t.transpose(0, 1);
    const [q0, k0, v0] = [query, key, value].map(first);
    const [n, length] = q0.shape;
    const width = this.embed_dim;
    const heads = this.num_heads;
    const size = width / heads;
    const project = (t: Tensor, part: number): Tensor => {
      const weight = this.in_proj_weight.narrow(0, part * width, width);
      const bias = this.in_proj_bias?.narrow(0, part * width, width) ?? null;
      return torch.linear(t, weight, bias).reshape([n, t.shape[1], heads, size]).transpose(1, 2);
    };
    const [q, k, v] = [project(q0, 0), project(k0, 1), project(v0, 2)];
    let mask: Tensor | null = null;
    const add = (m: Tensor): void => {
      const floats = m.dtype === 'bool' ? q.new_zeros(m.shape).masked_fill(m, -Infinity) : m;
      mask = mask === null ? floats : mask.add(floats);
    };
    if (o.attn_mask)
      add(o.attn_mask.ndim === 3 ? o.attn_mask.reshape([n, heads, length, k.shape[2]]) : o.attn_mask);
    if (o.key_padding_mask)
      add((isBatched ? o.key_padding_mask : o.key_padding_mask.unsqueeze(0)).reshape([n, 1, 1, k.shape[2]]));
    const needWeights = o.need_weights ?? true;
    let context: Tensor;
    let weights: Tensor | null = null;
    const isCausal = mask === null && (o.is_causal ?? false);
    if (needWeights) {
      let scores = q.div(Math.sqrt(size)).matmul(k.transpose(-2, -1));
      if (mask) scores = scores.add(mask);
      weights = torch.dropout(scores.softmax(-1), this.dropout, this.training);
      context = weights.matmul(v);
      if (o.average_attn_weights ?? true) weights = weights.mean([1]);
    } else
      context = torch.scaled_dot_product_attention(q, k, v, mask, this.training ? this.dropout : 0, isCausal);
    const joined = this.out_proj(context.transpose(1, 2).reshape([n, length, width])) as Tensor;
    const out = !isBatched ? joined.squeeze(0) : this.batch_first ? joined : joined.transpose(0, 1);
    return [out, weights && !isBatched ? weights.squeeze(0) : weights];
  }

  /** While a trace is recorded: PyTorch 1.13's way, the fused operator where that takes it. */
  private recorded(query: Tensor, key: Tensor, value: Tensor, o: AttentionCall): [Tensor, Tensor | null] {
    const { need_weights = true, average_attn_weights = true, key_padding_mask = null } = o;
    let { attn_mask = null } = o;
    if (attn_mask === null && o.is_causal) {
      const dims = [query, key].map((t) => t.size(t.ndim === 3 && this.batch_first ? 1 : 0));
      attn_mask = torch.ones(dims as unknown as number[], { dtype: 'bool' }).triu(1);
    }
    const isBatched = query.ndim === 3;
    if (
      isBatched &&
      query === key &&
      key === value &&
      attn_mask === null &&
      this.dropout === 0 &&
      this.isFused([query])
    )
      return torch._native_multi_head_attention(
        query,
        key,
        value,
        this.embed_dim,
        this.num_heads,
        this.in_proj_weight,
        this.in_proj_bias!,
        this.out_proj.weight,
        this.out_proj.bias!,
        key_padding_mask,
        need_weights,
        average_attn_weights,
        key_padding_mask === null ? null : 1,
      ) as [Tensor, Tensor];
    const seen = new Map<Tensor, Tensor>();
    const second = (t: Tensor): Tensor => {
      if (!isBatched || !this.batch_first) return t;
      if (!seen.has(t)) seen.set(t, t.transpose(1, 0));
      return seen.get(t)!;
    };
    const [out, weights] = multi_head_attention_forward({
      query: second(query),
      key: second(key),
      value: second(value),
      embed_dim: this.embed_dim,
      num_heads: this.num_heads,
      in_proj_weight: this.in_proj_weight,
      in_proj_bias: this.in_proj_bias,
      dropout_p: this.dropout,
      out_proj_weight: this.out_proj.weight,
      out_proj_bias: this.out_proj.bias,
      training: this.training,
      key_padding_mask,
      need_weights,
      attn_mask,
      average_attn_weights,
    });
    return [isBatched && this.batch_first ? out.transpose(1, 0) : out, weights];
  }

  /** Whether PyTorch 1.13 would run a fused operator over these weights and those given: in evaluation, without gradients. */
  isFused(others: readonly (Tensor | null)[]): boolean {
    const { in_proj_weight, in_proj_bias, out_proj } = this;
    const tensors = [...others, in_proj_weight, in_proj_bias, out_proj.weight, out_proj.bias];
    return (
      !this.training &&
      this.batch_first &&
      this.num_heads % 2 === 0 &&
      tensors.every((t) => t !== null && t.dtype === in_proj_weight.dtype) &&
      !(is_grad_enabled() && tensors.some((t) => t!.requires_grad))
    );
  }
}
export const MultiheadAttention = /* @__PURE__ */ callable(MultiheadAttentionClass, 'MultiheadAttention');
export type MultiheadAttention = MultiheadAttentionClass;
