/** Converting a module to ONNX and comparing what onnxruntime makes of it with PyTorch's outputs. */
import { createRequire } from 'node:module';
import type { Backend } from '@sconce/core';
import type { ScriptModule } from '@sconce/jit';
import { to_onnx } from '@sconce/jit/convert';
import type { Bound } from '../src/models/check.ts';
import { argumentOf } from '../src/models/check.ts';
import type { Call, Value } from '../src/models/index.ts';

interface OrtTensor {
  readonly data: ArrayLike<number>;
  readonly dims: readonly number[];
}

interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
  release(): Promise<void>;
}

/** As much of onnxruntime as is used here. */
export interface Runtime {
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => OrtTensor;
}

/** onnxruntime-web, which `npm test` installs (`scripts/onnxruntime.mjs`); undefined where it is not. */
export function onnxRuntime(): Runtime | undefined {
  try {
    return createRequire(new URL('../../.cache/onnxruntime/package.json', import.meta.url))(
      'onnxruntime-web',
    );
  } catch {
    return undefined;
  }
}

const tensorsOf = (value: Value): (Value & { kind: 'tensor' })[] =>
  value.kind === 'tensor'
    ? [value]
    : value.kind === 'tuple' || value.kind === 'list'
      ? value.items.flatMap(tensorsOf)
      : value.kind === 'dict'
        ? value.entries.flatMap(([, item]) => tensorsOf(item))
        : [];

/** Two of the batch where the model takes them: the tensor and itself again. */
const twice = ({ data, shape, dtype }: Value & { kind: 'tensor' }): Value & { kind: 'tensor' } => {
  const doubled = new (data.constructor as new (length: number) => typeof data)(data.length * 2);
  doubled.set(data as never, 0);
  doubled.set(data as never, data.length);
  return { kind: 'tensor', data: doubled, shape: [2 * shape[0], ...shape.slice(1)], dtype };
};

function difference(got: OrtTensor, want: Value & { kind: 'tensor' }, tolerance: Bound): string | undefined {
  if (String(got.dims) !== String(want.shape)) return `shape [${got.dims}], want [${want.shape}]`;
  let worst = 0;
  let largest = 0;
  for (let i = 0; i < want.data.length; i++) {
    const error = Math.abs(Number(got.data[i]) - Number(want.data[i]));
    worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
    largest = Math.max(largest, Math.abs(Number(want.data[i])));
  }
  const allowed = typeof tolerance === 'number' ? tolerance : tolerance(largest);
  return worst <= Math.max(allowed, 1e-5 * largest) ? undefined : `off by ${worst} (allowed ${allowed})`;
}

export interface Comparison {
  /** What is wrong; undefined where all is equal. */
  readonly problem?: string;
  /** Whether the batch was left open, and two of it give each its own result. */
  readonly isOpen: boolean;
  readonly bytes: number;
}

/** Converts the module with the first call's inputs, and runs every call's in onnxruntime. */
export async function compareOnnx(
  module: ScriptModule,
  calls: readonly Call[],
  tolerance: Bound,
  { InferenceSession, Tensor }: Runtime,
  backend: Backend,
): Promise<Comparison> {
  const bytes = await to_onnx(
    module,
    calls[0].inputs.map((input) => argumentOf(input, backend)),
  );
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const run = async (inputs: readonly (Value & { kind: 'tensor' })[]): Promise<OrtTensor[]> => {
    const feeds = inputs.map(({ dtype, data, shape }, i) => [
      session.inputNames[i],
      new Tensor(dtype, data, shape),
    ]);
    const results = await session.run(Object.fromEntries(feeds));
    return session.outputNames.map((name) => results[name]);
  };
  try {
    for (const { inputs, output } of calls) {
      const wanted = tensorsOf(output!);
      const got = await run(inputs.flatMap(tensorsOf));
      if (got.length !== wanted.length)
        return {
          problem: `${got.length} results, want ${wanted.length}`,
          isOpen: false,
          bytes: bytes.length,
        };
      for (const [i, want] of wanted.entries()) {
        const problem = difference(got[i], want, tolerance);
        if (problem) return { problem, isOpen: false, bytes: bytes.length };
      }
    }
    const isOpen = new TextDecoder('latin1').decode(bytes.subarray(-4000)).includes('batch');
    if (!isOpen) return { isOpen, bytes: bytes.length };
    const [{ inputs, output }] = calls;
    const got = await run(inputs.flatMap(tensorsOf).map(twice));
    for (const [i, want] of tensorsOf(output!).entries()) {
      const half = got[i].data.length / 2;
      if (got[i].dims[0] !== 2 * want.shape[0]) continue;
      for (const from of [0, half]) {
        const part = { data: Array.from(got[i].data).slice(from, from + half), dims: want.shape };
        const problem = difference(part, want, tolerance);
        if (problem)
          return { problem: `with a batch twice as large: ${problem}`, isOpen, bytes: bytes.length };
      }
    }
    return { isOpen, bytes: bytes.length };
  } finally {
    await session.release();
  }
}
