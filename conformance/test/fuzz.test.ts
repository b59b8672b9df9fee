/** The fuzzer: its programs are the same for a seed, a fault is found and shrunk, and the backends stand a fixed run. */
import { isBuilt, libtorch } from '@sconce/backend-libtorch';
import { reference } from '@sconce/backend-reference';
import { wasm } from '@sconce/backend-wasm';
import { codeOf, type Finding, fuzz, targetsOf } from '@sconce/conformance/fuzz';
import { type Backend, type Kernel, setCurrentBackend, type Tensor, tensor } from '@sconce/core';
import { describe, expect, test } from 'vitest';

/** A backend that is the reference, but that forgets the last element of every pointwise kernel with `tanh` in it. */
function forgetful(): Backend {
  const right = reference();
  return Object.create(right, {
    name: { value: 'forgetful' },
    compile: {
      value: (kernel: Kernel) => {
        const run = right.compile(kernel);
        if (kernel.kind !== 'pointwise' || !JSON.stringify(kernel.exprs).includes('"tanh"')) return run;
        return (...call: Parameters<typeof run>) => {
          const [[out]] = call;
          const last = out.offset + out.shape.reduce((sum, size, d) => sum + (size - 1) * out.strides[d], 0);
          const [before] = out.shape.includes(0) ? [0] : right.readNow!(out.memory, last, 1);
          run(...call);
          if (!out.shape.includes(0)) right.write(out.memory, last, Float32Array.of(Number(before)));
        };
      },
    },
  });
}

test('a wrong kernel is found and shrunk to a few statements', () => {
  const { findings } = fuzz(reference(), [{ name: 'forgetful', backend: forgetful() }], {
    seed: 1,
    programs: 150,
  });
  expect(findings.length).toBeGreaterThan(0);
  const shortest = findings.toSorted((a, b) => a.program.length - b.program.length)[0];
  expect(shortest.program.length).toBeLessThanOrEqual(2);
  expect(codeOf(shortest.program)).toMatch(
    /^const v0 = torch\.tensor\([^;]+;\n(const v1 = )?v0\.tanh_?\(\);$/,
  );
  expect(shortest.difference).toMatch(/^v\d(\.grad)? \(float(32|64)\[.*\]\) at \[.*\]: .*, expected /);
});

test('a seed gives its programs again', () => {
  const seen = (seed: number): string[] => {
    const found: Finding[] = [];
    fuzz(reference(), [{ name: 'forgetful', backend: forgetful() }], {
      seed,
      programs: 40,
      onfinding: (finding) => found.push(finding),
    });
    return found.map(({ seed: own, program }) => `${own}\n${codeOf(program)}`);
  };
  expect(seen(1)).toEqual(seen(1));
  expect(seen(1)).not.toEqual(seen(1000));
});

test('wasm computes 150 programs as the reference does, also with every pointwise call deferred', () => {
  const { programs, statements, findings } = fuzz(reference(), targetsOf(wasm({ threads: 1 })), {
    seed: 4,
    programs: 150,
  });
  expect(programs).toBe(150);
  expect(statements).toBeGreaterThan(800);
  expect(findings.map((f) => `${f.target}: ${f.difference}\n${codeOf(f.program)}`)).toEqual([]);
});

const backends = { reference, wasm: () => wasm({ threads: 1 }), ...(isBuilt() && { libtorch }) };

describe.each(Object.entries(backends))('what the fuzzer found stays mended on %s', (_, create) => {
  test('a result that its definition made as a view keeps its history when it is written in place', async () => {
    setCurrentBackend(create());
    const x = (tensor([-1.5]) as Tensor).requires_grad_(true);
    const y = x.matmul(x) as Tensor;
    y.mul_(3);
    expect(y.grad_fn!.name).toBe('MulBackward0');
    (y.sum() as Tensor).backward();
    expect(await x.grad!.tolist()).toEqual([-9]);
  });

  test('an empty view that begins past the end of its memory can be read', async () => {
    setCurrentBackend(create());
    const x = tensor([
      [1, 2],
      [3, 4],
    ]) as Tensor;
    const empty = x.select(1, 1).narrow(0, 2, 0) as Tensor;
    expect(await empty.tolist()).toEqual([]);
    expect((await empty.data()).length).toBe(0);
  });
});
