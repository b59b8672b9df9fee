/** The goldens that generate.py wrote, and the digests they are given as. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';

export const goldens = JSON.parse(readFileSync(new URL('goldens.json', import.meta.url), 'utf8'));
export const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
export const unpacked = (text: string): Uint8Array =>
  new Uint8Array(inflateSync(Buffer.from(text, 'base64')));
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
