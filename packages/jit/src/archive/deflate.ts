/** Deflate for the records that PyTorch compresses, where the platform has it; else they are stored, as every reader allows. */
import type { ZipRecord } from '@sconce/core';

/** Shorter ones are stored, as PyTorch does it. */
const LONGEST_STORED = 200;

export async function deflated(record: ZipRecord): Promise<ZipRecord> {
  if (record.data.length <= LONGEST_STORED || typeof CompressionStream === 'undefined') return record;
  const stream = new Blob([record.data as Uint8Array<ArrayBuffer>]).stream();
  const packed = new Response(stream.pipeThrough(new CompressionStream('deflate-raw')));
  return { ...record, packed: new Uint8Array(await packed.arrayBuffer()) };
}
