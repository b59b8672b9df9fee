/** The script of a team's worker: claims calls, spins for a moment when there are none, then sleeps. Never returns. */
import {
  ABSENT,
  ACTIVE,
  ARITY,
  ASLEEP,
  AWAKE,
  type Call,
  COUNT,
  callRow,
  callsOf,
  FUNCTION,
  LEFT,
  MAIN_ASLEEP,
  PENDING,
  RECORD_WORDS,
  type Start,
  stateOf,
  TABLE,
  TRAPPED,
} from './control.ts';

/** How long a worker looks for the next job before it sleeps, in milliseconds. */
const SPIN = 0.5;

function run({ memory, worker, frame }: Start): never {
  let words = new Int32Array(memory.buffer);
  const [state, calls] = [stateOf(worker), callsOf(worker)];
  const instances = new Map<number, WebAssembly.Exports>();
  const functions = new Map<number, Call>();

  /** The function of a record; undefined while the part of the memory where it stands is not known here yet. */
  const functionOf = (record: number): Call | undefined => {
    const known = functions.get(record);
    if (known) return known;
    words = new Int32Array(memory.buffer);
    const at = record >>> 2;
    const [module, bytes, letters] = [words[at], words[at + 1], words[at + 2]];
    if (module === undefined || bytes === undefined || letters === undefined) return undefined;
    const all = new Uint8Array(memory.buffer);
    const name = (record >>> 0) + 4 * RECORD_WORDS;
    if ((module >>> 0) + bytes > all.length || name + letters > all.length) return undefined;
    let exported = instances.get(module);
    if (!exported) {
      const code = new WebAssembly.Module(all.slice(module >>> 0, (module >>> 0) + bytes));
      exported = new WebAssembly.Instance(code, { env: { memory, frame, thread: worker + 1 } }).exports;
      instances.set(module, exported);
    }
    const fn = exported[String.fromCharCode(...all.slice(name, name + letters))] as Call;
    functions.set(record, fn);
    return fn;
  };

  /** One claimed call. */
  const call = (left: number): void => {
    try {
      let fn = functionOf(words[FUNCTION]!);
      while (!fn) fn = functionOf(words[FUNCTION]!);
      const arity = words[ARITY]!;
      callRow(fn, words, (TABLE >> 2) + (words[COUNT]! - left) * arity, arity);
    } catch {
      Atomics.store(words, TRAPPED, 1);
    }
    words[calls]!++;
    if (Atomics.sub(words, PENDING, 1) === 1 && Atomics.load(words, MAIN_ASLEEP) === 1) {
      Atomics.store(words, MAIN_ASLEEP, 0);
      Atomics.notify(words, MAIN_ASLEEP);
    }
  };

  /** Claims until there is nothing to claim. */
  const work = (): void => {
    // Compiled before a call is claimed: meanwhile the others make them.
    if (!functionOf(words[FUNCTION]!)) return;
    for (;;) {
      const left = Atomics.load(words, LEFT);
      if (left <= 0) return;
      if (Atomics.compareExchange(words, LEFT, left, left - 1) === left) call(left);
    }
  };

  const isWanted = (): boolean => Atomics.load(words, LEFT) > 0 && worker < Atomics.load(words, ACTIVE);
  for (;;) {
    let until = performance.now() + SPIN;
    for (let turn = 1; ; turn++) {
      if (isWanted()) {
        work();
        until = performance.now() + SPIN;
      } else if (turn % 64 === 0 && performance.now() > until) break;
    }
    Atomics.store(words, state, ASLEEP);
    if (!isWanted()) Atomics.wait(words, state, ASLEEP);
    Atomics.store(words, state, AWAKE);
  }
}

/** A browser's worker hears of its start in a message, Node's too. */
interface Scope {
  onmessage: ((event: { data: Start }) => void) | null;
  process?: {
    getBuiltinModule?(
      name: string,
    ): { parentPort: { once(event: 'message', f: (start: Start) => void): void } | null } | undefined;
  };
}

const begin = (start: Start): void => {
  const words = new Int32Array(start.memory.buffer);
  Atomics.store(words, stateOf(start.worker), AWAKE);
  try {
    run(start);
  } finally {
    Atomics.store(words, stateOf(start.worker), ABSENT);
  }
};

const scope = globalThis as unknown as Scope;
const parent = scope.process?.getBuiltinModule?.('node:worker_threads')?.parentPort;
if (parent) parent.once('message', begin);
else scope.onmessage = ({ data }) => begin(data);
