/** The drawing pad: strokes by mouse, pen, finger or keys, shown as they come. */
import { byId } from '../page/dom.ts';
import type { Stroke } from './strokes.ts';

export interface Pad {
  readonly strokes: readonly Stroke[];
  /** Calls back after every change. */
  onchange: () => void;
  clear(): void;
}

/** One press of an arrow key, as a share of the pad. */
const STEP = 1 / 28;
const WIDTH = 0.08;

const arrows: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

const inside = (share: number): number => Math.min(1, Math.max(0, share));

export function createPad(canvas: HTMLCanvasElement): Pad {
  const context = canvas.getContext('2d')!;
  const penStatus = byId('pen');
  const strokes: number[][] = [];
  /** The strokes that fingers and mice are drawing now, by pointer. */
  const open = new Map<number, number[]>();
  const pen = { x: 0.5, y: 0.3, down: false, shown: false, stroke: undefined as number[] | undefined };
  const pad: Pad = { strokes, onchange: () => {}, clear };

  function paint(): void {
    const side = canvas.width;
    context.clearRect(0, 0, side, side);
    context.strokeStyle = context.fillStyle = getComputedStyle(canvas).color;
    context.lineWidth = WIDTH * side;
    context.lineCap = context.lineJoin = 'round';
    for (const stroke of strokes) {
      context.beginPath();
      context.moveTo(stroke[0] * side, stroke[1] * side);
      // A line of no length still leaves a dot.
      context.lineTo(stroke[0] * side, stroke[1] * side);
      for (let i = 2; i < stroke.length; i += 2) context.lineTo(stroke[i] * side, stroke[i + 1] * side);
      context.stroke();
    }
    if (!pen.shown) return;
    context.lineWidth = Math.max(2, side / 150);
    context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue('--accent');
    context.beginPath();
    context.arc(pen.x * side, pen.y * side, (WIDTH / 2) * side * (pen.down ? 1 : 1.5), 0, 2 * Math.PI);
    context.stroke();
  }

  function resize(): void {
    const side = Math.round(canvas.clientWidth * devicePixelRatio);
    if (side === 0 || side === canvas.width) return;
    canvas.width = canvas.height = side;
    paint();
  }

  function changed(): void {
    paint();
    pad.onchange();
  }

  function clear(): void {
    strokes.length = 0;
    open.clear();
    pen.stroke = undefined;
    pen.down = false;
    changed();
  }

  const add = (stroke: number[], { clientX, clientY }: PointerEvent): void => {
    const box = canvas.getBoundingClientRect();
    stroke.push(inside((clientX - box.left) / box.width), inside((clientY - box.top) / box.height));
  };

  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pen.shown = false;
    const stroke: number[] = [];
    open.set(event.pointerId, stroke);
    strokes.push(stroke);
    add(stroke, event);
    changed();
  });
  canvas.addEventListener('pointermove', (event) => {
    const stroke = open.get(event.pointerId);
    if (!stroke) return;
    const points = event.getCoalescedEvents?.() ?? [];
    for (const point of points.length > 0 ? points : [event]) add(stroke, point);
    changed();
  });
  for (const type of ['pointerup', 'pointercancel'] as const)
    canvas.addEventListener(type, (event) => void open.delete(event.pointerId));

  function putDown(): void {
    pen.stroke = [pen.x, pen.y];
    strokes.push(pen.stroke);
  }

  function say(): void {
    penStatus.textContent = pen.shown ? (pen.down ? 'Pen is down.' : 'Pen is up.') : '';
  }

  canvas.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = arrows[event.key];
    if (arrow) {
      pen.x = inside(pen.x + arrow[0] * STEP);
      pen.y = inside(pen.y + arrow[1] * STEP);
      if (pen.down) pen.stroke?.push(pen.x, pen.y);
    } else if (event.key === ' ') {
      if (event.repeat) return event.preventDefault();
      pen.down = !pen.down;
      pen.stroke = undefined;
      if (pen.down) putDown();
    } else if (event.key.toLowerCase() === 'c') clear();
    else return;
    event.preventDefault();
    pen.shown = true;
    say();
    changed();
  });
  canvas.addEventListener('focus', () => {
    pen.shown = canvas.matches(':focus-visible');
    say();
    paint();
  });
  canvas.addEventListener('blur', () => {
    pen.shown = pen.down = false;
    say();
    paint();
  });

  byId('clear').addEventListener('click', clear);
  new ResizeObserver(resize).observe(canvas);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paint);
  resize();
  return pad;
}
