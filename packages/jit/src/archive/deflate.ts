/** Deflate for the records that PyTorch compresses, where the platform has it; else they are stored, as every reader allows. */
import type { ZipRecord } from '@sconce/core';

/** Shorter ones are stored, as PyTorch does it. */
const LONGEST_STORED = 200;

/** What browsers, Node, Deno and Bun have alike. Asked for when a record is deflated: Node loads its fetch with `Response`. */
interface Platform {
  readonly Blob?: new (
    parts: readonly Uint8Array[],
  ) => { stream(): { pipeThrough(through: unknown): unknown } };
  readonly CompressionStream?: new (format: string) => unknown;
  readonly Response?: new (body: unknown) => { arrayBuffer(): Promise<ArrayBuffer> };
}

export async function deflated(record: ZipRecord): Promise<ZipRecord> {
  if (record.data.length <= LONGEST_STORED) return record;
  const { Blob, CompressionStream, Response } = globalThis as unknown as Platform;
  if (!Blob || !Response || !CompressionStream) return record;
  const stream = new Blob([record.data]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  return { ...record, packed: new Uint8Array(await new Response(stream).arrayBuffer()) };
}
