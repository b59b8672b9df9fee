"""Loads with real PyTorch what our `save` wrote (see write-saved.mts), compares it with the original value by value, and
writes the digests of the accepted files to accepted.json, so that the test run needs no Python."""
import hashlib, json, os, sys
import torch

def same(a, b):
    # A Size is a tuple to us and a dtype its name, so they come back as these.
    if isinstance(a, torch.Size): a = tuple(a)
    if isinstance(a, torch.dtype): a = str(a)[6:]
    assert type(a) is type(b), (type(a), type(b))
    if isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype and a.shape == b.shape and a.stride() == b.stride() and a.storage_offset() == b.storage_offset()
        assert a.requires_grad == b.requires_grad and torch.equal(a, b)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for k in a: same(a[k], b[k])
        if hasattr(a, "_metadata"): same(a._metadata, b._metadata)
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b): same(x, y)
    else: assert a == b, (a, b)

folder, accepted = sys.argv[1], {}
for file in sorted(os.listdir(folder)):
    if not file.endswith(".saved.pt"): continue
    path = os.path.join(folder, file)
    same(torch.load(path.replace(".saved.", ".original.")), torch.load(path))
    accepted[file[:-len(".saved.pt")]] = hashlib.sha256(open(path, "rb").read()).hexdigest()
    print("accepted by", torch.__version__, file)
if "--check" not in sys.argv:
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "accepted.json"), "w") as f: f.write(json.dumps(accepted, indent=1) + "\n")
