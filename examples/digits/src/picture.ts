/** Digits as text: four pixels a character, with the model's first two guesses underneath. */
import type { Outcome } from './classify.ts';
import { type Digits, PIXELS, SIDE } from './mnist.ts';

/** By which of upper left, upper right, lower left, lower right are inked. */
const QUADRANTS = ' ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█';
const INK = 100;
const GAP = '  ';

/** The chosen images side by side. */
export function pictures(images: Digits, outcome: Outcome, chosen: readonly number[]): string {
  const blocks = chosen.map((image) => [...picture(images, image), ...guesses(outcome, image)]);
  const width = SIDE / 2;
  return blocks[0].map((_, line) => blocks.map((block) => block[line].padEnd(width)).join(GAP)).join('\n');
}

function picture({ pixels }: Digits, image: number): string[] {
  const inked = (x: number, y: number) => Number(pixels[image * PIXELS + y * SIDE + x] > INK);
  const lines: string[] = [];
  for (let y = 0; y < SIDE; y += 2) {
    let line = '';
    for (let x = 0; x < SIDE; x += 2)
      line += QUADRANTS[inked(x, y) + 2 * inked(x + 1, y) + 4 * inked(x, y + 1) + 8 * inked(x + 1, y + 1)];
    lines.push(line);
  }
  return lines;
}

function guesses({ probabilities }: Outcome, image: number): string[] {
  return Array.from(probabilities.subarray(image * 10, image * 10 + 10), (share, digit) => ({ share, digit }))
    .sort((a, b) => b.share - a.share)
    .slice(0, 2)
    .map(({ share, digit }) => `${digit}  ${(100 * share).toFixed(2).padStart(6)} %`);
}
