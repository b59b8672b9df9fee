/** `memory`: allocating, writing and reading, and that work runs in the order in which it was issued. */
import { type DType, dtypes } from '@sconce/core';
import { type Case, fail, type LayerContext, notApplicable, pass, type Verdict } from '../../case.ts';
import { decode, encode, type Num } from '../../numbers.ts';
import { apply, constant, input } from './build.ts';
import { someValues } from './values.ts';

export function* memoryCases({ backend }: LayerContext): Generator<Case> {
  const make = (name: string, dtype: DType, attempt: () => Promise<string | undefined>): Case => ({
    id: { layer: 'kernels', name: `memory.${name}`, params: { dtype } },
    async run(): Promise<Verdict> {
      if (!backend.capabilities.dtypes.has(dtype))
        return notApplicable(`dtype ${dtype} is not in capabilities.dtypes`);
      const problem = await attempt();
      return problem ? fail(problem) : pass;
    },
  });
  const isSame = (got: readonly Num[], want: readonly Num[]) =>
    got.length === want.length && got.every((value, i) => Object.is(value, want[i]));

  for (const dtype of Object.keys(dtypes) as DType[]) {
    yield make('roundtrip', dtype, async () => {
      const values = someValues(dtype, 37, 91);
      const memory = backend.allocate(dtype, 37);
      try {
        backend.write(memory, 0, encode(values, dtype));
        const all = await backend.read(memory, 0, 37);
        if (!(all instanceof dtypes[dtype].array))
          return `read gave a ${all.constructor.name}, not a ${dtypes[dtype].array.name}`;
        if (!isSame(decode(all, dtype), values))
          return `read what was not written: ${decode(all, dtype)}, want ${values}`;
        const part = someValues(dtype, 5, 92);
        backend.write(memory, 11, encode(part, dtype));
        const want = [...values.slice(0, 11), ...part, ...values.slice(16)];
        const slice = decode(await backend.read(memory, 9, 10), dtype);
        if (!isSame(slice, want.slice(9, 19)))
          return `a write at 11, read from 9 on: ${slice}, want ${want.slice(9, 19)}`;
        const now = backend.readNow?.(memory, 9, 10);
        if (now && !isSame(decode(now, dtype), want.slice(9, 19))) return 'readNow differs from read';
        if (now && now === backend.readNow?.(memory, 9, 10)) return 'readNow gives the same array twice';
        return undefined;
      } finally {
        backend.free(memory);
      }
    });
    yield make('empty', dtype, async () => {
      const memory = backend.allocate(dtype, 0);
      backend.write(memory, 0, encode([], dtype));
      const { length } = await backend.read(memory, 0, 0);
      backend.free(memory);
      return length === 0 ? undefined : `read ${length} elements of none`;
    });
  }
  yield make('fresh', 'float32', async () => {
    const memory = backend.allocate('float32', 3);
    backend.write(memory, 0, Float32Array.of(1, 2, 3));
    const first = await backend.read(memory, 0, 3);
    backend.write(memory, 0, Float32Array.of(4, 5, 6));
    const second = [...(await backend.read(memory, 0, 3))].join();
    const kept = [...first].join();
    backend.free(memory);
    return kept === '1,2,3' && second === '4,5,6'
      ? undefined
      : `an array once read changed: ${kept}; ${second}`;
  });
  yield make('order', 'float32', async () => {
    const memory = backend.allocate('float32', 1);
    const view = { memory, dtype: 'float32' as const, shape: [1], strides: [1], offset: 0 };
    const increment = backend.compile({
      kind: 'pointwise',
      rank: 1,
      exprs: [
        apply(
          'add',
          'float32',
          apply('mul', 'float32', input(0, 'float32'), constant(2, 'float32')),
          constant(1, 'float32'),
        ),
      ],
    });
    backend.write(memory, 0, Float32Array.of(1));
    for (let i = 0; i < 10; i++) increment([view], [view]);
    const reading = backend.read(memory, 0, 1);
    backend.write(memory, 0, Float32Array.of(0));
    increment([view], [view]);
    const [first] = await reading;
    const [second] = await backend.read(memory, 0, 1);
    backend.free(memory);
    return first === 2047 && second === 1 ? undefined : `got ${first} and ${second}, want 2047 and 1`;
  });
  yield make('order', 'int64', async () => {
    const memory = backend.allocate('int64', 1);
    const view = { memory, dtype: 'int64' as const, shape: [1], strides: [1], offset: 0 };
    const double = backend.compile({
      kind: 'pointwise',
      rank: 1,
      exprs: [apply('add', 'int64', input(0, 'int64'), input(0, 'int64'))],
    });
    backend.write(memory, 0, BigInt64Array.of(3n));
    for (let i = 0; i < 40; i++) double([view], [view]);
    const [got] = await backend.read(memory, 0, 1);
    backend.free(memory);
    return got === 3n << 40n ? undefined : `got ${got}, want ${3n << 40n}`;
  });
}
