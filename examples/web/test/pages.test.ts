/** The three small pages, opened as a visitor does. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { onStage, PATIENCE, reads } from '../../digits-web/test/browser.ts';

/** How many of the shown digits were read right. */
async function right(page: Page): Promise<number> {
  await page.locator('#digits li').first().waitFor();
  expect(await page.locator('#digits li').count()).toBe(40);
  return page.locator('#digits li.right').count();
}

onStage('the small pages without WebGPU', { example: 'web', webgpu: 'off' }, (stage) => {
  test('a TorchScript model reads 40 digits on wasm', { timeout: PATIENCE }, async () => {
    const visit = await stage().open('wasm.html');
    await reads(visit.page, '#status', /^40 digits in \d+ ms on wasm$/);
    expect(await right(visit.page)).toBe(40);
    await visit.close();
  });

  test('the WebGPU page says why it cannot run', { timeout: PATIENCE }, async () => {
    const visit = await stage().open('webgpu.html');
    await reads(visit.page, '#status', /webgpu/i);
    expect(await visit.page.locator('#digits li').count()).toBe(0);
    await visit.close();
  });

  test('the training page trains on wasm where it is told to', { timeout: PATIENCE }, async () => {
    const visit = await stage().open('train.html?backend=wasm&images=2500');
    await reads(visit.page, '#status', /^[\d.]+ % of 1,000 digits right, trained on wasm$/);
    expect(await right(visit.page)).toBeGreaterThan(28);
    await visit.close();
  });
});

onStage('the small pages with WebGPU', { example: 'web', webgpu: 'on' }, (stage) => {
  test('a TorchScript model reads 40 digits on WebGPU', { timeout: PATIENCE }, async () => {
    const visit = await stage().open('webgpu.html');
    await reads(visit.page, '#status', /^40 digits in \d+ ms on webgpu$/);
    expect(await right(visit.page)).toBe(40);
    await visit.close();
  });

  test('the net of the proposal trains on WebGPU', { timeout: 2 * PATIENCE }, async () => {
    const visit = await stage().open('train.html?images=600');
    await reads(visit.page, '#status', /^[\d.]+ % of 1,000 digits right, trained on webgpu$/);
    expect(await right(visit.page)).toBeGreaterThan(14);
    await visit.close();
  });
});
