/** `torch.profiler`: which operators and kernels ran, how often, inside what, and how that is shown. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reference } from '@sconce/backend-reference';
import { type Backend, kernel_launches } from '@sconce/core';
import * as torch from 'sconce';
import { beforeEach, expect, test } from 'vitest';

const { profile, record_function } = torch.profiler;

beforeEach(async () => {
  await torch.use('wasm');
});

const matmuls = () => {
  const x = torch.ones([4, 4]);
  for (let i = 0; i < 3; i++) torch.relu(torch.mm(x, x));
};

test('every operator is counted, with its kernels inside it', () => {
  const before = kernel_launches();
  const prof = profile(matmuls);
  const rows = new Map(prof.key_averages().map((row) => [row.key, row]));
  expect(rows.get('aten::mm')!.count).toBe(3);
  expect(rows.get('aten::relu')!.count).toBe(3);
  expect(rows.get('wasm::matmul')!.count).toBe(3);
  expect(prof.events().filter((e) => e.kind === 'kernel')).toHaveLength(kernel_launches() - before);
  const [mm, kernel] = [rows.get('aten::mm')!, rows.get('wasm::matmul')!];
  expect(mm.cpu_time_total).toBeGreaterThanOrEqual(kernel.cpu_time_total);
  expect(mm.self_cpu_time_total).toBeLessThanOrEqual(mm.cpu_time_total - kernel.cpu_time_total + 1e-6);
});

test('self times add up to the whole', () => {
  const prof = profile(() => record_function('all', matmuls));
  const [all] = prof.events();
  expect(all.name).toBe('all');
  expect(prof.key_averages().self_cpu_time_total).toBeCloseTo(all.cpu_time_total, 3);
});

test('shapes are kept on request, and may tell calls apart', () => {
  const run = () => {
    torch.ones([2, 3]).add(1);
    torch.ones([5]).add(1);
  };
  const averages = profile(run, { record_shapes: true }).key_averages({ group_by_input_shape: true });
  const adds = averages.filter((row) => row.key === 'aten::add').map((row) => row.input_shapes![0]);
  expect(adds).toEqual([[2, 3], [5]]);
  expect(averages.table()).toContain('Input Shapes');
  expect(profile(run).events()[0].input_shapes).toBeUndefined();
});

test('the table is laid out as in PyTorch', () => {
  const lines = profile(matmuls).key_averages().table({ sort_by: 'count', row_limit: 2 }).split('\n');
  const [rule, head] = lines;
  expect(head.trim().split(/ {2,}/)).toEqual([
    'Name',
    'Self CPU %',
    'Self CPU',
    'CPU total %',
    'CPU total',
    'CPU time avg',
    '# of Calls',
  ]);
  expect(rule).toMatch(/^(-+ {2})+$/);
  expect(lines).toHaveLength(8);
  expect(new Set(lines.slice(0, 6).map((line) => line.length)).size).toBe(1);
  expect(lines[6]).toMatch(/^Self CPU time total: [\d.]+(us|ms|s)$/);
});

test('a key that no column has is an error', () => {
  const averages = profile(matmuls).key_averages();
  expect(() => averages.table({ sort_by: 'cuda_time' as never })).toThrow("cannot sort by 'cuda_time'");
});

test('a deferred chain is one kernel, which is in the profile though nobody looked', () => {
  const x = torch.ones([1 << 14]);
  const prof = profile(() => x.mul(2).add(1).relu());
  const kernels = prof.events().filter((e) => e.kind === 'kernel');
  expect(kernels.map((e) => e.name)).toEqual(['wasm::pointwise(mul add max)']);
});

test('an asynchronous function is profiled to its end', async () => {
  const prof = await profile(async () => {
    await record_function('read', async () => torch.ones([3]).sum().item());
    torch.ones([2]).exp();
  });
  const names = prof.events().map((e) => e.name);
  expect(names).toContain('read');
  expect(names).toContain('aten::exp');
});

test('without a function it lasts until the end of its block', () => {
  let prof: torch.profiler.Profile;
  {
    using open = profile();
    prof = open;
    torch.ones([2]).exp();
  }
  torch.ones([2]).log();
  const names = prof.events().map((e) => e.name);
  expect(names).toContain('aten::exp');
  expect(names).not.toContain('aten::log');
});

test('a second profile at the same time is refused, and a failed one leaves nothing behind', () => {
  using _ = profile();
  expect(() => profile()).toThrow('another profile is running');
  _.stop();
  expect(() =>
    profile(() => {
      throw new Error('mine');
    }),
  ).toThrow('mine');
  expect(profile(matmuls).events().length).toBeGreaterThan(0);
});

test('the Chrome trace has each event with its time, and goes to a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sconce-'));
  try {
    const prof = profile(matmuls, { record_shapes: true });
    const path = join(folder, 'trace.json');
    const text = await prof.export_chrome_trace(path);
    expect(await readFile(path, 'utf8')).toBe(text);
    const { traceEvents } = JSON.parse(text);
    const slices = traceEvents.filter((e: { ph: string }) => e.ph === 'X');
    expect(slices).toHaveLength(prof.events().length);
    const mm = slices.find((e: { name: string }) => e.name === 'aten::mm');
    const kernel = slices.find((e: { name: string }) => e.name === 'wasm::matmul');
    expect(mm.args['Input Dims']).toEqual([
      [4, 4],
      [4, 4],
    ]);
    expect(kernel.ts).toBeGreaterThanOrEqual(mm.ts);
    expect(kernel.ts + kernel.dur).toBeLessThanOrEqual(mm.ts + mm.dur + 1e-6);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('of a backend that works later, the table says whose time it is', async () => {
  const later: Backend = Object.create(reference(), {
    name: { value: 'later' },
    deviceType: { value: 'later' },
    readNow: { value: undefined },
  });
  await torch.use(later);
  const averages = profile(() => torch.ones([3]).exp()).key_averages();
  expect(averages.map((row) => row.key)).toContain('later::pointwise(exp)');
  expect(averages.table()).toContain(
    'later: times are of the calls on the host; the device does the work later',
  );
});
