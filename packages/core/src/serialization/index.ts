export { crc32, decodeUtf8, encodeUtf8 } from './bytes.ts';
export { isPickle, type LoadOptions, load } from './checkpoint.ts';
export { inflate } from './inflate.ts';
export { commonGlobals, type Unpickled, type UnpickleOptions, unpickle } from './pickle.ts';
export { OrderedDict, type PickleActions, PickleGlobal, PickleTuple, tuple } from './pickle-values.ts';
export { type PickleOptions, PickleWriter, pickle } from './pickle-writer.ts';
export { type Received, type ReceivedArchive, type ReceiveOptions, receive } from './receive.ts';
export {
  isSafetensors,
  loadSafetensors,
  readSafetensors,
  type SafetensorsEntry,
  type SafetensorsFile,
  saveSafetensors,
  writeSafetensors,
} from './safetensors.ts';
export { type SaveOptions, save, storageBytes } from './save.ts';
export { readStateDict, type StateDictSource } from './state-dict.ts';
export {
  arrayFromBytes,
  bytesOfArray,
  checkLayout,
  StorageLoader,
  type StoredLayout,
} from './tensor-bytes.ts';
export {
  type StoredStorage,
  storageClasses,
  storageDTypes,
  storageOfId,
  tensorGlobals,
} from './tensor-globals.ts';
export { isZip, readZip, type ZipArchive } from './zip.ts';
export { writeZip, type ZipRecord } from './zip-writer.ts';
