/** What comes of a run: numbers for a machine, a table and the images in dispute for a person. */
import type { Outcome } from './classify.ts';
import type { Digits } from './mnist.ts';
import type { Answers } from './pytorch.ts';

export interface Row {
  readonly backend: string;
  readonly images: number;
  /** Shares, from 0 to 1. */
  readonly accuracy: number;
  readonly imagesPerSecond: number;
  readonly agreement: number;
}

export function rowOf(
  { backend, digits, seconds }: Outcome,
  { count, labels }: Digits,
  pytorch: Answers,
): Row {
  const share = (wanted: Uint8Array) => digits.filter((digit, i) => digit === wanted[i]).length / count;
  return {
    backend,
    images: count,
    accuracy: share(labels),
    imagesPerSecond: Math.round(count / seconds),
    agreement: share(pytorch.digits),
  };
}

export function table(rows: readonly Row[]): string {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const cells = [
    ['backend', 'images', 'accuracy', 'images/s', 'as PyTorch'],
    ...rows.map(({ backend, images, accuracy, imagesPerSecond, agreement }) => [
      backend,
      images.toLocaleString('en-US'),
      percent(accuracy),
      imagesPerSecond.toLocaleString('en-US'),
      percent(agreement),
    ]),
  ];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  return cells
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('   '),
    )
    .join('\n');
}

/** One line for each image on which the backend differs from PyTorch, with PyTorch's margin there. */
export function disputes({ backend, digits }: Outcome, { labels }: Digits, pytorch: Answers): string[] {
  return Array.from(digits.keys())
    .filter((image) => digits[image] !== pytorch.digits[image])
    .map(
      (image) =>
        `${backend}: image ${image} is a ${digits[image]}; PyTorch says ${pytorch.digits[image]}` +
        ` by a margin of ${pytorch.margins[image].toPrecision(3)}; it is a ${labels[image]}`,
    );
}
