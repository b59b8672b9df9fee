/** The records of a TorchScript archive: its version, code, constants, data and extra files, out of a zip. */
import {
  type DType,
  decodeUtf8,
  isZip,
  NotSupportedError,
  readZip,
  type Tensor,
  TorchError,
  type ZipArchive,
} from '@sconce/core';
import { defaultLimits, type Limits } from '../limits.ts';

const supported = { lowest: 1, highest: 10 };

export class Archive {
  private zip: ZipArchive;
  private readonly root: string;
  readonly version: number;

  constructor(
    file: Uint8Array | ZipArchive,
    /** What the archive may ask for. */
    readonly limits: Limits = defaultLimits,
  ) {
    this.zip = file instanceof Uint8Array ? Archive.open(file) : file;
    const first = this.zip.names[0] ?? '';
    const slash = first.indexOf('/');
    if (slash < 0)
      throw new TorchError(
        'PytorchStreamReader failed reading zip archive: the archive has no folder, so PyTorch did not write it',
      );
    this.root = first.slice(0, slash + 1);
    const total = this.zip.names.reduce((sum, name) => sum + this.zip.size(name), 0);
    if (total > limits.archive_bytes)
      throw new TorchError(
        `the archive's records are ${total} bytes; the limit \`archive_bytes\` is ${limits.archive_bytes}`,
      );
    if (!this.has('constants.pkl') && !this.isLite) throw new TorchError(this.stranger());
    this.version = this.readVersion();
  }

  private static open(bytes: Uint8Array): ZipArchive {
    if (bytes.length >= 8 && String.fromCharCode(...bytes.subarray(4, 8)) === 'PTMF')
      throw new NotSupportedError(
        'this is a flatbuffer module for the mobile interpreter: save it with torch.jit.save instead',
      );
    if (!isZip(bytes) && bytes.length > 2 && bytes[0] === 0x80 && bytes[1] === 2)
      throw new TorchError(
        '`torch.jit.load` was given a file that torch.save wrote in its old format: it holds no TorchScript; read it with torch.load',
      );
    return readZip(bytes);
  }

  /** Whether it is for the mobile interpreter alone: bytecode, and no source. */
  get isLite(): boolean {
    return this.has('bytecode.pkl') && this.under('code/').length === 0;
  }

  has(record: string): boolean {
    return this.zip.has(this.root + record);
  }

  read(record: string): Uint8Array {
    const name = this.root + record;
    const size = this.zip.has(name) ? this.zip.size(name) : 0;
    if (size > this.limits.record_bytes)
      throw new TorchError(
        `the record ${record} is ${size} bytes; the limit \`record_bytes\` is ${this.limits.record_bytes}`,
      );
    return this.zip.read(name);
  }

  /** The elements of a record that went to the backend while the archive came in. */
  uploaded(record: string, dtype: DType, length: number): Tensor | undefined {
    return this.zip.uploaded?.(this.root + record, dtype, length);
  }

  text(record: string): string {
    return decodeUtf8(this.read(record));
  }

  /** Lets go of the file: what may be read from now on is the program's text, which is compiled as it is needed. */
  keepCode(): void {
    const folder = `${this.root}code/`;
    const kept = new Map<string, Uint8Array>();
    // Copied: a Buffer's `slice` would be a window on the whole file.
    for (const name of this.zip.names)
      if (name.startsWith(folder)) kept.set(name, new Uint8Array(this.zip.read(name)));
    const read = (name: string): Uint8Array => {
      const bytes = kept.get(name);
      if (!bytes) throw new TorchError(`${name} is not kept of the archive`);
      return bytes;
    };
    this.zip = {
      names: [...kept.keys()],
      has: (name) => kept.has(name),
      size: (name) => read(name).length,
      read,
    };
  }

  /** Names of the records below a folder, without it. */
  under(folder: string): string[] {
    const prefix = this.root + folder;
    return this.zip.names
      .filter((name) => name.startsWith(prefix) && name.length > prefix.length)
      .map((name) => name.slice(prefix.length));
  }

  private readVersion(): number {
    const record = this.has('.data/version') ? '.data/version' : 'version';
    // As C++'s stoull: leading blanks and whatever follows the digits do not matter.
    const digits = /^\s*(\d{1,9})/.exec(this.text(record));
    if (!digits) throw new TorchError(`the archive's ${record} holds no number`);
    const version = Number(digits[1]);
    if (version < supported.lowest || version > supported.highest)
      throw new NotSupportedError(
        `Attempted to read a PyTorch file with version ${version}, but the ${version < supported.lowest ? 'minimum' : 'maximum'} supported version for reading is ${version < supported.lowest ? supported.lowest : supported.highest}.`,
      );
    return version;
  }

  private stranger(): string {
    const { names } = this.zip;
    if (names.some((name) => name.includes('/.data/ts_code/') || name.endsWith('/.data/extern_modules')))
      return 'this is a torch.package archive, not one of torch.jit.save';
    if (this.has('model.json'))
      return 'this archive is from before PyTorch 1.3 (model.json): save it again with a newer PyTorch';
    if (this.has('data.pkl'))
      return 'PytorchStreamReader failed locating file constants.pkl: file not found. This is a checkpoint of torch.save: read it with torch.load';
    return 'PytorchStreamReader failed locating file constants.pkl: file not found';
  }
}
