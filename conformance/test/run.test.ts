/** The runner: what becomes of a case, and of the lines that expect it to fail. */
import { reference } from '@sconce/backend-reference';
import type { Backend } from '@sconce/core';
import { describe, expect, it } from 'vitest';
import { type CaseResult, mutants, ReportBuilder, type RunOptions, run } from '../src/index.ts';
import { conformanceTests } from '../src/vitest.ts';

async function results(backend: Backend, options: RunOptions): Promise<CaseResult[]> {
  const list: CaseResult[] = [];
  for await (const result of run(backend, options)) list.push(result);
  return list;
}

const broken = () => mutants.find(({ name }) => name === 'sort is not stable')!.mutate(reference());

describe('the runner', () => {
  it('runs the cases that the query selects, and no others', async () => {
    const list = await results(reference(), { query: 'kernels:matmul:dtype=float32;size=2x3x4x5' });
    expect(list.map(({ id, status }) => [id, status])).toEqual([
      ['kernels:matmul:dtype=float32;size=2x3x4x5', 'pass'],
    ]);
  });

  it('names the broken kernel, its arguments, the first wrong element and how to run it again', async () => {
    const list = await results(broken(), { query: 'kernels:sort' });
    const failure = list.find(({ status }) => status === 'fail')!;
    expect(failure.message).toMatch(/output 1: \d+ of \d+ elements are wrong, first \[\d.*\]: got .*, want /);
    expect(failure.message).toContain('"kind":"sort"');
    expect(failure.message).toContain(`sconce-conformance BACKEND '${failure.id}'`);
  });

  it('says what a backend declares to lack, and neither passes nor skips it', async () => {
    const backend = reference();
    const dtypes = new Set([...backend.capabilities.dtypes].filter((dtype) => dtype !== 'float64'));
    const small = Object.assign(Object.create(backend) as Backend, {
      capabilities: { ...backend.capabilities, dtypes },
    });
    const list = await results(small, { query: 'kernels:matmul:size=2x3x4x5' });
    expect(list.map(({ id, status, message }) => [id.match(/dtype=(\w+)/)![1], status, message])).toEqual([
      ['float32', 'pass', undefined],
      ['float64', 'na', 'dtype float64 is not in capabilities.dtypes'],
      ['int64', 'pass', undefined],
    ]);
  });

  it('takes a failure that the backend expects for one, and fails an expected one that passes', async () => {
    const expectations =
      'fail kernels:sort:dtype=float32;shape=[3,17]  # not stable\nfail kernels:sort:dtype=float64;*  # no longer\n';
    const list = await results(broken(), { query: 'kernels:sort:shape=[3,17]', expectations });
    const of = (dtype: string) => list.find(({ id }) => id.includes(`dtype=${dtype};`));
    expect(of('float32')).toMatchObject({ status: 'expected', message: 'not stable' });
    const right = await results(reference(), { query: 'kernels:sort:shape=[3,17]', expectations });
    expect(right.find(({ id }) => id.includes('float64'))).toMatchObject({
      status: 'fail',
      message: 'passes, but is expected to fail (no longer): remove the line',
    });
  });

  it('fails an expectation that matches no case, once the layer was run as a whole', async () => {
    const expectations = 'fail aliasing:saved-than-changed  # a typo\n';
    const whole = await results(reference(), { query: 'aliasing', expectations });
    expect(whole.at(-1)).toMatchObject({
      status: 'fail',
      message: "line 1: 'aliasing:saved-than-changed' matches no case",
    });
    expect(await results(reference(), { query: 'aliasing:version-counts', expectations })).toHaveLength(1);
  });

  it('counts by layer, and keeps every failure', async () => {
    const report = new ReportBuilder('broken', 'quick');
    for (const result of await results(broken(), { query: 'kernels:sort' })) report.add(result);
    const { layers, failures } = report.report();
    expect(layers.kernels.failed).toBe(failures.length);
    expect(layers.kernels.passed).toBeGreaterThan(0);
  });
});

conformanceTests({ describe, it }, reference(), ['kernels']);
