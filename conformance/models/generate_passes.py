"""Writes `passes.json`: the graphs that PyTorch's passes make of `programs_passes.py`.

Run `/usr/bin/python3 conformance/models/generate_passes.py` with PyTorch 1.13. An entry is a program's source, the graph that
scripting makes of `f`, and the graph after each pass that changes it. Places in the source are left out.
"""

import json
import pathlib
import re

import torch

from programs_passes import PROGRAMS

C = torch._C
PASSES = {
    "inline": C._jit_pass_inline,
    "dce": C._jit_pass_dce,
    "cse": C._jit_pass_cse,
    "constant_propagation": C._jit_pass_constant_propagation,
    "constant_pooling": C._jit_pass_constant_pooling,
    "peephole": C._jit_pass_peephole,
    "loop_unrolling": C._jit_pass_loop_unrolling,
    "constant_loop_unrolling": C._jit_pass_constant_loop_unrolling,
    "fuse_linear": C._jit_pass_fuse_linear,
}   # dropout removal is bound for modules only


def pipeline(graph):
    """What a program goes through before it runs, as far as it is common to all of them."""
    C._jit_pass_inline(graph)
    C._jit_pass_constant_propagation(graph)
    C._jit_pass_loop_unrolling(graph)
    C._jit_pass_constant_propagation(graph)
    C._jit_pass_peephole(graph)
    C._jit_pass_cse(graph)
    C._jit_pass_constant_pooling(graph)
    C._jit_pass_dce(graph)


PASSES["all"] = pipeline


def happy_function_trace(x):
    """Seed 1's, as it is traced."""
    ret = torch.rand(0)
    if True == True:   # noqa: E712, the seed's own
        ret = torch.rand(1)
    else:
        ret = torch.rand(2)
    return ret


def text(graph):
    return re.sub(r"(?m) # \S+$", "", str(graph))


def main():
    programs = {}
    for name, source in PROGRAMS.items():
        unit = torch.jit.CompilationUnit(source)   # holds the functions that the graph calls
        graph = unit.f.graph
        entry = {"source": source.lstrip("\n"), "graph": text(graph), "after": {}}
        for name_of_pass, run in PASSES.items():
            copy = graph.copy()
            run(copy)
            # A copy has other names: what a pass leaves alone is told by a copy.
            if text(copy) != text(graph.copy()):
                entry["after"][name_of_pass] = text(copy)
        programs[name] = entry
    traced = torch.jit.trace(happy_function_trace, (torch.tensor(0),), check_trace=False)
    document = {
        "torch": torch.__version__,
        "passes": sorted(PASSES),
        "happy_function_traced": text(traced.graph),
        "programs": programs,
    }
    out = pathlib.Path(__file__).with_name("passes.json")
    out.write_text(json.dumps(document, indent=1) + "\n")
    print(len(programs), "programs,", sum(len(p["after"]) for p in programs.values()), "graphs,", out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
