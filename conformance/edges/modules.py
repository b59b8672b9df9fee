"""Modules and optimisers: initialised from a seed, run, differentiated, stepped."""
import torch
from torch import nn, optim

from programs import literal, number

SEED = 191009


def tensor(t):
    return {
        "d": str(t.dtype).split(".")[1],
        "s": list(t.shape),
        "values": [number(x) for x in t.detach().flatten().tolist()],
    }


def ramp(*shape):
    """Values in (-1, 1) that need no generator: both sides compute them. Multiples of 1/64, so exact."""
    count = 1
    for n in shape:
        count *= n
    return (((torch.arange(count) * 37) % 127 - 63).to(torch.float32) / 64).view(shape)


def ints(high, *shape):
    count = 1
    for n in shape:
        count *= n
    return ((torch.arange(count) * 5 + 3) % high).view(shape)


# name: (class, args, kwargs, inputs, eval?); an input is ("ramp", shape) or ("ints", high, shape).
R = lambda *shape: ("ramp", list(shape))
I = lambda high, *shape: ("ints", high, list(shape))
MODULES = {
    "Linear": ("Linear", [4, 3], {}, [R(5, 4)]),
    "Linear-no-bias": ("Linear", [4, 3], {"bias": False}, [R(2, 5, 4)]),
    "Bilinear": ("Bilinear", [3, 4, 2], {}, [R(5, 3), R(5, 4)]),
    "Identity": ("Identity", [], {}, [R(2, 3)]),
    "Conv1d": ("Conv1d", [3, 4, 3], {"stride": 2, "padding": 1}, [R(2, 3, 9)]),
    "Conv2d": ("Conv2d", [3, 4, 3], {}, [R(2, 3, 7, 6)]),
    "Conv2d-all": ("Conv2d", [4, 6, [3, 2]], {"stride": [2, 1], "padding": [1, 2], "dilation": 2, "groups": 2, "bias": False}, [R(1, 4, 9, 8)]),
    "Conv2d-same": ("Conv2d", [2, 3, 3], {"padding": "same"}, [R(1, 2, 6, 5)]),
    "Conv2d-reflect": ("Conv2d", [2, 3, 3], {"padding": 1, "padding_mode": "reflect"}, [R(1, 2, 6, 5)]),
    "Conv3d": ("Conv3d", [2, 3, 2], {}, [R(1, 2, 4, 4, 4)]),
    "ConvTranspose1d": ("ConvTranspose1d", [3, 2, 4], {"stride": 2}, [R(2, 3, 5)]),
    "ConvTranspose2d": ("ConvTranspose2d", [3, 4, 3], {"stride": 2, "padding": 1, "output_padding": 1}, [R(1, 3, 4, 5)]),
    "BatchNorm1d": ("BatchNorm1d", [4], {}, [R(6, 4)]),
    "BatchNorm2d": ("BatchNorm2d", [3], {"momentum": 0.3}, [R(2, 3, 4, 4)]),
    "BatchNorm2d-eval": ("BatchNorm2d", [3], {}, [R(2, 3, 4, 4)], True),
    "BatchNorm2d-no-affine": ("BatchNorm2d", [3], {"affine": False, "track_running_stats": False}, [R(2, 3, 4, 4)]),
    "LayerNorm": ("LayerNorm", [[3, 4]], {}, [R(2, 3, 4)]),
    "LayerNorm-int": ("LayerNorm", [4], {"eps": 1e-3}, [R(2, 3, 4)]),
    "GroupNorm": ("GroupNorm", [2, 4], {}, [R(2, 4, 3, 3)]),
    "InstanceNorm2d": ("InstanceNorm2d", [3], {"affine": True}, [R(2, 3, 4, 4)]),
    "RMSNorm": ("RMSNorm", [4], {"eps": 1e-5}, [R(2, 4)]),
    "Embedding": ("Embedding", [7, 4], {}, [I(7, 2, 3)]),
    "Embedding-padding": ("Embedding", [7, 4], {"padding_idx": 3}, [I(7, 2, 3)]),
    "MaxPool1d": ("MaxPool1d", [3], {"stride": 2}, [R(1, 2, 9)]),
    "MaxPool2d": ("MaxPool2d", [2], {}, [R(1, 2, 6, 5)]),
    "MaxPool2d-padded": ("MaxPool2d", [3], {"stride": 2, "padding": 1, "ceil_mode": True}, [R(1, 2, 6, 6)]),
    "AvgPool2d": ("AvgPool2d", [2], {}, [R(1, 2, 6, 5)]),
    "AvgPool2d-padded": ("AvgPool2d", [3], {"stride": 2, "padding": 1, "count_include_pad": False}, [R(1, 2, 6, 6)]),
    "AdaptiveAvgPool2d": ("AdaptiveAvgPool2d", [[2, 3]], {}, [R(1, 2, 5, 7)]),
    "AdaptiveAvgPool2d-one": ("AdaptiveAvgPool2d", [1], {}, [R(2, 3, 4, 4)]),
    "AdaptiveMaxPool2d": ("AdaptiveMaxPool2d", [[2, 2]], {}, [R(1, 2, 5, 5)]),
    "Dropout-eval": ("Dropout", [0.5], {}, [R(3, 4)], True),
    "Dropout": ("Dropout", [0.3], {}, [R(4, 5)]),
    "Dropout2d": ("Dropout2d", [0.5], {}, [R(2, 4, 3, 3)]),
    "Flatten": ("Flatten", [], {}, [R(2, 3, 4)]),
    "Unflatten": ("Unflatten", [1, [2, 3]], {}, [R(2, 6)]),
    "ReLU": ("ReLU", [], {}, [R(3, 4)]),
    "ReLU6": ("ReLU6", [], {}, [R(3, 4)]),
    "LeakyReLU": ("LeakyReLU", [0.2], {}, [R(3, 4)]),
    "PReLU": ("PReLU", [4], {}, [R(3, 4)]),
    "ELU": ("ELU", [], {"alpha": 0.5}, [R(3, 4)]),
    "SELU": ("SELU", [], {}, [R(3, 4)]),
    "CELU": ("CELU", [], {}, [R(3, 4)]),
    "GELU": ("GELU", [], {}, [R(3, 4)]),
    "GELU-tanh": ("GELU", [], {"approximate": "tanh"}, [R(3, 4)]),
    "SiLU": ("SiLU", [], {}, [R(3, 4)]),
    "Mish": ("Mish", [], {}, [R(3, 4)]),
    "Sigmoid": ("Sigmoid", [], {}, [R(3, 4)]),
    "Tanh": ("Tanh", [], {}, [R(3, 4)]),
    "Hardtanh": ("Hardtanh", [-0.5, 0.25], {}, [R(3, 4)]),
    "Hardswish": ("Hardswish", [], {}, [R(3, 4)]),
    "Hardsigmoid": ("Hardsigmoid", [], {}, [R(3, 4)]),
    "Softplus": ("Softplus", [], {"beta": 2}, [R(3, 4)]),
    "Softsign": ("Softsign", [], {}, [R(3, 4)]),
    "Tanhshrink": ("Tanhshrink", [], {}, [R(3, 4)]),
    "LogSigmoid": ("LogSigmoid", [], {}, [R(3, 4)]),
    "GLU": ("GLU", [], {}, [R(3, 4)]),
    "Threshold": ("Threshold", [0.1, 5.0], {}, [R(3, 4)]),
    "Softmax": ("Softmax", [1], {}, [R(3, 4)]),
    "LogSoftmax": ("LogSoftmax", [-1], {}, [R(3, 4)]),
    "Softmin": ("Softmin", [0], {}, [R(3, 4)]),
    "RNN": ("RNN", [3, 4], {}, [R(5, 2, 3)]),
    "LSTM": ("LSTM", [3, 4], {"num_layers": 2, "batch_first": True}, [R(2, 5, 3)]),
    "LSTM-bidirectional": ("LSTM", [3, 4], {"bidirectional": True}, [R(5, 2, 3)]),
    "GRU": ("GRU", [3, 4], {}, [R(5, 2, 3)]),
    "LSTMCell": ("LSTMCell", [3, 4], {}, [R(2, 3)]),
    "GRUCell": ("GRUCell", [3, 4], {}, [R(2, 3)]),
    "RNNCell": ("RNNCell", [3, 4], {}, [R(2, 3)]),
    "MultiheadAttention": ("MultiheadAttention", [8, 2], {"batch_first": True}, [R(2, 5, 8), R(2, 5, 8), R(2, 5, 8)]),
    "TransformerEncoderLayer": ("TransformerEncoderLayer", [8, 2], {"dim_feedforward": 16, "dropout": 0.0, "batch_first": True}, [R(2, 5, 8)]),
    "ZeroPad2d": ("ZeroPad2d", [[1, 2, 0, 1]], {}, [R(1, 2, 3, 3)]),
    "ReflectionPad2d": ("ReflectionPad2d", [1], {}, [R(1, 2, 3, 3)]),
    "ReplicationPad2d": ("ReplicationPad2d", [2], {}, [R(1, 2, 3, 3)]),
    "ConstantPad1d": ("ConstantPad1d", [2, 3.5], {}, [R(1, 2, 3)]),
    "Upsample": ("Upsample", [], {"scale_factor": 2, "mode": "nearest"}, [R(1, 2, 3, 3)]),
    "Upsample-bilinear": ("Upsample", [], {"scale_factor": 2, "mode": "bilinear", "align_corners": False}, [R(1, 2, 3, 3)]),
    "PixelShuffle": ("PixelShuffle", [2], {}, [R(1, 8, 2, 3)]),
    "CosineSimilarity": ("CosineSimilarity", [], {"dim": 1}, [R(3, 4), R(3, 4)]),
    "MSELoss": ("MSELoss", [], {}, [R(3, 4), ("ramp", [3, 4])]),
    "L1Loss": ("L1Loss", [], {"reduction": "sum"}, [R(3, 4), R(3, 4)]),
    "SmoothL1Loss": ("SmoothL1Loss", [], {"beta": 0.5}, [R(3, 4), R(3, 4)]),
    "HuberLoss": ("HuberLoss", [], {"delta": 0.5}, [R(3, 4), R(3, 4)]),
    "CrossEntropyLoss": ("CrossEntropyLoss", [], {}, [R(5, 4), I(4, 5)]),
    "CrossEntropyLoss-smooth": ("CrossEntropyLoss", [], {"label_smoothing": 0.1, "ignore_index": 2}, [R(5, 4), I(4, 5)]),
    "NLLLoss": ("NLLLoss", [], {"reduction": "none"}, [R(5, 4), I(4, 5)]),
    "BCEWithLogitsLoss": ("BCEWithLogitsLoss", [], {}, [R(3, 4), R(3, 4)]),
    "KLDivLoss": ("KLDivLoss", [], {"reduction": "batchmean", "log_target": True}, [R(3, 4), R(3, 4)]),
}


def build(spec):
    return ramp(*spec[1]) if spec[0] == "ramp" else ints(spec[1], *spec[2])


def flatten(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [t for v in value for t in flatten(v)] if isinstance(value, (list, tuple)) else []


def tupled(value):
    """PyTorch wants tuples where JSON has lists."""
    return tuple(value) if isinstance(value, list) else value


def module(name, spec):
    kind, args, kwargs, inputs = spec[:4]
    torch.manual_seed(SEED)
    m = getattr(nn, kind)(*map(tupled, args), **{k: tupled(v) for k, v in kwargs.items()})
    initial = {n: tensor(t) for n, t in m.state_dict().items()}
    if len(spec) > 4:
        m.eval()
    tensors = [build(i) for i in inputs]
    # Two equal inputs would make every distance zero.
    for i, t in enumerate(tensors[1:], 1):
        if t.is_floating_point():
            tensors[i] = t * -0.5
    for t in tensors:
        t.requires_grad_(t.is_floating_point())
    outputs = flatten(m(*tensors))
    total = sum((o * ramp(*o.shape)).sum() if o.dim() else o for o in outputs if o.is_floating_point())
    total.backward()
    return {
        "name": name,
        "kind": kind,
        "args": [literal(a) for a in args],
        "kwargs": {k: literal(v) for k, v in kwargs.items()},
        "inputs": [list(i) for i in inputs],
        "eval": len(spec) > 4,
        "initial": initial,
        "text": repr(m),
        "outputs": [tensor(o) for o in outputs],
        "grads": {n: tensor(p.grad) for n, p in m.named_parameters() if p.grad is not None},
        "input_grads": [tensor(t.grad) if t.grad is not None else None for t in tensors],
        "after": {n: tensor(t) for n, t in m.named_buffers()},
    }


OPTIMIZERS = {
    "SGD": ("SGD", {"lr": 0.1}),
    "SGD-momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "SGD-nesterov": ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01}),
    "SGD-dampening": ("SGD", {"lr": 0.05, "momentum": 0.8, "dampening": 0.1}),
    "SGD-maximize": ("SGD", {"lr": 0.01, "maximize": True}),
    "Adam": ("Adam", {"lr": 0.01}),
    "Adam-amsgrad": ("Adam", {"lr": 0.02, "betas": [0.8, 0.99], "eps": 1e-6, "weight_decay": 0.1, "amsgrad": True}),
    "AdamW": ("AdamW", {"lr": 0.01, "weight_decay": 0.1}),
    "Adagrad": ("Adagrad", {"lr": 0.1, "lr_decay": 0.01}),
    "Adadelta": ("Adadelta", {"lr": 1.0}),
    "RMSprop": ("RMSprop", {"lr": 0.01}),
    "RMSprop-centered": ("RMSprop", {"lr": 0.01, "momentum": 0.5, "centered": True}),
    "Adamax": ("Adamax", {"lr": 0.02}),
    "NAdam": ("NAdam", {"lr": 0.02}),
    "RAdam": ("RAdam", {"lr": 0.02}),
}


def optimizer(name, kind, kwargs):
    """Seven steps down sum(w⁴ / 4 + ramp · w)."""
    w = ramp(3, 4).mul(1.5).requires_grad_()
    b = ramp(5).requires_grad_()
    o = getattr(optim, kind)([w, b], **{k: tupled(v) for k, v in kwargs.items()})
    losses = []
    for _ in range(7):
        o.zero_grad()
        loss = (w * w * w * w).sum() / 4 + (w * ramp(3, 4)).sum() + (b * b).sum()
        loss.backward()
        o.step()
        losses.append(number(loss.item()))
    kwargs = {k: literal(v) for k, v in kwargs.items()}
    return {"name": name, "kind": kind, "kwargs": kwargs, "losses": losses, "w": tensor(w), "b": tensor(b)}


def nn_values():
    return {
        "torch": torch.__version__,
        "seed": SEED,
        "modules": [module(n, s) for n, s in MODULES.items()],
        "optimizers": [optimizer(n, *s) for n, s in OPTIMIZERS.items()],
    }
