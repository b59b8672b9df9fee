/** Layers whose forward is one operator: activations, dropout, pooling, padding, reshaping. */
import { type Callable, callable, Module, Parameter, py_float, type Scalar, type Tensor } from '@sconce/core';
import { keywords } from '../keywords.ts';
import { bool, float, tuple } from '../print.ts';
import { torch } from '../torch.ts';

type Values = Record<string, unknown>;

interface Layer<T extends Values> {
  /** Arguments in PyTorch's order, with their defaults; undefined where one must be given. */
  readonly defaults: T;
  readonly forward: (x: Tensor, a: T, training: boolean) => unknown;
  readonly repr?: (a: T) => string;
  /** Fits the arguments to each other, once. */
  readonly settle?: (a: T) => T;
}

// biome-ignore lint/suspicious/noExplicitAny: arguments are checked by name
type LayerArguments = any[];

// biome-ignore lint/suspicious/noExplicitAny: arguments are checked by name
export type LayerClass = Callable<new (...args: any[]) => Module>;

/** A module class for a layer without parameters; its arguments become its attributes. */
function layer<T extends Values>(name: string, { defaults, forward, repr, settle }: Layer<T>): LayerClass {
  const names = Object.keys(defaults);
  const cls = {
    [name]: class extends Module {
      constructor(...args: LayerArguments) {
        super();
        const given = { ...defaults, ...keywords<T>(name, names, args) } as T;
        Object.assign(this, settle ? settle(given) : given);
      }
      private get values(): T {
        return Object.fromEntries(names.map((n) => [n, (this as unknown as Values)[n]])) as T;
      }
      override forward(input: Tensor): unknown {
        return forward(input, this.values, this.training);
      }
      override extra_repr(): string {
        return repr?.(this.values) ?? '';
      }
    },
  }[name];
  return callable(cls);
}

const inplaceRepr = (a: { inplace: boolean }): string => (a.inplace ? 'inplace=True' : '');
const joined = (...parts: (string | false)[]): string => parts.filter(Boolean).join(', ');

/** An activation with an in-place form. */
const activation = (name: string, fn: (x: Tensor) => Tensor, inplaceFn?: (x: Tensor) => Tensor) =>
  layer(name, {
    defaults: { inplace: false },
    forward: (x, a) => (a.inplace && inplaceFn ? inplaceFn(x) : fn(x)),
    repr: inplaceRepr,
  });

const plainActivation = (name: string, fn: (x: Tensor) => Tensor) =>
  layer(name, { defaults: {}, forward: (x) => fn(x) });

export const ReLU = /* @__PURE__ */ activation(
  'ReLU',
  (x) => x.relu(),
  (x) => x.relu_(),
);
export const ReLU6 = /* @__PURE__ */ activation(
  'ReLU6',
  (x) => x.hardtanh(py_float(0), py_float(6)),
  (x) => x.hardtanh_(py_float(0), py_float(6)),
);
export const SELU = /* @__PURE__ */ activation(
  'SELU',
  (x) => x.selu(),
  (x) => x.selu_(),
);
export const SiLU = /* @__PURE__ */ activation(
  'SiLU',
  (x) => x.silu(),
  (x) => x.silu_(),
);
export const Mish = /* @__PURE__ */ activation(
  'Mish',
  (x) => x.mish(),
  (x) => x.mish_(),
);
export const Hardswish = /* @__PURE__ */ activation(
  'Hardswish',
  (x) => x.hardswish(),
  (x) => x.hardswish_(),
);
export const Hardsigmoid = /* @__PURE__ */ activation(
  'Hardsigmoid',
  (x) => x.hardsigmoid(),
  (x) => x.hardsigmoid_(),
);
export const Sigmoid = /* @__PURE__ */ plainActivation('Sigmoid', (x) => x.sigmoid());
export const Tanh = /* @__PURE__ */ plainActivation('Tanh', (x) => x.tanh());
export const LogSigmoid = /* @__PURE__ */ plainActivation('LogSigmoid', (x) => x.log_sigmoid());
export const Softsign = /* @__PURE__ */ plainActivation('Softsign', (x) => x.div(x.abs().add(1)));
export const Tanhshrink = /* @__PURE__ */ plainActivation('Tanhshrink', (x) => x.sub(x.tanh()));

export const LeakyReLU = /* @__PURE__ */ layer('LeakyReLU', {
  defaults: { negative_slope: 0.01, inplace: false },
  forward: (x, a) => (a.inplace ? x.leaky_relu_(a.negative_slope) : x.leaky_relu(a.negative_slope)),
  repr: (a) => joined(`negative_slope=${a.negative_slope}`, inplaceRepr(a)),
});
export const ELU = /* @__PURE__ */ layer('ELU', {
  defaults: { alpha: 1, inplace: false },
  forward: (x, a) => (a.inplace ? x.elu_(py_float(a.alpha)) : x.elu(py_float(a.alpha))),
  repr: (a) => joined(`alpha=${float(a.alpha)}`, inplaceRepr(a)),
});
export const CELU = /* @__PURE__ */ layer('CELU', {
  defaults: { alpha: 1, inplace: false },
  forward: (x, a) => (a.inplace ? x.celu_(py_float(a.alpha)) : x.celu(py_float(a.alpha))),
  repr: (a) => joined(`alpha=${float(a.alpha)}`, inplaceRepr(a)),
});
export const GELU = /* @__PURE__ */ layer('GELU', {
  defaults: { approximate: 'none' },
  forward: (x, a) => x.gelu({ approximate: a.approximate }),
  repr: (a) => `approximate='${a.approximate}'`,
});
/** A default that Python writes as a float is one in a trace, too. */
const asDefault = (value: number, standard: number): Scalar => (value === standard ? py_float(value) : value);

export const Hardtanh = /* @__PURE__ */ layer('Hardtanh', {
  defaults: { min_val: -1, max_val: 1, inplace: false },
  forward: (x, a) => {
    const [low, high] = [asDefault(a.min_val, -1), asDefault(a.max_val, 1)];
    return a.inplace ? x.hardtanh_(low, high) : x.hardtanh(low, high);
  },
  repr: (a) => joined(`min_val=${float(a.min_val)}, max_val=${float(a.max_val)}`, inplaceRepr(a)),
});
export const Softplus = /* @__PURE__ */ layer('Softplus', {
  defaults: { beta: 1, threshold: 20 },
  forward: (x, a) => x.softplus(a.beta, a.threshold),
  repr: (a) =>
    `beta=${Number.isInteger(a.beta) && a.beta !== 1 ? a.beta : float(a.beta)}, threshold=${float(a.threshold)}`,
});
export const Threshold = /* @__PURE__ */ layer('Threshold', {
  defaults: { threshold: 0, value: 0, inplace: false },
  forward: (x, a) => (a.inplace ? x.threshold_(a.threshold, a.value) : x.threshold(a.threshold, a.value)),
  repr: (a) => joined(`threshold=${a.threshold}, value=${float(a.value)}`, inplaceRepr(a)),
});
export const Hardshrink = /* @__PURE__ */ layer('Hardshrink', {
  defaults: { lambd: 0.5 },
  forward: (x, a) => x.hardshrink(a.lambd),
  repr: (a) => String(a.lambd),
});
export const Softshrink = /* @__PURE__ */ layer('Softshrink', {
  defaults: { lambd: 0.5 },
  forward: (x, a) => x.softshrink(a.lambd),
  repr: (a) => String(a.lambd),
});
export const GLU = /* @__PURE__ */ layer('GLU', {
  defaults: { dim: -1 },
  forward: (x, a) => x.glu(a.dim),
  repr: (a) => `dim=${a.dim}`,
});
export const Softmax = /* @__PURE__ */ layer('Softmax', {
  defaults: { dim: -1 },
  forward: (x, a) => x.softmax(a.dim),
  repr: (a) => `dim=${a.dim}`,
});
export const LogSoftmax = /* @__PURE__ */ layer('LogSoftmax', {
  defaults: { dim: -1 },
  forward: (x, a) => x.log_softmax(a.dim),
  repr: (a) => `dim=${a.dim}`,
});
export const Softmin = /* @__PURE__ */ layer('Softmin', {
  defaults: { dim: -1 },
  forward: (x, a) => x.neg().softmax(a.dim),
  repr: (a) => `dim=${a.dim}`,
});

class PReLUClass extends Module {
  readonly num_parameters: number;
  readonly weight: Parameter;
  /** `nn.PReLU(num_parameters=1, init=0.25)` */
  constructor(...rest: (number | { num_parameters?: number; init?: number })[]) {
    super();
    const { num_parameters = 1, init = 0.25 } = keywords<{ num_parameters: number; init: number }>(
      'PReLU',
      ['num_parameters', 'init'],
      rest,
    );
    this.num_parameters = num_parameters;
    this.weight = Parameter(torch.full([num_parameters], init));
  }
  override forward(input: Tensor): Tensor {
    return torch.prelu(input, this.weight);
  }
  override extra_repr(): string {
    return `num_parameters=${this.num_parameters}`;
  }
}
export const PReLU = /* @__PURE__ */ callable(PReLUClass, 'PReLU');

const dropout = (name: string, fn: (x: Tensor, p: number, training: boolean) => Tensor) =>
  layer(name, {
    defaults: { p: 0.5, inplace: false },
    forward: (x, a, training) =>
      a.inplace && name === 'Dropout' ? torch.dropout_(x, a.p, training) : fn(x, a.p, training),
    repr: (a) => `p=${float(a.p)}, inplace=${bool(a.inplace)}`,
  });
export const Dropout = /* @__PURE__ */ dropout('Dropout', (x, p, training) => torch.dropout(x, p, training));
export const Dropout1d = /* @__PURE__ */ dropout('Dropout1d', (x, p, training) =>
  torch.feature_dropout(x, p, training),
);
export const Dropout2d = /* @__PURE__ */ dropout('Dropout2d', (x, p, training) =>
  torch.feature_dropout(x, p, training),
);
export const Dropout3d = /* @__PURE__ */ dropout('Dropout3d', (x, p, training) =>
  torch.feature_dropout(x, p, training),
);

type Size = number | readonly number[];
const spelled = (s: Size): string => (typeof s === 'number' ? String(s) : tuple(s));

const maxPool = (dims: 1 | 2 | 3) =>
  layer(`MaxPool${dims}d`, {
    defaults: {
      kernel_size: 2 as Size,
      stride: null as Size | null,
      padding: 0 as Size,
      dilation: 1 as Size,
      return_indices: false,
      ceil_mode: false,
    },
    settle: (a) => ({ ...a, stride: a.stride ?? a.kernel_size }),
    forward: (x, a) =>
      x[a.return_indices ? (`max_pool${dims}d_with_indices` as const) : (`max_pool${dims}d` as const)](
        a.kernel_size,
        a.stride as Size,
        a.padding,
        a.dilation,
        a.ceil_mode,
      ),
    repr: (a) =>
      `kernel_size=${spelled(a.kernel_size)}, stride=${spelled(a.stride as Size)}, padding=${spelled(a.padding)}, dilation=${spelled(a.dilation)}, ceil_mode=${bool(a.ceil_mode)}`,
  });
export const MaxPool1d = /* @__PURE__ */ maxPool(1);
export const MaxPool2d = /* @__PURE__ */ maxPool(2);
export const MaxPool3d = /* @__PURE__ */ maxPool(3);

export const AvgPool1d = /* @__PURE__ */ layer('AvgPool1d', {
  defaults: {
    kernel_size: 2 as Size,
    stride: null as Size | null,
    padding: 0 as Size,
    ceil_mode: false,
    count_include_pad: true,
  },
  settle: (a) => ({ ...a, stride: a.stride ?? a.kernel_size }),
  forward: (x, a) =>
    x.avg_pool1d(a.kernel_size, a.stride as Size, a.padding, a.ceil_mode, a.count_include_pad),
  repr: (a) =>
    `kernel_size=${tuple([a.kernel_size].flat())}, stride=${tuple([a.stride as Size].flat())}, padding=${tuple([a.padding].flat())}`,
});
const avgPool = (dims: 2 | 3) =>
  layer(`AvgPool${dims}d`, {
    defaults: {
      kernel_size: 2 as Size,
      stride: null as Size | null,
      padding: 0 as Size,
      ceil_mode: false,
      count_include_pad: true,
      divisor_override: null as number | null,
    },
    settle: (a) => ({ ...a, stride: a.stride ?? a.kernel_size }),
    forward: (x, a) =>
      x[`avg_pool${dims}d`](
        a.kernel_size,
        a.stride as Size,
        a.padding,
        a.ceil_mode,
        a.count_include_pad,
        a.divisor_override,
      ),
    repr: (a) =>
      `kernel_size=${spelled(a.kernel_size)}, stride=${spelled(a.stride as Size)}, padding=${spelled(a.padding)}`,
  });
export const AvgPool2d = /* @__PURE__ */ avgPool(2);
export const AvgPool3d = /* @__PURE__ */ avgPool(3);

const adaptiveAvgPool = (dims: 1 | 2 | 3) =>
  layer(`AdaptiveAvgPool${dims}d`, {
    defaults: { output_size: 1 as Size },
    forward: (x, a) => x[`adaptive_avg_pool${dims}d`](a.output_size),
    repr: (a) => `output_size=${spelled(a.output_size)}`,
  });
export const AdaptiveAvgPool1d = /* @__PURE__ */ adaptiveAvgPool(1);
export const AdaptiveAvgPool2d = /* @__PURE__ */ adaptiveAvgPool(2);
export const AdaptiveAvgPool3d = /* @__PURE__ */ adaptiveAvgPool(3);

const adaptiveMaxPool = (dims: 1 | 2 | 3) =>
  layer(`AdaptiveMaxPool${dims}d`, {
    defaults: { output_size: 1 as Size, return_indices: false },
    forward: (x, a) => {
      const both = x[`adaptive_max_pool${dims}d`](a.output_size);
      return a.return_indices ? both : both[0];
    },
    repr: (a) => `output_size=${spelled(a.output_size)}`,
  });
export const AdaptiveMaxPool1d = /* @__PURE__ */ adaptiveMaxPool(1);
export const AdaptiveMaxPool2d = /* @__PURE__ */ adaptiveMaxPool(2);
export const AdaptiveMaxPool3d = /* @__PURE__ */ adaptiveMaxPool(3);

export const Flatten = /* @__PURE__ */ layer('Flatten', {
  defaults: { start_dim: 1, end_dim: -1 },
  forward: (x, a) => x.flatten(a.start_dim, a.end_dim),
  repr: (a) => `start_dim=${a.start_dim}, end_dim=${a.end_dim}`,
});
export const Unflatten = /* @__PURE__ */ layer('Unflatten', {
  defaults: { dim: 1, unflattened_size: [] as readonly number[] },
  forward: (x, a) => x.unflatten(a.dim, a.unflattened_size),
  repr: (a) => `dim=${a.dim}, unflattened_size=${tuple(a.unflattened_size)}`,
});

const amounts = (padding: Size, dims: number): readonly number[] =>
  typeof padding === 'number' ? new Array(2 * dims).fill(padding) : padding;
const pad = (name: string, dims: number, mode: string) =>
  layer(name, {
    defaults: { padding: 0 as Size },
    settle: (a) => ({ padding: amounts(a.padding, dims) }),
    forward: (x, a) => torch.pad(x, a.padding as readonly number[], mode, mode === 'constant' ? 0 : null),
    repr: (a) => tuple(a.padding as readonly number[]),
  });
export const ZeroPad1d = /* @__PURE__ */ pad('ZeroPad1d', 1, 'constant');
export const ZeroPad2d = /* @__PURE__ */ pad('ZeroPad2d', 2, 'constant');
export const ZeroPad3d = /* @__PURE__ */ pad('ZeroPad3d', 3, 'constant');
export const ReflectionPad1d = /* @__PURE__ */ pad('ReflectionPad1d', 1, 'reflect');
export const ReflectionPad2d = /* @__PURE__ */ pad('ReflectionPad2d', 2, 'reflect');
export const ReflectionPad3d = /* @__PURE__ */ pad('ReflectionPad3d', 3, 'reflect');
export const ReplicationPad1d = /* @__PURE__ */ pad('ReplicationPad1d', 1, 'replicate');
export const ReplicationPad2d = /* @__PURE__ */ pad('ReplicationPad2d', 2, 'replicate');
export const ReplicationPad3d = /* @__PURE__ */ pad('ReplicationPad3d', 3, 'replicate');
const constantPad = (dims: number) =>
  layer(`ConstantPad${dims}d`, {
    defaults: { padding: 0 as Size, value: 0 },
    settle: (a) => ({ ...a, padding: amounts(a.padding, dims) }),
    forward: (x, a) => torch.pad(x, a.padding as readonly number[], 'constant', a.value),
    repr: (a) => `padding=${tuple(a.padding as readonly number[])}, value=${a.value}`,
  });
export const ConstantPad1d = /* @__PURE__ */ constantPad(1);
export const ConstantPad2d = /* @__PURE__ */ constantPad(2);
export const ConstantPad3d = /* @__PURE__ */ constantPad(3);

export const PixelShuffle = /* @__PURE__ */ layer('PixelShuffle', {
  defaults: { upscale_factor: 1 },
  forward: (x, a) => x.pixel_shuffle(a.upscale_factor),
  repr: (a) => `upscale_factor=${a.upscale_factor}`,
});
export const PixelUnshuffle = /* @__PURE__ */ layer('PixelUnshuffle', {
  defaults: { downscale_factor: 1 },
  forward: (x, a) => x.pixel_unshuffle(a.downscale_factor),
  repr: (a) => `downscale_factor=${a.downscale_factor}`,
});

class CosineSimilarityClass extends Module {
  readonly dim: number;
  readonly eps: number;
  /** `nn.CosineSimilarity(dim=1, eps=1e-8)` */
  constructor(...rest: (number | { dim?: number; eps?: number })[]) {
    super();
    const { dim = 1, eps = 1e-8 } = keywords<{ dim: number; eps: number }>(
      'CosineSimilarity',
      ['dim', 'eps'],
      rest,
    );
    this.dim = dim;
    this.eps = eps;
  }
  override forward(x1: Tensor, x2: Tensor): Tensor {
    return torch.cosine_similarity(x1, x2, this.dim, this.eps);
  }
}
export const CosineSimilarity = /* @__PURE__ */ callable(CosineSimilarityClass, 'CosineSimilarity');

class EmbeddingClass extends Module {
  readonly num_embeddings: number;
  readonly embedding_dim: number;
  readonly padding_idx: number | null;
  readonly weight: Parameter;
  /** `nn.Embedding(num_embeddings, embedding_dim, { padding_idx })`: rows of a table, drawn from N(0, 1). */
  constructor(
    num_embeddings: number,
    embedding_dim: number,
    ...rest: (number | null | { padding_idx?: number | null })[]
  ) {
    super();
    const { padding_idx = null } = keywords<{ padding_idx: number | null }>(
      'Embedding',
      ['padding_idx'],
      rest,
    );
    this.num_embeddings = num_embeddings;
    this.embedding_dim = embedding_dim;
    this.padding_idx = padding_idx !== null && padding_idx < 0 ? padding_idx + num_embeddings : padding_idx;
    const weight = torch.empty([num_embeddings, embedding_dim]).normal_(0, 1);
    if (this.padding_idx !== null) weight.select(0, this.padding_idx).zero_();
    this.weight = Parameter(weight);
  }
  override forward(input: Tensor): Tensor {
    return torch.embedding(this.weight, input, this.padding_idx ?? -1);
  }
  override extra_repr(): string {
    return joined(
      `${this.num_embeddings}, ${this.embedding_dim}`,
      this.padding_idx !== null && `padding_idx=${this.padding_idx}`,
    );
  }
}
export const Embedding = /* @__PURE__ */ callable(EmbeddingClass, 'Embedding');
export type Embedding = EmbeddingClass;
