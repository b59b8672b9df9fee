/** Opening files: what is in them, a run, and errors that say what is wrong. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { digits, draw, onStage, PATIENCE, reads } from './browser.ts';

const beside = join(import.meta.dirname, '../../digits');

/** Lets go of a file over the page. */
async function drop(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([name, base64]) => {
      const transfer = new DataTransfer();
      const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      transfer.items.add(new File([bytes], name));
      return transfer;
    },
    [name, Buffer.from(bytes).toString('base64')],
  );
  await page.dispatchEvent('#drop', 'dragover', { dataTransfer: transfer });
  await page.dispatchEvent('#drop', 'drop', { dataTransfer: transfer });
}

onStage('opening files', { example: 'digits-web', webgpu: 'off' }, (stage) => {
  test('a dropped archive shows its modules, code and counts, and runs', { timeout: PATIENCE }, async () => {
    const visit = await stage().open('?backend=wasm#open');
    const { page } = visit;
    await page.locator('#example-file:enabled').waitFor();
    await drop(page, 'digits.pt', await readFile(join(beside, 'digits.pt')));
    await reads(page, '#open-status', /^digits\.pt, 229\.4 KiB/);
    expect(await page.locator('#opened .facts').textContent()).toMatch(/Parameters52,162.*float32/);
    expect(await page.locator('.tree').textContent()).toMatch(/classifier.*Linear, 50,240/);
    expect(await page.locator('pre').textContent()).toMatch(/^def forward\(self,\s+x: Tensor\) -> Tensor:/);
    await page.getByRole('button', { name: /^classifier/ }).click();
    expect(await page.locator('#opened h3').nth(1).textContent()).toBe('classifier: Sequential');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await reads(page, '#run-result', /output: float32 \[1, 10\]/);
    // PyTorch's own answer to ones, from the Node example's tests of the archive: the same numbers here.
    await page.getByLabel('Values').selectOption('ones');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await reads(page, '#run-result', /2\.351, 2\.692, -2\.317/);
    await page.getByLabel('Input shape').fill('28 by 28');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await reads(page, '#notices', /"28 by 28" is no shape: write it as 1x3x224x224/);
    await page.getByLabel('Input shape').fill('28x28');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await reads(page, '#notices', /expected images of shape \[N, 1, 28, 28\]/);
    // More memory than there is: refused, and the page goes on.
    await page.getByLabel('Input shape').fill('100000x1x1000x1000');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await reads(page, '#notices', /out of memory|Out of memory|cannot allocate|can't allocate/i);
    await page.getByLabel('Input shape').fill('2x1x28x28');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await reads(page, '#run-result', /output: float32 \[2, 10\]/);
    expect(await page.locator('.notice').count()).toBe(0);
    await visit.close();
  });

  test('a checkpoint lists its tensors, and its weights can draw', { timeout: PATIENCE }, async () => {
    const visit = await stage().open('?backend=wasm#open');
    const { page } = visit;
    await page.locator('#example-file:enabled').waitFor();
    const [chooser] = await Promise.all([
      page.waitForEvent('filechooser'),
      page.getByText('Choose a file').click(),
    ]);
    await chooser.setFiles(join(beside, 'digits-state.pth'));
    await reads(page, '#opened .facts', /checkpoint: weights, no program to run/);
    expect(await page.locator('#opened table').textContent()).toMatch(
      /features\.0\.weightfloat32 \[8, 1, 3, 3\]72/,
    );
    await page.getByRole('button', { name: 'Draw with these weights' }).click();
    await draw(page, ...digits[7]);
    await reads(page, '#verdict', /^7 /);
    await visit.close();
  });

  test('files that are none say what is wrong with them', { timeout: PATIENCE }, async () => {
    const visit = await stage().open('?backend=wasm#open');
    const { page } = visit;
    await page.locator('#example-file:enabled').waitFor();
    const archive = await readFile(join(beside, 'digits.pt'));
    for (const [name, bytes, reason] of [
      ['empty.pt', new Uint8Array(), /the file is empty/],
      [
        'text.pt',
        new TextEncoder().encode('this is no model'),
        /begins neither as a zip archive nor as a pickle/,
      ],
      ['half.pt', archive.subarray(0, archive.length / 2), /its end is missing/],
    ] as const) {
      await drop(page, name, bytes);
      expect(await reads(page, '#notices', new RegExp(`${name} could not be opened`))).toMatch(reason);
    }
    expect(await page.locator('#opened').isHidden()).toBe(true);
    await visit.close();
  });
});
