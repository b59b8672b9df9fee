/** An http server that sends bytes as a test wants them: in pieces, cut off, with or without a length. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

export interface Served {
  readonly bytes: Uint8Array;
  /** Bytes to a piece, and milliseconds between two. */
  readonly piece?: number;
  readonly every?: number;
  /** Ends the connection after so many bytes. */
  readonly cutAfter?: number;
  /** Whether to announce the length. */
  readonly withLength?: boolean;
  readonly status?: number;
}

export interface Server {
  readonly url: string;
  /** Puts a file under a name. */
  serve(name: string, served: Served): string;
  /** How often a name was asked for. */
  asked(name: string): number;
  close(): Promise<void>;
}

async function send(response: ServerResponse, served: Served): Promise<void> {
  const { bytes, piece = 1 << 16, every = 0, cutAfter, withLength = true, status = 200 } = served;
  response.writeHead(status, withLength ? { 'content-length': bytes.length } : {});
  response.setMaxListeners(0);
  const end = cutAfter ?? bytes.length;
  for (let at = 0; at < end; at += piece) {
    if (response.destroyed) return;
    const isFlowing = response.write(bytes.subarray(at, Math.min(at + piece, end)));
    if (!isFlowing) await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
    if (every > 0) await wait(every);
  }
  if (cutAfter === undefined) response.end();
  else {
    await wait(20);
    response.destroy();
  }
}

export async function startServer(): Promise<Server> {
  const files = new Map<string, Served>();
  const counts = new Map<string, number>();
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const name = request.url!.slice(1);
    counts.set(name, (counts.get(name) ?? 0) + 1);
    const served = files.get(name);
    if (served) void send(response, served);
    else response.writeHead(404).end('there is no such file');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    serve(name, served) {
      files.set(name, served);
      return `${url}/${name}`;
    },
    asked: (name) => counts.get(name) ?? 0,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
