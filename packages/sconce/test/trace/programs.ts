/** What conformance/models/programs_trace.py has in Python, in JavaScript. */
import * as torch from '../../src/index.ts';

const { nn } = torch;
const F = nn.functional;

// biome-ignore lint/suspicious/noExplicitAny: programs are traced, not type-checked; sizes are numbers that a tracer follows
export type Any = any;

export const functions: Record<string, (...args: Any[]) => Any> = {
  arithmetic(x, y) {
    let z = x.add(1);
    z = z.mul(2.5).sub(y.div(2));
    return [
      z.sub(3).add(y, { alpha: 2 }).pow(2).neg().clamp(0, 1), x.gt(0), x.eq(1), x.remainder(2), x.floor_divide(2), x.mul(y),
      torch.rsub(x, 2),
    ]; // biome-ignore format: as in Python
  },
  sizes(x) {
    const n = x.size(0);
    return [
      x.view(n.mul(2), -1), x.reshape(x.shape[0].floordiv(3), -1), torch.zeros(x.size(1)), x.expand(x.shape), x.mul(x.size(0)),
      x.view(x.numel().floordiv(2), 2), torch.arange(x.shape[0]), x.div(x.size(1)), x.view(-1, x.size(-1).sub(2)),
      x.narrow(0, 0, x.size(0).sub(1)), x.sum().div(x.shape[0]), x.size(0).pow(2), x.size(0).neg(), x.size(0).remainder(2),
      x.size(0).div(2),
    ]; // biome-ignore format: as in Python
  },
  async indexing(x) {
    return [
      x.at(0), x.at(-1), x.at('1:'), x.at(':', 1), x.at('...', 1), x.at(null), x.at('::2', '1:3'), await x.at(x.gt(-1)), x.at(':2', null),
    ]; // biome-ignore format: as in Python
  },
  async assigning(x) {
    const y = x.clone();
    y.set_at([0], 5);
    y.set_at([1], x.at(0));
    y.set_at([':', '1:3'], x.at(':', '1:3'));
    y.add_(x);
    y.add_(1);
    y.mul_(2);
    await y.set_at([x.gt(0.5)], 0);
    return y;
  },
  factories(x) {
    return [
      torch.zeros(2, 3), torch.zeros([2], { dtype: 'int64' }), torch.ones_like(x), torch.arange(5), torch.full([2], 1.5),
      torch.eye(3), x.new_zeros(2), torch.linspace(0, 1, 5), torch.zeros_like(x, { dtype: 'float64' }), torch.full_like(x, 3),
      torch.ones(2), torch.arange(1, 5),
    ]; // biome-ignore format: as in Python
  },
  randoms(x) {
    return [
      torch.rand(2),
      torch.randn(2, 3),
      torch.rand_like(x),
      torch.randint(0, 5, [2]),
      torch.bernoulli(x),
    ];
  },
  literals(x) {
    return [x.add(torch.tensor([1, 2, 3, 4])), torch.tensor(2.5)];
  },
  conversions(x) {
    return [x.to('float64'), x.clone(), x.detach(), x.contiguous(), x.type_as(x), x.to('int64')];
  },
  reductions(x) {
    return [
      x.sum(), x.sum(1), x.mean([0, 1]), x.mean(), x.max(), x.max(1), x.min(0), x.argmax(1), x.softmax(-1), x.log_softmax(1),
      x.std(0), x.var(), x.prod(), x.any(), x.all(), x.cumsum(0), x.amax(1), x.logsumexp(1),
    ]; // biome-ignore format: as in Python
  },
  pieces(x) {
    const [a, b] = x.chunk(2, 1);
    const [c, d] = torch.split(x, 2) as Any;
    const [e, f, g] = x.unbind(0);
    return [torch.cat([a, b], 1), torch.stack([e, f]), c.sum(), d, g, x.split([1, 2])];
  },
  shapes_of(x) {
    return [
      x.permute(1, 0), x.transpose(0, 1), x.t(), x.unsqueeze(0).squeeze(0), x.flatten(), x.repeat(2, 1), x.squeeze(), x.flip([0]),
      x.roll(1, 0), x.tril(), x.expand(2, 3, 4), x.view_as(x), x.swapaxes(0, 1), x.movedim(0, 1),
    ]; // biome-ignore format: as in Python
  },
  products(x) {
    return [
      x.matmul(x.t()), torch.matmul(x, x.t()), torch.mm(x, x.t()), torch.einsum('ij,kj->ik', [x, x]), torch.bmm(x.at(null), x.t().at(null)),
    ]; // biome-ignore format: as in Python
  },
  choices(x) {
    return [
      torch.where(x.gt(0.5), x, x.neg()), x.masked_fill(x.gt(0.5), 0), x.topk(2), x.sort(),
      x.gather(1, torch.zeros_like(x, { dtype: 'int64' })), torch.maximum(x, x), x.clamp({ min: 0.5 }),
      x.index_select(0, torch.zeros(1, { dtype: 'int64' })),
    ]; // biome-ignore format: as in Python
  },
  functional(x) {
    return [
      F.relu(x), F.gelu(x), F.leaky_relu(x), F.softplus(x), F.softmax(x, 1), F.log_softmax(x, 1), F.layer_norm(x, [4]),
      F.pad(x, [1, 1]), F.normalize(x), F.relu6(x), F.hardtanh(x), F.mse_loss(x, x.mul(2)),
    ]; // biome-ignore format: as in Python
  },
  convolutions(x) {
    const w = torch.ones(2, 4, 3, 3);
    return [
      F.conv2d(x, w, { padding: 1 }), F.conv2d(x, w, { padding: 'same' }), F.conv_transpose2d(x, torch.ones(4, 2, 3, 3)),
      F.max_pool2d(x, 2), F.avg_pool2d(x, 2), F.adaptive_avg_pool2d(x, 1), F.interpolate(x, { scale_factor: 2 }),
      F.interpolate(x, { size: [6, 6], mode: 'bilinear' }),
    ]; // biome-ignore format: as in Python
  },
  passing: (x, y) => [y, x],
  nested(pair, z) {
    const [a, [b]] = pair;
    return [a.add(b), [z, [a]]];
  },
  from_dict: (d) => d.a.add(d.b),
  to_dict: (x) => ({ twice: x.mul(2), same: x }),
  inplace(x) {
    const y = x.clone().relu_().add_(1);
    torch.sigmoid_(y);
    y.zero_();
    return y.view(-1);
  },
  views(x) {
    const y = x.clone();
    const v = y.view(-1);
    v.set_at([0], 1);
    v.add_(1);
    return y;
  },
  unused(x) {
    const a = x.add(1);
    const b = a.mul(2);
    b.add_(1);
    return a;
  },
  no_grad(x) {
    const y = torch.no_grad(() => x.mul(2));
    return y.add(x);
  },
};

class MyDecisionGate extends nn.Module {
  override forward(x: Any) {
    if (x.sum() > -1000) return x;
    return x.neg();
  }
}

class MyCell extends nn.Module {
  dg = new MyDecisionGate();
  linear = nn.Linear(4, 4);
  override forward(x: Any, h: Any) {
    const new_h = torch.tanh(this.dg(this.linear(x)).add(h));
    return [new_h, new_h];
  }
}

class Net extends nn.Module {
  convs = nn.Sequential(nn.Conv2d(3, 16, 5, 1, 2), nn.MaxPool2d(2), nn.ReLU());
  mlp = nn.Linear(1024, 10);
  override forward(input: Any) {
    let x = this.convs(input);
    x = x.view(x.size(0), -1);
    return this.mlp(x);
  }
}

class Shared extends nn.Module {
  lin = nn.Linear(4, 4);
  other: Any = nn.Linear(4, 4);
  scale = nn.Parameter(torch.ones(4));
  items = nn.ModuleList([nn.Linear(4, 4), nn.ReLU()]);
  declare offset: Any;
  constructor() {
    super();
    this.other.weight = this.lin.weight;
    this.register_buffer('offset', torch.zeros(4));
  }
  override forward(x: Any) {
    let y = this.lin(x);
    y = this.lin(y).mul(this.scale).add(this.offset);
    y = this.other(y).add(this.other.bias);
    for (const item of this.items) y = item(y);
    return [y, this.lin.weight.sum()];
  }
}

class Pair extends nn.Module {
  override forward(a: Any, b: Any) {
    return [a.add(b), a.sub(b)];
  }
}

class Crossing extends nn.Module {
  pair = new Pair();
  inner = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Tanh()));
  override forward(x: Any) {
    const [p, q] = this.pair(x, x.mul(2));
    return this.inner(p).add(q);
  }
}

class Keeper extends nn.Module {
  kept: Any = null;
  override forward(x: Any) {
    this.kept = x.mul(2);
    return x.add(1);
  }
}

class Reader extends nn.Module {
  keeper = new Keeper();
  override forward(x: Any) {
    return this.keeper(x).add(this.keeper.kept);
  }
}

class Block extends nn.Module {
  conv1: Any;
  bn1: Any;
  relu = nn.ReLU(true);
  conv2: Any;
  bn2: Any;
  downsample: Any;
  constructor(inp: number, out: number, stride: number) {
    super();
    this.conv1 = nn.Conv2d(inp, out, 3, stride, 1, 1, 1, false);
    this.bn1 = nn.BatchNorm2d(out);
    this.conv2 = nn.Conv2d(out, out, 3, 1, 1, 1, 1, false);
    this.bn2 = nn.BatchNorm2d(out);
    this.downsample =
      stride !== 1 || inp !== out
        ? nn.Sequential(nn.Conv2d(inp, out, 1, stride, 0, 1, 1, false), nn.BatchNorm2d(out))
        : null;
  }
  override forward(x: Any) {
    let out = this.relu(this.bn1(this.conv1(x)));
    out = this.bn2(this.conv2(out));
    const identity = this.downsample ? this.downsample(x) : x;
    out.add_(identity);
    return this.relu(out);
  }
}

class ResNet18 extends nn.Module {
  conv1 = nn.Conv2d(3, 8, 7, 2, 3, 1, 1, false);
  bn1 = nn.BatchNorm2d(8);
  relu = nn.ReLU(true);
  maxpool = nn.MaxPool2d(3, 2, 1);
  layer1 = nn.Sequential(new Block(8, 8, 1), new Block(8, 8, 1));
  layer2 = nn.Sequential(new Block(8, 16, 2), new Block(16, 16, 1));
  layer3 = nn.Sequential(new Block(16, 32, 2), new Block(32, 32, 1));
  layer4 = nn.Sequential(new Block(32, 64, 2), new Block(64, 64, 1));
  avgpool = nn.AdaptiveAvgPool2d([1, 1]);
  fc = nn.Linear(64, 10);
  override forward(x: Any) {
    let y = this.maxpool(this.relu(this.bn1(this.conv1(x))));
    y = this.layer4(this.layer3(this.layer2(this.layer1(y))));
    return this.fc(torch.flatten(this.avgpool(y), 1));
  }
}

const conv_bn = (inp: number, out: number, kernel: number, stride: number, groups: number) =>
  nn.Sequential(
    nn.Conv2d(inp, out, kernel, stride, (kernel - 1) / 2, 1, groups, false),
    nn.BatchNorm2d(out),
    nn.ReLU6(true),
  );

class InvertedResidual extends nn.Module {
  conv: Any;
  constructor(
    inp: number,
    out: number,
    stride: number,
    expand: number,
    readonly use_res: boolean = stride === 1 && inp === out,
  ) {
    super();
    this.use_res = use_res;
    const hidden = inp * expand;
    this.conv = nn.Sequential(
      ...(expand !== 1 ? [conv_bn(inp, hidden, 1, 1, 1)] : []),
      conv_bn(hidden, hidden, 3, stride, hidden),
      nn.Conv2d(hidden, out, 1, 1, 0, 1, 1, false),
      nn.BatchNorm2d(out),
    );
  }
  override forward(x: Any) {
    return this.use_res ? x.add(this.conv(x)) : this.conv(x);
  }
}

class MobileNetV2 extends nn.Module {
  features: Any;
  classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(64, 10));
  constructor() {
    super();
    const features: Any[] = [conv_bn(3, 8, 3, 2, 1)];
    let inp = 8;
    for (const [t, c, n, s] of [
      [1, 8, 1, 1],
      [6, 12, 2, 2],
      [6, 16, 3, 2],
      [6, 24, 2, 2],
      [6, 32, 2, 1],
    ])
      for (let i = 0; i < n; i++) {
        features.push(new InvertedResidual(inp, c, i === 0 ? s : 1, t));
        inp = c;
      }
    features.push(conv_bn(inp, 64, 1, 1, 1));
    const { classifier } = this;
    // The order of submodules is that of their assignment.
    delete (this as Any).classifier;
    this.features = nn.Sequential(...features);
    this.classifier = classifier;
  }
  override forward(x: Any) {
    let y = this.features(x);
    y = F.adaptive_avg_pool2d(y, [1, 1]);
    y = torch.flatten(y, 1);
    return this.classifier(y);
  }
}

class SelfAttention extends nn.Module {
  qkv: Any;
  proj: Any;
  constructor(
    dim: number,
    readonly heads: number,
  ) {
    super();
    this.heads = heads;
    this.qkv = nn.Linear(dim, 3 * dim);
    this.proj = nn.Linear(dim, dim);
  }
  override forward(input: Any) {
    const [b, n, c] = input.shape;
    const qkv = this.qkv(input).reshape(b, n, 3, this.heads, c.floordiv(this.heads)).permute(2, 0, 3, 1, 4);
    const [q, k, v] = [qkv.at(0), qkv.at(1), qkv.at(2)];
    const attn = q.matmul(k.transpose(-2, -1)).mul(0.5);
    return this.proj(attn.softmax(-1).matmul(v).transpose(1, 2).reshape(b, n, c));
  }
}

class EncoderBlock extends nn.Module {
  norm1: Any;
  attn: Any;
  norm2: Any;
  mlp: Any;
  constructor(dim: number, heads: number) {
    super();
    this.norm1 = nn.LayerNorm(dim);
    this.attn = new SelfAttention(dim, heads);
    this.norm2 = nn.LayerNorm(dim);
    this.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim));
  }
  override forward(input: Any) {
    const x = input.add(this.attn(this.norm1(input)));
    return x.add(this.mlp(this.norm2(x)));
  }
}

class Encoder extends nn.Module {
  pos = nn.Parameter(torch.zeros(1, 5, 8));
  blocks = nn.ModuleList([new EncoderBlock(8, 2), new EncoderBlock(8, 2)]);
  norm = nn.LayerNorm(8);
  override forward(x: Any) {
    let y = x.add(this.pos);
    for (const block of this.blocks) y = block(y);
    return this.norm(y).mean(1);
  }
}

class Tagger extends nn.Module {
  lstm = nn.LSTM(4, 6, 1, true, true);
  out = nn.Linear(6, 3);
  override forward(x: Any) {
    const [y, [h]] = this.lstm(x);
    return [this.out(y), h];
  }
}

class Loop extends nn.Module {
  cell = nn.GRUCell(4, 4);
  override forward(x: Any) {
    let h: Any = torch.zeros(2, 4);
    for (let i = 0; i < 3; i++) h = this.cell(x.at(i), h);
    return h;
  }
}

class Methods extends nn.Module {
  lin = nn.Linear(4, 4);
  override forward(x: Any) {
    return this.lin(x);
  }
  weighted(x: Any) {
    return this.lin(x.mul(2)).add(this.lin.weight);
  }
}

export const models: Record<string, () => InstanceType<typeof nn.Module>> = {
  MyCell: () => new MyCell(),
  Net: () => new Net(),
  Shared: () => new Shared(),
  Crossing: () => new Crossing(),
  Reader: () => new Reader(),
  ResNet18: () => new ResNet18().eval(),
  'ResNet18 in training': () => new ResNet18(),
  MobileNetV2: () => new MobileNetV2().eval(),
  Encoder: () => new Encoder().eval(),
  Tagger: () => new Tagger(),
  Loop: () => new Loop(),
  Methods: () => new Methods(),
};
