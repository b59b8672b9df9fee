/** Running an opened program on made-up inputs, and what came out in a few lines. */
import * as torch from 'sconce';
import { type DType, Tensor } from 'sconce';

export type Filling = 'random' | 'ones' | 'zeros';

export interface Input {
  readonly shape: readonly number[];
  readonly filling: Filling;
  readonly dtype: DType;
}

/** `1x3x224x224`, `1, 3, 224, 224` or `[1, 3, 224, 224]`; several inputs are parted by semicolons. */
export function shapesOf(text: string): number[][] {
  return text.split(';').map((part) => {
    const inner = part
      .trim()
      .replace(/^[[(]|[\])]$/g, '')
      .trim();
    if (inner === '') return [];
    return inner.split(/[\s,x×]+/).map((size) => {
      const n = Number(size);
      if (!Number.isInteger(n) || n < 0)
        throw new Error(`"${part.trim()}" is no shape: write it as 1x3x224x224`);
      return n;
    });
  });
}

function make({ shape, filling, dtype }: Input): Tensor {
  if (filling === 'ones') return torch.ones(shape, { dtype });
  if (filling === 'zeros') return torch.zeros(shape, { dtype });
  // Integers stand for indices mostly: small ones find their place in any table.
  return dtype === 'int64' ? torch.randint(0, 10, shape) : torch.randn(shape).to(dtype);
}

export interface Outcome {
  readonly milliseconds: number;
  /** One a tensor that came out, with its path in the value. */
  readonly rows: readonly { path: string; what: string; values: string }[];
}

/** Calls the program and waits for its values. */
export async function run(module: torch.jit.ScriptModule, inputs: readonly Input[]): Promise<Outcome> {
  const made = inputs.map(make);
  const start = performance.now();
  const result: unknown = await module(...made);
  const parts = flatten('', result);
  const rows = [];
  for (const [path, value] of parts)
    rows.push(
      value instanceof Tensor
        ? { path, what: `${value.dtype} [${value.shape.join(', ')}]`, values: await summary(value) }
        : { path, what: typeof value, values: String(value) },
    );
  const milliseconds = performance.now() - start;
  for (const tensor of made) tensor.dispose();
  return { milliseconds, rows };
}

function flatten(path: string, value: unknown): [string, unknown][] {
  if (Array.isArray(value)) return value.flatMap((inner, i) => flatten(`${path}[${i}]`, inner));
  if (value instanceof Map)
    return [...value].flatMap(([key, inner]) => flatten(`${path}[${JSON.stringify(key)}]`, inner));
  return [[path || 'output', value]];
}

/** The smallest, the largest, the mean and the first few. */
async function summary(tensor: Tensor): Promise<string> {
  const data = Array.from((await tensor.data()) as ArrayLike<number | bigint>, Number);
  if (data.length === 0) return 'no elements';
  const short = (n: number): string => (Number.isInteger(n) ? String(n) : n.toPrecision(4));
  const first = data.slice(0, 8).map(short).join(', ');
  if (data.length === 1) return first;
  let [low, high, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const value of data) {
    low = Math.min(low, value);
    high = Math.max(high, value);
    sum += value;
  }
  const rest = data.length > 8 ? ', …' : '';
  return `min ${short(low)}, max ${short(high)}, mean ${short(sum / data.length)}: ${first}${rest}`;
}
