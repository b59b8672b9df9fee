/**
 * Training in a page. One step is ordinary PyTorch; between steps the browser gets its turn, and the loss of a step is
 * read while the next one already runs. Where training stands is its step number alone: the order of the images follows
 * from it, so that it can go on elsewhere from a checkpoint.
 */
import * as torch from 'sconce';
import { type Backend, nn, optim, type Tensor } from 'sconce';
import { Digits } from '../net.ts';
import { nextTask } from '../page/task.ts';
import { type Mnist, PIECE, PIXELS, SIDE } from './data.ts';

export interface Settings {
  /** How many of the 60,000 images. */
  readonly images: number;
  readonly epochs: number;
  readonly lr: number;
  readonly batch: number;
}

export interface Step {
  readonly step: number;
  readonly loss: number;
  readonly accuracy: number;
}

/** Where training can go on from. */
export interface Snapshot {
  readonly step: number;
  readonly checkpoint: Uint8Array;
}

const SEED = 191009;
/** Steps between snapshots, which are also when the test accuracy is looked at. */
const STRIDE = 50;
const TEST_BATCH = 250;

export class Trainer {
  step = 0;
  readonly steps: number;
  private readonly net: Digits;
  private readonly optimizer: InstanceType<typeof optim.SGD>;
  private readonly device: Backend;
  private paused = false;

  private constructor(
    readonly settings: Settings,
    private readonly data: { train: Mnist; test: Mnist },
    net: Digits,
  ) {
    this.net = net;
    this.device = [...net.parameters()][0].backend;
    this.optimizer = optim.SGD(net.parameters(), {
      lr: settings.lr,
      momentum: 0.9,
      weight_decay: 5e-4,
      nesterov: true,
    });
    this.steps = settings.epochs * Math.ceil(settings.images / settings.batch);
  }

  /** A net on the backend in use: a fresh one, or, from a snapshot, one that goes on (with its momentum at rest). */
  static async start(
    settings: Settings,
    data: { train: Mnist; test: Mnist },
    from?: Snapshot,
  ): Promise<Trainer> {
    torch.manual_seed(SEED);
    const trainer = new Trainer(settings, data, new Digits());
    if (from) {
      await trainer.net.load_state_dict(from.checkpoint);
      trainer.step = from.step;
    }
    return trainer;
  }

  get done(): boolean {
    return this.step >= this.steps;
  }

  pause(): void {
    this.paused = true;
  }

  /** Trains until it is paused or done. Rejects where images do not come or the backend fails. */
  async run(onStep: (step: Step) => void, onStride: () => Promise<void>): Promise<void> {
    this.paused = false;
    const queue: Promise<void>[] = [];
    try {
      while (!this.done && !this.paused) {
        const batch = await this.batchAt(this.step);
        const { loss, right } = this.advance(batch);
        this.step++;
        queue.push(this.report(this.step, batch.labels.length, loss, right, onStep));
        // One step ahead of what has been read, and no more: the memory of a step is free when its values are here.
        if (queue.length > 1) await queue.shift();
        await nextTask();
        if (this.step % STRIDE === 0) await onStride();
      }
    } finally {
      // What is still on its way is heard, or else told with the failure that is being told.
      await Promise.allSettled(queue).then((ends) => {
        for (const end of ends) if (end.status === 'rejected') throw end.reason;
      });
    }
  }

  /** Forward, backward and a step down; only what is returned stays in memory. */
  private advance(batch: { pixels: Float32Array; labels: BigInt64Array }): { loss: Tensor; right: Tensor } {
    return torch.scope(() => {
      const device = this.device;
      const images = torch.tensor(batch.pixels, { device }).view([-1, 1, SIDE, SIDE]);
      const labels = torch.tensor(batch.labels, { device });
      this.net.train();
      this.optimizer.zero_grad();
      const logits = this.net(images);
      const loss = nn.functional.cross_entropy(logits, labels);
      loss.backward();
      this.optimizer.step();
      return { loss: loss.detach(), right: logits.detach().argmax(1).eq(labels).sum() };
    });
  }

  private async report(
    step: number,
    size: number,
    loss: Tensor,
    right: Tensor,
    onStep: (step: Step) => void,
  ): Promise<void> {
    const [lossValue, rightValue] = await Promise.all([loss.item(), right.item()]);
    loss.dispose();
    right.dispose();
    onStep({ step, loss: Number(lossValue), accuracy: Number(rightValue) / size });
  }

  /** Every image once an epoch: the pieces in the order in which they come, each shuffled anew. */
  private async batchAt(step: number): Promise<{ pixels: Float32Array; labels: BigInt64Array }> {
    const { images, batch } = this.settings;
    const perEpoch = Math.ceil(images / batch);
    const epoch = Math.floor(step / perEpoch);
    const from = (step % perEpoch) * batch;
    const to = Math.min(from + batch, images);
    const pixels = new Float32Array((to - from) * PIXELS);
    const labels = new BigInt64Array(to - from);
    // A batch may begin in one piece and end in the next.
    for (let i = from; i < to; ) {
      const piece = Math.floor(i / PIECE);
      const digits = await this.data.train.piece(piece);
      const order = this.orderOf(epoch, piece);
      for (const end = Math.min(to, (piece + 1) * PIECE); i < end; i++) {
        const chosen = order[i % PIECE];
        for (let p = 0; p < PIXELS; p++)
          pixels[(i - from) * PIXELS + p] = digits.pixels[chosen * PIXELS + p] / 255;
        labels[i - from] = BigInt(digits.labels[chosen]);
      }
    }
    return { pixels, labels };
  }

  private order: { key: string; values: Uint16Array } = { key: '', values: new Uint16Array() };

  /** A piece's images in an epoch's order, by its number alone. */
  private orderOf(epoch: number, piece: number): Uint16Array {
    const key = `${epoch}/${piece}`;
    if (this.order.key !== key) this.order = { key, values: shuffled(PIECE, SEED + 1000 * epoch + piece) };
    return this.order.values;
  }

  /** The answers to some test images: the whole set, or its first `limit`. Stops early, with fewer, where `stop` says so. */
  async test(
    limit: number,
    onPart: (done: number) => void = () => {},
    stop: () => boolean = () => false,
  ): Promise<Uint8Array> {
    const answers = new Uint8Array(limit);
    let done = 0;
    while (done < limit && !stop()) {
      const from = done % PIECE;
      const { pixels } = await this.data.test.piece(Math.floor(done / PIECE));
      const size = Math.min(TEST_BATCH, limit - done, PIECE - from);
      const ink = Float32Array.from(
        pixels.subarray(from * PIXELS, (from + size) * PIXELS),
        (byte) => byte / 255,
      );
      const best = torch.scope(() =>
        torch.no_grad(() => {
          this.net.eval();
          return this.net(torch.tensor(ink, { device: this.device }).view([size, 1, SIDE, SIDE])).argmax(1);
        }),
      ) as Tensor;
      answers.set(Array.from((await best.data()) as BigInt64Array, Number), done);
      best.dispose();
      done += size;
      onPart(done);
      await nextTask();
    }
    return answers.subarray(0, done);
  }

  /** The weights as `torch.save(net.state_dict())` writes them, and the step that they belong to. */
  async snapshot(): Promise<Snapshot> {
    const step = this.step;
    return { step, checkpoint: await torch.save(this.net.state_dict()) };
  }
}

/** The numbers below n in an order that the seed decides (Fisher and Yates over a linear congruential generator). */
function shuffled(n: number, seed: number): Uint16Array {
  const values = Uint16Array.from({ length: n }, (_, i) => i);
  let state = seed >>> 0;
  for (let i = n - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [values[i], values[j]] = [values[j], values[i]];
  }
  return values;
}
