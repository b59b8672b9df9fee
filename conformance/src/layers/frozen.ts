/** The frozen cases: calls of ATen operators, with their inputs and what PyTorch made of them. */
import { type DType, dtypes, type TypedArray } from '@sconce/core';
import { type CaseFiles, readJson } from '../files.ts';

/** A tensor in a case file; its storage is `n` elements at byte `b` of the blob. */
export interface FrozenTensor {
  readonly d: DType;
  readonly s: readonly number[];
  /** Strides; contiguous where absent. */
  readonly st?: readonly number[];
  readonly o?: number;
  readonly b?: number;
  readonly n?: number;
  /** Tensors of one case with the same number are views of one storage. */
  readonly g?: number;
  /** Of an output: it shares memory with this input. */
  readonly a?: number;
  /** Of an output: it is that very tensor. */
  readonly is?: boolean;
  /** Of an output: its values are not compared, the operator chooses freely among equal elements. */
  readonly any?: boolean;
}

/** An argument or a result: JSON integers are ints, `f` floats, `i` ints past 2^53, `t` tensors. */
export type FrozenValue =
  | null
  | boolean
  | number
  | string
  | readonly FrozenValue[]
  | { readonly f: number | 'nan' | 'inf' | '-inf' | '-0' }
  | { readonly i: string }
  | { readonly t: number }
  | { readonly list: readonly FrozenValue[] }
  | { readonly dtype: DType }
  | { readonly layout: string }
  | { readonly device: string }
  | { readonly memory_format: string };

export interface FrozenCase {
  readonly op: string;
  readonly dtype: string;
  readonly sample: number;
  readonly from: string;
  readonly level?: 'call' | 'dispatch';
  readonly in: readonly FrozenTensor[];
  readonly args: readonly FrozenValue[];
  readonly kwargs?: Readonly<Record<string, FrozenValue>>;
  readonly out?: readonly (FrozenTensor | null)[];
  readonly result?: FrozenValue;
  readonly mutated?: Readonly<Record<string, FrozenTensor>>;
  readonly error?: { readonly type: string; readonly message: string };
  /** Of the autograd layer. */
  readonly wrt?: readonly number[];
  readonly cot?: readonly (FrozenTensor | null)[];
  readonly grad?: readonly (FrozenTensor | null)[];
  readonly cot2?: readonly (FrozenTensor | null)[];
  readonly grad2?: readonly (FrozenTensor | null)[];
}

interface Manifest {
  readonly torch: string;
  readonly cases: number;
  readonly files: Readonly<Record<string, { readonly cases: number; readonly operators: readonly string[] }>>;
}

export interface CaseFile {
  readonly cases: readonly FrozenCase[];
  /** The storage of a tensor; a view on the file's bytes, not to be written. */
  readonly storage: (tensor: FrozenTensor) => TypedArray;
}

/** An operator's name in a case's id: `softmax.int`, `torchvision/nms`. */
export const caseName = (op: string): string => op.replace(/^aten::/, '').replaceAll('::', '/');

/** The case files of a layer of which some operator is wanted. */
export async function* caseFiles(
  files: CaseFiles,
  layer: 'ops' | 'autograd',
  wantsName: (name: string) => boolean,
): AsyncGenerator<CaseFile> {
  const manifest = await readJson<Manifest>(files, `cases/${layer}/manifest.json`);
  for (const [name, { operators, cases }] of Object.entries(manifest.files)) {
    if (!operators.some((op) => wantsName(caseName(op)))) continue;
    const bytes = await files.read(`cases/${layer}/${name}`);
    if (!bytes)
      throw new Error(`conformance: cases/${layer}/${name} is in the manifest and not in the folder`);
    const file = readCaseFile(await gunzip(bytes));
    if (file.cases.length !== cases)
      throw new Error(`conformance: ${name} holds ${file.cases.length} cases, not ${cases}`);
    yield file;
  }
}

const gunzip = (bytes: Uint8Array): Promise<ArrayBuffer> =>
  new Response(
    new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('gzip')),
  ).arrayBuffer();

function readCaseFile(buffer: ArrayBuffer): CaseFile {
  const header = new DataView(buffer);
  const jsonBytes = header.getUint32(0, true);
  const json = new TextDecoder().decode(new Uint8Array(buffer, 8, jsonBytes));
  const { format, cases } = JSON.parse(json) as { format: number; cases: FrozenCase[] };
  if (format !== 1) throw new Error(`conformance: case files of format ${format} are not known`);
  const blob = Math.ceil((8 + jsonBytes) / 8) * 8;
  return {
    cases,
    storage: ({ d, b = 0, n = 0 }) => new dtypes[d].array(buffer, blob + b, n),
  };
}
