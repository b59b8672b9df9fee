/** The page's beginning: views by hash, each loaded when it is first seen, so that the first paint waits for nothing. */
import { createPad } from './draw/pad.ts';
import { byId, messageOf } from './page/dom.ts';
import { notice } from './page/notice.ts';

const views = {
  draw: () => import('./draw/view.ts').then(({ startDraw }) => startDraw(pad)),
  train: () => import('./train/view.ts').then(({ startTrain }) => startTrain()),
  open: () => import('./open/view.ts').then(({ startOpen }) => startOpen()),
};
type View = keyof typeof views;

// Nothing may go wrong unseen.
addEventListener('error', (event) => notice('page', `Something went wrong: ${event.message}`));
addEventListener('unhandledrejection', (event) => notice('page', messageOf(event.reason)));

/** The pad takes strokes while the rest is still loading. */
const pad = createPad(byId<HTMLCanvasElement>('pad'));
const started = new Map<View, Promise<void>>();
let backends: Promise<void> | undefined;

function start(view: View): Promise<void> {
  backends ??= import('./backends.ts').then(({ startBackends }) => startBackends());
  const running = backends.then(() => views[view]());
  running.catch((error: unknown) => {
    started.delete(view);
    backends = undefined;
    notice('page', `The page's program could not be loaded: ${messageOf(error)}`, [
      { label: 'Load the page again', run: () => location.reload() },
    ]);
  });
  return running.catch(() => {});
}

function show(): void {
  const wanted = location.hash.slice(1);
  // The skip link's own hash is no view.
  if (wanted === 'main') return;
  const view: View = wanted in views ? (wanted as View) : 'draw';
  for (const name of Object.keys(views)) byId(name).hidden = name !== view;
  for (const link of document.querySelectorAll('nav a')) {
    if (link.getAttribute('href') === `#${view}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const title = byId(`${view}-title`).textContent;
  document.title = `${title} · Sconce`;
  if (!started.has(view)) started.set(view, start(view));
}

addEventListener('hashchange', show);
show();
