/**
 * The suite in headless Chromium, driven by playwright-core. A page, or a device, that does not live through a case is
 * that case's failure, and the run goes on with the next one on a fresh page.
 */
import { existsSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import type { Tier } from '../case.ts';
import type { CaseResult } from '../run.ts';
import { ERRAND, type Errand, type Message, REPORT } from './messages.ts';
import { type ServeOptions, serve } from './serve.ts';

export interface BrowserOptions extends ServeOptions {
  readonly query: readonly string[];
  readonly tier: Tier;
  readonly expectations: string;
  readonly fusion?: boolean;
  readonly options?: Readonly<Record<string, unknown>>;
  /** Chromium itself; found where distributions put it when left out. */
  readonly executable?: string;
}

export interface BrowserRun {
  readonly backend: string;
  readonly where: string;
  readonly results: AsyncIterable<CaseResult>;
}

const usualPlaces = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Software adapters are for tests: a GPU is taken where there is one. */
const flags = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan',
  '--ignore-gpu-blocklist',
  ...(process.env.SCONCE_GPU === 'hardware' ? [] : ['--use-webgpu-adapter=swiftshader']),
];

/** A page that says nothing for so long hangs. */
const SILENCE_MS = 180_000;
/** A backend that ends its page more often than this ends the run. */
const MOST_PAGES = 25;

async function launch(executable: string | undefined): Promise<Browser> {
  const { chromium } = await import('playwright-core').catch((error: Error) => {
    throw new Error(
      `--browser drives Chromium with playwright-core: npm install playwright-core (${error.message})`,
    );
  });
  const path = executable ?? process.env.CHROMIUM ?? usualPlaces.find(existsSync);
  if (path === undefined)
    throw new Error(
      '--browser chromium: no Chromium is here; install one, or name it with CHROMIUM=/path/to/chromium',
    );
  return chromium.launch({ executablePath: path, args: flags });
}

/** What the page says, as it comes. Ends with the page: then `ended` says how. */
class Conversation {
  readonly #waiting: Message[] = [];
  #wake: (() => void) | undefined;
  #ended: string | undefined;

  add(message: Message): void {
    this.#waiting.push(message);
    this.#wake?.();
  }

  end(how: string): void {
    this.#ended ??= how;
    this.#wake?.();
  }

  /** The next message, or how the page ended. */
  async next(): Promise<Message | string> {
    const deadline = performance.now() + SILENCE_MS;
    for (;;) {
      const message = this.#waiting.shift();
      if (message) return message;
      if (this.#ended !== undefined) return this.#ended;
      const left = deadline - performance.now();
      if (left <= 0) return `the page said nothing for ${SILENCE_MS / 1000} s`;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, left);
      });
      clearTimeout(timer);
    }
  }
}

async function openPage(browser: Browser, origin: string, errand: Errand): Promise<[Page, Conversation]> {
  const page = await browser.newPage();
  const conversation = new Conversation();
  page.on('crash', () => conversation.end('the page crashed'));
  page.on('close', () => conversation.end('the page was closed'));
  page.on('pageerror', (error) =>
    conversation.add({ kind: 'broken', message: error.stack ?? error.message }),
  );
  browser.on('disconnected', () => conversation.end('the browser crashed'));
  await page.exposeFunction(REPORT, (message: Message) => conversation.add(message));
  await page.exposeFunction(ERRAND, () => errand);
  await page.goto(origin);
  return [page, conversation];
}

/** Starts the run; its results come as the page reports them. Rejects where the page cannot even make the backend. */
export async function runInChromium(options: BrowserOptions): Promise<BrowserRun> {
  const { query, tier, expectations, fusion, options: making } = options;
  const served = await serve(options);
  let browser = await launch(options.executable).catch((error) => {
    served.close();
    throw error;
  });
  const close = async (): Promise<void> => {
    served.close();
    await browser.close().catch(() => {});
  };
  const open = (skip: number, careful: boolean): Promise<[Page, Conversation]> =>
    openPage(browser, served.origin, {
      query,
      tier,
      expectations,
      skip,
      careful,
      ...(fusion !== undefined && { fusion }),
      ...(making && { options: making }),
    });

  async function* results(page: Page, conversation: Conversation): AsyncGenerator<CaseResult> {
    let [count, pages, careful, careless] = [0, 1, false, 0];
    let running: string | undefined;
    try {
      for (;;) {
        const message = await conversation.next();
        if (typeof message !== 'string' && message.kind === 'done') return;
        if (typeof message !== 'string' && message.kind === 'broken') throw new Error(message.message);
        if (typeof message !== 'string' && message.kind === 'start') running = message.id;
        if (typeof message !== 'string' && message.kind === 'results') {
          count += message.results.length;
          running = undefined;
          yield* message.results;
          // Past the place where the page ended before: fast again, with a fresh page only when the next one ends.
          continue;
        }
        if (typeof message !== 'string' && message.kind !== 'dead') continue;

        const how = typeof message === 'string' ? message : `the backend is dead: ${message.message}`;
        if (running !== undefined) {
          yield { id: running, layer: running.split(':')[0], status: 'fail', message: how, milliseconds: 0 };
          count++;
          running = undefined;
          careful = false;
        } else if (typeof message === 'string') {
          // Which case it was shows when they are run one by one.
          if (careful && careless++ > 0) throw new Error(`${how}, again and again, after ${count} cases`);
          careful = true;
        }
        if (++pages > MOST_PAGES)
          throw new Error(`${how}; that was page ${MOST_PAGES}, after ${count} cases: giving up`);
        await page.close().catch(() => {});
        if (!browser.isConnected()) browser = await launch(options.executable);
        [page, conversation] = await open(count, careful);
      }
    } finally {
      await close();
    }
  }

  try {
    const [page, conversation] = await open(0, false);
    const first = await conversation.next();
    if (typeof first === 'string') throw new Error(first);
    if (first.kind !== 'ready')
      throw new Error('message' in first ? first.message : `the page began with ${first.kind}`);
    return { backend: first.backend, where: first.where, results: results(page, conversation) };
  } catch (error) {
    await close();
    throw error;
  }
}
