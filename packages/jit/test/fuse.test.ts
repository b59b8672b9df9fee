/** Fused operators give what their parts give: every dtype, operands that broadcast, gradients, errors. */
import { reference } from '@sconce/backend-reference';
import {
  callOperator,
  type DType,
  findOperator,
  fromTypedArray,
  functions,
  fuse,
  intercept,
  kernel_launches,
  no_grad,
  type Operand,
  type Step,
  setCurrentBackend,
  type Tensor,
} from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => setCurrentBackend(reference()));

const step = (name: string, ...args: Operand[]): Step => ({ operator: findOperator(name)!, args });
const input = (i: number): Operand => ({ input: i });
const result = (i: number): Operand => ({ step: i });
const literal = (value: unknown): Operand => ({ literal: value });

/** Quarters from -2 to 2, which no dtype rounds before they are computed with. */
function numbers(shape: readonly number[], dtype: DType, seed = 0): Tensor {
  const count = shape.reduce((n, d) => n * d, 1);
  const data = Float32Array.from({ length: count }, (_, i) => (((i * 7 + seed * 5) % 17) - 8) / 4);
  return fromTypedArray(data, shape, 'float32').to(dtype) as Tensor;
}

/** The steps one after another. */
function apart(steps: readonly Step[], inputs: readonly Tensor[]): Tensor {
  const results: unknown[] = [];
  for (const { operator, args } of steps)
    results.push(
      callOperator(
        operator,
        args.map((o) =>
          'input' in o
            ? inputs[o.input]
            : 'step' in o
              ? results[o.step]
              : 'constant' in o
                ? o.constant
                : o.literal,
        ),
      ),
    );
  return results[results.length - 1] as Tensor;
}

/** What a call gives, or how it fails. */
const outcome = async (run: () => Tensor): Promise<unknown> => {
  try {
    return await described(no_grad(run));
  } catch (error) {
    return String(error);
  }
};

const described = async (t: Tensor) => [t.dtype, t.shape, t.strides, await t.tolist()];

const chain = [
  step('aten::add.Tensor', input(0), input(1), literal(2)),
  step('aten::div.Scalar', result(0), literal(3)),
  step('aten::sigmoid', result(1)),
  step('aten::mul.Tensor', result(1), result(2)),
];
const product = [
  step('aten::mm', input(0), input(1)),
  step('aten::add.Tensor', result(0), input(2), literal(1)),
  step('aten::relu', result(1)),
];
const linear = [
  step('aten::linear', input(0), input(1), input(2)),
  step('aten::gelu', result(0), literal('none')),
  step('aten::mul.Tensor', result(1), input(3)),
];
const conv = [
  step(
    'aten::conv2d',
    ...[input(0), input(1), literal(null), literal([1, 1]), literal([1, 1]), literal([1, 1]), literal(1)],
  ),
  step('aten::add_.Tensor', result(0), input(2), literal(1)),
  step('aten::clamp', result(1), literal(-1), literal(6)),
];
const batches = [
  step('aten::matmul', input(0), input(1)),
  step('aten::add.Tensor', result(0), input(2), literal(1)),
];

const groups: Readonly<Record<string, { steps: Step[]; shapes: number[][]; launches: number }>> = {
  'a chain': { steps: chain, shapes: [[2, 3], [2, 3]], launches: 1 },
  'a chain over operands that broadcast': { steps: chain, shapes: [[4, 1, 3], [2, 1]], launches: 1 },
  'a product, a bias and an activation': { steps: product, shapes: [[3, 4], [4, 5], [5]], launches: 1 },
  'a product and a residual': { steps: product, shapes: [[3, 4], [4, 5], [3, 5]], launches: 1 },
  'a product and an operand larger than it': { steps: product, shapes: [[3, 4], [4, 5], [2, 3, 5]], launches: 2 },
  'a linear layer of a batch': { steps: linear, shapes: [[2, 3, 4], [5, 4], [5], [2, 3, 5]], launches: 1 },
  'a convolution, written in place': { steps: conv, shapes: [[1, 2, 4, 4], [3, 2, 3, 3], [1, 3, 4, 4]], launches: 1 },
  'a product of batches and a mask': { steps: batches, shapes: [[2, 3, 2, 4], [2, 3, 4, 2], [2, 2]], launches: 1 },
}; // biome-ignore format: a table

describe('a fused operator gives to the bit what its parts give, in fewer kernels', () => {
  for (const [name, { steps, shapes, launches }] of Object.entries(groups))
    for (const dtype of ['float32', 'float64', 'float16', 'bfloat16', 'int32'] as const)
      it(`${name}, ${dtype}`, async () => {
        const inputs = shapes.map((shape, i) => numbers(shape, dtype, i));
        const operator = fuse('group', inputs.length, steps);
        const want = await outcome(() => apart(steps, inputs));
        const before = kernel_launches();
        const got = await outcome(() => callOperator(operator, inputs) as Tensor);
        expect(got).toEqual(want);
        if (dtype === 'float32') expect(kernel_launches() - before).toBeLessThanOrEqual(launches);
      });

  it('keeps the dtype of what is written in place, and refuses as the part does', async () => {
    const steps = [step('aten::neg', input(0)), step('aten::mul_.Tensor', result(0), input(1))];
    const operator = fuse('group', 2, steps);
    const [x, y] = [numbers([3], 'float32'), numbers([3], 'float64', 1)];
    expect((callOperator(operator, [x, y]) as Tensor).dtype).toBe('float32');
    expect(() => callOperator(operator, [numbers([3], 'int32'), y])).toThrow(
      "result type Double can't be cast to the desired output type Int",
    );
    expect(() => callOperator(operator, [x, numbers([4], 'float32')])).toThrow(/must match the size/);
  });

  it('has the gradients of its parts', async () => {
    for (const { steps, shapes } of Object.values(groups)) {
      const gradients: unknown[] = [];
      for (const run of [
        (inputs: readonly Tensor[]) => apart(steps, inputs),
        (inputs: readonly Tensor[]) => callOperator(fuse('group', inputs.length, steps), inputs) as Tensor,
      ]) {
        const inputs = shapes.map((shape, i) => numbers(shape, 'float32', i));
        for (const x of inputs) x.requires_grad = true;
        (run(inputs).sum() as Tensor).backward();
        gradients.push(await Promise.all(inputs.map((x) => x.grad!.tolist())));
      }
      expect(gradients[1]).toEqual(gradients[0]);
    }
  });

  it('is one operator to whoever looks on', () => {
    const seen: string[] = [];
    const stop = intercept((operator, _, proceed) => {
      seen.push(operator.schema.name);
      return proceed();
    });
    callOperator(fuse('add_div', 2, chain), [functions.ones([2, 3]), functions.ones([2, 3])]);
    stop();
    expect(seen.filter((name) => name.startsWith('fused::'))).toEqual(['fused::add_div']);
    expect(seen).not.toContain('aten::sigmoid');
  });
});
