/** "When the current task has ended": a macrotask without the clamp and the throttling that timers have. */

declare const setImmediate: ((callback: () => void) => unknown) | undefined;
declare const Deno: unknown;

function choose(): (callback: () => void) => void {
  if (typeof setImmediate === 'function') return (callback) => void setImmediate(callback);
  // In Deno an open port keeps the program from ending.
  if (typeof MessageChannel === 'undefined' || typeof Deno !== 'undefined')
    return (callback) => void setTimeout(callback, 0);
  const { port1, port2 } = new MessageChannel();
  let due: (() => void)[] = [];
  port1.onmessage = () => {
    const now = due;
    due = [];
    for (const callback of now) callback();
  };
  return (callback) => {
    if (due.push(callback) === 1) port2.postMessage(null);
  };
}

let chosen: ((callback: () => void) => void) | undefined;

export function afterTask(callback: () => void): void {
  chosen ??= choose();
  chosen(callback);
}
