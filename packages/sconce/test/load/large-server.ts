/** A process of its own that makes a checkpoint of 300 MB and serves it once; prints its URL and length. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Tensor } from '@sconce/core';
import * as torch from 'sconce';

await torch.use('wasm');
const tensors = new Map<string, Tensor>();
for (let i = 0; i < 8; i++) tensors.set(`w${i}`, torch.full([9_375_000], i + 0.5) as Tensor);
const bytes = await torch.save(tensors);
const server = createServer((_, response) => {
  response.writeHead(200, { 'content-length': bytes.length });
  response.end(bytes);
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ url: `http://127.0.0.1:${port}/large.pt`, length: bytes.length }));
});
