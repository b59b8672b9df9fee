/** Programs that run: each statement is tried on the reference before it is kept. */
import { type Backend, dataNow, isFloat, setCurrentBackend, type Tensor } from '@sconce/core';
import { kinks, type Maker, makers } from './calls.ts';
import { type Create, differentiate, type Program, resultsIn, type Statement, step } from './program.ts';
import { Random } from './random.ts';
import { dtypesOfPrograms, isFloating, MOST_PLACES, Places, type Value } from './value.ts';

/** Numbers past this lose the places on which two backends agree. */
const LARGEST = 1e4;
/** More would only make a program slow. */
const MOST_ELEMENTS = 1 << 18;

/** Whether a result's numbers are such that backends can be asked to agree on them. */
export function isTame(tensor: Tensor): boolean {
  if (tensor.numel() > MOST_ELEMENTS) return false;
  if (!isFloat(tensor.dtype)) return true;
  return (dataNow(tensor.detach() as Tensor) as Float32Array).every((x) => Math.abs(x) <= LARGEST);
}

function shapeOf(random: Random): number[] {
  // What threads cut, even where they may cut anything.
  if (random.chance(0.02)) return random.pick([[300, 130], [70_000], [3, 8, 40, 40]]);
  // Long rows meet the vector loops, their tails, and deferral.
  if (random.chance(0.12))
    return random.pick([[130], [67, 33], [9000], [5, 1030], [1, 8, 12, 12], [2, 16, 9, 9]]);
  if (random.chance(0.12))
    return [random.integer(1, 2), random.pick([1, 3, 8, 16]), random.integer(3, 14), random.integer(3, 14)];
  const rank = random.pick([0, 1, 1, 2, 2, 2, 3, 3, 4]);
  return Array.from({ length: rank }, () =>
    random.chance(0.03) ? 0 : random.pick([1, 2, 2, 3, 3, 4, 5, 7]),
  );
}

/** A window for an image that is there: few other shapes fit it. */
function companion(random: Random, others: readonly Value[]): Pick<Create, 'shape' | 'dtype'> | undefined {
  const { tensor } = random.pick(others);
  const [, channels] = tensor.shape;
  if (tensor.shape.length !== 4 || channels === 0 || !isFloat(tensor.dtype)) return undefined;
  const size = random.pick([1, 2, 3, 3, 3]);
  const isDepthwise = random.chance(0.3);
  const filters = isDepthwise ? channels * random.integer(1, 2) : random.pick([1, 2, 5, 8, 16]);
  return { shape: [filters, isDepthwise ? 1 : channels, size, size], dtype: tensor.dtype };
}

function creation(random: Random, others: readonly Value[], wantsGrad: boolean): Create {
  const beside = others.length > 0 && random.chance(0.6) ? companion(random, others) : undefined;
  if (beside) return { kind: 'create', ...beside, seed: random.integer(0, 1000), requires_grad: wantsGrad };
  const dtype = random.chance(0.6) ? 'float32' : random.pick(dtypesOfPrograms);
  const shape =
    others.length > 0 && random.chance(0.6) ? [...random.pick(others).tensor.shape] : shapeOf(random);
  const seed = random.integer(0, 1000);
  return { kind: 'create', shape, dtype, seed, requires_grad: wantsGrad && isFloat(dtype) };
}

const total = makers.reduce((sum, maker) => sum + maker.weight, 0);

function makerOf(random: Random): Maker {
  let at = random.next() * total;
  return makers.find((maker) => (at -= maker.weight) < 0) ?? makers[0];
}

class Writer {
  readonly program: Statement[] = [];
  private results: (Tensor | null)[] = [];
  private places = new Places();

  constructor(
    private readonly random: Random,
    private readonly wantsGrad: boolean,
  ) {}

  private values(): Value[] {
    return this.results.flatMap((tensor, result) => (tensor ? [{ result, tensor }] : []));
  }

  create(): void {
    const statement = creation(this.random, this.values(), this.wantsGrad);
    step(statement, this.results);
    this.program.push(statement);
  }

  /** One more call, if the one that comes to mind makes sense. */
  call(): boolean {
    const all = this.values();
    const recent = all.slice(-3);
    const self = this.random.pick(this.random.chance(0.6) ? recent : all);
    const maker = makerOf(this.random);
    const made = maker.make(this.random, self, all);
    if (!made) return false;
    const used = resultsIn(made.args).map((result) => ({ result, tensor: this.results[result]! }));
    const isDelicate = maker.jumps || (this.wantsGrad && kinks.has(made.name));
    if (isDelicate && used.some((v) => isFloating(v) && !this.places.isExact(v))) return false;
    const statement: Statement = { kind: 'call', ...made };
    const places = used.map((v) => this.places.of(v));
    try {
      step(statement, this.results);
      const changed = statement.isInplace ? all.map((v) => v.tensor) : [this.results.at(-1)!];
      if (!changed.every(isTame)) throw new Error('not tame');
    } catch {
      this.again(statement.isInplace);
      return false;
    }
    this.program.push(statement);
    const target = statement.isInplace ? this.results[used[0].result]! : this.results.at(-1)!;
    const most = places.length ? Math.max(...places) : 0;
    const sum = places.reduce((a, b) => a + b, 2);
    this.places.atLeast(target, { same: most, product: sum, rounds: MOST_PLACES + 1 }[maker.places]);
    return true;
  }

  /** What a statement that is not kept has done is undone by running those that are. */
  private again(hasWritten: boolean): void {
    if (!hasWritten) {
      this.results.length = this.program.length;
      return;
    }
    const before = this.results;
    this.results = [];
    const places = new Places();
    this.program.forEach((statement, i) => {
      step(statement, this.results);
      const now = this.results[i];
      if (now && before[i]) places.atLeast(now, this.places.of({ result: i, tensor: before[i] }));
    });
    this.places = places;
  }

  /** Whether the derivative can be taken: writing in place may have taken away what it needs. */
  isDifferentiable(): boolean {
    try {
      return [...differentiate(this.program, this.results).values()].every(isTame);
    } catch {
      return false;
    }
  }
}

const withoutGradients = (program: Program): Program =>
  program.map((s) => (s.kind === 'create' ? { ...s, requires_grad: false } : s));

/** The program of a seed. The same on every machine, as long as the reference and the fuzzer's calls stay as they are. */
export function generate(seed: number, reference: Backend): Program {
  setCurrentBackend(reference);
  const random = new Random(seed);
  const wantsGrad = random.chance(0.3);
  const writer = new Writer(random, wantsGrad);
  const length = random.integer(3, 14);
  writer.create();
  for (let tries = 0; writer.program.length < length && tries < 20 * length; tries++)
    if (random.chance(0.2)) writer.create();
    else writer.call();
  return !wantsGrad || writer.isDifferentiable() ? writer.program : withoutGradients(writer.program);
}
