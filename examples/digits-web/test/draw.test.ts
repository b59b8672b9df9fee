/** Drawing, as a person does it: with mouse, finger and keys, on the backends that there are. */
import { expect, test } from 'vitest';
import { digits, draw, loseDevice, onStage, PATIENCE, reads, touch } from './browser.ts';

onStage('drawing without WebGPU', { example: 'digits-web', webgpu: 'off' }, (stage) => {
  test('a 1 and a 7 drawn with the mouse are read right, under a strict policy and without an error', {
    timeout: PATIENCE,
  }, async () => {
    const visit = await stage().open();
    const { page } = visit;
    await reads(page, '#verdict', /Waiting/);
    await draw(page, ...digits[1]);
    await reads(page, '#verdict', /^1 /);
    expect(await page.locator('#bars li.best').textContent()).toMatch(/^1/);
    expect(await page.locator('#latency').textContent()).toMatch(/^[\d.]+ ms$/);
    await page.getByRole('button', { name: 'Clear' }).click();
    await reads(page, '#verdict', /Waiting/);
    await draw(page, ...digits[7]);
    await reads(page, '#verdict', /^7 /);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    await visit.close();
  });

  test('without WebGPU the page computes on wasm, and says why', { timeout: PATIENCE }, async () => {
    const visit = await stage().open();
    const { page } = visit;
    await reads(page, '#backend-status', /WebGPU is not here: .+ Computing on wasm/);
    expect(await page.locator('#backend').inputValue()).toBe('wasm');
    const option = page.locator('#backend option[value=webgpu]');
    expect(await option.isDisabled()).toBe(true);
    expect(await option.getAttribute('title')).toMatch(/WebGPU/);
    await visit.close();
  });

  test('the backend can be changed to a worker and to the reference, and the drawing is read again', {
    timeout: PATIENCE,
  }, async () => {
    const visit = await stage().open();
    const { page } = visit;
    await draw(page, ...digits[7]);
    await reads(page, '#verdict', /^7 /);
    for (const [id, name] of [
      ['wasm-worker', 'wasm in a worker'],
      ['reference', 'reference'],
      ['wasm', 'wasm'],
    ]) {
      await page.selectOption('#backend', id);
      await reads(page, '#backend-status', new RegExp(`^Computing on ${name}\\.$`));
      await reads(page, '#verdict', /^7 /);
      if (id === 'wasm-worker') expect(page.workers().length).toBeGreaterThan(0);
    }
    await visit.close();
  });

  test('the keyboard alone chooses a view and draws', { timeout: PATIENCE }, async () => {
    const visit = await stage().open();
    const { page } = visit;
    await reads(page, '#verdict', /Waiting/);
    const focused = () =>
      page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent);
    for (let i = 0; i < 20 && (await focused()) !== 'pad'; i++) await page.keyboard.press('Tab');
    expect(await focused()).toBe('pad');
    const press = async (key: string, times: number) => {
      for (let i = 0; i < times; i++) await page.keyboard.press(key);
    };
    // A 7: from the middle to the left, pen down, right, then down and left.
    await press('ArrowLeft', 6);
    await press('Space', 1);
    await reads(page, '#pen', /Pen is down/);
    await press('ArrowRight', 12);
    for (let i = 0; i < 8; i++) {
      await press('ArrowDown', 2);
      await press('ArrowLeft', 1);
    }
    await press('Space', 1);
    await reads(page, '#verdict', /^7 /);
    await press('c', 1);
    await reads(page, '#verdict', /Waiting/);
    // To the training view and back.
    for (let i = 0; i < 20 && (await focused()) !== 'Train'; i++) await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    await page.locator('#train-title').waitFor();
    expect(await page.title()).toMatch(/^Train/);
    await visit.close();
  });

  test('on a phone a finger draws, nothing is wider than the screen, and dark is dark', {
    timeout: PATIENCE,
  }, async () => {
    const visit = await stage().open('', {
      viewport: { width: 360, height: 640 },
      deviceScaleFactor: 2,
      hasTouch: true,
      isMobile: true,
      colorScheme: 'dark',
    });
    const { page } = visit;
    await reads(page, '#verdict', /Waiting/);
    await touch(visit, digits[7][0]);
    await reads(page, '#verdict', /^7 /);
    expect(await page.evaluate(() => window.scrollY)).toBe(0);
    for (const view of ['draw', 'train', 'open']) {
      await page.click(`nav a[href="#${view}"]`);
      await page.locator(`#${view}-title`).waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    }
    const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const brightest = Math.max(...paper.match(/\d+/g)!.slice(0, 3).map(Number));
    expect(brightest).toBeLessThan(80);
    await visit.close();
  });

  test('a download cut half-way says so, and trying again goes on', { timeout: PATIENCE }, async () => {
    const { site } = stage();
    let cuts = 0;
    site.intercept = (request, response, found) => {
      if (!request.url?.endsWith('.pt') || cuts > 0 || !found) return false;
      cuts++;
      response.writeHead(200, {
        'Content-Length': found.size,
        'Cross-Origin-Resource-Policy': 'same-origin',
      });
      response.write(Buffer.alloc(Math.floor(found.size / 2)), () => request.socket.destroy());
      return true;
    };
    const visit = await stage().open();
    const { page } = visit;
    await reads(page, '#notices', /The net could not be loaded/);
    expect(cuts).toBe(1);
    // The browser itself reports the broken connection; the page adds nothing.
    expect(visit.errors.filter((line) => !/Failed to load resource|net::ERR/.test(line))).toEqual([]);
    visit.errors.length = 0;
    await page.getByRole('button', { name: 'Try again' }).click();
    await reads(page, '#verdict', /Waiting/);
    expect(await page.locator('.notice').count()).toBe(0);
    await draw(page, ...digits[1]);
    await reads(page, '#verdict', /^1 /);
    site.intercept = undefined;
    await visit.close();
  });
});

onStage('drawing on any static server', { example: 'digits-web', webgpu: 'off', plain: true }, (stage) => {
  test('without cross-origin isolation and from a folder the page draws, on wasm and in a worker', {
    timeout: PATIENCE,
  }, async () => {
    const visit = await stage().open('?backend=wasm-worker');
    const { page } = visit;
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    await reads(page, '#backend-status', /Computing on wasm in a worker\.$/);
    await draw(page, ...digits[7]);
    await reads(page, '#verdict', /^7 /);
    await page.selectOption('#backend', 'wasm');
    await reads(page, '#backend-status', /^Computing on wasm\.$/);
    await reads(page, '#verdict', /^7 /);
    await visit.close();
  });
});

onStage('drawing with WebGPU', { example: 'digits-web', webgpu: 'on' }, (stage) => {
  test('a 0 and a 7 are read right on the GPU', { timeout: PATIENCE }, async () => {
    const visit = await stage().open();
    const { page } = visit;
    await reads(page, '#backend-status', /^Computing on WebGPU\.$/);
    await reads(page, '#verdict', /Waiting/);
    await draw(page, ...digits[7]);
    await reads(page, '#verdict', /^7 /);
    await page.getByRole('button', { name: 'Clear' }).click();
    await reads(page, '#verdict', /Waiting/);
    await draw(page, ...digits[0]);
    await reads(page, '#verdict', /^0 /);
    await visit.close();
  });

  test('a GPU that is lost is told, and drawing goes on with a new one or on wasm', {
    timeout: PATIENCE,
  }, async () => {
    const visit = await stage().open();
    const { page } = visit;
    await reads(page, '#backend-status', /^Computing on WebGPU\.$/);
    await reads(page, '#verdict', /Waiting/);
    for (const name of ['WebGPU', 'wasm']) {
      await loseDevice(page);
      await draw(page, ...digits[7]);
      await reads(page, '#notices', /The net stopped on WebGPU: .*the device was lost/);
      await page.getByRole('button', { name: `Continue on ${name}` }).click();
      await reads(page, '#backend-status', new RegExp(`^Computing on ${name}\\.$`));
      // The notice may have come in the middle of a stroke, and moved the pad under the mouse.
      await page.getByRole('button', { name: 'Clear' }).click();
      await draw(page, ...digits[7]);
      await reads(page, '#verdict', /^7 /);
      await page.getByRole('button', { name: 'Clear' }).click();
    }
    await visit.close();
  });
});
