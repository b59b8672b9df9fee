/** Attention: scaled dot products, several heads of them, and the transformer encoder's layer. */
import { callOperator } from '../dispatch/call.ts';
import { findOperator, op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { isFloat } from '../tensor/dtype.ts';
import { numelOf, sameShape } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';

interface Attention {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly attn_mask: Tensor | null;
  readonly dropout_p: number;
  readonly is_causal: boolean;
  readonly scale: number | null;
  readonly enable_gqa: boolean;
}

const linear = (x: Tensor, weight: Tensor, bias: Tensor): Tensor =>
  callOperator(findOperator('aten::linear')!, [x, weight, bias]) as Tensor;
const layerNorm = (x: Tensor, shape: readonly number[], weight: Tensor, bias: Tensor, eps: number): Tensor =>
  callOperator(findOperator('aten::layer_norm')!, [x, shape, weight, bias, eps, false]) as Tensor;

const names: Record<string, string> = {
  float32: 'float', float64: 'double', float16: 'c10::Half', bfloat16: 'c10::BFloat16', int64: 'long int', int32: 'int', bool: 'bool',
}; // biome-ignore format: a table
const spell = (t: Tensor): string => names[t.dtype] ?? t.dtype;

function check({ query, key, value, attn_mask, is_causal, enable_gqa }: Attention): void {
  if (query.dtype !== key.dtype || query.dtype !== value.dtype)
    throw new TorchError(
      `Expected query, key, and value to have the same dtype, but got query.dtype: ${spell(query)} key.dtype: ${spell(key)} and value.dtype: ${spell(value)} instead.`,
    );
  const ranks = [query, key, value].map((t) => t.shape.length);
  if (ranks.some((n) => n < 2))
    throw new TorchError(
      `Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: ${ranks[0]} key.dim: ${ranks[1]} and value.dim: ${ranks[2]} instead.`,
    );
  if (attn_mask !== null) {
    if (attn_mask.dtype !== 'bool' && attn_mask.dtype !== 'float32' && attn_mask.dtype !== query.dtype)
      throw new TorchError(
        `Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: ${spell(attn_mask)} and  query.dtype: ${spell(query)} instead.`,
      );
    if (is_causal)
      throw new TorchError(
        '_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True',
      );
  }
  if (enable_gqa && ranks.some((n) => n < 4))
    throw new TorchError('scaled_dot_product_attention: enable_gqa expects query, key and value of 4 dims');
}

/** What is added to the scores: 0 where a query may look, -inf where it may not. */
function bias(mask: Tensor, like: Tensor): Tensor {
  if (mask.dtype !== 'bool') return mask;
  return like.new_zeros(mask.shape).masked_fill(mask.logical_not(), -Infinity);
}

/** A query that may look nowhere gets zeros, where softmax would give NaN. */
function safeSoftmax(x: Tensor, dim: number): Tensor {
  const weights = x.softmax(dim) as Tensor;
  const nowhere = x.eq(-Infinity).all(dim, true) as Tensor;
  return weights.masked_fill(nowhere, 0);
}

const wide = (t: Tensor): Tensor => (t.dtype === 'float16' || t.dtype === 'bfloat16' ? t.to('float32') : t);

interface Attended {
  readonly output: Tensor;
  readonly weights: Tensor;
  readonly scores: Tensor;
}

function attend(a: Attention, dropout_mask: Tensor | null = null): Attended {
  check(a);
  const query = wide(a.query);
  let [key, value] = [wide(a.key), wide(a.value)];
  const depth = query.shape[query.shape.length - 1];
  if (a.enable_gqa) {
    const heads = query.shape[query.shape.length - 3];
    const repeated = (t: Tensor): Tensor => {
      const own = t.shape[t.shape.length - 3];
      if (heads % own !== 0)
        throw new TorchError('Number of heads in key and value must divide the number of heads in query');
      return own === heads ? t : t.repeat_interleave(heads / own, -3);
    };
    [key, value] = [repeated(key), repeated(value)];
  }
  // The root of the scale on both sides keeps 16-bit products in range.
  const scale = a.scale ?? 1 / Math.sqrt(depth);
  const root = Math.sqrt(Math.abs(scale));
  const [left, right] = [query.mul(scale < 0 ? -root : root), key.transpose(-2, -1).mul(root)] as Tensor[];
  let scores = left.matmul(right) as Tensor;
  if (a.is_causal) {
    const [rows, columns] = scores.shape.slice(-2);
    scores = scores.add(bias(scores.new_ones([rows, columns], { dtype: 'bool' }).tril(), scores));
  } else if (a.attn_mask !== null) scores = scores.add(bias(a.attn_mask, scores));
  let weights = scores._safe_softmax(-1, null) as Tensor;
  if (a.dropout_p > 0) {
    if (dropout_mask !== null) {
      weights = weights.masked_fill(dropout_mask.logical_not(), 0);
      value = value.mul(1 / (1 - a.dropout_p));
    } else weights = callOperator(findOperator('aten::dropout')!, [weights, a.dropout_p, true]) as Tensor;
  }
  return {
    output: weights.matmul(value).to(a.query.dtype),
    weights: weights.to(a.query.dtype),
    scores,
  };
}

/** PyTorch's fused kernel, which takes 4 dims and one depth for all, lays its output out as the query is. */
const likeQuery = (output: Tensor, query: Tensor): Tensor => {
  const isFused = query.shape.length === 4 && query.strides[3] === 1 && sameShape(output.shape, query.shape);
  return !isFused || output.requires_grad || query.is_contiguous()
    ? output
    : query.empty_like().copy_(output);
};

/** [batch, length, heads * depth] as [batch, heads, length, depth]. */
const split = (t: Tensor, heads: number): Tensor => {
  const [n, length, width] = t.shape;
  return t.view([n, length, heads, width / heads]).transpose(1, 2);
};

interface Heads {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly embed_dim: number;
  readonly num_head: number;
  readonly qkv_weight: Tensor;
  readonly qkv_bias: Tensor;
  readonly proj_weight: Tensor;
  readonly proj_bias: Tensor;
  readonly mask: Tensor | null;
  readonly mask_type: number | null;
}

/** Mask types: 0 masks pairs of positions, 1 masks keys of each sample, 2 is a float or bool mask of all dims. True means: do not look. */
function maskFor(mask: Tensor, type: number | null, scores: Tensor): Tensor {
  const [n, heads, rows, columns] = scores.shape;
  if (mask.shape.length === 2 && (type === 0 || type === null)) return mask.expand([n, heads, rows, columns]);
  if (mask.shape.length === 2) return mask.view([n, 1, 1, columns]).expand([n, heads, rows, columns]);
  return mask;
}

function multiHead(a: Heads): { output: Tensor; weights: Tensor } {
  const { query, key, value, embed_dim, num_head } = a;
  if (query.shape.length !== 3)
    throw new TorchError(`expected 3-D \`query\`, got ${query.shape.length}-D tensor`);
  if (query.shape[2] !== embed_dim)
    throw new TorchError(`passed-in embed_dim ${embed_dim} didn't match last dim of query ${query.shape[2]}`);
  if (key.shape.length !== 3) throw new TorchError(`expected 3-D \`key\`, got ${key.shape.length}-D tensor`);
  if (value.shape.length !== 3)
    throw new TorchError(`expected 3-D \`value\`, got ${value.shape.length}-D tensor`);
  if (embed_dim % num_head !== 0) throw new TorchError(`\`embed_dim\` must divide evenly by \`num_heads\``);
  const depth = embed_dim / num_head;
  let parts: Tensor[];
  if (query === key && key === value)
    parts = linear(query, a.qkv_weight, a.qkv_bias).chunk(3, -1) as unknown as Tensor[];
  else {
    const weights = a.qkv_weight.chunk(3, 0) as unknown as Tensor[];
    const biases = a.qkv_bias.chunk(3, 0) as unknown as Tensor[];
    parts = [query, key, value].map((t, i) => linear(t, weights[i], biases[i]));
  }
  const [q, k, v] = parts.map((t) => split(t.contiguous(), num_head));
  let scores = q.div(Math.sqrt(depth)).matmul(k.transpose(-2, -1)) as Tensor;
  if (a.mask !== null) {
    const mask = maskFor(a.mask, a.mask_type, scores);
    scores = mask.dtype === 'bool' ? scores.masked_fill(mask, -Infinity) : scores.add(mask);
  }
  const weights = scores.softmax(-1) as Tensor;
  const [n, length] = query.shape;
  const joined = weights.matmul(v).transpose(1, 2).reshape([n, length, embed_dim]) as Tensor;
  return { output: linear(joined, a.proj_weight, a.proj_bias), weights };
}

export const attentions = [
  op('_safe_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor', {
    define: ({ self, dim, dtype }) => safeSoftmax(dtype === null ? self : self.to(dtype), dim),
    grad: { self: ({ grad, result, dim }) => grad._softmax_backward_data(result, dim, result.dtype) },
  }),
  op(
    'scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor',
    { define: (a) => likeQuery(attend(a).output, a.query) },
  ),
  op(
    '_scaled_dot_product_attention_math(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, Tensor? dropout_mask=None, *, float? scale=None, bool enable_gqa=False) -> (Tensor, Tensor)',
    {
      define: ({ dropout_mask, ...a }) => {
        const { output, weights } = attend(a, dropout_mask);
        return [output, weights];
      },
    },
  ),
  op(
    '_scaled_dot_product_flash_attention_for_cpu(Tensor query, Tensor key, Tensor value, float dropout_p=0., bool is_causal=False, *, Tensor? attn_mask=None, float? scale=None) -> (Tensor output, Tensor logsumexp)',
    {
      define: (a) => {
        const { output, scores } = attend({ ...a, enable_gqa: false });
        const total = scores.logsumexp([-1]).detach() as Tensor;
        // The kernel lays its output out as the query is, and the sums with heads innermost.
        return [a.query.empty_like().copy_(output), total.transpose(1, 2).contiguous().transpose(1, 2)];
      },
    },
  ),
  op(
    '_native_multi_head_attention(Tensor query, Tensor key, Tensor value, int embed_dim, int num_head, Tensor qkv_weight, Tensor qkv_bias, Tensor proj_weight, Tensor proj_bias, Tensor? mask=None, bool need_weights=True, bool average_attn_weights=True, int? mask_type=None) -> (Tensor, Tensor)',
    {
      define: ({ need_weights, average_attn_weights, ...a }) => {
        const { output, weights } = multiHead(a);
        if (!need_weights) return [output, null];
        return [output, average_attn_weights ? weights.mean([1]) : weights];
      },
    },
  ),
  op(
    '_transformer_encoder_layer_fwd(Tensor src, int embed_dim, int num_heads, Tensor qkv_weight, Tensor qkv_bias, Tensor proj_weight, Tensor proj_bias, bool use_gelu, bool norm_first, float eps, Tensor norm_weight_1, Tensor norm_bias_1, Tensor norm_weight_2, Tensor norm_bias_2, Tensor ffn_weight_1, Tensor ffn_bias_1, Tensor ffn_weight_2, Tensor ffn_bias_2, Tensor? mask=None, int? mask_type=None) -> Tensor',
    {
      define: (a) => {
        const { src, embed_dim, norm_first, eps } = a;
        if (!isFloat(src.dtype))
          throw new TorchError('transformer_encoder_layer: expected a floating point tensor');
        if (numelOf(src.shape) === 0) return src.clone();
        const first = (x: Tensor): Tensor => layerNorm(x, [embed_dim], a.norm_weight_1, a.norm_bias_1, eps);
        const second = (x: Tensor): Tensor => layerNorm(x, [embed_dim], a.norm_weight_2, a.norm_bias_2, eps);
        const looked = (x: Tensor): Tensor =>
          multiHead({ ...a, query: x, key: x, value: x, num_head: a.num_heads }).output;
        const fed = (x: Tensor): Tensor => {
          const hidden = linear(x, a.ffn_weight_1, a.ffn_bias_1);
          return linear(a.use_gelu ? hidden.gelu() : hidden.relu(), a.ffn_weight_2, a.ffn_bias_2);
        };
        if (norm_first) {
          const x = src.add(looked(first(src))) as Tensor;
          return x.add(fed(second(x)));
        }
        const x = first(src.add(looked(src)));
        return second(x.add(fed(x)));
      },
    },
  ),
].flat();
