/** A small line plot in SVG: its own scales, few points however long the run, colours from the page's style. */
import { byId, element, svg } from '../page/dom.ts';

const WIDTH = 440;
const HEIGHT = 200;
const EDGE = { left: 40, right: 10, top: 10, bottom: 24 };
/** More points than this are averaged into as many. */
const MOST = 220;

interface Line {
  readonly label: string;
  readonly style: 'first' | 'second';
}

export interface Plot {
  add(line: number, x: number, y: number): void;
  clear(): void;
  /** Draws what was added since; costs nothing where nothing was. */
  paint(): void;
}

/** Draws lines into a figure. `top` fixes the upper end of the y axis; `end` is the last x. */
export function createPlot(
  figureId: string,
  title: string,
  lines: readonly Line[],
  axis: { top?: number; format: (y: number) => string; end: () => number },
): Plot {
  const figure = byId(figureId);
  const points: { x: number; y: number }[][] = lines.map(() => []);
  const grid = svg('g');
  const paths = lines.map(({ style }) => svg('polyline', { class: `line ${style}` }));
  const picture = svg(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'plot', role: 'img' },
    grid,
    ...paths,
  );
  figure.replaceChildren(
    element(
      'figcaption',
      {},
      title,
      ...lines.map(({ label, style }) => element('span', { className: `key ${style}`, textContent: label })),
    ),
    picture,
  );
  let stale = true;

  function paint(): void {
    if (!stale) return;
    stale = false;
    const last = Math.max(1, axis.end());
    const top = axis.top ?? niceTop(Math.max(0, ...points.flat().map(({ y }) => y)));
    const place = (x: number, y: number) => ({
      x: EDGE.left + (x / last) * (WIDTH - EDGE.left - EDGE.right),
      y: HEIGHT - EDGE.bottom - (Math.min(y, top) / top) * (HEIGHT - EDGE.top - EDGE.bottom),
    });
    grid.replaceChildren(
      ...[0, 0.25, 0.5, 0.75, 1].flatMap((share) => {
        const { y } = place(0, share * top);
        return [
          svg('line', { class: 'grid', x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y, y2: y }),
          svg('text', { x: EDGE.left - 5, y: y + 4, 'text-anchor': 'end' }, axis.format(share * top)),
        ];
      }),
      svg('text', { x: EDGE.left, y: HEIGHT - 7 }, '0'),
      svg('text', { x: WIDTH - EDGE.right, y: HEIGHT - 7, 'text-anchor': 'end' }, `step ${last}`),
    );
    for (const [i, path] of paths.entries()) {
      const shown = thinned(points[i]).map(({ x, y }) => place(x, y));
      path.setAttribute('points', shown.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' '));
    }
    const newest = lines.map(({ label }, i) => {
      const end = points[i].at(-1);
      return `${label} ${end ? axis.format(end.y) : 'not yet'}`;
    });
    picture.setAttribute('aria-label', `${title}: ${newest.join(', ')}`);
  }

  paint();
  return {
    add(line, x, y) {
      points[line].push({ x, y });
      stale = true;
    },
    clear() {
      for (const list of points) list.length = 0;
      stale = true;
    },
    paint,
  };
}

function thinned(points: readonly { x: number; y: number }[]): readonly { x: number; y: number }[] {
  if (points.length <= MOST) return points;
  const size = points.length / MOST;
  return Array.from({ length: MOST }, (_, i) => {
    const part = points.slice(Math.floor(i * size), Math.floor((i + 1) * size));
    const sum = part.reduce((all, { x, y }) => ({ x: all.x + x, y: all.y + y }), { x: 0, y: 0 });
    return { x: sum.x / part.length, y: sum.y / part.length };
  });
}

/** The next of 1, 2, 4 times a power of ten. */
function niceTop(most: number): number {
  if (!(most > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return power * ([1, 2, 4, 10].find((step) => step * power >= most) ?? 10);
}
