/** A warm-up compiles what the first call needs, computes nothing and changes nothing. */
import { existsSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import * as torch from '../src/index.ts';

const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (!process.env.VK_DRIVER_FILES && existsSync(SWIFTSHADER)) process.env.VK_DRIVER_FILES = SWIFTSHADER;

interface Engine {
  statistics(): { pipelines: number; dispatches: number; bytesInUse: number };
}
const counts = (t: torch.Tensor): ReturnType<Engine['statistics']> =>
  (t.backend as unknown as Engine).statistics();

beforeAll(() => torch.use('webgpu'));

it('compiles all that a call needs, and the call then compiles nothing', async () => {
  torch.manual_seed(0);
  const net = torch.nn.Sequential(
    new torch.nn.Linear(8, 16),
    new torch.nn.ReLU(),
    new torch.nn.Linear(16, 4),
  );
  const x = torch.randn(3, 8);
  await x.data();
  const before = counts(x);
  await torch.warmup(() => torch.no_grad(() => (net.forward(torch.zeros(3, 8)) as torch.Tensor).softmax(1)));
  const warm = counts(x);
  expect(warm.pipelines).toBeGreaterThan(before.pipelines + 2);
  expect(warm.dispatches).toBe(before.dispatches);
  expect(warm.bytesInUse).toBe(before.bytesInUse);
  const out = torch.no_grad(() => (net.forward(x) as torch.Tensor).softmax(1)) as torch.Tensor;
  const sums = (await out.sum(1).tolist()) as number[];
  for (const s of sums) expect(s).toBeCloseTo(1, 5);
  expect(counts(x).pipelines - warm.pipelines).toBeLessThanOrEqual(1);
});

it('leaves what was there as it is, and what was still to be computed comes out right', async () => {
  const x = torch.tensor([1, 2, 3], { dtype: 'float32' });
  const pending = x.mul(2).add(1) as torch.Tensor;
  let made: torch.Tensor | undefined;
  await torch.warmup(() => {
    x.mul_(100);
    made = x.add(5) as torch.Tensor;
  });
  expect(await x.tolist()).toEqual([1, 2, 3]);
  expect(await pending.tolist()).toEqual([3, 5, 7]);
  await expect(made!.tolist()).rejects.toThrow(/made in a warm-up/);
});

it('leaves the generator as it is, and takes a model with random and normalizing layers', async () => {
  const net = torch.nn.Sequential(
    new torch.nn.Conv2d(3, 8, 3, { padding: 1 }),
    new torch.nn.BatchNorm2d(8),
    new torch.nn.Dropout(0.5),
  );
  torch.manual_seed(7);
  await torch.warmup(() => net.forward(torch.zeros(2, 3, 16, 16)));
  const drawn = await torch.randn(4).tolist();
  torch.manual_seed(7);
  expect(await torch.randn(4).tolist()).toEqual(drawn);
  const statistics = net.state_dict().get('1.running_mean') as torch.Tensor;
  expect(await statistics.tolist()).toEqual(new Array(8).fill(0));
});

it('ends where a value is awaited, without an error', async () => {
  const x = torch.tensor([1, 2, 3], { dtype: 'float32' });
  await torch.warmup(async () => {
    if (Number(await (x.sum() as torch.Tensor).item()) > 0) x.add_(1);
  });
  expect(await x.tolist()).toEqual([1, 2, 3]);
  await expect(torch.warmup(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
});
