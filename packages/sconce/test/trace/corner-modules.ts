/** What conformance/models/programs_trace_corners.py has in Python, in JavaScript: the modules. */
import * as torch from '../../src/index.ts';
import type { Any } from './programs.ts';

const { nn, jit } = torch;
const F: Any = nn.functional;
const { sizes } = jit;

/** Attention with whatever the arguments say; `fast` has no gradients. */
class Attended extends nn.Module {
  attention: Any;
  constructor(
    options: Any = {},
    readonly how: Any = {},
    readonly causal = false,
  ) {
    super();
    this.how = how;
    this.causal = causal;
    const { fast = false, ...rest } = options;
    this.attention = nn.MultiheadAttention(8, 2, rest);
    if (fast) this.requires_grad_(false);
  }
  override forward(x: Any) {
    const attn_mask = this.causal ? torch.ones(4, 4, { dtype: 'bool' }).triu(1) : null;
    const [y, w] = this.attention(x, x, x, { attn_mask, ...this.how });
    return w === null ? y : [y, w];
  }
}

class CrossAttended extends nn.Module {
  attention: Any;
  constructor(options: Any = {}) {
    super();
    this.attention = nn.MultiheadAttention(8, 2, options);
  }
  override forward(x: Any, y: Any, mask: Any) {
    return this.attention(x, y, y, { key_padding_mask: mask.gt(0.9) });
  }
}

class Encoded extends nn.Module {
  layer: Any;
  constructor({ fast = false, ...options }: Any = {}) {
    super();
    this.layer = nn.TransformerEncoderLayer(8, 2, 16, options);
    if (fast) this.requires_grad_(false);
  }
  override forward(x: Any) {
    return this.layer(x);
  }
}

class EncodedStack extends nn.Module {
  encoder: Any;
  constructor(
    { fast = false, ...options }: Any = {},
    readonly masked = false,
  ) {
    super();
    this.masked = masked;
    const first = nn.TransformerEncoderLayer(8, 2, 16, options);
    const second = nn.TransformerEncoderLayer(8, 2, 16, options);
    torch.no_grad(() => {
      const theirs = [...second.parameters()];
      [...first.parameters()].forEach((p, i) => {
        theirs[i].copy_(p);
      });
    });
    this.encoder = nn.TransformerEncoder([first, second], { norm: nn.LayerNorm(8) });
    if (fast) this.requires_grad_(false);
  }
  override forward(x: Any) {
    return this.masked ? this.encoder(x, { src_mask: torch.zeros(4, 4) }) : this.encoder(x);
  }
}

class BufferWriter extends nn.Module {
  declare steps: Any;
  declare mean: Any;
  bn: Any;
  constructor() {
    super();
    this.register_buffer('steps', torch.zeros(1));
    this.register_buffer('mean', torch.zeros(4));
    this.bn = nn.BatchNorm1d(4);
  }
  override forward(x: Any) {
    this.steps.add_(1);
    this.mean.mul_(0.9).add_(x.mean(0), { alpha: 0.1 });
    return this.bn(x).sub(this.mean.mul(this.steps));
  }
}

/** One submodule under two names, called three times, once within another. */
class SharedBlocks extends nn.Module {
  first = nn.Sequential(nn.Linear(4, 4), nn.ReLU());
  second = this.first;
  outer = nn.Sequential(this.first, nn.Linear(4, 2));
  override forward(x: Any) {
    return this.outer(this.second(this.first(x)));
  }
}

class Hooked extends nn.Module {
  linear: Any = nn.Linear(4, 4);
  relu = nn.ReLU();
  constructor() {
    super();
    this.linear.register_forward_pre_hook((_: Any, args: Any) => [args[0].mul(2)]);
    this.linear.register_forward_hook((_: Any, args: Any, out: Any) => out.add(args[0]));
  }
  override forward(x: Any) {
    return this.relu(this.linear(x)).add(1);
  }
}

class Lists extends nn.Module {
  layers = nn.ModuleList([nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)]);
  named: Any = nn.ModuleDict({ a: nn.Linear(2, 2), b: nn.Sigmoid() });
  weight = nn.Parameter(torch.ones(2));
  override forward(x: Any) {
    let y = x;
    for (const layer of this.layers) y = layer(y);
    return this.named.get('b')(this.named.get('a')(y)).mul(this.weight);
  }
}

class Recurrent extends nn.Module {
  rnn: Any;
  constructor(
    readonly kind: 'LSTM' | 'GRU' | 'RNN',
    readonly given = false,
    options: Any = {},
  ) {
    super();
    this.kind = kind;
    this.given = given;
    this.rnn = nn[kind](4, 3, options);
  }
  override forward(x: Any) {
    if (!this.given) return this.rnn(x);
    const h = torch.zeros(1, 2, 3);
    return this.rnn(x, this.kind === 'LSTM' ? [h, h] : h);
  }
}

/** Two results, one of which nobody uses, and a mutation of its argument. */
class Inner extends nn.Module {
  override forward(x: Any) {
    x.add_(1);
    return [x.mul(2), x.add(3)];
  }
}

class Mutating extends nn.Module {
  inner = new Inner();
  override forward(x: Any) {
    const y = x.clone();
    const [a] = this.inner(y);
    return a.add(y);
  }
}

class DictTaker extends nn.Module {
  override forward(d: Any) {
    return d.u.add(d.v);
  }
}

class ManyInputs extends nn.Module {
  linear = nn.Linear(4, 4);
  inner = new DictTaker();
  override forward(x: Any, pair: Any, named: Any) {
    const [a, b] = pair;
    return [this.linear(x).add(a.mul(b)), this.inner({ u: named.u, v: x })];
  }
}

class Positional extends nn.Module {
  tokens = nn.Embedding(10, 4);
  positions = nn.Embedding(8, 4);
  norm = nn.LayerNorm(4);
  override forward(x: Any) {
    const i = x.mul(9).to('int64');
    const n = i.size(1);
    const p = torch.arange(n).unsqueeze(0).expand(i.size(0), n);
    return this.norm(this.tokens(i).add(this.positions(p)));
  }
}

class UNet extends nn.Module {
  down = nn.Conv2d(1, 2, 3, 2, 1);
  up = nn.Upsample({ scale_factor: 2, mode: 'bilinear', align_corners: false });
  back = nn.ConvTranspose2d(2, 1, 2, 2);
  override forward(x: Any) {
    const d = this.down(x);
    const u = F.interpolate(d, { size: [...x.shape].slice(2), mode: 'nearest' });
    return torch.cat([this.up(d), u, this.back(d), x], 1);
  }
}

/** Submodules' parameters used from outside, a submodule that is never called, a value used in another scope. */
class Parts extends nn.Module {
  a: Any = nn.Linear(4, 4);
  b: Any = nn.Linear(4, 4, false);
  unused = nn.Linear(4, 4);
  scale = nn.Parameter(torch.ones(1));
  override forward(x: Any) {
    const h = F.linear(x, this.a.weight.add(this.b.weight), this.a.bias);
    return this.a(h).matmul(this.b.weight.t()).mul(this.scale.exp());
  }
}

class NoGradPart extends nn.Module {
  body = nn.Linear(4, 4);
  head = nn.Linear(4, 2);
  override forward(x: Any) {
    const h: Any = torch.no_grad(() => this.body(x));
    return this.head(h.detach());
  }
}

class Forking extends nn.Module {
  body = nn.Linear(4, 4);
  head = nn.Sequential(nn.Linear(4, 4), nn.ReLU());
  override async forward(x: Any) {
    const future: Any = jit.fork((a: Any) => this.head(this.body(a)), x);
    const y = this.body(x);
    return (await future).mul(y);
  }
}

class Outside extends nn.Module {
  inner: Any = new Forking();
  override async forward(x: Any) {
    return (await this.inner(x)).add(this.inner.body.bias);
  }
}

class Helper extends nn.Module {
  linear = nn.Linear(4, 4);
  help(x: Any) {
    return this.linear(x).tanh();
  }
  override forward(x: Any, scale: Any = null) {
    return scale === null ? x.mul(2) : x.mul(scale);
  }
}

/** Methods beside forward, its own and a submodule's; a submodule in a plain list; arguments left out. */
class Methodical extends nn.Module {
  inner: Any = new Helper();
  outer: Any = nn.Linear(4, 4);
  plain: Any = [nn.ReLU()];
  constructor() {
    super();
    this.register_buffer('nothing', null);
  }
  encode(x: Any, bias: Any = null) {
    const y = this.outer(x);
    return bias === null ? y : y.add(bias);
  }
  override forward(x: Any) {
    const y = this.encode(x);
    const z = this.inner.help(y).add(this.inner(y));
    return [this.plain[0](z), this.encode(z, this.outer.bias)];
  }
}

/** Hooks on a container, one that gives a tuple, one that writes in place. */
class Hooks extends nn.Module {
  body: Any = nn.Sequential(nn.Linear(4, 4), nn.Sigmoid());
  constructor() {
    super();
    this.body.register_forward_hook((_: Any, __: Any, out: Any) => [out, out.mul(2)]);
    this.body.get_submodule('0').register_forward_hook((_: Any, __: Any, out: Any) => out.add_(1));
    this.register_forward_pre_hook((_: Any, args: Any) => args[0].sub(1));
  }
  override forward(x: Any) {
    const [a, b] = this.body(x);
    return a.sub(b);
  }
}

class Layers extends nn.Module {
  stack = nn.Sequential(
    nn.Conv2d(4, 8, 3, { padding: 1, groups: 2, dilation: 1 }),
    nn.GroupNorm(2, 8),
    nn.InstanceNorm2d(8, { affine: true }),
    nn.BatchNorm2d(8, { momentum: null }),
    nn.BatchNorm2d(8, { track_running_stats: false }),
    nn.BatchNorm2d(8, { affine: false }),
    nn.PReLU(8),
    nn.AvgPool2d(2),
    nn.Dropout2d(0.5),
    nn.ConvTranspose2d(8, 4, 2, 2, { bias: false }),
    nn.Flatten(2),
    nn.LayerNorm(16, { elementwise_affine: false }),
    nn.LogSoftmax(-1),
  );
  override forward(x: Any) {
    return this.stack(x);
  }
}

class Cells extends nn.Module {
  a: Any = nn.LSTMCell(4, 3);
  b: Any = nn.RNNCell(3, 3, { nonlinearity: 'relu' });
  override forward(x: Any) {
    let [h, c] = this.a(x.at(0));
    let g = this.b(h);
    const outputs = [];
    for (let t = 1; t < 3; t++) {
      [h, c] = this.a(x.at(t), [h, c]);
      g = this.b(h, g);
      outputs.push(g);
    }
    return [torch.stack(outputs), [h, c]];
  }
}

/** A ModuleList called in pairs, its items counted, a weight shared by hand, and a result that is an input. */
class Residuals extends nn.Module {
  layers: Any = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)]);
  head: Any = nn.Linear(4, 4, false);
  constructor() {
    super();
    this.head.weight = [...this.layers][0].weight;
  }
  override forward(x: Any) {
    const skips = [];
    const [p, q, r, s] = this.layers;
    let y = x;
    for (const [i, [a, b]] of [
      [p, r],
      [q, s],
    ].entries()) {
      skips.push(y);
      y = b(F.relu(a(y))).add(y.mul(i));
    }
    return [this.head(y), skips[0], torch.cat(skips, -1)];
  }
}

class SqueezeExcite extends nn.Module {
  fc = nn.Sequential(
    nn.Conv2d(4, 2, 1),
    nn.ReLU({ inplace: true }),
    nn.Conv2d(2, 4, 1),
    nn.Hardsigmoid({ inplace: true }),
  );
  override forward(x: Any) {
    const [b, c] = x.size();
    const s = x.mean([2, 3], { keepdim: true });
    const y = F.adaptive_avg_pool2d(x, 1).view(b, c);
    return x.mul(this.fc(s)).add(y.at(':', ':', null, null));
  }
}

class Shuffle extends nn.Module {
  override forward(x: Any) {
    const [b, c, h, w] = x.shape;
    const y = x.view(b, 2, sizes.floordiv(c, 2), h, w).transpose(1, 2).contiguous().view(b, -1, h, w);
    const [a, z] = y.chunk(2, { dim: 1 });
    return torch.cat([a, z.mul(h)], 1);
  }
}

const first = { batch_first: true };
const fast = { fast: true, batch_first: true };

export const models: Record<string, () => InstanceType<typeof nn.Module>> = {
  attention: () => new Attended(),
  'attention in evaluation': () => new Attended().eval(),
  'attention, batch first': () => new Attended(first).eval(),
  'attention, the fast way': () => new Attended(fast).eval(),
  'attention, the fast way, no weights': () => new Attended(fast, { need_weights: false }).eval(),
  'attention, the fast way, weights of each head': () =>
    new Attended(fast, { average_attn_weights: false }).eval(),
  'attention without gradients, batch second': () => new Attended({ fast: true }).eval(),
  'attention, masked': () => new Attended(first, { need_weights: false }, true).eval(),
  'attention, masked, without gradients': () => new Attended(fast, {}, true).eval(),
  'attention without bias': () => new Attended({ bias: false }).eval(),
  'attention with dropout': () => new Attended({ dropout: 0.1 }),
  'attention, unbatched': () => new Attended().eval(),
  'cross attention': () => new CrossAttended().eval(),
  'cross attention, batch first': () => new CrossAttended(first).eval(),
  'encoder layer': () => new Encoded(first).eval(),
  'encoder layer in training': () => new Encoded(),
  'encoder layer, the fast way': () => new Encoded(fast).eval(),
  'encoder layer, the fast way, gelu, norm first': () =>
    new Encoded({ ...fast, activation: 'gelu', norm_first: true }).eval(),
  'encoder layer, norm first': () => new Encoded({ norm_first: true, activation: 'gelu' }).eval(),
  'encoder layer without gradients, batch second': () => new Encoded({ fast: true }).eval(),
  encoder: () => new EncodedStack(first).eval(),
  'encoder, the fast way': () => new EncodedStack(fast).eval(),
  'encoder, masked': () => new EncodedStack(first, true).eval(),
  'buffers written': () => new BufferWriter(),
  'shared blocks': () => new SharedBlocks(),
  hooks: () => new Hooked(),
  lists: () => new Lists(),
  mutating: () => new Mutating(),
  parts: () => new Parts(),
  'no gradients in a part': () => new NoGradPart(),
  'many inputs': () => new ManyInputs(),
  positions: () => new Positional(),
  unet: () => new UNet(),
  'squeeze and excite': () => new SqueezeExcite(),
  methods: () => new Methodical(),
  'hooks of containers': () => new Hooks(),
  layers: () => new Layers().eval(),
  'layers in training': () => new Layers(),
  cells: () => new Cells(),
  residuals: () => new Residuals(),
  'gru, both ways, two layers': () =>
    new Recurrent('GRU', false, { num_layers: 2, bidirectional: true, batch_first: true }),
  forks: () => new Forking(),
  'forks inside': () => new Outside(),
  shuffle: () => new Shuffle(),
  lstm: () => new Recurrent('LSTM'),
  'lstm with a state': () => new Recurrent('LSTM', true),
  'gru with a state': () => new Recurrent('GRU', true),
  'rnn, relu': () => new Recurrent('RNN', false, { nonlinearity: 'relu' }),
  'rnn, both ways': () => new Recurrent('RNN', false, { bidirectional: true }),
  'gru, two layers with dropout': () => new Recurrent('GRU', false, { num_layers: 2, dropout: 0.3 }),
  'lstm, unbatched': () => new Recurrent('LSTM'),
  'gru, batch first, no bias': () => new Recurrent('GRU', false, { batch_first: true, bias: false }),
};
