/** Threads as a user meets them: how many there are, and that results do not depend on it. */
import * as torch from 'sconce';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { start } from '../../backend-wasm/test/threads/eager.ts';

const { nn } = torch;

afterAll(() => torch.use('wasm', {}));

type Numbers = Record<string, number[]>;

/** Forward and backward through layers whose kernels are cut in different ways, large enough to be cut. */
async function program(): Promise<Numbers> {
  torch.manual_seed(0);
  const result: Numbers = {};
  const keep = async (name: string, x: torch.Tensor): Promise<void> => {
    result[name] = Array.from((await x.data()) as Float32Array);
  };
  const run = async (
    name: string,
    layer: torch.nn.Module,
    input: torch.Tensor,
    value = (y: unknown): torch.Tensor => y as torch.Tensor,
  ): Promise<void> => {
    const x = input.requires_grad_();
    const y = value(layer(x));
    await keep(`${name}: result`, y);
    (y.mul(y).sum() as torch.Tensor).backward();
    await keep(`${name}: gradient of the input`, x.grad!);
    for (const [parameter, p] of layer.named_parameters())
      await keep(`${name}: gradient of ${parameter}`, p.grad!);
  };
  await run('linear', nn.Linear(96, 130), torch.randn(70, 96));
  await run('conv 3 x 3', nn.Conv2d(8, 12, 3, { padding: 1 }), torch.randn(2, 8, 30, 30));
  await run('conv 5 x 5, step 2', nn.Conv2d(6, 8, 5, { stride: 2 }), torch.randn(2, 6, 29, 31));
  await run('depthwise', nn.Conv2d(16, 16, 3, { groups: 16, padding: 1 }), torch.randn(2, 16, 24, 24));
  await run('transposed', nn.ConvTranspose2d(6, 8, 3, { stride: 2 }), torch.randn(2, 6, 15, 15));
  await run('layer_norm', nn.LayerNorm(1024), torch.randn(100, 1024));
  await run('group_norm', nn.GroupNorm(4, 16), torch.randn(3, 16, 20, 20));
  await run('batch_norm', nn.BatchNorm2d(16), torch.randn(8, 16, 20, 20));
  await run('softmax', nn.Softmax(-1), torch.randn(200, 333));
  await run('log_softmax', nn.LogSoftmax(1), torch.randn(20, 33, 17));
  await run('gelu', nn.GELU(), torch.randn(100, 301));
  await run('max_pool', nn.MaxPool2d(3, { stride: 2 }), torch.randn(2, 16, 31, 31));
  await run('avg_pool', nn.AvgPool2d(2), torch.randn(2, 16, 30, 30));
  await run('two layers', nn.Sequential(nn.Flatten(), nn.Linear(60, 7)), torch.randn(300, 3, 20));
  await run(
    'attention',
    nn.TransformerEncoderLayer(64, 4, { dropout: 0, batch_first: true }),
    torch.randn(2, 50, 64),
  );
  await run('lstm', nn.LSTM(40, 48), torch.randn(12, 9, 40), (y) => (y as torch.Tensor[])[0]);
  const x = torch.randn(64, 500) as torch.Tensor;
  await keep('transposed copy', x.t().contiguous());
  await keep('cumsum', x.cumsum(1) as torch.Tensor);
  await keep('sort', (x.sort(1) as unknown as torch.Tensor[])[0]);
  await keep('columns', x.sum(0) as torch.Tensor);
  await keep('rows', x.sum(1) as torch.Tensor);
  await keep('gather', x.gather(1, torch.randint(500, [64, 700])) as torch.Tensor);
  await keep('cat', torch.cat([x, x.flip(1), x.mul(2)], 1) as torch.Tensor);
  return result;
}

describe('results', () => {
  let want: Numbers;
  beforeAll(async () => {
    await torch.use(await start({ threads: 1 }));
    want = await program();
  }, 60_000);

  for (const threads of [2, 4])
    it(`are the same bits on ${threads} threads as on one`, async () => {
      const backend = await start({ threads });
      await torch.use(backend);
      for (let round = 0; round < 3; round++) {
        const got = await program();
        expect(Object.keys(got)).toEqual(Object.keys(want));
        for (const name of Object.keys(want)) expect([name, got[name]]).toEqual([name, want[name]]);
      }
      const [main, ...others] = backend.heap.team.calls();
      expect(main).toBeGreaterThan(0);
      expect(others.some((n) => n > 0)).toBe(true);
    }, 120_000);
});

describe('set_num_threads', () => {
  it('takes a positive integer, as PyTorch does', async () => {
    await torch.use('wasm', { threads: 2 });
    expect(() => torch.set_num_threads(0)).toThrow('set_num_threads expects a positive integer');
    expect(() => torch.set_num_threads(1.5)).toThrow('set_num_threads expects an int, but got 1.5');
    expect(torch.get_num_threads()).toBe(2);
  });

  it('holds for the backend in use, in a worker too, and for those made later', async () => {
    await torch.use('wasm', { threads: 2 });
    torch.set_num_threads(3);
    expect(torch.get_num_threads()).toBe(3);
    await torch.use('wasm', { threads: 2 });
    expect(torch.get_num_threads()).toBe(2);
    await torch.use('wasm', {});
    expect(torch.get_num_threads()).toBe(3);
    await torch.use('wasm', { worker: true, threads: 2 });
    expect(torch.get_num_threads()).toBe(2);
    torch.set_num_threads(4);
    await torch.ones(1).item();
    expect(torch.get_num_threads()).toBe(4);
  });

  it('is one on a backend without threads, and on one that was made for one', async () => {
    await torch.use('reference');
    expect(torch.get_num_threads()).toBe(1);
    await torch.use('wasm', { threads: 1 });
    torch.set_num_threads(4);
    expect(torch.get_num_threads()).toBe(1);
  });
});
