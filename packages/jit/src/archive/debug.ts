/** An archive's debug records: from a place in serialized code to the place in the author's file that it came from. */
import { PickleGlobal, PickleTuple, unpickle } from '@sconce/core';
import { Source } from '../frontend/source.ts';
import type { Archive } from './archive.ts';

type Place = { readonly source: Source; readonly offset: number; readonly end: number };

/** Looks places up in `code/….py.debug_pkl`, which is read when the first is asked for; damaged records count as none. */
export function originalPlaces(
  archive: Archive,
  record: string,
): ((offset: number) => Place | undefined) | undefined {
  const name = `${record}.debug_pkl`;
  if (!archive.has(name)) return undefined;
  let find: ((offset: number) => Place | undefined) | undefined;
  return (offset) => {
    try {
      find ??= places(archive.read(name));
    } catch {
      find = () => undefined;
    }
    return find(offset);
  };
}

const list = new PickleGlobal('torch.jit._pickle', 'build_intlist', {
  call: (args) => (args instanceof PickleTuple ? args[0] : undefined),
});

function places(bytes: Uint8Array): (offset: number) => Place | undefined {
  const { value } = unpickle(bytes, { global: (_, leaf) => (leaf === 'build_intlist' ? list : undefined) });
  if (!Array.isArray(value)) return () => undefined;
  const isTable = value[0] === 'FORMAT_WITH_STRING_TABLE';
  const texts = (isTable ? value[1] : []) as readonly string[];
  const records = (isTable ? value[2] : value) as readonly (readonly unknown[])[];
  const sources = new Map<unknown, Source>();
  const sourceOf = (from: readonly unknown[]): Source => {
    const key = from[0];
    let source = sources.get(key);
    if (!source) {
      const [text, file, firstLine] = from;
      const whole = Array.isArray(text) ? text.map((i) => texts[i] ?? '').join('') : String(text);
      const filename = typeof file === 'number' ? (texts[file] ?? '') : String(file ?? '');
      sources.set(
        key,
        (source = new Source(whole, filename, undefined, Math.max(0, (Number(firstLine) || 1) - 1))),
      );
    }
    return source;
  };
  const offsets = records.map((record) => Number(record[0]));
  return (offset) => {
    let low = 0;
    let high = offsets.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (offsets[middle] <= offset) low = middle + 1;
      else high = middle;
    }
    const range = records[low - 1]?.[1];
    if (!Array.isArray(range) || !Array.isArray(range[0])) return undefined;
    const source = sourceOf(range[0]);
    return { source, offset: Number(range[1]), end: Number(range[2]) };
  };
}
