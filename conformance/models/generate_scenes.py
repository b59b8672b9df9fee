"""Writes scenes.json, for the `models` layer: detection (with nms and roi_align) and segmentation models of torchvision, scripted.

Run `nice /usr/bin/python3 conformance/models/generate_scenes.py [name ...]` with PyTorch 1.13 and torchvision 0.14.
A detection is kept or dropped by a comparison, so rounding may change how many there are: the images are the first from
our generator for which three models whose weights are all a few units in the last place off detect the same.
"""

import io
import sys
import warnings

import torch
import torchvision

import fill
from bundle import HERE, Blob, Generated, round_statistic, strip, to_bfloat16, write_cases, write_stripped

# Few classes and small images, so that a run takes a second or so; thresholds that some of the random scores pass.
MODELS = {
    "fasterrcnn_mobilenet_v3_large_320_fpn": dict(
        num_classes=5, min_size=96, max_size=128, rpn_pre_nms_top_n_test=40, rpn_post_nms_top_n_test=20,
        box_detections_per_img=6, box_score_thresh=0.1),
    "ssdlite320_mobilenet_v3_large": dict(num_classes=5, topk_candidates=10, detections_per_img=6, score_thresh=0.1),
    "lraspp_mobilenet_v3_large": dict(num_classes=6),
    "deeplabv3_mobilenet_v3_large": dict(num_classes=6, aux_loss=True),
}
SIZES = {"fasterrcnn_mobilenet_v3_large_320_fpn": [(3, 80, 100), (3, 96, 64)], "ssdlite320_mobilenet_v3_large": [(3, 64, 80)]}


def build(name):
    return torchvision.models.get_model(name, weights=None, weights_backbone=None, **MODELS[name])


def detects(name):
    return name in SIZES


def prepare(model, name):
    """Weights from the generator, then statistics from one forward in training mode; returns the buffers' names."""
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(fill.weight(parameter_name, tuple(parameter.shape))))
    norms = {n: m for n, m in model.named_modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)}
    momenta = {n: norm.momentum for n, norm in norms.items()}
    for norm in norms.values():
        norm.momentum = 1
    torch.manual_seed(0)
    model.train()
    images = Generated("statistics", (4, 3, 96, 96), 2.0).tensor()
    with torch.no_grad():
        if detects(name):
            target = {"boxes": torch.tensor([[10.0, 10.0, 60.0, 70.0]]), "labels": torch.tensor([1])}
            model(list(images), [target] * 4)
        else:
            model(images)
    names = []
    for n, norm in norms.items():
        norm.momentum = momenta[n]
        for buffer in ("running_mean", "running_var"):
            getattr(norm, buffer).copy_(round_statistic(getattr(norm, buffer)))
            names.append(f"{n}.{buffer}")
    return names


def images_of(name, which):
    if not detects(name):
        return Generated(f"image.{which}", (1, 3, 64, 80), 2.0)
    return [Generated(f"image.{which}.{i}", shape, 2.0) for i, shape in enumerate(SIZES[name])]


def tensors_of(images):
    return [i.tensor() for i in images] if isinstance(images, list) else images.tensor()


def close(a, b):
    """Whether two answers are one: the same labels, everything else within a ten thousandth of the largest."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(close(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(close, a, b))
    if a.shape != b.shape:
        return False
    if not a.is_floating_point():
        return torch.equal(a, b)
    return a.numel() == 0 or (a - b).abs().max() <= 5e-5 * b.abs().max()


def error_of(model, images):
    """How far PyTorch's float32 is from its float64, as a share of each output's largest element."""
    def largest(a, b):
        if isinstance(a, dict):
            return max(largest(a[k], b[k]) for k in a)
        if isinstance(a, (list, tuple)):
            return max(map(largest, a, b))
        return ((a - b).abs().max() / b.abs().max()).item() if a.is_floating_point() else 0

    tensors = tensors_of(images)
    with torch.no_grad():
        want = model(tensors)
        torch.set_default_dtype(torch.float64)
        exact = model.double()([t.double() for t in tensors] if isinstance(tensors, list) else tensors.double())
        torch.set_default_dtype(torch.float32)
        model.float()
    return largest(exact, want)


def well_separated(model, images):
    with torch.no_grad():
        want = model(tensors_of(images))
        if isinstance(want, list) and any(len(one["scores"]) < 3 or len(one["labels"].unique()) < 2 for one in want):
            return False
        state = {k: v.clone() for k, v in model.state_dict().items()}
        same = True
        for seed in range(3):
            torch.manual_seed(seed)
            for parameter in model.parameters():
                parameter.mul_(1 + 2e-7 * torch.randn_like(parameter))
            same = same and close(model(tensors_of(images)), want)
            model.load_state_dict(state)
            if not same:
                return False
        return True


def generate(name):
    model = build(name)
    statistics = prepare(model, name)
    model.eval()
    tensors = {n: t for n, t in model.state_dict().items() if t.dtype == torch.float32}
    chosen = []
    for which in range(200):
        images = images_of(name, which)
        if well_separated(model, images):
            chosen.append(images)
            print(name, "image", which, file=sys.stderr, flush=True)
        if len(chosen) == 2:
            break
    assert len(chosen) == 2, name
    error = max(error_of(model, images) for images in chosen)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        buffer = io.BytesIO()
        torch.jit.save(torch.jit.script(model), buffer)
    blob = Blob()
    stored = {n: blob.add(to_bfloat16(tensors[n]).tobytes()) for n in statistics}
    root, kept, recipe = strip(buffer.getvalue(), tensors, stored)
    loaded = torch.jit.load(io.BytesIO(buffer.getvalue()))
    calls = []
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for images in chosen:
            calls.append({"method": "forward", "inputs": [blob.value(images)], "output": blob.value(loaded(tensors_of(images)))})
    path = f"archives/{name}.script.tgz"
    write_stripped(HERE / path, root, kept, recipe)
    blob.write(HERE / f"data/{name}.gz")
    return {"name": f"{name}.script", "large": False, "bytes": sum(t.numel() * 4 for t in tensors.values()),
            "own_error": error, "relative": max(1e-4, 5 * error), "archive": path, "data": f"data/{name}.gz", "calls": calls}


def main():
    torch.set_num_threads(1)
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
    write_cases("scenes.json", sys.argv[1:] or MODELS, generate, **versions, seed=fill.SEED)


if __name__ == "__main__":
    main()
