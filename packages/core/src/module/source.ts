/** Where files come from: bytes in any of the shapes that the platform hands them over in. */
import { ArgumentError } from '../errors.ts';

interface BytesHolder {
  arrayBuffer(): Promise<ArrayBuffer>;
}

interface UrlLike {
  readonly href: string;
}

/** A path or URL, bytes, or a Response or Blob. */
export type Source = string | UrlLike | Uint8Array | ArrayBuffer | BytesHolder;

const isUrl = (source: unknown): source is UrlLike =>
  typeof source === 'object' && source !== null && 'href' in source && 'searchParams' in source;

let readPath: ((path: string) => Promise<Uint8Array>) | undefined;

/** Core knows no files and no network: the package that does says how a path or URL is read. */
export function setPathReader(reader: (path: string) => Promise<Uint8Array>): void {
  readPath = reader;
}

/** The bytes of a source, or undefined where the value is none (a state dict, a plain object). */
export function readSource(source: unknown): Promise<Uint8Array> | undefined {
  if (source instanceof Uint8Array) return Promise.resolve(source);
  if (source instanceof ArrayBuffer) return Promise.resolve(new Uint8Array(source));
  if (typeof source === 'string' || isUrl(source)) {
    if (!readPath)
      return Promise.reject(
        new ArgumentError(
          `cannot read '${typeof source === 'string' ? source : source.href}': core takes bytes; import 'sconce', or pass bytes`,
        ),
      );
    return readPath(typeof source === 'string' ? source : source.href);
  }
  if (typeof source === 'object' && source !== null && 'arrayBuffer' in source) {
    const holder = source as BytesHolder & { ok?: boolean; status?: number; url?: string };
    if (holder.ok === false)
      return Promise.reject(
        new ArgumentError(
          `cannot read ${holder.url ?? 'the response'}: the server answered ${holder.status}`,
        ),
      );
    return holder.arrayBuffer().then((b) => new Uint8Array(b));
  }
  return undefined;
}
