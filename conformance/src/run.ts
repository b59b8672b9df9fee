/** Runs the suite on a backend: an iterator of results, which a command, a browser page or a test framework consumes. */
import type { Backend } from '@sconce/core';
import { type Case, fail, notApplicable, type Tier, type Verdict } from './case.ts';
import { Expectations } from './expectations.ts';
import { type CaseFiles, folderFiles } from './files.ts';
import { layers } from './layers/index.ts';
import { oracleError } from './oracle.ts';
import { type CaseId, formatId, parseQuery } from './query.ts';

export interface RunOptions {
  /** Only cases that match one of these. */
  readonly query?: string | readonly string[];
  readonly tier?: Tier;
  /** The text of the backend's `conformance.expect`. */
  readonly expectations?: string;
  readonly files?: CaseFiles;
  /** Leaves out as many of the first cases: for going on after a run that was cut off. */
  readonly skip?: number;
  /** Called before each case, and waited for. */
  readonly onStart?: (id: string) => unknown;
}

export interface CaseResult {
  readonly id: string;
  readonly layer: string;
  /** `expected`: it failed, and the backend's expectations say why. */
  readonly status: 'pass' | 'fail' | 'na' | 'expected';
  /** Of a failure: what went wrong. Of n/a and expected: the reason. */
  readonly message?: string;
  readonly milliseconds: number;
}

/** Yields one result per case that the query and the tier select, then one failure per expectation that matches nothing. */
export async function* run(backend: Backend, options: RunOptions = {}): AsyncGenerator<CaseResult> {
  const { tier = 'quick', files = folderFiles(), query = [] } = options;
  const texts = typeof query === 'string' ? [query] : query;
  const queries = texts.map(parseQuery);
  const expectations = new Expectations(options.expectations ?? '');
  const isWanted = (id: CaseId) => queries.length === 0 || queries.some((matches) => matches(id));
  const prefixes = texts.map((text) => parseQuery(text.split(':').slice(0, 2).join(':')));
  const visited: string[] = [];
  let left = options.skip ?? 0;

  for (const layer of layers) {
    const wantsName = (name: string) =>
      prefixes.length === 0 || prefixes.some((matches) => matches({ layer: layer.name, name, params: {} }));
    const layerQueries = texts.map((text) => parseQuery(text.split(':')[0]));
    if (
      texts.length > 0 &&
      !layerQueries.some((matches) => matches({ layer: layer.name, name: '', params: {} }))
    )
      continue;
    // With names left out, a line of the expectations about them would seem to match nothing.
    if (texts.every((text) => !text.includes(':'))) visited.push(layer.name);
    for await (const item of layer.cases({ backend, files, tier, wantsName })) {
      const reason = expectations.reasonFor(item.id);
      if (!isWanted(item.id) || (tier === 'quick' && item.fullOnly)) continue;
      if (left-- > 0) continue;
      await options.onStart?.(formatId(item.id));
      yield await runCase(item, reason);
    }
  }
  for (const message of expectations.unused(visited))
    yield { id: 'expectations', layer: 'expectations', status: 'fail', message, milliseconds: 0 };
}

async function runCase(item: Case, expected: string | undefined): Promise<CaseResult> {
  const start = performance.now();
  let verdict: Verdict;
  try {
    const distrust = oracleError(item.id);
    verdict = distrust ? notApplicable(distrust) : await item.run();
  } catch (error) {
    verdict = fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  const common = { id: formatId(item.id), layer: item.id.layer, milliseconds: performance.now() - start };
  if (expected !== undefined) {
    if (verdict.status === 'fail') return { ...common, status: 'expected', message: expected };
    if (verdict.status === 'pass')
      return {
        ...common,
        status: 'fail',
        message: `passes, but is expected to fail (${expected}): remove the line`,
      };
  }
  if (verdict.status === 'pass') return { ...common, status: 'pass' };
  return {
    ...common,
    status: verdict.status,
    message: verdict.status === 'na' ? verdict.reason : verdict.message,
  };
}
