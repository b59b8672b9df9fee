/** Names that PyTorch's programs begin with, beside the operators. */
import { functions } from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import * as torch from '../src/index.ts';

beforeAll(() => torch.use('reference'));

describe('tensors', () => {
  it('convert under the names of the dtypes', () => {
    const x = torch.tensor([[0, 1, 2]]);
    const converted = [
      x.float(),
      x.double(),
      x.half(),
      x.bfloat16(),
      x.byte(),
      x.char(),
      x.short(),
      x.int(),
      x.long(),
      x.bool(),
    ];
    expect(converted.map(({ dtype }) => dtype)).toEqual(
      'float32 float64 float16 bfloat16 uint8 int8 int16 int32 int64 bool'.split(' '),
    );
    expect(converted[8]).toBe(x);
  });

  it('have a transpose that is a view, with a gradient', () => {
    const x = torch.ones(2, 3).requires_grad_();
    expect(x.T.shape).toEqual([3, 2]);
    expect(x.T.grad_fn?.name).toBe('PermuteBackward0');
  });
});

it('several results have names, as in PyTorch', () => {
  const x = torch.tensor([[1, 3, 2]]);
  const result = x.max(1);
  expect(result.values).toBe(result[0]);
  expect(result.indices).toBe(result[1]);
  expect(torch.topk(x, 2, { dim: 1 }).indices.shape).toEqual([1, 2]);
  expect(Object.keys(x.sort())).toEqual(['0', '1']);
});

it('devices are made by their names', async () => {
  expect(String(torch.device('webgpu:1'))).toBe('webgpu:1');
  expect(String(torch.device('webgpu', 1))).toBe('webgpu:1');
  expect((await torch.ones(2).to(torch.device('cpu'))).device.type).toBe('cpu');
});

it.each([
  ['linalg', torch.linalg],
  ['special', torch.special],
])('torch.%s has every operator of its name', (name, namespace) => {
  const operators = Object.entries(functions).filter(([operator]) => operator.startsWith(`${name}_`));
  const expected = operators.map(([operator, f]) => [operator.slice(name.length + 1), f]);
  expect(Object.entries<unknown>(namespace).sort()).toEqual(expected.sort());
});
