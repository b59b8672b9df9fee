// What a page does: holds one system and runs its steps when the driver says so.
import { CHECKED } from './workloads.mjs';

let step;

/** Two steps to compile and warm up; resolves to how long they took and the first values. */
const prepare = (system) => async (workload) => {
  const began = performance.now();
  step = await system.prepare(workload);
  const values = Array.from((await step()).slice(0, CHECKED), Number);
  const first = performance.now() - began;
  await step();
  return { first, values, isComparable: system.isComparable?.(workload) ?? true };
};

/** One sample: milliseconds from the call to values in hand. */
async function sample() {
  const began = performance.now();
  await step();
  return performance.now() - began;
}

export function serveBench(system) {
  globalThis.bench = { prepare: prepare(system), sample, count: system.count };
}
