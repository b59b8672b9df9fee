/** A training loop on WebGPU that awaits its loss and disposes nothing: its memory must not grow. */
import { existsSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import * as torch from '../src/index.ts';

const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (!process.env.VK_DRIVER_FILES && existsSync(SWIFTSHADER)) process.env.VK_DRIVER_FILES = SWIFTSHADER;

interface Engine {
  statistics(): { buffers: number; bytesInUse: number; bytesIdle: number };
  destroy(): void;
}

const STEPS = 120;
/** What core lets pile up before a read waits for the finalizers, twice, and the tensors that live. */
const MOST = 72 * 2 ** 20;

let engine: Engine | undefined;
afterAll(() => engine?.destroy());

it('holds flat over a training', async () => {
  await torch.use('webgpu');
  const size = 2 ** 17;
  torch.manual_seed(0);
  const weight = torch.zeros(size, { requires_grad: true });
  const optimizer = new torch.optim.SGD([weight], { lr: 0.2 * size, momentum: 0.5 });
  const x = torch.rand(size).add(0.5);
  const y = torch.randn(size);
  engine = x.backend as unknown as Engine;
  const held = (): number => engine!.statistics().bytesInUse + engine!.statistics().bytesIdle;
  let most = 0;
  const losses: number[] = [];
  for (let i = 0; i < STEPS; i++) {
    optimizer.zero_grad();
    const loss = weight.mul(x).sub(y).square().mean();
    loss.backward();
    optimizer.step();
    losses.push(Number(await loss.item()));
    most = Math.max(most, held());
  }
  expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2);
  // Each step makes three tensors of this size at least: kept, they would be far more.
  const kept = STEPS * 3 * 4 * size;
  expect(kept).toBeGreaterThan(2 * MOST);
  expect(most).toBeLessThan(MOST);
}, 180_000);
