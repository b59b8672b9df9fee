/** Reads training.json: what PyTorch drew from a seed, computed backward, and learned in twenty steps. */
import { type CaseFiles, readJson } from '../files.ts';
import { gunzip } from './archive.ts';
import { readValue, type Stored, type Value } from './values.ts';

type Tensors = Readonly<Record<string, Value>>;

/** `manual_seed(seed)`, then `rand(3, 4)`, `randn(100)`, `nn.Linear(4, 4)`, in this order. */
export interface Seeds {
  readonly seed: number;
  readonly rand: Value;
  readonly randn: Value;
  readonly weight: Value;
  readonly bias: Value;
}

/** The proposal's Net: `manual_seed(seed)`, the module, then `randn` for its input; cross entropy, backward. */
export interface NetGolden {
  readonly seed: number;
  readonly input: Value;
  readonly target: Value;
  readonly output: Value;
  readonly loss: Value;
  readonly input_grad: Value;
  readonly parameters: Tensors;
  readonly grads: Tensors;
  /** `str(net)`. */
  readonly text: string;
}

/** Steps of SGD on a loaded program with cross entropy; step i takes the generated images `finetune.i`. */
export interface FineTuning {
  readonly name: 'finetune.eval' | 'finetune.train';
  /** Relative to the folder `models`. */
  readonly archive: string;
  readonly train: boolean;
  readonly seed: number;
  readonly shape: readonly number[];
  readonly bound: number;
  readonly sgd: { readonly lr: number; readonly momentum: number; readonly weight_decay: number };
  readonly labels: Value;
  readonly losses: Value;
  readonly bias_after: Value;
}

/** Seed 4's walk on a case of models.json: the first five outputs for ones, printed; the sentence for a wrong shape. */
export interface Walk {
  readonly model: string;
  readonly text: string;
  readonly wrong_shape: string;
}

export interface Training {
  readonly seeds: Seeds;
  readonly net: NetGolden;
  readonly finetune: readonly FineTuning[];
  readonly walk: Walk;
}

/** Reads them all. */
export async function training(files: CaseFiles): Promise<Training> {
  const manifest = await readJson<{ data: string; cases: Record<string, unknown>[] }>(
    files,
    'models/training.json',
  );
  const bytes = await files.read(`models/${manifest.data}`);
  if (!bytes) throw new Error(`conformance: models/${manifest.data} is missing`);
  const blob = await gunzip(bytes);
  const named = (prefix: string) =>
    manifest.cases.filter(({ name }) => String(name).startsWith(prefix)).map((each) => read(each, blob));
  return {
    seeds: named('seeds')[0] as unknown as Seeds,
    net: named('net')[0] as unknown as NetGolden,
    finetune: named('finetune').map(({ inputs, ...rest }) => {
      const { shape, bound } = (inputs as { uniform: { shape: number[]; bound: number } }).uniform;
      return { ...rest, shape, bound } as unknown as FineTuning;
    }),
    walk: named('walk')[0] as unknown as Walk,
  };
}

/** Replaces every stored tensor of a case, and of the records in it, by its value. */
function read(stored: object, blob: Uint8Array): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(stored).map(([key, value]) => {
      if (typeof value !== 'object' || value === null) return [key, value];
      if ('tensor' in value) return [key, readValue(value as Stored, blob)];
      return [key, Array.isArray(value) ? value : read(value, blob)];
    }),
  );
}
