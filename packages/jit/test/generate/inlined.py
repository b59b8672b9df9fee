"""`inlined_graph`, `code_with_constants` and `str` of the archives of language.py and programs.py, as PyTorch prints them.

Run: python3 packages/jit/test/generate/inlined.py   (Debian's PyTorch 1.13)
Writes archives/inlined.json.gz. Which of the process's warnings an `aten::warn` is, is left out.
"""
import gzip
import json
import pathlib
import re

import torch

archives = pathlib.Path(__file__).parent.parent / "archives"
golden = {}
for folder in ("language", "programs"):
    for path in sorted((archives / folder).glob("*.pt")):
        module = torch.jit.load(str(path))
        if not hasattr(module, "forward"):
            continue
        code, constants = module.code_with_constants
        golden[f"{folder}/{path.name}"] = {
            "inlined_graph": re.sub(r"warn_id=\d+", "warn_id=", str(module.inlined_graph)),
            "code": code,
            "constants": sorted(constants.const_mapping),
            "text": str(module),
        }
out = archives / "inlined.json.gz"
out.write_bytes(gzip.compress(json.dumps(golden, separators=(",", ":")).encode(), mtime=0))
print(len(golden), "archives,", out.stat().st_size, "bytes")
