/** The drawing view: whatever is on the pad is classified as it changes, always the newest drawing next. */
import { type BackendId, backend, change, nameOf, onBackend } from '../backends.ts';
import { byId, element, messageOf, percent } from '../page/dom.ts';
import { clearNotice, notice } from '../page/notice.ts';
import { onTrained, trained } from '../trained.ts';
import { type Answer, classify, loadNet, type NetName } from './classifier.ts';
import type { Pad } from './pad.ts';
import { digitOf, SIDE } from './strokes.ts';

const verdict = byId('verdict');
const latency = byId('latency');
const choice = byId<HTMLSelectElement>('net');
const seen = byId<HTMLCanvasElement>('seen').getContext('2d')!;

export async function startDraw(pad: Pad): Promise<void> {
  const bars = createBars();
  let net: Awaited<ReturnType<typeof loadNet>> | undefined;
  let busy = false;
  let stale = false;

  /** One at a time; strokes that come meanwhile are taken together. */
  async function look(): Promise<void> {
    stale = true;
    if (busy || !net) return;
    busy = true;
    try {
      while (stale && net) {
        stale = false;
        const ink = digitOf(pad.strokes);
        showInk(ink);
        if (ink) show(await classify(net, ink));
        else forget();
      }
    } catch (error) {
      net = undefined;
      // A GPU can be lost at any time; asked for again, it is another one.
      const ids: BackendId[] = backend() === 'wasm' ? ['wasm'] : [backend(), 'wasm'];
      notice(
        'draw',
        `The net stopped on ${nameOf(backend())}: ${messageOf(error)}`,
        ids.map((id) => ({ label: `Continue on ${nameOf(id)}`, run: () => void change(id) })),
      );
    } finally {
      busy = false;
    }
  }

  function show({ probabilities, milliseconds }: Answer): void {
    // The pad may have been cleared meanwhile.
    if (pad.strokes.length === 0) {
      forget();
      return;
    }
    const best = bars.show(probabilities);
    verdict.textContent = `${best} (${percent(probabilities[best])})`;
    latency.textContent = `${milliseconds.toFixed(1)} ms`;
  }

  function forget(): void {
    bars.show(undefined);
    verdict.textContent = 'Waiting for a digit';
    latency.textContent = '–';
  }

  let loads = 0;
  async function load(quiet = false): Promise<void> {
    const mine = ++loads;
    clearNotice('draw');
    // A newer net of the same training takes the older one's place without a word.
    if (!quiet) {
      net = undefined;
      verdict.textContent = 'Loading the net…';
    }
    try {
      const loaded = await loadNet(choice.value as NetName, (share) => {
        if (mine === loads && !quiet) verdict.textContent = `Loading the net… ${percent(share, 0)}`;
      });
      if (mine !== loads) return;
      net = loaded;
      await look();
    } catch (error) {
      if (mine !== loads) return;
      verdict.textContent = 'The net is not here';
      // On the backend anew: a GPU that was lost while loading stays so until it is asked for again.
      notice('draw', `The net could not be loaded: ${messageOf(error)}`, [
        { label: 'Try again', run: () => void change(backend()) },
      ]);
    }
  }

  const offer = (): void => {
    const weights = trained();
    const option = [...choice.options].find(({ value }) => value === 'trained')!;
    option.disabled = !weights;
    option.textContent = weights ? weights.label : 'trained here (none yet)';
    if (!weights && choice.value === 'trained') choice.value = 'pytorch';
    else if (choice.value !== 'trained') return;
    void load(weights !== undefined && net !== undefined);
  };
  onTrained(offer);
  onBackend(() => void load());
  choice.addEventListener('change', () => void load());
  pad.onchange = () => void look();
  // Weights may have been opened or trained before this view was first seen.
  offer();
  if (loads === 0) await load();
}

/** Ten bars; `show` returns the digit with the longest. */
function createBars(): { show(shares: Float32Array | undefined): number } {
  const rows = Array.from({ length: 10 }, (_, digit) => {
    const bar = element('span', { className: 'share' });
    const value = element('span', { textContent: '–' });
    const row = element('li', {}, element('span', { textContent: String(digit) }), bar, value);
    return { row, bar, value };
  });
  byId('bars').replaceChildren(...rows.map(({ row }) => row));
  return {
    show(shares) {
      const best = shares ? shares.indexOf(Math.max(...shares)) : -1;
      for (const [digit, { row, bar, value }] of rows.entries()) {
        bar.style.setProperty('--p', String(shares?.[digit] ?? 0));
        value.textContent = shares ? percent(shares[digit]) : '–';
        row.classList.toggle('best', digit === best);
      }
      return best;
    },
  };
}

/** The 28 × 28 pixels, white on black as MNIST has them. */
function showInk(ink: Float32Array | undefined): void {
  const image = seen.createImageData(SIDE, SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) {
    image.data.fill(255 * (ink?.[i] ?? 0), 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  seen.putImageData(image, 0, 0);
}
