/** The transformer's encoder and its layers. */
import { callable, isWatched, Module, type Tensor } from '@sconce/core';
import { keywords } from '../keywords.ts';
import { torch } from '../torch.ts';
import { MultiheadAttention } from './attention.ts';
import { ModuleList } from './container.ts';
import { Linear } from './linear.ts';
import { LayerNorm } from './norm.ts';
import { Dropout } from './simple.ts';

export interface EncoderLayerOptions {
  dim_feedforward: number;
  dropout: number;
  activation: 'relu' | 'gelu' | ((x: Tensor) => Tensor);
  layer_norm_eps: number;
  batch_first: boolean;
  norm_first: boolean;
}

class TransformerEncoderLayerClass extends Module {
  readonly self_attn: MultiheadAttention;
  readonly linear1: InstanceType<typeof Linear>;
  readonly dropout: Module;
  readonly linear2: InstanceType<typeof Linear>;
  readonly norm_first: boolean;
  readonly norm1: InstanceType<typeof LayerNorm>;
  readonly norm2: InstanceType<typeof LayerNorm>;
  readonly dropout1: Module;
  readonly dropout2: Module;
  readonly activation: (x: Tensor) => Tensor;
  /** 1 for relu, 2 for gelu, 0 for another: what scripted code, which cannot look into a function, goes by. */
  readonly activation_relu_or_gelu: number;

  /** `nn.TransformerEncoderLayer(d_model, nhead, { dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first })` */
  constructor(
    d_model: number,
    nhead: number,
    ...rest: (number | string | boolean | Partial<EncoderLayerOptions>)[]
  ) {
    super();
    const o = keywords<EncoderLayerOptions>(
      'TransformerEncoderLayer',
      ['dim_feedforward', 'dropout', 'activation', 'layer_norm_eps', 'batch_first', 'norm_first'],
      rest,
    );
    const {
      dim_feedforward = 2048,
      dropout = 0.1,
      activation = 'relu',
      layer_norm_eps = 1e-5,
      batch_first = false,
      norm_first = false,
    } = o;
    this.self_attn = MultiheadAttention(d_model, nhead, { dropout, batch_first });
    this.linear1 = Linear(d_model, dim_feedforward);
    this.dropout = Dropout(dropout);
    this.linear2 = Linear(dim_feedforward, d_model);
    this.norm_first = norm_first;
    this.norm1 = LayerNorm(d_model, { eps: layer_norm_eps });
    this.norm2 = LayerNorm(d_model, { eps: layer_norm_eps });
    this.dropout1 = Dropout(dropout);
    this.dropout2 = Dropout(dropout);
    this.activation =
      activation === 'relu' ? (x) => x.relu() : activation === 'gelu' ? (x) => x.gelu() : activation;
    this.activation_relu_or_gelu = activation === 'relu' ? 1 : activation === 'gelu' ? 2 : 0;
  }

  private attend(x: Tensor, src_mask: Tensor | null, src_key_padding_mask: Tensor | null): Tensor {
    const [out] = this.self_attn(x, x, x, {
      attn_mask: src_mask,
      key_padding_mask: src_key_padding_mask,
      need_weights: false,
    });
    return this.dropout1(out);
  }

  private feed(x: Tensor): Tensor {
    return this.dropout2(this.linear2(this.dropout(this.activation(this.linear1(x)))));
  }

  override forward(
    src: Tensor,
    {
      src_mask = null,
      src_key_padding_mask = null,
    }: { src_mask?: Tensor | null; src_key_padding_mask?: Tensor | null } = {},
  ): Tensor {
    if (isWatched() && src_mask === null && this.isFused(src)) return this.fused(src, src_key_padding_mask);
    if (this.norm_first) {
      const x = src.add(this.attend(this.norm1(src), src_mask, src_key_padding_mask));
      return x.add(this.feed(this.norm2(x)));
    }
    const x = this.norm1(src.add(this.attend(src, src_mask, src_key_padding_mask))) as Tensor;
    return this.norm2(x.add(this.feed(x)));
  }

  private isFused(src: Tensor): boolean {
    const { norm1, norm2, linear1, linear2, self_attn } = this;
    return (
      src.ndim === 3 &&
      !this.training &&
      this.activation_relu_or_gelu > 0 &&
      norm1.eps === norm2.eps &&
      self_attn.isFused([src, ...[norm1, norm2, linear1, linear2].flatMap((m) => [m.weight, m.bias])])
    );
  }

  /** As PyTorch 1.13 runs it where `isFused`. */
  private fused(src: Tensor, src_key_padding_mask: Tensor | null): Tensor {
    const { self_attn, norm1, norm2, linear1, linear2 } = this;
    return torch._transformer_encoder_layer_fwd(
      src,
      self_attn.embed_dim,
      self_attn.num_heads,
      self_attn.in_proj_weight,
      self_attn.in_proj_bias!,
      self_attn.out_proj.weight,
      self_attn.out_proj.bias!,
      this.activation_relu_or_gelu === 2,
      this.norm_first,
      norm1.eps,
      norm1.weight!,
      norm1.bias!,
      norm2.weight!,
      norm2.bias!,
      linear1.weight,
      linear1.bias!,
      linear2.weight,
      linear2.bias!,
      src_key_padding_mask,
      src_key_padding_mask === null ? null : 1,
    );
  }
}
export const TransformerEncoderLayer = /* @__PURE__ */ callable(
  TransformerEncoderLayerClass,
  'TransformerEncoderLayer',
);

class TransformerEncoderClass extends Module {
  readonly layers: InstanceType<typeof ModuleList>;
  readonly norm: Module | null;

  /** `nn.TransformerEncoder(layers, { norm })`: the layers one after the other. */
  constructor(layers: readonly Module[], { norm = null }: { norm?: Module | null } = {}) {
    super();
    this.layers = ModuleList(layers);
    this.norm = norm;
  }

  override forward(
    src: Tensor,
    masks: { src_mask?: Tensor | null; src_key_padding_mask?: Tensor | null } = {},
  ): Tensor {
    let x = src;
    for (const layer of this.layers) x = layer(x, masks);
    return this.norm ? this.norm(x) : x;
  }
}
export const TransformerEncoder = /* @__PURE__ */ callable(TransformerEncoderClass, 'TransformerEncoder');
