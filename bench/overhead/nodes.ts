/** Chains of one operator, as a program and as eager calls, timed in turn. `bench/interpreter.ts` starts it. */
import * as torch from 'sconce';

const LENGTH = 200;
/** Chains in a sample: short, so that on a busy machine some are left alone. */
const CHAINS = 4;
const [backend, rounds] = process.argv.slice(2);
await torch.use(backend);

type Tensor = torch.Tensor;
const step: Record<string, readonly [text: string, call: (x: Tensor, b: Tensor) => Tensor]> = {
  'add of 1 element': ['torch.add(x, b)', (x, b) => torch.add(x, b)],
  'mul by a number': ['torch.mul(x, 1.0)', (x) => torch.mul(x, torch.py_float(1))],
  'relu of 1 element': ['torch.relu(x)', (x) => torch.relu(x)],
  'mm of 4x4': ['torch.mm(x, b)', (x, b) => torch.mm(x, b)],
  'add_ of 1 element': ['torch.add_(x, b)', (x, b) => torch.add_(x, b)],
};

/** The chain as eager calls, each result freed when the next one is there, as the interpreter frees it. */
function eager(x: Tensor, b: Tensor, call: (x: Tensor, b: Tensor) => Tensor): Tensor {
  let y = x;
  for (let i = 0; i < LENGTH; i++) {
    const next = call(y, b);
    if (y !== x && next !== y) y.dispose();
    y = next;
  }
  return y;
}

const rows: Record<string, { eager: number; node: number }> = {};
for (const [name, [text, call]] of Object.entries(step)) {
  const shape = name.includes('4x4') ? [4, 4] : [1];
  const [x, b] = [torch.zeros(shape), torch.zeros(shape)];
  const lines = Array.from({ length: LENGTH }, () => `    x = ${text}\n`);
  const unit = new torch.jit.CompilationUnit(`def f(x, b):\n${lines.join('')}    return x\n`);
  const least = { eager: Number.POSITIVE_INFINITY, node: Number.POSITIVE_INFINITY };
  for (let round = 0; round < Number(rounds); round++)
    for (const kind of ['eager', 'node'] as const) {
      const start = performance.now();
      for (let i = 0; i < CHAINS; i++) {
        const y = await torch.no_grad(() => (kind === 'eager' ? eager(x, b, call) : unit.f(x, b)));
        if (y !== x) y.dispose();
      }
      least[kind] = Math.min(least[kind], ((performance.now() - start) * 1000) / (CHAINS * LENGTH));
    }
  rows[name] = least;
}
console.log(JSON.stringify(rows));
