/**
 * A drawing as the model was taught to see digits. MNIST's authors fitted each digit into 20 × 20 pixels, keeping its
 * proportions, then put its centre of mass into the middle of 28 × 28; the same is done here from the strokes themselves,
 * with a pen as wide as theirs, so that size, place and screen make no difference.
 */

/** Points from 0 to 1, x to the right and y down: x0, y0, x1, y1, … */
export type Stroke = readonly number[];

export const SIDE = 28;
const BOX = 20;
/** Half a pen's width, in pixels of the result. */
const PEN = 1.3;
/** A dot is drawn as a dot, not blown up to a blot. */
const MOST = 20 * BOX;

interface Frame {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

/** 28 × 28 values from 0 (paper) to 1 (ink), or undefined where nothing is drawn. */
export function digitOf(strokes: readonly Stroke[]): Float32Array | undefined {
  const drawn = strokes.filter((stroke) => stroke.length >= 2);
  if (drawn.length === 0) return undefined;
  const box = bounds(drawn);
  const scale = Math.min((BOX - 2 * PEN) / Math.max(box.width, box.height), MOST);
  const centred = { scale, x: SIDE / 2 - scale * box.x, y: SIDE / 2 - scale * box.y };
  const first = rasterise(drawn, centred);
  const mass = centreOfMass(first);
  // Moved by what the ink's middle is off; a fraction of a pixel too, since strokes can be drawn anywhere.
  return rasterise(drawn, {
    scale,
    x: centred.x + SIDE / 2 - mass.x,
    y: centred.y + SIDE / 2 - mass.y,
  });
}

/** The middle and the size of what is drawn. */
function bounds(strokes: readonly Stroke[]): { x: number; y: number; width: number; height: number } {
  const range = (first: 0 | 1): [number, number] => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const stroke of strokes)
      for (let i = first; i < stroke.length; i += 2) {
        low = Math.min(low, stroke[i]);
        high = Math.max(high, stroke[i]);
      }
    return [low, high];
  };
  const [left, right] = range(0);
  const [top, bottom] = range(1);
  return { x: (left + right) / 2, y: (top + bottom) / 2, width: right - left, height: bottom - top };
}

/** How much of each pixel the pen covers, by the distance of its middle from the nearest stroke. */
function rasterise(strokes: readonly Stroke[], frame: Frame): Float32Array {
  const ink = new Float32Array(SIDE * SIDE);
  for (const stroke of strokes)
    for (let i = 0; i < stroke.length; i += 2) {
      const j = Math.max(0, i - 2);
      drawSegment(
        ink,
        frame.scale * stroke[j] + frame.x,
        frame.scale * stroke[j + 1] + frame.y,
        frame.scale * stroke[i] + frame.x,
        frame.scale * stroke[i + 1] + frame.y,
      );
    }
  return ink;
}

function drawSegment(ink: Float32Array, x0: number, y0: number, x1: number, y1: number): void {
  const reach = PEN + 1;
  const [left, right] = [Math.max(0, Math.floor(Math.min(x0, x1) - reach)), Math.max(x0, x1) + reach];
  const [top, bottom] = [Math.max(0, Math.floor(Math.min(y0, y1) - reach)), Math.max(y0, y1) + reach];
  const [dx, dy] = [x1 - x0, y1 - y0];
  const square = dx * dx + dy * dy;
  for (let row = top; row < Math.min(SIDE, bottom); row++)
    for (let column = left; column < Math.min(SIDE, right); column++) {
      const [px, py] = [column + 0.5 - x0, row + 0.5 - y0];
      const along = square === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / square));
      const distance = Math.hypot(px - along * dx, py - along * dy);
      const covered = Math.min(1, Math.max(0, PEN + 0.5 - distance));
      const at = row * SIDE + column;
      if (covered > ink[at]) ink[at] = covered;
    }
}

function centreOfMass(ink: Float32Array): { x: number; y: number } {
  let [mass, x, y] = [0, 0, 0];
  for (let i = 0; i < ink.length; i++) {
    mass += ink[i];
    x += ink[i] * ((i % SIDE) + 0.5);
    y += ink[i] * (Math.floor(i / SIDE) + 0.5);
  }
  return mass === 0 ? { x: SIDE / 2, y: SIDE / 2 } : { x: x / mass, y: y / mass };
}
