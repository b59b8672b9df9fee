/** Files of the network: fetched, or out of the browser's cache, chunk by chunk, and kept there on request. */
import { type AbortSignalLike, ArgumentError, TorchError } from '@sconce/core';

export interface OpenDownload {
  /** What messages call it. */
  readonly name: string;
  /** How many bytes are announced; null where nobody said, or said it of a compressed transfer. */
  readonly size: number | null;
  readonly chunks: AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** Whether it all comes in one chunk. */
  readonly isWhole?: boolean;
  /** Called when all has come and is right: keeps it, if it was to be kept. */
  readonly keep: () => Promise<void>;
  /** Called when anything was wrong: whatever was kept is forgotten. */
  readonly forget: () => Promise<void>;
}

const nothing = async (): Promise<void> => {};

const CACHE = 'sconce';

async function openCache(cache: boolean | string): Promise<Cache> {
  const storage = (globalThis as { caches?: CacheStorage }).caches;
  if (!storage)
    throw new TorchError(
      'cache: there is no Cache API here (browsers have it on https and localhost only; Node has none): load without { cache }',
    );
  return storage.open(typeof cache === 'string' ? cache : CACHE);
}

/** Fetches a URL, or finds it in the cache. Throws where the server refuses or cannot be reached. */
export async function openUrl(
  url: string,
  { cache, signal }: { cache?: boolean | string; signal?: AbortSignalLike },
): Promise<OpenDownload> {
  const kept = cache ? await openCache(cache) : undefined;
  const found = await kept?.match(url);
  if (found?.body) return { ...openResponse(found, url), forget: async () => void (await kept!.delete(url)) };
  // Ends the download where it is of no use any more, the cache's copy of it too.
  const stop = new AbortController();
  (signal as AbortSignal | undefined)?.addEventListener('abort', () => stop.abort(signal!.reason), {
    once: true,
    signal: stop.signal,
  });
  const response = await fetch(url, { signal: stop.signal }).catch((error: unknown) => {
    if (signal?.aborted) throw signal.reason;
    throw new TorchError(
      `cannot read ${url}: ${reasonOf(error)} (is the server up, and does it allow other origins?)`,
      { cause: error },
    );
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new TorchError(
      `cannot read ${url}: the server answered ${response.status}${response.statusText && ` ${response.statusText}`}`,
    );
  }
  const forget = async (): Promise<void> => stop.abort();
  if (!kept || !response.body) return { ...openResponse(response, url), forget };
  // The cache reads its own copy of the stream, so the file is never whole in memory for its sake.
  const [mine, copy] = response.body.tee();
  const stored = kept
    .put(url, new Response(copy, { headers: response.headers }))
    .then(() => undefined)
    .catch((error: unknown) => error);
  return {
    ...openResponse(new Response(mine, { headers: response.headers }), url),
    keep: async () => {
      const error = await stored;
      // The file is here and right: whoever waits for it shall have it.
      if (error !== undefined)
        console.warn(
          `cache: ${url} was read, but cannot be kept: ${reasonOf(error)} (is the disk, or this site's share of it, full?)`,
        );
    },
    forget: async () => {
      stop.abort();
      await stored;
      await kept.delete(url);
    },
  };
}

/** A response that someone else fetched. Throws where it is a refusal, or was read before. */
export function openResponse(response: Response, name = response.url || 'the response'): OpenDownload {
  if (!response.ok && response.status !== 0)
    throw new ArgumentError(`cannot read ${name}: the server answered ${response.status}`);
  if (response.bodyUsed) throw new ArgumentError(`cannot read ${name}: its body was read before`);
  const length = response.headers.get('content-length');
  const isCompressed = !['', 'identity', null].includes(response.headers.get('content-encoding'));
  return {
    name,
    size: length === null || isCompressed ? null : Number(length),
    chunks: response.body ? chunksOf(response.body) : whole(response),
    keep: nothing,
    forget: nothing,
  };
}

/** A Blob, a File, or whatever else hands out bytes. */
export function openBlob(blob: {
  arrayBuffer(): Promise<ArrayBuffer>;
  stream?(): ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly size?: number;
  readonly name?: string;
}): OpenDownload {
  return {
    name: blob.name ?? 'the blob',
    size: blob.size ?? null,
    chunks: blob.stream ? chunksOf(blob.stream()) : whole(blob),
    keep: nothing,
    forget: nothing,
  };
}

async function* whole(holder: {
  arrayBuffer(): Promise<ArrayBuffer>;
}): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield new Uint8Array(await holder.arrayBuffer());
}

/** Not every browser's streams can be iterated. Leaving early cancels the download. */
async function* chunksOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader();
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        ended = true;
        return;
      }
      yield value;
    }
  } finally {
    if (!ended) await reader.cancel().catch(() => {});
  }
}

export const reasonOf = (error: unknown): string => {
  const { message, cause } = error as { message?: string; cause?: { message?: string } };
  return [message ?? String(error), cause?.message].filter(Boolean).join(': ');
};
