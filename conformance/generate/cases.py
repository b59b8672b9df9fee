"""Chooses among recorded calls and writes them: one gzip'ed file per operator, and the manifest. Format: generate.py."""
import gzip
import hashlib
import json
import math
import os
import struct

import torch
from torch.utils._pytree import tree_map

from record import Alias, Slot, Stored, contiguous_strides

NAME = {getattr(torch, n): n for n in (
    'bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64').split()}


def value(x):
    """A Python argument as JSON; floats are wrapped, since 2 and 2.0 are not the same Scalar."""
    if isinstance(x, Slot):
        return {'t': x.index}
    if x is None or isinstance(x, (bool, str)):
        return x
    if isinstance(x, int):
        return x if abs(x) <= 2 ** 53 else {'i': str(x)}
    if isinstance(x, float):
        return {'f': x if math.isfinite(x) else 'nan' if math.isnan(x) else 'inf' if x > 0 else '-inf'}
    if isinstance(x, (list, tuple)):
        return [value(y) for y in x]
    if isinstance(x, torch.dtype):
        return {'dtype': NAME[x]}
    if isinstance(x, torch.device):
        return {'device': str(x)}
    if isinstance(x, torch.layout):
        return {'layout': str(x).split('.')[1]}
    if isinstance(x, torch.memory_format):
        return {'memory_format': str(x).split('.')[1]}
    raise TypeError(f'no JSON for {type(x)}')


class File:
    """One operator's cases, and the blob that they share."""

    def __init__(self, layer, base):
        self.layer, self.base, self.cases, self.blob, self.places = layer, base, [], bytearray(), {}
        self.counts = {}

    def place(self, data):
        at = self.places.get(data)
        if at is None:
            at = self.places[data] = len(self.blob)
            self.blob += data + b'\0' * (-len(data) % 8)
        return at

    def tensor(self, x):
        if x is None:
            return None
        out = {'d': NAME[x.dtype], 's': x.shape}
        if x.strides != contiguous_strides(x.shape):
            out['st'] = x.strides
        if x.offset:
            out['o'] = x.offset
        if isinstance(x, Alias):
            out['a'] = x.index
            if x.same:
                out = {'a': x.index, 'is': True}
            return out
        out['b'] = self.place(x.bytes)
        out['n'] = x.flat.numel()
        if x.group is not None:
            out['g'] = x.group
        if x.free:
            out['any'] = True
        return out

    def add(self, call, extra=None):
        dtype = NAME[call.dtype] if call.dtype else 'none'
        sample = self.counts.get((call.name, dtype), 0)
        self.counts[call.name, dtype] = sample + 1
        case = {'op': call.name, 'dtype': dtype, 'sample': sample, 'from': call.source}
        if self.layer == 'ops':
            case['level'] = call.level
        case['in'] = [self.tensor(x) for x in call.inputs]
        case['args'] = value(call.args)
        if call.kwargs:
            case['kwargs'] = {k: value(v) for k, v in call.kwargs.items()}
        if call.error:
            case['error'] = call.error
        else:
            case['out'] = [self.tensor(x) for x in call.outputs]
            case['result'] = result(call)
            if call.mutated:
                case['mutated'] = {str(k): self.tensor(v) for k, v in call.mutated.items()}
        for key, tensors in (extra or {}).items():
            case[key] = tensors if key == 'wrt' else [self.tensor(x) for x in tensors]
        self.cases.append(case)

    def write(self, folder):
        text = json.dumps({'format': 1, 'op': self.base, 'cases': self.cases}, separators=(',', ':')).encode()
        data = struct.pack('<II', len(text), len(self.blob)) + text
        data += b'\0' * (-len(data) % 8) + bytes(self.blob)
        packed = gzip.compress(data, 9, mtime=0)
        name = f'{self.base}.cases.gz'
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(packed)
        return name, {'sha256': hashlib.sha256(packed).hexdigest(), 'bytes': len(packed), 'cases': len(self.cases),
                      'operators': sorted({c['op'] for c in self.cases})}


def result(call):
    """One schema return as its value; several as an array. A list return keeps its own array inside {"list": …}."""
    returns = call.func._schema.returns
    if len(returns) == 1 and isinstance(call.result, list):
        return {'list': value(call.result)}
    return value(call.result)


def write_manifest(folder, layer, seed, files):
    manifest = {'format': 1, 'layer': layer, 'torch': torch.__version__, 'cpu': torch.backends.cpu.get_cpu_capability(),
                'seed': seed, 'cases': sum(f['cases'] for f in files.values()), 'files': dict(sorted(files.items()))}
    with open(os.path.join(folder, 'manifest.json'), 'w') as f:
        json.dump(manifest, f, indent=1)
        f.write('\n')
    return manifest
