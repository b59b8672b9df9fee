/** Native TorchScript modules: what crosses in and out, at once and off the main thread. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TorchError } from '@sconce/core';
import { expect, test } from 'vitest';
import { LibTorchBackend, ones, ScriptModule, type Tensor, tensor } from '../src/index.ts';
import { describeBuilt } from './built.ts';
import { arrayOf, expectValues, fixture, goldens } from './goldens.ts';

const path = fileURLToPath(fixture('everything.pt'));

describeBuilt('ScriptModule', () => {
  const module = new ScriptModule(path);
  const golden = goldens.forward;
  const x = () => tensor(arrayOf(golden.x), golden.x.shape);

  test("forward gives PyTorch's numbers, at once", () => {
    const out: Tensor = module.forward(x());
    expect(out.shape).toEqual(golden.want.shape);
    expectValues(out.data(), golden.want);
  });

  test('an archive loads from its bytes too', () => {
    const out: Tensor = new ScriptModule(readFileSync(path)).forward(x());
    expectValues(out.data(), golden.want);
  });

  test('many requests run at once on one module', async () => {
    const inputs = Array.from({ length: 64 }, x);
    const outs: Tensor[] = await Promise.all(inputs.map((input) => module.run('forward', input)));
    for (const out of outs) expectValues(out.data(), golden.want);
  });

  test('a request leaves the main thread free', async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const out: Tensor = await module.run('busy', ones([64, 64], false), 3000);
    clearInterval(timer);
    expect(out.data()).toEqual(new Float32Array(64 * 64).fill(1));
    expect(ticks).toBeGreaterThan(2);
  });

  test('lists its methods', () => {
    expect([...module.methods].sort()).toEqual([
      'busy',
      'describe',
      'drop',
      'forward',
      'merge',
      'pair',
      'point',
      'refuse',
      'scale',
      'successor',
    ]);
  });

  test('numbers become float and int as the method declares them, and defaults hold', () => {
    expect(module.call('scale', ones([2], false), 3).data()).toEqual(new Float32Array([3, 3]));
    expect(module.call('scale', ones([2], false), 0.5, 2).data()).toEqual(new Float32Array([0.25, 0.25]));
  });

  test('strings, ints, floats, booleans, None and tuples cross both ways', () => {
    expect(module.call('describe', 'héllo', [1, 2, 3], true, null)).toEqual([
      'héllo!',
      6,
      [0.5, 1, 1.5],
      false,
      null,
    ]);
    const [, , , , tensor] = module.call('describe', '', [], false, ones([1], false));
    expect(tensor.data()).toEqual(new Float32Array([1]));
  });

  test('lists of tensors and dicts cross both ways, a dict as a Map or as an object', () => {
    const two = tensor(new Float32Array([2]));
    for (const table of [{ a: two }, new Map([['a', two]])]) {
      const out: Map<string, Tensor> = module.call('merge', [ones([1], false), two], table);
      expect([...out].map(([key, value]) => [key, value.data()[0]])).toEqual([
        ['a', 3],
        ['sum', 3],
      ]);
    }
  });

  test('an array is a tuple where the method wants one, and a Map has int keys', async () => {
    const weights = new Map([
      [1, [1, 2]],
      [2, [0.5, 3]],
    ]);
    const [out, sums] = await module.run('pair', [ones([1], false), 4], weights);
    expect(out.data()).toEqual(new Float32Array([4]));
    expect([...sums]).toEqual([
      [1, 3],
      [2, 3.5],
    ]);
  });

  test('a named tuple has its names', () => {
    const point = module.call('point', ones([1], false));
    expect(point.label).toBe('here');
    expect(point[0]).toBe(point.x);
    expect(point.x.data()).toEqual(new Float32Array([2]));
  });

  test('ints are exact over 64 bits', () => {
    expect(module.call('successor', 41)).toBe(42);
    expect(module.call('successor', 2n ** 60n)).toBe(2n ** 60n + 1n);
  });

  test("train and manual_seed give PyTorch's dropout", () => {
    const { seed, want } = goldens.dropped;
    const trained = new ScriptModule(path).train();
    new LibTorchBackend().manual_seed(seed);
    expectValues(trained.call('drop', ones([8], false)).data(), want);
    expect(
      trained
        .eval()
        .call('drop', ones([8], false))
        .data(),
    ).toEqual(new Float32Array(8).fill(1));
  });

  test("errors are TorchErrors with PyTorch's sentence and no C++ stack", async () => {
    const bad = () => module.forward(ones([4, 5], false));
    expect(bad).toThrow(TorchError);
    expect(bad).toThrow(/^mat1 and mat2 shapes cannot be multiplied \(4x5 and 3x2\)$/);
    await expect(module.run('forward', ones([4, 5], false))).rejects.toThrow(/^mat1 and mat2 shapes/);
    expect(() => module.call('refuse', ones([1], false))).toThrow(/^no tensor is good enough$/);
    expect(() => module.call('scale', 'three', 1)).toThrow(/Expected a value of type 'Tensor' but found str/);
    expect(() => module.call('nothing')).toThrow(/^Method 'nothing' is not defined/);
    expect(() => module.forward()).toThrow(/missing value for argument 'x'/);
    expect(() => new ScriptModule('/nowhere.pt')).toThrow(/open file failed.*nowhere.pt/);
    expect(() => new ScriptModule(new Uint8Array(100))).toThrow(/zip archive/);
  });
});
