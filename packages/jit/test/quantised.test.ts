/** Quantised tensors beside the operators that have a meaning for them; what those compute is in the suite's `jit` layer. */
import { reference } from '@sconce/backend-reference';
import { functions, setCurrentBackend, type Tensor, tensor } from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => setCurrentBackend(reference()));

const quantised = () =>
  functions.quantize_per_tensor(
    tensor([
      [1.5, -0.25],
      [0.5, 3],
    ]),
    0.1,
    10,
    'quint8',
  ) as Tensor;

describe('a quantised tensor', () => {
  it('holds integers, and is numbers again', async () => {
    const q = quantised();
    expect(q.dtype).toBe('quint8');
    expect(await (functions.int_repr(q.t()) as Tensor).data()).toEqual(Uint8Array.of(25, 15, 8, 40));
    expect(functions.q_scale(q)).toBe(0.1);
    expect(await (functions.dequantize(q) as Tensor).tolist()).toEqual([
      [1.5, Math.fround(-2 * Math.fround(0.1))],
      [0.5, 3],
    ]);
  });

  it('prints its numbers, then what makes them of integers, as PyTorch does', () => {
    expect(String(quantised())).toBe(
      `tensor([[ 1.5000, -0.2000],
        [ 0.5000,  3.0000]], size=(2, 2), dtype=torch.quint8,
       quantization_scheme=torch.per_tensor_affine, scale=0.1, zero_point=10)`,
    );
  });

  it.each(['add', 'sum', 'matmul', 'exp', 'argmax'])(
    'is refused by %s, which has no meaning for it',
    (name) => {
      const q = quantised();
      expect(() => functions[name](q, ...(name === 'add' || name === 'matmul' ? [q] : []))).toThrow(/quint8/);
    },
  );

  it('is asked for where a plain tensor is given', () => {
    expect(() => functions.q_scale(tensor([1]))).toThrow('expected a quantized tensor, but got one of dtype');
  });
});
