/** `torch.backends.compare` finds the operator that is wrong, and nothing where none is. */
import { reference } from '@sconce/backend-reference';
import { type Backend, type Kernel, register_backend } from '@sconce/core';
import * as torch from 'sconce';
import { beforeEach, expect, test } from 'vitest';

const { compare } = torch.backends;

beforeEach(async () => {
  await torch.use('wasm');
  torch.manual_seed(0);
});

/** The reference, but for what `spoil` does to the result of some kernels. */
function faulty(name: string, isSpoilt: (kernel: Kernel) => boolean): Backend {
  const right = reference();
  const wrong: Backend = Object.create(right, {
    name: { value: name },
    deviceType: { value: name },
    compile: {
      value: (kernel: Kernel) => {
        const run = right.compile(kernel);
        if (!isSpoilt(kernel)) return run;
        return (...call: Parameters<typeof run>) => {
          run(...call);
          const { memory, offset, strides, shape } = call[0][0];
          const last = offset + shape.reduce((sum, size, d) => sum + (size - 1) * strides[d], 0);
          const [value] = right.readNow!(memory, last, 1) as Float32Array;
          right.write(memory, last, Float32Array.of(value + 0.5));
        };
      },
    },
  });
  register_backend(wrong);
  return wrong;
}

const uses =
  (op: string) =>
  (kernel: Kernel): boolean =>
    kernel.kind === 'pointwise' && JSON.stringify(kernel.exprs).includes(`"${op}"`);

test('a training step is the same on wasm and on the reference', async () => {
  const { nn } = torch;
  const model = nn.Sequential(
    nn.Conv2d(1, 4, 3),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(144, 3),
    nn.Dropout(0.5),
  );
  const x = torch.randn([2, 1, 8, 8]);
  const optimizer = torch.optim.Adam(model.parameters());
  const found = await compare('wasm', 'reference', () => {
    optimizer.zero_grad();
    nn.functional.cross_entropy(model(x), torch.tensor([1, 2])).backward();
    optimizer.step();
  });
  expect(String(found)).toMatch(/^wasm and reference agree on \d+ operators$/);
  expect(found.operators).toBeGreaterThan(50);
});

test('the first wrong operator is named, with inputs, position and ulps', async () => {
  faulty('wrong-exp', uses('exp'));
  const found = await compare('wrong-exp', 'reference', () => {
    const x = torch.ones([2, 3]).t();
    x.mul(2).exp().exp().sum();
  });
  const { divergence } = found;
  expect(found.equal).toBe(false);
  expect(divergence).toMatchObject({ operator: 'aten::exp', position: [2, 1], count: 1, dtype: 'float32' });
  expect(divergence!.inputs).toEqual([{ dtype: 'float32', shape: [3, 2], strides: [1, 3], offset: 0 }]);
  expect(Number(divergence!.got) - Number(divergence!.expected)).toBeCloseTo(0.5, 5);
  expect(divergence!.ulps).toBe(2 ** 20);
  expect(String(found)).toContain('argument 0: float32[3, 2] strides (1, 3)');
});

test('of an operator and its parts, the part is named', async () => {
  faulty('wrong-matmul', (kernel) => kernel.kind === 'matmul');
  const found = await compare('wrong-matmul', 'reference', () => torch.nn.Linear(3, 2)(torch.ones([4, 3])));
  expect(found.divergence!.operator).toBe('aten::addmm');
});

test('in-place operators are compared by what they wrote, also through views that share memory', async () => {
  faulty('wrong-neg', uses('neg'));
  const found = await compare('wrong-neg', 'reference', () => {
    const x = torch.ones([4, 4]);
    x.add_(1);
    const part = x.narrow(0, 2, 2);
    part.copy_(x.narrow(0, 0, 2));
    part.neg_();
  });
  expect(found.divergence!.operator).toBe('aten::neg_');
  expect(found.divergence!.inputs[0]).toMatchObject({ shape: [2, 4], offset: 8 });
});

test('random numbers are in step, and the program goes on from the right state', async () => {
  const draw = () => [torch.randn([20]), torch.rand([3]), torch.randperm(7)].map((t) => t.tolist());
  torch.manual_seed(3);
  const alone = await Promise.all(draw());
  torch.manual_seed(3);
  let together: unknown[] = [];
  const found = await compare('wasm', 'reference', async () => {
    together = await Promise.all(draw());
  });
  expect(found.equal).toBe(true);
  expect(together).toEqual(alone);
});

test('the tolerance can be given, and is exact where it is 0', async () => {
  const program = () => torch.randn([64]).exp().sum();
  expect((await compare('wasm', 'reference', program)).equal).toBe(true);
  const strict = await compare('wasm', 'reference', program, { rtol: 0, atol: 0 });
  if (strict.divergence) expect(strict.divergence.ulps).toBeGreaterThan(0);
  else expect(strict.operators).toBeGreaterThan(1);
});

test('an error that both have is the program’s own, and one that only one has is a divergence', async () => {
  await expect(compare('wasm', 'reference', () => torch.ones([2]).add(torch.ones([3])))).rejects.toThrow(
    'must match the size',
  );
  faulty('throwing', (kernel) => {
    if (uses('log')(kernel)) throw new Error('no log today');
    return false;
  });
  const found = await compare('wasm', 'throwing', () => torch.ones([2]).log());
  expect(found.divergence!.reason).toBe('throwing threw: no log today');
});

test('the backend in use is what it was, also after an error', async () => {
  await torch.use('reference');
  await compare('wasm', 'reference', () => torch.ones([2]).exp());
  expect(torch.backend_name()).toBe('reference');
  await expect(
    compare('wasm', 'reference', () => {
      throw new Error('mine');
    }),
  ).rejects.toThrow('mine');
  expect(torch.backend_name()).toBe('reference');
  await expect(compare('wasm', 'wasm', () => 0)).rejects.toThrow('the same backend');
});
