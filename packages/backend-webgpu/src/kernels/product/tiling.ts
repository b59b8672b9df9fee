/** How a product is cut: tiles of the output, one per workgroup, and parts of the sums. */
import type { Numbers } from '../../program.ts';
import type { Shader } from '../../shader.ts';
import type { Address, Lines } from './address.ts';

/** A tile's shape; rows and columns of the output. */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
}

export interface Cut {
  readonly groups: number;
  readonly tilesDown: number;
  readonly tilesAcross: number;
  /** In how many parts the sums are, and how long one is. */
  readonly parts: number;
  readonly length: number;
}

export function cut(
  { groups, rows, columns, inner }: { groups: number; rows: number; columns: number; inner: number },
  tile: Tile,
  { workgroups, shortest }: { workgroups: number; shortest: number },
): Cut {
  const tilesDown = Math.ceil(rows / tile.rows);
  const tilesAcross = Math.ceil(columns / tile.columns);
  const wanted = Math.ceil(workgroups / (groups * tilesDown * tilesAcross));
  const most = Math.max(1, Math.min(wanted, Math.floor(inner / shortest)));
  // Multiples of 16: what a step of any kernel takes.
  const length = Math.max(16, Math.ceil(inner / most / 16) * 16);
  return { groups, tilesDown, tilesAcross, parts: Math.max(1, Math.ceil(inner / length)), length };
}

export const countTiles = (c: Cut): number => c.groups * c.parts * c.tilesDown * c.tilesAcross;

export function pushCut(numbers: Numbers, c: Cut): void {
  numbers.i32(c.tilesDown).i32(c.tilesAcross).i32(c.groups).i32(c.parts).i32(c.length);
}

/** The workgroup's place, as names: first row and column, group, number of group and part, and its span of k. */
export interface Place {
  readonly row: string;
  readonly column: string;
  readonly group: string;
  readonly part: string;
  readonly from: string;
  readonly to: string;
}

/** Statements (`lines`) that find the workgroup's place; it returns where there is none. Asks for `pushCut`'s numbers. */
export function placeOf(lines: Lines, shader: Shader, address: Address, tile: Tile): Place {
  const [down, across, groups, parts, length] = Array.from({ length: 5 }, () => lines.let(shader.i32()));
  const t = lines.let('i32(wid.y * groups.x + wid.x)');
  const band = lines.let(`${t} / ${down}`);
  const part = lines.let(`${band} / ${across}`);
  lines.lines.push(`if (${part} >= ${groups} * ${parts}) { return; }`);
  const of = lines.let(`${part} / ${groups}`);
  const from = lines.let(`${of} * ${length}`);
  return {
    row: lines.let(`(${t} - ${band} * ${down}) * ${tile.rows}`),
    column: lines.let(`(${band} - ${part} * ${across}) * ${tile.columns}`),
    group: lines.let(`${part} - ${of} * ${groups}`),
    part,
    from,
    to: lines.let(`min(${from} + ${length}, ${address.inner})`),
  };
}
