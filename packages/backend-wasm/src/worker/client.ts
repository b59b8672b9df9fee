/** The user's side: a backend whose memories are numbers, and whose commands travel to a worker in batches. */
import {
  type Backend,
  type CallSite,
  calledAt,
  callSite,
  type DType,
  dtypes,
  type Executable,
  type Expr,
  type Kernel,
  KernelFault,
  type Memory,
  OutOfMemoryError,
  operatorInProgress,
  TorchError,
  type TypedArray,
  type View,
} from '@sconce/core';
import { capabilities } from '../capabilities.ts';
import {
  ALLOCATE,
  type Answer,
  COMPILE,
  codeOf,
  type Failure,
  FREE,
  pushScalar,
  pushView,
  READ,
  RUN,
  WRITE,
} from './protocol.ts';
import type { Line } from './spawn.ts';

/** A memory: a number, and what it counts for. */
class Handle {
  constructor(
    readonly id: number,
    readonly bytes: number,
  ) {}
}

interface PendingRead {
  readonly resolve: (data: TypedArray) => void;
  readonly reject: (error: unknown) => void;
}

/** Where a command came from: with the line where it may fault, else the operator alone. */
type Site = CallSite | string | undefined;

/** A batch is sent at the end of the task, or when it is this long, so that the worker begins early. */
const BATCH = 4096;
const LIMIT = 2 ** 32;

const divides = (e: Expr): boolean =>
  ((e.op === 'div' || e.op === 'rem') && (e.dtype === 'int32' || e.dtype === 'int64')) ||
  ('args' in e && e.args.some(divides));

/** Whether data can be at fault in this kernel; only then is the line of a call worth its price. */
function canFault(kernel: Kernel): boolean {
  switch (kernel.kind) {
    case 'gather':
    case 'scatter':
      return true;
    case 'pointwise':
      return kernel.exprs.some(divides);
    case 'reduce':
      return kernel.folds.some((f) => divides(f.map)) || kernel.finish.some(divides);
    default:
      return false;
  }
}

export class WorkerBackend implements Backend {
  readonly name = 'wasm';
  readonly deviceType = 'cpu';
  readonly capabilities = capabilities;
  /** Settles when the worker answers for the first time. */
  readonly started: Promise<void>;

  private commands: number[] = [];
  private payloads: (TypedArray | Kernel)[] = [];
  private transfer: ArrayBuffer[] = [];
  private sites: Site[] = [];
  /** Of batches that the worker has not finished. */
  private readonly sitesOf = new Map<number, Site[]>();
  private readonly reads = new Map<number, PendingRead>();
  private fault: Error | undefined;
  private ended: string | undefined;
  private batch = 0;
  private nextId = 1;
  private inUse = 0;
  private threadCount = 1;
  private scheduled = false;

  constructor(
    private readonly line: Line,
    private readonly maximumBytes = LIMIT,
    threads?: number,
  ) {
    this.started = new Promise((resolve, reject) => {
      line.listen(
        (answer) => {
          if (answer.kind !== 'started') this.receive(answer);
          else if (answer.failure) reject(this.errorOf(answer.failure, undefined));
          else {
            if (this.reads.size === 0) line.hold(false);
            resolve();
          }
        },
        (reason) => {
          this.end(reason);
          reject(this.gone());
        },
      );
    });
    this.started.catch(() => {});
    line.post({ kind: 'start', maximumBytes, ...(threads !== undefined && { threads }) }, []);
  }

  /** What the worker said last: a change is known when it has answered. */
  get threads(): number {
    return this.threadCount;
  }

  set threads(threads: number) {
    this.alive();
    this.flush();
    this.line.post({ kind: 'resize', threads }, []);
  }

  /** Whether the worker is gone; `torch.use` then makes another. */
  get isLost(): boolean {
    return this.ended !== undefined;
  }

  allocate(dtype: DType, length: number): Memory {
    this.alive();
    const bytes = length * dtypes[dtype].bytes;
    if (this.inUse + bytes > this.maximumBytes)
      throw new OutOfMemoryError(
        `wasm (worker): cannot allocate ${bytes} bytes: ${this.inUse} bytes are in use and the limit is ${this.maximumBytes} bytes` +
          ' (dispose of tensors, use torch.scope, or await between steps so that unreachable ones are collected)',
      );
    const handle = new Handle(this.nextId++, bytes);
    this.inUse += bytes;
    this.commands.push(ALLOCATE, handle.id, codeOf(dtype), length);
    this.sites.push(operatorInProgress());
    this.schedule();
    return handle;
  }

  free(memory: Memory): void {
    const handle = memory as Handle;
    this.inUse -= handle.bytes;
    if (this.isLost) return;
    this.commands.push(FREE, handle.id);
    this.schedule();
  }

  write(memory: Memory, offset: number, data: TypedArray): void {
    this.alive();
    const copy = data.slice();
    this.transfer.push(copy.buffer as ArrayBuffer);
    this.commands.push(WRITE, (memory as Handle).id, offset, this.payloads.push(copy) - 1);
    this.schedule();
  }

  read(memory: Memory, offset: number, length: number): Promise<TypedArray> {
    if (this.isLost) return Promise.reject(this.gone());
    return new Promise((resolve, reject) => {
      const read = this.nextId++;
      this.commands.push(READ, read, (memory as Handle).id, offset, length);
      // A process waits for what it reads, and for nothing else.
      if (this.reads.size === 0) this.line.hold(true);
      this.reads.set(read, { resolve, reject });
      this.flush();
    });
  }

  compile(kernel: Kernel): Executable {
    this.alive();
    const id = this.nextId++;
    this.commands.push(COMPILE, id, this.payloads.push(kernel) - 1);
    this.sites.push(operatorInProgress());
    const mayFault = canFault(kernel);
    return (outputs, inputs, scalars = []) => {
      this.alive();
      const { commands } = this;
      commands.push(RUN, id, outputs.length, inputs.length, scalars.length);
      for (let i = 0; i < outputs.length; i++) this.view(outputs[i]!);
      for (let i = 0; i < inputs.length; i++) this.view(inputs[i]!);
      for (let i = 0; i < scalars.length; i++) pushScalar(commands, scalars[i]!);
      this.sites.push(mayFault ? callSite() : operatorInProgress());
      this.schedule();
    };
  }

  /** Ends the worker and frees all its memory; tensors that live there are lost. */
  dispose(): void {
    this.line.terminate();
    this.end('it was disposed of');
  }

  private view(view: View): void {
    pushView(this.commands, view, (view.memory as Handle).id);
  }

  private schedule(): void {
    if (this.commands.length >= BATCH) this.flush();
    else if (!this.scheduled) {
      this.scheduled = true;
      queueMicrotask(() => this.flush());
    }
  }

  private flush(): void {
    this.scheduled = false;
    if (this.commands.length === 0 || this.isLost) return;
    const batch = ++this.batch;
    const commands = Float64Array.from(this.commands);
    this.sitesOf.set(batch, this.sites);
    this.line.post({ kind: 'batch', batch, commands, payloads: this.payloads }, [
      commands.buffer,
      ...this.transfer,
    ]);
    this.commands = [];
    this.payloads = [];
    this.transfer = [];
    this.sites = [];
  }

  private receive(answer: Exclude<Answer, { kind: 'started' }>): void {
    switch (answer.kind) {
      case 'failed':
        this.fault ??= this.errorOf(answer.failure, this.sitesOf.get(answer.batch)?.[answer.at]);
        break;
      case 'threads':
        this.threadCount = answer.threads;
        break;
      case 'done':
        this.sitesOf.delete(answer.batch);
        break;
      case 'read':
      case 'unread': {
        const pending = this.reads.get(answer.read)!;
        this.reads.delete(answer.read);
        if (this.reads.size === 0) this.line.hold(false);
        const { fault } = this;
        this.fault = undefined;
        if (fault) pending.reject(fault);
        else if (answer.kind === 'unread') pending.reject(this.errorOf(answer.failure, undefined));
        else pending.resolve(answer.data);
      }
    }
  }

  private errorOf({ kind, detail, name, message }: Failure, site: Site): Error {
    if (kind === 'index' || kind === 'division') return new KernelFault(kind, detail, site);
    const operator = typeof site === 'object' ? site.operator : site;
    const text = operator === undefined ? message : `${message} (in ${operator})`;
    const error = kind === 'memory' ? new OutOfMemoryError(text) : new TorchError(text);
    error.name = name;
    return typeof site === 'object' ? calledAt(error, site) : error;
  }

  private gone(): TorchError {
    return new TorchError(
      `the worker of backend 'wasm' has ended (${this.ended}), and its tensors with it: call torch.use('wasm', { worker: true }) again`,
    );
  }

  private alive(): void {
    if (this.ended !== undefined) throw this.gone();
  }

  private end(reason: string): void {
    if (this.ended !== undefined) return;
    this.ended = reason;
    for (const { reject } of this.reads.values()) reject(this.gone());
    this.reads.clear();
    this.sitesOf.clear();
  }
}
