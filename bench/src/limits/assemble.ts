/** A few bytes of WebAssembly: just enough for loops whose speed is the machine's. */

const unsigned = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...unsigned(n >>> 7)]);
const signed = (n: number): number[] =>
  n >= -64 && n < 64 ? [n & 127] : [(n & 127) | 128, ...signed(n >> 7)];
const simd = (code: number): number[] => [0xfd, ...unsigned(code)];

export const I32 = 0x7f;
export const F32 = 0x7d;
export const V128 = 0x7b;

/** Instructions, by WebAssembly's names. */
export const code = {
  get: (local: number) => [0x20, ...unsigned(local)],
  set: (local: number) => [0x21, ...unsigned(local)],
  tee: (local: number) => [0x22, ...unsigned(local)],
  i32: (n: number) => [0x41, ...signed(n)],
  add: [0x6a],
  sub: [0x6b],
  lessThan: [0x49],
  loop: [0x03, 0x40],
  branchIf: [0x0d, 0],
  end: [0x0b],
  load: (offset: number) => [...simd(0), 4, ...unsigned(offset)],
  store: (offset: number) => [...simd(0x0b), 4, ...unsigned(offset)],
  constant: (x: number) => [...simd(0x0c), ...new Uint8Array(new Float32Array([x, x, x, x]).buffer)],
  vectorAdd: simd(0xe4),
  vectorMul: simd(0xe6),
  relaxedMadd: simd(0x105),
  lane: simd(0x1f).concat(0),
} as const;

export interface Loop {
  readonly params: readonly number[];
  readonly results: readonly number[];
  readonly locals: readonly number[];
  readonly body: readonly number[];
}

/** A module of one function `f` over an imported memory of `pages`. */
export function moduleOf({ params, results, locals, body }: Loop, pages: number): Uint8Array<ArrayBuffer> {
  const section = (id: number, bytes: readonly number[]) => [id, ...unsigned(bytes.length), ...bytes];
  const text = (s: string) => [s.length, ...new TextEncoder().encode(s)];
  const declared = [...unsigned(locals.length), ...locals.flatMap((type) => [1, type])];
  const func = [...declared, ...body, 0x0b];
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, params.length, ...params, results.length, ...results]),
    ...section(2, [1, ...text('m'), ...text('m'), 2, 0, ...unsigned(pages)]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text('f'), 0, 0]),
    ...section(10, [1, ...unsigned(func.length), ...func]),
  ]);
}
