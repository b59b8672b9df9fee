/**
 * The one-dimensional transforms of Winograd's minimal filtering, written as instructions: y = A'((G g) * (B' d)) gives
 * `outputs` neighbours of a correlation with three taps (Lavin and Gray, 2016, section 4). F(4, 3) interpolates at
 * 0, ±1/√2, ±√2 and infinity: those points lose about half of what the usual 0, ±1, ±2 lose to rounding.
 */
import type { Val } from '../asm/val.ts';

/** Outputs of a tile in each dim; a tile reads two inputs more. */
export type TileSize = 2 | 4;

const A = Math.SQRT1_2;
const B = Math.SQRT2;

/** B' d: `d` in locals; the results are to be stored in this order, each once. */
export function inputTransform(size: TileSize, d: readonly Val[]): Val[] {
  const [d0, d1, d2, d3, d4, d5] = d as [Val, Val, Val, Val, Val, Val];
  if (size === 2) return [d0.sub(d2), d1.add(d2), d2.sub(d1), d1.sub(d3)];
  const first = d0.add(d4).sub(d2.mul(2.5)).keep();
  const last = d1.add(d5).sub(d3.mul(2.5)).keep();
  const even = d4.sub(d2.add(d2)).keep();
  const odd = d3.sub(d1.add(d1)).mul(A).keep();
  const evenB = d4.sub(d2.mul(0.5)).keep();
  const oddB = d3.sub(d1.mul(0.5)).mul(B).keep();
  return [first, even.add(odd), even.sub(odd), evenB.add(oddB), evenB.sub(oddB), last];
}

/** A' m. */
export function outputTransform(size: TileSize, m: readonly Val[]): Val[] {
  const [m0, m1, m2, m3, m4, m5] = m as [Val, Val, Val, Val, Val, Val];
  if (size === 2) return [m0.add(m1).add(m2), m1.sub(m2).sub(m3)];
  const s = m1.add(m2).keep();
  const d = m1.sub(m2).keep();
  const sB = m3.add(m4).keep();
  const dB = m3.sub(m4).keep();
  return [
    m0.add(s).add(sB),
    d.mul(A).add(dB.mul(B)),
    s.mul(0.5).add(sB.add(sB)),
    d
      .mul(A * 0.5)
      .add(dB.mul(B * 2))
      .add(m5),
  ];
}

/** G g. */
export function filterTransform(size: TileSize, g: readonly Val[]): Val[] {
  const [g0, g1, g2] = g as [Val, Val, Val];
  if (size === 2) {
    const even = g0.add(g2).mul(0.5).keep();
    const odd = g1.mul(0.5).keep();
    return [g0, even.add(odd), even.sub(odd), g2];
  }
  const even = g0
    .add(g2.mul(0.5))
    .mul(-2 / 3)
    .keep();
  const odd = g1.mul((-2 / 3) * A).keep();
  const evenB = g0
    .add(g2.add(g2))
    .mul(1 / 6)
    .keep();
  const oddB = g1.mul(B / 6).keep();
  return [g0, even.add(odd), even.sub(odd), evenB.add(oddB), evenB.sub(oddB), g2];
}
