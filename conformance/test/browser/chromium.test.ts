/** The suite in headless Chromium: the same verdicts as in Node, and a run that outlives its pages. */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { reference } from '@sconce/backend-reference';
import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { runInChromium } from '../../src/browser/chromium.ts';
import { type CaseResult, run } from '../../src/index.ts';

/** Gives pages a function `crash`, which no page has of its own. */
vi.mock('playwright-core', async (original) => {
  const real = await original<typeof import('playwright-core')>();
  const launch = async (...args: Parameters<typeof real.chromium.launch>): Promise<Browser> => {
    const browser = await real.chromium.launch(...args);
    const newPage = browser.newPage.bind(browser);
    browser.newPage = async (options) => {
      const page = await newPage(options);
      const session = await page.context().newCDPSession(page);
      await page.exposeFunction('crash', () => void session.send('Page.crash').catch(() => {}));
      return page;
    };
    return browser;
  };
  return { ...real, chromium: { launch } };
});

const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';
const isHere = existsSync(chromium);

async function inChromium(module: string, query: readonly string[], isolated = false) {
  const path = fileURLToPath(new URL(module, import.meta.url));
  const common = { tier: 'quick', expectations: '', executable: chromium } as const;
  const { backend, where, results } = await runInChromium({ ...common, module: path, query, isolated });
  const list: CaseResult[] = [];
  for await (const result of results) list.push(result);
  return { backend, where, list };
}

const wasm = '../../../packages/backend-wasm/src/index.ts';

describe('the suite in Chromium', { timeout: 180_000 }, () => {
  beforeAll(() => {
    if (!isHere && process.env.CI === 'true') throw new Error(`there is no Chromium at ${chromium}`);
    if (!isHere) console.warn(`left out: there is no Chromium at ${chromium} (CHROMIUM=/path names one)`);
  });

  it.runIf(isHere)('runs cases of every kind on a backend in the page, and says where', async () => {
    const { backend, where, list } = await inChromium(wasm, [
      'kernels:sort',
      'ops:add.Tensor:dtype=float32',
      'nn',
    ]);
    expect(backend).toBe('wasm');
    expect(where).toMatch(/^Chromium \d+, not cross-origin isolated$/);
    expect(new Set(list.map(({ layer }) => layer))).toEqual(new Set(['kernels', 'ops', 'nn']));
    expect(list.filter(({ status }) => status === 'fail')).toEqual([]);
  });

  it.runIf(isHere)('is cross-origin isolated where asked', async () => {
    const { where } = await inChromium(wasm, ['kernels:memory.fresh'], true);
    expect(where).toMatch(/, cross-origin isolated$/);
  });

  it.runIf(isHere)('goes on where a page or a device ends, and names the cases that ended them', async () => {
    const query = ['kernels:pool.sum:case=2d*', 'kernels:scan.max:dtype=bool*', 'kernels:sort:dtype=int32'];
    const { list } = await inChromium('./mortal.ts', query);
    const failures = list.filter(({ status }) => status === 'fail');
    expect(failures.map(({ id, message }) => [id, message?.split('\n')[0]])).toEqual([
      ['kernels:pool.sum:case=2d-2x2;dtype=float32', 'Error: the device was lost'],
      ['kernels:scan.max:dtype=bool;shape=[7]', 'the page crashed'],
    ]);
    const others: string[] = [];
    for await (const { id } of run(reference(), { query })) others.push(id);
    expect(list.map(({ id }) => id)).toEqual(others);
  });
});
