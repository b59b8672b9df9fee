/** Reads the committed archives with PyTorch's answers: the cases of the `jit` and `models` layers. */
import { type CaseFiles, readJson } from '../files.ts';
import { gunzip, restore } from './archive.ts';
import type { Bound } from './check.ts';
import { readValue, type Stored, type Value } from './values.ts';

export { restore, untar, zip } from './archive.ts';
export { nameHash, SEED, uniform, weight } from './fill.ts';
export { type Tampered, tampered } from './tamper.ts';
export type { TensorData, Value } from './values.ts';

export interface Call {
  readonly method: string;
  readonly inputs: readonly Value[];
  /** What PyTorch returned; undefined where it raised. */
  readonly output?: Value;
  readonly error?: { readonly type: string; readonly message: string };
}

export interface ArchiveCase {
  readonly name: string;
  /** A whole archive, as PyTorch saves it; made anew by each call. */
  archive(): Promise<Uint8Array<ArrayBuffer>>;
  /** To be made one after another on one loaded module: some programs keep state. */
  calls(): Promise<Call[]>;
}

export interface ModelCase extends ArchiveCase {
  /** The bytes of its weights. */
  readonly bytes: number;
  /** Above 400 MB: not in the ordinary run. */
  readonly large: boolean;
  /**
   * What max |ours - PyTorch| may be: 1e-4 of max |PyTorch(a) - PyTorch(b)|; where the outputs have no difference
   * (detections), 1e-4 of each tensor's largest element, or five times the share by which PyTorch's own float32 is off.
   */
  readonly tolerance: Bound;
}

export interface ProgramCase extends ArchiveCase {
  /** What PyTorch prints for the loaded module. */
  readonly text: string;
  readonly code: string;
  readonly graph: string;
  /** Its state_dict: dtype and shape by name, in order. */
  readonly state: Readonly<Record<string, readonly [dtype: string, shape: readonly number[]]>>;
  /** Dtypes that loading needs beside those of the state: scales by channel, tensors in attributes. */
  readonly storages?: readonly string[];
}

interface StoredCall {
  readonly method: string;
  readonly inputs: readonly Stored[];
  readonly output?: Stored;
  readonly error?: Call['error'];
}

interface ModelManifest {
  readonly tolerance: number;
  readonly cases: readonly (Omit<ModelCase, 'archive' | 'calls' | 'tolerance'> & {
    readonly archive: string;
    readonly data: string;
    /** Absent where outputs say what a step of theirs is. */
    readonly difference?: number;
    /** In place of a difference: a share of each tensor's largest element. */
    readonly relative?: number;
    readonly calls: readonly StoredCall[];
  })[];
}

interface ProgramManifest {
  readonly data: string;
  readonly cases: readonly (Omit<ProgramCase, 'archive' | 'calls'> & {
    readonly archive: string;
    readonly calls: readonly StoredCall[];
  })[];
}

/** Which PyTorch saved the archives: 1.13 with all cases, 2.6 with some. */
export type Writer = '1.13' | '2.6';

/** torchvision's classifiers, an LSTM and a transformer encoder, each scripted and traced; from 1.13 also detection and segmentation. */
export async function models(files: CaseFiles, writer: Writer = '1.13'): Promise<ModelCase[]> {
  const manifests =
    writer === '1.13' ? ['models', 'scenes', 'quantised-models'] : [`models${suffix(writer)}`];
  return (await Promise.all(manifests.map((name) => modelsIn(files, name)))).flat();
}

async function modelsIn(files: CaseFiles, name: string): Promise<ModelCase[]> {
  const manifest = await readJson<ModelManifest>(files, `models/${name}.json`);
  return manifest.cases.map((stored) => ({
    name: stored.name,
    bytes: stored.bytes,
    large: stored.large,
    tolerance: boundOf(stored.relative, manifest.tolerance * (stored.difference ?? 0)),
    async archive() {
      return restore(await read(files, stored.archive), await readBlob(files, stored.data));
    },
    async calls() {
      const blob = await readBlob(files, stored.data);
      return stored.calls.map((call) => readCall(call, blob));
    },
  }));
}

/** The seeds' programs and TorchScript's language; from 1.13 also programs as people deploy them, and quantised layers. */
export async function programs(files: CaseFiles, writer: Writer = '1.13'): Promise<ProgramCase[]> {
  const manifests = writer === '1.13' ? ['jit', 'real', 'quantised'] : [`jit${suffix(writer)}`];
  return (await Promise.all(manifests.map((name) => programsIn(files, name)))).flat();
}

async function programsIn(files: CaseFiles, name: string): Promise<ProgramCase[]> {
  const manifest = await readJson<ProgramManifest>(files, `models/${name}.json`);
  const blob = await readBlob(files, manifest.data);
  return manifest.cases.map((stored) => ({
    ...stored,
    async archive() {
      return new Uint8Array(await read(files, stored.archive));
    },
    async calls() {
      return stored.calls.map((call) => readCall(call, blob));
    },
  }));
}

/** Every other torchvision model, detection, video and optical flow included: its program over zeros, without outputs. */
export async function code(files: CaseFiles): Promise<Pick<ArchiveCase, 'name' | 'archive'>[]> {
  const manifest = await readJson<{ cases: { name: string; archive: string }[] }>(files, 'models/code.json');
  return manifest.cases.map(({ name, archive }) => ({
    name,
    archive: async () => restore(await read(files, archive), new Uint8Array()),
  }));
}

const boundOf = (relative: number | undefined, absolute: number): Bound =>
  relative === undefined ? absolute : (largest) => relative * largest;

const suffix = (writer: Writer) => (writer === '1.13' ? '' : `-${writer}`);

function readCall({ inputs, output, ...call }: StoredCall, blob: Uint8Array): Call {
  const values = inputs.map((input) => readValue(input, blob));
  return output === undefined
    ? { ...call, inputs: values }
    : { ...call, inputs: values, output: readValue(output, blob) };
}

async function readBlob(files: CaseFiles, path: string): Promise<Uint8Array> {
  return gunzip(await read(files, path));
}

async function read(files: CaseFiles, path: string): Promise<Uint8Array> {
  const bytes = await files.read(`models/${path}`);
  if (!bytes)
    throw new Error(`conformance: models/${path} is missing; the suite's own files are not complete`);
  return bytes;
}
