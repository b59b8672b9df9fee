/** Random programs of pointwise, in-place, view and dispose steps: fused and unfused they give the same bits and the same errors. */
import {
  type DType,
  functions,
  readRaw,
  set_fusion_enabled,
  setCurrentBackend,
  type Tensor,
  tensor,
} from '@sconce/core';
import { afterAll, expect, test } from 'vitest';
import { reference } from '../src/index.ts';

type Random = () => number;

/** mulberry32 */
function randomFrom(seed: number): Random {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const dtypes: DType[] = [
  'float32',
  'float32',
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int8',
  'uint8',
  'int32',
  'int64',
  'bool',
];
const shapes = [[3, 4], [3, 4], [3, 4], [3, 4], [4], [3, 1], [], [4, 3], [2, 3, 4]];

type Step = (r: Random, pick: () => Tensor) => Tensor | null;

const number = (r: Random): number => [2, -3, 0.5, 7, 100, -1][Math.floor(r() * 6)];

const steps: Step[] = [
  (r, pick) => pick().mul(number(r)),
  (r, pick) => pick().add(number(r)),
  (_, pick) => pick().add(pick()),
  (_, pick) => pick().mul(pick()),
  (r, pick) => pick().sub(pick(), { alpha: Math.floor(number(r)) }),
  (_, pick) => pick().neg(),
  (_, pick) => pick().relu(),
  (_, pick) => pick().abs(),
  (_, pick) => pick().square(),
  (_, pick) => pick().maximum(pick()),
  (_, pick) => pick().div(pick()),
  (_, pick) => pick().div(pick(), { rounding_mode: 'floor' }),
  (_, pick) => pick().lt(pick()),
  (_, pick) => functions.where(pick().gt(0) as Tensor, pick(), pick()) as Tensor,
  (_, pick) => pick().masked_fill(pick().gt(0), 1),
  (_, pick) => pick().to('int32').bitwise_and(pick().to('int32')),
  (r, pick) => pick().to(dtypes[Math.floor(r() * dtypes.length)]),
  (r, pick) => pick().clamp(-2, 1 + number(r)),
  (_, pick) => pick().clone(),
  (_, pick) => pick().contiguous(),
  (_, pick) => pick().tril(),
  // In place.
  (r, pick) => pick().add_(number(r)),
  (r, pick) => pick().mul_(Math.floor(number(r))),
  (_, pick) => pick().add_(pick()),
  (_, pick) => pick().sub_(pick()),
  (_, pick) => pick().relu_(),
  (_, pick) => pick().copy_(pick()),
  (_, pick) => pick().zero_(),
  (r, pick) => pick().fill_(Math.floor(number(r))),
  (_, pick) => pick().masked_fill_(pick().gt(0), 3),
  (_, pick) => pick().clamp_min_(0),
  // Views.
  (_, pick) => pick().t(),
  (_, pick) => pick().detach(),
  (_, pick) => pick().unsqueeze(0),
  (_, pick) => pick().select(0, 1),
  (_, pick) => pick().narrow(0, 1, 2),
  (_, pick) => pick().flip([0]),
  (_, pick) => pick().reshape([-1]),
  (_, pick) => pick().reshape([3, 4]),
  (_, pick) => pick().expand([3, 4]),
  (_, pick) => pick().transpose_(0, -1),
  // What ends a chain, and what is none.
  (_, pick) => pick().sum(),
  (_, pick) => pick().sum([0], true),
  (_, pick) => pick().amax([-1]),
  (_, pick) => pick().mean([0]),
  (_, pick) => pick().var([0]),
  (_, pick) => pick().any(),
  (_, pick) => pick().argmax(0),
  (_, pick) => pick().cumsum(0),
  (_, pick) => pick().softmax(-1),
  (_, pick) => functions.cat([pick(), pick()], 0) as Tensor,
  (_, pick) => pick().matmul(pick()),
  (_, pick) => pick().index_select(0, tensor([1, 0, 1])),
  (_, pick) => pick().new_zeros([3, 4]),
];

/** What a program leaves: each tensor's layout and bits, and the message of each step that threw. */
async function outcome(seed: number, fusion: boolean): Promise<unknown[]> {
  set_fusion_enabled(fusion);
  const r = randomFrom(seed);
  const pool: Tensor[] = [];
  for (let i = 0; i < 5; i++) {
    const shape = shapes[Math.floor(r() * shapes.length)];
    const n = shape.reduce((a, b) => a * b, 1);
    const data = Array.from({ length: n }, () => Math.floor(r() * 9) - 4);
    pool.push((tensor(data).reshape(shape) as Tensor).to(dtypes[Math.floor(r() * dtypes.length)]) as Tensor);
  }
  const seen: unknown[] = [];
  const pick = (): Tensor => pool[Math.floor(r() * pool.length)];
  for (let i = 0; i < 40; i++) {
    const what = r();
    if (what < 0.06) pick().dispose();
    else if (what < 0.1) await null;
    else if (what < 0.12) await new Promise((resolve) => setTimeout(resolve, 0));
    else if (what < 0.16) {
      const t = pick();
      if (!t.isDisposed && !t.storage.isFreed) seen.push(...(await readRaw(t)));
    } else {
      const step = steps[Math.floor(r() * steps.length)];
      try {
        const made = step(r, pick);
        // A temporary that the program forgets is the likeliest operand of the next step.
        if (made) pool.push(made);
        if (pool.length > 12) pool.splice(Math.floor(r() * pool.length), 1);
      } catch (error) {
        if ((error as Error).name === 'TypeError') throw error;
        seen.push((error as Error).message);
      }
    }
  }
  for (const t of pool) {
    seen.push(t.dtype, t.shape, t.strides, t.offset, t._version, t.storage.isFreed);
    if (!t.storage.isFreed) seen.push(...(await readRaw(t)));
  }
  return seen;
}

afterAll(() => {
  set_fusion_enabled(null);
});

test('250 random programs give the same bits and errors, fused and not', async () => {
  setCurrentBackend(reference());
  let errors = 0;
  for (let seed = 0; seed < 250; seed++) {
    const plain = await outcome(seed, false);
    errors += plain.filter((s) => typeof s === 'string' && s.includes(' ')).length;
    expect(await outcome(seed, true), `program ${seed}`).toEqual(plain);
  }
  // The programs must reach the errors too, and mostly do something else.
  expect(errors).toBeGreaterThan(100);
  expect(errors).toBeLessThan(8000);
});
