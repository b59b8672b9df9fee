/** A browser for tests: pages built and served as users get them, and a person's movements. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isolation, serve, strictPolicy } from '../../../scripts/static.mjs';

const root = join(import.meta.dirname, '../../..');
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Long enough for two slow cores that others use too. */
export const PATIENCE = 240_000;

/** The server's headers: cross-origin isolation and a policy that forbids eval and every stranger. */
export const strict = { ...isolation, 'Content-Security-Policy': strictPolicy };

type Intercept = (
  request: IncomingMessage,
  response: ServerResponse,
  found?: { file: string; size: number },
) => boolean;

export interface Site {
  readonly url: string;
  /** Answers in the server's place where it returns true. */
  intercept?: Intercept;
}

const flags = {
  /** WebGPU on SwiftShader, which needs no GPU. */
  on: ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
  /** No WebGPU, whatever the machine has. */
  off: ['--disable-gpu', '--disable-features=WebGPU', '--disable-blink-features=WebGPU'],
};

export interface Stage {
  readonly site: Site;
  /** A page in a context of its own; every error it reports fails the test that closes it. */
  open(path?: string, options?: Parameters<Browser['newContext']>[0]): Promise<Visit>;
}

export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the page reported on its console as errors, and threw; emptied by a test that expects some. */
  readonly errors: string[];
  close(): Promise<void>;
}

/**
 * Tests on an example's pages in headless Chromium with WebGPU on or off. `plain` serves them from some folder, without any
 * header. Without Chromium there is one test that says so; with CI=true it fails.
 */
export function onStage(
  what: string,
  { example, webgpu, plain = false }: { example: string; webgpu: keyof typeof flags; plain?: boolean },
  tests: (stage: () => Stage) => void,
): void {
  if (!existsSync(executablePath)) {
    test(`${what}: needs Chromium, and ${executablePath} is not here (CHROMIUM names another)`, (context) => {
      if (process.env.CI === 'true') expect.fail(`${executablePath} is not here`);
      context.skip();
    });
    return;
  }
  describe(what, () => {
    users.set(example, (users.get(example) ?? 0) + 1);
    let stage: Stage;
    const endings: (() => Promise<unknown>)[] = [];
    beforeAll(async () => {
      const folder = await built(example);
      const site: { url: string; intercept?: Intercept } = { url: '' };
      const mount = plain ? '/some/folder/' : '/';
      const server = await serve(
        { [mount]: folder },
        {
          headers: plain ? {} : strict,
          intercept: (...args) => site.intercept?.(...args) ?? false,
        },
      );
      site.url = new URL(mount, server.url).href;
      endings.push(server.close);
      const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', ...flags[webgpu]] });
      endings.push(() => browser.close());
      stage = { site, open: (path = '', options = {}) => visit(browser, site.url + path, options) };
    }, PATIENCE);
    afterAll(async () => {
      for (const end of endings.reverse()) await end();
      users.set(example, users.get(example)! - 1);
      if (users.get(example) === 0) await rm(await built(example), { recursive: true, force: true });
    }, PATIENCE);
    tests(() => stage);
  });
}

const builds = new Map<string, Promise<string>>();
/** How many stages of this process still need an example's build. */
const users = new Map<string, number>();

/** The built pages of an example, once a process. */
function built(example: string): Promise<string> {
  let build = builds.get(example);
  if (!build) builds.set(example, (build = buildInto(example)));
  return build;
}

async function buildInto(example: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `sconce-${example}-`));
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  const args = [vite, 'build', '--outDir', folder, '--emptyOutDir', '--logLevel', 'warn'];
  const { NODE_ENV: _, ...env } = process.env;
  await promisify(execFile)(process.execPath, args, { cwd: join(root, 'examples', example), env });
  return folder;
}

async function visit(
  browser: Browser,
  url: string,
  options: Parameters<Browser['newContext']>[0],
): Promise<Visit> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const errors: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.addInitScript(keepDevice);
  await page.goto(url);
  return {
    page,
    context,
    errors,
    async close() {
      const seen = [...errors];
      await context.close();
      expect(seen).toEqual([]);
    },
  };
}

/** Runs in the page: keeps the newest GPU device where `loseDevice` finds it. */
function keepDevice(): void {
  if (typeof GPUAdapter === 'undefined') return;
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await request.apply(this, args);
    Object.assign(globalThis, { newestDevice: device });
    return device;
  };
}

/** Takes the page's GPU away, as a driver's crash does. */
export const loseDevice = (page: Page): Promise<void> =>
  page.evaluate(() => (globalThis as unknown as { newestDevice: GPUDevice }).newestDevice.destroy());

/** Waits until the element's text matches. */
export async function reads(page: Page, selector: string, pattern: RegExp): Promise<string> {
  const box = page.locator(selector).filter({ hasText: pattern });
  await box.waitFor({ timeout: PATIENCE });
  return (await box.textContent()) ?? '';
}

type Point = readonly [number, number];

/** Where a share of the pad is on the screen. */
async function places(page: Page): Promise<(point: Point) => Point> {
  const box = (await page.locator('#pad').boundingBox())!;
  return ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
}

/** Draws strokes with the mouse; points are shares of the pad. */
export async function draw(page: Page, ...strokes: Point[][]): Promise<void> {
  const place = await places(page);
  for (const [first, ...rest] of strokes) {
    await page.mouse.move(...place(first));
    await page.mouse.down();
    for (const point of rest) await page.mouse.move(...place(point), { steps: 8 });
    await page.mouse.up();
  }
}

/** Draws one stroke with a finger. */
export async function touch(visit: Visit, stroke: Point[]): Promise<void> {
  const place = await places(visit.page);
  const session = await visit.context.newCDPSession(visit.page);
  const at = (point: Point) => {
    const [x, y] = place(point);
    return [{ x, y }];
  };
  await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: at(stroke[0]) });
  for (let i = 1; i < stroke.length; i++)
    for (let step = 1; step <= 6; step++) {
      const [[x0, y0], [x1, y1]] = [stroke[i - 1], stroke[i]];
      const between: Point = [x0 + ((x1 - x0) * step) / 6, y0 + ((y1 - y0) * step) / 6];
      await session.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: at(between) });
    }
  await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
}

/** How a person writes them. */
export const digits: Record<number, Point[][]> = {
  0: [
    [
      [0.5, 0.15],
      [0.3, 0.3],
      [0.28, 0.6],
      [0.45, 0.85],
      [0.65, 0.7],
      [0.7, 0.4],
      [0.5, 0.15],
    ],
  ],
  1: [
    [
      [0.52, 0.15],
      [0.48, 0.85],
    ],
  ],
  7: [
    [
      [0.28, 0.2],
      [0.72, 0.2],
      [0.45, 0.85],
    ],
  ],
};
