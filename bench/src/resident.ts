/** What a process keeps in memory. */
import { readFileSync } from 'node:fs';

/** MiB. Linux tells how much of it is files' pages, which processes share; elsewhere all of it counts. */
export function resident(): number {
  try {
    return Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024;
  } catch {
    return process.memoryUsage.rss() / 2 ** 20;
  }
}
