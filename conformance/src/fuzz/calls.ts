/** The calls that the fuzzer knows: how each is made from what there is, and what it does to exactness. */
import type { DType } from '@sconce/core';
import type { Arg, Call, Options } from './program.ts';
import type { Random } from './random.ts';
import { dtypesOfPrograms, isFloating, isInteger, type Value } from './value.ts';

/** `same`: as many binary places as its arguments have; `product`: their sum; `rounds`: as many as it likes. */
type Places = 'same' | 'product' | 'rounds';

export interface Maker {
  readonly places: Places;
  /** Its result jumps where an argument changes a little: only on numbers that every backend has alike. */
  readonly jumps?: boolean;
  readonly weight: number;
  readonly make: (random: Random, self: Value, all: readonly Value[]) => Omit<Call, 'kind'> | undefined;
}

const of = (value: Value): Arg => ({ result: value.result });
const options = (o: Options['options']): Arg => ({ options: o });
const method = (name: string, args: Arg[], more: Partial<Call> = {}): Omit<Call, 'kind'> => ({
  name,
  isMethod: true,
  args,
  isInplace: false,
  ...more,
});
const fn = (name: string, args: Arg[], more: Partial<Call> = {}): Omit<Call, 'kind'> => ({
  ...method(name, args, more),
  isMethod: false,
});

const rankOf = (v: Value): number => v.tensor.shape.length;
const dimOf = (random: Random, v: Value): number => {
  const rank = rankOf(v);
  return random.integer(-rank, rank - 1);
};
const sizeAt = (v: Value, dim: number): number => v.tensor.shape[dim < 0 ? dim + rankOf(v) : dim];

/** Two long tensors would broadcast to one that only takes time. */
const MOST_PAIRS = 1 << 20;

/** Another value that broadcasts with this one: of its shape most likely, else any that fits. */
function partner(random: Random, self: Value, all: readonly Value[], into = false): Value | undefined {
  const fits = (v: Value): boolean => {
    const [a, b] = [self.tensor.shape, v.tensor.shape];
    if (into && b.length > a.length) return false;
    if (self.tensor.numel() * v.tensor.numel() > MOST_PAIRS && String(a) !== String(b)) return false;
    for (let i = 1; i <= Math.min(a.length, b.length); i++) {
      const [x, y] = [a[a.length - i], b[b.length - i]];
      if (x !== y && y !== 1 && (into || x !== 1)) return false;
    }
    return true;
  };
  const found = all.filter(fits);
  return found.length ? random.pick(found) : undefined;
}

const scalar = (random: Random, self: Value): number =>
  isFloating(self) ? random.pick([-1.5, -1, -0.5, 0, 0.25, 0.5, 2, 3]) : random.integer(-3, 4);

const unary = (names: readonly string[], places: Places, weight: number, test = isFloating): Maker => ({
  places,
  weight,
  make: (random, self) => (test(self) ? method(random.pick(names), [of(self)]) : undefined),
});

const notBool = (v: Value): boolean => v.tensor.dtype !== 'bool';

const views: Maker[] = [
  {
    places: 'same',
    weight: 4,
    make: (random, self) =>
      rankOf(self) >= 2
        ? method('transpose', [of(self), dimOf(random, self), dimOf(random, self)])
        : undefined,
  },
  {
    places: 'same',
    weight: 2,
    make: (random, self) => {
      const dims = Array.from({ length: rankOf(self) }, (_, i) => i);
      for (let i = dims.length - 1; i > 0; i--) {
        const j = random.integer(0, i);
        [dims[i], dims[j]] = [dims[j], dims[i]];
      }
      return dims.length >= 2 ? method('permute', [of(self), dims]) : undefined;
    },
  },
  {
    places: 'same',
    weight: 5,
    make: (random, self) => {
      if (rankOf(self) === 0) return undefined;
      const dim = dimOf(random, self);
      const size = sizeAt(self, dim);
      const start = random.integer(0, size);
      return method('narrow', [of(self), dim, start, random.integer(0, size - start)]);
    },
  },
  {
    places: 'same',
    weight: 3,
    make: (random, self) => {
      if (rankOf(self) === 0) return undefined;
      const dim = dimOf(random, self);
      const size = sizeAt(self, dim);
      return size > 0 ? method('select', [of(self), dim, random.integer(-size, size - 1)]) : undefined;
    },
  },
  {
    places: 'same',
    weight: 4,
    make: (random, self) => {
      if (rankOf(self) === 0) return undefined;
      const dim = dimOf(random, self);
      const size = sizeAt(self, dim);
      const start = random.integer(0, Math.max(0, size - 1));
      return method('slice', [of(self), dim, start, random.integer(start, size), random.integer(1, 3)]);
    },
  },
  {
    places: 'same',
    weight: 2,
    make: (random, self) => method('unsqueeze', [of(self), random.integer(-rankOf(self) - 1, rankOf(self))]),
  },
  { places: 'same', weight: 1, make: (_, self) => method('squeeze', [of(self)]) },
  {
    places: 'same',
    weight: 2,
    make: (random, self) => {
      const shape = self.tensor.shape.map((size) => (size === 1 ? random.integer(1, 4) : size));
      return method('expand', [of(self), random.chance(0.3) ? [random.integer(1, 3), ...shape] : shape]);
    },
  },
  {
    places: 'same',
    weight: 3,
    make: (random, self) => {
      const count = self.tensor.numel();
      const sizes = [1, 2, 3, 4, 5, 6, 8].filter((n) => count % n === 0);
      const first = random.pick(sizes);
      return method('reshape', [of(self), random.chance(0.5) ? [first, count / first] : [count]]);
    },
  },
  {
    places: 'same',
    weight: 1,
    make: (random, self) => {
      if (rankOf(self) < 2) return undefined;
      return method('diagonal', [of(self), random.integer(-1, 1), -2, -1]);
    },
  },
  {
    places: 'same',
    weight: 1,
    make: (random, self) => {
      if (rankOf(self) === 0) return undefined;
      const dim = dimOf(random, self);
      const size = sizeAt(self, dim);
      if (size < 2) return undefined;
      return method('unfold', [of(self), dim, random.integer(1, Math.min(3, size)), random.integer(1, 2)]);
    },
  },
  {
    places: 'same',
    weight: 1,
    make: (random, self) => {
      if (rankOf(self) === 0) return undefined;
      const dim = dimOf(random, self);
      const size = sizeAt(self, dim);
      return size > 1 ? method('chunk', [of(self), 2, dim], { pick: random.integer(0, 1) }) : undefined;
    },
  },
];

const inplace: Maker[] = [
  {
    places: 'same',
    weight: 5,
    make: (random, self, all) => {
      if (!notBool(self)) return undefined;
      const other = partner(
        random,
        self,
        all.filter((v) => v.tensor.dtype === self.tensor.dtype),
        true,
      );
      const name = random.pick(['add_', 'sub_', 'copy_']);
      return other ? method(name, [of(self), of(other)], { isInplace: true }) : undefined;
    },
  },
  {
    places: 'product',
    weight: 3,
    make: (random, self, all) => {
      if (!notBool(self)) return undefined;
      const other = partner(
        random,
        self,
        all.filter((v) => v.tensor.dtype === self.tensor.dtype),
        true,
      );
      return other ? method('mul_', [of(self), of(other)], { isInplace: true }) : undefined;
    },
  },
  {
    places: 'same',
    weight: 4,
    make: (random, self) =>
      notBool(self)
        ? method(random.pick(['add_', 'sub_', 'fill_']), [of(self), scalar(random, self)], {
            isInplace: true,
          })
        : undefined,
  },
  {
    places: 'product',
    weight: 2,
    make: (random, self) =>
      notBool(self) ? method('mul_', [of(self), scalar(random, self)], { isInplace: true }) : undefined,
  },
  {
    places: 'same',
    weight: 3,
    make: (random, self) =>
      isFloating(self)
        ? method(random.pick(['relu_', 'neg_', 'abs_', 'zero_']), [of(self)], { isInplace: true })
        : undefined,
  },
  {
    places: 'rounds',
    weight: 2,
    make: (random, self) =>
      isFloating(self)
        ? method(random.pick(['sigmoid_', 'tanh_', 'sin_', 'erf_']), [of(self)], { isInplace: true })
        : undefined,
  },
  {
    places: 'same',
    weight: 2,
    make: (random, self) =>
      notBool(self)
        ? method('clamp_', [of(self), -2, random.integer(-1, 3)], { isInplace: true })
        : undefined,
  },
  {
    places: 'same',
    weight: 2,
    make: (random, self, all) => {
      const masks = all.filter((v) => v.tensor.dtype === 'bool');
      const mask = partner(random, self, masks, true);
      return mask && notBool(self)
        ? method('masked_fill_', [of(self), of(mask), scalar(random, self)], { isInplace: true })
        : undefined;
    },
  },
];

const pointwise: Maker[] = [
  {
    places: 'same',
    weight: 8,
    make: (random, self, all) => {
      const other = partner(random, self, all.filter(notBool));
      const name = random.pick(['add', 'sub']);
      return other && notBool(self) ? method(name, [of(self), of(other)]) : undefined;
    },
  },
  {
    places: 'product',
    weight: 5,
    make: (random, self, all) => {
      const other = partner(random, self, all);
      return other ? method('mul', [of(self), of(other)]) : undefined;
    },
  },
  {
    places: 'product',
    weight: 3,
    make: (random, self) => (notBool(self) ? method('mul', [of(self), scalar(random, self)]) : undefined),
  },
  {
    places: 'same',
    weight: 4,
    make: (random, self) =>
      notBool(self) ? method(random.pick(['add', 'sub']), [of(self), scalar(random, self)]) : undefined,
  },
  {
    places: 'same',
    weight: 2,
    make: (random, self, all) => {
      const other = partner(random, self, all.filter(notBool));
      const name = random.pick(['maximum', 'minimum']);
      return other && notBool(self) ? method(name, [of(self), of(other)]) : undefined;
    },
  },
  unary(
    ['neg', 'abs', 'relu', 'clone', 'contiguous'],
    'same',
    5,
    (v) => notBool(v) && v.tensor.dtype !== 'uint8',
  ),
  unary(['square'], 'product', 1),
  unary(['sigmoid', 'tanh', 'sin', 'cos', 'erf', 'atan', 'expm1', 'exp'], 'rounds', 5),
  {
    places: 'rounds',
    weight: 3,
    make: (random, self) =>
      isFloating(self)
        ? fn(random.pick(['gelu', 'silu', 'softplus', 'elu', 'hardswish', 'selu']), [of(self)])
        : undefined,
  },
  {
    places: 'rounds',
    weight: 2,
    make: (random, self) =>
      isFloating(self) ? method('div', [of(self), random.pick([3, 0.7, -1.5])]) : undefined,
  },
  {
    places: 'same',
    jumps: true,
    weight: 3,
    make: (random, self, all) => {
      const other = partner(random, self, all);
      const name = random.pick(['eq', 'ne', 'lt', 'le', 'gt', 'ge']);
      return other ? method(name, [of(self), of(other)]) : undefined;
    },
  },
  {
    places: 'same',
    jumps: true,
    weight: 1,
    make: (random, self) =>
      isFloating(self)
        ? method(random.pick(['floor', 'ceil', 'round', 'trunc', 'sign']), [of(self)])
        : undefined,
  },
  {
    places: 'same',
    weight: 3,
    make: (random, self, all) => {
      const mask = partner(
        random,
        self,
        all.filter((v) => v.tensor.dtype === 'bool'),
      );
      const other = partner(
        random,
        self,
        all.filter((v) => v.tensor.dtype === self.tensor.dtype),
      );
      return mask && other ? fn('where', [of(mask), of(self), of(other)]) : undefined;
    },
  },
  {
    places: 'same',
    jumps: true,
    weight: 2,
    make: (random, self) => method('to', [of(self), random.pick(dtypesOfPrograms as readonly DType[])]),
  },
  {
    places: 'same',
    weight: 1,
    make: (random, self) =>
      isInteger(self)
        ? method(random.pick(['bitwise_and', 'bitwise_or', 'bitwise_xor', 'remainder', 'floor_divide']), [
            of(self),
            random.integer(1, 7),
          ])
        : undefined,
  },
];

const folds: Maker[] = [
  {
    places: 'same',
    weight: 6,
    make: (random, self) => {
      if (rankOf(self) === 0) return undefined;
      const keepdim = random.chance(0.5);
      return method('sum', [of(self), [dimOf(random, self)], options({ keepdim })]);
    },
  },
  {
    places: 'rounds',
    weight: 3,
    make: (random, self) =>
      isFloating(self) && rankOf(self) > 0 && self.tensor.numel() > 0
        ? method('mean', [of(self), [dimOf(random, self)], options({ keepdim: random.chance(0.5) })])
        : undefined,
  },
  {
    places: 'same',
    weight: 3,
    make: (random, self) =>
      rankOf(self) > 0 && self.tensor.numel() > 0 && notBool(self)
        ? method(random.pick(['amax', 'amin']), [of(self), [dimOf(random, self)]])
        : undefined,
  },
  {
    places: 'same',
    jumps: true,
    weight: 2,
    make: (random, self) =>
      rankOf(self) > 0 && self.tensor.numel() > 0 && notBool(self)
        ? method(random.pick(['argmax', 'argmin']), [of(self), dimOf(random, self)])
        : undefined,
  },
  { places: 'same', weight: 1, make: (_, self) => (notBool(self) ? method('sum', [of(self)]) : undefined) },
  {
    places: 'same',
    weight: 2,
    make: (random, self) =>
      rankOf(self) > 0 && notBool(self) ? method('cumsum', [of(self), dimOf(random, self)]) : undefined,
  },
  {
    places: 'rounds',
    weight: 4,
    make: (random, self) =>
      isFloating(self) && rankOf(self) > 0
        ? method(random.pick(['softmax', 'log_softmax', 'logsumexp']), [of(self), dimOf(random, self)])
        : undefined,
  },
  {
    places: 'rounds',
    // With an eps of 1: with a small one it shows, of nearly equal numbers, mostly their rounding.
    weight: 2,
    make: (_, self) => {
      const size = self.tensor.shape.at(-1);
      return isFloating(self) && size !== undefined && size > 1
        ? fn('layer_norm', [of(self), [size], null, null, 1])
        : undefined;
    },
  },
  {
    places: 'same',
    jumps: true,
    weight: 2,
    make: (random, self) =>
      rankOf(self) > 0 && notBool(self)
        ? method(
            'sort',
            [of(self), options({ stable: true, dim: dimOf(random, self), descending: random.chance(0.5) })],
            { pick: 0 },
          )
        : undefined,
  },
  {
    places: 'rounds',
    weight: 1,
    make: (random, self) =>
      isFloating(self) && rankOf(self) > 0 && self.tensor.numel() > 0
        ? method('var', [of(self), [dimOf(random, self)], options({ unbiased: false })])
        : undefined,
  },
];

const rearranging: Maker[] = [
  {
    places: 'same',
    weight: 4,
    make: (random, self, all) => {
      if (rankOf(self) === 0) return undefined;
      const dim = dimOf(random, self);
      const at = dim < 0 ? dim + rankOf(self) : dim;
      const fits = all.filter(
        (v) =>
          rankOf(v) === rankOf(self) &&
          v.tensor.dtype === self.tensor.dtype &&
          v.tensor.shape.every((size, d) => d === at || size === self.tensor.shape[d]),
      );
      return fn('cat', [[of(self), of(random.pick(fits))], dim]);
    },
  },
  {
    places: 'same',
    weight: 1,
    make: (random, self) => fn('stack', [[of(self), of(self)], random.integer(0, rankOf(self))]),
  },
  {
    places: 'same',
    weight: 2,
    make: (random, self) =>
      rankOf(self) > 0 ? method('flip', [of(self), [dimOf(random, self)]]) : undefined,
  },
  {
    places: 'same',
    weight: 1,
    make: (random, self) =>
      rankOf(self) > 0
        ? method('roll', [of(self), [random.integer(-2, 3)], [dimOf(random, self)]])
        : undefined,
  },
  {
    places: 'same',
    weight: 1,
    make: (random, self) =>
      rankOf(self) >= 2
        ? method(random.pick(['tril', 'triu']), [of(self), random.integer(-1, 1)])
        : undefined,
  },
  {
    places: 'same',
    weight: 2,
    make: (random, self) =>
      rankOf(self) > 0 && notBool(self)
        ? fn('constant_pad_nd', [
            of(self),
            [random.integer(0, 2), random.integer(-1, 2)],
            scalar(random, self),
          ])
        : undefined,
  },
  {
    places: 'same',
    weight: 2,
    make: (random, self, all) => {
      if (rankOf(self) === 0) return undefined;
      const dim = dimOf(random, self);
      const size = sizeAt(self, dim);
      const indices = all.filter(
        (v) => v.tensor.dtype === 'int64' && rankOf(v) === 1 && v.tensor.numel() > 0,
      );
      if (size === 0 || indices.length === 0) return undefined;
      // Positions are made to fit by an operator of their own, in a statement before.
      return method('index_select', [of(self), dim, of(random.pick(indices))]);
    },
  },
];

/** A larger window only takes time. */
const MOST_WINDOW = 64;

const products: Maker[] = [
  {
    places: 'product',
    weight: 6,
    make: (random, self, all) => {
      if (rankOf(self) === 0 || !isFloating(self)) return undefined;
      const inner = self.tensor.shape.at(-1);
      const fits = all.filter(
        (v) =>
          v.tensor.dtype === self.tensor.dtype &&
          rankOf(v) > 0 &&
          v.tensor.shape.at(rankOf(v) === 1 ? -1 : -2) === inner,
      );
      return fits.length ? method('matmul', [of(self), of(random.pick(fits))]) : undefined;
    },
  },
  {
    places: 'product',
    weight: 3,
    make: (_, self) =>
      rankOf(self) >= 2 && isFloating(self)
        ? method('matmul', [of(self), { result: self.result }])
        : undefined,
  },
  {
    places: 'product',
    weight: 10,
    make: (random, self, all) => {
      if (rankOf(self) !== 4 || !isFloating(self) || self.tensor.numel() === 0) return undefined;
      const fits = all.filter(
        (v) =>
          rankOf(v) === 4 &&
          v.tensor.numel() > 0 &&
          v.tensor.dtype === self.tensor.dtype &&
          v.tensor.shape[1] === self.tensor.shape[1] &&
          v.tensor.shape[2] * v.tensor.shape[3] <= MOST_WINDOW,
      );
      const padding = random.integer(0, 2);
      return fits.length
        ? fn('conv2d', [of(self), of(random.pick(fits)), null, random.integer(1, 2), padding])
        : undefined;
    },
  },
  {
    places: 'same',
    weight: 2,
    make: (random, self) =>
      rankOf(self) === 4 && isFloating(self)
        ? fn('max_pool2d', [of(self), random.integer(1, 3), random.integer(1, 2)])
        : undefined,
  },
  {
    places: 'rounds',
    weight: 1,
    make: (random, self) =>
      rankOf(self) === 4 && isFloating(self)
        ? fn('avg_pool2d', [of(self), random.integer(1, 3), random.integer(1, 2)])
        : undefined,
  },
];

/** A weight for the channels of a convolution: another value of rank 4 whose second size fits. */
function windowFor(random: Random, all: readonly Value[], channels: number, dtype: DType): Value | undefined {
  const fits = all.filter(
    ({ tensor: { shape, dtype: own } }) =>
      shape.length === 4 &&
      own === dtype &&
      shape[1] === channels &&
      !shape.includes(0) &&
      shape[2] * shape[3] <= MOST_WINDOW,
  );
  return fits.length ? random.pick(fits) : undefined;
}

/** What backends like to run in a way of their own. */
const networks: Maker[] = [
  {
    places: 'rounds',
    weight: 2,
    make: (random, self) =>
      isFloating(self) && rankOf(self) >= 3 && !self.tensor.shape.includes(0)
        ? fn('scaled_dot_product_attention', [of(self), of(self), of(self), null, 0, random.chance(0.5)])
        : undefined,
  },
  {
    places: 'product',
    weight: 2,
    make: (random, self, all) => {
      const inner = self.tensor.shape.at(-1);
      const fits = all.filter(
        (v) => rankOf(v) === 2 && v.tensor.dtype === self.tensor.dtype && v.tensor.shape[1] === inner,
      );
      return isFloating(self) && fits.length ? fn('linear', [of(self), of(random.pick(fits))]) : undefined;
    },
  },
  {
    places: 'rounds',
    weight: 2,
    make: (random, self) =>
      isFloating(self) && rankOf(self) >= 3 && self.tensor.numel() > 1 && self.tensor.shape[1] > 0
        ? fn('group_norm', [of(self), random.chance(0.5) ? 1 : self.tensor.shape[1], null, null, 1])
        : undefined,
  },
  {
    places: 'rounds',
    weight: 2,
    make: (_, self) =>
      isFloating(self) && rankOf(self) >= 2 && self.tensor.numel() > 2 * self.tensor.shape[1]
        ? fn('batch_norm', [of(self), null, null, null, null, true, 0.1, 1, false])
        : undefined,
  },
  {
    places: 'product',
    weight: 8,
    make: (random, self, all) => {
      if (rankOf(self) !== 4 || !isFloating(self) || self.tensor.numel() === 0) return undefined;
      const [, channels] = self.tensor.shape;
      // Depthwise where the window has one channel; the groups must divide its filters.
      const window = windowFor(random, all, 1, self.tensor.dtype);
      if (!window || window.tensor.shape[0] % channels !== 0) return undefined;
      const [stride, padding, dilation] = [random.integer(1, 2), random.integer(0, 2), random.integer(1, 2)];
      return fn('conv2d', [of(self), of(window), null, stride, padding, dilation, channels]);
    },
  },
  {
    places: 'product',
    weight: 3,
    make: (random, self, all) => {
      if (rankOf(self) !== 4 || !isFloating(self) || self.tensor.numel() === 0) return undefined;
      const fits = all.filter(
        (v) =>
          rankOf(v) === 4 &&
          v.tensor.dtype === self.tensor.dtype &&
          v.tensor.shape[0] === self.tensor.shape[1] &&
          !v.tensor.shape.includes(0) &&
          v.tensor.shape[2] * v.tensor.shape[3] <= MOST_WINDOW,
      );
      return fits.length
        ? fn('conv_transpose2d', [
            of(self),
            of(random.pick(fits)),
            null,
            random.integer(1, 2),
            random.integer(0, 1),
          ])
        : undefined;
    },
  },
  {
    places: 'rounds',
    weight: 1,
    make: (random, self) =>
      rankOf(self) === 4 && isFloating(self) && self.tensor.numel() > 0
        ? fn('adaptive_avg_pool2d', [of(self), [random.integer(1, 4), random.integer(1, 4)]])
        : undefined,
  },
];

/** Positions come from sorting, so that they are always inside. */
const positions: Maker[] = [
  {
    places: 'same',
    jumps: true,
    weight: 2,
    make: (random, self) =>
      rankOf(self) > 0 && notBool(self)
        ? method('sort', [of(self), options({ stable: true, dim: dimOf(random, self) })], { pick: 1 })
        : undefined,
  },
  {
    places: 'same',
    jumps: true,
    weight: 2,
    make: (random, self) => {
      if (rankOf(self) === 0 || !notBool(self)) return undefined;
      const dim = dimOf(random, self);
      const size = sizeAt(self, dim);
      // Which of equals it takes is nobody's business, so no derivative.
      return size > 0 && !self.tensor.requires_grad
        ? method('topk', [of(self), random.integer(1, size), dim], { pick: 0 })
        : undefined;
    },
  },
  {
    places: 'same',
    weight: 8,
    make: (random, self, all) => {
      const fits = all.filter(
        (v) =>
          v.tensor.dtype === 'int64' && rankOf(v) > 0 && String(v.tensor.shape) === String(self.tensor.shape),
      );
      if (fits.length === 0) return undefined;
      const index = of(random.pick(fits));
      const dim = dimOf(random, self);
      if (random.chance(0.6)) return method('gather', [of(self), dim, index]);
      return method('scatter_add', [of(self), dim, index, of(self)]);
    },
  },
  {
    places: 'same',
    weight: 2,
    make: (random, self, all) => {
      const indices = all.filter((v) => v.tensor.dtype === 'int64' && rankOf(v) > 0);
      return rankOf(self) === 2 && isFloating(self) && indices.length
        ? fn('embedding', [of(self), of(random.pick(indices))])
        : undefined;
    },
  },
  {
    places: 'rounds',
    weight: 1,
    make: (random, self) =>
      isFloating(self) && rankOf(self) > 0 ? method('cumprod', [of(self), dimOf(random, self)]) : undefined,
  },
];

export const makers: readonly Maker[] = [
  ...networks,
  ...positions,

  ...views,
  ...inplace,
  ...pointwise,
  ...folds,
  ...rearranging,
  ...products,
];

/** Calls whose derivative jumps: where gradients are wanted they are as delicate as what jumps itself. */
export const kinks: ReadonlySet<string> = new Set(
  'abs abs_ relu relu_ clamp_ maximum minimum amax amin max_pool2d elu selu hardswish'.split(' '),
);
