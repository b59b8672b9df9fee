/**
 * Bad archives, made from a good one: loading each, or at the latest calling it, must reject with an error in bounded time
 * and memory. PyTorch 1.13 itself lets some through (it checks no sums) and dies of the last.
 */
import { zip } from './archive.ts';

export interface Tampered {
  readonly name: string;
  readonly archive: Uint8Array<ArrayBuffer>;
}

type Records = Map<string, Uint8Array>;

const bytes = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
const latin1 = (data: Uint8Array) => {
  let text = '';
  for (const byte of data) text += String.fromCharCode(byte);
  return text;
};

/** `good` is the archive of the seed's traced cell with a Linear (`seed_my_cell_linear_traced`): the edits name its parts. */
export async function tampered(good: Uint8Array): Promise<Tampered[]> {
  const records = await unzip(good);
  const [first] = records.keys();
  const root = first.slice(0, first.indexOf('/'));
  const made: Tampered[] = [];
  const add = (name: string, archive: Uint8Array) => made.push({ name, archive: new Uint8Array(archive) });
  /** The archive with one record changed, or left out, and everything else consistent. */
  const edit = (name: string, record: string, change?: (text: string) => string) => {
    const path = `${root}/${record}`;
    const found = records.get(path);
    if (!found) throw new Error(`tamper: the archive has no record ${path}`);
    const changed: Records = new Map(records);
    if (change) changed.set(path, bytes(change(latin1(found))));
    else changed.delete(path);
    add(name, zip([...changed]));
  };
  const pickle = (name: string, program: string) => edit(`pickle: ${name}`, 'data.pkl', () => program);
  const swap = (name: string, record: string, from: string, to: string) =>
    edit(name, record, (text) => {
      if (!text.includes(from)) throw new Error(`tamper: ${record} does not hold ${JSON.stringify(from)}`);
      return text.replace(from, to);
    });

  add('not an archive: empty', new Uint8Array());
  add('not an archive: text', bytes('this is no model\n'.repeat(20)));
  add('not an archive: an image', bytes(`\x89PNG\r\n\x1a\n${'\0'.repeat(500)}`));
  add('not an archive: zeros', new Uint8Array(4096));
  add('not an archive: only an end record', good.slice(-22));
  add('not an archive: an empty zip', zip([]));
  for (const share of [0.01, 0.1, 0.5, 0.9]) {
    add(`truncated to ${share * 100} %`, good.slice(0, Math.floor(good.length * share)));
  }
  add('truncated by one byte', good.slice(0, -1));
  add('truncated at its head', good.slice(100));

  for (const record of ['data/0', 'data.pkl', 'code/__torch__/torch/nn/modules/linear.py']) {
    const plain = zip([...records]);
    const needle = latin1(records.get(`${root}/${record}`)!);
    const at = latin1(plain).indexOf(needle);
    plain[at + (needle.length >> 1)] ^= 0x40;
    add(`checksum: a flipped bit in ${record}`, plain);
  }
  const directory = (name: string, change: (view: DataView, entry: number, end: number) => void) => {
    const plain = zip([...records]);
    const view = new DataView(plain.buffer);
    const end = plain.length - 22;
    change(view, view.getUint32(end + 16, true), end);
    add(`directory: ${name}`, plain);
  };
  directory('a record of 4 GB claimed', (view, entry) => view.setUint32(entry + 24, 0xfffffff0, true));
  directory('a packed size of 4 GB claimed', (view, entry) => {
    view.setUint32(entry + 20, 0xfffffff0, true);
    view.setUint32(entry + 24, 0xfffffff0, true);
  });
  directory('a record beyond the file', (view, entry) => view.setUint32(entry + 42, 0x7ffffff0, true));
  directory('an unknown method of compression', (view, entry) => view.setUint16(entry + 10, 99, true));
  directory('65,535 records claimed', (view, _, end) => {
    view.setUint16(end + 8, 65534, true);
    view.setUint16(end + 10, 65534, true);
  });
  directory('itself beyond the file', (view, _, end) => view.setUint32(end + 16, 0x7ffffff0, true));
  directory('a deflated record that is none', (view, entry) => view.setUint16(entry + 10, 8, true));
  directory('a name longer than the file', (view, entry) => view.setUint16(entry + 28, 65535, true));

  for (const record of ['data.pkl', 'data/0', 'code/__torch__/torch/nn/modules/linear.py', 'version'])
    edit(`missing: ${record}`, record);
  edit('version: not a number', 'version', () => 'three\n');
  edit('version: of the far future', 'version', () => '99999\n');

  const call = (module: string, name: string, argument: string) =>
    `\x80\x02c${module}\n${name}\nX${length32(argument)}${argument}\x85R.`;
  for (const [module, name] of [
    ['os', 'system'],
    ['posix', 'system'],
    ['builtins', 'eval'],
    ['__builtin__', 'exec'],
    ['subprocess', 'call'],
    ['globalThis', 'eval'],
    ['constructor', 'constructor'],
    ['__proto__', 'polluted'],
  ])
    pickle(`imports ${module}.${name}`, call(module, name, 'echo tampered'));
  pickle('empty', '');
  pickle('no stop', '\x80\x02N');
  pickle('an unknown opcode', '\x80\x02\xff.');
  pickle('protocol 77', '\x80\x4dN.');
  pickle('stop on an empty stack', '\x80\x02.');
  pickle('a memo entry never stored', '\x80\x02h\xc8.');
  pickle('setitems on an int', '\x80\x02K\x01(K\x01K\x02u.');
  pickle('build on None', '\x80\x02N}b.');
  pickle('a mark never closed', '\x80\x02(((');
  pickle('a tuple without its mark', '\x80\x02K\x01t.');
  pickle('a string of 4 GB claimed', '\x80\x02X\xff\xff\xff\xffabc.');
  pickle('an int of 2 GB claimed', '\x80\x02\x8b\xff\xff\xff\x7fabc.');
  pickle('a frame of 2^63 bytes', `\x80\x04\x95${'\xff'.repeat(7)}\x7fN.`);
  pickle('a list inside itself', '\x80\x02]q\x00h\x00a.');
  pickle('nested 100,000 deep', `\x80\x02${']'.repeat(100_000)}${'a'.repeat(99_999)}.`);
  pickle('doubled 60 times', `\x80\x02]q\x00${'h\x00h\x00\x86q\x00'.repeat(60)}.`);
  pickle('a number where a module belongs', '\x80\x02K\x07.');
  const truncated = records.get(`${root}/data.pkl`)!;
  for (const share of [0.25, 0.5, 0.95])
    pickle(`cut at ${share * 100} %`, latin1(truncated.subarray(0, Math.floor(truncated.length * share))));

  swap('tensor: larger than its storage', 'data.pkl', '(K\x04K\x04t', '(K\x04M\xff\xfft');
  swap('tensor: of 2^31 rows', 'data.pkl', '(K\x04K\x04t', '(J\xff\xff\xff\x7fK\x04t');
  swap('tensor: with a negative size', 'data.pkl', '(K\x04K\x04t', '(J\xff\xff\xff\xffK\x04t');
  swap('tensor: strides beyond its storage', 'data.pkl', '(K\x04K\x01t', '(M\xff\xffK\x01t');
  swap('tensor: an offset beyond its storage', 'data.pkl', 'K\x00(K\x04K\x04t', 'M\xff\xff(K\x04K\x04t');
  swap('tensor: a negative offset', 'data.pkl', 'K\x00(K\x04K\x04t', 'J\xf0\xff\xff\xff(K\x04K\x04t');
  swap('tensor: fewer strides than sizes', 'data.pkl', '(K\x04K\x01t', '(K\x04t');
  swap('tensor: an unknown storage type', 'data.pkl', 'FloatStorage', 'FloatSausage');
  swap('tensor: a record of another folder', 'data.pkl', 'X\x01\0\0\x000', 'X\x0a\0\0\0../version');
  edit('tensor: a record shorter than its storage', 'data/0', (text) => text.slice(0, 20));
  swap(
    'class: not in the code',
    'data.pkl',
    'modules.linear Linear'.replace(' ', '\n'),
    'modules.linear\nLinnet',
  );
  swap('class: an attribute it lacks', 'data.pkl', 'X\x04\0\0\0bias', 'X\x04\0\0\0bird');
  swap(
    'class: a number for a tensor',
    'data.pkl',
    'h\x06((h\x07h\x08X\x01\0\0\x001q\x0fh\x0aK\x04tQq\x10K\x00(K\x04t(K\x01t\x88h\x0c)RtR',
    'K\x07',
  );

  const code = 'code/__torch__/torch/nn/modules/linear.py';
  swap('code: an unknown operator', code, 'torch.linear(', 'torch.frobnicate(');
  swap('code: a missing argument', code, 'torch.linear(x, weight, bias)', 'torch.linear()');
  swap('code: an undefined name', code, 'weight, bias)', 'weight, bison)');
  swap('code: a bracket never closed', code, 'weight, bias)', 'weight, bias');
  swap('code: a string never closed', code, 'return', 'x = "abc\n    return');
  swap('code: wrong indentation', code, '    weight = self', '  weight = self');
  swap('code: a statement that is none', code, 'return', 'import os\n    return');
  swap('code: an unknown type', code, 'x: Tensor', 'x: Tenor');
  swap('code: a wrong return type', code, '-> Tensor', '-> int');
  swap('code: a class that names itself as its base', code, 'class Linear(Module)', 'class Linear(Linear)');
  edit('code: nul bytes', code, (text) => `${text}\0\0\0`);
  edit('code: empty', code, () => '');
  swap('code: nested 100,000 deep', code, 'return torch', `return ${'('.repeat(100_000)}torch`);
  return made;
}

const length32 = (text: string) => String.fromCharCode(text.length & 255, text.length >> 8, 0, 0);

/** The records of a good archive, by its directory. */
async function unzip(archive: Uint8Array): Promise<Records> {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.length);
  const end = archive.length - 22;
  const records: Records = new Map();
  let at = view.getUint32(end + 16, true);
  for (let i = view.getUint16(end + 10, true); i > 0; i--) {
    const [packed, pathLength] = [view.getUint32(at + 20, true), view.getUint16(at + 28, true)];
    const local = view.getUint32(at + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const data = archive.slice(start, start + packed);
    const path = latin1(archive.subarray(at + 46, at + 46 + pathLength));
    records.set(path, view.getUint16(at + 10, true) === 8 ? await inflate(data) : data);
    at += 46 + pathLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return records;
}

async function inflate(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
