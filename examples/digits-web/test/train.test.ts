/** Training in the page: live, paused, tested, exported, in the background, and through what can go wrong. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import * as torch from 'sconce';
import { expect, test } from 'vitest';
import { digits, draw, loseDevice, onStage, PATIENCE, reads } from './browser.ts';

const stepOf = async (page: Page): Promise<number> =>
  Number(((await page.locator('#step').textContent()) ?? '').replace(/ of .*|,/g, ''));

/** Waits until training has come to this step. */
async function reaches(page: Page, step: number): Promise<void> {
  await page.waitForFunction(
    (wanted) => Number(document.querySelector('#step')?.textContent?.replace(/ of .*|,/g, '')) >= wanted,
    step,
    { timeout: PATIENCE },
  );
}

async function settle(page: Page, settings: Record<string, string>): Promise<void> {
  for (const [name, value] of Object.entries(settings)) {
    const field = page.locator(`#settings [name=${name}]`);
    if (name === 'images') await field.selectOption(value);
    else await field.fill(value);
  }
}

const points = async (page: Page, plot: string, line: string): Promise<number> =>
  ((await page.locator(`${plot} .line.${line}`).getAttribute('points')) ?? '').split(' ').filter(Boolean)
    .length;

onStage('training on wasm', { example: 'digits-web', webgpu: 'off' }, (stage) => {
  test('a net trains, pauses, resumes, is tested, shows its mistakes and is downloaded as PyTorch reads it', {
    timeout: PATIENCE,
  }, async () => {
    const visit = await stage().open('?backend=wasm#train');
    const { page } = visit;
    await reads(page, '#train-status', /Ready/);
    await settle(page, { images: '5000', batch: '50' });
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    await reaches(page, 10);
    await page.getByRole('button', { name: 'Pause' }).click();
    await reads(page, '#train-status', /^Paused at step/);
    const paused = await stepOf(page);
    expect(paused).toBeLessThan(100);
    // Nothing goes on while it is paused.
    await page.waitForTimeout(500);
    expect(await stepOf(page)).toBe(paused);
    await page.getByRole('button', { name: 'Resume' }).click();
    await reads(page, '#train-status', /^Done: [\d.]+ % of the test set right/);
    expect(await stepOf(page)).toBe(100);

    const accuracy = Number(
      /([\d.]+) % of 10,000/.exec((await page.locator('#test-accuracy').textContent()) ?? '')?.[1],
    );
    expect(accuracy).toBeGreaterThan(85);
    expect(await points(page, '#loss-plot', 'first')).toBe(100);
    expect(await points(page, '#accuracy-plot', 'second')).toBeGreaterThanOrEqual(2);
    const wrong = Math.round(10_000 * (1 - accuracy / 100));
    expect(await page.locator('#mistakes-title').textContent()).toBe(
      `${wrong.toLocaleString('en-US')} of 10,000 test digits misclassified`,
    );
    const shown = await page
      .locator('#mistake-list li')
      .evaluateAll((items) => items.map((item) => ({ ...(item as HTMLElement).dataset })));
    expect(shown.length).toBeGreaterThan(10);
    for (const { predicted, label } of shown) expect(predicted).not.toBe(label);

    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: /Download weights/ }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('digits-state.pt');
    const state = (await torch
      .use('wasm')
      .then(async () => torch.load(new Uint8Array(await readFile(await download.path()))))) as Map<
      string,
      torch.Tensor
    >;
    expect([...state.keys()]).toContain('features.0.weight');
    expect(state.get('classifier.1.weight')!.shape).toEqual([64, 784]);

    await page.getByRole('link', { name: 'Draw with this net' }).click();
    await draw(page, ...digits[1]);
    await reads(page, '#verdict', /^1 /);
    expect(await page.locator('#net').inputValue()).toBe('trained');
    await visit.close();
  });

  test('the page answers while it trains, and training goes on in a tab that no one sees', {
    timeout: PATIENCE,
  }, async () => {
    const visit = await stage().open('?backend=wasm#train');
    const { page } = visit;
    await reads(page, '#train-status', /Ready/);
    await settle(page, { images: '20000', batch: '50' });
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    await reaches(page, 3);
    // Drawing is read by the other net meanwhile.
    await page.click('nav a[href="#draw"]');
    await draw(page, ...digits[7]);
    await reads(page, '#verdict', /^7 /);
    await page.click('nav a[href="#train"]');

    const seen = await stepOf(page);
    await setHidden(page, true);
    const line = await page.locator('#loss-plot .line').getAttribute('points');
    await page.waitForTimeout(3000);
    // The plot rests while the tab is hidden …
    expect(await page.locator('#loss-plot .line').getAttribute('points')).toBe(line);
    await setHidden(page, false);
    // … and shows at once, when it is seen again, how far training came meanwhile.
    expect(await stepOf(page)).toBeGreaterThan(seen);
    expect(await page.locator('#loss-plot .line').getAttribute('points')).not.toBe(line);
    await page.getByRole('button', { name: 'Pause' }).click();
    await reads(page, '#train-status', /^Paused/);
    await page.getByRole('button', { name: 'Reset' }).click();
    await reads(page, '#train-status', /Ready/);
    expect(await page.locator('#step').textContent()).toBe('–');
    await visit.close();
  });

  test('a net trains in a worker', { timeout: PATIENCE }, async () => {
    const visit = await stage().open('?backend=wasm-worker#train');
    const { page } = visit;
    await reads(page, '#backend-status', /Computing on wasm in a worker/);
    expect(page.workers().length).toBeGreaterThan(0);
    await reads(page, '#train-status', /Ready/);
    await settle(page, { images: '5000', batch: '50' });
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    await reads(page, '#train-status', /^Done/);
    const accuracy = Number(
      /([\d.]+) %/.exec((await page.locator('#test-accuracy').textContent()) ?? '')?.[1],
    );
    expect(accuracy).toBeGreaterThan(85);
    await visit.close();
  });

  test('images that do not arrive stop the training with a message, and trying again goes on from there', {
    timeout: PATIENCE,
  }, async () => {
    const { site } = stage();
    let broken = true;
    site.intercept = (request, response, found) => {
      if (!broken || !found || !request.url?.includes('train-1.bin')) return false;
      response.writeHead(200, { 'Content-Length': found.size });
      response.write(Buffer.alloc(Math.floor(found.size / 2)), () => request.socket.destroy());
      return true;
    };
    const visit = await stage().open('?backend=wasm#train');
    const { page } = visit;
    await reads(page, '#train-status', /Ready/);
    await settle(page, { images: '20000', batch: '500' });
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    await reads(page, '#notices', /images 5,001 to 10,000 of the train set could not be loaded/i);
    expect(await stepOf(page)).toBe(10);
    expect(visit.errors.filter((text) => !/Failed to load resource|net::ERR/.test(text))).toEqual([]);
    visit.errors.length = 0;
    broken = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await reaches(page, 12);
    site.intercept = undefined;
    await visit.close();
  });
});

/** What a browser tells a page when its tab is covered or shown again; a headless one never hides a tab by itself. */
async function setHidden(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate((hide) => {
    Object.defineProperty(document, 'hidden', { value: hide, configurable: true });
    Object.defineProperty(document, 'visibilityState', {
      value: hide ? 'hidden' : 'visible',
      configurable: true,
    });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
}

onStage('training on WebGPU', { example: 'digits-web', webgpu: 'on' }, (stage) => {
  test('a device that is lost mid-training is told, and training goes on from the last snapshot', {
    timeout: 2 * PATIENCE,
  }, async () => {
    const visit = await stage().open('?backend=webgpu#train');
    const { page } = visit;
    await reads(page, '#backend-status', /^Computing on WebGPU\.$/);
    await settle(page, { images: '5000', batch: '20' });
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    await reaches(page, 2);
    await page.getByRole('button', { name: 'Pause' }).click();
    await reads(page, '#train-status', /^Paused at step/);
    const paused = await stepOf(page);
    await page.getByRole('button', { name: 'Resume' }).click();
    await reaches(page, paused + 2);
    await loseDevice(page);
    await reads(page, '#notices', /Training stopped on WebGPU: .*the device was lost/);
    // On the GPU again, which is another device now …
    await page.getByRole('button', { name: `Go on from step ${paused} on WebGPU` }).click();
    await reads(page, '#train-status', /Training on WebGPU/);
    await reaches(page, paused + 2);
    await loseDevice(page);
    // … and, when that one goes too, on wasm.
    await page.getByRole('button', { name: `Go on from step ${paused} on wasm` }).click();
    await reads(page, '#backend-status', /^Computing on wasm\.$/);
    await reaches(page, paused + 5);
    await page.getByRole('button', { name: 'Pause' }).click();
    await reads(page, '#train-status', /^Paused/);
    await visit.close();
  });
});
