"""Writes code.json: every torchvision model that no case of models.json runs, for its program alone.

Run `nice /usr/bin/python3 conformance/models/generate_code.py` with PyTorch 1.13 and torchvision 0.14, after generate_models.py.
Classifiers scripted and traced; segmentation, detection, video and optical flow scripted. Storages are zeros, and there
are no outputs: a reader compiles them, and looks whether every operator is there.
"""

import io
import json
import sys
import warnings

import torch
import torchvision

from bundle import HERE, strip, write_manifest, write_stripped

TRACED = {"inception": 75, "vit": 224, "maxvit": 224}


def build(name):
    more = {"weights": None}
    if "rcnn" in name or "fcn" in name or "deeplab" in name or "lraspp" in name or name.startswith(("ssd", "retinanet", "fcos")):
        more["weights_backbone"] = None
    if name in ("googlenet", "inception_v3"):
        more["init_weights"] = False
    return torchvision.models.get_model(name, **more).eval()


def size_of(name):
    """The bytes of its weights, from torchvision's own table, without building it."""
    weights = list(torchvision.models.get_model_weights(name))
    return 4 * max((w.meta["num_params"] for w in weights), default=0)


def programs(name, model):
    yield "script", torch.jit.script(model)
    kind = sys.modules[type(model).__module__].__name__
    if not any(part in kind for part in ("detection", "segmentation", "video", "optical_flow")):
        size = next((s for part, s in TRACED.items() if name.startswith(part)), 64)
        yield "trace", torch.jit.trace(model, (torch.zeros(1, 3, size, size),), check_trace=False)


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    run = {case["name"].split(".")[0] for case in json.loads((HERE / "models.json").read_text())["cases"]}
    entries, left_out = [], []
    for name in torchvision.models.list_models():
        if name in run or name.startswith("quantized"):
            continue
        if size_of(name) > 4e8:
            left_out.append(name)
            continue
        model = build(name)
        tensors = {n: t for n, t in model.state_dict().items() if t.dtype == torch.float32}
        for i, t in enumerate(tensors.values()):
            t.detach().view(-1)[:1] = i + 1   # no two alike, so that each record has one name
        for kind, program in programs(name, model):
            buffer = io.BytesIO()
            torch.jit.save(program, buffer)
            root, kept, recipe = strip(buffer.getvalue(), tensors, {})
            recipe = [
                {"record": r["record"], "zeros": 4 * tensors[r["name"]].numel()} if "name" in r else r for r in recipe
            ]
            path = f"code/{name}.{kind}.tgz"
            write_stripped(HERE / path, root, kept, recipe)
            entries.append({"name": f"{name}.{kind}", "archive": path})
            print(name, kind, (HERE / path).stat().st_size, file=sys.stderr, flush=True)
    write_manifest("code.json", entries, torch=torch.__version__, torchvision=torchvision.__version__, left_out=left_out)


if __name__ == "__main__":
    main()
