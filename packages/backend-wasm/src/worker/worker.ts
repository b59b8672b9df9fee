/** The script that the worker runs, in a browser's worker and in Node's. */
import type { Batch, Resize, Start } from './protocol.ts';
import { type Post, serve } from './serve.ts';

/** A worker's global scope, or Node's `parentPort`, as far as this script uses them. */
interface Port {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
}

interface NodePort extends Port {
  on(event: 'message', listener: (message: Start | Batch | Resize) => void): void;
}

interface Scope extends Port {
  onmessage: ((event: { data: Start | Batch | Resize }) => void) | null;
  process?: { getBuiltinModule?(name: string): { parentPort: NodePort | null } | undefined };
}

const scope = globalThis as unknown as Scope;
const parent = scope.process?.getBuiltinModule?.('node:worker_threads')?.parentPort;
const port: Port = parent ?? scope;
const post: Post = (answer, transfer = []) => port.postMessage(answer, transfer);
const receive = serve(post);

if (parent) parent.on('message', receive);
else scope.onmessage = ({ data }) => receive(data);
