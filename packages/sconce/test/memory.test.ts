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

test('a scope frees what it made at once, but for what it returns', async () => {
  await torch.use('wasm');
  const wasm = registeredBackend('wasm')!;
  const before = memoryUsage(wasm).count;
  const kept = torch.scope(() => torch.ones([16]).mul(2).add(1));
  expect(memoryUsage(wasm).count).toBeLessThanOrEqual(before + 1);
  expect(await kept.sum().item()).toBe(48);
});
