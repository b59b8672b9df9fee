/** Subresource Integrity of what is loaded: `sha256-…` as it comes, the longer ones by WebCrypto at the end. */
import { ArgumentError, TorchError } from '@sconce/core';
import { Sha256 } from './sha256.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

const algorithms = { sha256: 32, sha384: 48, sha512: 64 } as const;

export class Digest {
  readonly #algorithm: keyof typeof algorithms;
  readonly #wanted: string;
  readonly #sha256 = new Sha256();
  /** WebCrypto takes a message whole. */
  readonly #chunks: Bytes[] = [];

  /** Throws for what is no digest. */
  constructor(integrity: string) {
    const [, algorithm = '', value = ''] = /^(sha\d+)-([A-Za-z0-9+/_-]+={0,2})$/.exec(integrity.trim()) ?? [];
    const wanted = value.replaceAll('-', '+').replaceAll('_', '/');
    const length = algorithms[algorithm as keyof typeof algorithms];
    if (length === undefined || Math.floor((wanted.replace(/=+$/, '').length * 3) / 4) !== length)
      throw new ArgumentError(
        `integrity: '${integrity}' is no digest: give one as 'sha256-…', 'sha384-…' or 'sha512-…' in base64 (openssl dgst -sha256 -binary FILE | base64)`,
      );
    this.#algorithm = algorithm as keyof typeof algorithms;
    this.#wanted = wanted.replace(/=+$/, '');
  }

  update(chunk: Bytes): void {
    if (this.#algorithm === 'sha256') this.#sha256.update(chunk);
    else this.#chunks.push(chunk);
  }

  /** What is wrong with all that came; undefined where it is what was meant. */
  async mismatch(): Promise<string | undefined> {
    const got = base64(await this.#finish());
    return got.replace(/=+$/, '') === this.#wanted
      ? undefined
      : `its digest is ${this.#algorithm}-${got}, and ${this.#algorithm}-${this.#wanted} was wanted`;
  }

  async #finish(): Promise<Uint8Array> {
    if (this.#algorithm === 'sha256') return this.#sha256.finish();
    const { subtle } = globalThis.crypto ?? {};
    if (!subtle)
      throw new TorchError(
        `integrity: ${this.#algorithm} needs WebCrypto, which browsers have on https and localhost only: use sha256`,
      );
    const name = this.#algorithm.replace('sha', 'SHA-');
    return new Uint8Array(await subtle.digest(name, await new Blob(this.#chunks).arrayBuffer()));
  }
}
