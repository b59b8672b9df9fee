/** A WebGPU device that goes away in the middle of a training, and the next one. */
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as torch from '../src/index.ts';

const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (!process.env.VK_DRIVER_FILES && existsSync(SWIFTSHADER)) process.env.VK_DRIVER_FILES = SWIFTSHADER;

const { nn, optim } = torch;

function training(): () => Promise<number> {
  torch.manual_seed(0);
  const net = new nn.Linear(4, 2);
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 });
  const x = torch.randn(8, 4);
  const y = torch.randn(8, 2);
  return async () => {
    optimizer.zero_grad();
    const loss = nn.functional.mse_loss(net(x), y);
    loss.backward();
    optimizer.step();
    return Number(await loss.item());
  };
}

describe('a device that is lost in the middle of a training', () => {
  it('is told at the next step with the way on, and `use` starts another on which training goes on', async () => {
    await torch.use('webgpu');
    const step = training();
    const first = await step();
    await step();
    const { backend } = torch.tensor([1]);
    (backend as unknown as { gpu: { device: { destroy(): void } } }).gpu.device.destroy();
    await expect(step()).rejects.toThrow(
      /the device was lost .*`await torch\.use\('webgpu'\)` starts a new device/,
    );
    expect(() => torch.zeros(3)).toThrow(/the device was lost/);
    expect(await torch.use('webgpu')).toBe('webgpu');
    expect(torch.tensor([1]).backend).not.toBe(backend);
    const again = training();
    expect(await again()).toBeCloseTo(first, 5);
    expect(await again()).toBeLessThan(first);
    await expect(step()).rejects.toThrow(/the device was lost/);
  });
});
