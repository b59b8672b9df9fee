/**
 * The training view: one button trains, pauses and resumes. In a background tab training goes on at its pace (nothing in it
 * waits for frames or timers), and only the drawing of plots rests until the tab is seen again.
 */
import { type BackendId, backend, change, nameOf } from '../backends.ts';
import { byId, count, element, messageOf, percent } from '../page/dom.ts';
import { clearNotice, notice } from '../page/notice.ts';
import { publish, trained } from '../trained.ts';
import { Mnist } from './data.ts';
import { hideMistakes, showMistakes } from './mistakes.ts';
import { createPlot } from './plot.ts';
import { type Settings, type Snapshot, type Step, Trainer } from './trainer.ts';

type State = 'ready' | 'starting' | 'running' | 'pausing' | 'paused' | 'testing' | 'done';

const TEST_SIZE = 10_000;
/** Test images behind each point of the plot. */
const GLANCE = 500;
/** Each point of the training plots is a mean that forgets at this pace. */
const SMOOTHING = 0.9;

const form = byId<HTMLFormElement>('settings');
const go = byId<HTMLButtonElement>('go');
const reset = byId<HTMLButtonElement>('reset');
const testNow = byId<HTMLButtonElement>('test-now');
const download = byId<HTMLButtonElement>('export');
const status = byId('train-status');
const progress = byId<HTMLProgressElement>('train-progress');

const settingsOf = (): Settings => {
  const value = (name: string): number => Number((form.elements.namedItem(name) as HTMLInputElement).value);
  return { images: value('images'), epochs: value('epochs'), lr: value('lr'), batch: value('batch') };
};

export function startTrain(): void {
  let state: State = 'ready';
  let trainer: Trainer | undefined;
  let snapshot: Snapshot | undefined;
  let on: BackendId = backend();
  let smooth: { loss: number; accuracy: number } | undefined;
  let pace = { images: 0, since: 0 };
  /** Counts resets, so that what an abandoned run still has to say is not heard. */
  let run = 0;

  const train = new Mnist('train', () => paint());
  const test = new Mnist('test');
  const steps = (): number => trainer?.steps ?? 1;
  const lossPlot = createPlot('loss-plot', 'Loss', [{ label: 'training', style: 'first' }], {
    format: (y) => y.toPrecision(2),
    end: steps,
  });
  const accuracyPlot = createPlot(
    'accuracy-plot',
    'Accuracy',
    [
      { label: 'training', style: 'first' },
      { label: 'test', style: 'second' },
    ],
    { top: 1, format: (y) => percent(y, 0), end: steps },
  );

  const labels: Record<State, string> = {
    ready: 'Train',
    starting: 'Starting…',
    running: 'Pause',
    pausing: 'Pausing…',
    paused: 'Resume',
    testing: 'Testing…',
    done: 'Train again',
  };

  function enter(next: State, message?: string): void {
    state = next;
    go.textContent = labels[next];
    go.disabled = next === 'starting' || next === 'pausing' || next === 'testing';
    reset.disabled = next === 'ready' || go.disabled;
    testNow.disabled = next !== 'paused' && next !== 'done';
    for (const field of form.querySelectorAll<HTMLInputElement>('input, select'))
      field.disabled = next !== 'ready' && next !== 'done';
    if (message !== undefined) status.textContent = message;
    paint(true);
  }

  let painted = 0;
  /** Numbers and plots, at most ten times a second and never unseen. */
  function paint(now = false): void {
    if (document.hidden || (!now && performance.now() - painted < 100)) return;
    painted = performance.now();
    progress.value = trainer ? trainer.step / trainer.steps : 0;
    byId('step').textContent = trainer ? `${count(trainer.step)} of ${count(trainer.steps)}` : '–';
    byId('loss').textContent = smooth ? smooth.loss.toFixed(4) : '–';
    byId('train-accuracy').textContent = smooth ? percent(smooth.accuracy) : '–';
    if (pace.images > 0)
      byId('rate').textContent = count(Math.round((1000 * pace.images) / (performance.now() - pace.since)));
    lossPlot.paint();
    accuracyPlot.paint();
  }
  document.addEventListener('visibilitychange', () => paint(true));

  function onStep({ step, loss, accuracy }: Step): void {
    const old = smooth ?? { loss, accuracy };
    const mix = (before: number, now: number): number => SMOOTHING * before + (1 - SMOOTHING) * now;
    smooth = { loss: mix(old.loss, loss), accuracy: mix(old.accuracy, accuracy) };
    pace.images += settingsOf().batch;
    lossPlot.add(0, step, smooth.loss);
    accuracyPlot.add(0, step, smooth.accuracy);
    if (state === 'running') status.textContent = `Training on ${nameOf(on)}.`;
    paint();
  }

  /** Between strides: a look at the test set, and a snapshot to go on from whatever happens. */
  async function onStride(): Promise<void> {
    if (!trainer) return;
    await glance(trainer);
    await keep(trainer);
  }

  async function glance(of: Trainer): Promise<void> {
    const answers = await of.test(GLANCE);
    const share = await shareRight(answers);
    accuracyPlot.add(1, of.step, share);
    byId('test-accuracy').textContent = `${percent(share)} of ${count(answers.length)}`;
  }

  async function shareRight(answers: Uint8Array): Promise<number> {
    let right = 0;
    for (let i = 0; i < answers.length; i++) {
      const { labels } = await test.piece(Math.floor(i / 5000));
      if (labels[i % 5000] === answers[i]) right++;
    }
    return right / answers.length;
  }

  async function keep(of: Trainer): Promise<void> {
    snapshot = await of.snapshot();
    publish({ checkpoint: snapshot.checkpoint, label: `trained here (step ${count(snapshot.step)})` });
    download.disabled = false;
    byId('draw-with').hidden = false;
  }

  /** Starts, or goes on from a snapshot, on the backend in use. */
  async function start(from?: Snapshot): Promise<void> {
    const mine = ++run;
    clearNotice('train');
    hideMistakes();
    if (!from) {
      lossPlot.clear();
      accuracyPlot.clear();
      smooth = undefined;
      snapshot = undefined;
      byId('test-accuracy').textContent = '–';
    }
    const settings = settingsOf();
    enter('starting', 'Loading the first images…');
    try {
      on = backend();
      await Promise.all([train.piece(0), test.piece(0)]);
      const made = await Trainer.start(settings, { train, test }, from);
      if (mine !== run) return;
      trainer = made;
    } catch (error) {
      if (mine === run) fail(error, 'ready');
      return;
    }
    // The other pieces come meanwhile; one that does not is asked for again when training reaches it.
    void ahead(settings.images / 5000);
    await resume();
  }

  async function ahead(pieces: number): Promise<void> {
    try {
      for (let i = 1; i < pieces; i++) await train.piece(i);
      await test.piece(1);
    } catch {
      // Told by the training that needs the piece.
    }
  }

  async function resume(): Promise<void> {
    const [mine, running] = [run, trainer!];
    clearNotice('train');
    hideMistakes();
    enter('running', `Training on ${nameOf(on)}. The first step compiles its kernels.`);
    pace = { images: 0, since: performance.now() };
    try {
      await running.run((step) => mine === run && onStep(step), onStride);
      if (mine !== run) return;
      await keep(running);
      if (running.done) await testAll('done');
      else enter('paused', `Paused at step ${count(running.step)}.`);
    } catch (error) {
      if (mine === run) fail(error, 'paused');
    }
  }

  async function testAll(then: 'paused' | 'done'): Promise<void> {
    const [mine, tested] = [run, trainer!];
    enter('testing', 'Testing…');
    try {
      const answers = await tested.test(TEST_SIZE, (done) => {
        status.textContent = `Testing: ${count(done)} of ${count(TEST_SIZE)} images.`;
      });
      if (mine !== run) return;
      const share = await shareRight(answers);
      accuracyPlot.add(1, tested.step, share);
      byId('test-accuracy').textContent = `${percent(share, 2)} of ${count(answers.length)}`;
      await showMistakes(answers, test);
      enter(then, `${then === 'done' ? 'Done' : 'Paused'}: ${percent(share, 2)} of the test set right.`);
    } catch (error) {
      if (mine === run) fail(error, then);
    }
  }

  /** Says what went wrong, and the ways on: the same again where the data did not come, else from the last snapshot. */
  function fail(error: unknown, then: 'ready' | 'paused' | 'done'): void {
    const message = messageOf(error);
    const again = { label: 'Try again', run: () => void retry(then) };
    if (then === 'ready' || /could not be loaded/.test(message)) {
      notice('train', message, [again]);
      enter(then, then === 'ready' ? 'Not started.' : 'Waiting.');
      return;
    }
    const kept = snapshot;
    const where = kept ? `from step ${count(kept.step)}` : 'from the beginning';
    const ways = ([on, 'wasm'] as BackendId[])
      .filter((id, i, all) => all.indexOf(id) === i)
      .map((id) => ({ label: `Go on ${where} on ${nameOf(id)}`, run: () => void move(id, kept) }));
    notice('train', `Training stopped on ${nameOf(on)}: ${message}`, ways);
    trainer = undefined;
    enter('ready', 'Stopped.');
  }

  async function retry(then: 'ready' | 'paused' | 'done'): Promise<void> {
    if (then === 'ready') await start();
    else if (trainer?.done) await testAll('done');
    else await resume();
  }

  async function move(id: BackendId, from: Snapshot | undefined): Promise<void> {
    if (await change(id)) await start(from);
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (state === 'ready' || state === 'done') void start();
    else if (state === 'paused') void resume();
    else if (state === 'running') {
      trainer?.pause();
      enter('pausing', 'Pausing…');
    }
  });
  reset.addEventListener('click', () => {
    run++;
    trainer?.pause();
    trainer = undefined;
    smooth = undefined;
    snapshot = undefined;
    lossPlot.clear();
    accuracyPlot.clear();
    hideMistakes();
    clearNotice('train');
    publish(undefined);
    download.disabled = true;
    byId('draw-with').hidden = true;
    for (const id of ['test-accuracy', 'rate']) byId(id).textContent = '–';
    pace = { images: 0, since: 0 };
    enter('ready', 'Ready.');
  });
  testNow.addEventListener('click', () => void testAll(trainer?.done ? 'done' : 'paused'));
  byId('draw-with').addEventListener('click', () => {
    const net = byId<HTMLSelectElement>('net');
    net.value = 'trained';
    net.dispatchEvent(new Event('change'));
  });
  download.addEventListener('click', () => {
    const weights = trained();
    if (!weights) return;
    const url = URL.createObjectURL(new Blob([weights.checkpoint as Uint8Array<ArrayBuffer>]));
    element('a', { href: url, download: 'digits-state.pt' }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  });
  enter('ready', 'Ready.');
}
