/** A backend that does not live through every case: a scan in rank 1 ends its page, a pool of sums 2 by 2 its device. */
import { reference } from '@sconce/backend-reference';
import type { Backend } from '@sconce/core';

export function mortal(): Backend {
  const whole = reference();
  let isLost = false;
  let isCrashing = false;
  return new Proxy(whole, {
    get(target, name) {
      if (name === 'name') return 'mortal';
      if (isLost) throw new Error('the device was lost');
      if (name === 'read' && isCrashing) return () => new Promise(() => {});
      if (name !== 'compile') {
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      }
      return (kernel: Parameters<Backend['compile']>[0]) => {
        const run = whole.compile(kernel);
        if (kernel.kind === 'scan' && kernel.rank === 1)
          return () => {
            isCrashing = true;
            (globalThis as unknown as { crash(): void }).crash();
          };
        if (
          kernel.kind !== 'pool' ||
          kernel.reduce !== 'sum' ||
          `${kernel.window}` !== '2,2' ||
          kernel.stride[0] !== 2
        )
          return run;
        return () => {
          isLost = true;
          throw new Error('the device was lost');
        };
      };
    },
  });
}
