"""Writes goldens.json: PyTorch's and torchvision's answers for operators that the suite's cases do not hold.

python3 conformance/test/operators/generate.py > conformance/test/operators/goldens.json
"""
import json

import torch
import torchvision

torch.manual_seed(7)
cases = []


def plain(value):
    if isinstance(value, torch.Tensor):
        data = value.detach().flatten().tolist()
        if value.dtype == torch.float32:  # nine digits tell all float32 numbers apart
            data = [float(f"{v:.9g}") for v in data]
        return {"dtype": str(value.dtype)[6:], "shape": list(value.shape), "data": data}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def case(name, operator, args, run, wrt=()):
    args = [a.clone().requires_grad_(i in wrt) if isinstance(a, torch.Tensor) else a for i, a in enumerate(args)]
    out = run(*args)
    outs = list(out) if isinstance(out, tuple) else [out]
    found = {"name": name, "operator": operator, "args": plain(args), "out": plain(outs)}
    if wrt:
        found["wrt"] = list(wrt)
        found["grad"] = plain(list(torch.autograd.grad(outs[0].pow(2).sum(), [args[i] for i in wrt])))
    cases.append(found)


corner = torch.rand(40, 2) * 50
boxes = torch.cat([corner, corner + torch.rand(40, 2) * 30], 1)
case("nms keeps the best of boxes that overlap", "torchvision::nms", [boxes, torch.rand(40), 0.3], torch.ops.torchvision.nms)
rois = torch.cat([torch.randint(0, 2, (6, 1)).float(), boxes[:6] * 1.2], 1)
for aligned in (True, False):
    for ratio in (-1, 2):
        case(f"roi_align, aligned {aligned}, sampling ratio {ratio}", "torchvision::roi_align",
             [torch.randn(2, 3, 12, 14), rois, 0.2, 3, 4, ratio, aligned], torch.ops.torchvision.roi_align, (0,))

E, H = 8, 2
x, k, v = (torch.randn(2, 5, E) for _ in range(3))
weights = [torch.randn(3 * E, E), torch.randn(3 * E), torch.randn(E, E), torch.randn(E)]
causal = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
padding = torch.tensor([[False, False, True, False, True], [False] * 4 + [True]])
for name, args in [("itself", [x, x, x, E, H, *weights, None, True, True, None]),
                   ("others, head by head", [x, k, v, E, H, *weights, None, True, False, None]),
                   ("what is not padding", [x, x, x, E, H, *weights, padding, True, True, 1]),
                   ("what came before", [x, x, x, E, H, *weights, causal, True, True, 0])]:
    case(f"heads that look at {name}", "aten::_native_multi_head_attention", args, torch._native_multi_head_attention)
layer = [torch.randn(n) for n in (E, E, E, E)] + [torch.randn(16, E), torch.randn(16), torch.randn(E, 16), torch.randn(E)]
with torch.no_grad():
    for gelu, first, mask, kind in [(False, False, None, None), (True, True, None, None), (False, False, padding, 1)]:
        case(f"an encoder layer, gelu {gelu}, norm first {first}, mask {kind}", "aten::_transformer_encoder_layer_fwd",
             [x, E, H, *weights, gelu, first, 1e-5, *layer, mask, kind], torch._transformer_encoder_layer_fwd)
for align in (True, False):
    case(f"a grid of the plane, align {align}", "aten::affine_grid_generator", [torch.randn(2, 2, 3), [2, 3, 4, 5], align],
         torch.affine_grid_generator, (0,))
    case(f"a grid of space, align {align}", "aten::affine_grid_generator", [torch.randn(2, 3, 4), [2, 3, 3, 4, 5], align],
         torch.affine_grid_generator, (0,))
square = torch.randn(2, 4, 4, dtype=torch.float64)
square[0, 0, 0] = 0
case("inverses", "aten::linalg_inv", [square], torch.linalg.inv, (0,))
case("solutions", "aten::linalg_solve", [square, torch.randn(2, 4, 3, dtype=torch.float64)], torch.linalg.solve, (0, 1))
case("determinants", "aten::linalg_det", [square], torch.linalg.det, (0,))
case("logarithms of determinants", "aten::linalg_slogdet", [square],
     lambda a: tuple(torch.linalg.slogdet(a)))
print(json.dumps(cases))
