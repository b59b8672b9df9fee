/** Seed 5's compatibility test, on every backend: a trace gives what the model gives, on inputs that it has not seen. */
import { type Backend, functions, Module, manual_seed, setCurrentBackend, type Tensor } from '@sconce/core';
import type { Functions } from '@sconce/core/functions';
import { sizes, trace } from '@sconce/jit';
import * as nn from '@sconce/nn';
import { type Case, fail, type LayerContext, pass, type Verdict } from '../case.ts';

const torch = functions as unknown as Functions;

/** Sizes in a traced program are numbers with methods. */
// biome-ignore lint/suspicious/noExplicitAny: what modules take and give
type Any = any;

interface Subject {
  readonly make: () => Module | ((...args: Any[]) => Any);
  /** Shapes of the examples, and of other inputs, which the trace must be good for. */
  readonly shapes: readonly [readonly number[][], readonly number[][]];
}

class Proposal extends Module {
  convs: Any = nn.Sequential(nn.Conv2d(3, 4, 5, { stride: 1, padding: 2 }), nn.MaxPool2d(2), nn.ReLU());
  mlp: Any = nn.Linear(64, 10);
  override forward(input: Any): Any {
    const x = this.convs(input);
    return this.mlp(x.view(x.size(0), -1));
  }
}

class Residual extends Module {
  conv: Any = nn.Conv2d(4, 4, 3, { padding: 1 });
  bn: Any = nn.BatchNorm2d(4);
  override forward(x: Any): Any {
    const y = this.bn(this.conv(x)).relu_();
    return y.add_(x).at(':', '1:3');
  }
}

class Attention extends Module {
  qkv: Any = nn.Linear(8, 24);
  norm: Any = nn.LayerNorm(8);
  override forward(x: Any): Any {
    const [b, n, c] = x.shape;
    const parts = this.qkv(this.norm(x)).reshape(b, n, 3, 2, sizes.floordiv(c, 2)).permute(2, 0, 3, 1, 4);
    const weights = parts.at(0).matmul(parts.at(1).transpose(-2, -1)).mul(0.5).softmax(-1);
    return weights.matmul(parts.at(2)).transpose(1, 2).reshape(b, n, c).add(x);
  }
}

class Tagger extends Module {
  lstm: Any = nn.LSTM(4, 6, { batch_first: true });
  out: Any = nn.Linear(6, 3);
  override forward(x: Any): Any {
    const [y, [h]] = this.lstm(x);
    return [this.out(y), h];
  }
}

class Heads extends Module {
  attention: Any = nn.MultiheadAttention(8, 2, { batch_first: true });
  override forward(x: Any): Any {
    return this.attention(x, x, x);
  }
}

const encoder = (options: Any = {}): Module =>
  nn.TransformerEncoder([nn.TransformerEncoderLayer(8, 2, 16, { batch_first: true, ...options })], {
    norm: nn.LayerNorm(8),
  });

const fixed = (module: Module): Module => {
  for (const parameter of module.parameters()) parameter.requires_grad = false;
  return module.eval();
};

const subjects: Readonly<Record<string, Subject>> = {
  linear: { make: () => nn.Linear(4, 3), shapes: [[[2, 4]], [[5, 4]]] },
  mlp: {
    make: () => nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 2), nn.Softmax(-1)),
    shapes: [[[2, 4]], [[3, 7, 4]]],
  },
  proposal: { make: () => new Proposal(), shapes: [[[1, 3, 8, 8]], [[3, 3, 8, 8]]] },
  residual: { make: () => new Residual().eval(), shapes: [[[1, 4, 6, 6]], [[2, 4, 5, 7]]] },
  attention: { make: () => new Attention(), shapes: [[[2, 5, 8]], [[3, 4, 8]]] },
  heads: { make: () => new Heads(), shapes: [[[2, 5, 8]], [[3, 4, 8]]] },
  fused_heads: { make: () => fixed(new Heads()), shapes: [[[2, 5, 8]], [[3, 4, 8]]] },
  encoder: { make: () => encoder().eval(), shapes: [[[2, 5, 8]], [[3, 4, 8]]] },
  fused_encoder: { make: () => fixed(encoder({ activation: 'gelu' })), shapes: [[[2, 5, 8]], [[3, 4, 8]]] },
  fused_encoder_norm_first: { make: () => fixed(encoder({ norm_first: true })), shapes: [[[2, 5, 8]], [[3, 4, 8]]] },
  tagger: { make: () => new Tagger(), shapes: [[[2, 5, 4]], [[3, 2, 4]]] },
  same: { make: () => nn.Conv2d(2, 3, [3, 2], { padding: 'same' }), shapes: [[[1, 2, 5, 4]], [[2, 2, 6, 7]]] },
  gru_cell: { make: () => nn.GRUCell(4, 5), shapes: [[[2, 4], [2, 5]], [[6, 4], [6, 5]]] },
  arange: {
    make: () => (x: Any) => torch.arange(x.shape[0]).add(x),
    shapes: [[[3]], [[5]]],
  },
  halves: {
    make: () => (x: Any) => torch.arange(x.shape[0]).mul(0.5).add(x),
    shapes: [[[3]], [[5]]],
  },
  arithmetic: {
    make: () => (x: Any, y: Any) => x.mul(2.5).add(y, { alpha: 2 }).div(3).clamp({ min: 0.1 }).sum([-1]),
    shapes: [[[3, 4], [3, 4]], [[2, 5], [2, 5]]],
  },
}; // biome-ignore format: a table

const flat = (result: unknown): Tensor[] =>
  Array.isArray(result) ? result.flatMap(flat) : [result as Tensor];

async function compare(backend: Backend, { make, shapes }: Subject): Promise<Verdict> {
  setCurrentBackend(backend);
  manual_seed(0);
  const model = make() as (...args: Any[]) => Any;
  const [examples, others] = shapes.map((list) => list.map((shape) => torch.rand(shape)));
  const traced = (await trace(model, examples, { check_inputs: [examples, others] })) as (
    ...args: Any[]
  ) => Any;
  const got = flat(await traced(...others));
  const want = flat(model(...others));
  if (got.length !== want.length) return fail(`gave ${got.length} tensors, want ${want.length}`);
  for (const [i, tensor] of got.entries())
    if (!(await tensor.allclose(want[i], 1e-4, 1e-5)))
      return fail(`output ${i} is not the model's:\n${tensor}\nwant\n${want[i]}`);
  return pass;
}

export function* traced(backend: Backend, wantsName: LayerContext['wantsName']): Generator<Case> {
  for (const [name, subject] of Object.entries(subjects)) {
    const id = { layer: 'jit', name: `traced_${name}`, params: { check: 'allclose' } };
    if (wantsName(id.name)) yield { id, run: () => compare(backend, subject) };
  }
}
