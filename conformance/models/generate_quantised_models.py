"""Writes quantised-models.json, for the `models` layer: torchvision's quantised models, converted in eager mode and scripted.

Run `nice /usr/bin/python3 conformance/models/generate_quantised_models.py [name ...]` with PyTorch 1.13 and torchvision 0.14.
The integers of a weight are from our generator, and one scale for all makes them weights of the usual size; so the archive
needs none of them. The activations' scales are what PyTorch's observers made of eight images.
"""

import io
import math
import sys
import warnings

import numpy as np
import torch
import torchvision
from torch.ao import quantization
from torchvision.models import quantization as models

import fill
from bundle import HERE, Blob, Generated, strip, write_cases, write_stripped

NAMES = {
    "resnet18": {},
    "mobilenet_v2": {},
    "mobilenet_v3_large": {},
    "shufflenet_v2_x0_5": {},
    "googlenet": dict(aux_logits=False, init_weights=False),
    "inception_v3": dict(aux_logits=False, init_weights=False),
}
SIZES = {"inception_v3": 80}


def integers(name, shape):
    """From -127 to 127, each about as often."""
    return torch.from_numpy(np.floor(fill.uniform(name, shape, 127.25).astype(np.float64) + 0.5).astype(np.int8))


def scale_of(shape):
    """That of fill.weight, over 127."""
    return float(np.float32(math.sqrt((6 if len(shape) >= 4 else 3) / math.prod(shape[1:])) / 127))


def build(name):
    model = getattr(models, name)(weights=None, quantize=False, num_classes=20, **NAMES[name])
    model.eval()
    model.fuse_model(is_qat=False)
    layers = {n: m for n, m in model.named_modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))}
    weights = {}
    with torch.no_grad():
        for n, layer in layers.items():
            shape = tuple(layer.weight.shape)
            weights[n] = torch._make_per_tensor_quantized_tensor(integers(f"{n}.weight", shape), scale_of(shape), 0)
            layer.weight.copy_(weights[n].dequantize())
            layer.bias.copy_(torch.from_numpy(fill.weight(f"{n}.bias", tuple(layer.bias.shape))) - 0.25)
    model.qconfig = quantization.get_default_qconfig("qnnpack")
    quantization.prepare(model, inplace=True)
    size = SIZES.get(name, 64)
    with torch.no_grad():
        model(Generated("statistics", (8, 3, size, size), 2.0).tensor())
    quantization.convert(model, inplace=True)
    for n, layer in model.named_modules():
        if hasattr(layer, "set_weight_bias") and not n.endswith("_packed_params"):
            own = n if n in weights else f"{n}.0"
            layer.set_weight_bias(weights[own], layer.bias())
    return model, weights


def quantum_of(model):
    """The scale of what is dequantised last."""
    seen, dequantize = [], torch.Tensor.dequantize

    def observed(q):
        seen.append(q.q_scale())
        return dequantize(q)

    torch.Tensor.dequantize = observed
    return seen, lambda: setattr(torch.Tensor, "dequantize", dequantize)


def memories(weights):
    """The weights as they may lie in memory: PyTorch's engine keeps the channels of most last."""
    orders = {}
    for n, weight in weights.items():
        orders[f"{n}.weight"] = weight.int_repr()
        if weight.dim() == 4:
            orders[f"{n}.weight@last"] = weight.int_repr().permute(0, 2, 3, 1).contiguous()
    return orders


def generate(name):
    torch.backends.quantized.engine = "qnnpack"
    model, weights = build(name)
    tensors = {f"{n}.weight": weight.int_repr() for n, weight in weights.items()}
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(model), buffer)
    root, kept, recipe = strip(buffer.getvalue(), memories(weights), {})
    for entry in recipe:
        if "name" in entry:
            entry["name"], _, order = entry["name"].partition("@")
            entry["shape"] = list(tensors[entry["name"]].shape)
            entry["integers"] = "channels last" if order else "contiguous"
    loaded = torch.jit.load(io.BytesIO(buffer.getvalue()))
    # The weights stay packed for QNNPACK, whose convolutions round as FBGEMM's do. Sums and pools are to run as they do
    # beside FBGEMM too, on numbers; QNNPACK's own, in fixed point, are off by a step now and then.
    torch.backends.quantized.engine = "onednn"
    blob, calls, outputs = Blob(), [], []
    size = SIZES.get(name, 64)
    for which in "ab":
        image = Generated(f"image.{which}", (1, 3, size, size), 2.0)
        seen, stop = quantum_of(model)
        with torch.no_grad():
            model(image.tensor())
        stop()
        with torch.no_grad():
            answer = loaded(image.tensor())
        output = blob.value(answer)
        outputs.append(answer[0] if isinstance(answer, tuple) else answer)   # the others have None beside their logits
        (output["tuple"][0] if "tuple" in output else output)["tensor"]["quantum"] = seen[-1]
        calls.append({"method": "forward", "inputs": [blob.value(image)], "output": output})
    print(name, "steps between the answers:", ((outputs[0] - outputs[1]).abs().max() / seen[-1]).item(),
          "steps they span:", ((outputs[0].max() - outputs[0].min()) / seen[-1]).item(), "records kept:", {k: len(v) for k, v in kept.items() if len(v) > 30000}, file=sys.stderr)
    path = f"archives/quantised_{name}.script.tgz"
    write_stripped(HERE / path, root, kept, recipe)
    blob.write(HERE / f"data/quantised_{name}.gz")
    return {"name": f"quantised_{name}.script", "large": False, "bytes": sum(t.numel() for t in tensors.values()),
            "difference": 0, "archive": path, "data": f"data/quantised_{name}.gz", "calls": calls}


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
    write_cases("quantised-models.json", sys.argv[1:] or NAMES, generate, **versions, seed=fill.SEED)


if __name__ == "__main__":
    main()
