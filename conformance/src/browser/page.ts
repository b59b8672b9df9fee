/** The suite in a page: runs what it is asked for on the backend of a module, and reports to whoever drives it. */
import { type Backend, set_fusion_enabled } from '@sconce/core';
import { backendOf } from '../exports.ts';
import { urlFiles } from '../files.ts';
import { type CaseResult, run } from '../run.ts';
import { ERRAND, type Errand, type Message, REPORT } from './messages.ts';

/** The page, as far as it is used here. */
const page = globalThis as unknown as {
  readonly location: { readonly href: string };
  readonly crossOriginIsolated: boolean;
  readonly navigator: { readonly userAgent: string };
  readonly [ERRAND]: () => Promise<Errand>;
  readonly [REPORT]: (message: Message) => Promise<void>;
};

/** Results go in batches: a message for each would cost more than most cases do. */
const BATCH_MS = 100;

/** Runs the errand to its end. Never rejects: what goes wrong is reported. */
export async function runInPage(exports: Record<string, unknown>): Promise<void> {
  const send = page[REPORT];
  try {
    const errand = await page[ERRAND]();
    const backend = await backendOf(exports, errand.options);
    if (!backend) throw new Error('the module exports no backend');
    if (errand.fusion !== undefined) set_fusion_enabled(errand.fusion);
    await send({ kind: 'ready', backend: backend.name, where: describePlace() });
    await runErrand(backend, errand, new URL('/conformance/', page.location.href), send);
  } catch (error) {
    await send({
      kind: 'broken',
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }
}

async function runErrand(
  backend: Backend,
  { query, tier, expectations, skip, careful }: Errand,
  folder: URL,
  send: (message: Message) => Promise<void>,
): Promise<void> {
  let batch: CaseResult[] = [];
  let sent = performance.now();
  const flush = async (): Promise<void> => {
    const results = batch;
    batch = [];
    sent = performance.now();
    if (results.length > 0) await send({ kind: 'results', results });
  };
  const onStart = careful ? (id: string) => send({ kind: 'start', id }) : undefined;
  for await (const result of run(backend, {
    query,
    tier,
    expectations,
    skip,
    files: urlFiles(folder),
    ...(onStart && { onStart }),
  })) {
    batch.push(result);
    if (careful || performance.now() - sent > BATCH_MS) await flush();
    if (result.status !== 'fail' && result.status !== 'expected') continue;
    const problem = await whyDead(backend);
    if (problem === undefined) continue;
    await flush();
    await send({ kind: 'dead', message: problem });
    return;
  }
  await flush();
  await send({ kind: 'done' });
}

/** A device that is lost takes every later case with it: then one memory cannot be written and read. */
async function whyDead(backend: Backend): Promise<string | undefined> {
  try {
    const memory = backend.allocate('float32', 4);
    backend.write(memory, 0, Float32Array.of(1, 2, 3, 4));
    const read = await backend.read(memory, 0, 4);
    backend.free(memory);
    return String(read) === '1,2,3,4' ? undefined : `4 numbers written were read as ${String(read)}`;
  } catch (error) {
    // The fault of the case before, which a first read brings: a second one must do.
    if (error instanceof Error && error.name === 'KernelFault') return whyDead(backend);
    return error instanceof Error ? error.message : String(error);
  }
}

function describePlace(): string {
  const { navigator, crossOriginIsolated } = page;
  const browser = /(?:Headless)?Chrome\/(\d+)/.exec(navigator.userAgent)?.[1];
  const name = browser ? `Chromium ${browser}` : navigator.userAgent;
  return `${name}, ${crossOriginIsolated ? '' : 'not '}cross-origin isolated`;
}
