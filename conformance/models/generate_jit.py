"""Writes the `jit` layer: the seeds' programs and TorchScript's language, saved by PyTorch, with PyTorch's own answers.

Run `nice /usr/bin/python3 conformance/models/generate_jit.py` with PyTorch 1.13. README.md describes what comes out.
With PyTorch 2.6 (`chroot /opt/trixie python3 ...`), `--out 2.6` writes the same programs as that version saves them.
"""

import argparse
import copy
import re
import sys
import warnings
import zipfile

import torch

import bundle
import programs_language
import programs_seeds

WRITTEN_OTHERWISE = {"optimized"}   # mkldnn weights: only the PyTorch that froze them reads them


def last_line(error):
    """The sentence that the program or the operator raised, under the interpreter's own traceback."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].split(": ", 1) if ": " in lines[-1] else ["RuntimeError", lines[-1]]


def run_call(program, call, blob):
    method, inputs = call if isinstance(call, tuple) else ("forward", call)
    entry = {"method": method, "inputs": [blob.value(i) for i in copy.deepcopy(inputs)]}
    try:
        with torch.no_grad():
            entry["output"] = blob.value(getattr(program, method)(*inputs))
    except Exception as error:   # what PyTorch raises is the golden
        kind, message = last_line(error)
        entry["error"] = {"type": kind.split(".")[-1], "message": message}
    return entry


def case(name, program, calls, folder, blob, layer):
    if not isinstance(program, torch.jit.ScriptModule):
        program = torch.jit.script(program)
    path = bundle.HERE / folder / f"{name}.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.jit.save(program, str(path))
    loaded = torch.jit.load(str(path))
    entry = {
        "name": f"{layer}{name}",
        "archive": f"{folder}/{name}.pt",
        "code": loaded.code,
        "graph": re.sub(r"object\(0x\w+\)", "object(0x0)", str(loaded.graph)),   # an address
        "text": str(loaded),
        "calls": [run_call(loaded, call, blob) for call in calls],
    }
    state = {key: value for key, value in torch.jit.load(str(path)).state_dict().items()}
    entry["state"] = {key: [str(value.dtype).replace("torch.", ""), list(value.shape)] for key, value in state.items()}
    if has_doubles(path):
        # Beside the state: a tensor's scales by channel, an attribute that is no buffer.
        entry["storages"] = ["float64"]
    return entry


def has_doubles(path):
    with zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name.endswith(("/data.pkl", "/constants.pkl"))]
        return any(b"DoubleStorage" in archive.read(name) for name in pickles)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="", help="2.6: the same programs under programs/2.6 and jit-2.6.json")
    suffix = parser.parse_args().out
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    blob, entries = bundle.Blob(), []
    folder = f"programs/{suffix}" if suffix else "programs"
    for source in (programs_seeds, programs_language):
        for name, program, calls in source.programs():
            if name in WRITTEN_OTHERWISE:
                continue
            try:
                entries.append(case(name, program, calls, folder, blob, f"{suffix}/" if suffix else ""))
            except Exception as error:
                print("FAILED", name, str(error)[-1500:], file=sys.stderr)
                continue
            print(name, [c.get("error", {}).get("message", "") for c in entries[-1]["calls"] if "error" in c], file=sys.stderr)
    tail = f"-{suffix}" if suffix else ""
    blob.write(bundle.HERE / f"data/jit{tail}.gz")
    bundle.write_manifest(f"jit{tail}.json", entries, torch=torch.__version__, data=f"data/jit{tail}.gz")


if __name__ == "__main__":
    main()
