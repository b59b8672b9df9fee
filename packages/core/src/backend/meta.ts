/** The `meta` device: shapes, strides and dtypes without data, by a backend that computes nothing. */
import { TorchError } from '../errors.ts';
import { scalarOps } from '../expr/expr.ts';
import { dtypes } from '../tensor/dtype.ts';
import type { Backend } from './backend.ts';

const refuse = (): never => {
  throw new TorchError('Cannot copy out of meta tensor; no data!');
};

export const metaBackend: Backend = {
  name: 'meta',
  deviceType: 'meta',
  capabilities: {
    dtypes: new Set(Object.values(dtypes).map((d) => d.name)),
    scalarOps: new Set(scalarOps),
    maxBindings: Infinity,
  },
  allocate: () => ({}),
  free: () => {},
  write: () => {},
  read: async () => refuse(),
  readNow: refuse,
  compile: () => () => {},
};
