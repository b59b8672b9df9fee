"""Walks PyTorch's operator database: which entries, which dtypes, which samples, and runs each under a recorder."""
import sys
import types
import warnings
import zlib

import torch

# The database imports this module for tests of its own; nothing here uses it.
stub = types.ModuleType('expecttest')
stub.TestCase = __import__('unittest').TestCase
stub.assert_expected_inline = None
sys.modules.setdefault('expecttest', stub)

from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402
from torch.testing._internal.opinfo.core import BinaryUfuncInfo, ReductionOpInfo, UnaryUfuncInfo  # noqa: E402
from torch.utils._pytree import tree_flatten, tree_map  # noqa: E402

from record import Recorder  # noqa: E402

SEED = 191009
MAIN = [torch.float32, torch.float64, torch.int64, torch.bool]
SIDE = [torch.float16, torch.bfloat16, torch.int32, torch.uint8, torch.int8, torch.int16]
LARGE = 2048

SKIP_PREFIXES = ('fft.', 'sparse.', 'masked.', 'signal.', 'jiterator', 'special.', 'torch._scaled', 'torch.ops.aten._flash',
                 'torch.ops.aten._efficient', 'linalg.')
SKIP = {'stft', 'istft', 'to_sparse', 'svd', 'svd_lowrank', 'pca_lowrank', 'lu', 'lu_solve', 'lu_unpack', 'qr', 'geqrf', 'ormqr',
        'cholesky', 'cholesky_inverse', 'cholesky_solve', 'triangular_solve', 'pinverse', 'logdet', 'matrix_exp', 'polar',
        'complex', 'view_as_complex', 'view_as_real', 'cdouble', 'cfloat', 'chalf', 'cauchy', 'exponential', 'geometric',
        'log_normal', 'normal', 'uniform', 'multinomial', 'bernoulli', 'randn', 'randn_like', 'rand_like', 'randint',
        'randint_like', 'empty', 'empty_like', 'empty_strided', 'empty_permuted', 'new_empty', 'new_empty_strided',
        'broadcast_shapes', 'gradient', 'histogramdd', '_segment_reduce', 'to'}
KEEP = {'linalg.cross', 'linalg.diagonal', 'linalg.vecdot', 'linalg.matrix_power', 'linalg.multi_dot', 'linalg.norm',
        'linalg.matrix_norm', 'linalg.vector_norm', 'linalg.vander', 'special.entr', 'special.log_ndtr', 'special.xlog1py',
        'special.ndtr', 'special.zeta', 'special.erfcx', 'special.ndtri', 'special.i0e', 'special.i1', 'special.i1e',
        'special.polygamma'}


def entries():
    for op in op_db:
        if op.name in KEEP or not (op.name in SKIP or op.name.startswith(SKIP_PREFIXES)):
            yield op


def seed(*what):
    torch.manual_seed(zlib.crc32(repr((SEED,) + what).encode()))


def elements(sample):
    return sum(x.numel() for x in tree_flatten((sample.input, sample.args, sample.kwargs))[0] if isinstance(x, torch.Tensor))


def spread(items, count):
    """At most `count` of the items, evenly over their order, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)] if count > 1 else list(items[:1])


def describe(sample):
    show = lambda x: (tuple(x.shape), x.stride(), x.dtype) if isinstance(x, torch.Tensor) else x  # noqa: E731
    return repr(tree_map(show, (sample.input, list(sample.args), sample.kwargs)))


def samples(op, dtype, count):
    """Small samples of one entry: its own first, then its reference inputs, which broadcast, promote and go to extremes."""
    seen, kept = set(), []
    for kind in ('sample_inputs', 'reference_inputs'):
        seed(op.name, op.variant_test_name, str(dtype), kind)
        got = []
        try:
            for i, sample in enumerate(getattr(op, kind)('cpu', dtype, requires_grad=False)):
                if i > 400:
                    break
                if elements(sample) > LARGE:
                    continue
                key = describe(sample)
                if key not in seen:
                    seen.add(key)
                    got.append(sample)
        except Exception as error:  # an entry may want a library that is not here
            print(f'  {op.name} {kind} {dtype}: {type(error).__name__} {str(error)[:80]}')
        kept += spread(got, count - len(kept) if kind == 'reference_inputs' else (count * 2) // 3 if got else 0)
        if kind == 'sample_inputs' and op.reference_inputs_func is None:
            kept = spread(got, count)
            break
    return kept


def copied(x):
    return x.clone(memory_format=torch.preserve_format) if isinstance(x, torch.Tensor) else x


def record_entry(op, dtype, count, wanted):
    """All calls of one entry at one dtype: out of place and in place as called, then below autograd, backward included."""
    title = op.name + (f'/{op.variant_test_name}' if op.variant_test_name else '')
    recorder = Recorder(wanted, title)
    for i, sample in enumerate(samples(op, dtype, count)):
        args, kwargs = sample.args, sample.kwargs
        runs = [('above', op.op, sample.input)]
        if op.inplace_variant is not None and isinstance(sample.input, torch.Tensor):
            runs.append(('above', op.inplace_variant, copied(sample.input)))
        if dtype in (torch.float32, torch.int64):
            runs += [('above', alias.op, sample.input) for alias in op.aliases if callable(alias.op)]
        runs.append(('below', op.op, sample.input))
        for level, run, input in runs:
            seed(title, str(dtype), i)
            before = len(recorder.calls)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter('ignore')
                    getattr(recorder, level)(lambda: run(input, *args, **kwargs))
            except Exception:
                # In-place on a promoted or broadcast input, mostly: error cases are recorded by themselves.
                del recorder.calls[before:]
        if dtype in (torch.float32, torch.float64) and op.supports_autograd:
            record_backward(recorder, op, sample)
    return recorder.calls


def record_backward(recorder, op, sample):
    def need(x):
        return x.detach().requires_grad_() if isinstance(x, torch.Tensor) and x.dtype.is_floating_point else x

    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            input, args, kwargs = tree_map(need, (sample.input, sample.args, sample.kwargs))
            out = tree_flatten(op.op(input, *args, **kwargs))[0]
            out = [o for o in out if isinstance(o, torch.Tensor) and o.requires_grad]
            leaves = [x for x in tree_flatten((input, args, kwargs))[0] if isinstance(x, torch.Tensor) and x.requires_grad]
            if out:
                recorder.below(lambda: torch.autograd.grad(out, leaves, [torch.randn_like(o) for o in out], allow_unused=True))
    except Exception:
        pass


FLOATS = [float('nan'), float('inf'), float('-inf'), 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 1e-3, 1e-20, 40.0, -40.0, 1e4]
PAIRED = [float('nan'), float('inf'), float('-inf'), 0.0, -0.0, 1.0, -1.0, 2.5, -3.0]
KINKS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 3.0, -3.0, 6.0, -20.0, 21.0]


def edge_tensors(dtype):
    """(for one operand, for the outer product of two): the values at which implementations differ."""
    if dtype == torch.bool:
        values = pairs = [False, True]
    elif dtype.is_floating_point:
        info = torch.finfo(dtype)
        values, pairs = FLOATS + [info.max, info.min, info.tiny, info.tiny / 2, info.eps], PAIRED
    else:
        info = torch.iinfo(dtype)
        values = sorted({0, 1, 2, 3, 7, info.max, info.min, info.max - 1} | ({-1, -2, -7} if dtype.is_signed else set()))
        # Not -1: the least integer divided by it traps on x86.
        pairs = sorted({0, 1, 3, 7, info.max, info.min} | ({-3} if dtype.is_signed else set()))
    return plain_nan(torch.tensor(values).to(dtype)), plain_nan(torch.tensor(pairs).to(dtype))


def plain_nan(x):
    """The positive quiet NaN: conversion to bfloat16 makes a negative one, which not every host can carry."""
    if x.dtype == torch.bfloat16:
        x.view(torch.int16)[x.isnan()] = 0x7fc0
    return x


def edge_runs(op, one, two):
    """The argument lists with which an elementwise or folding entry meets these values."""
    if op.name in CONVERSIONS or op.name in ('lcm', 'gcd'):  # out of range, C++ leaves them undefined or traps
        return []
    n = len(two)
    a, b = two[:, None].expand(-1, n).contiguous(), two.expand(n, -1).contiguous()
    if isinstance(op, BinaryUfuncInfo):
        nonzero = [(a[:, 1:].contiguous(), b[b != 0].view(n, -1))] if not one.dtype.is_floating_point else []
        return [(a, b)] + nonzero
    if isinstance(op, UnaryUfuncInfo) or op.name.startswith('nn.functional.') and op.name.split('.')[-1] in ACTIVATIONS:
        return [(one,)]
    if isinstance(op, ReductionOpInfo):
        return [(one,), (a, 1), (one[:0],)]
    return [(b, 1), (a, 0)] if op.name in ALONG_A_DIM else []


def record_edges(op, dtype, wanted):
    """Elementwise entries at NaN, infinities, both zeros, ties and the ends of the range; and at finite kinks, for gradients."""
    calls = []
    sets = [('edges', edge_tensors(dtype))]
    if dtype in (torch.float32, torch.float64):
        kinks = torch.tensor(KINKS, dtype=dtype)
        sets.append(('kinks', (kinks, kinks[:6])))
    for title, (one, two) in sets:
        recorder = Recorder(wanted, f'{op.name}/{title}')
        for args in edge_runs(op, one, two):
            for level in ('above', 'below'):
                before = len(recorder.calls)
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter('ignore')
                        getattr(recorder, level)(lambda: op.op(*args))
                except Exception:
                    del recorder.calls[before:]
        calls += recorder.calls
    return calls


CONVERSIONS = {'bfloat16', 'bool', 'byte', 'char', 'double', 'float', 'half', 'int', 'long', 'short'}
ALONG_A_DIM = {'sort', 'argsort', 'cumsum', 'cumprod', 'cummax', 'cummin', 'logcumsumexp', 'softmax', 'log_softmax', 'logsumexp',
               'median', 'nanmedian', 'mode', 'diff', 'topk'}
ACTIVATIONS = {'relu', 'gelu', 'silu', 'mish', 'softplus', 'softsign', 'tanhshrink', 'hardswish', 'hardsigmoid', 'hardtanh', 'relu6',
               'leaky_relu', 'elu', 'selu', 'celu', 'logsigmoid', 'hardshrink', 'softshrink'}


def record_failure(source, run, wanted):
    """The call that throws inside `run`, with the type and message that it throws."""
    recorder = Recorder(wanted, source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            recorder.above(run)
    except Exception:
        if recorder.failed and recorder.failed[0]:
            call, error = recorder.failed
            call.live = None
            call.error = {'type': type(error).__name__, 'message': str(error).split('\nException raised from')[0]}
            return [call]
    return []


def record_errors(op, wanted):
    """The error samples of one entry."""
    title = op.name + (f'/{op.variant_test_name}' if op.variant_test_name else '')
    if op.error_inputs_func is None:
        return []
    seed(title, 'errors')
    try:
        errors = [item.sample_input for item in op.error_inputs('cpu')]
    except Exception:
        return []
    return [call for x in errors for call in record_failure(title, lambda: op.op(x.input, *x.args, **x.kwargs), wanted)]
