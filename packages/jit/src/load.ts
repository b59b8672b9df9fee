/** `torch.jit.load`: an archive's bytes to a module that runs. */
import {
  type Backend,
  backendOf,
  deviceOf,
  Parameter,
  StorageLoader,
  TorchError,
  type ZipArchive,
} from '@sconce/core';
import { Archive } from './archive/archive.ts';
import { originalPlaces } from './archive/debug.ts';
import { readPickle, typed, typeOfConstant } from './archive/unpickle.ts';
import { Source } from './frontend/source.ts';
import { CompilationUnit } from './frontend/unit.ts';
import { type Limits, limitsOf } from './limits.ts';
import { loadLite } from './lite/load.ts';
import { type ScriptModule, wrapModule } from './module.ts';
import { type Device, Tensor } from './ops/core.ts';
import { ScriptObject } from './ops/value.ts';

/** What `load` may be told, as PyTorch names it. */
export interface JitLoadOptions {
  /** Where the module goes, wherever it was saved from; the current backend unless given. */
  readonly map_location?: Device | string | Backend | null;
  /** How much the archive, its source and a call of it may ask for; each has a default. */
  readonly limits?: Partial<Limits>;
  /**
   * Names of extra files (`{'labels.txt': ''}`); each value is replaced by that file's text, as in PyTorch, or by its bytes
   * where bytes stand (`{'table.bin': new Uint8Array()}`).
   */
  readonly _extra_files?: Record<string, string | Uint8Array>;
}

/** Whatever hands out bytes: a Blob or a File, a Response. */
export interface BytesHolder {
  arrayBuffer(): Promise<ArrayBuffer>;
  readonly ok?: boolean;
  readonly status?: number;
  readonly url?: string;
}

/** What a module may be loaded from, an archive that core received among it. The package `sconce` adds paths and URLs. */
export type ArchiveSource = Uint8Array | ArrayBuffer | BytesHolder | ZipArchive;

async function bytesOf(source: ArchiveSource): Promise<Uint8Array | ZipArchive> {
  if (source instanceof Uint8Array) return source;
  if ('names' in source) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (typeof source?.arrayBuffer !== 'function')
    throw new TorchError('torch.jit.load takes bytes, an ArrayBuffer, a Blob or a Response here');
  if (source.ok === false)
    throw new TorchError(`torch.jit.load: ${source.url || 'the response'} answered ${source.status}`);
  return new Uint8Array(await source.arrayBuffer());
}

const tensorsIn = (value: unknown): Tensor[] =>
  value instanceof Tensor
    ? [value]
    : Array.isArray(value)
      ? value.flatMap(tensorsIn)
      : value instanceof Map
        ? [...value.values()].flatMap(tensorsIn)
        : [];

/** Tensors in parameters' places become Parameters; one that stands in several places, one Parameter. */
function adoptParameters(root: ScriptObject): void {
  const seen = new Set<ScriptObject>();
  const parameters = new Map<Tensor, Tensor>();
  const visit = (object: ScriptObject): void => {
    if (seen.has(object)) return;
    seen.add(object);
    for (const [slot, { role }] of object.type.attributes.entries()) {
      const value = object.slots[slot];
      if (value instanceof ScriptObject) visit(value);
      else if (role === 'parameter' && value instanceof Tensor) {
        let parameter = parameters.get(value);
        if (!parameter) parameters.set(value, (parameter = Parameter(value, value.requires_grad)));
        object.slots[slot] = parameter;
      }
    }
  };
  visit(root);
  // Only the Parameters shall hold the memory now.
  const kept = new Set([...seen].flatMap((object) => object.slots));
  for (const tensor of parameters.keys()) if (!kept.has(tensor)) tensor.dispose();
}

/**
 * Loads what `torch.jit.save` wrote. Throws a TorchError for a file that is damaged, of another kind, or holds what
 * Sconce does not have; nothing in the file is run but TorchScript's own `__setstate__` methods.
 */
export async function load(source: ArchiveSource, options: JitLoadOptions = {}): Promise<ScriptModule> {
  const archive = new Archive(await bytesOf(source), limitsOf(options.limits));
  const backend = backendOf(options.map_location);
  const device = deviceOf(backend);
  const loader = new StorageLoader(backend);
  const pending: Promise<unknown>[] = [];
  const { root, unit, constants } = archive.isLite
    ? loadLite({ archive, loader, device, pending })
    : loadSource(archive, loader, device, pending);
  await Promise.all(pending);
  loader.finish();
  adoptParameters(root);
  const extra = options._extra_files ?? {};
  for (const [name, wanted] of Object.entries(extra)) {
    const record = `extra/${name}`;
    if (!archive.has(record)) continue;
    extra[name] = typeof wanted === 'string' ? archive.text(record) : archive.read(record).slice();
  }
  archive.keepCode();
  return wrapModule(root, { device, unit, constants: tensorsIn(constants), limits: archive.limits });
}

/** The module's object, with its classes and methods compiled from the archive's source as they are needed. */
function loadSource(
  archive: Archive,
  loader: StorageLoader,
  device: Device,
  pending: Promise<unknown>[],
): { root: ScriptObject; unit: CompilationUnit; constants: unknown[] } {
  let constants: unknown[] | undefined;
  const unit: CompilationUnit = new CompilationUnit({
    version: archive.version,
    limits: archive.limits,
    source(path) {
      const record = `code/${path.replaceAll('.', '/')}.py`;
      return archive.has(record)
        ? new Source(archive.text(record), record, originalPlaces(archive, record))
        : undefined;
    },
    constant(name) {
      constants ??= readConstants();
      const index = /^c(\d+)$/.exec(name)?.[1];
      if (index === undefined || Number(index) >= constants.length) return undefined;
      const raw = constants[Number(index)];
      const type = typeOfConstant(raw, unit);
      return { value: typed(raw, type), type };
    },
  });
  const readConstants = (): unknown[] => {
    const value = readPickle({ archive, name: 'constants', unit, loader, device, pending });
    if (!Array.isArray(value)) throw new TorchError('the archive is damaged: constants.pkl holds no tuple');
    return value;
  };
  constants = readConstants();
  const root = readPickle({ archive, name: 'data', unit, loader, device, pending });
  if (!(root instanceof ScriptObject))
    throw new TorchError('the archive is damaged: data.pkl holds no module');
  return { root, unit, constants };
}
