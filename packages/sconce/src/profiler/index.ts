/**
 * `torch.profiler`: what each operator and each kernel took.
 *
 *     const prof = await torch.profiler.profile(() => model(x), { record_shapes: true });
 *     console.log(prof.key_averages().table({ sort_by: 'self_cpu_time_total' }));
 *     await prof.export_chrome_trace('trace.json');
 */
import {
  type Backend,
  type Interceptor,
  intercept,
  type LaunchObserver,
  observe_launches,
  settlePending,
  Tensor,
  TorchError,
} from '@sconce/core';
import { writePath } from '../load/files.ts';
import { averagesOf, EventList, FunctionEventAvg, type SortKey, type TableOptions } from './averages.ts';
import { type EventDetail, FunctionEvent, Recorder } from './event.ts';
import { kernelName } from './kernel-name.ts';
import { chromeTrace } from './trace.ts';

export { EventList, FunctionEvent, FunctionEventAvg, type SortKey, type TableOptions };

export interface ProfileOptions {
  /** Keeps the shapes and dtypes of what operators and kernels were given. */
  readonly record_shapes?: boolean;
}

/** Whose events are being collected. */
let running: { readonly recorder: Recorder } | undefined;

/** A backend that cannot be read at once works later than it is called. */
const isLater = (backend: Backend): boolean => backend.readNow === undefined;

const shapeOf = (value: unknown): readonly number[] => (value instanceof Tensor ? [...value.shape] : []);
const dtypeOf = (value: unknown): string => (value instanceof Tensor ? value.dtype : '');

/** Operators and kernels that run while it does, with their times. */
export class Profile {
  private readonly recorder = new Recorder();
  private readonly remove: () => void;
  private isRunning = true;

  constructor(private readonly options: ProfileOptions = {}) {
    if (running)
      throw new TorchError(
        "Can't run the profiler: another profile is running. Stop it first; profiles do not nest",
      );
    // What was deferred before is not this profile's.
    settlePending();
    running = { recorder: this.recorder };
    const stopOperators = intercept(this.operator);
    const before = observe_launches(this.launch);
    this.remove = () => {
      stopOperators();
      observe_launches(before);
      running = undefined;
    };
  }

  private readonly operator: Interceptor = (operator, args, proceed) => {
    const { namespace, base } = operator.schema;
    const event = this.recorder.begin(`${namespace}::${base}`, 'operator', this.detail(args));
    try {
      return proceed();
    } finally {
      this.recorder.end(event);
    }
  };

  private readonly launch: LaunchObserver = (backend, kernel, _outputs, inputs, proceed) => {
    const shapes = this.options.record_shapes && {
      shapes: inputs.map((v) => [...v.shape]),
      dtypes: inputs.map((v) => v.dtype),
    };
    const detail = { ...shapes, backend: backend.name, isEnqueued: isLater(backend) };
    const event = this.recorder.begin(`${backend.name}::${kernelName(kernel)}`, 'kernel', detail);
    try {
      proceed();
    } finally {
      this.recorder.end(event);
    }
  };

  private detail(args: readonly unknown[]): EventDetail | undefined {
    if (!this.options.record_shapes) return undefined;
    return { shapes: args.map(shapeOf), dtypes: args.map(dtypeOf) };
  }

  /** Ends the profile, with the kernels that were still deferred. */
  stop(): void {
    if (!this.isRunning) return;
    settlePending();
    this.isRunning = false;
    this.remove();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  /** Every event in the order in which it began. */
  events(): readonly FunctionEvent[] {
    return this.recorder.events;
  }

  /** Events of one name taken together; with `group_by_input_shape`, of one name and the same shapes. */
  key_averages({ group_by_input_shape = false } = {}): EventList {
    const events = this.events();
    const list = averagesOf(events, group_by_input_shape);
    const later = [...new Set(events.filter((e) => e.isEnqueued).map((e) => e.backend))];
    list.notes = later.map(
      (name) => `${name}: times are of the calls on the host; the device does the work later`,
    );
    return list;
  }

  /**
   * The profile for chrome://tracing or ui.perfetto.dev: written to `path` where there is a file system, and returned as
   * text in any case.
   */
  async export_chrome_trace(path?: string): Promise<string> {
    const text = chromeTrace(this.events());
    if (path !== undefined) await writePath(path, new TextEncoder().encode(text));
    return text;
  }
}

/**
 * Profiles a function: gives the Profile, or a promise of it where the function is asynchronous. Without a function it
 * profiles from the call on, until `stop()` or the end of its block: `using prof = torch.profiler.profile()`.
 */
export function profile(fn: () => Promise<unknown>, options?: ProfileOptions): Promise<Profile>;
export function profile(fn: () => unknown, options?: ProfileOptions): Profile;
export function profile(options?: ProfileOptions): Profile;
export function profile(
  fn?: (() => unknown) | ProfileOptions,
  options?: ProfileOptions,
): Profile | Promise<Profile> {
  if (typeof fn !== 'function') return new Profile(fn);
  const prof = new Profile(options);
  let result: unknown;
  try {
    result = fn();
  } catch (error) {
    prof.stop();
    throw error;
  }
  if (!(result instanceof Promise)) {
    prof.stop();
    return prof;
  }
  return result.finally(() => prof.stop()).then(() => prof);
}

/** Runs `fn` as a range with a name of its own in the profile, if there is one. */
export function record_function<T>(name: string, fn: () => T): T {
  if (!running) return fn();
  const { recorder } = running;
  const event = recorder.begin(name, 'user');
  let result: T;
  try {
    result = fn();
  } finally {
    recorder.end(event);
  }
  if (!(result instanceof Promise)) return result;
  return result.finally(() => recorder.endLater(event)) as T;
}
