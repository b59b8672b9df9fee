"""Writes real.json: programs as people deploy them, saved by PyTorch, with PyTorch's own answers; read by the `jit` layer.

Run `nice /usr/bin/python3 conformance/models/generate_real.py` with PyTorch 1.13. README.md describes what comes out.
"""

import sys
import warnings

import torch

import bundle
import programs_packed
import programs_real
from generate_jit import case


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    blob, entries = bundle.Blob(), []
    for source in (programs_real, programs_packed):
        for name, program, calls in source.programs():
            entries.append(case(name, program, calls, "programs/real", blob, ""))
            print(name, [c["error"]["message"] for c in entries[-1]["calls"] if "error" in c], file=sys.stderr)
    blob.write(bundle.HERE / "data/real.gz")
    bundle.write_manifest("real.json", entries, torch=torch.__version__, data="data/real.gz")


if __name__ == "__main__":
    main()
