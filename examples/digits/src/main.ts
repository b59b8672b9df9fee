/**
 * The main job: a model that PyTorch trained classifies the real MNIST test images on every backend that is here.
 * `--json` prints the numbers alone on standard output; progress always goes to standard error.
 * Names of backends after it run only those: `main.ts [--json] [wasm] [libtorch] [reference]`.
 */
import * as torch from 'sconce';
import { classify, type Outcome } from './classify.ts';
import { readTestSet } from './mnist.ts';
import { pictures } from './picture.ts';
import { readAnswers } from './pytorch.ts';
import { disputes, rowOf, table } from './report.ts';

/** Quick ones first. */
const BACKENDS = ['libtorch', 'wasm', 'reference'];

const say = (line: string) => process.stderr.write(`${line}\n`);

async function main(options: readonly string[]): Promise<void> {
  const json = options.includes('--json');
  const named = options.filter((option) => option !== '--json');
  const [images, pytorch] = await Promise.all([readTestSet(), readAnswers()]);
  if (pytorch.digits.length !== images.count) throw new Error('predictions.bin is not of this test set');

  const outcomes: Outcome[] = [];
  for (const backend of named.length > 0 ? named : BACKENDS) {
    const absence = await whyAbsent(backend);
    if (absence === undefined)
      outcomes.push(await classify(backend, images, progress(backend, images.count)));
    else if (named.length > 0) throw new Error(absence);
    else say(`${backend}: not here: ${absence}`);
  }
  const rows = outcomes.map((outcome) => rowOf(outcome, images, pytorch));
  if (json) {
    process.stdout.write(`${JSON.stringify({ backends: rows })}\n`);
    return;
  }
  const doubtful = pytorch.margins.indexOf(Math.min(...pytorch.margins));
  console.log(`\n${pictures(images, outcomes[0], [0, 1, 2, 3, doubtful])}\n`);
  console.log(`${table(rows)}\n`);
  const differing = outcomes.flatMap((outcome) => disputes(outcome, images, pytorch));
  for (const line of differing) console.log(line);
}

/** The reason why this machine lacks the backend, or undefined where it has it. */
async function whyAbsent(backend: string): Promise<string | undefined> {
  try {
    await torch.use(backend);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.split('\n')[0] : String(error);
  }
}

/** A line on standard error: rewritten in place on a terminal, else once a fifth of the way. */
function progress(backend: string, count: number): (done: number) => void {
  const start = Date.now();
  let reported = 0;
  return (done) => {
    const rate = Math.round((1000 * done) / Math.max(1, Date.now() - start));
    const line = `${backend}: ${done} of ${count} images, ${rate} a second`;
    if (process.stderr.isTTY) process.stderr.write(`\r${line} \x1b[K${done === count ? '\n' : ''}`);
    else if (done === count || done - reported >= count / 5) {
      reported = done;
      say(line);
    }
  };
}

main(process.argv.slice(2)).catch((error: unknown) => {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
});
