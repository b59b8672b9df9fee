/** What a trace warns of and throws: PyTorch's own sentences, and its report of what a check found. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import * as torch from '../../src/index.ts';
import type { Any } from './programs.ts';

const { jit } = torch;

const { reports } = JSON.parse(
  gunzipSync(
    readFileSync(new URL('../../../../conformance/models/trace.json.gz', import.meta.url)),
  ).toString(),
) as { reports: Record<string, { shapes: (number[] | null)[]; report: [string[], string | null] }> };

/** A program that does something else at every call. */
function counter(program: (x: Any, n: number) => Any): (x: Any) => Any {
  let n = 0;
  return (x) => program(x, ++n);
}

const programs: Record<string, () => (...args: Any[]) => Any> = {
  branch: () => (x) => (x.sum() > -1000 ? x : x.neg()),
  item: () => async (x) => x.mul(await x.sum().item()),
  tolist: () => async (x) => x.mul((await x.tolist())[0]),
  numpy: () => async (x) => x.mul((await x.data())[0]),
  len: () => (x) => torch.arange(x.length),
  'int of a size': () => (x) => x.view(Number(x.size(0)), -1),
  iterating: () => (x) => {
    let s = torch.zeros(2);
    for (const row of x) s = s.add(row);
    return s;
  },
  literal: () => (x) => x.add(torch.tensor([1])),
  dict: () => (x) => ({ a: x }),
  'number in': () => (x, _n) => x,
  'number out': () => (_x) => 3,
  'wants grad': () => {
    const w = torch.ones(3, { requires_grad: true });
    return (x) => x.mul(w);
  },
  'other operator': () => counter((x, n) => (n % 2 ? x.mul(2) : x.sub(3))),
  'other constant': () => counter((x, n) => x.add(n)),
  random: () => (x) => x.add(torch.rand(3)),
};

/** Without places, hints and numbers, as the generator does it. */
function canonical(report: string): string {
  const lines: string[] = [];
  let gone: string[] = [];
  let come: string[] = [];
  const text = report
    .replace(/^(\S+:\d+:\d+: )?TracerWarning: /, '')
    .replace(/ # [^\n]*/g, '')
    .replaceAll('JavaScript function', 'function')
    .split('\nTensor:')[0];
  const places = /^\t*(Trace source location|Check source location|Source Location):$|^\t+\S+:\d+$/;
  for (const raw of [...text.split('\n').filter((line) => !places.test(line)), '']) {
    const mark = raw.replace(/^\t+/, '').slice(0, 2);
    const line = raw
      .replace(/at index \([^)]*\)/g, 'at index')
      .replace(/\d+\.\d+(?!e)/g, '#')
      .replace(/%\d+/g, '%');
    if (mark === '- ') gone.push(line);
    else if (mark === '+ ') come.push(line);
    else {
      lines.push(...gone, ...come, line);
      [gone, come] = [[], []];
    }
  }
  return lines.join('\n').trim();
}

beforeAll(async () => {
  await torch.use('wasm');
});

describe('tracing says what PyTorch says', () => {
  for (const [name, { shapes, report }] of Object.entries(reports))
    it(name, async () => {
      const warnings: string[] = [];
      jit.tracerWarnings.show = (warning) => {
        const text = canonical(warning.message);
        if (!warnings.includes(text)) warnings.push(text);
      };
      const inputs = shapes.map((shape) => (shape === null ? 3 : torch.ones(shape)));
      let error: string | null = null;
      await jit.trace(programs[name](), inputs).catch((thrown: Error) => {
        error = canonical(thrown.message);
      });
      expect([warnings, error]).toEqual(report);
    });
});

describe('a report shows where the program', () => {
  const ofTrace = (program: (x: Any) => Any) =>
    jit.trace(program, torch.ones(3)).then(
      () => '',
      (error: Error) => error.message,
    );

  it('called the first operator that differs, and the constant', async () => {
    jit.tracerWarnings.show = () => {};
    const message = await ofTrace(programs['other constant']());
    expect(message).toMatch(/Trace source location:\n\t\t\S*reports\.test\.ts:\d+\n/);
    expect(message).toMatch(/Check source location:\n\t\t\S*reports\.test\.ts:\d+\n/);
    expect(message).toMatch(/Source Location:\n\t\t\S*reports\.test\.ts:\d+\n/);
  });

  it('called what a promise that nobody awaited yet hides from the trace', async () => {
    const message = await ofTrace(async (x) => {
      const both = await Promise.all([torch.nonzero(x), torch.nonzero(x.neg())]);
      return both[0].add(both[1]);
    });
    expect(message).toMatch(
      /^Tracing: aten::neg was called at \S*reports\.test\.ts:\d+:\d+ while aten::nonzero was still waiting/,
    );
    expect(
      await ofTrace(async (x) => {
        const a = torch.nonzero(x);
        return x.view(x.shape[0], -1).add((await a).shape[0]);
      }),
    ).toContain('shape was called at');
  });

  it('draws from a generator of its own, and that it cannot', async () => {
    const generator = new torch.Generator();
    expect(await ofTrace((x) => x.add(torch.rand(3, { generator })))).toContain(
      'Found an unsupported argument type in the JIT tracer: at::Generator',
    );
  });

  it('gave a promise as its result', async () => {
    expect(await ofTrace((x) => [x, torch.nonzero(x)])).toContain('a promise must be awaited first');
  });
});

describe('examples by name', () => {
  const scale = (x: Any, y: Any, { factor }: Any = {}) => x.sub(factor === undefined ? y : y.mul(factor));

  it('are the trace that examples in order are', async () => {
    const inOrder = await jit.trace((x: Any, y: Any) => x.sub(y), [torch.ones(2), torch.ones(2)]);
    const named = await jit.trace((x: Any, y: Any) => x.sub(y), null, {
      example_kwarg_inputs: { y: torch.ones(2), x: torch.ones(2) },
    });
    const bare = (text: string) => text.replace(/ # [^\n]*/g, '');
    expect(bare(String(named.graph))).toBe(bare(String(inOrder.graph)));
  });

  it('reach the object that the last parameter takes apart', async () => {
    const ones = torch.ones(2);
    const traced = await jit.trace(scale, undefined, {
      example_kwarg_inputs: { factor: ones, x: ones, y: ones },
      check_inputs: [{ x: torch.ones(5), y: torch.ones(5), factor: torch.ones(5) }],
    });
    expect(traced.code).toContain('def scale(x: Tensor,\n    y: Tensor,\n    factor: Tensor) -> Tensor:');
    const given = [torch.tensor([3, 3]), ones] as const;
    expect(await (await traced(...given, { factor: torch.tensor([2, 4]) })).tolist()).toEqual([1, -1]);
  });

  it('and those of a module', async () => {
    class Named extends torch.nn.Module {
      override forward(x: Any, y: Any) {
        return x.sub(y);
      }
    }
    const traced = await jit.trace(new Named(), undefined, {
      example_kwarg_inputs: { y: torch.ones(2), x: torch.ones(2) },
    });
    expect(await (await traced(torch.ones(3), torch.zeros(3))).tolist()).toEqual([1, 1, 1]);
    const methods = { forward: { y: torch.ones(2), x: torch.ones(2) } };
    await jit.trace_module(new Named(), methods, { example_inputs_is_kwarg: true });
  });

  it('are refused where no parameter has the name, and asked for where there are none at all', async () => {
    const x = torch.ones(2);
    await expect(jit.trace(scale, null, { example_kwarg_inputs: { z: x } })).rejects.toThrow(
      "scale() got an unexpected keyword argument 'z': its parameters are x, y, factor",
    );
    await expect(jit.trace(scale, x, { example_kwarg_inputs: { x } })).rejects.toThrow('not both');
    await expect(jit.trace(scale)).rejects.toThrow(
      "trace() missing 1 required positional argument: 'example_inputs'",
    );
  });
});

describe('check_inputs', () => {
  it('finds a size that became a constant, by a second shape', async () => {
    jit.tracerWarnings.show = () => {};
    const f = (x: Any) => x.view(Number(x.size(0)), -1);
    const other = { check_inputs: [torch.rand(4, 2)] };
    await expect(jit.trace(f, torch.rand(3, 2), other)).rejects.toThrow(jit.TracingCheckError);
    await expect(jit.trace(f, torch.rand(3, 2), other)).rejects.toThrow(
      "shape '[3, -1]' is invalid for input of size 8",
    );
    await expect(
      jit.trace((x: Any) => x.view(x.size(0), -1), torch.rand(3, 2), other),
    ).resolves.toBeInstanceOf(jit.ScriptFunction);
  });

  it('leaves the examples as they were, whatever the program writes into them', async () => {
    const x = torch.ones(3);
    const traced = await jit.trace((y: Any) => y.add_(1), x);
    expect(await x.tolist()).toEqual([2, 2, 2]);
    expect(await (await traced(torch.zeros(3))).tolist()).toEqual([1, 1, 1]);
  });

  it('compares within check_tolerance', async () => {
    const seen: string[] = [];
    jit.tracerWarnings.show = (warning) => seen.push(warning.message);
    let n = 0;
    // Off by 5 % in the eager run, which is the third.
    const drifting = (x: Any) => x.mul(torch.full([3], ++n === 3 ? 1.05 : 1).detach());
    const same = (x: Any) => x.mul(1);
    await jit.trace(same, torch.ones(3), { check_tolerance: 1e-9 });
    expect(seen).toEqual([]);
    await jit.trace(drifting, torch.ones(3), { check_tolerance: 0.1 });
    expect(seen).toEqual([]);
  });
});
