/** Archives changed at random, by a seed: bytes anywhere, zip headers, whole records, opcodes of pickles, text of the code. */
import { readZip, writeZip } from '@sconce/core';

/** Numbers from a seed, so that a failure is told by one number. */
export function random(seed: number): (below: number) => number {
  let state = (seed + 1) * 2654435761;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x85ebca6b) + 0x9e3779b9) | 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

type Pick = ReturnType<typeof random>;
type Records = Map<string, Uint8Array>;

const interesting = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

/** Every opcode that PyTorch's own reader knows, and some that it does not. */
const opcodes = [...'\x80\x81\x85\x86\x87\x88\x89\x8a]})(.0GIJKLMNQRSUVXabcdegiehjlopqrstu2'].map((c) =>
  c.charCodeAt(0),
);

const byteOf = (pick: Pick): number => (pick(2) ? interesting[pick(interesting.length)] : pick(256));

function scribble(bytes: Uint8Array, pick: Pick, from = 0, to = bytes.length): Uint8Array {
  const out = bytes.slice();
  for (let n = 1 + pick(8); n > 0 && to > from; n--) out[from + pick(to - from)] = byteOf(pick);
  return out;
}

/** A part left out, doubled, or put elsewhere. */
function splice(bytes: Uint8Array, pick: Pick): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(byteOf(pick));
  const start = pick(bytes.length);
  const end = Math.min(bytes.length, start + 1 + pick(24));
  const part = bytes.subarray(start, end);
  const rest = pick(2) ? bytes : Uint8Array.from([...bytes.subarray(0, start), ...bytes.subarray(end)]);
  if (pick(3) === 0) return rest.slice();
  const at = pick(rest.length + 1);
  return Uint8Array.from([...rest.subarray(0, at), ...part, ...rest.subarray(at)]);
}

function withOpcodes(bytes: Uint8Array, pick: Pick): Uint8Array {
  let out = bytes.slice();
  for (let n = 1 + pick(4); n > 0; n--) {
    const at = pick(Math.max(1, out.length));
    const opcode = opcodes[pick(opcodes.length)];
    if (pick(2)) out[at] = opcode;
    else {
      // Its operand is what follows, or something large.
      const operand = pick(2) ? [] : [byteOf(pick), byteOf(pick), byteOf(pick), byteOf(pick)];
      out = Uint8Array.from([...out.subarray(0, at), opcode, ...operand, ...out.subarray(at)]);
    }
  }
  return out;
}

/** The places of the zip's own records: local headers, the central directory, the end. */
function headersOf(bytes: Uint8Array): number[] {
  const found: number[] = [];
  for (let i = 0; i + 4 <= bytes.length; i++)
    if (bytes[i] === 0x50 && bytes[i + 1] === 0x4b && bytes[i + 2] <= 8 && bytes[i + 3] <= 8) found.push(i);
  return found;
}

const isPickle = (name: string): boolean => name.endsWith('.pkl');
const isCode = (name: string): boolean => name.endsWith('.py');

/** Records by name, put together again with right sums. */
function changed(records: Records, pick: Pick): Uint8Array {
  const names = [...records.keys()];
  const one = (fits: (name: string) => boolean = () => true): string => {
    const all = names.filter(fits);
    return all.length > 0 ? all[pick(all.length)] : names[pick(names.length)];
  };
  const edit = (name: string, change: (bytes: Uint8Array) => Uint8Array): void => {
    const bytes = records.get(name);
    if (bytes) records.set(name, change(bytes));
  };
  const kinds: (() => void)[] = [
    () => records.delete(one()),
    () => {
      const [a, b] = [one(), one()];
      edit(a, () => records.get(b)?.slice() ?? new Uint8Array(0));
    },
    () => edit(one(), (bytes) => bytes.slice(0, pick(bytes.length + 1))),
    () => edit(one(), (bytes) => Uint8Array.from([...bytes, ...bytes.subarray(0, pick(bytes.length + 1))])),
    () => edit(one(), (bytes) => scribble(bytes, pick)),
    () => edit(one(isPickle), (bytes) => withOpcodes(bytes, pick)),
    () => edit(one(isPickle), (bytes) => splice(bytes, pick)),
    () => edit(one(isPickle), (bytes) => scribble(bytes, pick)),
    () => edit(one(isCode), (bytes) => splice(bytes, pick)),
    () => edit(one(isCode), (bytes) => scribble(bytes, pick)),
  ];
  for (let n = 1 + pick(2); n > 0; n--) kinds[pick(kinds.length)]();
  return writeZip([...records].map(([name, data]) => ({ name, data })));
}

/** The archive, changed as the seed says. */
export function mutated(archive: Uint8Array, seed: number): Uint8Array {
  const pick = random(seed);
  switch (pick(6)) {
    case 0:
      return scribble(archive, pick);
    case 1:
      return archive.slice(0, pick(archive.length));
    case 2: {
      const headers = headersOf(archive);
      const at = headers[pick(headers.length)];
      return scribble(archive, pick, at, Math.min(archive.length, at + 46));
    }
    default: {
      const zip = readZip(archive);
      return changed(new Map(zip.names.map((name) => [name, zip.read(name)])), pick);
    }
  }
}
