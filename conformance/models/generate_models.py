"""Writes the `models` layer: torchvision's classifiers, an LSTM and a transformer encoder, scripted and traced.

Run `nice /usr/bin/python3 conformance/models/generate_models.py [name ...]` with PyTorch 1.13 and torchvision 0.14.
With names, only those are written again and the manifest keeps the rest. With PyTorch 2.6 (`chroot /opt/trixie
python3 ...`), `--out 2.6` writes models-2.6.json and the archives that this version saves. README.md describes it all.
"""

import argparse
import io
import json
import sys
import time
import warnings

import torch
import torchvision
from torch import nn

import fill
from bundle import HERE, Blob, Generated, round_statistic, strip, to_bfloat16, write_manifest, write_stripped

LARGE = 400e6

# A small and a middle member of each family; the size is the smallest that the family's downsampling allows.
FAMILIES = {
    "alexnet": 64,
    "vgg11": 64,
    "vgg13_bn": 64,
    "resnet18": 64,
    "resnet50": 64,
    "resnext50_32x4d": 64,
    "squeezenet1_1": 64,
    "squeezenet1_0": 64,
    "densenet121": 64,
    "densenet169": 64,
    "inception_v3": 75,
    "googlenet": 64,
    "shufflenet_v2_x0_5": 64,
    "shufflenet_v2_x1_5": 64,
    "mobilenet_v2": 64,
    "mobilenet_v3_small": 64,
    "mobilenet_v3_large": 64,
    "mnasnet0_5": 64,
    "mnasnet1_0": 64,
    "efficientnet_b0": 64,
    "efficientnet_b3": 64,
    "efficientnet_v2_s": 64,
    "regnet_x_400mf": 64,
    "regnet_y_400mf": 64,
    "regnet_y_1_6gf": 64,
    "convnext_tiny": 64,
    "convnext_small": 64,
    "vit_b_32": 64,
    "vit_b_16": 64,
    "swin_t": 64,
    "swin_s": 64,
}


class Sequence(nn.Module):
    """Two layers of a bidirectional LSTM over sequences [N, T, 24], returning what nn.LSTM returns."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(24, 32, num_layers=2, batch_first=True, bidirectional=True)

    def forward(self, x):
        return self.lstm(x)


def encoder():
    layer = nn.TransformerEncoderLayer(d_model=32, nhead=4, dim_feedforward=64, activation="gelu", batch_first=True)
    return nn.TransformerEncoder(layer, num_layers=2)


def build(name):
    """The model in training mode, and the shape of one input without its batch."""
    if name == "lstm":
        return Sequence(), (11, 24)
    if name == "transformer_encoder":
        return encoder(), (11, 32)
    size = FAMILIES[name]
    more = {"image_size": size} if name.startswith("vit") else {}
    if name in ("googlenet", "inception_v3"):
        more["init_weights"] = False
    return getattr(torchvision.models, name)(weights=None, **more), (3, size, size)


def set_weights(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(fill.weight(name, tuple(parameter.shape))))


def set_statistics(model, shape):
    """One forward in training mode with momentum 1, then few enough bits to store; returns the buffers' names."""
    norms = {name: m for name, m in model.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)}
    if not norms:
        return []
    momenta = {name: norm.momentum for name, norm in norms.items()}
    for norm in norms.values():
        norm.momentum = 1
    aux, model.AuxLogits = getattr(model, "AuxLogits", None), None   # needs 17x17 features, which small images lack
    torch.manual_seed(0)
    model.train()
    model(Generated("statistics", (8, *shape), 2.0).tensor())
    if aux is None:
        del model.AuxLogits
    else:
        model.AuxLogits = aux
    names = []
    for name, norm in norms.items():
        norm.momentum = momenta[name]
        for buffer in ("running_mean", "running_var"):
            getattr(norm, buffer).copy_(round_statistic(getattr(norm, buffer)))
            names.append(f"{name}.{buffer}")
    return names


def first_tensor(value):
    return value if isinstance(value, torch.Tensor) else first_tensor(value[0])


def variants(model, example, grad):
    """Scripted and traced; the tracer is not asked to check, since the goldens do.

    Traced without gradients, attention takes its fast path and the trace holds aten::_native_multi_head_attention.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield "script", torch.jit.script(model)
        with torch.set_grad_enabled(grad):
            trace = torch.jit.trace(model, (example,), check_trace=False)
        yield "trace", trace


def generate(name, version):
    model, shape = build(name)
    set_weights(model)
    with torch.no_grad():
        statistics = set_statistics(model, shape)
    model.eval()
    tensors = {n: t for n, t in model.state_dict().items() if t.dtype == torch.float32}
    size = sum(t.numel() * 4 for t in tensors.values())
    inputs = [Generated(f"input.{which}", (1, *shape), 2.0) for which in "ab"]

    blob, entries = Blob(), []
    stored = {n: blob.add(to_bfloat16(tensors[n]).tobytes()) for n in statistics}
    for kind, program in variants(model, inputs[0].tensor(), not name.startswith("vit")):
        buffer = io.BytesIO()
        torch.jit.save(program, buffer)
        root, kept, recipe = strip(buffer.getvalue(), tensors, stored)
        loaded = torch.jit.load(io.BytesIO(buffer.getvalue()))
        with torch.no_grad():
            outputs = [loaded(i.tensor()) for i in inputs]
            for i in inputs:      # profiling executors specialise on the second run: the golden must not depend on it
                loaded(i.tensor())
        a, b = map(first_tensor, outputs)
        difference = (a - b).abs().max().item()
        with torch.no_grad():
            exact = first_tensor(model.double()(inputs[0].tensor().double()))
            model.float()
        error = (a - exact).abs().max().item() / difference
        assert difference > 1e-2 * a.abs().max().item() and error < 2e-5, (name, difference, a.abs().max(), error)
        path = f"archives/{version}{name}.{kind}.tgz"
        write_stripped(HERE / path, root, kept, recipe)
        entries.append(
            {
                "name": f"{version}{name}.{kind}",
                "large": size > LARGE,
                "bytes": size,
                "archive": path,
                "data": f"data/{version}{name}.gz",
                "difference": difference,
                "own_error": error,
                "calls": [
                    {"method": "forward", "inputs": [blob.value(i)], "output": blob.value(o)}
                    for i, o in zip(inputs, outputs)
                ],
            }
        )
    blob.write(HERE / f"data/{version}{name}.gz")
    return entries


def main():
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--out", default="")
    args = parser.parse_args()
    names = args.names or [*FAMILIES, "lstm", "transformer_encoder"]
    manifest = HERE / (f"models-{args.out}.json" if args.out else "models.json")
    done = {entry["name"]: entry for entry in json.loads(manifest.read_text())["cases"]} if manifest.exists() else {}
    for name in names:
        start = time.time()
        try:
            entries = generate(name, f"{args.out}/" if args.out else "")
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            continue
        done.update((entry["name"], entry) for entry in entries)
        sizes = [(HERE / p).stat().st_size for p in (*(e["archive"] for e in entries), entries[0]["data"])]
        print(f"{name}: {time.time() - start:.1f} s, {sizes} bytes, own error "
              f"{max(e['own_error'] for e in entries):.1e}", file=sys.stderr, flush=True)
        write_manifest(
            manifest.name, done.values(),
            torch=torch.__version__, torchvision=torchvision.__version__, seed=fill.SEED, tolerance=1e-4,
        )


if __name__ == "__main__":
    main()
