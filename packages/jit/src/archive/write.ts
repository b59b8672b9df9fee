/** `torch.jit.save`: a module to the bytes of an archive that PyTorch loads. */
import {
  ArgumentError,
  encodeUtf8,
  type Storage,
  storageBytes,
  writeZip,
  type ZipRecord,
} from '@sconce/core';
import { execute } from '../interpreter/run.ts';
import { Func } from '../ir/function.ts';
import { type JitType, type TupleType, tupleOf } from '../ir/types.ts';
import { Tensor } from '../ops/core.ts';
import { makeTuple, ScriptObject } from '../ops/value.ts';
import { printDefinition } from '../print/definition.ts';
import { Dependencies, type Named, type NameOf } from '../print/dependencies.ts';
import { ConstantTable } from '../print/literal.ts';
import { Printer } from '../print/printer.ts';
import type { Program } from '../program.ts';
import { debugRecords } from './debug-write.ts';
import { deflated } from './deflate.ts';
import { uniqueNames } from './names.ts';
import { ScriptPickler } from './pickle.ts';

/** What `save` may be told, as PyTorch names it. */
export interface JitSaveOptions {
  /** More files for the archive: their names and what is in them. */
  readonly _extra_files?: Readonly<Record<string, string | Uint8Array>>;
}

export interface ArchiveOptions extends JitSaveOptions {
  /** The archive's inner folder; PyTorch takes the file's name without its extension, and `archive` where there is none. */
  readonly name?: string;
}

/** Classes of C++: archives name them, and hold an empty file in their place. */
const isForeign = (name: string): boolean => name.startsWith('__torch__.torch.classes.');

/** The archive of a module's object. What the program changes after this call is not saved. */
export async function writeArchive(
  root: ScriptObject,
  program: Program,
  { name = 'archive', _extra_files = {} }: ArchiveOptions = {},
): Promise<Uint8Array> {
  const states = await statesWithin(root, program);
  const nameOf = uniqueNames();
  const data = new ScriptPickler({ nameOf, states });
  data.value(root, root.type);
  // All reads are issued before the first is awaited, so that what the program changes meanwhile is not saved in part.
  const storages = readAll(data.storages.keys(), 'data');
  const code = printAll([...data.classes, root.type], nameOf);
  const constants = new ScriptPickler({ nameOf, states });
  const { entries } = code.constants;
  const type: TupleType = tupleOf(entries.map((entry) => entry.type));
  constants.value(
    makeTuple(
      entries.map((entry) => entry.value),
      type,
    ),
    type,
  );
  const constantStorages = readAll(constants.storages.keys(), 'constants');

  const extra = Object.entries(_extra_files)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, content]) => ({ name: `extra/${file}`, data: bytesOf(file, content) }));
  const records: ZipRecord[] = [
    ...extra,
    ...(await storages),
    { name: 'data.pkl', data: data.finish() },
    ...(await Promise.all(code.files.map(deflated))),
    ...(await constantStorages),
    { name: 'constants.pkl', data: constants.finish() },
    { name: code.version >= 6 ? '.data/version' : 'version', data: encodeUtf8(`${code.version}\n`) },
  ];
  return writeZip(records.map((record) => ({ ...record, name: `${name}/${record.name}` })));
}

function bytesOf(file: string, content: string | Uint8Array): Uint8Array {
  if (typeof content === 'string') return encodeUtf8(content);
  if (content instanceof Uint8Array) return content;
  throw new ArgumentError(`save: _extra_files['${file}'] is neither a string nor bytes`);
}

/** What `__getstate__` gives for each object in reach that has one. */
async function statesWithin(
  root: ScriptObject,
  program: Program,
): Promise<Map<ScriptObject, { value: unknown; type: JitType }>> {
  const states = new Map<ScriptObject, { value: unknown; type: JitType }>();
  const seen = new Set<unknown>();
  const todo: unknown[] = [root];
  while (todo.length > 0) {
    const value = todo.pop();
    if (typeof value !== 'object' || value === null || value instanceof Tensor || seen.has(value)) continue;
    seen.add(value);
    if (Array.isArray(value)) todo.push(...value);
    else if (value instanceof Map) todo.push(...value.keys(), ...value.values());
    else if (value instanceof ScriptObject) {
      const { methods } = value.type;
      const getstate = methods.get('__getstate__');
      if (getstate && methods.has('__setstate__')) {
        const state = await execute(getstate, [value], program.device);
        states.set(value, { value: state, type: getstate.signature.returns });
        todo.push(state);
      } else todo.push(...value.slots);
    }
  }
  return states;
}

const readAll = (storages: Iterable<Storage>, folder: string): Promise<ZipRecord[]> =>
  Promise.all(
    [...storages].map(async (storage, i) => ({ name: `${folder}/${i}`, data: await storageBytes(storage) })),
  );

interface PrintedCode {
  readonly files: readonly ZipRecord[];
  readonly constants: ConstantTable;
  readonly version: number;
}

/** The definitions of these and of all that they mention, each in the file that its name says. */
function printAll(roots: readonly Named[], nameOf: NameOf): PrintedCode {
  const constants = new ConstantTable();
  const dependencies = new Dependencies();
  for (const root of roots) dependencies.add(root);
  const printers = new Map<string, Printer>();
  // Printing one finds more.
  for (let i = 0; i < dependencies.found.length; i++) {
    const named = dependencies.found[i];
    const name = nameOf(named);
    const dot = name.lastIndexOf('.');
    const path = name.slice(0, dot);
    let printer = printers.get(path);
    if (!printer)
      printers.set(path, (printer = new Printer({ constants, dependencies, nameOf, reloadable: true })));
    if (named instanceof Func || !isForeign(name)) printDefinition(named, name.slice(dot + 1), printer);
  }
  const files = [...printers].flatMap(([path, { body }]) => {
    const name = `code/${path.replaceAll('.', '/')}.py`;
    return [
      { name, data: encodeUtf8(body.text) },
      { name: `${name}.debug_pkl`, data: debugRecords(body.marks) },
    ];
  });
  return { files, constants, version: Math.max(3, ...[...printers.values()].map(({ version }) => version)) };
}
