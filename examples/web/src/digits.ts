/** What the three pages share: MNIST from the server, and digits on the page. */

const SIDE = 28;
const PIXELS = SIDE * SIDE;

export interface Digits {
  readonly count: number;
  readonly labels: Uint8Array;
  /** Values from 0 (paper) to 1 (ink), image after image. */
  readonly pixels: Float32Array;
}

/** One gzipped piece of MNIST (`train-0` to `train-11`, `test-0`, `test-1`): labels, then images of a byte a pixel. */
export async function fetchDigits(piece: string): Promise<Digits> {
  const response = await fetch(new URL(`mnist/${piece}.bin`, document.baseURI));
  if (!response.ok || !response.body) throw new Error(`${piece}: the server answered ${response.status}`);
  const stream = response.body.pipeThrough(new DecompressionStream('gzip'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = bytes.length / (PIXELS + 1);
  return {
    count,
    labels: bytes.subarray(0, count),
    pixels: Float32Array.from(bytes.subarray(count), (ink) => ink / 255),
  };
}

/** Writes a line where the page says what it is doing. */
export function say(line: string): void {
  document.querySelector('#status')!.textContent = line;
}

/** Puts the first digits on the page, each with the answer it got. */
export function show({ pixels, labels }: Digits, answers: ArrayLike<number | bigint>): void {
  const items = Array.from(answers, (answer, image) => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = SIDE;
    const context = canvas.getContext('2d')!;
    const picture = context.createImageData(SIDE, SIDE);
    for (let i = 0; i < PIXELS; i++) {
      picture.data.fill(255 * pixels[image * PIXELS + i], 4 * i, 4 * i + 3);
      picture.data[4 * i + 3] = 255;
    }
    context.putImageData(picture, 0, 0);
    const item = document.createElement('li');
    item.className = Number(answer) === labels[image] ? 'right' : 'wrong';
    item.append(canvas, String(answer));
    return item;
  });
  document.querySelector('#digits')!.replaceChildren(...items);
}

/** Runs a page's program; what goes wrong stands on the page. */
export function start(program: () => Promise<void>): void {
  program().catch((error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
    document.body.dataset.failed = 'yes';
  });
}
