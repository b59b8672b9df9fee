/** What tracing makes of modules, and how traces and scripts go together. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as torch from '../../src/index.ts';
import type { Any } from './programs.ts';

const { nn, jit } = torch;

beforeAll(async () => {
  await torch.use('wasm');
  jit.tracerWarnings.show = () => {};
});

class Cell extends nn.Module {
  linear = nn.Linear(4, 4);
  override forward(x: Any, h: Any): Any {
    const next = torch.tanh(this.linear(x).add(h));
    return [next, next];
  }
}

class Gate extends nn.Module {
  override forward(x: Any): Any {
    if (x.sum() > 0) return x;
    return x.neg();
  }
}

describe('a traced module', () => {
  it('has the parameters of the module that was traced, not copies', async () => {
    const cell = new Cell();
    const traced = await jit.trace(cell, [torch.rand(3, 4), torch.rand(3, 4)]);
    expect([...traced.named_parameters()].map(([name]) => name)).toEqual(['linear.weight', 'linear.bias']);
    expect([...traced.parameters()][0]).toBe(cell.linear.weight);
    torch.no_grad(() => cell.linear.weight.zero_());
    torch.no_grad(() => (cell.linear.bias as Any).zero_());
    const [y] = await traced(torch.rand(3, 4), torch.zeros(3, 4));
    expect(await y.abs().sum().item()).toBe(0);
  });

  it('trains through the trace: gradients arrive at the module', async () => {
    const lin = nn.Linear(3, 1);
    const traced = await jit.trace(lin, torch.rand(2, 3));
    (await traced(torch.ones(2, 3))).sum().backward();
    expect(await (lin.weight.grad as Any).tolist()).toEqual([[2, 2, 2]]);
  });

  it('keeps tied parameters tied', async () => {
    const net: Any = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3));
    net.get_submodule('1').weight = net.get_submodule('0').weight;
    const traced: Any = await jit.trace(net, torch.rand(2, 3));
    expect([...traced.parameters()].length).toBe(3);
    const loaded = await jit.load(await traced.save_to_buffer());
    const x = torch.rand(2, 3);
    expect(await (await loaded(x)).allclose(net(x))).toBe(true);
  });

  it('does what its mode was at the trace, and says the mode that it is in', async () => {
    const drop = nn.Dropout(0.5);
    const traced = await jit.trace(drop, torch.ones(100), { check_trace: false });
    traced.eval();
    expect(traced.training).toBe(false);
    expect(drop.training).toBe(true);
    expect(await (await traced(torch.ones(100))).eq(0).any().item()).toBe(true);
  });

  it('writes buffers as the module does', async () => {
    const bn = nn.BatchNorm1d(2) as Any;
    const traced = await jit.trace(bn, torch.rand(4, 2), { check_trace: false });
    const before = await bn.num_batches_tracked.item();
    await traced(torch.rand(4, 2));
    expect(await bn.num_batches_tracked.item()).toBe(before + 1);
  });

  it('gives and takes state dicts', async () => {
    const cell = new Cell();
    const traced = await jit.trace(cell, [torch.rand(1, 4), torch.rand(1, 4)]);
    expect([...traced.state_dict().keys()]).toEqual(['linear.weight', 'linear.bias']);
    await traced.load_state_dict(new Cell().state_dict());
  });

  it('prints as PyTorch prints it, and its submodules have their own code', async () => {
    const traced = await jit.trace(new Cell(), [torch.rand(3, 4), torch.rand(3, 4)]);
    expect(String(traced)).toBe('Cell(\n  original_name=Cell\n  (linear): Linear(original_name=Linear)\n)');
    expect(traced.linear.code).toContain('torch.linear(x, weight, bias)');
  });

  it('calls hooks while it is traced, outside of the scope', async () => {
    const lin = nn.Linear(2, 2);
    lin.register_forward_hook((_m: unknown, _x: unknown, y: Any) => y.mul(2));
    const traced = await jit.trace(lin, torch.rand(1, 2));
    const x = torch.rand(3, 2);
    expect(await (await traced(x)).allclose(lin(x))).toBe(true);
  });

  it('goes to another backend with its constants', async () => {
    class Shifted extends nn.Module {
      linear = nn.Linear(2, 2);
      override forward(x: Any): Any {
        return this.linear(x)
          .add(torch.tensor([1, 2]))
          .mul(2.5);
      }
    }
    const module = new Shifted();
    const traced = await jit.trace(module, torch.rand(1, 2));
    const x = torch.ones(3, 2);
    const want = await module(x).tolist();
    await torch.use('reference');
    await traced.to('reference');
    const y = await traced(torch.ones(3, 2));
    expect(y.backend.name).toBe('reference');
    expect(await y.allclose(torch.tensor(want))).toBe(true);
    await torch.use('wasm');
  });

  it('refuses a second trace inside of one, and what is not a module', async () => {
    await expect(
      jit.trace(async (x: Any) => {
        await jit.trace((y: Any) => y.mul(2), torch.rand(2));
        return x;
      }, torch.rand(2)),
    ).rejects.toThrow("Tracing can't be nested");
    await expect(jit.trace_module({} as Any, { forward: [] })).rejects.toThrow(
      'expected torch.nn.Module as the first argument',
    );
    expect(jit.is_tracing()).toBe(false);
  });

  it('leaves nothing behind when the program throws', async () => {
    const boom = () => {
      throw new Error('boom');
    };
    await expect(jit.trace(boom, torch.rand(2))).rejects.toThrow('boom');
    expect(jit.is_tracing()).toBe(false);
    expect(torch.rand(2).shape[0]).toBe(2);
  });

  it('records sizes by `sizes`, which gives numbers elsewhere', async () => {
    const halves = (x: Any) => x.reshape(jit.sizes.floordiv(x.size(0), 2), -1);
    const traced = await jit.trace(halves, torch.rand(4, 2), { check_inputs: [torch.rand(6, 2)] });
    expect((await traced(torch.rand(8, 2))).shape).toEqual([4, 4]);
    expect(jit.sizes.remainder(-3, 2)).toBe(1);
  });
});

describe('lists', () => {
  it('are arrays annotated so, in and out; other arrays are tuples', async () => {
    const pair = (): Any => jit.annotate('List[Tensor]', [torch.ones(2), torch.ones(2)]);
    const traced = await jit.trace(
      (xs: Any) => jit.annotate('List[Tensor]', [xs[0].add(xs[1]), xs[1]]),
      [pair()],
      { strict: false },
    );
    expect(traced.schema).toContain('(Tensor[] xs) -> Tensor[]');
    const [sum] = await traced([torch.ones(1), torch.ones(1)]);
    expect(await sum.tolist()).toEqual([2]);
  });
});

describe('mixing', () => {
  const gate = 'def forward(self, x):\n    if bool(x.sum() > 0):\n        return x\n    return -x\n';

  it('a scripted module in a trace is called, branches and all', async () => {
    class Net extends nn.Module {
      gate: Any = jit.script(new Gate());
      linear = nn.Linear(4, 4);
      override async forward(x: Any): Promise<Any> {
        return (await this.gate(this.linear(x))).mul(2);
      }
    }
    const net = new Net();
    const traced = await jit.trace(net, torch.ones(2, 4));
    expect(traced.graph).toContain('prim::CallMethod[name="forward"](%gate');
    expect(traced.inlined_graph).toContain('prim::If');
    for (const x of [torch.ones(2, 4), torch.ones(2, 4).neg(), torch.randn(3, 4)])
      expect(await (await traced(x)).allclose(await net(x))).toBe(true);
    expect(gate).toContain('forward');
  });

  it('a scripted function in a traced one is a call that keeps its loop', async () => {
    const power = jit.script(
      'def power(x, n: int):\n    y = x\n    for i in range(n):\n        y = y * x\n    return y\n',
    ) as Any;
    const traced = await jit.trace(async (x: Any) => (await power(x, 3)).add(1), torch.rand(2));
    expect(traced.graph).toContain('prim::CallFunction');
    expect(traced.inlined_graph).toContain('prim::Loop');
    expect(await (await traced(torch.full([2], 2))).tolist()).toEqual([17, 17]);
  });

  it('a traced function in a scripted one is a call', async () => {
    const twice = await jit.trace((x: Any) => x.mul(2), torch.rand(2));
    const both = jit.script((x: Any) => twice(x), { twice }) as Any;
    expect(both.graph).toContain('prim::CallFunction');
    expect(await (await both(torch.ones(2))).tolist()).toEqual([2, 2]);
  });

  it('a scripted module that is no submodule cannot be called', async () => {
    const loose = jit.script(new Gate()) as Any;
    class Net extends nn.Module {
      override async forward(x: Any): Promise<Any> {
        return await loose(x);
      }
    }
    await expect(jit.trace(new Net(), torch.ones(2))).rejects.toThrow(
      'Modules that are called during a trace must be registered as submodules of the thing being traced.',
    );
  });

  it('a traced module in a trace is called, and the whole is saved and loaded', async () => {
    const inner = await jit.trace(new Cell(), [torch.rand(3, 4), torch.rand(3, 4)]);
    class Outer extends nn.Module {
      cell: Any = inner;
      override async forward(x: Any): Promise<Any> {
        const [y, h] = await this.cell(x, torch.zeros(3, 4));
        return (await this.cell(y, h))[0];
      }
    }
    const traced = await jit.trace(new Outer(), torch.rand(3, 4));
    expect(traced.code.match(/\(cell\)\.forward\(/g)).toHaveLength(2);
    const loaded = await jit.load(await traced.save_to_buffer());
    const x = torch.rand(3, 4);
    expect(await (await loaded(x)).allclose(await traced(x))).toBe(true);
    expect(loaded.code).toBe(traced.code);
  });
});
