/** The benchmark's networks as a user writes them: modules of Sconce, with PyTorch's names so that its weights load. */
import * as torch from 'sconce';

const { nn } = torch;
type Tensor = torch.Tensor;

const conv = (from: number, to: number, size: number, options: object) =>
  nn.Conv2d(from, to, size, { bias: false, ...options });

class BasicBlock extends nn.Module {
  readonly conv1;
  readonly bn1;
  readonly conv2;
  readonly bn2;
  readonly downsample;

  constructor(from: number, to: number, stride: number) {
    super();
    this.conv1 = conv(from, to, 3, { stride, padding: 1 });
    this.bn1 = nn.BatchNorm2d(to);
    this.conv2 = conv(to, to, 3, { padding: 1 });
    this.bn2 = nn.BatchNorm2d(to);
    this.downsample =
      stride !== 1 || from !== to ? nn.Sequential(conv(from, to, 1, { stride }), nn.BatchNorm2d(to)) : null;
  }

  override forward(x: Tensor): Tensor {
    const y = torch.relu(this.bn1(this.conv1(x)));
    return torch.relu(this.bn2(this.conv2(y)).add(this.downsample ? this.downsample(x) : x));
  }
}

/** torchvision's ResNet-18: He et al. 2015. */
export class ResNet18 extends nn.Module {
  readonly conv1 = conv(3, 64, 7, { stride: 2, padding: 3 });
  readonly bn1 = nn.BatchNorm2d(64);
  readonly fc = nn.Linear(512, 1000);
  readonly layers: torch.nn.Sequential[];

  constructor() {
    super();
    this.layers = [64, 128, 256, 512].map((to, i) => {
      const from = i === 0 ? 64 : to / 2;
      const layer = nn.Sequential(new BasicBlock(from, to, i === 0 ? 1 : 2), new BasicBlock(to, to, 1));
      this.add_module(`layer${i + 1}`, layer);
      return layer;
    });
  }

  override forward(x: Tensor): Tensor {
    let h = torch.relu(this.bn1(this.conv1(x)));
    h = torch.max_pool2d(h, 3, { stride: 2, padding: 1 });
    for (const layer of this.layers) h = layer.forward(h);
    return this.fc(torch.flatten(torch.adaptive_avg_pool2d(h, [1, 1]), 1));
  }
}

const convNorm = (from: number, to: number, size: number, stride: number, groups = 1) =>
  nn.Sequential(
    conv(from, to, size, { stride, padding: (size - 1) / 2, groups }),
    nn.BatchNorm2d(to),
    nn.ReLU6(),
  );

class InvertedResidual extends nn.Module {
  readonly conv;
  readonly isResidual: boolean;

  constructor(from: number, to: number, stride: number, expand: number) {
    super();
    const hidden = from * expand;
    this.isResidual = stride === 1 && from === to;
    this.conv = nn.Sequential(
      ...(expand === 1 ? [] : [convNorm(from, hidden, 1, 1)]),
      convNorm(hidden, hidden, 3, stride, hidden),
      conv(hidden, to, 1, {}),
      nn.BatchNorm2d(to),
    );
  }

  override forward(x: Tensor): Tensor {
    const y = this.conv(x);
    return this.isResidual ? x.add(y) : y;
  }
}

/** torchvision's MobileNetV2: Sandler et al. 2018. */
export class MobileNetV2 extends nn.Module {
  readonly features;
  readonly classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 1000));

  constructor() {
    super();
    const parts: torch.nn.Module[] = [convNorm(3, 32, 3, 2)];
    let from = 32;
    for (const [expand, to, repeat, first] of [
      [1, 16, 1, 1],
      [6, 24, 2, 2],
      [6, 32, 3, 2],
      [6, 64, 4, 2],
      [6, 96, 3, 1],
      [6, 160, 3, 2],
      [6, 320, 1, 1],
    ])
      for (let i = 0; i < repeat; i++) {
        parts.push(new InvertedResidual(from, to, i === 0 ? first : 1, expand));
        from = to;
      }
    this.features = nn.Sequential(...parts, convNorm(from, 1280, 1, 1));
  }

  override forward(x: Tensor): Tensor {
    return this.classifier(torch.flatten(torch.adaptive_avg_pool2d(this.features(x), [1, 1]), 1));
  }
}

const width = 384;
const heads = 6;

/** A layer of a decoder-only transformer: layer norm before attention and before the MLP. */
class Block extends nn.Module {
  readonly ln1 = nn.LayerNorm(width);
  readonly ln2 = nn.LayerNorm(width);
  readonly qkv = nn.Linear(width, 3 * width);
  readonly proj = nn.Linear(width, width);
  readonly fc = nn.Linear(width, 4 * width);
  readonly out = nn.Linear(4 * width, width);

  /** The output, and what the next token needs of this one. */
  override forward(x: Tensor, mask: Tensor | null, past?: readonly Tensor[]): [Tensor, Tensor, Tensor] {
    const [n, length] = x.shape;
    const split = this.qkv(this.ln1(x)).split(width, 2) as Tensor[];
    const parts = split.map((t) => t.reshape([n, length, heads, width / heads]).transpose(1, 2));
    const q = parts[0];
    let [, k, v] = parts;
    if (past) [k, v] = [torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)];
    let scores = q.matmul(k.transpose(2, 3)).div(Math.sqrt(width / heads));
    if (mask) scores = scores.add(mask);
    const context = torch.softmax(scores, -1).matmul(v);
    const y = x.add(this.proj(context.transpose(1, 2).reshape([n, length, width])));
    return [y.add(this.out(torch.gelu(this.fc(this.ln2(y))))), k, v];
  }
}

export class Transformer extends nn.Module {
  readonly blocks = nn.ModuleList(Array.from({ length: 6 }, () => new Block()));
  declare readonly mask: Tensor;

  constructor() {
    super();
    this.register_buffer('mask', torch.triu(torch.full([128, 128], -1e9), 1));
  }

  /** A prompt of 128 tokens; with `past`, the keys and values of each layer in turn, one token after them. */
  override forward(x: Tensor, ...past: Tensor[]): Tensor[] {
    const cache: Tensor[] = [];
    let h = x;
    const mask = past.length ? null : this.mask;
    for (const [i, block] of [...this.blocks].entries()) {
      const [y, k, v] = (block as Block).forward(
        h,
        mask,
        past.length ? past.slice(2 * i, 2 * i + 2) : undefined,
      );
      h = y;
      cache.push(k, v);
    }
    return past.length ? [h, ...cache] : [h];
  }
}

/** The MNIST network of the training step. */
export class Digits extends nn.Module {
  readonly c1 = nn.Conv2d(1, 16, 5, { padding: 2 });
  readonly c2 = nn.Conv2d(16, 32, 5, { padding: 2 });
  readonly l = nn.Linear(1568, 10);

  override forward(x: Tensor): Tensor {
    const h = torch.max_pool2d(torch.relu(this.c1(x)), 2);
    return this.l(torch.flatten(torch.max_pool2d(torch.relu(this.c2(h)), 2), 1));
  }
}
