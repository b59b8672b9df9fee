/** DEFLATE decompression (RFC 1951) that never holds more than was really decompressed nor more than was declared. */
import { TorchError } from '../errors.ts';

const FAST_BITS = 10;

/** A canonical Huffman code: codes up to FAST_BITS by one look-up (symbol << 4 | length), longer ones bit by bit. */
interface Code {
  readonly fast: Uint16Array;
  readonly count: Uint16Array;
  readonly symbols: Uint16Array;
}

function makeCode(lengths: Uint8Array, what: string): Code {
  const count = new Uint16Array(16);
  for (const length of lengths) count[length]++;
  count[0] = 0;
  const next = new Uint16Array(16);
  const first = new Uint16Array(16);
  let code = 0;
  let index = 0;
  for (let length = 1; length < 16; length++) {
    code = (code + count[length - 1]) << 1;
    if (code + count[length] > 1 << length) throw corrupt(`the ${what} code is over-subscribed`);
    next[length] = code;
    first[length] = index;
    index += count[length];
  }
  const symbols = new Uint16Array(index);
  const fast = new Uint16Array(1 << FAST_BITS);
  lengths.forEach((length, symbol) => {
    if (length === 0) return;
    symbols[first[length]++] = symbol;
    let bits = next[length]++;
    if (length > FAST_BITS) return;
    let reversed = 0;
    for (let k = 0; k < length; k++, bits >>= 1) reversed = (reversed << 1) | (bits & 1);
    for (let k = reversed; k < fast.length; k += 1 << length) fast[k] = (symbol << 4) | length;
  });
  return { fast, count, symbols };
}

const corrupt = (why: string) => new TorchError(`the deflated data is damaged: ${why}`);

const bases = (start: number, extras: readonly number[]): number[] => {
  const out: number[] = [];
  for (const extra of extras) {
    out.push(start);
    start += 1 << extra;
  }
  return out;
};
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const LENGTH_BASE = [...bases(3, LENGTH_EXTRA.slice(0, 28)), 258];
const DISTANCE_EXTRA = Array.from({ length: 30 }, (_, i) => Math.max(0, (i >> 1) - 1));
const DISTANCE_BASE = bases(1, DISTANCE_EXTRA);
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

let fixedCodes: { literals: Code; distances: Code } | undefined;
function fixed(): { literals: Code; distances: Code } {
  if (!fixedCodes) {
    const lengths = new Uint8Array(288).fill(8, 0, 144).fill(9, 144, 256).fill(7, 256, 280).fill(8, 280);
    fixedCodes = {
      literals: makeCode(lengths, 'literal'),
      distances: makeCode(new Uint8Array(30).fill(5), 'distance'),
    };
  }
  return fixedCodes;
}

/** Decompresses `input`, which must give exactly `size` bytes. Throws a TorchError that says what is damaged. */
export function inflate(input: Uint8Array, size: number): Uint8Array {
  // 258 bytes for two bits is the densest that DEFLATE gets, so a larger claim is a lie before any work is done.
  if (size > input.length * 1032 + 8)
    throw corrupt(`${input.length} bytes can never inflate to the declared ${size}`);
  let out = new Uint8Array(Math.min(size, Math.max(1024, input.length * 4)));
  let n = 0;
  let position = 0;
  let hold = 0;
  let held = 0;

  const room = (more: number): void => {
    if (n + more > size) throw corrupt(`it inflates to more than the declared ${size} bytes`);
    if (n + more <= out.length) return;
    const larger = new Uint8Array(Math.min(size, Math.max(out.length * 2, n + more)));
    larger.set(out.subarray(0, n));
    out = larger;
  };
  const bits = (count: number): number => {
    while (held < count) {
      if (position >= input.length) throw corrupt('it ends too early');
      hold |= input[position++] << held;
      held += 8;
    }
    const value = hold & ((1 << count) - 1);
    hold >>>= count;
    held -= count;
    return value;
  };
  const symbol = (code: Code): number => {
    while (held < 15 && position < input.length) {
      hold |= input[position++] << held;
      held += 8;
    }
    const entry = code.fast[hold & ((1 << FAST_BITS) - 1)];
    let length = entry & 15;
    let found = entry >> 4;
    if (length === 0) {
      // Canonical codes of one length are consecutive: walk the lengths until the bits fall into one's range.
      let value = 0;
      let first = 0;
      let index = 0;
      for (length = 1; ; length++) {
        if (length > 15) throw corrupt('a code stands for no symbol');
        value |= (hold >>> (length - 1)) & 1;
        const count = code.count[length];
        if (value - count < first) {
          found = code.symbols[index + (value - first)];
          break;
        }
        index += count;
        first = (first + count) << 1;
        value <<= 1;
      }
    }
    if (length > held) throw corrupt('it ends too early');
    hold >>>= length;
    held -= length;
    return found;
  };
  const readCodes = (): { literals: Code; distances: Code } => {
    const literalCount = bits(5) + 257;
    const distanceCount = bits(5) + 1;
    const codeLengths = new Uint8Array(19);
    for (let i = 0, count = bits(4) + 4; i < count; i++) codeLengths[CODE_LENGTH_ORDER[i]] = bits(3);
    const code = makeCode(codeLengths, 'code length');
    const lengths = new Uint8Array(literalCount + distanceCount);
    for (let i = 0; i < lengths.length; ) {
      const s = symbol(code);
      if (s < 16) {
        lengths[i++] = s;
        continue;
      }
      if (s === 16 && i === 0) throw corrupt('it repeats a length that was never given');
      const value = s === 16 ? lengths[i - 1] : 0;
      const count = s === 16 ? 3 + bits(2) : s === 17 ? 3 + bits(3) : 11 + bits(7);
      if (i + count > lengths.length) throw corrupt('a repeated length runs past the last code');
      lengths.fill(value, i, (i += count));
    }
    return {
      literals: makeCode(lengths.subarray(0, literalCount), 'literal'),
      distances: makeCode(lengths.subarray(literalCount), 'distance'),
    };
  };

  for (let last = 0; !last; ) {
    last = bits(1);
    const kind = bits(2);
    if (kind === 3) throw corrupt('it has a block of unknown kind');
    if (kind === 0) {
      position -= held >> 3;
      hold = held = 0;
      if (position + 4 > input.length) throw corrupt('it ends too early');
      const length = input[position] | (input[position + 1] << 8);
      if (length !== (~(input[position + 2] | (input[position + 3] << 8)) & 0xffff))
        throw corrupt("a stored block's length does not match its complement");
      position += 4;
      if (position + length > input.length) throw corrupt('it ends too early');
      room(length);
      out.set(input.subarray(position, position + length), n);
      n += length;
      position += length;
      continue;
    }
    const { literals, distances } = kind === 1 ? fixed() : readCodes();
    for (;;) {
      const s = symbol(literals);
      if (s < 256) {
        if (n >= out.length) room(1);
        out[n++] = s;
        continue;
      }
      if (s === 256) break;
      if (s > 285) throw corrupt('a length symbol is out of range');
      const length = LENGTH_BASE[s - 257] + bits(LENGTH_EXTRA[s - 257]);
      const d = symbol(distances);
      if (d > 29) throw corrupt('a distance symbol is out of range');
      const distance = DISTANCE_BASE[d] + bits(DISTANCE_EXTRA[d]);
      if (distance > n) throw corrupt('a distance reaches before the first byte');
      room(length);
      if (distance === 1) out.fill(out[n - 1], n, n + length);
      else for (let k = n, end = n + length; k < end; k++) out[k] = out[k - distance];
      n += length;
    }
  }
  if (n !== size) throw corrupt(`it inflates to ${n} bytes, not the declared ${size}`);
  return out;
}
