/** The values of the generators' JSON, as Sconce has them, and back; for comparing with what PyTorch answered. */
import { Device, type DType, fromTypedArray, PyFloat, Tensor, toTypedArray } from '@sconce/core';

// biome-ignore lint/suspicious/noExplicitAny: JSON
export type Json = any;

const number = (value: number | string): number =>
  typeof value === 'string' ? Number(value.replace('inf', 'Infinity')) : value;

/** An argument to call a module with. */
export function decode(json: Json): unknown {
  if (json === null || typeof json !== 'object') return json;
  if ('int' in json) return typeof json.int === 'string' ? BigInt(json.int) : json.int;
  if ('float' in json) return new PyFloat(number(json.float));
  if ('tensor' in json)
    return fromTypedArray(
      toTypedArray(json.tensor.map(number), json.dtype as DType),
      json.shape,
      json.dtype as DType,
    );
  if ('tuple' in json) return json.tuple.map(decode);
  if ('list' in json) return json.list.map(decode);
  if ('dict' in json) return new Map(json.dict.map(([k, v]: [Json, Json]) => [plain(decode(k)), decode(v)]));
  if ('device' in json) return new Device(json.device);
  throw new Error(`unknown value ${JSON.stringify(json)}`);
}

/** A value as the generators' `encode` would write it; an array is a list, whatever it stands for. */
export async function encode(value: unknown): Promise<Json> {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return { int: String(value) };
  if (value instanceof PyFloat) return { float: spelled(value.value) };
  if (typeof value === 'number') return Number.isInteger(value) ? { int: value } : { float: spelled(value) };
  if (value instanceof Tensor) {
    const { dtype, shape } = value;
    const data: Json[] = Array.from((await value.data()) as ArrayLike<number | bigint>);
    return { tensor: data.map((x) => (dtype === 'bool' ? Boolean(x) : spelled(Number(x)))), dtype, shape };
  }
  if (Array.isArray(value)) return { list: await Promise.all(value.map(encode)) };
  if (value instanceof Device) return { device: String(value) };
  if (value instanceof Map || Object.getPrototypeOf(value) === Object.prototype) {
    const entries = value instanceof Map ? [...value] : Object.entries(value);
    return { dict: await Promise.all(entries.map((entry) => Promise.all(entry.map(encode)))) };
  }
  throw new Error(`cannot spell ${String(value)}`);
}

const spelled = (value: number): number | string =>
  Number.isFinite(value) ? value : String(value).replace('Infinity', 'inf').toLowerCase();

const plain = (value: unknown): unknown => (value instanceof PyFloat ? value.value : value);

/** Where the value differs from what PyTorch gave: a path and both values. Empty when they agree, tensors to `tolerance`. */
export async function differences(
  got: unknown,
  want: Json,
  path = 'result',
  tolerance = 1e-5,
): Promise<string[]> {
  const wrong = (value: unknown) => [`${path}: got ${String(value)}, want ${JSON.stringify(want)}`];
  if (want === null || typeof want !== 'object') return got === want ? [] : wrong(got);
  if ('int' in want) {
    const value = typeof want.int === 'string' ? BigInt(want.int) : want.int;
    return got === value ? [] : wrong(got);
  }
  if ('float' in want) {
    const value = number(want.float);
    if (typeof got !== 'number') return wrong(got);
    const close = Object.is(got, value) || got === value || Math.abs(got - value) <= 1e-14 * Math.abs(value);
    return close ? [] : wrong(got);
  }
  if ('tensor' in want) {
    if (!(got instanceof Tensor)) return wrong(got);
    if (got.dtype !== want.dtype || String(got.shape) !== String(want.shape))
      return [`${path}: got ${got.dtype}[${got.shape}], want ${want.dtype}[${want.shape}]`];
    const data = await got.data();
    for (let i = 0; i < data.length; i++) {
      const [a, b] = [
        Number(data[i]),
        typeof want.tensor[i] === 'boolean' ? Number(want.tensor[i]) : number(want.tensor[i]),
      ];
      if (!(Object.is(a, b) || a === b || Math.abs(a - b) <= 0.1 * tolerance + tolerance * Math.abs(b)))
        return [`${path}[${i}]: got ${a}, want ${b}`];
    }
    return [];
  }
  const items = want.tuple ?? want.list;
  if (items) {
    if (!Array.isArray(got) || got.length !== items.length)
      return wrong(
        Array.isArray(got) ? JSON.stringify(got, (_, v) => (typeof v === 'bigint' ? `${v}n` : v)) : got,
      );
    return (
      await Promise.all(
        items.map((item: Json, i: number) => differences(got[i], item, `${path}.${i}`, tolerance)),
      )
    ).flat();
  }
  if ('dict' in want) {
    if (!(got instanceof Map) || got.size !== want.dict.length) return wrong(got);
    const entries = [...got];
    return (
      await Promise.all(
        want.dict.map(async ([k, v]: [Json, Json], i: number) => [
          ...(await differences(entries[i][0], k, `${path} key ${i}`, tolerance)),
          ...(await differences(entries[i][1], v, `${path} value ${i}`, tolerance)),
        ]),
      )
    ).flat(2);
  }
  return wrong(got);
}
