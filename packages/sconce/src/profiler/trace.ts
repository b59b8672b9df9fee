/** A profile as the text that chrome://tracing and Perfetto read: the Trace Event Format. */
import type { FunctionEvent } from './event.ts';

const categories = { operator: 'cpu_op', kernel: 'kernel', user: 'user_annotation' } as const;

/** Asynchronous ranges overlap with what is not inside them, so they have a track of their own. */
const [MAIN, RANGES] = [1, 2];

export function chromeTrace(events: readonly FunctionEvent[]): string {
  const track = (tid: number, name: string) => ({
    ph: 'M',
    name: 'thread_name',
    pid: 1,
    tid,
    args: { name },
  });
  const traceEvents = [
    { ph: 'M', name: 'process_name', pid: 1, tid: MAIN, args: { name: 'sconce' } },
    track(MAIN, 'operators and kernels'),
    ...(events.some((e) => e.isAsync) ? [track(RANGES, 'record_function, asynchronous')] : []),
    ...events.map((e) => ({
      ph: 'X',
      cat: categories[e.kind],
      name: e.name,
      pid: 1,
      tid: e.isAsync ? RANGES : MAIN,
      ts: e.start,
      dur: e.cpu_time_total,
      args: {
        ...(e.input_shapes && { 'Input Dims': e.input_shapes }),
        ...(e.input_dtypes && { 'Input type': e.input_dtypes }),
        ...(e.backend && { backend: e.backend }),
        ...(e.isEnqueued && { time: 'of the call; the device works later' }),
      },
    })),
  ];
  return JSON.stringify({ schemaVersion: 1, displayTimeUnit: 'ms', traceEvents });
}
