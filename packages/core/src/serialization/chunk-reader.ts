/** Bytes that come in chunks of any size, read in pieces of the size that is needed. */

export class ChunkReader {
  /** What has come and was not skipped. */
  buffer: Uint8Array = new Uint8Array(0);
  /** How many bytes were skipped: where `buffer` begins. */
  position = 0;
  readonly #chunks: AsyncIterator<Uint8Array>;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Waits for another chunk; false at the end. */
  async more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (done) return false;
    if (this.buffer.length === 0) this.buffer = value;
    else if (value.length > 0) {
      const both = new Uint8Array(this.buffer.length + value.length);
      both.set(this.buffer);
      both.set(value, this.buffer.length);
      this.buffer = both;
    }
    return true;
  }

  /** Waits until the buffer has `length` bytes; false where fewer are left. */
  async ensure(length: number): Promise<boolean> {
    while (this.buffer.length < length) if (!(await this.more())) return false;
    return true;
  }

  /** Lets the first bytes of the buffer go. */
  skip(length: number): void {
    this.buffer = this.buffer.subarray(length);
    this.position += length;
  }

  /** The next `length` bytes in an array of their own; undefined where fewer are left. */
  async take(length: number): Promise<Uint8Array | undefined> {
    // A size is a claim of the file's: memory for it is made as its bytes come, a quarter of a gigabyte ahead at most.
    let out = new Uint8Array(Math.min(length, 1 << 28));
    let filled = 0;
    while (filled < length) {
      if (this.buffer.length === 0 && !(await this.more())) return undefined;
      const count = Math.min(this.buffer.length, length - filled);
      if (filled + count > out.length) {
        const larger = new Uint8Array(Math.min(length, Math.max(filled + count, out.length * 2)));
        larger.set(out.subarray(0, filled));
        out = larger;
      }
      out.set(this.buffer.subarray(0, count), filled);
      filled += count;
      this.skip(count);
    }
    return out;
  }

  /** All that is left. */
  async rest(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let length = 0;
    do {
      parts.push(this.buffer);
      length += this.buffer.length;
      this.skip(this.buffer.length);
    } while (await this.more());
    const out = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  /** Stops the source before its end. */
  async cancel(): Promise<void> {
    await this.#chunks.return?.();
  }
}
