/** The calls whose cost is measured, and one process that times them when told to. `bench/overhead.ts` starts it. */
import { createInterface } from 'node:readline';
import * as torch from 'sconce';

const { nn, optim } = torch;

export interface Call {
  readonly name: string;
  readonly run: () => unknown;
  /** Calls per timing. */
  readonly times: number;
}

function calls(): Call[] {
  const list: Call[] = [];
  const add = (name: string, run: () => unknown, times = 5000): void => {
    list.push({ name, run, times });
  };
  const a = torch.rand([1]);
  const b = torch.rand([1]);
  const ar = torch.rand([1]).requires_grad_();
  const m = torch.rand([4, 4]);
  const mr = torch.rand([4, 4]).requires_grad_();
  const linear = new nn.Linear(4, 4);
  const small = [[4, 4], [4], [4, 4], [4]].map((shape) => torch.rand(shape).requires_grad_());
  for (const p of small) p.grad = torch.rand(p.shape);
  const sgd = new optim.SGD(small, { lr: 1e-9 });
  const momentum = new optim.SGD(small, { lr: 1e-9, momentum: 0.9 });
  const adam = new optim.Adam(small, { lr: 1e-9 });

  const quiet = (fn: () => unknown) => () => torch.no_grad(fn);
  add('add', () => a.add(b));
  add('torch.add', () => torch.add(a, b));
  add(
    'add, no_grad',
    quiet(() => {
      for (let i = 0; i < 100; i++) ar.add(b);
    }),
    -50,
  );
  add('add, disposed', () => a.add(b).dispose());
  add('add, requires_grad', () => ar.add(b));
  add('mul, requires_grad', () => ar.mul(b));
  add('add_', () => a.add_(b));
  add('mul by a number', () => a.mul(0.5));
  add('add, alpha', () => a.add(b, { alpha: 2 }));
  add('relu', () => a.relu());
  add('view', () => m.view(16));
  add('t', () => m.t());
  add('select', () => m.select(0, 1));
  add('slice', () => m.slice(0, 1, 3));
  add('sum', () => m.sum());
  add('matmul 4x4', () => m.matmul(m));
  add('mm 4x4, requires_grad', () => mr.mm(m));
  add('Linear(4, 4)', () => linear(m), 2000);
  add('Linear(4, 4), no_grad', () => torch.no_grad(() => linear(m)), 2000);
  add(
    'Linear(4, 4) + backward',
    () => {
      linear(m).sum().backward();
      linear.zero_grad();
    },
    1000,
  );
  add(
    'add + backward',
    () => {
      ar.add(b).backward();
      ar.grad = null;
    },
    2000,
  );
  add(
    '10 adds + backward',
    () => {
      let x = ar;
      for (let i = 0; i < 10; i++) x = x.add(b);
      x.backward();
      ar.grad = null;
    },
    500,
  );
  add('SGD, 4 parameters', () => sgd.step(), 1000);
  add('SGD with momentum, 4 parameters', () => momentum.step(), 1000);
  add('Adam, 4 parameters', () => adam.step(), 500);
  return list;
}

/** A loop of its own per call, compiled for it alone, as a user's would be. */
const loopOf = (run: () => unknown): ((n: number) => void) =>
  new Function('run', 'return (n) => { for (let i = 0; i < n; i++) run(); }')(run) as (n: number) => void;

interface Timed {
  readonly name: string;
  readonly times: number;
  readonly per: number;
  readonly time: () => Promise<number>;
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

function timed(list: readonly Call[]): Timed[] {
  const all = list.map(({ name, run, times }): Timed => {
    const loop = loopOf(run);
    const count = Math.abs(times);
    // A negative count: the call itself repeats 100 times.
    const per = times < 0 ? count * 100 : count;
    const time = async (): Promise<number> => {
      const start = performance.now();
      loop(count);
      return ((performance.now() - start) * 1000) / per;
    };
    return { name, times: count, per, time };
  });
  const a = torch.rand([1]);
  all.push({
    name: 'await item()',
    times: 2000,
    per: 2000,
    time: async () => {
      const start = performance.now();
      for (let i = 0; i < 2000; i++) await a.item();
      return ((performance.now() - start) * 1000) / 2000;
    },
  });
  return all;
}

/** Bytes that one call leaves in the young generation; needs --expose-gc and room so that none is collected. */
async function bytesOf({ time, per }: Timed): Promise<number> {
  await time();
  await turn();
  (globalThis as { gc?: () => void }).gc!();
  const before = process.memoryUsage().heapUsed;
  await time();
  return (process.memoryUsage().heapUsed - before) / per;
}

const [backend, ...wanted] = process.argv.slice(2);
await torch.use(backend);
const all = timed(calls()).filter(({ name }) => wanted.length === 0 || wanted.some((w) => name.includes(w)));
// A line is a round: microseconds (or, asked for, bytes) of each call.
for await (const line of createInterface({ input: process.stdin })) {
  const round: Record<string, number> = {};
  for (const call of all) {
    round[call.name] = line === 'bytes' ? await bytesOf(call) : await call.time();
    await turn();
  }
  console.log(JSON.stringify(round));
}
