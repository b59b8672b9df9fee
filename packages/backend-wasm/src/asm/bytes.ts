/** A growing buffer of bytes: what the assembler writes into. */
const scratch = new DataView(new ArrayBuffer(8));

export class Bytes {
  data: Uint8Array;
  length = 0;

  constructor(capacity = 256) {
    this.data = new Uint8Array(capacity);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.data.length) return;
    const grown = new Uint8Array(Math.max(this.data.length * 2, this.length + more));
    grown.set(this.data.subarray(0, this.length));
    this.data = grown;
  }

  byte(b: number): void {
    if (this.length === this.data.length) this.reserve(1);
    this.data[this.length++] = b;
  }

  append(other: Bytes): void {
    this.reserve(other.length);
    this.data.set(other.data.subarray(0, other.length), this.length);
    this.length += other.length;
  }

  /** LEB128, unsigned. */
  u(n: number): void {
    while (n > 0x7f) {
      this.byte((n & 0x7f) | 0x80);
      n >>>= 7;
    }
    this.byte(n);
  }

  /** LEB128, signed 32 bits. */
  s(n: number): void {
    n |= 0;
    for (;;) {
      const b = n & 0x7f;
      n >>= 7;
      const isLast = (n === 0 && !(b & 0x40)) || (n === -1 && !!(b & 0x40));
      this.byte(isLast ? b : b | 0x80);
      if (isLast) return;
    }
  }

  /** LEB128, signed 64 bits. */
  s64(n: bigint): void {
    n = BigInt.asIntN(64, n);
    for (;;) {
      const b = Number(n & 0x7fn);
      n >>= 7n;
      const isLast = (n === 0n && !(b & 0x40)) || (n === -1n && !!(b & 0x40));
      this.byte(isLast ? b : b | 0x80);
      if (isLast) return;
    }
  }

  i32(n: number): void {
    scratch.setInt32(0, n, true);
    for (let i = 0; i < 4; i++) this.byte(scratch.getUint8(i));
  }

  i64(n: bigint): void {
    scratch.setBigInt64(0, n, true);
    for (let i = 0; i < 8; i++) this.byte(scratch.getUint8(i));
  }

  f32(x: number): void {
    scratch.setFloat32(0, x, true);
    for (let i = 0; i < 4; i++) this.byte(scratch.getUint8(i));
  }

  f64(x: number): void {
    scratch.setFloat64(0, x, true);
    for (let i = 0; i < 8; i++) this.byte(scratch.getUint8(i));
  }

  text(t: string): void {
    this.u(t.length);
    for (let i = 0; i < t.length; i++) this.byte(t.charCodeAt(i));
  }
}
