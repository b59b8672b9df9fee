/** Polynomials as WGSL text. */

/** Horner's scheme in `x`, lowest power first. */
export function poly(x: string, coefficients: readonly number[]): string {
  const single = (c: number): string => String(Number(Math.fround(c).toPrecision(9)));
  return coefficients
    .slice(0, -1)
    .reduceRight((rest, c) => `(${single(c)}f + ${x} * ${rest})`, `${single(coefficients.at(-1)!)}f`)
    .replace(/(?<!\w|\d)(-[\d.e-]+f)/g, '($1)');
}
