/** The worker's side: runs batches on a real backend, in order, and answers. Knows no platform: it gets a way to post. */
import {
  dtypeOfCode,
  type Executable,
  type Kernel,
  KernelFault,
  type Memory,
  OutOfMemoryError,
  type TypedArray,
  type View,
} from '@sconce/core/backend';
import { WasmBackend } from '../backend.ts';
import {
  ALLOCATE,
  type Answer,
  type Batch,
  COMPILE,
  type Failure,
  FREE,
  READ,
  type Resize,
  RUN,
  type Start,
  scalarOf,
  WRITE,
} from './protocol.ts';

export type Post = (answer: Answer, transfer?: ArrayBuffer[]) => void;

/** Stands for a memory or an executable that could not be made: what touches it fails for the same reason. */
class Absent extends Error {
  constructor(readonly failure: Failure) {
    super(failure.message);
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof Absent) return error.failure;
  const { name, message } = error as Error;
  if (error instanceof KernelFault) return { kind: error.fault, detail: error.detail, name, message };
  return { kind: error instanceof OutOfMemoryError ? 'memory' : 'error', name, message };
}

/** Returns what to do with each message that comes in. */
export function serve(post: Post): (message: Start | Batch | Resize) => void {
  let backend: WasmBackend;
  const memories = new Map<number, Memory | Absent>();
  const executables = new Map<number, Executable | Absent>();

  const present = <T extends object>(value: T | Absent | undefined): T => {
    if (value instanceof Absent) throw value;
    return value!;
  };

  function runBatch({ batch, commands, payloads }: Batch): void {
    let at = 0;
    let i = 0;
    /** Counts a command that may fail, and tells the client of it. The client keeps the first. */
    const attempt = (work: () => void, absent?: (failure: Absent) => void): void => {
      try {
        work();
      } catch (error) {
        const failure = failureOf(error);
        absent?.(new Absent(failure));
        post({ kind: 'failed', batch, at, failure });
      }
      at++;
    };
    const nextView = (): View => {
      const memory = present<Memory>(memories.get(commands[i]!));
      const dtype = dtypeOfCode(commands[i + 1]!);
      const offset = commands[i + 2]!;
      const rank = commands[i + 3]!;
      const shape = Array.from(commands.subarray(i + 4, i + 4 + rank));
      const strides = Array.from(commands.subarray(i + 4 + rank, i + 4 + 2 * rank));
      i += 4 + 2 * rank;
      return { memory, dtype, offset, shape, strides };
    };
    const skipView = (): void => {
      i += 4 + 2 * commands[i + 3]!;
    };
    while (i < commands.length) {
      switch (commands[i++]) {
        case ALLOCATE: {
          const [id, code, length] = [commands[i]!, commands[i + 1]!, commands[i + 2]!];
          i += 3;
          attempt(
            () => memories.set(id, backend.allocate(dtypeOfCode(code), length)),
            (absent) => memories.set(id, absent),
          );
          break;
        }
        case FREE: {
          const id = commands[i++]!;
          const memory = memories.get(id);
          memories.delete(id);
          if (memory && !(memory instanceof Absent)) backend.free(memory);
          break;
        }
        case WRITE: {
          const memory = memories.get(commands[i]!);
          if (memory && !(memory instanceof Absent))
            backend.write(memory, commands[i + 1]!, payloads[commands[i + 2]!] as TypedArray);
          i += 3;
          break;
        }
        case COMPILE: {
          const id = commands[i]!;
          const kernel = payloads[commands[i + 1]!] as Kernel;
          i += 2;
          attempt(
            () => executables.set(id, backend.compile(kernel)),
            (absent) => executables.set(id, absent),
          );
          break;
        }
        case RUN: {
          const [id, outs, ins, count] = [commands[i]!, commands[i + 1]!, commands[i + 2]!, commands[i + 3]!];
          i += 4;
          const views = i;
          for (let v = 0; v < outs + ins; v++) skipView();
          const scalars: (number | bigint)[] = [];
          for (let s = 0; s < count; s++, i += 3)
            scalars.push(scalarOf(commands[i]!, commands[i + 1]!, commands[i + 2]!));
          const end = i;
          attempt(() => {
            i = views;
            const outputs = Array.from({ length: outs }, nextView);
            const inputs = Array.from({ length: ins }, nextView);
            present<Executable>(executables.get(id))(outputs, inputs, scalars);
          });
          i = end;
          break;
        }
        case READ: {
          const [read, id, offset, length] = [
            commands[i]!,
            commands[i + 1]!,
            commands[i + 2]!,
            commands[i + 3]!,
          ];
          i += 4;
          try {
            const data = backend.readNow!(present<Memory>(memories.get(id)), offset, length);
            post({ kind: 'read', read, data }, [data.buffer as ArrayBuffer]);
          } catch (error) {
            post({ kind: 'unread', read, failure: failureOf(error) });
          }
          break;
        }
      }
    }
    post({ kind: 'done', batch });
  }

  return (message) => {
    if (message.kind === 'batch') return runBatch(message);
    if (message.kind === 'resize') {
      backend.threads = message.threads;
      return post({ kind: 'threads', threads: backend.threads });
    }
    const { kind, ...options } = message;
    try {
      backend = new WasmBackend(options);
      post({ kind: 'threads', threads: backend.threads });
      post({ kind: 'started' });
    } catch (error) {
      post({ kind: 'started', failure: failureOf(error) });
    }
  };
}
