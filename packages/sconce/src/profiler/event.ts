/** What a profile is made of: an operator's call, a kernel's launch or a user's own range, with its time. */

export type EventKind = 'operator' | 'kernel' | 'user';

export class FunctionEvent {
  /** Microseconds since the profile began. */
  end = 0;
  /** Time that events inside this one took. */
  inside = 0;
  /** Whether it went on after its call had returned, while others ran. */
  isAsync = false;

  constructor(
    readonly name: string,
    readonly kind: EventKind,
    readonly start: number,
    /** Of the tensors among the arguments, `[]` for what is none; only on request. */
    readonly input_shapes: readonly (readonly number[])[] | undefined,
    readonly input_dtypes: readonly string[] | undefined,
    /** The backend whose kernel it is. */
    readonly backend: string | undefined,
    /** Whether the time is the call's and the work is done later, elsewhere. */
    readonly isEnqueued: boolean,
  ) {}

  /** Microseconds from its beginning to its end. */
  get cpu_time_total(): number {
    return this.end - this.start;
  }

  /** The same without what ran inside. */
  get self_cpu_time_total(): number {
    return this.isAsync ? 0 : this.cpu_time_total - this.inside;
  }
}

export interface EventDetail {
  readonly shapes?: readonly (readonly number[])[];
  readonly dtypes?: readonly string[];
  readonly backend?: string;
  readonly isEnqueued?: boolean;
}

/** Collects events as they begin and end. */
export class Recorder {
  readonly events: FunctionEvent[] = [];
  private readonly open: FunctionEvent[] = [];
  private readonly origin = performance.now();

  private now(): number {
    return (performance.now() - this.origin) * 1000;
  }

  begin(name: string, kind: EventKind, detail: EventDetail = {}): FunctionEvent {
    const { shapes, dtypes, backend, isEnqueued = false } = detail;
    const event = new FunctionEvent(name, kind, this.now(), shapes, dtypes, backend, isEnqueued);
    this.events.push(event);
    this.open.push(event);
    return event;
  }

  end(event: FunctionEvent): void {
    event.end = this.now();
    this.open.pop();
    const parent = this.open.at(-1);
    if (parent) parent.inside += event.cpu_time_total;
  }

  /** Of what returned a promise that is settled now. */
  endLater(event: FunctionEvent): void {
    event.isAsync = true;
    event.end = this.now();
  }
}
