/** What a program that disposes nothing keeps: little, as long as it reads something now and then. */
import { memoryUsage, registeredBackend } from '@sconce/core';
import * as torch from 'sconce';
import { expect, test } from 'vitest';

test('a loop that awaits a value per step holds its memory flat without dispose', async () => {
  await torch.use('wasm');
  const weight = torch.ones([512, 512]);
  // 300 steps of 3 MiB each: 900 MiB in all.
  for (let step = 0; step < 300; step++) await weight.mul(2).add(1).relu().sum().item();
  expect(memoryUsage(registeredBackend('wasm')!).allocated).toBeLessThan(300 * 2 ** 20);
});

test('a loop over small tensors that awaits a macrotask now and then holds its memory flat', async () => {
  await torch.use('wasm');
  const wasm = registeredBackend('wasm')!;
  const weight = torch.ones([4, 4]).requires_grad_();
  const before = memoryUsage(wasm).count;
  // 200 rounds of 1000 storages each, some of which outlive their round.
  const losses: torch.Tensor[] = [];
  for (let round = 0; round < 200; round++) {
    for (let step = 0; step < 100; step++) {
      const loss = weight.mul(2).sum();
      loss.backward();
      if (step === 0) losses.push(loss.detach());
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  expect(memoryUsage(wasm).count - before).toBeLessThan(100_000);
  expect(await losses[199].item()).toBe(32);
});

test('a scope frees what it made at once, but for what it returns', async () => {
  await torch.use('wasm');
  const wasm = registeredBackend('wasm')!;
  const before = memoryUsage(wasm).count;
  const kept = torch.scope(() => torch.ones([16]).mul(2).add(1));
  expect(memoryUsage(wasm).count).toBeLessThanOrEqual(before + 1);
  expect(await kept.sum().item()).toBe(48);
});
