/** An archive's debug records, written: which place of the author's source each part of a printed file came from. */
import { PickleWriter } from '@sconce/core';
import type { Range, Source } from '../frontend/source.ts';
import type { Mark } from '../print/tagged.ts';

const SHORT_TUPLES = ['\x85', '\x86', '\x87'];

interface WrittenSource {
  readonly index: number;
  /** Where each of its lines is among the texts. */
  readonly lines: readonly number[];
  readonly filename: number;
}

/** `code/….py.debug_pkl`: `('FORMAT_WITH_STRING_TABLE', texts, ((offset, ((lines, filename, first line), start, end), tag), …))`. */
export function debugRecords(marks: readonly Mark[]): Uint8Array {
  const writer = new PickleWriter({ dialect: 'torchscript' });
  const texts = new Map<string, number>([['', 0]]);
  const indexOf = (text: string): number => {
    let index = texts.get(text);
    if (index === undefined) texts.set(text, (index = texts.size));
    return index;
  };
  const sources = new Map<Source, WrittenSource>();
  for (const { range } of marks) {
    if (!range || sources.has(range.source)) continue;
    const { text, filename } = range.source;
    sources.set(range.source, {
      index: sources.size,
      lines: (text.match(/[^\n]*\n|[^\n]+$/g) ?? []).map(indexOf),
      filename: indexOf(filename),
    });
  }
  const tags = new Map<string, number>();

  writer.string('FORMAT_WITH_STRING_TABLE');
  writer.opcode('(');
  for (const text of texts.keys()) writer.string(text);
  writer.opcode('t');
  writer.opcode('(');
  for (const { at, range } of marks) {
    writer.int(at);
    const source = range && sources.get(range.source);
    writeRange(writer, range, source);
    writer.int(range ? tagOf(range, source!.index, tags) : -1);
    writer.opcode(SHORT_TUPLES[2]);
  }
  writer.opcode('t');
  writer.opcode(SHORT_TUPLES[2]);
  return writer.finish();
}

/** A running number for each range that differs. */
function tagOf(range: Range, source: number, tags: Map<string, number>): number {
  const key = `${source} ${range.start} ${range.end}`;
  let tag = tags.get(key);
  if (tag === undefined) tags.set(key, (tag = tags.size));
  return tag;
}

function writeRange(
  writer: PickleWriter,
  range: Range | undefined,
  written: WrittenSource | undefined,
): void {
  if (!writer.recall(range?.source ?? writer)) {
    writer.global('torch.jit._pickle', 'build_intlist');
    writer.opcode('(');
    writer.opcode(']');
    writer.opcode('(');
    for (const line of written?.lines ?? []) writer.int(line);
    writer.opcode('e');
    writer.opcode('t');
    writer.opcode('R');
    writer.int(written?.filename ?? 0);
    writer.int(range?.source.filename ? range.source.firstLine + 1 : 0);
    writer.opcode(SHORT_TUPLES[2]);
    writer.memoize(range?.source ?? writer);
  }
  writer.int(range?.start ?? 0);
  writer.int(range?.end ?? 0);
  writer.opcode(SHORT_TUPLES[2]);
}
