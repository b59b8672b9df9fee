export { crc32, decodeUtf8, encodeUtf8 } from './bytes.ts';
export { inflate } from './inflate.ts';
export { commonGlobals, type Unpickled, type UnpickleOptions, unpickle } from './pickle.ts';
export { OrderedDict, type PickleActions, PickleGlobal, PickleTuple, tuple } from './pickle-values.ts';
export { type PickleOptions, PickleWriter, pickle } from './pickle-writer.ts';
export { isZip, readZip, type ZipArchive } from './zip.ts';
export { writeZip, type ZipRecord } from './zip-writer.ts';
