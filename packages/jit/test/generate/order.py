"""The order in which PyTorch 1.13 tries the overloads of an operator, where ours is another.

A try of an overload makes constants of its defaults, which take numbers even where it fails: so the variants with `out` are
there which have defaults and stand before an overload that begins as they do.

Run: npx tsx --conditions=sconce-source packages/jit/test/generate/order.mts | /usr/bin/python3 packages/jit/test/generate/order.py
Writes packages/jit/src/ops/order.ts.
"""
import json
import os
import sys

import torch

here = os.path.dirname(os.path.abspath(__file__))
lines = []
for name, have in sorted(json.load(sys.stdin).items()):
    schemas = torch._C._jit_get_schemas_for_operator(name)
    last = max((i for i, s in enumerate(schemas) if s.overload_name in have), default=-1)
    order, absent = [], []

    def takes_numbers(i):
        arguments = schemas[i].arguments
        later = [s.arguments for s in schemas[i + 1 : last + 1] if s.overload_name in have and s.arguments]
        return any(a.has_default_value() for a in arguments) and any(str(s[0].type) == str(arguments[0].type) for s in later)

    for i, s in enumerate(schemas[: last + 1]):
        text = str(s).replace("SymInt", "int")
        if s.overload_name in have:
            order.append(s.overload_name or "-")
        elif "complex" in text.split("->")[0]:
            continue
        elif not s.overload_name.endswith("out") or takes_numbers(i):
            order.append("|")
            absent.append(text)
    known = [o for o in have if o in [s.overload_name for s in schemas]]
    if absent or [o if o != "-" else "" for o in order] != known:
        lines.append(" ".join([name] + order))
        lines += ["  " + text for text in absent]

with open(os.path.join(here, "..", "..", "src", "ops", "order.ts"), "w") as f:
    f.write('/** The order in which torch::jit tries overloads, where core\'s is another. Written by test/generate/order.py. */\n\n')
    f.write("/** Name and overloads, `-` for the one without a name, `|` for one that Sconce lacks, whose schema follows. */\n")
    f.write("export const overloadOrder = `\n" + "\n".join(lines) + "\n`;\n")
