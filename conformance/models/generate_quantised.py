"""Writes quantised.json: quantised layers of every kind, saved by PyTorch, with PyTorch's own answers; read by the `jit` layer.

Run `nice /usr/bin/python3 conformance/models/generate_quantised.py` with PyTorch 1.13. README.md describes what comes out.
"""

import copy
import sys
import warnings

import torch

import bundle
import programs_quantised
from generate_jit import case


def scales_of(program, call):
    """The scales of what a program dequantises, in order."""
    seen, dequantize = [], torch.Tensor.dequantize

    def observed(q):
        seen.append(q.q_scale())
        return dequantize(q)

    torch.Tensor.dequantize = observed
    try:
        with torch.no_grad():
            program(*copy.deepcopy(call))
    finally:
        torch.Tensor.dequantize = dequantize
    return seen


def tensors_in(value):
    if value is True or value is False:
        return []
    if "tensor" in value:
        return [value["tensor"]] if value["tensor"]["dtype"] == "float32" else []
    return [tensor for item in value.get("tuple", value.get("list")) for tensor in tensors_in(item)]


def add_quanta(stored, program, call):
    """Says of each answer how far apart its values are that are neighbours."""
    scales, tensors = scales_of(program, call), tensors_in(stored["output"])
    if scales:
        assert len(scales) == len(tensors), (len(scales), len(tensors))
        for tensor, scale in zip(tensors, scales):
            tensor["quantum"] = scale


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    blob, entries = bundle.Blob(), []
    for name, program, calls in programs_quantised.programs():
        entries.append(case(name, program, calls, "programs/quantised", blob, ""))
        errors = [c["error"]["message"] for c in entries[-1]["calls"] if "error" in c]
        assert not errors, (name, errors)
        for stored, call in zip(entries[-1]["calls"], calls):
            add_quanta(stored, program, call)
        print(name, file=sys.stderr)
    blob.write(bundle.HERE / "data/quantised.gz")
    bundle.write_manifest("quantised.json", entries, torch=torch.__version__, data="data/quantised.gz")


if __name__ == "__main__":
    main()
