/** What the backend says of itself, on whichever thread it runs. */
import { type Capabilities, type DType, dtypes, scalarOps } from '@sconce/core/backend';

export const capabilities: Capabilities = {
  dtypes: new Set(Object.keys(dtypes) as DType[]),
  scalarOps: new Set(scalarOps),
  maxBindings: 64,
  // Below, a kernel costs less than putting two calls together does.
  defersFrom: 8192,
};
