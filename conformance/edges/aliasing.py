"""Programs about memory: what is a view of what, what a write reaches, what autograd then refuses."""

FLOAT = "x = torch.arange(24.0).reshape(2, 3, 4)\n"
LEAF = "x = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)\n"

VIEWS = {
    "view": "x.view(6, 4)",
    "view-infer": "x.view(-1, 2)",
    "reshape": "x.reshape(4, 6)",
    "reshape-copies": "x.transpose(0, 2).reshape(6, 4)",
    "permute": "x.permute(2, 0, 1)",
    "transpose": "x.transpose(0, -1)",
    "movedim": "x.movedim(0, 2)",
    "t": "x.select(0, 1).t()",
    "select": "x.select(1, -1)",
    "slice": "torch.narrow(x, 2, 1, 2)",
    "narrow": "x.narrow(1, 1, 2)",
    "unsqueeze": "x.unsqueeze(-1)",
    "squeeze": "x.unsqueeze(0).squeeze(0)",
    "squeeze-all": "x.unsqueeze(0).unsqueeze(2).squeeze()",
    "expand": "x.select(0, 0).unsqueeze(0).expand(3, -1, -1)",
    "diagonal": "x.diagonal(0, 1, 2)",
    "diagonal-offset": "x.select(0, 0).diagonal(1)",
    "unfold": "x.unfold(2, 2, 1)",
    "flatten": "x.flatten(1)",
    "flatten-copies": "x.transpose(0, 1).flatten()",
    "unflatten": "x.unflatten(2, [2, 2])",
    "as_strided": "x.as_strided([2, 2], [5, 3], 1)",
    "view_as": "x.view_as(torch.zeros(24))",
    "detach": "x.detach()",
    "contiguous": "x.contiguous()",
    "contiguous-copies": "x.transpose(0, 1).contiguous()",
    "clone": "x.clone()",
    "clone-keeps-strides": "x.permute(2, 1, 0).clone()",
    "to-same": "x.to(torch.float32)",
    "to-other": "x.to(torch.float64)",
    "flip": "x.flip([0, 2])",
    "expand-as": "x.select(0, 1).expand_as(x)",
    "broadcast_to": "x.narrow(0, 0, 1).broadcast_to([4, 3, 4])",
    "swapaxes": "x.swapaxes(0, 1)",
    "ravel": "x.ravel()",
    "squeeze-nothing": "x.squeeze(1)",
    "float": "x.float()",
    "type_as": "x.type_as(x)",
    "alias-of-view": "x.view(24).narrow(0, 4, 12).view(3, 4).t()",
}
LISTS = {
    "split": "x.split(2, 2)",
    "split-uneven": "x.split(2, 1)",
    "split_with_sizes": "x.split_with_sizes([1, 3], 2)",
    "chunk": "x.chunk(3, 2)",
    "unbind": "x.unbind(1)",
    "tensor_split": "x.tensor_split(3, 2)",
}

ALIASING = {}
for name, view in VIEWS.items():
    # What stands in x afterwards says whether y was a view, and of what.
    ALIASING[f"view-{name}"] = f"{FLOAT}y = {view}\ny.view_as(y)\n"
    if "expand" not in view and "broadcast_to" not in view and "unfold" not in view:
        ALIASING[f"write-{name}"] = f"{FLOAT}y = {view}\ny.add_(100.0)\ny.mul_(2)\n"
    if "detach" not in view and "to-other" not in name:
        ALIASING[f"base-written-{name}"] = f"{FLOAT}y = {view}\nx.mul_(-1)\n"
        ALIASING[f"grad-{name}"] = f"{FLOAT}x.requires_grad_()\ny = {view}\n(y * 1).sum().backward()\n".replace(
            "(y * 1)", "y.mul(y)"
        )
for name, view in LISTS.items():
    ALIASING[f"list-{name}"] = f"{FLOAT}ys = {view}\n"
    ALIASING[f"list-grad-{name}"] = f"{FLOAT}x.requires_grad_()\nys = {view}\ntorch.cat(ys, 0).sum().backward()\n" if name in (
        "unbind",
    ) else f"{FLOAT}x.requires_grad_()\nys = {view}\ntorch.cat(ys, {1 if 'uneven' in name else 2}).mul(x).sum().backward()\n"

ALIASING |= {
    # In place
    "inplace-returns-self": "x = torch.ones(3)\ny = x.add_(1)\n",
    "inplace-broadcasts-argument": "x = torch.zeros(2, 3)\nx.add_(torch.arange(3.0))\n",
    "inplace-does-not-grow": "x = torch.zeros(3)\nx.add_(torch.zeros(2, 3))\n",
    "inplace-does-not-promote": "x = torch.zeros(3, dtype=torch.int64)\nx.add_(0.5)\nx.mul_(torch.tensor([1.5]))\n",
    "inplace-keeps-narrow-dtype": "x = torch.zeros(3, dtype=torch.float16)\nx.add_(torch.ones(3, dtype=torch.float64))\nx.add_(2)\n",
    "inplace-on-itself": "x = torch.arange(4.0)\nx.mul_(x)\nx.add_(x, alpha=2)\n",
    "inplace-on-transpose-of-itself": "x = torch.arange(9.0).view(3, 3)\nx.add_(x.t())\n",
    "inplace-on-overlapping-slice": "x = torch.arange(6.0)\nx.narrow(0, 1, 5).add_(x.narrow(0, 0, 5))\n",
    "inplace-on-expanded": "x = torch.zeros(1).expand(3)\nx.add_(1)\n",
    "copy-into-overlapping-slice": "x = torch.arange(6.0)\nx.narrow(0, 1, 5).copy_(x.narrow(0, 0, 5))\n",
    "copy-into-transpose": "x = torch.zeros(2, 3)\nx.t().copy_(torch.arange(6.0).view(3, 2))\n",
    "copy-converts": "x = torch.zeros(3, dtype=torch.int32)\nx.copy_(torch.tensor([1.9, -1.9, 300.5]))\n",
    "copy-broadcasts": "x = torch.zeros(2, 3)\nx.copy_(torch.arange(3.0))\n",
    "copy-from-itself": "x = torch.arange(3.0)\nx.copy_(x)\n",
    "fill-of-strided": "x = torch.zeros(3, 4)\nx.select(1, 2).fill_(7)\nx.diagonal().zero_()\n",
    "inplace-relu": "x = torch.tensor([-1.0, 2.0, -3.0])\nx.relu_()\n",
    "inplace-of-comparison": "x = torch.tensor([1.0, 2.0, 3.0])\nx.gt_(1.5)\n",
    "inplace-masked-fill": "x = torch.arange(6.0).view(2, 3)\nx.t().masked_fill_(torch.tensor([[True, False], [False, True], [True, True]]), -1.0)\n",
    "inplace-scatter-of-view": "x = torch.zeros(3, 4)\nx.t().scatter_(0, torch.tensor([[0, 3, 1]]), 5.0)\n",
    "inplace-index-fill": "x = torch.zeros(3, 4)\nx.index_fill_(1, torch.tensor([0, 2]), 3.0)\n",
    "inplace-index-copy": "x = torch.zeros(3, 2)\nx.index_copy_(0, torch.tensor([2, 0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))\n",
    "inplace-index-add": "x = torch.ones(3, 2)\nx.index_add_(0, torch.tensor([0, 0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))\n",
    "inplace-transpose": "x = torch.arange(6.0).view(2, 3)\nx.t_()\nx.transpose_(0, 1)\nx.unsqueeze_(0)\nx.squeeze_(0)\n",
    "detach-shares": f"{LEAF}y = x.detach()\ny.mul_(2)\n",
    "two-views-one-storage": "x = torch.zeros(4)\na = x.narrow(0, 0, 3)\nb = x.narrow(0, 1, 3)\na.add_(1)\nb.add_(10)\n",
    "resize-grows": "x = torch.arange(3.0)\nx.resize_([2])\n",
    "set-data": "x = torch.zeros(2)\ny = torch.ones(3)\nx.set_(y)\ny.add_(1)\n",
    # Versions
    "version-counts": "x = torch.zeros(3)\nx.add_(1)\nx.mul_(2)\ny = x.view(3, 1)\ny.add_(1)\nz = x.detach()\nz.add_(1)\nc = x.clone()\n",
    "version-of-fill": "x = torch.zeros(3)\nx.fill_(1)\nx.zero_()\nx.copy_(torch.ones(3))\n",
    "saved-then-changed": f"{LEAF}y = x.exp()\ny.add_(1)\ny.sum().backward()\n",
    "saved-input-then-changed": f"{LEAF}a = x.mul(1)\ny = a.mul(a)\na.add_(1)\ny.sum().backward()\n",
    "saved-base-changed-through-view": f"{LEAF}a = x.mul(1)\nv = a.narrow(0, 0, 2)\ny = a.sin()\nv.zero_()\ny.sum().backward()\n",
    "unsaved-changed-is-right": f"{LEAF}a = x.mul(1)\ny = a.add(1)\na.mul_(5)\ny.sum().backward()\n",
    "changed-through-detach": f"{LEAF}a = x.mul(1)\ny = a.mul(a)\na.detach().add_(1)\ny.sum().backward()\n",
    # Autograd and in place
    "leaf-in-place": f"{LEAF}x.add_(1)\n",
    "leaf-view-in-place": f"{LEAF}x.narrow(0, 0, 2).add_(1)\n",
    "leaf-in-place-under-no-grad": f"{LEAF}with torch.no_grad():\n    x.add_(1)\nx.mul(x).sum().backward()\n",
    "in-place-gradient": f"{LEAF}y = x.mul(2)\ny.mul_(x)\ny.sum().backward()\n",
    "in-place-chain-gradient": f"{LEAF}y = x.mul(1)\ny.exp_()\ny.mul_(3)\ny.sum().backward()\n",
    "view-in-place-gradient": f"{LEAF}y = x.mul(2)\nv = y.narrow(0, 1, 2)\nv.mul_(x.narrow(0, 0, 2))\ny.mul(y).sum().backward()\n",
    "view-in-place-then-view": f"{LEAF}y = x.mul(2)\nv = y.view(2, 2)\ny.mul_(3)\nv.select(0, 1).sum().backward()\n",
    "view-of-view-in-place": f"{LEAF}y = x.mul(1)\nv = y.view(2, 2).select(1, 0)\nv.pow_(2)\ny.sum().backward()\n",
    "copy-into-view-gradient": f"{LEAF}y = torch.zeros(2, 4)\ny.select(0, 1).copy_(x)\ny.mul(y).sum().backward()\n",
    "fill-part-gradient": f"{LEAF}y = x.mul(3)\ny.narrow(0, 0, 2).fill_(9.0)\ny.sum().backward()\n",
    "fill-all-gradient": f"{LEAF}y = x.mul(3)\ny.fill_(9.0)\ny.sum().backward()\n",
    "masked-fill-gradient": f"{LEAF}y = x.mul(3)\ny.masked_fill_(torch.tensor([True, False, True, False]), 0.0)\ny.mul(x).sum().backward()\n",
    "unbind-in-place": f"{LEAF}y = x.mul(1)\na, b, c, d = y.unbind(0)\na.add_(1)\n",
    "split-in-place": f"{LEAF}y = x.mul(1)\na, b = y.split(2)\na.mul_(2)\n",
    "view-made-under-no-grad": f"{LEAF}y = x.mul(1)\nwith torch.no_grad():\n    v = y.view(2, 2)\nv.add_(x.view(2, 2))\n",
    "requires-grad-by-in-place": f"{LEAF}y = torch.ones(4)\ny.mul_(x)\ny.sum().backward()\n",
    "detach-in-place": f"{LEAF}y = x.mul(2)\ny.detach_()\n",
    "accumulates": f"{LEAF}x.mul(2).sum().backward()\nx.mul(3).sum().backward()\n",
    "used-twice": f"{LEAF}x.mul(x).add(x).sum().backward()\n",
    "freed-graph": f"{LEAF}y = x.mul(x).sum()\ny.backward()\ny.backward()\n",
    "retained-graph": f"{LEAF}y = x.mul(x).sum()\ny.backward(retain_graph=True)\ny.backward()\n",
    "no-scalar": f"{LEAF}y = x.mul(2)\ny.backward()\n",
    "no-grad-needed": "x = torch.ones(2)\nx.sum().backward()\n",
    "integer-requires-grad": "x = torch.ones(2, dtype=torch.int64)\nx.requires_grad_()\n",
    "broadcast-gradient": "x = torch.ones(3, 1, requires_grad=True)\ny = torch.ones(4, requires_grad=True)\nx.mul(y).sum().backward()\n",
    "expand-gradient": "x = torch.ones(1, 3, requires_grad=True)\nx.expand(4, 3).mul(torch.arange(12.0).view(4, 3)).sum().backward()\n",
    "dtype-gradient": "x = torch.ones(3, dtype=torch.float16, requires_grad=True)\nx.to(torch.float32).mul(2.5).sum().backward()\n",
    "clone-gradient": f"{LEAF}y = x.clone()\ny.mul_(2)\ny.sum().backward()\n",
    "zero-dim-gradient": "x = torch.tensor(3.0, requires_grad=True)\nx.mul(torch.ones(2, 2)).sum().backward()\n",
}
