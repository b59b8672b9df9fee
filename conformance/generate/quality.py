"""Which recorded outcomes an implementation can be held to: not chance, not ties, not PyTorch's own rounding errors."""
import torch
from torch.utils._pytree import tree_flatten, tree_map

from record import Alias, Slot, Stored

# In-place operators that are meant to change their argument's shape; elsewhere that is an accident of PyTorch's.
RESHAPING = {'squeeze_', 'unsqueeze_', 'transpose_', 't_', 'swapaxes_', 'swapdims_', 'as_strided_', 'resize_', 'set_'}

# Operators that choose freely among equal values: (operator, index output, argument position of the dim).
CHOOSING = {'topk': 2, 'kthvalue': 2, 'median': 1, 'nanmedian': 1, 'mode': 1}

# What PyTorch's own result may miss the float64 result by; beyond it the case says nothing about an implementation.
ACCURACY = {torch.float32: (8e-6, 1e-5), torch.float16: (2e-3, 1e-4), torch.bfloat16: (2e-2, 1e-4)}

# Operators whose meaning depends on the dtype, or that show its bits.
OF_THE_DTYPE = {'nextafter', 'frexp', 'nan_to_num', 'to', '_to_copy', 'type_as', 'histc', 'bucketize', 'searchsorted', 'unique'}


def keeps_its_shape(call):
    return call.base in RESHAPING or all(now.shape == call.inputs[i].shape for i, now in call.mutated.items())


def mark_ties(call):
    """Marks the index output of an operator that chooses among ties, where there are any: its values are not compared."""
    position = CHOOSING.get(call.base)
    if position is None or len(call.outputs) < 2:
        return
    x = call.inputs[0].tensor()
    dim = call.args[position] if len(call.args) > position and isinstance(call.args[position], int) else -1
    if x.dim() and x.numel():
        sorted_ = x.sort(dim).values.transpose(dim, -1)
        tied = (sorted_[..., 1:] == sorted_[..., :-1]) | (sorted_[..., 1:] != sorted_[..., 1:]) & (sorted_[..., :-1] != sorted_[..., :-1])
        call.outputs[1].free = bool(tied.any())


def close(got, want, dtype):
    """Whether float results agree as well as this dtype allows, and none is infinite or NaN that float64 gives finite."""
    rtol, atol = ACCURACY[dtype]
    got, want = got.double(), want.double()
    holds = (got - want).abs() <= atol + rtol * want.abs()
    judged = want.isfinite() & (want.abs() <= torch.finfo(dtype).max)
    return bool(holds[judged].all())


def in_double(call, dtype, requires_grad=()):
    """The call's inputs with `dtype` widened to float64, and the call's arguments likewise."""
    tensors = [t.detach().double() if t.dtype == dtype else t.detach() for t in call.build()]
    for i in requires_grad:
        tensors[i].requires_grad_()
    put = lambda x: tensors[x.index] if isinstance(x, Slot) else torch.float64 if x is dtype else x  # noqa: E731
    return tensors, call.func(*tree_map(put, call.args), **tree_map(put, call.kwargs))


def accurate(call):
    """False where PyTorch's own outcome misses what the same call gives in float64."""
    dtype = call.dtype
    if dtype not in ACCURACY or call.base in OF_THE_DTYPE or any(x.group is not None for x in call.inputs):
        return True
    try:
        tensors, result = in_double(call, dtype)
    except (RuntimeError, NotImplementedError):
        return True
    want = [x for x in tree_flatten(result)[0] if isinstance(x, torch.Tensor)]
    got = [o if isinstance(o, Stored) else call.mutated.get(o.index) if isinstance(o, Alias) else None for o in call.outputs]
    pairs = [(g, w) for g, w in zip(got, want) if g is not None]
    return all(g.dtype != dtype or w.dtype != torch.float64 or g.shape != list(w.shape) or close(g.tensor(), w, dtype) for g, w in pairs)


def moderate(call):
    """Whether its floats are finite and of moderate size: elsewhere equally good gradient formulas disagree."""
    return all(bool((x.flat.abs() <= 1000).all()) for x in call.inputs if x.dtype.is_floating_point)
