"""Archives that claim old versions, where `div`, `full`, `linspace` and `logspace` meant something else, and PyTorch's answers.

Run: python3 packages/jit/test/generate/old.py   (Debian's PyTorch 1.13)
Writes archives/old/NAME.pt and archives/old.json.
"""
import io
import json
import os
import zipfile

import torch
from torch import Tensor, nn

from values import encode

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "archives")
os.makedirs(os.path.join(here, "old"), exist_ok=True)
cases = {}


class Old(nn.Module):
    def forward(self, x: Tensor, y: Tensor, n: int):
        z = x.clone()
        z /= 2
        return x / y, x / n, x / 2.0, y / x, z, torch.div(x, y, rounding_mode="floor"), torch.full([2], n), torch.full([2], 1.5), torch.full([1], n, dtype=torch.int64), torch.linspace(0, 1, steps=5), torch.nn.functional.gelu(y)


buffer = io.BytesIO()
torch.jit.script(Old()).save(os.path.join(here, "old", "new.pt"))
source = zipfile.ZipFile(os.path.join(here, "old", "new.pt"))
for version in (3, 4, 7, 9, 10):
    path = os.path.join(here, "old", f"v{version}.pt")
    with zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            record = name.split("/", 1)[1]
            data = source.read(name)
            if record.endswith("version"):
                continue
            if record.endswith(".py"):
                text = data.decode()
                if version <= 7:
                    text = text.replace("torch.linspace(0, 1, 5)", "torch.linspace(0, 1)")
                if version <= 9:
                    text = text.replace('approximate="none"', "").replace(', approximate="none"', "")
                data = text.encode()
            if record.endswith("debug_pkl"):
                continue
            target.writestr(f"v{version}/{record}", data)
        target.writestr(f"v{version}/.data/version", f"{version}\n")
    calls = []
    for x, y in ((torch.tensor([7, -7]), torch.tensor([2, 2])), (torch.tensor([7.0, -7.0]), torch.tensor([2, 2]))):
        if not x.is_floating_point():
            y = y.float() if version == 10 else y
        args = (x, y.float() if x.is_floating_point() else y.double(), 3)
        try:
            result = torch.jit.load(path)(*args)
        except RuntimeError as error:
            calls.append({"args": [encode(a) for a in args], "error": str(error).strip().split("\n")[-1]})
            continue
        calls.append({"args": [encode(a) for a in args], "result": encode(result)})
    cases[f"v{version}"] = {"calls": calls}
os.remove(os.path.join(here, "old", "new.pt"))


class OldIntegers(nn.Module):
    def forward(self, x: Tensor, y: Tensor, n: int):
        return x / y, x / n, x / 2.0, torch.div(x, y, rounding_mode="floor")


torch.jit.script(OldIntegers()).save(os.path.join(here, "old", "new.pt"))
source = zipfile.ZipFile(os.path.join(here, "old", "new.pt"))
for version in (3, 4):
    path = os.path.join(here, "old", f"integers{version}.pt")
    with zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            record = name.split("/", 1)[1]
            if not record.endswith(("version", "debug_pkl")):
                target.writestr(f"i/{record}", source.read(name))
        target.writestr("i/version", f"{version}\n")
    args = (torch.tensor([7, -7]), torch.tensor([2, 2]), 3)
    cases[f"integers{version}"] = {"calls": [{"args": [encode(a) for a in args], "result": encode(torch.jit.load(path)(*args))}]}
os.remove(os.path.join(here, "old", "new.pt"))


def half(x: Tensor) -> Tensor:
    return torch.div(x, 2)  # in a free function PyTorch compiles it as today, whatever the version


class OldMore(nn.Module):
    def forward(self, x: Tensor, y: Tensor, n: int):
        z = x.clone()
        z.div_(y)
        return (z, half(x), x / y.float(), torch.div(x, y, rounding_mode="trunc"), torch.full([2], n), torch.full([1], n, dtype=torch.int32),
                torch.full([2], fill_value=3), torch.logspace(0.0, 1.0, steps=5), torch.logspace(0.0, 1.0, steps=5, base=2.0),
                torch.linspace(0.0, 1.0, steps=5, dtype=torch.float64), torch.nn.functional.gelu(y.float()))


torch.jit.script(OldMore()).save(os.path.join(here, "old", "new.pt"))
source = zipfile.ZipFile(os.path.join(here, "old", "new.pt"))
for version in (3, 4, 7, 8, 9):
    path = os.path.join(here, "old", f"more{version}.pt")
    with zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            record = name.split("/", 1)[1]
            if record.endswith(("version", "debug_pkl")):
                continue
            text = source.read(name)
            if record.endswith(".py"):
                text = text.decode().replace(', approximate="none"', "")
                if version <= 7:
                    text = text.replace("torch.linspace(0., 1., 5,", "torch.linspace(0., 1., None,")
                if version <= 8:
                    text = text.replace("torch.logspace(0., 1., 5)", "torch.logspace(0., 1.)").replace("torch.logspace(0., 1., 5, 2.)", "torch.logspace(0., 1., None, 2.)")
                text = text.encode()
            target.writestr(f"m/{record}", text)
        target.writestr("m/version", f"{version}\n")
    calls = []
    for x, y in ((torch.tensor([7, -7]), torch.tensor([2, 2])), (torch.tensor([7.0, -7.0]), torch.tensor([2.0, 2.0]))):
        args = (x, y, 3)
        try:
            calls.append({"args": [encode(a) for a in args], "result": encode(torch.jit.load(path)(*args))})
        except RuntimeError as error:
            calls.append({"args": [encode(a) for a in args], "error": str(error).strip().split("\n")[-1]})
    cases[f"more{version}"] = {"calls": calls}
os.remove(os.path.join(here, "old", "new.pt"))
with open(os.path.join(here, "old.json"), "w") as f:
    json.dump(cases, f, indent=1, sort_keys=True)
print(len(cases), "archives")
