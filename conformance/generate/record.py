"""Records the ATen calls that a piece of Python makes, at two levels: as the user makes them, and below autograd.

A recorded call keeps copies of its arguments from before it ran, what it returned, and what it wrote, so that it can
be replayed by itself (`Call.replay`) and written to a case file.
"""
import torch
from torch._C import DispatchKey
from torch._dispatch.python import enable_python_dispatcher
from torch._subclasses.schema_check_mode import SchemaCheckMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

DTYPES = {
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
    torch.float16, torch.bfloat16, torch.float32, torch.float64,
}


class Unrecordable(Exception):
    """The call has something that no case holds: a complex, sparse or meta tensor, or one that is too large."""


def span(shape, strides):
    """Number of storage elements from a view's first to its last element."""
    if 0 in shape:
        return 0
    return 1 + sum((n - 1) * st for n, st in zip(shape, strides))


def contiguous_strides(shape):
    strides, n = [], 1
    for size in reversed(shape):
        strides.append(n)
        n *= max(size, 1)
    return list(reversed(strides))


class Stored:
    """A copy of one tensor: its storage window as a flat tensor, with the shape, strides and offset into it."""

    __slots__ = ('dtype', 'shape', 'strides', 'offset', 'flat', 'group', 'free')

    def __init__(self, tensor, full=False, limit=4096):
        if tensor.layout != torch.strided or tensor.dtype not in DTYPES or tensor.device.type != 'cpu':
            raise Unrecordable(str(tensor.dtype))
        tensor = tensor.detach()
        self.dtype, self.shape, self.strides = tensor.dtype, list(tensor.shape), list(tensor.stride())
        self.group, self.free = None, False
        if full:
            length = tensor.untyped_storage().nbytes() // tensor.element_size()
            self.offset = tensor.storage_offset()
            start = 0
        else:
            length = span(self.shape, self.strides)
            self.offset = 0
            start = tensor.storage_offset()
        if length > limit:
            raise Unrecordable('too large')
        self.flat = torch.as_strided(tensor, (length,), (1,), start).clone()
        if not full and length != tensor.numel():  # zeros where no index reaches, so that runs are equal
            reached = torch.zeros(length, dtype=torch.bool)
            if length:
                torch.as_strided(reached, self.shape, self.strides).fill_(True)
            self.flat[~reached] = 0

    def tensor(self, flat=None):
        flat = self.flat.clone() if flat is None else flat
        return torch.as_strided(flat, self.shape, self.strides, self.offset)

    @property
    def bytes(self):
        return self.flat.view(torch.uint8).numpy().tobytes() if self.flat.numel() else b''

    @property
    def signature(self):
        return (str(self.dtype), tuple(self.shape), tuple(self.strides), self.group)


class Slot:
    """Stands in a call's arguments for its n-th tensor."""

    def __init__(self, index):
        self.index = index

    def __repr__(self):
        return f'T{self.index}'


class Alias:
    """An output that shares memory with input `index`; `same`: it is that very tensor."""

    def __init__(self, index, same, shape, strides, offset, dtype):
        self.index, self.same, self.shape, self.strides, self.offset, self.dtype = index, same, shape, strides, offset, dtype


def schema_name(func):
    schema = func._schema
    return schema.name + (f'.{schema.overload_name}' if schema.overload_name else '')


class Call:
    """One ATen call: `args` and `kwargs` with a Slot for each tensor, `inputs` their copies, then the outcome."""

    def __init__(self, func, args, kwargs, level, source):
        self.func, self.level, self.source = func, level, source
        self.name = schema_name(func)
        self.base = func._schema.name.split('::')[1]
        self.inputs, self.live = [], []
        aliasing = any(a.alias_info for a in func._schema.arguments) or any(r.alias_info for r in func._schema.returns)
        full = self.base.startswith(('as_strided', 'resize', 'set_'))
        keys = {}

        def keep(x):
            if not isinstance(x, torch.Tensor):
                return x
            if aliasing and x.numel():
                keys.setdefault((x.untyped_storage().data_ptr(), x.dtype), []).append(len(self.live))
            self.live.append(x)
            return Slot(len(self.live) - 1)

        self.args = tree_map(keep, list(args))
        self.kwargs = tree_map(keep, dict(kwargs))
        groups = {i: g for g, members in enumerate(keys.values()) if len(members) > 1 for i in members}
        for i, x in enumerate(self.live):
            stored = Stored(x, full=full or i in groups)
            stored.group = groups.get(i)
            self.inputs.append(stored)
        if sum(s.flat.numel() for s in self.inputs) > 4096:
            raise Unrecordable('too large')
        for leaf in tree_flatten((self.args, self.kwargs))[0]:
            if isinstance(leaf, complex) or (isinstance(leaf, torch.dtype) and leaf not in DTYPES):
                raise Unrecordable('complex')
        self.mutable = func._schema.is_mutable
        self.outputs = self.result = self.error = None
        self.mutated = {}

    def build(self, requires_grad=()):
        """Fresh tensors for the inputs; those in `requires_grad` are leaves that require it."""
        flats, tensors = {}, []
        for i, stored in enumerate(self.inputs):
            if stored.group is not None:
                flat = flats.setdefault(stored.group, stored.flat.clone())
                tensors.append(stored.tensor(flat))
            else:
                tensors.append(stored.tensor())
            if i in requires_grad:
                tensors[i].requires_grad_()
        return tensors

    def invoke(self, tensors):
        put = lambda x: tensors[x.index] if isinstance(x, Slot) else x  # noqa: E731
        return self.func(*tree_map(put, self.args), **tree_map(put, self.kwargs))

    def replay(self):
        """Runs the call from its copies and keeps the outcome; True when a second run gives the same bytes."""
        first = None
        for seed in (1, 2):
            torch.manual_seed(seed)
            tensors = self.build()
            self.settle(tensors, self.invoke(tensors))
            got = self.fingerprint()
            if first is not None and got != first:
                return False
            first = got
        return True

    def fingerprint(self):
        out = [repr(self.result)]
        for o in list(self.outputs) + [self.mutated[k] for k in sorted(self.mutated)]:
            if isinstance(o, Stored):
                out.append((o.signature, o.bytes))
            elif isinstance(o, Alias):
                out.append((o.index, o.same, tuple(o.shape), tuple(o.strides), o.offset))
        return out

    def settle(self, tensors, result):
        storages = {t.untyped_storage().data_ptr(): i for i, t in reversed(list(enumerate(tensors))) if t.numel()}
        self.outputs, self.mutated = [], {}

        def keep(x):
            if not isinstance(x, torch.Tensor):
                if isinstance(x, complex):
                    raise Unrecordable('complex')
                return x
            index = next((i for i, t in enumerate(tensors) if t is x), None)
            same = index is not None
            if index is None and x.numel():
                index = storages.get(x.untyped_storage().data_ptr())
            if index is not None and x.dtype == tensors[index].dtype:
                self.outputs.append(Alias(index, same, list(x.shape), list(x.stride()), x.storage_offset(), x.dtype))
            else:
                self.outputs.append(Stored(x))
            return Slot(len(self.outputs) - 1)

        # A return of several values stays a list of them; a Tensor[] return stays one value.
        self.result = tree_map(keep, list(result) if isinstance(result, (tuple, list)) else result)
        if self.mutable:
            for i, (before, after) in enumerate(zip(self.inputs, tensors)):
                full = before.group is not None or before.offset != 0
                now = Stored(after, full=full)
                if now.signature[:3] != before.signature[:3] or now.bytes != before.bytes:
                    self.mutated[i] = now
            for o in self.outputs:
                if isinstance(o, Alias) and o.same and o.index not in self.mutated:
                    self.mutated[o.index] = Stored(tensors[o.index])

    @property
    def dtype(self):
        for s in self.inputs:
            if s.dtype != torch.bool:
                return s.dtype
        if self.inputs:
            return torch.bool
        for o in self.outputs or ():
            return o.dtype
        return None

    @property
    def signature(self):
        """What tells two calls apart other than the values of their tensors."""
        return (self.name, repr(self.args), repr(sorted(self.kwargs.items())), tuple(s.signature for s in self.inputs))

    @property
    def elements(self):
        return sum(s.flat.numel() for s in self.inputs) + sum(o.flat.numel() for o in self.outputs or () if isinstance(o, Stored))


class Below(TorchDispatchMode):
    """Records what reaches the backends: composites are taken apart, autograd has done its part."""

    def __init__(self, sink):
        super().__init__()
        self.sink = sink

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return self.sink(func, args, kwargs or {}, 'dispatch')


class Above(SchemaCheckMode):
    """Records what the user's Python call makes, before composites are taken apart (the PreDispatch key)."""

    def __init__(self, sink):
        TorchDispatchMode.__init__(self, _dispatch_key=DispatchKey.PreDispatch)
        self.sink = sink

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        # Python's own decompositions must not stand in for the kernels.
        with torch._C._DisablePythonDispatcher():
            return self.sink(func, args, kwargs or {}, 'call')


class Recorder:
    """`with recorder.watch(level):` collects the calls of that level whose names `wanted` accepts."""

    def __init__(self, wanted, source):
        self.wanted, self.source, self.calls, self.failed = wanted, source, [], None

    def sink(self, func, args, kwargs, level):
        call = None
        if self.wanted(func):
            try:
                call = Call(func, args, kwargs, level, self.source)
            except Unrecordable:
                call = None
        self.failed = None
        try:
            result = func(*args, **kwargs)
        except Exception as error:
            self.failed = (call, error)
            raise
        if call is not None:
            call.live = None
            self.calls.append(call)
        return result

    def above(self, run):
        with enable_python_dispatcher(), Above(self.sink):
            return run()

    def below(self, run):
        with Below(self.sink):
            return run()
