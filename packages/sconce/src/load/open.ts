/** Opens what core is asked to read: a path, a URL, a Response, a Blob; watched, checked, and kept on request. */
import { ArgumentError, type Content, type ReadOptions, setSourceOpener, TorchError } from '@sconce/core';
import { Digest } from './digest.ts';
import { type OpenDownload, openBlob, openResponse, openUrl, reasonOf } from './fetch.ts';
import { filesFor, openFile } from './files.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Place = Parameters<Parameters<typeof setSourceOpener>[0]>[0];

/** Progress is told this often, so that a page does not spend its time on telling it. */
const EVERY = 50;

async function openPlace(place: Place, options: ReadOptions): Promise<OpenDownload> {
  const { cache, signal } = options;
  if (typeof place === 'string') {
    const files = filesFor(place);
    if (!files) return openUrl(place, { cache, signal });
    refuseCache(cache, `the file ${place}`);
    const nothing = async (): Promise<void> => {};
    return { name: place, ...(await openFile(files, place)), keep: nothing, forget: nothing };
  }
  refuseCache(cache, 'bytes that are here already');
  if (place instanceof Uint8Array) return openBlob(new Blob([place as Bytes]));
  return place instanceof Response ? openResponse(place) : openBlob(place as Blob);
}

function refuseCache(cache: ReadOptions['cache'], what: string): void {
  if (cache)
    throw new ArgumentError(`cache: only what is read from a URL can be kept, not ${what}: load it without`);
}

/** Whether a file must be seen by anyone on its way. */
const isPlain = ({ onprogress, cache, integrity, signal }: ReadOptions): boolean =>
  !onprogress && !cache && integrity === undefined && !signal;

async function open(place: Place, options: ReadOptions): Promise<Content> {
  options.signal?.throwIfAborted();
  if (place instanceof Uint8Array && isPlain(options)) return place;
  const digest = options.integrity === undefined ? undefined : new Digest(options.integrity);
  const download = await openPlace(place, options);
  const chunks = watched(download, options, digest);
  if (!download.isWhole) return chunks;
  let bytes = new Uint8Array(0);
  for await (const chunk of chunks) bytes = chunk;
  return bytes;
}

/** The chunks as they come: counted, digested, and refused where they are not what was announced. */
async function* watched(
  { name, size, chunks, keep, forget }: OpenDownload,
  { onprogress, signal }: ReadOptions,
  digest: Digest | undefined,
): AsyncGenerator<Bytes> {
  let loaded = 0;
  let told = Number.NEGATIVE_INFINITY;
  const tell = (isLast: boolean): void => {
    const now = performance.now();
    if (!onprogress || (now - told < EVERY && !isLast)) return;
    told = now;
    onprogress({ loaded, total: isLast ? loaded : size });
  };
  const of = size === null ? '' : ` of ${size}`;
  const wrong = (why: string, cause?: unknown): TorchError =>
    new TorchError(`cannot read ${name}: ${why}; nothing was loaded`, { cause });
  let isComplete = false;
  try {
    tell(false);
    const source = chunks[Symbol.asyncIterator]();
    try {
      for (;;) {
        signal?.throwIfAborted();
        const { done, value } = await source.next().catch((error: unknown) => {
          if (signal?.aborted) throw signal.reason;
          throw wrong(
            `the download was cut after ${loaded}${of} bytes (${reasonOf(error)}); load it again`,
            error,
          );
        });
        if (done) break;
        loaded += value.length;
        digest?.update(value);
        tell(false);
        yield value;
      }
    } finally {
      await source.return?.(undefined);
    }
    if (size !== null && loaded !== size)
      throw wrong(`the download was cut after ${loaded}${of} bytes; load it again`);
    const mismatch = await digest?.mismatch();
    if (mismatch) throw wrong(`${mismatch}: it is not the file that was meant, or it was changed on its way`);
    isComplete = true;
    tell(true);
  } finally {
    await (isComplete ? keep() : forget());
  }
}

export const installSourceOpener = (): void => setSourceOpener(open);
