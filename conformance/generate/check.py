"""Reads frozen cases back by the documented format alone, runs each in this PyTorch, and compares: the format's own test.

Prints the cases that differ, one id a line, and a count. With another PyTorch it shows where that version differs.
"""
import argparse
import gzip
import json
import os
import struct
import warnings
from collections import Counter

import torch
from torch.utils._pytree import tree_flatten


def load(path):
    with gzip.open(path) as f:
        data = f.read()
    length, size = struct.unpack('<II', data[:8])
    start = (8 + length + 7) // 8 * 8
    assert start + size == len(data), path
    return json.loads(data[8:8 + length]), bytearray(data[start:])


class Reader:
    def __init__(self, blob):
        self.blob = blob

    def flat(self, t):
        dtype = getattr(torch, t['d'])
        if not t['n']:
            return torch.empty(0, dtype=dtype)
        return torch.frombuffer(self.blob, dtype=dtype, count=t['n'], offset=t['b']).clone()

    def tensor(self, t, flat=None):
        flat = self.flat(t) if flat is None else flat
        strides = t.get('st') or torch.empty(t['s'], device='meta').stride()
        return torch.as_strided(flat, t['s'], strides, t.get('o', 0))

    def inputs(self, case, wrt=()):
        groups, out = {}, []
        for i, t in enumerate(case['in']):
            flat = groups.setdefault(t['g'], self.flat(t)) if 'g' in t else None
            out.append(self.tensor(t, flat))
            if i in wrt:
                out[-1].requires_grad_()
        return out


def address(tensor):
    storage = tensor.untyped_storage() if hasattr(tensor, 'untyped_storage') else tensor.storage()
    return storage.data_ptr()


def value(v, tensors):
    if isinstance(v, list):
        return [value(x, tensors) for x in v]
    if isinstance(v, dict):
        (kind, x), = v.items()
        if kind == 't':
            return tensors[x]
        if kind == 'f':
            return float(x)
        if kind == 'i':
            return int(x)
        return torch.device(x) if kind == 'device' else getattr(torch, x)
    return v


def overload(name):
    base, _, rest = name.split('::')[1].partition('.')
    return getattr(getattr(torch.ops.aten, base), rest or 'default')


def call(case, tensors):
    args = value(case['args'], tensors)
    kwargs = {k: value(v, tensors) for k, v in case.get('kwargs', {}).items()}
    return overload(case['op'])(*args, **kwargs)


def same(got, want, exact):
    if (got is None) != (want is None):
        return False
    if got is None:
        return True
    if got.dtype != want.dtype or got.shape != want.shape:
        return False
    if exact and got.numel() > 1 and got.stride() != want.stride():
        return False
    return torch.allclose(got.double(), want.double(), rtol=1e-5 if got.dtype != torch.bfloat16 else 2e-2, atol=1e-6, equal_nan=True)


def run(case, reader):
    """The reason why the case does not hold here, or None."""
    wrt = case.get('wrt', ())
    tensors = reader.inputs(case, wrt)
    try:
        result = call(case, tensors)
    except Exception as error:
        if 'error' in case:
            return None if case['error']['message'].split('\n')[0][:40] == str(error)[:40].split('\n')[0] else f'message {str(error)[:60]}'
        return f'{type(error).__name__} {str(error)[:60]}'
    if 'error' in case:
        return 'no error'
    out = [x for x in tree_flatten(result)[0] if isinstance(x, torch.Tensor)]
    stored = [t for t in case['out'] if t is not None]
    if len(out) != len(stored):
        return 'number of outputs'
    for got, t in zip(out, stored):
        if t.get('is'):
            ok = any(got is x for x in tensors[t['a']:t['a'] + 1])
        elif 'a' in t:
            source = tensors[t['a']].detach()
            ok = same(got.detach(), torch.as_strided(source, t['s'], t.get('st') or torch.empty(t['s'], device='meta').stride(), t.get('o', 0)), True)
            ok = ok and (not got.numel() or address(got) == address(source))
        else:
            want = reader.tensor(t)
            ok = same(got.detach(), want, True) or t.get('any') and got.shape == want.shape and got.dtype == want.dtype
        if not ok:
            return 'output'
    for k, t in case.get('mutated', {}).items():
        if not same(tensors[int(k)].detach(), reader.tensor(t), True):
            return 'mutated'
    return gradients(case, reader, tensors, out) if wrt else None


def gradients(case, reader, tensors, out):
    load_all = lambda key: [None if t is None else reader.tensor(t) for t in case[key]]  # noqa: E731
    cot = [None if c is None else c.requires_grad_() for c in load_all('cot')]
    leaves = [tensors[i] for i in case['wrt']]
    live = [(o, c) for o, c in zip(out, cot) if c is not None]
    second = 'grad2' in case
    got = torch.autograd.grad([o for o, _ in live], leaves, [c for _, c in live], allow_unused=True, create_graph=second)
    if not all(same(g if g is None else g.detach(), w, False) for g, w in zip(got, load_all('grad'))):
        return 'grad'
    if second:
        through = [(g, c) for g, c in zip(got, load_all('cot2')) if c is not None]
        got = torch.autograd.grad([g for g, _ in through], leaves + [c for _, c in live], [c for _, c in through], allow_unused=True)
        if not all(same(g, w, False) for g, w in zip(got, load_all('grad2'))):
            return 'grad2'
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('cases', help='conformance/cases')
    options = parser.parse_args()
    warnings.simplefilter('ignore')
    torch.set_num_threads(1)
    for layer in ('ops', 'autograd'):
        folder = os.path.join(options.cases, layer)
        with open(os.path.join(folder, 'manifest.json')) as f:
            files = json.load(f)['files']
        counts = Counter()
        for name in files:
            body, blob = load(os.path.join(folder, name))
            reader = Reader(blob)
            for case in body['cases']:
                try:
                    reason = run(case, reader)
                except Exception as error:
                    reason = f'check: {type(error).__name__} {str(error)[:80]}'
                counts[reason is None] += 1
                if reason:
                    print(f'{layer}:{case["op"].split("::")[1]}:dtype={case["dtype"]};sample={case["sample"]}  {reason}')
        print(f'{layer}: {counts[True]} hold, {counts[False]} differ')


if __name__ == '__main__':
    main()
