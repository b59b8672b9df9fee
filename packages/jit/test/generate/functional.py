"""What PyTorch makes of calls that users write every day: their code and their values, for test/functional.test.ts.

Run: /usr/bin/python3 packages/jit/test/generate/functional.py   (Debian's PyTorch 1.13)
Writes archives/functional.json: the inputs, and by call the code of a scripted function that returns it, and its value, or the refusal.
"""
import importlib.util
import json
import math
import os
import tempfile
import warnings

import torch

warnings.filterwarnings("ignore")
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "archives")
calls = """
F.interpolate(x, scale_factor=2.0)
F.interpolate(x, size=[3, 5], mode="bilinear", align_corners=False)
F.interpolate(x, size=(3, 5), mode="bilinear", align_corners=True)
F.interpolate(x, 3)
F.interpolate(x, scale_factor=[2.0, 1.5], mode="bicubic", align_corners=False)
F.interpolate(x, scale_factor=0.5, mode="area")
F.interpolate(x, scale_factor=1.7, mode="bilinear", recompute_scale_factor=True, align_corners=False)
F.interpolate(x, size=2, mode="bilinear", antialias=True)
F.interpolate(x[0], scale_factor=2.0, mode="linear")
F.interpolate(x.unsqueeze(0), scale_factor=2.0, mode="trilinear")
F.interpolate(x, size=5, mode="nearest-exact")
F.interpolate(x, size=x.shape[-2:])
F.interpolate(x, size=(x.size(2) * 2, x.size(3)))
F.upsample(x, scale_factor=2.0)
F.upsample(x, [3, 4])
F.upsample_nearest(x, 3)
F.upsample_bilinear(x, [3, 4])
F.max_pool2d(x, 2)
F.max_pool2d(x, 2, return_indices=True)[1]
F.max_pool2d(x, [2, 2], 1, 1, 1, True, True)[0]
F.max_pool2d(x, kernel_size=2, stride=1)
F.max_pool1d(x[0], 2)
F.max_pool3d(x.unsqueeze(0), 2)
F.adaptive_max_pool2d(x, 2)
F.adaptive_max_pool2d(x, [2, 3], return_indices=True)[1]
F.adaptive_avg_pool2d(x, 2)
F.adaptive_avg_pool2d(x, (1, 1))
F.adaptive_avg_pool1d(x[0], 2)
F.adaptive_max_pool1d(x[0], 2)
F.adaptive_avg_pool3d(x.unsqueeze(0), 2)
F.avg_pool2d(x, 2)
F.unfold(x, 2)
F.unfold(x, (2, 2), stride=2, padding=1)
F.fold(F.unfold(x, 2, stride=2), (4, 4), 2, stride=2)
F.grid_sample(x, g)
F.grid_sample(x, g, mode="nearest", padding_mode="border", align_corners=True)
F.affine_grid(t, [1, 3, 4, 4], align_corners=False)
F.affine_grid(t, x.shape)
F.local_response_norm(x, 2)
F.local_response_norm(x[0], 3, alpha=0.1)
F.lp_pool1d(x[0], 2, 2)
F.lp_pool2d(x, 2.0, 2)
F.lp_pool2d(x, 3, (2, 2), stride=1)
F.gaussian_nll_loss(p, q, p * p)
F.gaussian_nll_loss(p, q, p.abs() + 0.1, full=True, reduction="sum")
F.multilabel_soft_margin_loss(p, q)
F.rrelu(p)
F.poisson_nll_loss(p, q)
F.poisson_nll_loss(p, q, reduction="sum")
F.hinge_embedding_loss(p, torch.sign(q), reduction="sum")
F.margin_ranking_loss(p, q, torch.sign(p), reduction="none")
F.cosine_embedding_loss(p, q, torch.ones(4), reduction="none")
F.triplet_margin_loss(p, q, p + 1, margin=0.5, reduction="none")
F.multi_margin_loss(p, c, reduction="none")
F.ctc_loss(p.unsqueeze(1).log_softmax(2), c[:2].unsqueeze(0) + 1, torch.tensor([4]), torch.tensor([2]), reduction="sum")
F.embedding_bag(c.view(2, 2), w)
F.embedding_bag(c, w, torch.tensor([0, 1]), mode="sum")
F.embedding_bag(c, w, torch.tensor([0, 1]), mode="max")
F.max_unpool2d(F.max_pool2d(x, 2), F.max_pool2d(x, 2, return_indices=True)[1], 2)
F.max_unpool1d(F.max_pool1d(x[0], 2), F.max_pool1d(x[0], 2, return_indices=True)[1], 2)
F.gumbel_softmax(p, hard=True).sum()
F.feature_alpha_dropout(x)
F.one_hot(c, 5)
F.one_hot(c)
F.pad(x, (1, 2))
F.pad(x, [1, 1, 2, 0], "reflect")
F.pad(x, (1, 1), value=3.5)
F.pad(x, (1, 1, 1, 1), mode="replicate")
F.smooth_l1_loss(p, q)
F.kl_div(p.log_softmax(1), q.softmax(1), reduction="batchmean")
F.cross_entropy(p, c, label_smoothing=0.1)
F.cross_entropy(p, c, reduction="none")
F.nll_loss(p.log_softmax(1), c, ignore_index=1)
F.binary_cross_entropy_with_logits(p, q.sigmoid(), reduction="sum")
F.softmax(p, dim=-1)
F.softmax(p, -1, dtype=torch.float64)
F.log_softmax(p, 1)
F.normalize(p, dim=1)
F.cosine_similarity(p, q)
F.pairwise_distance(p, q)
F.pdist(p)
F.pixel_shuffle(torch.ones(1, 4, 2, 2), 2)
F.layer_norm(p, [4])
F.layer_norm(p, p.shape[1:])
F.group_norm(x, 3)
F.instance_norm(x)
F.gelu(p)
F.gelu(p, approximate="tanh")
F.glu(p)
F.elu(p, 0.5)
F.softplus(p)
F.logsigmoid(p)
F.hardtanh(p)
F.threshold(p, 0.1, 20.)
F.leaky_relu(p, 0.2)
F.prelu(p, torch.tensor([0.25]))
F.linear(p, w)
F.conv2d(x, torch.ones(2, 3, 2, 2), padding=1)
F.conv2d(x, torch.ones(2, 3, 3, 3), padding="same")
F.conv1d(x[0], torch.ones(2, 4, 2)[:, :, :])
F.conv_transpose2d(x, torch.ones(3, 2, 2, 2), stride=2)
F.embedding(c, w)
F.bilinear(p, q, torch.ones(2, 4, 4))
F.channel_shuffle(torch.arange(8.).view(1, 4, 2, 1), 2)
F.celu(p)
F.hardshrink(p)
F.softshrink(p)
F.tanhshrink(p)
F.softsign(p)
F.silu(p)
F.mish(p)
F.hardswish(p)
F.relu(p, inplace=True)
F.dropout(p, 0.5, False)
F.dropout(p, training=False)
F.batch_norm(x, torch.zeros(3), torch.ones(3))
F.huber_loss(p, q, delta=0.3)
F.soft_margin_loss(p, torch.sign(q))
F.binary_cross_entropy(p.sigmoid(), q.sigmoid())
torch.einsum("ij,kj->ik", p, q)
torch.einsum("ij,kj->ik", [p, q])
torch.stack([p, q])
torch.cat((p, q), dim=1)
torch.where(p > 0, p, torch.zeros_like(p))
torch.where(p > 0, p, 0.)
torch.max(p, dim=1)[0]
torch.topk(p, 2)[1]
torch.sort(p, descending=True)[0]
torch.split(p, 2)[0]
torch.chunk(p, 2, dim=1)[1]
torch.norm(p)
torch.norm(p, dim=1)
torch.norm(p, p=1, dim=1, keepdim=True)
torch.meshgrid(torch.arange(2), torch.arange(3))[0]
torch.meshgrid([torch.arange(2), torch.arange(3)], indexing="ij")[1]
torch.cdist(p, q)
torch.full((2, 3), 1.5)
torch.full([2], 3)
torch.arange(0, 5)
torch.linspace(0, 1, 5)
torch.tensor([1, 2, 3])
torch.tensor([[1., 2.], [3., 4.]])
torch.zeros(2, 3)
torch.zeros([2, 3], dtype=torch.long)
torch.eye(3)
torch.tril(torch.ones(3, 3))
torch.triu(torch.ones(3, 3), diagonal=1)
torch.masked_fill(p, p > 0, -1.0)
p.masked_fill(p > 0, float("-inf"))
p[:, None] - q[None]
p[..., 1]
p[1:, ::2]
p[-1]
p[p > 0]
p[c]
p[:, c]
p[[0, 2]]
x[..., None, 1:]
p.view(-1)
p.view(p.size(0), -1)
p.reshape(2, -1)
p.permute(1, 0)
x.permute([0, 2, 3, 1])
p.transpose(0, 1)
p.t()
p.T
x.mT
p.unsqueeze(-1).expand(-1, -1, 3)
p.expand(2, 4, 4)
p.repeat(2, 1)
p.flatten(0)
x.flatten(start_dim=1)
p.sum(dim=(0, 1))
p.mean(1, keepdim=True)
p.std()
p.var(dim=1, unbiased=False)
p.argmax(-1)
p.max()
p.clamp(min=0)
p.clamp(0, 1)
p.pow(2)
p ** 2
2 ** p
1 - p
p // 2
p % 2
p @ q
-p
~(p > 0)
(p > 0) & (q > 0)
p.type_as(c)
p.to(torch.float64)
p.to(dtype=torch.int32)
p.to(q)
p.float()
p.long()
p.shape
p.ndim
p.numel()
p.is_floating_point()
p.gather(1, c.unsqueeze(1))
torch.scatter(torch.zeros(4, 4), 1, c.unsqueeze(1), 1.0)
torch.index_select(p, 0, c)
torch.cumsum(p, dim=0)
torch.roll(p, 1, 0)
torch.flip(p, [0])
torch.unique(c)
torch.bincount(c)
torch.nonzero(p > 0)
torch.isnan(p)
torch.outer(p[0], q[0])
torch.bmm(x[0], x[0])
torch.baddbmm(x[0], x[0], x[0])
torch.addmm(p, p, q)
torch.matmul(p, q)
torch.dot(p[0], q[0])
torch.logsumexp(p, 1)
torch.allclose(p, p)
torch.equal(p, q)
torch.numel(p)
torch.diag(p)
torch.tensordot(p, q, dims=([1], [0]))
torch.squeeze(p.unsqueeze(0), 0)
torch.sqrt(p.abs())
torch.broadcast_tensors(p, p[0])[1]
torch.functional.norm(p)
torch.nn.functional.relu(p)
torch.linalg.norm(p)
torch.special.expit(p)
torch.median(p)
torch.cross(p[:3, :3], q[:3, :3])
torch.lerp(p, q, 0.5)
torch.amax(p, 1)
torch.quantile(p, 0.5)
torch.searchsorted(torch.arange(5.), p)
torch.bucketize(p, torch.arange(5.))
torch.tile(p, (2, 1))
torch.hstack([p, q])
torch.vstack((p, q))
torch.clamp(p, max=0.5)
torch.triu_indices(3, 3)
torch.combinations(c)
torch.cartesian_prod(c, c)
torch.block_diag(p, q)
torch.atleast_2d(p[0])
torch.chain_matmul(p, q)
torch.unique_consecutive(c)
torch.tensor(p.size(0) * 2)
torch.unique(c, return_inverse=True)
torch.unique(c, True, False, True)
torch.unique(c, return_inverse=True, return_counts=True)
torch.unique_consecutive(c, return_counts=True)
torch.tensordot(p, q)
torch.tensordot(p, q, 1)
torch.norm(p, "fro", [0, 1])
torch.norm(p, 1)
torch.norm(p, float("inf"), dim=[0])
torch.cdist(p, q, p=1.0)
F.normalize(p, out=q)
torch.special.expm1(p)
torch.special.logit(p.sigmoid())
torch.special.xlogy(p.abs(), q.abs())
F.interpolate(x, [3, 4], None, "bilinear", True)
F.max_pool2d(x, 2, 2, 0, 1, False, return_indices=False)
F.embedding_bag(c.view(2, 2), w, per_sample_weights=torch.full((2, 2), 0.5), mode="sum")
F.embedding(c, w, padding_idx=-1)
F.max_unpool2d(F.max_pool2d(x, 2), F.max_pool2d(x, 2, return_indices=True)[1], 2, output_size=[4, 4])
F.adaptive_max_pool3d(x.unsqueeze(0), (2, 2, 1))
""".strip().split("\n")
refused = """
F.interpolate(x, "2")
F.interpolate(x, scale_factor=2, size="a")
F.mse_loss(p, q, reduction=1)
F.no_such_function(x)
torch.norm(p, dim="a")
""".strip().split("\n")
raised = """
F.interpolate(x)
F.interpolate(x, 3, scale_factor=2.0)
F.interpolate(x, 3, align_corners=False)
F.interpolate(x, 3, mode="linear")
F.interpolate(x, 3, mode="cubic")
F.grid_sample(x, g, mode="linear", align_corners=False)
F.mse_loss(p, q, reduction="average")
F.gaussian_nll_loss(p, q, p)
F.embedding_bag(c, w)
F.margin_ranking_loss(p, q, p[0])
F.dropout(p, 2.0)
""".strip().split("\n")

torch.manual_seed(0)
inputs = {
    "x": torch.rand(1, 3, 4, 4).round(decimals=3),
    "g": (torch.rand(1, 2, 2, 2) * 2 - 1).round(decimals=3),
    "t": torch.tensor([[[1.0, 0.5, 0.0], [0.0, 1.0, 0.25]]]),
    "p": torch.randn(4, 4).round(decimals=3),
    "q": torch.randn(4, 4).round(decimals=3),
    "c": torch.tensor([0, 1, 2, 1]),
    "w": torch.rand(3, 4).round(decimals=3),
}


def number(value):
    if isinstance(value, list):
        return [number(part) for part in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else str(value)
    return value


def encoded(value):
    if isinstance(value, torch.Tensor):
        return {"values": number(value.tolist()), "dtype": str(value.dtype)[6:]}
    if isinstance(value, (list, tuple)):
        return [encoded(part) for part in value]
    return number(value)


def scripted(call):
    parameters = ", ".join(f"{name}: torch.Tensor" for name in inputs)
    text = f"import torch\nimport torch.nn.functional as F\ndef f({parameters}):\n    return {call}\n"
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(text)
        file.flush()
        spec = importlib.util.spec_from_file_location("calls", file.name)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return torch.jit.script(module.f)


def run(function):
    return function(**{name: value.clone() for name, value in inputs.items()})


golden = {"inputs": {name: encoded(value) for name, value in inputs.items()}, "calls": {}, "refused": {}, "raised": {}}
for call in calls:
    function = scripted(call)
    golden["calls"][call] = {"code": function.code.split(" -> ", 1)[1], "value": encoded(run(function))}
for call in refused:
    try:
        scripted(call)
    except Exception as error:
        golden["refused"][call] = str(error).split("The original call is")[0].split("  File")[0].strip()
for call in raised:
    try:
        run(scripted(call))
    except Exception as error:
        golden["raised"][call] = str(error).strip().split("\n")[-1].split(": ", 1)[1]
assert len(golden["refused"]) == len(refused) and len(golden["raised"]) == len(raised)
with open(os.path.join(here, "functional.json"), "w") as f:
    json.dump(golden, f, separators=(",", ":"))
    f.write("\n")
print(len(golden["calls"]), "calls")
