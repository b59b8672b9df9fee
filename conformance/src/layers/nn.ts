/** The `nn` layer: modules as a seed makes them, what they print, give and pass back; optimisers, step by step. */
import { type DType, functions, manual_seed, scope, setCurrentBackend, Tensor } from '@sconce/core';
import * as nn from '@sconce/nn';
import {
  type Case,
  fail,
  type Layer,
  type LayerContext,
  notApplicable,
  pass,
  type Verdict,
} from '../case.ts';
import { coordinatesOf, firstDifference, showNumber } from '../compare.ts';
import { readJson } from '../files.ts';
import type { Num } from '../numbers.ts';
import { type CaseId, formatId } from '../query.ts';
import { exact, toleranceOf } from '../tolerance.ts';
import type { FrozenValue } from './frozen.ts';
import { flatten, readTensor, thaw } from './tensors.ts';

type FrozenNumber = number | 'nan' | 'inf' | '-inf' | '-0';

interface FrozenTensor {
  readonly d: DType;
  readonly s: readonly number[];
  readonly values: readonly FrozenNumber[];
}

type Named = Readonly<Record<string, FrozenTensor>>;
type Keywords = Readonly<Record<string, FrozenValue>>;

interface FrozenModule {
  readonly name: string;
  readonly kind: string;
  readonly args: readonly FrozenValue[];
  readonly kwargs: Keywords;
  readonly inputs: readonly (
    | readonly ['ramp', readonly number[]]
    | readonly ['ints', number, readonly number[]]
  )[];
  readonly eval: boolean;
  /** The state dict as the seed made it. */
  readonly initial: Named;
  readonly text: string;
  readonly outputs: readonly FrozenTensor[];
  readonly grads: Named;
  readonly input_grads: readonly (FrozenTensor | null)[];
  /** The buffers after the call. */
  readonly after: Named;
}

interface FrozenOptimizer {
  readonly name: string;
  readonly kind: string;
  readonly kwargs: Keywords;
  readonly losses: readonly FrozenNumber[];
  readonly w: FrozenTensor;
  readonly b: FrozenTensor;
}

interface FrozenValues {
  readonly seed: number;
  readonly modules: readonly FrozenModule[];
  readonly optimizers: readonly FrozenOptimizer[];
}

/** What the suite asks of a module; all of it is PyTorch's. */
interface Module {
  (...inputs: Tensor[]): unknown;
  eval(): void;
  state_dict(): Map<string, Tensor> | Record<string, Tensor>;
  named_parameters(): Iterable<readonly [string, Tensor]>;
  named_buffers(): Iterable<readonly [string, Tensor]>;
  toString(): string;
}

interface Optimizer {
  zero_grad(): void;
  step(): void;
}

type Constructor<T> = new (...args: unknown[]) => T;

async function* cases({ backend, files }: LayerContext): AsyncGenerator<Case> {
  setCurrentBackend(backend);
  const frozen = await readJson<FrozenValues>(files, 'edges/nn.json');
  const one = (name: string, check: string, attempt: (id: CaseId) => Promise<Verdict>): Case => {
    const id: CaseId = { layer: 'nn', name, params: { check } };
    return { id, run: () => attempt(id) };
  };
  for (const module of frozen.modules)
    for (const [check, judge] of Object.entries(moduleChecks))
      yield one(module.name, check, (id) =>
        withExport<Module>(module.kind, nn, async (make) => {
          manual_seed(frozen.seed);
          const args = module.args.map(plain);
          const hasKeywords = Object.keys(module.kwargs).length > 0;
          const instance = new make(...args, ...(hasKeywords ? [keywords(module.kwargs)] : []));
          return verdict(id, await judge(instance, module, id));
        }),
      );
  for (const optimizer of frozen.optimizers)
    yield one(`optim/${optimizer.name}`, 'steps', (id) =>
      withExport<Optimizer>(optimizer.kind, nn.optim, async (make) =>
        verdict(id, await steps(make, optimizer, id)),
      ),
    );
}

export const nnLayer: Layer = { name: 'nn', cases };

const verdict = (id: CaseId, problem: string | undefined): Verdict =>
  problem ? fail(`${problem}\n  rerun    sconce-conformance BACKEND '${formatId(id)}'`) : pass;

async function withExport<T>(
  name: string,
  exports: object,
  attempt: (make: Constructor<T>) => Promise<Verdict>,
): Promise<Verdict> {
  const make = (exports as Record<string, unknown>)[name];
  if (typeof make !== 'function') return notApplicable(`nn has no ${name}`);
  return await scope(() => attempt(make as Constructor<T>));
}

/** Modules and optimisers take plain numbers. */
const plain = (value: FrozenValue): unknown => {
  const thawed = thaw(value, []);
  return typeof thawed === 'object' && thawed !== null && 'value' in thawed ? thawed.value : thawed;
};

const keywords = (kwargs: Keywords): Record<string, unknown> =>
  Object.fromEntries(Object.entries(kwargs).map(([name, value]) => [name, plain(value)]));

type Check = (module: Module, frozen: FrozenModule, id: CaseId) => Promise<string | undefined>;

const moduleChecks: Readonly<Record<string, Check>> = {
  /** The same seed makes the same parameters, bit for bit, under the same names in the same order. */
  async seed(module, { initial }, id) {
    const state = entries(module.state_dict());
    const [got, want] = [state.map(([name]) => name), Object.keys(initial)];
    if (`${got}` !== `${want}`)
      return `the state dict has ${got.join(', ') || 'nothing'}, want ${want.join(', ')}`;
    return firstOf(state, ([name, tensor]) => compare(name, tensor, initial[name], id, true));
  },
  async text(module, { text }) {
    return module.toString() === text ? undefined : `prints as\n${module.toString()}\nwant\n${text}`;
  },
  async forward(module, frozen, id) {
    const { outputs } = await call(module, frozen);
    if (outputs.length !== frozen.outputs.length)
      return `${outputs.length} outputs, want ${frozen.outputs.length}`;
    const problem = await firstOf([...outputs.entries()], ([i, output]) =>
      compare(`output ${i}`, output, frozen.outputs[i], id),
    );
    return (
      problem ??
      firstOf(entries(module.named_buffers()), ([name, tensor]) =>
        compare(`${name} after the call`, tensor, frozen.after[name], id),
      )
    );
  },
  async gradient(module, frozen, id) {
    const { inputs, outputs } = await call(module, frozen);
    const weighted = outputs
      .filter(({ dtype }) => dtype.startsWith('float'))
      .map((output) => (output.ndim > 0 ? output.mul(ramp(output.shape)).sum() : output) as Tensor);
    weighted.reduce((sum, term) => sum.add(term) as Tensor).backward();
    const problem = await firstOf([...inputs.entries()], async ([i, input]) => {
      const want = frozen.input_grads[i];
      if (!want) return input.grad ? `input ${i} has a gradient, and must not` : undefined;
      return input.grad
        ? compare(`gradient of input ${i}`, input.grad, want, id)
        : `input ${i} has no gradient`;
    });
    const parameters = new Map(entries(module.named_parameters()));
    return (
      problem ??
      firstOf(Object.entries(frozen.grads), async ([name, want]) => {
        const grad = parameters.get(name)?.grad;
        return grad ? compare(`gradient of ${name}`, grad, want, id) : `${name} has no gradient`;
      })
    );
  },
};

async function call(module: Module, frozen: FrozenModule): Promise<{ inputs: Tensor[]; outputs: Tensor[] }> {
  if (frozen.eval) module.eval();
  const inputs = frozen.inputs.map((spec, i) => {
    if (spec[0] === 'ints') return ints(spec[1], spec[2]);
    // Two equal inputs would make every distance zero.
    const values = i > 0 ? (ramp(spec[1]).mul(-0.5) as Tensor) : ramp(spec[1]);
    values.requires_grad = true;
    return values;
  });
  const result = await module(...inputs);
  return { inputs, outputs: flatten(result).filter((output) => output instanceof Tensor) };
}

/** Seven steps down sum(w⁴ / 4 + ramp · w) + sum(b²). */
async function steps(
  make: Constructor<Optimizer>,
  frozen: FrozenOptimizer,
  id: CaseId,
): Promise<string | undefined> {
  const w = (ramp([3, 4]).mul(1.5) as Tensor).detach() as Tensor;
  const b = ramp([5]);
  w.requires_grad = true;
  b.requires_grad = true;
  const optimizer = new make([w, b], keywords(frozen.kwargs));
  for (const [i, want] of frozen.losses.entries()) {
    optimizer.zero_grad();
    const quartic = (w.mul(w) as Tensor).mul(w.mul(w)) as Tensor;
    const slope = (w.mul(ramp([3, 4])) as Tensor).sum() as Tensor;
    const loss = ((quartic.sum() as Tensor).div(4) as Tensor)
      .add(slope)
      .add((b.mul(b) as Tensor).sum()) as Tensor;
    loss.backward();
    optimizer.step();
    const problem = await compare(`loss ${i}`, loss, { d: 'float32', s: [], values: [want] }, id);
    if (problem) return problem;
  }
  return (await compare('w', w, frozen.w, id)) ?? (await compare('b', b, frozen.b, id));
}

const numel = (shape: readonly number[]): number => shape.reduce((n, size) => n * size, 1);

/** Values in (-1, 1), multiples of 1/64, as edges/modules.py has them. */
function ramp(shape: readonly number[]): Tensor {
  const counted = functions.arange(numel(shape)) as Tensor;
  const values = (counted.mul(37) as Tensor).remainder(127).sub(63) as Tensor;
  return ((values.to('float32') as unknown as Tensor).div(64) as Tensor).view(shape) as Tensor;
}

const ints = (high: number, shape: readonly number[]): Tensor =>
  ((functions.arange(numel(shape)) as Tensor).mul(5).add(3).remainder(high) as Tensor).view(shape) as Tensor;

function entries(
  named: Map<string, Tensor> | Record<string, Tensor> | Iterable<readonly [string, Tensor]>,
): (readonly [string, Tensor])[] {
  return Symbol.iterator in named ? [...named] : Object.entries(named);
}

async function firstOf<T>(
  list: readonly T[],
  check: (item: T) => Promise<string | undefined>,
): Promise<string | undefined> {
  for (const item of list) {
    const problem = await check(item);
    if (problem) return problem;
  }
  return undefined;
}

async function compare(
  name: string,
  got: Tensor,
  want: FrozenTensor | undefined,
  id: CaseId,
  isExact = false,
): Promise<string | undefined> {
  if (!want) return `${name} is there, and must not be`;
  if (got.dtype !== want.d) return `${name}: dtype is ${got.dtype}, want ${want.d}`;
  if (`${got.shape}` !== `${want.s}`) return `${name}: shape is [${got.shape}], want [${want.s}]`;
  const values: Num[] = want.values.map((v) => {
    const value =
      typeof v === 'number'
        ? v
        : v === '-0'
          ? -0
          : Number(v.replace('inf', 'Infinity').replace('nan', 'NaN'));
    return want.d === 'int64' ? BigInt(value) : value;
  });
  const difference = firstDifference(
    await readTensor(got),
    values,
    isExact ? exact : toleranceOf(id, want.d, 256),
  );
  return (
    difference &&
    `${name}${coordinatesOf(difference.at, want.s)} is ${showNumber(difference.got)}, want ${showNumber(difference.want)} (${difference.wrong} of ${values.length} are wrong)`
  );
}
