/** The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), seeded by 32 bits, as PyTorch's CPU generator steps it. */

export const MT_SIZE = 624;
const SHIFT = 397;

export class Mt19937 {
  readonly state: Uint32Array = new Uint32Array(MT_SIZE);
  /** Outputs until the state is renewed, plus one; PyTorch saves this and `next`. */
  left = 1;
  next = 0;

  constructor(seed: number) {
    this.seed(seed);
  }

  seed(seed: number): void {
    const { state } = this;
    state[0] = seed;
    for (let j = 1; j < MT_SIZE; j++)
      state[j] = Math.imul(1812433253, state[j - 1] ^ (state[j - 1] >>> 30)) + j;
    this.left = 1;
    this.next = 0;
  }

  /** The next 32 bits, as an unsigned number. */
  random(): number {
    if (--this.left === 0) this.renew();
    let y = this.state[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  private renew(): void {
    const { state } = this;
    this.left = MT_SIZE;
    this.next = 0;
    for (let j = 0; j < MT_SIZE; j++) {
      const u = state[j];
      const v = state[j === MT_SIZE - 1 ? 0 : j + 1];
      const twisted = (((u & 0x80000000) | (v & 0x7fffffff)) >>> 1) ^ (v & 1 ? 0x9908b0df : 0);
      state[j] = state[j < MT_SIZE - SHIFT ? j + SHIFT : j + SHIFT - MT_SIZE] ^ twisted;
    }
  }
}
