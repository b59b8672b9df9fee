/** MNIST as it comes over the network: piece by piece, each tried again when asked for again. */
import { count } from '../page/dom.ts';

export const SIDE = 28;
export const PIXELS = SIDE * SIDE;
/** How many images a piece holds. */
export const PIECE = 5000;

export interface Digits {
  readonly labels: Uint8Array;
  /** 28 × 28 bytes an image: 0 is paper, 255 is ink. */
  readonly pixels: Uint8Array;
}

export class Mnist {
  /** How many images are here. */
  loaded = 0;
  private readonly pieces = new Map<number, Promise<Digits>>();

  constructor(
    private readonly set: 'train' | 'test',
    /** Calls back when another piece has come. */
    private readonly onload: () => void = () => {},
  ) {}

  /** The piece, from memory or the server. Rejects where it cannot be had; the next call tries again. */
  piece(index: number): Promise<Digits> {
    let piece = this.pieces.get(index);
    if (!piece) {
      piece = load(this.set, index);
      this.pieces.set(index, piece);
      piece.then(
        () => {
          this.loaded += PIECE;
          this.onload();
        },
        () => this.pieces.delete(index),
      );
    }
    return piece;
  }
}

async function load(set: string, index: number): Promise<Digits> {
  const what = `images ${count(index * PIECE + 1)} to ${count((index + 1) * PIECE)} of the ${set} set`;
  try {
    const response = await fetch(new URL(`mnist/${set}-${index}.bin`, document.baseURI));
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const bytes = await unzip(new Uint8Array(await response.arrayBuffer()));
    if (bytes.length !== PIECE * (1 + PIXELS))
      throw new Error(`${count(bytes.length)} bytes are not a piece of MNIST`);
    return { labels: bytes.subarray(0, PIECE), pixels: bytes.subarray(PIECE) };
  } catch (error) {
    throw new Error(`The ${what} could not be loaded: ${(error as Error).message}`, { cause: error });
  }
}

/** A server may have unzipped the file already. */
async function unzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
