/** Strokes become pictures as MNIST's are: in a box of 20 × 20, centred by mass, wherever and however large they were drawn. */
import { expect, test } from 'vitest';
import { digitOf, SIDE, type Stroke } from '../src/draw/strokes.ts';

const seven: Stroke = [0.3, 0.2, 0.7, 0.2, 0.45, 0.8];
const moved = (stroke: Stroke, scale: number, shift: number): Stroke =>
  stroke.map((share) => scale * share + shift);

/** The rows and columns that hold ink, and the ink's middle. */
function measure(ink: Float32Array) {
  const rows = new Set<number>();
  const columns = new Set<number>();
  let [mass, x, y] = [0, 0, 0];
  for (const [i, share] of ink.entries()) {
    if (share === 0) continue;
    columns.add(i % SIDE);
    rows.add(Math.floor(i / SIDE));
    mass += share;
    x += share * ((i % SIDE) + 0.5);
    y += share * (Math.floor(i / SIDE) + 0.5);
  }
  return { width: columns.size, height: rows.size, x: x / mass, y: y / mass };
}

test('a digit is 20 pixels high, its proportions kept, and its centre of mass in the middle', () => {
  const { width, height, x, y } = measure(digitOf([seven])!);
  // A pixel more where the edge is soft.
  expect(height).toBeGreaterThanOrEqual(20);
  expect(height).toBeLessThanOrEqual(22);
  expect(width).toBeGreaterThan(12);
  expect(width).toBeLessThan(17);
  expect(x).toBeCloseTo(14, 1);
  expect(y).toBeCloseTo(14, 1);
});

test('place and size make no difference', () => {
  const ink = digitOf([seven])!;
  for (const other of [moved(seven, 0.2, 0.05), moved(seven, 0.5, 0.4)]) {
    const again = digitOf([other])!;
    for (const [i, share] of ink.entries()) expect(again[i]).toBeCloseTo(share, 4);
  }
});

test('a stroke drawn over itself is no darker, and a dot stays a dot', () => {
  expect(digitOf([seven, seven])).toEqual(digitOf([seven]));
  const { width, height } = measure(digitOf([[0.9, 0.1]])!);
  expect(Math.max(width, height)).toBeLessThanOrEqual(5);
});

test('an empty pad is no digit', () => {
  expect(digitOf([])).toBeUndefined();
  expect(digitOf([[]])).toBeUndefined();
});
