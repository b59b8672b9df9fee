/** Attention, and what PyTorch fuses around it. */
import type { Call, Dim } from '../call.ts';
import type { Converters } from './converter.ts';
import { linear } from './layers.ts';

/** `softmax(q kᵀ * scale + mask) v`, all [batch, heads, length, width]. */
function attend(
  c: Call,
  [q, k, v]: readonly string[],
  scale: number,
  mask: string | undefined,
): { result: string; weights: string } {
  const { dtype } = c.result();
  const scaled = c.graph.node('Mul', [q, c.scalar(scale, dtype)]);
  let scores = c.graph.node('MatMul', [scaled, c.graph.node('Transpose', [k], { perm: [0, 1, 3, 2] })]);
  if (mask) scores = c.graph.node('Add', [scores, mask]);
  const weights = c.graph.node('Softmax', [scores], { axis: 3 });
  return { result: c.graph.node('MatMul', [weights, v]), weights };
}

/** A mask of what is not looked at, as what is added to the scores. */
function additive(c: Call, name: string, shape: readonly Dim[], hides: boolean): string {
  const { dtype } = c.result();
  const tensor = c.tensor(name);
  if (tensor.dtype !== 'bool') return c.input(name);
  const mask = c.graph.node('Reshape', [c.input(name), c.names.shape(shape)]);
  const [hidden, shown] = [c.scalar(Number.NEGATIVE_INFINITY, dtype), c.scalar(0, dtype)];
  return c.graph.node('Where', hides ? [mask, hidden, shown] : [mask, shown, hidden]);
}

/** Self-attention with one matrix for queries, keys and values. */
function multiHead(c: Call, x: string, source: string, heads: number): { result: string; weights: string } {
  const [batch, length, width] = c.sizes(source);
  const [, , embedding] = c.tensor(source).shape;
  const each = embedding / heads;
  const qkv = linear(c, x, c.input('qkv_weight'), c.input('qkv_bias'));
  const parts = c.graph.nodeOf('Split', [qkv, c.constant([embedding, embedding, embedding])], { axis: 2 }, [
    'q',
    'k',
    'v',
  ]);
  const byHead = parts.map((part) =>
    c.graph.node('Transpose', [c.reshape(part, [batch, length, heads, each])], { perm: [0, 2, 1, 3] }),
  );
  let mask: string | undefined;
  if (c.has('mask')) {
    const rank = c.rank('mask');
    const shape = c.value('mask_type') === 1 ? [batch, 1, 1, length] : [1, 1, length, length];
    mask = additive(c, 'mask', rank === 4 ? c.sizes('mask') : shape, true);
  }
  const { result, weights } = attend(c, byHead, 1 / Math.sqrt(each), mask);
  const merged = c.reshape(c.graph.node('Transpose', [result], { perm: [0, 2, 1, 3] }), [
    batch,
    length,
    width,
  ]);
  return { result: linear(c, merged, c.input('proj_weight'), c.input('proj_bias')), weights };
}

function nativeMultiHead(c: Call): string[] {
  const same = c.tensor('query') === c.tensor('key') && c.tensor('key') === c.tensor('value');
  const alike = same || (c.input('query') === c.input('key') && c.input('key') === c.input('value'));
  if (!alike) c.refuse('keys or values of their own');
  const { result, weights } = multiHead(c, c.input('query'), 'query', c.fixed('num_head'));
  if (!c.value('need_weights')) return [result, ''];
  return [
    result,
    c.value('average_attn_weights')
      ? c.graph.node('ReduceMean', [weights], { axes: [1], keepdims: 0 })
      : weights,
  ];
}

function encoderLayer(c: Call): string {
  const { dtype } = c.result();
  const norm = (x: string, n: number): string =>
    c.graph.node('LayerNormalization', [x, c.input(`norm_weight_${n}`), c.input(`norm_bias_${n}`)], {
      axis: -1,
      epsilon: { float: c.number('eps') },
    });
  const attention = (x: string): string => multiHead(c, x, 'src', c.fixed('num_heads')).result;
  const feedForward = (x: string): string => {
    const inner = linear(c, x, c.input('ffn_weight_1'), c.input('ffn_bias_1'));
    let active: string;
    if (c.value('use_gelu')) {
      const erf = c.graph.node('Erf', [c.graph.node('Mul', [inner, c.scalar(Math.SQRT1_2, dtype)])]);
      const half = c.graph.node('Mul', [inner, c.scalar(0.5, dtype)]);
      active = c.graph.node('Mul', [half, c.graph.node('Add', [erf, c.scalar(1, dtype)])]);
    } else active = c.graph.node('Relu', [inner]);
    return linear(c, active, c.input('ffn_weight_2'), c.input('ffn_bias_2'));
  };
  const add = (a: string, b: string): string => c.node('Add', [a, b]);
  const x = c.input('src');
  if (c.value('norm_first')) {
    const once = add(x, attention(norm(x, 1)));
    return add(once, feedForward(norm(once, 2)));
  }
  const once = norm(add(x, attention(x)), 1);
  return norm(add(once, feedForward(once)), 2);
}

export const attention: Converters = {
  _native_multi_head_attention: nativeMultiHead,
  _transformer_encoder_layer_fwd: encoderLayer,
  scaled_dot_product_attention: (c) => {
    if (c.number('dropout_p') > 0) c.refuse('dropout that drops');
    if (c.rank('query') !== 4) c.refuse('queries that are not [batch, heads, length, width]');
    const { dtype } = c.result();
    const [length, width] = c.tensor('query').shape.slice(-2);
    const keys = c.tensor('key').shape[2];
    const given = c.value('scale');
    const scale = given === null ? 1 / Math.sqrt(width) : Number(given);
    let mask = c.has('attn_mask') ? additive(c, 'attn_mask', c.sizes('attn_mask'), false) : undefined;
    if (c.value('is_causal') === true)
      mask = c.constant(
        Array.from({ length: length * keys }, (_, i) =>
          i % keys > Math.floor(i / keys) ? Number.NEGATIVE_INFINITY : 0,
        ),
        dtype,
        [length, keys],
      );
    return attend(c, [c.input('query'), c.input('key'), c.input('value')], scale, mask).result;
  },
};
