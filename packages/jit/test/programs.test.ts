/** The seeds' programs, recurrent and attention modules, and fine-tuning, against PyTorch (see generate/programs.py). */
import { readFileSync } from 'node:fs';
import { reference } from '@sconce/backend-reference';
import {
  currentBackend,
  fromTypedArray,
  functions,
  memoryUsage,
  no_grad,
  setCurrentBackend,
  Tensor,
} from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { load } from '../src/index.ts';
import { decode, differences, type Json } from './values.ts';

const archives = new URL('archives/', import.meta.url);
const bytes = (name: string) => readFileSync(new URL(`programs/${name}.pt`, archives));
const { programs, training }: Json = JSON.parse(readFileSync(new URL('programs.json', archives), 'utf8'));
const language: Json = JSON.parse(readFileSync(new URL('language.json', archives), 'utf8'));

beforeAll(() => setCurrentBackend(reference()));

describe('a saved program gives the numbers that PyTorch gave', () => {
  for (const [name, { calls, keys, text }] of Object.entries<Json>(programs))
    it(name, async () => {
      const module = await load(bytes(name));
      expect([...module.state_dict().keys()]).toEqual(keys);
      expect(module.toString()).toBe(text);
      for (const { args, result } of calls) {
        expect(await differences(await module(...args.map(decode)), result)).toEqual([]);
      }
    });
});

describe('without gradients the same numbers come, and all memory but the result is freed', () => {
  for (const [name, { calls }] of Object.entries<Json>(programs))
    it(name, async () => {
      const module = await load(bytes(name));
      for (const { args, result } of calls) {
        const given = args.map(decode);
        const before = memoryUsage(currentBackend()).count;
        const out = await no_grad(() => module(...given));
        expect(await differences(out, result)).toEqual([]);
        expect(memoryUsage(currentBackend()).count - before).toBeLessThanOrEqual(tensorsIn(out));
      }
    });
});

const tensorsIn = (value: unknown): number =>
  value instanceof Tensor
    ? 1
    : Array.isArray(value)
      ? value.reduce((sum, item) => sum + tensorsIn(item), 0)
      : 0;

describe('the graph prints as in PyTorch, numbers, names and places included', () => {
  for (const [folder, all] of [
    ['programs', programs],
    ['language', language],
  ] as const)
    for (const [name, { graph }] of Object.entries<Json>(all))
      it(name, async () => {
        const module = await load(readFileSync(new URL(`${folder}/${name}.pt`, archives)));
        expect(module.graph).toBe(graph);
      });
});

it('the code reads as in PyTorch', async () => {
  expect((await load(bytes('MyCell'))).code).toContain('new_h = torch.tanh(');
  for (const name of ['MyDecisionGate', 'PlainCellTraced', 'MyRNNLoop', 'WrapRNN', 'MyModule'])
    expect((await load(bytes(name))).code).toBe(programs[name].code);
});

it('a loaded model is fine-tuned with the losses of PyTorch', async () => {
  const model = await load(bytes('NetTraining'));
  const data = decode(training.data) as Tensor;
  const target = decode(training.target) as Tensor;
  for (const want of training.losses) {
    model.zero_grad();
    const out = (await model(data)) as Tensor;
    const loss = functions.cross_entropy_loss(out, target) as Tensor;
    loss.backward();
    no_grad(() => {
      for (const parameter of model.parameters()) parameter.sub_(parameter.grad!, { alpha: 0.1 });
    });
    expect(Number((await loss.data())[0])).toBeCloseTo(want, 5);
  }
  const state = model.state_dict();
  for (const [key, want] of Object.entries<Json>(training.state))
    expect(await differences(state.get(key), want, key)).toEqual([]);
});

it('what autograd records leads back through the program to its parameters', async () => {
  const module = await load(bytes('MyModule'));
  const [[name, weight]] = [...module.named_parameters()];
  expect(name).toBe('weight');
  const input = fromTypedArray(new Float32Array(20).fill(1), [20], 'float32');
  const out = (await module(input)) as Tensor;
  (out.sum() as Tensor).backward();
  expect([...(await weight.grad!.data())]).toEqual(new Array(200).fill(1));
});
