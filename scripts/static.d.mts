import type { IncomingMessage, Server, ServerResponse } from 'node:http';

export declare const isolation: Record<string, string>;
export declare const strictPolicy: string;
export interface Served {
  readonly url: string;
  readonly server: Server;
  close(): Promise<void>;
}
export declare function serve(
  folders: Record<string, string>,
  options?: {
    port?: number;
    host?: string;
    headers?: Record<string, string>;
    intercept?: (
      request: IncomingMessage,
      response: ServerResponse,
      found?: { file: string; size: number },
    ) => boolean;
  },
): Promise<Served>;
