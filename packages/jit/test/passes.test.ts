/** Each pass keeps the meaning of random programs: results, and what they do to their arguments. */
import { reference } from '@sconce/backend-reference';
import {
  currentBackend,
  fromTypedArray,
  memoryUsage,
  no_grad,
  set_fusion_enabled,
  setCurrentBackend,
  type Tensor,
} from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { Source } from '../src/frontend/source.ts';
import { CompilationUnit } from '../src/frontend/unit.ts';
import { execute } from '../src/interpreter/run.ts';
import { copyGraph } from '../src/ir/copy.ts';
import { Func } from '../src/ir/function.ts';
import { allNodes, type Graph } from '../src/ir/graph.ts';
import { graphToString } from '../src/ir/print.ts';
import { AliasAnalysis } from '../src/passes/alias.ts';
import { eliminateCommonSubexpressions } from '../src/passes/common.ts';
import { propagateConstants } from '../src/passes/constants.ts';
import { eliminateDeadCode } from '../src/passes/dead-code.ts';
import { removeDropout } from '../src/passes/dropout.ts';
import { foldBatchNorm } from '../src/passes/fold-batch-norm.ts';
import { fuseOperators } from '../src/passes/fuse.ts';
import { inlineCalls } from '../src/passes/inline.ts';
import { peephole } from '../src/passes/peephole.ts';
import { poolConstants } from '../src/passes/pool.ts';
import { unrollLoops } from '../src/passes/unroll.ts';

beforeAll(() => setCurrentBackend(reference()));

const hasCalls = (graph: Graph): boolean =>
  [...allNodes(graph.block)].some(({ kind }) => /^prim::Call(Method|Function)$/.test(kind));

/** A small generator of numbers, so that a failure names its seed. */
function random(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x85ebca6b) + 0x9e3779b9) | 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

/**
 * A function of two 3×3 tensors and a number: arithmetic, windows, writes in place, lists, branches and loops over them, of
 * which several are returned. Every tensor is 3×3, so that any may be put anywhere.
 */
function program(seed: number): string {
  const pick = random(seed);
  const lines: string[] = [];
  let count = 0;
  const oneOf = <T>(list: readonly T[]): T => list[pick(list.length)];
  const statements = (names: string[], indent: string, many: number, depth: number): void => {
    const add = (text: string): void => {
      lines.push(`${indent}${text}`);
    };
    const fresh = (): string => {
      const name = `v${count++}`;
      names.push(name);
      return name;
    };
    for (let i = 0; i < many; i++) {
      const [a, b] = [oneOf(names), oneOf(names)];
      switch (pick(depth > 1 ? 11 : 14)) {
        case 0:
        case 1:
          add(`${fresh()} = torch.${oneOf(['add', 'sub', 'mul', 'maximum'])}(${a}, ${b})`);
          break;
        case 2:
        case 3:
          add(`${fresh()} = torch.${oneOf(['relu', 'tanh', 'sigmoid', 'neg', 'abs'])}(${a})`);
          break;
        case 4:
          add(`${fresh()} = torch.${oneOf(['relu_', 'neg_', 'sigmoid_'])}(${a})`);
          break;
        case 5:
          add(`${fresh()} = torch.${oneOf(['add_', 'mul_', 'sub_'])}(${a}, ${b})`);
          break;
        case 6:
          add(`${fresh()} = torch.t(${a})`);
          break;
        case 7:
          add(`${fresh()} = torch.${oneOf(['mul', 'add'])}(${a}, ${oneOf(['2.', '0.5', '3', 'n'])})`);
          break;
        case 8:
          add(`${fresh()} = torch.mm(${a}, ${b})`);
          break;
        case 9: {
          const list = `l${count++}`;
          add(`${list} = [${a}, ${b}]`);
          if (pick(2)) add(`_ = torch.append(${list}, ${oneOf(names)})`);
          add(`${fresh()} = ${list}[${pick(2)}]`);
          break;
        }
        case 10:
          add(`${fresh()} = torch.expand(torch.sum(${a}, [${pick(2)}], True), [3, 3])`);
          break;
        case 11: {
          const name = `v${count++}`;
          add(`if ${oneOf(['torch.gt(n, 1)', 'torch.gt(n, 5)', 'True', 'torch.lt(2, 1)'])}:`);
          for (const last of [true, false]) {
            const inner = [...names];
            statements(inner, `${indent}  `, 1 + pick(2), depth + 1);
            lines.push(`${indent}  ${name} = ${oneOf(inner)}`);
            if (last) add('else:');
          }
          names.push(name);
          break;
        }
        case 12: {
          const name = `v${count++}`;
          add(`${name} = ${a}`);
          add(`for ${`i${count++}`} in range(${oneOf(['n', '2', '0'])}):`);
          const inner = [...names, name];
          statements(inner, `${indent}  `, 1 + pick(2), depth + 1);
          lines.push(`${indent}  ${name} = ${oneOf(inner)}`);
          names.push(name);
          break;
        }
        default:
          add(`${fresh()} = helper(${a}, ${b})`);
      }
    }
  };
  const names = ['x', 'y'];
  statements(names, '  ', 4 + pick(8), 0);
  const results = [oneOf(names), oneOf(names), names[names.length - 1]];
  return `def helper(a: Tensor, b: Tensor) -> Tensor:
  c = torch.add(a, b)
  d = torch.relu_(c)
  return torch.mul(d, ${oneOf(['a', 'b', 'c'])})
def f(x: Tensor, y: Tensor, n: int) -> Tuple[Tensor, Tensor, Tensor]:
${lines.join('\n')}
  return (${results.join(', ')})
`;
}

function compile(text: string): Func {
  const source = new Source(text, '<string>');
  const unit = new CompilationUnit({ source: (path) => (path === '' ? source : undefined) });
  const found = unit.resolve('f');
  if (found?.kind !== 'function') throw new Error('no function f');
  return found.func;
}

const withGraph = (func: Func, graph: Graph): Func =>
  new Func(
    func.name,
    () => func.signature,
    () => graph,
  );

const matrix = (seed: number): Tensor => {
  const pick = random(seed);
  return fromTypedArray(
    Float32Array.from({ length: 9 }, () => pick(9) / 4 - 1),
    [3, 3],
    'float32',
  );
};

/** The results, and the arguments afterwards; which results are one memory shows by writing to them. */
async function outcome(func: Func, seed: number): Promise<unknown> {
  const [x, y] = [matrix(seed), matrix(seed + 1)];
  const n = seed % 4;
  const results = (await no_grad(() => execute(func, [x, y, n], null))) as Tensor[];
  const numbers = async () => Promise.all([...results, x, y].map((t) => t.tolist()));
  const before = await numbers();
  (results[0] as Tensor).mul_(2);
  return [before, await numbers()];
}

const close = (got: unknown, want: unknown): boolean =>
  Array.isArray(want)
    ? want.every((item, i) => close((got as unknown[])[i], item))
    : Object.is(got, want) ||
      Math.abs((got as number) - (want as number)) <= 1e-5 * Math.max(1, Math.abs(want as number));

const passes: Readonly<Record<string, (graph: Graph) => void>> = {
  inline: (graph) => inlineCalls(graph.block),
  // The compiler leaves nothing dead: what the other passes leave is.
  'dead code elimination': (graph) => {
    inlineCalls(graph.block);
    propagateConstants(graph);
    peephole(graph);
    eliminateDeadCode(graph.block, new AliasAnalysis(graph));
  },
  'common subexpression elimination': (graph) => eliminateCommonSubexpressions(graph),
  'constant propagation': (graph) => propagateConstants(graph),
  'constant pooling': poolConstants,
  peephole: (graph) => peephole(graph),
  'loop unrolling': unrollLoops,
  fusion: fuseOperators,
  'all of them, one after the other': (graph) => {
    inlineCalls(graph.block);
    propagateConstants(graph);
    unrollLoops(graph);
    propagateConstants(graph);
    peephole(graph);
    eliminateDeadCode(graph.block, new AliasAnalysis(graph));
    eliminateCommonSubexpressions(graph);
    poolConstants(graph);
    fuseOperators(graph);
    eliminateDeadCode(graph.block, new AliasAnalysis(graph));
  },
};

const PROGRAMS = 250;

describe('a pass keeps the meaning of random programs', () => {
  for (const [name, pass] of Object.entries(passes))
    it(name, async () => {
      let changed = 0;
      let ran = 0;
      for (let seed = 0; seed < PROGRAMS; seed++) {
        const text = program(seed);
        const func = compile(text);
        const graph = copyGraph(func.graph);
        const before = graphToString(graph);
        pass(graph);
        if (graphToString(graph) !== before) changed++;
        const want = await outcome(func, seed).catch(String);
        // Half of them on a backend that lets chains wait, so that a reduction takes them in.
        set_fusion_enabled(seed % 2 === 1 ? true : null);
        const got = await outcome(withGraph(func, graph), seed).catch(String);
        set_fusion_enabled(null);
        if (typeof want !== 'string') ran++;
        if (!close(got, want) || typeof got !== typeof want)
          expect.fail(
            `seed ${seed}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}\n${text}\n${graphToString(graph)}`,
          );
      }
      expect(changed).toBeGreaterThan(3);
      expect(ran).toBeGreaterThan(PROGRAMS / 2);
    });
});

/** The kinds of the graph's nodes after a pass over the function. */
function after(body: string, pass: (graph: Graph) => void): string[] {
  const func = compile(`def f(x: Tensor, y: Tensor) -> Tensor:\n${body}`);
  const graph = copyGraph(func.graph);
  pass(graph);
  return [...allNodes(graph.block)].map((node) => node.kind).filter((kind) => kind !== 'prim::Constant');
}

describe('a pass does what it is for', () => {
  it('inlining leaves no call', () => {
    const func = compile(program(3).replace('return (', 'w = helper(x, y)\n  return ('));
    const graph = copyGraph(func.graph);
    expect(hasCalls(graph)).toBe(true);
    inlineCalls(graph.block);
    expect(hasCalls(graph)).toBe(false);
  });

  const dead = (graph: Graph): void => eliminateDeadCode(graph.block, new AliasAnalysis(graph));

  it('dead code goes, and with it a write to memory that nobody reads', () => {
    expect(after('  a = torch.mul(x, y)\n  b = torch.relu_(a)\n  return x\n', dead)).toEqual([]);
  });

  it('a write stays that the caller or a later reader sees', () => {
    expect(after('  a = torch.relu_(x)\n  return y\n', dead)).toEqual(['aten::relu_']);
    const kept = after('  a = torch.mul(x, y)\n  b = torch.t(a)\n  c = torch.relu_(b)\n  return a\n', dead);
    expect(kept).toEqual(['aten::mul', 'aten::t', 'aten::relu_']);
  });

  it('common subexpressions become one, but not across a write', () => {
    const twice = '  a = torch.tanh(x)\n  b = torch.tanh(x)\n  return torch.add(a, b)\n';
    expect(after(twice, eliminateCommonSubexpressions)).toEqual(['aten::tanh', 'aten::add']);
    const written =
      '  a = torch.tanh(x)\n  c = torch.neg_(x)\n  b = torch.tanh(x)\n  return torch.add(a, b)\n';
    expect(after(written, eliminateCommonSubexpressions)).toHaveLength(4);
  });

  it('a branch that is decided is taken, and a loop that never runs goes', () => {
    const body = `  z = x
  if torch.lt(1, 2):
    z = torch.relu(x)
  for i in range(0):
    z = torch.tanh(z)
  return z
`;
    expect(after(body, propagateConstants)).toEqual(['aten::relu']);
  });

  it('a dropout goes that is known not to drop', () => {
    expect(after('  return torch.dropout(x, 0.5, False)\n', removeDropout)).toEqual([]);
    expect(after('  return torch.dropout(x, 0.5, True)\n', removeDropout)).toEqual(['aten::dropout']);
  });

  const peepholeAndDead = (graph: Graph): void => {
    peephole(graph);
    dead(graph);
  };

  it('peephole undoes what was just done', () => {
    expect(after('  return torch.t(torch.t(x))\n', peepholeAndDead)).toEqual([]);
    expect(after('  l = [x, y]\n  return l[1]\n', peepholeAndDead)).toEqual([]);
    expect(after('  l = [x, y]\n  _ = torch.append(l, x)\n  return l[1]\n', peephole)).toContain(
      'aten::__getitem__',
    );
  });

  it('nothing is folded into weights that are not known', () => {
    const body =
      '  a = torch.conv2d(x, y)\n  return torch.batch_norm(a, None, None, None, None, True, 0.1, 1e-05, True)\n';
    expect(after(body, foldBatchNorm)).toEqual(['aten::conv2d', 'aten::batch_norm']);
  });

  it('a chain, a product before it and a reduction after it become one node', () => {
    const chain = '  return torch.tanh(torch.mul(torch.add(x, y), 2.))\n';
    expect(after(chain, fuseOperators)).toEqual(['prim::FusionGroup']);
    expect(after('  return torch.relu_(torch.add(torch.mm(x, y), x))\n', fuseOperators)).toEqual([
      'prim::FusionGroup',
    ]);
    const sum = (graph: Graph): void => {
      propagateConstants(graph);
      fuseOperators(graph);
    };
    expect(after('  return torch.sum(torch.mul(x, y), [1])\n', sum)).toEqual(['prim::FusionGroup']);
  });

  it('nothing is fused over a write to what it reads, or where someone else looks on', () => {
    const written = '  a = torch.add(x, y)\n  b = torch.neg_(x)\n  return torch.mul(torch.tanh(a), b)\n';
    expect(after(written, fuseOperators)).toEqual(['aten::add', 'aten::neg_', 'prim::FusionGroup']);
    const seen = '  a = torch.add(x, y)\n  b = torch.t(a)\n  c = torch.relu_(a)\n  return torch.mul(c, b)\n';
    expect(after(seen, fuseOperators)).toEqual(['aten::add', 'aten::t', 'aten::relu_', 'aten::mul']);
  });
});

describe('a tensor that a plan made lives as long as what holds it', () => {
  for (const [where, body] of Object.entries({
    dict: '  d = annotate(Dict[str, Tensor], {})\n  _ = torch._set_item(d, "a", torch.neg(x))\n  z = d["a"]\n',
    list: '  l = [torch.neg(x)]\n  z = l[0]\n',
    'inserted into a list': '  l = [y]\n  _ = torch.insert(l, 0, torch.neg(x))\n  z = l[0]\n',
    tuple: '  t = (torch.neg(x), y)\n  z = (t)[0]\n',
    loop: '  z = torch.neg(x)\n  w = y\n  for i in range(3):\n    z, w = w, torch.mul(z, -1.)\n  z = torch.neg(torch.neg(w))\n',
  }))
    it(where, async () => {
      const func = compile(`def f(x: Tensor, y: Tensor) -> Tensor:\n${body}  return torch.mul(z, 2.)\n`);
      const x = fromTypedArray(Float32Array.of(1, 2), [2], 'float32');
      const y = fromTypedArray(Float32Array.of(-1, -2), [2], 'float32');
      const before = memoryUsage(currentBackend()).count;
      const result = no_grad(() => execute(func, [x, y], null)) as Tensor;
      expect(await result.tolist()).toEqual([-2, -4]);
      expect(memoryUsage(currentBackend()).count).toBe(before + 1);
    });
});
