// `node scripts/screenshots.mjs`: the pictures of docs/screenshots, taken of the built pages in headless Chromium, WebGPU on SwiftShader.
// Needs Chromium at /usr/bin/chromium, or where CHROMIUM says.
import { statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { root, run, say, tool } from './shell.mjs';
import { serve } from './static.mjs';

const patience = { timeout: 240_000 };
const largest = 60_000;

const folder = await mkdtemp(join(tmpdir(), 'sconce-screenshots-'));
const cwd = join(root, 'examples', 'digits-web');
const { code } = await run(tool('vite'), ['build', '--outDir', folder, '--logLevel', 'warn'], {
  cwd,
  show: 'failure',
});
if (code !== 0) process.exit(1);
const server = await serve({ '/': folder });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
});

/** Opens the page, lets `act` do what is to be seen, and takes its picture. */
async function take(name, path, options, act) {
  const page = await browser.newPage(options);
  page.setDefaultTimeout(patience.timeout);
  await page.goto(server.url + path);
  await act(page);
  const file = join(root, 'docs', 'screenshots', `${name}.png`);
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: file });
  await page.close();
  const { size } = statSync(file);
  say(`${name}.png: ${(size / 1000).toFixed(0)} kB`);
  if (size > largest) {
    say(`${name}.png is larger than ${largest / 1000} kB`);
    process.exitCode = 1;
  }
}

const reads = (page, selector, pattern) =>
  page.locator(selector).filter({ hasText: pattern }).waitFor(patience);

/** One stroke with the mouse along points that are shares of the pad. */
async function draw(page, points) {
  const box = await page.locator('#pad').boundingBox();
  const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
  await page.mouse.move(...at(points[0]));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 5 });
  await page.mouse.up();
}

/** Like an S that closes: something that could almost be a 3. */
const five = [
  [0.7, 0.15],
  [0.36, 0.17],
  [0.33, 0.46],
  [0.5, 0.42],
  [0.66, 0.5],
  [0.68, 0.68],
  [0.55, 0.82],
  [0.32, 0.8],
];

/** Three quarters of the size: still readable, and half the bytes. */
const desk = (height, deviceScaleFactor = 0.75) => ({ viewport: { width: 920, height }, deviceScaleFactor });
const phone = { viewport: { width: 360, height: 720 }, isMobile: true, hasTouch: true, colorScheme: 'dark' };

await take('draw', '', desk(620), async (page) => {
  await reads(page, '#verdict', /Waiting/);
  await draw(page, five);
  await reads(page, '#verdict', /^\d/);
});
await take('phone', '?backend=wasm', phone, async (page) => {
  await reads(page, '#verdict', /Waiting/);
  await draw(page, five);
  await reads(page, '#verdict', /^\d/);
});
await take('train', '?backend=wasm#train', desk(720), async (page) => {
  await reads(page, '#train-status', /Ready/);
  await page.selectOption('[name=images]', '5000');
  await page.fill('[name=batch]', '50');
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await reads(page, '#train-status', /^Done/);
});
await take('open', '?backend=wasm#open', desk(930, 0.6), async (page) => {
  await page.locator('#example-file:enabled').click();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await reads(page, '#run-result', /output/);
});

await browser.close();
await server.close();
await rm(folder, { recursive: true, force: true });
