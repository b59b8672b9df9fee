/** What each pass makes of small programs, node by node, against PyTorch's (conformance/models/generate_passes.py). */
import { readFileSync } from 'node:fs';
import { reference } from '@sconce/backend-reference';
import { functions, setCurrentBackend, tensor } from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { Source } from '../src/frontend/source.ts';
import { CompilationUnit } from '../src/frontend/unit.ts';
import { type Graph, passes, trace } from '../src/index.ts';

interface Golden {
  readonly source: string;
  readonly graph: string;
  /** By the pass's name, where it changes anything. */
  readonly after: Readonly<Record<string, string>>;
}

const manifest = new URL('../../../conformance/models/passes.json', import.meta.url);
const {
  programs,
  happy_function_traced,
  ...golden
}: { passes: string[]; happy_function_traced: string; programs: Record<string, Golden> } = JSON.parse(
  readFileSync(manifest, 'utf8'),
);

beforeAll(() => setCurrentBackend(reference()));

/** What PyTorch 1.13 leaves and we do not: each of these is shorter here. */
const further = new Set(['transposed_twice', 'not_not']);

/** What PyTorch rewrites and we leave: a list that is changed later. */
const left = new Set(['list_joined_and_changed']);

/** Those of PyTorch that have no pass of that name here: a product is fused with what follows it by `fuse`. */
const elsewhere = new Set(['fuse_linear']);

const everything = (graph: Graph): void => {
  passes.inline(graph);
  passes.constant_propagation(graph);
  passes.loop_unrolling(graph);
  passes.constant_propagation(graph);
  passes.peephole(graph);
  passes.cse(graph);
  passes.constant_pooling(graph);
  passes.dce(graph);
};

const passNamed = (name: string): ((graph: Graph) => void) =>
  name === 'all' ? everything : (passes as unknown as Record<string, (graph: Graph) => void>)[name];

/** Without places, the numbers of values, and what is known of constant tensors. */
function structure(text: string): string {
  const names = new Map<string, string>();
  return text
    .replace(/ # .*$/gm, '')
    .replace(/ : \w+\([^()]*device=cpu\)/g, ' : Tensor')
    .replace(/%[\w.]+/g, (name) => {
      if (!names.has(name)) names.set(name, `%${names.size}`);
      return names.get(name)!;
    });
}

function compile(text: string): Graph {
  const source = new Source(text, '<string>');
  const unit = new CompilationUnit({ source: (path) => (path === '' ? source : undefined) });
  const found = unit.resolve('f');
  if (found?.kind !== 'function') throw new Error('no function f');
  return found.func.graph;
}

const names = golden.passes.filter((name) => !elsewhere.has(name));

describe('a pass makes of a program what PyTorch 1.13 makes of it', () => {
  for (const [name, { source, graph, after }] of Object.entries(programs))
    it(`${name}: ${names.filter((pass) => pass in after).join(', ') || 'nothing to do for any'}`, () => {
      expect(structure(String(compile(source)))).toBe(structure(graph));
      for (const pass of names) {
        const ours = compile(source).copy();
        passNamed(pass)(ours);
        const want = structure(after[pass] ?? graph);
        const differs = pass === 'peephole' || pass === 'all';
        if (differs && further.has(name))
          expect(String(ours).split('\n').length).toBeLessThan(want.split('\n').length);
        else if (differs && left.has(name)) expect(structure(String(ours))).toBe(structure(graph));
        else expect(structure(String(ours)), pass).toBe(want);
      }
    });
});

describe("seed 1's happy_function", () => {
  const { happy_function, happy_function_of_numbers } = programs;

  it('keeps only the branch that is taken, as PyTorch 1.13 prints it', () => {
    for (const { source, graph } of [happy_function, happy_function_of_numbers])
      expect(structure(String(compile(source)))).toBe(structure(graph));
  });

  it('is, traced, the nodes that PyTorch 1.13 records: the branch that ran', async () => {
    const isTrue = true;
    const happy = (): unknown => {
      let ret = functions.rand([0]);
      if (isTrue === true) ret = functions.rand([1]);
      else ret = functions.rand([2]);
      return ret;
    };
    const traced = await trace((_x: unknown) => happy(), [tensor(0)], { check_trace: false });
    const nodes = (text: string): string => structure(text).replace(/graph\(.*\):/, 'graph:');
    expect(nodes(String(traced.graph))).toBe(nodes(happy_function_traced));
  });

  it('loses its dead branch to the pass where the compiler could not know', () => {
    const source = `def decide(n: int) -> bool:
    return n == 1

def f(x):
    ret = torch.rand([0])
    if decide(1):
        ret = torch.rand([1])
    else:
        ret = torch.rand([2])
    return ret
`;
    const graph = compile(source).copy();
    const kinds = (): string[] => [...String(graph).matchAll(/= (\w+::\w+)/g)].map(([, kind]) => kind);
    expect(kinds().filter((kind) => kind === 'aten::rand')).toHaveLength(2);
    passes.inline(graph);
    passes.constant_propagation(graph);
    expect(kinds().filter((kind) => kind !== 'prim::Constant')).toEqual(['aten::rand']);
    expect(String(graph)).toContain('[value=[1]]');
  });
});
