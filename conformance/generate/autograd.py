"""Gradients and double gradients of one recorded call, replayed with leaves that require grad."""
import warnings
import zlib

import torch
from torch.utils._pytree import tree_flatten

from quality import ACCURACY, close, in_double
from record import Stored

# PyTorch's gradient of as_strided_scatter reaches elements that the call overwrote.
NO_GRADIENT = {'as_strided_scatter'}

SECOND_ORDER_ELEMENTS = 500


def noise(like, key, i):
    generator = torch.Generator().manual_seed(zlib.crc32(f'{key}:{i}'.encode()))
    return torch.randn(like.shape, dtype=torch.float64, generator=generator).to(like.dtype)


def differentiable(call):
    if call.mutable or call.error or call.base in NO_GRADIENT:
        return []
    return [i for i, x in enumerate(call.inputs) if x.dtype.is_floating_point]


def outputs(call, wrt):
    tensors = call.build(wrt)
    result = call.invoke(tensors)
    return tensors, [x for x in tree_flatten(result)[0] if isinstance(x, torch.Tensor)]


def accepted(call, candidates):
    """The inputs that PyTorch differentiates: all of them, or those that it accepts one by one."""
    def works(wrt):
        try:
            tensors, out = outputs(call, wrt)
            live = [o for o in out if o.requires_grad]
            if not live:
                return False
            torch.autograd.grad(live, [tensors[i] for i in wrt], [torch.ones_like(o) for o in live], allow_unused=True)
            return True
        except (RuntimeError, NotImplementedError):
            return False

    if works(candidates):
        return candidates
    single = [i for i in candidates if works([i])]
    return single if len(single) <= 1 or works(single) else single[:1]


def gradients(call, key):
    """The extra fields of an autograd case, or None where nothing is differentiable."""
    candidates = differentiable(call)
    if not candidates or any(x.group is not None for x in call.inputs):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        wrt = accepted(call, candidates)
        if not wrt:
            return None
        wrt = reaching(call, wrt)
        second = not call.source.endswith('/kinks') and sum(call.inputs[i].flat.numel() for i in wrt) <= SECOND_ORDER_ELEMENTS
        torch.manual_seed(0)
        tensors, out = outputs(call, wrt)
        # What is kept is what a call that records gradients puts out: attention, for one, takes another way then.
        call.settle(tensors, call.invoke(tensors))
        cot = [noise(o, key, i) if o.requires_grad else None for i, o in enumerate(out)]
        leaves = [tensors[i] for i in wrt]
        live = [(o, c.requires_grad_()) for o, c in zip(out, cot) if c is not None]
        results = first_and_second(live, leaves, key) if second else None
        if results is None:
            tensors, out = outputs(call, wrt)
            leaves = [tensors[i] for i in wrt]
            live = [(o, c) for o, c in zip(out, cot) if c is not None]
            grad = torch.autograd.grad([o for o, _ in live], leaves, [c.detach() for _, c in live], allow_unused=True)
            results = (grad, None, None)
        grad, cot2, grad2 = results
    store = lambda xs: [None if x is None else Stored(x) for x in xs]  # noqa: E731
    if all(g is None for g in grad) or not accurate(call, wrt, cot, grad):
        return None
    extra = {'wrt': wrt, 'cot': store(cot), 'grad': store(grad)}
    if grad2 is not None:
        extra['cot2'], extra['grad2'] = store(cot2), store(grad2)
    return extra


def reaching(call, wrt):
    """Without the inputs of a backward operator whose gradient is zero whatever comes: PyTorch fills those with zeros or not."""
    if '_backward' not in call.base:
        return wrt
    tensors, out = outputs(call, wrt)
    live = [o for o in out if o.requires_grad]
    grad = torch.autograd.grad(live, [tensors[i] for i in wrt], [torch.ones_like(o) for o in live], allow_unused=True)
    return [i for i, g in zip(wrt, grad) if g is not None and bool(g.any())] or wrt


def accurate(call, wrt, cot, grad):
    """False where PyTorch's own gradients miss those that it computes in float64."""
    dtype = call.dtype
    if dtype not in ACCURACY:
        return True
    tensors, result = in_double(call, dtype, wrt)
    out = [x for x in tree_flatten(result)[0] if isinstance(x, torch.Tensor)]
    live = [(o, c.detach().to(o.dtype)) for o, c in zip(out, cot) if c is not None]
    want = torch.autograd.grad([o for o, _ in live], [tensors[i] for i in wrt], [c for _, c in live], allow_unused=True)
    return all(g is None or w is None or close(g.detach(), w, dtype) for g, w in zip(grad, want))


def first_and_second(live, leaves, key):
    """(gradients, second cotangents, second gradients), or None where PyTorch has no double backward."""
    try:
        grad = torch.autograd.grad([o for o, _ in live], leaves, [c for _, c in live], allow_unused=True, create_graph=True)
        through = [(i, g) for i, g in enumerate(grad) if g is not None and g.requires_grad]
        if not through:
            return None
        cot2 = [None] * len(grad)
        for i, g in through:
            cot2[i] = noise(g, key + ':second', i)
        grad2 = torch.autograd.grad([g for _, g in through], leaves + [c for _, c in live], [cot2[i] for i, _ in through], allow_unused=True)
        return grad, cot2, grad2
    except (RuntimeError, NotImplementedError):
        return None
