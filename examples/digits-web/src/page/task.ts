/**
 * Letting the browser take its turn. A message to ourselves comes back after whatever input is waiting; it is neither held
 * to 4 ms as nested timers are, nor slowed to one a second in a background tab, nor tied to frames that no one sees.
 */
const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()?.();

export const nextTask = (): Promise<void> =>
  new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(null);
  });
