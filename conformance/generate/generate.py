"""Generates conformance/cases/ops and conformance/cases/autograd from PyTorch. Run through run.sh.

The format of what it writes:

## Files
`cases/<layer>/<base>.cases.gz`, layer = `ops` | `autograd`, one file per operator base name (`add`, `softmax`, `add_` has its own file `add_`).
`cases/<layer>/manifest.json`: `{"format":1,"torch":"2.6.0","seed":…,"files":{"add.cases.gz":{"sha256":"…" (of the gzip'ed file),"bytes":n,"cases":n,"operators":["aten::add.Tensor",…]}}}`.

Each file is gzip (node `zlib.gunzipSync`, browser `DecompressionStream('gzip')`) of:

    u32 LE  byte length J of the JSON          (offset 0)
    u32 LE  byte length B of the blob          (offset 4)
    J bytes of UTF-8 JSON                      (offset 8)
    zero padding up to a multiple of 8
    B bytes of blob (little endian; every piece starts at a multiple of 8, so typed arrays may view it in place)

JSON: `{"format":1,"op":"add","cases":[Case,…]}`

## Case (layer ops)
    {
      "op": "aten::softmax.int",          // schema name; overload after the dot, no dot when it is the empty overload
      "dtype": "float32",                 // dtype of the first tensor argument that is not bool (bool when all are; of the first output where there is none)
      "sample": 3,                        // counts within (op, dtype): id = `ops:softmax.int:dtype=float32;sample=3`
      "from": "softmax",                  // the OpInfo (and variant) it came from; NAME/edges, /kinks: special values; extra/…: a sample of ours
      "level": "call" | "dispatch",       // call: what the user's Python call makes; dispatch: seen below autograd
      "in":  [Tensor,…],                  // every input tensor of the call, in order of appearance
      "args": [Value,…],                  // positional, in schema order; a missing tail means the defaults
      "kwargs": {name: Value},            // optional; keyword-only arguments given
      "out": [Tensor|null,…],             // tensor outputs (null: undefined tensor / None), in order
      "result": Value | [Value,…],        // the return with {"t": k} pointing INTO out; one schema return -> Value, several -> array (a Tensor[] return is {"list":[…]})
      "mutated": {"0": Tensor},           // only for mutating schemas: in[k] after the call (same shape/strides as in[k] unless resized)
      "error": {"type":"RuntimeError","message":"…"}   // instead of out/result: the call must throw
    }
## Case (layer autograd): as above (op, dtype, sample, from, in, args, kwargs, out, result) and
      "wrt":  [k,…],                      // indices into in: leaves that require grad (all others do not)
      "cot":  [Tensor|null,…],            // one per out: the cotangent; null for an output that takes none
      "grad": [Tensor|null,…],            // d sum(out*cot) / d in[wrt[i]]; null = undefined (no gradient)
      // optional, second order:
      "cot2":  [Tensor|null,…],           // one per grad
      "grad2": [Tensor|null,…],           // d sum(grad*cot2) / d (in[wrt[0]], …, in[wrt[n-1]], then every non-null cot, in order); null = undefined

## Tensor
    { "d": "float32", "s": [2,3], "st": [3,1]?, "o": 0?, "b": byteOffset, "n": elements, "g": 1?, "a": 0? }
- d dtype name, s shape, `st` strides in elements (absent: contiguous), `o` storage offset in elements (absent: 0).
- The storage is the `n` elements of dtype d at byte `b` of the blob; element [i,j] is at o + i*st[0] + j*st[1]. Identical storages are stored once,
  so equal `b` does NOT mean sharing. bool is one byte 0/1; float16 and bfloat16 are their 16 bits.
- `g`: tensors of one case with the same `g` are views of ONE storage (they have the same b and n) — build it once.
- `a` (outputs only): the output shares memory with in[a] (view, or the in-place result); then `o`/`st` are relative to in[a]'s storage as stored here, and `b`,`n` are absent for mutated/in-place
  results (values: mutated[a]) and for pure views (values: in[a]'s storage).
- `sameAs` (outputs only): output IS the very tensor in[a] (`{"a":0,"is":true}`).
- `any`: true (outputs only): which index is chosen among equal values is free (topk, kthvalue, median, mode at ties): shape and dtype
  are compared, values are not.
- Elements of a storage that no index reaches are zeros; outputs are stored over their span only (`o` 0).

## Value
null; true/false; JSON integer = Python int; `{"f": 2.5}` = Python float, also `{"f":"inf"|"-inf"|"nan"}`; `{"i":"9223372036854775807"}` = int beyond 2^53;
A number may also stand where the schema says Tensor (Python's wrapped number: `x + 2` is add.Tensor(x, 2)).
string = str; `{"dtype":"float32"}`, `{"layout":"strided"}`, `{"device":"cpu"}`, `{"memory_format":"contiguous_format"}`; array = list/tuple; `{"t":k}` = tensor k.
A `Scalar` argument keeps the int/float difference, that is why floats are wrapped. Where the schema says `float`, an int may stand too.
"""
import argparse
import os
import shutil
import time
import warnings
from collections import defaultdict

import torch

import extra
from autograd import gradients
from cases import NAME, File, write_manifest
from quality import accurate, keeps_its_shape, mark_ties, moderate
from record import Recorder, Unrecordable
from samples import (MAIN, SEED, SIDE, entries, record_edges, record_entry, record_errors, record_failure, seed,
                     spread)

HERE = os.path.dirname(os.path.abspath(__file__))

# How many cases one overload may have at one dtype: from its own entry in the database, from the special values, from
# extra.py, from other entries.
CAPS = {torch.float32: (16, 4, 10, 4), torch.float64: (6, 3, 4, 2), torch.int64: (8, 4, 6, 3), torch.bool: (5, 1, 4, 2)}
SIDE_CAP = (4, 2, 3, 1)
AUTOGRAD_CAPS = {torch.float64: 8, torch.float32: 3}
ERROR_CAP = 8
# Whose derivative is not that of what they compute: torchvision's counts a row and a column more at the image's end.
NOT_ITS_OWN = {'torchvision::ps_roi_pool'}


def operators():
    with open(os.path.join(HERE, 'operators.txt')) as f:
        return {line.split('#')[0].strip() for line in f} - {''}


def origin(call):
    """0: the call came from the database entry of its own name; 1: with special values; 2: from extra.py; 3: from another entry."""
    if call.source.startswith('extra/'):
        return 2
    name = call.source.split('/')[0].split('.')[-1]
    base = call.base.removeprefix('special_').removeprefix('linalg_')
    if name.strip('_') != base.strip('_'):
        return 3
    return 1 if call.source.endswith(('/edges', '/kinks')) else 0


class Collection:
    """Every recorded call, once, by overload and dtype."""

    def __init__(self, names):
        self.names, self.groups, self.errors, self.seen = names, defaultdict(list), defaultdict(list), {}

    def wanted(self, func):
        base = func._schema.name.split('::')[1]
        overload = func._schema.overload_name
        return base in self.names and not overload.endswith('out') and overload not in ('dimname', 'names')

    def add(self, calls):
        for call in calls:
            key = (call.signature, tuple(x.bytes for x in call.inputs))
            twin = self.seen.get(key)
            if twin:
                if (origin(call), call.level) < (origin(twin), twin.level):
                    twin.source, twin.level = call.source, call.level
                continue
            self.seen[key] = call
            if call.error:
                self.errors[call.name].append(call)
            else:
                dtype = call.dtype or call.kwargs.get('dtype') or torch.float32
                self.groups[call.name, dtype].append(call)

    def choose(self, name, dtype):
        """Own calls before foreign ones, what the user calls before what runs below, new shapes before new values."""
        caps = CAPS.get(dtype, SIDE_CAP)
        chosen, signatures = [], set()
        ranks = defaultdict(list)
        for call in self.groups[name, dtype]:
            fresh = call.signature not in signatures
            signatures.add(call.signature)
            ranks[origin(call), not fresh, call.level != 'call'].append(call)
        taken = [0, 0, 0, 0]
        for (kind, stale, below), calls in sorted(ranks.items()):
            room = min(caps[kind] - taken[kind], 2 if stale else caps[kind])
            for call in spread(sorted(calls, key=lambda c: c.elements), min(len(calls), room * 2)) if room > 0 else ():
                if room and settled(call):
                    chosen.append(call)
                    taken[kind] += 1
                    room -= 1
        return chosen


def settled(call):
    """Runs the call by itself; False where it cannot be, or where its outcome is nothing to hold others to."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            if not (call.replay() and keeps_its_shape(call) and accurate(call)):
                return False
            mark_ties(call)
            return True
    except (Unrecordable, RuntimeError, NotImplementedError, IndexError):
        return False


def record_extras(collection):
    for dtype in MAIN + SIDE:
        for make in extra.ALL:
            seed(make.__name__, str(dtype))
            items = make(dtype)
            while True:
                try:
                    title, run = next(items)
                except StopIteration:
                    break
                except (RuntimeError, NotImplementedError) as error:
                    print(f'  extra {make.__name__} {dtype}: {error}')
                    break
                recorder = Recorder(collection.wanted, f'extra/{title}')
                for level in ('above', 'below'):
                    seed(make.__name__, title, str(dtype))
                    try:
                        with warnings.catch_warnings():
                            warnings.simplefilter('ignore')
                            getattr(recorder, level)(run)
                    except (RuntimeError, NotImplementedError, IndexError, TypeError):
                        pass  # an operator that has no kernel for this dtype; the calls before it stand
                collection.add(recorder.calls)


def write_ops(collection, folder, only):
    files = {}
    for key in sorted(collection.groups, key=lambda k: (k[0], str(k[1]))):
        for call in collection.choose(*key):
            files.setdefault(call.base, File('ops', call.base)).add(call)
    for name in sorted(collection.errors):
        distinct = {}
        for call in collection.errors[name]:
            distinct.setdefault(call.error['message'], call)
        for call in list(distinct.values())[:ERROR_CAP]:
            files.setdefault(call.base, File('ops', call.base)).add(call)
    return finish(files, folder, 'ops')


def write_autograd(collection, folder):
    files = {}
    for name, dtype in sorted(collection.groups, key=lambda k: (k[0], str(k[1]))):
        cap = AUTOGRAD_CAPS.get(dtype, 0)
        if not cap or name in NOT_ITS_OWN:
            continue
        calls = [c for c in collection.groups[name, dtype] if 0 < c.elements <= 1000 and moderate(c)]
        small = [c for c in calls if c.elements <= 240]
        calls = small if len(small) > 2 else calls
        distinct = {}
        for call in sorted(calls, key=origin):
            distinct.setdefault(call.signature, call)
        mine = [c for c in distinct.values() if origin(c) == 0]
        edges = [c for c in distinct.values() if c.source.endswith('/kinks')]
        extras = [c for c in distinct.values() if origin(c) == 2]
        others = [c for c in distinct.values() if origin(c) == 3]
        kept = 0
        for call in spread(mine, cap) + edges[:2] + spread(extras, max(2, cap - len(mine))) + ([] if mine or extras else spread(others, 3)):
            try:
                if not settled(call):
                    continue
                fields = gradients(call, f'{SEED}:{name}:{NAME[dtype]}:{kept}')
            except (RuntimeError, NotImplementedError, Unrecordable, IndexError):
                continue
            if fields:
                files.setdefault(call.base, File('autograd', call.base)).add(call, fields)
                kept += 1
    return finish(files, folder, 'autograd')


def finish(files, folder, layer):
    folder = os.path.join(folder, layer)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    entries = dict(files[base].write(folder) for base in sorted(files))
    manifest = write_manifest(folder, layer, SEED, entries)
    size = sum(e['bytes'] for e in entries.values())
    print(f'{layer}: {len(entries)} files, {manifest["cases"]} cases, {size / 1e6:.2f} MB')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--out', required=True)
    parser.add_argument('--only', help='comma-separated base names, for a quick look')
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = operators()
    if options.only:
        names &= set(options.only.split(','))
    collection = Collection(names)
    start = time.time()
    record_extras(collection)
    for op in entries():
        for dtype in MAIN + SIDE:
            if dtype in op.supported_dtypes('cpu'):
                collection.add(record_entry(op, dtype, 2 * CAPS.get(dtype, SIDE_CAP)[0], collection.wanted))
                collection.add(record_edges(op, dtype, collection.wanted))
        collection.add(record_errors(op, collection.wanted))
    for title, run in extra.errors():
        collection.add(record_failure(f'extra/{title}', run, collection.wanted))
    print(f'recorded {sum(map(len, collection.groups.values()))} calls in {time.time() - start:.0f} s')
    write_ops(collection, options.out, options.only)
    write_autograd(collection, options.out)
    print(f'{time.time() - start:.0f} s')


if __name__ == '__main__':
    main()
