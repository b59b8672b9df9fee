/** Where files come from: bytes in any of the shapes that the platform hands them over in. */
import type { Backend } from '../backend/backend.ts';
import { ArgumentError } from '../errors.ts';
import { type Received, type ReceivedArchive, receive } from '../serialization/receive.ts';

interface BytesHolder {
  arrayBuffer(): Promise<ArrayBuffer>;
}

interface UrlLike {
  readonly href: string;
}

/** A path or URL, bytes, or a Response or Blob. */
export type Source = string | UrlLike | Uint8Array | ArrayBuffer | BytesHolder;

/** How far a file has come. `total` is null where nobody said how long it is. */
export interface Progress {
  readonly loaded: number;
  readonly total: number | null;
}

/** What an AbortSignal has; core knows no platform. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
}

/** How a file is read, beside what is then done with it. */
export interface ReadOptions {
  /** Called as the file comes in, a few times a second, and at its end. */
  readonly onprogress?: (progress: Progress) => void;
  /** Keeps a URL's file in the browser's Cache API, under this name or `sconce`, and takes it from there the next time. */
  readonly cache?: boolean | string;
  /** The file's digest as in `<script integrity>`: `sha256-…`, `sha384-…` or `sha512-…`; another file is refused. */
  readonly integrity?: string;
  /** Stops the reading. */
  readonly signal?: AbortSignalLike;
}

/** A file's bytes, at once or as they come. */
export type Content = Uint8Array | AsyncIterable<Uint8Array>;

type Opener = (source: string | BytesHolder | Uint8Array, options: ReadOptions) => Promise<Content>;

const isUrl = (source: unknown): source is UrlLike =>
  typeof source === 'object' && source !== null && 'href' in source && 'searchParams' in source;

let opener: Opener | undefined;

/** Core knows no files and no network: the package that does says how a path, a URL, a Response or a Blob is opened. */
export function setSourceOpener(open: Opener): void {
  opener = open;
}

/** The content of a source, or undefined where the value is none (a state dict, a plain object). */
export function openSource(source: unknown, options: ReadOptions = {}): Promise<Content> | undefined {
  const place = isUrl(source) ? source.href : source;
  const isHolder =
    typeof place === 'object' &&
    place !== null &&
    typeof (place as Partial<BytesHolder>).arrayBuffer === 'function';
  if (typeof place === 'string' || isHolder) {
    if (opener) return opener(place as string | BytesHolder, options);
    if (isHolder) return (place as BytesHolder).arrayBuffer().then((b) => new Uint8Array(b));
    return Promise.reject(
      new ArgumentError(`cannot read '${place}': core takes bytes; import 'sconce', or pass bytes`),
    );
  }
  const bytes =
    place instanceof Uint8Array ? place : place instanceof ArrayBuffer ? new Uint8Array(place) : undefined;
  if (!bytes) return undefined;
  return opener ? opener(bytes, options) : Promise.resolve(bytes);
}

/** Whether what was received must be told when it is done with. */
const isArchive = (file: Received): file is ReceivedArchive =>
  !(file instanceof Uint8Array || file instanceof Map);

/**
 * Opens a source and gives it to `use`, with its large tensors on the backend already where it came as a stream.
 * Undefined where the value is no source. What `use` does not take is freed.
 */
export function withSource<T>(
  source: unknown,
  options: ReadOptions & { readonly backend: Backend; readonly safetensors?: boolean },
  use: (file: Received) => T | Promise<T>,
): Promise<T> | undefined {
  const content = openSource(source, options);
  return content?.then(async (opened) => {
    const file = opened instanceof Uint8Array ? opened : await receive(opened, options);
    try {
      return await use(file);
    } finally {
      if (isArchive(file)) file.release();
    }
  });
}
