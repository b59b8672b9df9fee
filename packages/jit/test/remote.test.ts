/** A backend whose memory the host cannot read: branches wait, calls overlap or queue, modules move. */
import { readFileSync } from 'node:fs';
import { ReferenceBackend, reference } from '@sconce/backend-reference';
import {
  is_grad_enabled,
  register_backend,
  set_grad_enabled,
  setCurrentBackend,
  Tensor,
  tensor,
} from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { load } from '../src/index.ts';
import { decode, differences, type Json } from './values.ts';

const archives = new URL('archives/', import.meta.url);
const open = (name: string, options = {}) =>
  load(new Uint8Array(readFileSync(new URL(`${name}.pt`, archives))), options);
const { programs }: Json = JSON.parse(readFileSync(new URL('programs.json', archives), 'utf8'));
const language: Json = JSON.parse(readFileSync(new URL('language.json', archives), 'utf8'));

/** Every read takes a turn of the event loop. */
class Remote extends ReferenceBackend {
  override readonly name = 'remote';
  override readonly deviceType = 'remote';
  reads = 0;

  override async read(...args: Parameters<ReferenceBackend['read']>): ReturnType<ReferenceBackend['read']> {
    this.reads++;
    await new Promise((resolve) => setTimeout(resolve, 0));
    return super.readNow(...args);
  }
}

const remote = new Remote();
Object.defineProperty(remote, 'readNow', { value: undefined });
const host = reference();

beforeAll(() => {
  register_backend(remote);
  setCurrentBackend(host);
});

const onRemote = async (value: unknown): Promise<unknown> =>
  value instanceof Tensor
    ? await value.to('remote')
    : Array.isArray(value)
      ? Promise.all(value.map(onRemote))
      : value;

describe('programs whose branches need values', () => {
  for (const [folder, name, cases] of [
    ['programs', 'MyDecisionGate', programs],
    ['programs', 'MyRNNLoop', programs],
    ['programs', 'MyModule', programs],
    ['language', 'TensorCondition', language],
    ['language', 'TensorToNumber', language],
    ['language', 'AttributesSet', language],
    ['language', 'ViewsAndInPlace', language],
  ] as const)
    it(`${name} waits and gives the same`, async () => {
      const module = await open(`${folder}/${name}`, { map_location: 'remote' });
      for (const { args, result } of cases[name].calls) {
        const given = (await onRemote(args.map(decode))) as unknown[];
        expect(await differences(await module(...given), result)).toEqual([]);
      }
    });

  it('new tensors are made where the module is, though the archive says cpu', async () => {
    const module = await open('language/DeviceAndDtype', { map_location: 'remote' });
    const x = await tensor([0.5, -0.5]).to('remote');
    for (const value of (await module(x)) as unknown[])
      if (value instanceof Tensor) expect(value.backend).toBe(remote);
  });
});

describe('calls at once', () => {
  it('overlap where the program keeps nothing', async () => {
    const module = await open('programs/MyDecisionGate', { map_location: 'remote' });
    const x = await tensor([1, 2, 3]).to('remote');
    const all = await Promise.all([module(x), module(x), module(x)]);
    for (const out of all) expect(await (out as Tensor).tolist()).toEqual([1, 2, 3]);
  });

  it('run one after another where the program stores', async () => {
    const module = await open('language/AttributesSet', { map_location: 'remote' });
    const inputs = await Promise.all(
      [1, 2, 3, 4].map(async (v) => (await tensor([v + 0.5]).to('remote')) as Tensor),
    );
    const answers = await Promise.all(inputs.map((x) => module(x) as Promise<unknown[]>));
    expect(answers.map(([, calls]) => calls)).toEqual([1, 2, 3, 4]);
    expect(await (answers[3][0] as Tensor).tolist()).toEqual([12]);
  });

  it('keep the grad mode that they were made in, and leave the caller its own', async () => {
    const module = await open('programs/MyModule', { map_location: 'remote' });
    const x = await tensor(new Float32Array(20).fill(1)).to('remote');
    set_grad_enabled(false);
    const quiet = module(x) as Promise<Tensor>;
    set_grad_enabled(true);
    const loud = module(x) as Promise<Tensor>;
    expect(is_grad_enabled()).toBe(true);
    expect((await quiet).requires_grad).toBe(false);
    expect((await loud).requires_grad).toBe(true);
    expect(is_grad_enabled()).toBe(true);
  });
});

describe('moving a module', () => {
  it('takes parameters, buffers and constants along', async () => {
    const module = await open('programs/PlainCellTraced');
    const [x, h] = programs.PlainCellTraced.calls[0].args.map(decode) as Tensor[];
    await module.to('remote');
    for (const parameter of module.parameters()) expect(parameter.backend).toBe(remote);
    const out = await module(await x.to('remote'), await h.to('remote'));
    expect(await differences(out, programs.PlainCellTraced.calls[0].result)).toEqual([]);
    await module.to(host);
    expect(await differences(await module(x, h), programs.PlainCellTraced.calls[0].result)).toEqual([]);
  });

  it('to a dtype converts the floating point tensors', async () => {
    const module = await open('programs/PlainCellTraced');
    module.to('float64');
    expect([...module.parameters()].map((p) => p.dtype)).toEqual(['float64', 'float64']);
  });
});

describe('a module is an nn.Module', () => {
  it('with attributes, methods, submodules, modes and hooks', async () => {
    const module = await open('language/TrainAndEval');
    expect(module.training).toBe(true);
    expect(module.bn.training).toBe(true);
    module.eval();
    expect(module.bn.training).toBe(false);
    expect(module.bn.running_mean).toBeInstanceOf(Tensor);
    expect([...module.named_children()].map(([name]) => name)).toEqual(['bn', 'lin']);
    expect([...module.state_dict().keys()]).toEqual([
      'bn.weight',
      'bn.bias',
      'bn.running_mean',
      'bn.running_var',
      'bn.num_batches_tracked',
      'lin.weight',
      'lin.bias',
    ]);
    const seen: unknown[] = [];
    module.register_forward_hook((_: unknown, __: unknown, output: unknown) => {
      seen.push(output);
    });
    const out = await module(tensor([1.5, 2]));
    expect(seen).toEqual([out]);

    const functions = await open('language/Functions');
    expect(functions.method_names).toContain('second');
    expect(await ((await functions.second(tensor([1.5]))) as Tensor).tolist()).toEqual([2.5]);
  });

  it('loads a state dict, strictly or not', async () => {
    const from = await open('programs/PlainCellTraced');
    const to = await open('programs/MyCell');
    await to.load_state_dict(from.state_dict());
    expect(await to.linear.weight.tolist()).toEqual(await from.linear.weight.tolist());
    await expect(to.load_state_dict(new Map())).rejects.toThrow(
      'Missing key(s) in state_dict: "linear.weight", "linear.bias".',
    );
  });
});
