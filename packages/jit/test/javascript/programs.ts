/** JavaScript twins of the Python programs in generate/javascript.py, by name: what is compiled, and with what types. */
import { Module } from '@sconce/core';
import { Linear, ModuleList, ReLU, Sequential } from '@sconce/nn';
import type { Given } from '../../src/index.ts';

// biome-ignore lint/suspicious/noExplicitAny: operators on tensors, which TypeScript does not know
type Any = any;

// Names that a compiled function knows; nothing of them runs here.
declare const torch: Any;
declare const F: Any;

export interface Twin {
  readonly f: (...args: Any[]) => unknown;
  readonly schema?: string;
  readonly given?: Given;
}

const ALPHA = 0.25;

function scaled(x: Any, k: Any) {
  return x * k * ALPHA;
}
const scaledTyped = (x: Any, k = 0) => x * k * ALPHA;

export const twins: Readonly<Record<string, Twin>> = {
  // As text, since linters see what the seed's author did on purpose.
  happy_function: {
    f: new Function(`return function happy_function(x) {
      let ret = torch.rand(0);
      if (true === true) ret = torch.rand(1);
      else ret = torch.rand(2);
      return ret;
    }`)(),
  },
  decision: {
    f: function decision(x: Any) {
      if (x.sum() > 0) {
        return x;
      } else {
        return -x;
      }
    },
  },
  arithmetic: {
    f: (x: Any, h: Any) => {
      let y = x + h * 2 - 1;
      y = y / 0.5;
      return (-y) ** 2 + (1.5 % 1.0625);
    },
  },
  in_place: {
    f: (x: Any) => {
      let y = x * 1;
      y += 1;
      y *= 2.5;
      y -= x;
      return y;
    },
  },
  comparisons: {
    f: (x: Any, y: Any) => {
      const a = x > y;
      const b = x === 1;
      const c = x !== y;
      return [a, b, c];
    },
  },
  rnn_loop: {
    f: (xs: Any, h: Any) => {
      let y = torch.zeros(3, 3);
      for (let i = 0; i < xs.size(0); i++) {
        y = torch.tanh(xs[i] + h);
        h = y * 0.5;
      }
      return [y, h];
    },
  },
  early: {
    f: (x: Any) => {
      for (let i = 0; i < x.size(0); i++) {
        if (x[i] < 0) return x[i] * i;
      }
      return x.sum();
    },
  },
  skipping: {
    schema: 'skipping(int n) -> int',
    f: (n: Any) => {
      let total = 0;
      let i = 0;
      while (i < n) {
        i += 1;
        if (i === 3) continue;
        if (i > 7) break;
        total += i;
      }
      return total;
    },
  },
  collect: {
    schema: 'collect(Tensor x, int n) -> Tensor[]',
    f: (x: Any, n: Any) => {
      const out = jit.annotate('Tensor[]', []);
      for (let i = 0; i < n; i++) {
        if (i % 2 === 0) out.push(x + i);
      }
      return out;
    },
  },
  counting_down: {
    schema: 'counting_down(int n) -> int[]',
    f: (n: Any) => {
      const out = jit.annotate('int[]', []);
      for (let i = n; i > 0; i--) out.push(i);
      for (let k = 1; k <= n; k++) out.push(k * k);
      for (let j = 0; j < n; j += 2) out.push(j);
      return out;
    },
  },
  over_items: {
    schema: 'over_items(Tensor[] xs) -> Tensor',
    f: (xs: Any) => {
      let total = torch.zeros(2);
      for (const t of xs) total = total + t;
      return total;
    },
  },
  enumerated: {
    schema: 'enumerated(Tensor[] xs) -> Tensor',
    f: (xs: Any) => {
      let total = torch.zeros(2);
      for (const [i, t] of xs.entries()) total = total + t * i;
      return total;
    },
  },
  optional: {
    schema: 'optional(Tensor x, Tensor? bias=None) -> Tensor',
    f: (x: Any, bias: Any) => {
      if (bias !== null) return x + bias;
      return x;
    },
  },
  defaulted: {
    f: (x: Any, n = 2, scale = 0.5, flip = false) => {
      const y = x * n * scale;
      return flip ? -y : y;
    },
  },
  keywords: {
    f: (x: Any, dim = 1, keep = true) => x.sum({ dim, keepdim: keep }),
  },
  dictionary: {
    schema: 'dictionary(Dict(str, Tensor) d) -> Tensor',
    f: (d: Any) => {
      let total = torch.zeros(2);
      for (const [k, t] of d.entries()) {
        if (k !== 'skip') total = total + t;
      }
      if ('bias' in d) total = total + d.bias;
      return total;
    },
  },
  tuples: {
    schema: 'tuples(Tensor x, (Tensor, int) pair) -> (Tensor, Tensor)',
    f: (x: Any, pair: Any) => {
      let [y, n] = pair;
      [x, y] = [y, x];
      return [x + n, y];
    },
  },
  largest: {
    f: (x: Any) => {
      const [values, indices] = x.max({ dim: 1 });
      return [values, indices];
    },
  },
  booleans: {
    schema: 'booleans(bool a, bool b, int n) -> bool',
    f: (a: Any, b: Any, n: Any) => {
      const c = a && !b;
      return c || n > 3;
    },
  },
  conditions: {
    schema: 'conditions(Tensor x, Tensor y, int n) -> Tensor',
    f: (x: Any, y: Any, n: Any) => {
      if ((n > 0 && x.sum() > 0) || y.sum() > 0) return x;
      return y;
    },
  },
  raising: {
    schema: 'raising(Tensor x, int n) -> Tensor',
    f: (x: Any, n: Any) => {
      if (n < 0) throw new RangeError('n must not be negative');
      return x * n;
    },
  },
  templates: {
    schema: 'templates(int n, str s) -> str',
    f: (n: Any, s: Any) => `${s}-${n}!`.toUpperCase(),
  },
  numbers: {
    schema: 'numbers(int a, float b) -> float',
    f: (a: Any, b: Any) => {
      const c = a * 2 + 1;
      const d = Math.floor(b);
      return Math.sqrt(a) + c / 2 + d - Math.max(b, 0.25);
    },
  },
  indexing: {
    f: (x: Any) => {
      const first = x[0];
      const last = x[-1];
      const corner = x.at(0, '1:3');
      return [first, last, corner];
    },
  },
  comprehension: {
    schema: 'comprehension(Tensor[] xs) -> Tensor[]',
    f: (xs: Any) => xs.map((t: Any) => t * 2),
  },
  functional: {
    f: (x: Any) => {
      let y = F.relu(x);
      y = F.softmax(y, { dim: 1 });
      return F.layer_norm(y, [3]);
    },
  },
  helper_call: {
    given: { scaled: scaledTyped, ALPHA },
    f: (x: Any) => scaled(x, 3) + (scaled as Any)(x, { k: 2 }),
  },
  nested: {
    f: (x: Any) => {
      let total = torch.zeros(3);
      for (let i = 0; i < 2; i++) {
        for (let j = 0; j < 3; j++) {
          if (x[i][j] > 2) break;
          total = total + x[i];
        }
      }
      return total;
    },
  },
  shapes: {
    f: (x: Any) => {
      const [b, c] = x.shape;
      return [x.view(c, b), x.reshape([-1]), x.dim(), x.shape.length];
    },
  },
  dtypes: {
    f: (x: Any) => [x.to(torch.int64), torch.zeros([2, 2], { dtype: torch.float64 }), x.float()],
  },
  forked: {
    given: { scaled: scaledTyped, ALPHA },
    f: async (x: Any) => {
      const f = torch.jit.fork(scaled, x, 2);
      const y = x * 2;
      return (await f) + y;
    },
  },
  looped_while: {
    f: (x: Any) => {
      let n = 0;
      while (x.sum() > 0.5) {
        x = x / 2;
        n += 1;
      }
      return [x, n];
    },
  },
};

declare const jit: Any;

class MyDecisionGate extends Module {
  override forward(x: Any): Any {
    if (x.sum() > 0) return x;
    else return -x;
  }
}

class MyCell extends Module {
  dg: Any;
  linear = Linear(4, 4);
  constructor(dg: Any) {
    super();
    this.dg = dg;
    // Attributes stand in the order in which they are made.
    const { linear } = this;
    delete (this as Any).linear;
    this.linear = linear;
  }
  override forward(x: Any, h: Any): Any {
    const new_h = torch.tanh(this.dg(this.linear(x) as Any) + h);
    return [new_h, new_h];
  }
}

class MyRNNLoop extends Module {
  cell = new MyCell(new MyDecisionGate());
  override forward(xs: Any): Any {
    let [h, y] = [torch.zeros(3, 4), torch.zeros(3, 4)];
    for (let i = 0; i < xs.size(0); i++) [y, h] = this.cell(xs[i], h);
    return [y, h];
  }
}

class Net extends Module {
  static readonly __constants__ = ['steps'];
  layers: Any = ModuleList([Linear(4, 4), Linear(4, 4)]);
  head: Any = Sequential(Linear(4, 2), ReLU());
  steps = 2;
  count = 0;
  override forward(x: Any): Any {
    for (const layer of this.layers) x = this.act(layer(x));
    if (this.training) this.count += 1;
    return this.head(x) * this.steps;
  }
  act(x: Any): Any {
    return torch.sigmoid(x);
  }
}

export const modules: Readonly<Record<string, () => Module>> = {
  MyRNNLoop: () => new MyRNNLoop(),
  Net: () => new Net(),
};
