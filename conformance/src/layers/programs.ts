/** Small programs over tensors that PyTorch ran first: the `aliasing` layer, and the hand-written edges of `ops`. */
import {
  autograd,
  type Backend,
  type DType,
  functions,
  scope,
  setCurrentBackend,
  Tensor,
  TorchError,
  tensor,
} from '@sconce/core';
import {
  type Case,
  fail,
  flushed,
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
import { toleranceOf } from '../tolerance.ts';
import type { FrozenValue } from './frozen.ts';
import { readTensor, settleFaults, thaw } from './tensors.ts';

type Expression =
  | FrozenValue
  | readonly Expression[]
  | { readonly v: string }
  | {
      readonly fn: string;
      readonly args: readonly Expression[];
      readonly kwargs?: Record<string, Expression>;
    }
  | {
      readonly call: string;
      readonly self: Expression;
      readonly args: readonly Expression[];
      readonly kwargs?: Record<string, Expression>;
    }
  | { readonly get: string; readonly self: Expression };

interface Step {
  readonly to?: string | readonly string[];
  readonly do?: Expression;
  readonly no_grad?: readonly Step[];
  readonly error?: { readonly type: string; readonly message: string };
}

type FrozenNumber = number | 'nan' | 'inf' | '-inf' | '-0' | { readonly i: string };

interface TensorState {
  readonly d: DType;
  readonly s: readonly number[];
  readonly st: readonly number[];
  readonly o: number;
  readonly values: readonly FrozenNumber[];
  readonly version: number;
  readonly storage: number;
  readonly requires_grad: boolean;
  readonly grad?: readonly FrozenNumber[];
}

type State =
  | { readonly tensor: TensorState }
  | { readonly list: readonly State[] }
  | { readonly value: FrozenValue };

interface Program {
  readonly name: string;
  readonly params: Readonly<Record<string, string>>;
  readonly source: string;
  readonly steps: readonly Step[];
  readonly state: Readonly<Record<string, State>>;
}

/** An operator that core does not have: the program cannot be judged. */
class MissingOperator extends Error {}

type Scope = Map<string, unknown>;

async function evaluate(expression: Expression, variables: Scope): Promise<unknown> {
  if (expression === null || typeof expression !== 'object') return expression;
  if (Array.isArray(expression)) {
    const list: unknown[] = [];
    for (const item of expression) list.push(await evaluate(item, variables));
    return list;
  }
  const node = expression as Exclude<Expression, FrozenValue | readonly Expression[]>;
  if ('v' in node) {
    if (!variables.has(node.v)) throw new Error(`${node.v} was not made: the line before it failed`);
    return variables.get(node.v);
  }
  if ('get' in node) {
    const self = (await evaluate(node.self, variables)) as Record<string, unknown>;
    return self[node.get];
  }
  if ('fn' in node)
    return callWith(
      node.fn === 'tensor' ? (tensor as never) : functions[node.fn],
      node.fn,
      undefined,
      node,
      variables,
    );
  if ('call' in node) {
    const self = (await evaluate(node.self, variables)) as Record<string, never>;
    return callWith(self[node.call], node.call, self, node, variables);
  }
  return thaw(expression as FrozenValue, []);
}

async function callWith(
  f: ((...args: unknown[]) => unknown) | undefined,
  name: string,
  self: unknown,
  { args, kwargs }: { readonly args: readonly Expression[]; readonly kwargs?: Record<string, Expression> },
  variables: Scope,
): Promise<unknown> {
  const values = (await evaluate(args, variables)) as unknown[];
  if (typeof f !== 'function') throw new MissingOperator(name);
  if (kwargs) {
    const entries = await Promise.all(
      Object.entries(kwargs).map(async ([key, value]) => [key, await evaluate(value, variables)] as const),
    );
    values.push(Object.fromEntries(entries));
  }
  return f.apply(self, values);
}

/** PyTorch's CPU has no kernel for that dtype: a gap, not a meaning. Another backend may well compute it. */
const isGap = (message: string) => message.includes('not implemented for');

async function runSteps(
  backend: Backend,
  steps: readonly Step[],
  variables: Scope,
): Promise<string | undefined> {
  for (const step of steps) {
    if (step.no_grad) {
      const inner = await autograd.no_grad(() => runSteps(backend, step.no_grad!, variables));
      if (inner) return inner;
      continue;
    }
    const line = JSON.stringify(step.do);
    try {
      const value = await evaluate(step.do!, variables);
      if (step.error) await settleFaults(backend);
      if (step.error && !isGap(step.error.message))
        return `did not throw: ${line}\n  PyTorch: ${step.error.type}: ${step.error.message}`;
      if (step.error) continue;
      if (typeof step.to === 'string') variables.set(step.to, value);
      else for (const [i, name] of (step.to ?? []).entries()) variables.set(name, (value as unknown[])[i]);
    } catch (error) {
      if (error instanceof MissingOperator) throw error;
      const isRefusal = error instanceof TorchError;
      if (step.error && (isRefusal || isGap(step.error.message))) continue;
      const got =
        error instanceof Error
          ? isRefusal
            ? `${error.name}: ${error.message}`
            : error.stack
          : String(error);
      return `threw at ${line}: ${got}${step.error ? `\n  want a TorchError; PyTorch: ${step.error.type}: ${step.error.message}` : ''}`;
    }
  }
  return undefined;
}

const thawNumber = (value: FrozenNumber, dtype: DType): Num => {
  if (typeof value === 'object') return BigInt(value.i);
  if (dtype === 'int64') return BigInt(value);
  if (typeof value === 'number') return value;
  return value === '-0' ? -0 : Number(value.replace('inf', 'Infinity').replace('nan', 'NaN'));
};

class Judge {
  /** Frozen storages, and ours. */
  private readonly storages = new Map<number, Tensor['storage']>();

  constructor(
    private readonly id: CaseId,
    private readonly countsVersions: boolean,
  ) {}

  async check(name: string, got: unknown, want: State): Promise<string | undefined> {
    if ('list' in want) {
      if (!Array.isArray(got) || got.length !== want.list.length)
        return `${name} is no list of ${want.list.length}`;
      for (const [i, item] of want.list.entries()) {
        const problem = await this.check(`${name}[${i}]`, got[i], item);
        if (problem) return problem;
      }
      return undefined;
    }
    if ('value' in want) return this.checkValue(name, got, want.value);
    return got instanceof Tensor
      ? this.checkTensor(name, got, want.tensor)
      : `${name} is no Tensor but ${String(got)}`;
  }

  private checkValue(name: string, got: unknown, want: FrozenValue): string | undefined {
    const thawed = thaw(want, []);
    const plain = typeof thawed === 'object' && thawed !== null && 'value' in thawed ? thawed.value : thawed;
    const isSame =
      typeof plain === 'number'
        ? Math.abs(Number(got) - plain) <= 1e-5 * Math.abs(plain) || Object.is(got, plain)
        : got === plain;
    return isSame ? undefined : `${name} is ${String(got)}, want ${JSON.stringify(want)}`;
  }

  private async checkTensor(name: string, got: Tensor, want: TensorState): Promise<string | undefined> {
    if (got.dtype !== want.d) return `${name}: dtype is ${got.dtype}, want ${want.d}`;
    if (`${got.shape}` !== `${want.s}`) return `${name}: shape is [${got.shape}], want [${want.s}]`;
    const isEmpty = want.s.includes(0);
    const differs = want.s.some((size, d) => size > 1 && got.strides[d] !== want.st[d]);
    if (!isEmpty && differs)
      return `${name}: strides are [${got.strides}], want [${want.st}] (shape [${want.s}])`;
    if (!isEmpty && got.offset !== want.o) return `${name}: offset is ${got.offset}, want ${want.o}`;
    const problem =
      this.checkStorage(name, got, want, isEmpty) ??
      (await this.checkValues(name, await readTensor(got), want.values, want));
    if (problem) return problem;
    if (got.requires_grad !== want.requires_grad)
      return `${name}: requires_grad is ${got.requires_grad}, want ${want.requires_grad}`;
    if (this.countsVersions && got._version !== want.version)
      return `${name}: _version is ${got._version}, want ${want.version}`;
    if (!want.grad) return undefined;
    if (!got.grad) return `${name}.grad is None`;
    return this.checkValues(`${name}.grad`, await readTensor(got.grad), want.grad, want);
  }

  private checkStorage(name: string, got: Tensor, want: TensorState, isEmpty: boolean): string | undefined {
    if (isEmpty) return undefined;
    const known = this.storages.get(want.storage);
    if (known)
      return known === got.storage ? undefined : `${name} does not share memory with what it is a view of`;
    if ([...this.storages.values()].includes(got.storage))
      return `${name} shares memory with another tensor, and must not`;
    this.storages.set(want.storage, got.storage);
    return undefined;
  }

  private async checkValues(
    name: string,
    got: readonly Num[],
    frozen: readonly FrozenNumber[],
    { d, s }: TensorState,
  ): Promise<string | undefined> {
    const want = frozen.map((value) => thawNumber(value, d));
    const tolerance = toleranceOf(this.id, d, 1, want);
    const difference = firstDifference(got, want, tolerance, this.id.name.endsWith('negative-zero'));
    return (
      difference &&
      `${name}${coordinatesOf(difference.at, s)} is ${showNumber(difference.got)}, want ${showNumber(difference.want)} (${difference.wrong} of ${want.length} are wrong)`
    );
  }
}

async function attempt(backend: Backend, id: CaseId, { source, steps, state }: Program): Promise<Verdict> {
  const lacking = [...source.matchAll(/torch\.(\w+)/g)]
    .map(([, name]) => name)
    .find((name) => isDType(name) && !backend.capabilities.dtypes.has(name));
  if (lacking) return notApplicable(`dtype ${lacking} is not in capabilities.dtypes`);
  if (/subnormals$/.test(id.name) && id.params.dtype === 'float32' && backend.capabilities.flushesSubnormals)
    return notApplicable(flushed);
  return await scope(async () => {
    const variables: Scope = new Map();
    try {
      let problem = await runSteps(backend, steps, variables);
      const judge = new Judge(id, id.layer === 'aliasing');
      for (const [name, want] of Object.entries(state))
        problem ??= await judge.check(name, variables.get(name), want);
      if (!problem) return pass;
      const text = source.split('\n').map((line) => `    ${line}`);
      return fail(
        `${problem}\n  program\n${text.join('\n')}\n  rerun    sconce-conformance BACKEND '${formatId(id)}'`,
      );
    } catch (error) {
      if (error instanceof MissingOperator) return notApplicable(`core has no operator ${error.message}`);
      throw error;
    }
  });
}

const dtypeNames = [
  'bool',
  'uint8',
  'int8',
  'int16',
  'int32',
  'int64',
  'float16',
  'bfloat16',
  'float32',
  'float64',
];
const isDType = (name: string): name is DType => dtypeNames.includes(name);

/** The programs of a file as cases of a layer. */
export async function* programCases(
  { backend, files }: LayerContext,
  layer: string,
  file: string,
  prefix: string,
): AsyncGenerator<Case> {
  setCurrentBackend(backend);
  const { cases } = await readJson<{ cases: readonly Program[] }>(files, file);
  for (const program of cases) {
    const id: CaseId = { layer, name: `${prefix}${program.name}`, params: program.params };
    yield { id, run: () => attempt(backend, id, program) };
  }
}

/** Views, writes through them, versions, and what autograd refuses. */
export const aliasingLayer: Layer = {
  name: 'aliasing',
  cases: (context) => programCases(context, 'aliasing', 'edges/aliasing.json', ''),
};
