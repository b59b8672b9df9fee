"""Programs about values: ties, NaN, infinities, -0, empty and zero-dim tensors, overflow, and calls that must be refused."""

FLOATS = ["float32", "float64"]
WIDE = ["float16", "bfloat16", "float32", "float64"]
INTS = ["uint8", "int8", "int16", "int32", "int64"]
ALL = ["bool"] + INTS + WIDE

SPECIAL = "x = torch.tensor([3.0, nan, -inf, 0.0, -0.0, inf, nan, 2.5, -2.5, 1.0], dtype=DTYPE)\n"
TIES = "x = torch.tensor([[2, 1, 2, 1, 2], [0, 0, 0, 0, 0], [1, 3, 3, 1, 0]], dtype=DTYPE)\n"
MATRIX = "x = torch.arange(12.0, dtype=DTYPE).view(3, 4)\n"

EDGES = {
    # NaN and infinities
    "nan-sort": (SPECIAL + "v, i = x.sort()\nw, j = x.sort(descending=True)\n", FLOATS),
    "nan-stable-sort": (SPECIAL + "v, i = torch.sort(x, stable=True, dim=0, descending=True)\n", FLOATS),
    "nan-topk": (SPECIAL + "v, i = x.topk(4)\n", FLOATS),
    "nan-max": (SPECIAL + "a = x.max()\nb = x.min()\nv, i = x.max(0)\nw, j = x.min(0)\n", FLOATS),
    "nan-argmax": (SPECIAL + "a = x.argmax()\nb = x.argmin()\nc = x.amax()\nd = x.amin(0)\n", FLOATS),
    "nan-maximum": (SPECIAL + "y = x.flip([0])\na = torch.maximum(x, y)\nb = torch.minimum(x, y)\nc = torch.fmax(x, y)\nd = torch.fmin(x, y)\n", FLOATS),
    "nan-clamp": (SPECIAL + "a = x.clamp(-1.0, 1.0)\nb = x.clamp(min=0.0)\nd = x.clamp(2.0, 1.0)\n", FLOATS),
    "nan-compare": (SPECIAL + "y = x.flip([0])\na = x.eq(y)\nb = x.ne(y)\nc = x.lt(y)\nd = x.le(y)\ne = x.gt(x)\nf = x.ge(x)\n", FLOATS),
    "nan-cummax": (SPECIAL + "v, i = x.cummax(0)\nw, j = x.cummin(0)\n", FLOATS),
    "nan-cumsum": (SPECIAL + "a = x.cumsum(0)\nb = x.cumprod(0)\n", FLOATS),
    "nan-relu": (SPECIAL + "a = x.relu()\nb = torch.nan_to_num(x)\nc = torch.nan_to_num(x, nan=1.0, posinf=2.0, neginf=-3.0)\n", FLOATS),
    "nan-sign": (SPECIAL + "a = x.sign()\nb = x.abs()\nc = x.neg()\nd = torch.copysign(torch.ones(10, dtype=DTYPE), x)\n", FLOATS),
    "nan-where": (SPECIAL + "a = x.isnan()\nb = x.isinf()\nc = x.isfinite()\nd = torch.where(x.isnan(), 0.0, x)\n", FLOATS),
    "nan-bool": (SPECIAL + "a = x.bool()\nb = x.any()\nc = x.all()\nd = x.logical_not()\ne = torch.count_nonzero(x)\n", FLOATS),
    "nan-sum": (SPECIAL + "a = x.sum()\nb = x.nansum()\nc = x.mean()\nd = x.prod()\ne = x.nanmean()\n", FLOATS),
    "nan-median": (SPECIAL + "a = x.median()\nb = x.nanmedian()\nv, i = x.median(0)\n", FLOATS),
    "nan-softmax": (SPECIAL + "a = x.softmax(0)\nb = torch.tensor([-inf, -inf], dtype=DTYPE).softmax(0)\nc = torch.tensor([inf, 1.0], dtype=DTYPE).softmax(0)\nd = torch.tensor([-inf, 0.0], dtype=DTYPE).log_softmax(0)\n", FLOATS),
    "nan-logsumexp": ("x = torch.tensor([[-inf, -inf], [inf, 1.0], [nan, 0.0], [1e3, 1e3], [-1e3, -1e3]], dtype=DTYPE)\na = x.logsumexp(1)\nb = torch.logaddexp(x.select(1, 0), x.select(1, 1))\n", FLOATS),
    "nan-pool": ("x = torch.tensor([[1.0, nan, 3.0, 2.0, 2.0, 2.0]], dtype=DTYPE)\nv, i = torch.max_pool1d_with_indices(x.unsqueeze(0), [3], [1], [1])\n", FLOATS),
    "nan-pow": ("x = torch.tensor([nan, 1.0, -1.0, 0.0, -0.0, inf, -inf, 2.0, -8.0], dtype=DTYPE)\na = x.pow(0)\nb = x.pow(nan)\nc = x.pow(0.5)\nd = x.pow(-1)\ne = x.pow(3)\nf = x.pow(inf)\ng = torch.pow(2, x)\nh = x.pow(1.0)\n", FLOATS),
    "nan-fmod": ("x = torch.tensor([5.5, -5.5, inf, 1.0, nan, 0.0, -0.0, -3.0], dtype=DTYPE)\ny = torch.tensor([2.0, 2.0, 2.0, inf, 1.0, 0.0, 3.0, -inf], dtype=DTYPE)\na = x.fmod(y)\nb = x.remainder(y)\nc = x.div(y, rounding_mode='floor')\nd = x.div(y, rounding_mode='trunc')\ne = x.floor_divide(y)\n", FLOATS),
    "nan-lerp": ("x = torch.tensor([nan, 1.0, inf], dtype=DTYPE)\na = x.lerp(torch.zeros(3, dtype=DTYPE), 0.25)\nb = torch.zeros(3, dtype=DTYPE).lerp(x, 0.75)\n", FLOATS),
    "nan-unique": ("x = torch.tensor([2.0, 1.0, 2.0, inf, 1.0], dtype=DTYPE)\nu, i, c = torch.unique(x, return_inverse=True, return_counts=True)\n", FLOATS),
    "negative-zero": ("x = torch.tensor([0.0, -0.0, -0.3, 0.3, -0.5], dtype=DTYPE)\na = x.neg()\nb = x.round()\nc = x.ceil()\nd = x.trunc()\ne = x.sqrt()\nf = x.abs()\ng = x.mul(0)\nh = x.sin()\ni = x.floor()\nj = x.signbit()\n", FLOATS),
    "halves-round-to-even": ("x = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.25, 3.5], dtype=DTYPE)\na = x.round()\nb = x.mul(10).round(decimals=-1)\n", FLOATS),
    "infinite-arithmetic": ("x = torch.tensor([inf, -inf, 0.0, 1.0], dtype=DTYPE)\na = x.sub(x)\nb = x.mul(0)\nc = x.div(x)\nd = x.reciprocal()\ne = x.rsqrt()\nf = x.exp()\ng = x.log()\nh = x.tanh()\ni = x.sigmoid()\nj = x.atan()\nk = x.log1p()\nl = x.expm1()\n", FLOATS),
    "division-by-zero-float": ("x = torch.tensor([1.0, -1.0, 0.0], dtype=DTYPE)\na = x.div(0)\nb = x.div(-0.0)\nc = torch.reciprocal(x)\nd = x.div(0, rounding_mode='floor')\n", FLOATS),
    # Activations far out
    "activations-saturate": ("x = torch.tensor([-1e4, -100.0, -20.0, 0.0, 20.0, 100.0, 1e4], dtype=DTYPE)\na = x.sigmoid()\nb = F.softplus(x)\nc = F.gelu(x)\nd = F.silu(x)\ne = F.elu(x)\nf = F.logsigmoid(x)\ng = F.mish(x)\nh = x.erf()\ni = F.gelu(x, approximate='tanh')\n", FLOATS),
    # Ties
    "ties-argmax": (TIES + "a = x.argmax(1)\nb = x.argmin(1)\nc = x.argmax()\nd = x.argmax(0, keepdim=True)\n", INTS + FLOATS),
    "ties-max": (TIES + "v, i = x.max(1)\nw, j = x.min(1, keepdim=True)\n", INTS + FLOATS),
    "ties-sort": (TIES + "v, i = torch.sort(x, stable=True, dim=1)\nw, j = torch.sort(x, stable=True, dim=1, descending=True)\n", INTS + FLOATS),
    "ties-cummax": (TIES + "v, i = x.cummax(1)\nw, j = x.cummin(1)\n", ["int64", "float32"]),
    "ties-kthvalue": ("x = torch.tensor([3.0, 1.0, 2.0, 5.0], dtype=DTYPE)\nv, i = x.kthvalue(2)\nw, j = x.mode()\n", FLOATS),
    "ties-max-gradient": ("x = torch.tensor([1.0, 3.0, 3.0, 2.0], requires_grad=True)\nx.amax().backward()\n"),
    "ties-max-all-gradient": ("x = torch.tensor([1.0, 3.0, 3.0, 2.0], requires_grad=True)\nx.max().backward()\n"),
    "ties-maximum-gradient": ("x = torch.tensor([1.0, 2.0], requires_grad=True)\ny = torch.tensor([1.0, 3.0], requires_grad=True)\ntorch.maximum(x, y).sum().backward()\n"),
    "ties-relu-gradient": ("x = torch.tensor([-1.0, 0.0, 1.0], requires_grad=True)\nx.relu().sum().backward()\n"),
    "ties-abs-gradient": ("x = torch.tensor([-1.0, 0.0, 1.0], requires_grad=True)\nx.abs().sum().backward()\n"),
    "ties-clamp-gradient": ("x = torch.tensor([-1.0, 0.0, 1.0], requires_grad=True)\nx.clamp(0.0, 1.0).sum().backward()\n"),
    "ties-prod-gradient": ("x = torch.tensor([[0.0, 2.0, 3.0], [0.0, 0.0, 3.0]], requires_grad=True)\nx.prod(1).sum().backward()\n"),
    "norm-gradient-at-zero": ("x = torch.zeros(3, requires_grad=True)\nx.norm().backward()\n"),
    "sqrt-gradient-at-zero": ("x = torch.zeros(2, requires_grad=True)\nx.sqrt().sum().backward()\n"),
    "pow-gradient-at-zero": ("x = torch.tensor([0.0, 2.0], requires_grad=True)\nx.pow(2).add(x.pow(0)).sum().backward()\n"),
    "where-nan-gradient": ("x = torch.tensor([0.0, 4.0], requires_grad=True)\ntorch.where(x.gt(0), x.sqrt(), x).sum().backward()\n"),
    # Integers
    "int-overflow-add": ("x = torch.tensor([100, 127, 3], dtype=DTYPE)\na = x.add(x)\nb = x.mul(x)\nc = x.sub(x.mul(2))\nd = x.mul(-1)\n", ["int8", "int16", "int32", "int64"]),
    "int32-overflow": "x = torch.tensor([2147483647, -2147483648], dtype=torch.int32)\na = x.add(1)\nb = x.mul(2)\nc = x.abs()\nd = x.neg()\ne = x.sum()\nf = x.prod()\n",
    "int64-overflow": "x = torch.tensor([9223372036854775807, -9223372036854775807])\na = x.add(1)\nb = x.mul(3)\nc = x.sum()\nd = x.prod()\ne = x.abs()\nf = x.cumsum(0)\n",
    "int64-exact": "x = torch.tensor([9007199254740993, 9007199254740992])\na = x.add(1)\nb = x.mul(3)\nc = x.eq(9007199254740992)\nd = x.max()\ne = x.sum()\nf = x.argmax()\ng = x.to(torch.float64)\nh = x.to(torch.float32)\n",
    "int-division": ("x = torch.tensor([7, 8, 9], dtype=DTYPE)\na = x.div(2)\nb = x.div(2, rounding_mode='floor')\nc = x.div(2, rounding_mode='trunc')\nd = x.floor_divide(4)\ne = x.remainder(4)\nf = x.fmod(4)\n", INTS),
    "negative-int-division": ("x = torch.tensor([-7, 7, -8], dtype=DTYPE)\na = x.div(2, rounding_mode='floor')\nb = x.div(2, rounding_mode='trunc')\nc = x.div(-2, rounding_mode='floor')\nd = x.floor_divide(-2)\ne = x.remainder(4)\nf = x.fmod(4)\ng = x.remainder(-4)\nh = x.div(-2)\n", ["int8", "int16", "int32", "int64"]),
    "int-division-by-zero": ("x = torch.tensor([1, 2], dtype=DTYPE)\na = x.div(0)\nb = x.div(0, rounding_mode='trunc')\nc = x.remainder(0)\nd = x.fmod(0)\ne = x.floor_divide(torch.zeros(2, dtype=DTYPE))\n", ["int32", "int64"]),
    "int-pow": ("x = torch.tensor([0, 1, 2, 3], dtype=DTYPE)\na = x.pow(0)\nb = x.pow(5)\nc = x.pow(x)\nd = x.pow(0.5)\n", INTS),
    "int-pow-negative": "x = torch.tensor([1, -1, 2])\na = x.pow(-1)\nb = x.pow(torch.tensor([-1, -2, -3]))\nc = torch.pow(2, x)\n",
    "int-mean": ("x = torch.tensor([1, 2], dtype=DTYPE)\na = x.mean()\nb = x.sum()\nc = x.float().mean()\nd = x.prod()\n", ["int32", "uint8", "bool"]),
    "shifts": ("x = torch.tensor([1, 2, 100], dtype=DTYPE)\na = x.bitwise_left_shift(3)\nb = x.bitwise_right_shift(1)\nc = x.bitwise_left_shift(torch.tensor([7, 15, 31], dtype=DTYPE))\nd = x.bitwise_and(6)\ne = x.bitwise_xor(5)\nf = x.bitwise_not()\n", INTS),
    "bool-arithmetic": "x = torch.tensor([True, False, True])\ny = torch.tensor([True, True, False])\na = x.add(y)\nb = x.mul(y)\nc = x.logical_xor(y)\nd = x.bitwise_not()\ne = x.sum()\nf = x.sub(y)\ng = x.neg()\nh = x.add(1)\ni = x.mul(0.5)\nj = x.max()\nk = x.cumsum(0)\nl = x.div(y)\n",
    "uint8-wraps": "x = torch.tensor([250, 5], dtype=torch.uint8)\na = x.add(10)\nb = x.sub(10)\nc = x.neg()\nd = x.mul(2)\ne = x.sum()\nf = x.add(300)\n",
    "casts": (SPECIAL.replace("nan, -inf", "7.9, -7.9").replace("inf, nan", "100.5, 0.1") + "a = x.to(torch.int64)\nb = x.to(torch.int8)\nc = x.to(torch.bool)\nd = x.to(torch.float16)\ne = x.to(torch.bfloat16)\nf = x.to(torch.float64)\ng = x.int()\nh = x.double()\n", FLOATS),
    "int-casts": ("x = torch.tensor([1, 2, 127], dtype=DTYPE)\na = x.mul(3).to(torch.int8)\nb = x.to(torch.uint8)\nc = x.to(torch.float32)\nd = x.to(torch.bool)\ne = x.to(torch.float16)\nf = x.char()\ng = x.long()\n", INTS),
    # Type promotion
    "promotion-scalar": (MATRIX.replace("torch.arange(12.0", "torch.ones(12").replace("DTYPE).view(3, 4)", "DTYPE)") + "a = x.add(1)\nb = x.add(1.5)\nc = x.mul(True)\nd = x.add(torch.tensor(1.5, dtype=torch.float64))\ne = x.add(torch.tensor(2))\nf = x.div(2)\ng = x.mul(torch.tensor([2.0]).expand(12))\n", ALL),
    "promotion-pairs": ("x = torch.ones(2, dtype=DTYPE)\na = x.add(torch.ones(2, dtype=torch.uint8))\nb = x.add(torch.ones(2, dtype=torch.int8))\nc = x.add(torch.ones(2, dtype=torch.int64))\nd = x.add(torch.ones(2, dtype=torch.float16))\ne = x.add(torch.ones(2, dtype=torch.bfloat16))\nf = x.add(torch.ones(2, dtype=torch.float64))\ng = x.add(torch.ones(2, dtype=torch.bool))\n", ALL),
    "promotion-cat": ("x = torch.ones(2, dtype=DTYPE)\na = torch.cat([x, torch.zeros(1)])\nb = torch.cat([x, torch.zeros(1, dtype=torch.int64)])\nc = torch.stack([x, x])\n", ALL),
    "promotion-unary": ("x = torch.ones(2, dtype=DTYPE)\na = x.sqrt()\nb = x.exp()\nc = x.sigmoid()\nd = x.sin()\ne = x.floor()\nf = x.abs()\ng = x.reciprocal()\n", ALL),
    "promotion-where": ("x = torch.ones(2, dtype=DTYPE)\na = torch.where(torch.tensor([True, False]), x, 2.5)\nb = torch.where(torch.tensor([True, False]), x, torch.zeros(2, dtype=torch.int32))\n", ALL),
    # Empty and zero-dim
    "empty-reductions": ("x = torch.zeros(0, 3, dtype=DTYPE)\na = x.sum()\nb = x.sum(0)\nc = x.prod(1)\nd = x.any()\ne = x.all(0)\nf = x.mean()\ng = x.mean(0)\nh = x.max()\ni = x.amax(0)\nj = x.argmax()\nk = x.max(0)\nl = x.max(1)\nm = x.var()\nn = x.logsumexp(0)\no = x.sum([])\n", FLOATS),
    "empty-arithmetic": ("x = torch.zeros(0, 3, dtype=DTYPE)\na = x.add(1)\nb = x.mul(torch.zeros(3, dtype=DTYPE))\nc = x.add(torch.zeros(1, 1, dtype=DTYPE))\nd = x.t()\ne = x.view(3, 0)\nf = x.view(-1, 3)\ng = x.view(0, -1)\nh = torch.cat([x, torch.ones(1, 3, dtype=DTYPE)])\ni = x.sort()\nj = x.cumsum(0)\nk = x.softmax(1)\n", FLOATS),
    "empty-matmul": ("a = torch.ones(2, 0).matmul(torch.ones(0, 3))\nb = torch.ones(0, 2).matmul(torch.ones(2, 3))\nc = torch.ones(2, 3, 0).bmm(torch.ones(2, 0, 4))\nd = torch.ones(0).dot(torch.ones(0))\ne = torch.addmm(torch.ones(2, 3), torch.ones(2, 0), torch.ones(0, 3))\n"),
    "empty-index": ("x = torch.arange(6.0).view(2, 3)\ni = torch.zeros(0, dtype=torch.int64)\na = x.index_select(1, i)\nb = x.gather(1, torch.zeros(2, 0, dtype=torch.int64))\nc = x.nonzero()\nd = torch.zeros(3).nonzero()\ne = x.masked_select(x.gt(100))\n"),
    "zero-dim": ("x = torch.tensor(3.0)\na = x.sum()\nb = x.sum(0)\nc = x.max(0)\nd = x.sort()\ne = x.cumsum(0)\nf = x.softmax(0)\ng = x.view(1)\nh = x.unsqueeze(0)\ni = x.expand(2, 2)\nj = x.squeeze()\nk = x.flatten()\nl = x.argmax()\nm = x.t()\nn = x.transpose(0, 0)\no = x.select(0, 0)\np = x.sum(1)\nq = x.index_select(0, torch.tensor([0]))\nr = x.gather(0, torch.tensor(0))\ns = x.nonzero()\nu = torch.stack([x, x])\nv = torch.cat([x, x])\nw = x.var()\n"),
    "one-element": ("x = torch.tensor([3.0])\na = x.var()\nb = x.std(0, unbiased=False)\nc = x.median()\nd = torch.softmax(x, 0)\ne = x.item()\n"),
    # Dims
    "negative-dims": "x = torch.arange(24.0).view(2, 3, 4)\na = x.sum(-1)\nb = x.sum([-1, -3])\nc = x.select(-2, -1)\nd = x.transpose(-1, -3)\ne = x.unsqueeze(-4)\nf = x.flatten(-2, -1)\ng = x.softmax(-2)\nh = x.cumsum(-3)\ni = x.flip([-1])\nj = x.roll(-1, -1)\nk = x.narrow(-1, -2, 2)\nl = x.squeeze(-1)\nm = torch.cat([x, x], -2)\nn = torch.stack([x, x], -4)\n",
    "dims-out-of-range": "x = torch.zeros(2, 3)\na = x.sum(2)\nb = x.sum(-3)\nc = x.select(0, 2)\nd = x.select(5, 0)\ne = x.transpose(0, 2)\nf = x.unsqueeze(4)\ng = x.squeeze(3)\nh = x.softmax(2)\ni = x.cumsum(-4)\nj = x.flip([7])\nk = x.narrow(1, 2, 2)\nl = x.permute(0, 0)\nm = x.permute(0)\nn = x.sum([0, 0])\no = x.size(2)\np = x.unbind(2)\nq = x.chunk(0)\nr = x.split(-1)\ns = x.diagonal(0, 0, 0)\nt = x.argmax(2)\nu = x.sort(2)\nv = x.index_select(2, torch.tensor([0]))\n",
    "huge-dims": "x = torch.zeros(2)\na = x.select(0, 9223372036854775807)\nb = x.sum(9223372036854775807)\nc = x.roll(9223372036854775807)\nd = x.narrow(0, 0, 4611686018427387904)\ne = x.view(4611686018427387904)\n",
    "views-refused": "x = torch.arange(6.0).view(2, 3)\na = x.view(4)\nb = x.view(-1, -1)\nc = x.view(-1, 4)\nd = x.t().view(6)\ne = x.reshape(5)\nf = x.expand(3, 3)\ng = x.expand(2)\nh = x.expand(-1, 2, 3)\ni = x.view(-2, 3)\n",
    # Errors
    "broadcast-refused": "x = torch.zeros(2, 3)\na = x.add(torch.zeros(2))\nb = x.mul(torch.zeros(3, 2))\nc = torch.where(torch.zeros(4, dtype=torch.bool), x, x)\nd = x.copy_(torch.zeros(4))\n",
    "matmul-refused": "x = torch.zeros(2, 3)\na = x.matmul(x)\nb = x.mm(torch.zeros(2, 2))\nc = x.mm(torch.zeros(3))\nd = x.bmm(x)\ne = x.mv(torch.zeros(2))\nf = torch.zeros(2).dot(torch.zeros(3))\ng = x.matmul(torch.zeros(3, dtype=torch.int64))\nh = torch.addmm(torch.zeros(3, 3), x, torch.zeros(3, 2))\ni = torch.tensor(1.0).matmul(x)\n",
    "index-refused": "x = torch.arange(6.0).view(2, 3)\na = x.gather(1, torch.tensor([[0], [3]]))\nb = x.gather(1, torch.tensor([[-1]]))\nc = x.index_select(0, torch.tensor([2]))\nd = x.scatter(1, torch.tensor([[5]]), 1.0)\ne = x.take(torch.tensor([6]))\nf = x.gather(1, torch.tensor([0]))\ng = x.gather(1, torch.tensor([[0.0]]))\nh = x.index_select(0, torch.tensor([[0]]))\ni = torch.embedding(x, torch.tensor([2]))\nj = x.index_add(0, torch.tensor([7]), torch.ones(1, 3))\n",
    "cat-refused": "x = torch.zeros(2, 3)\na = torch.cat([x, torch.zeros(2, 2)])\nb = torch.cat([x, torch.zeros(3)])\nc = torch.stack([x, torch.zeros(2, 2)])\nd = torch.cat([])\ne = torch.stack([])\nf = torch.cat([x, torch.zeros(0)])\n",
    "conv-refused": "x = torch.zeros(1, 2, 5, 5)\na = torch.conv2d(x, torch.zeros(3, 3, 3, 3))\nb = torch.conv2d(x, torch.zeros(3, 2, 7, 7))\nc = torch.conv2d(x, torch.zeros(3, 2, 3, 3), torch.zeros(4))\nd = torch.conv2d(x, torch.zeros(3, 1, 3, 3), groups=2)\ne = torch.conv2d(x, torch.zeros(3, 2, 3, 3), stride=0)\nf = torch.max_pool2d(x, [7, 7])\n",
    "dtype-refused": "x = torch.zeros(2, dtype=torch.int64)\na = x.bitwise_and(torch.zeros(2))\nb = torch.zeros(2).bitwise_not()\nc = x.softmax(0)\nd = x.var()\ne = torch.zeros(2, dtype=torch.bool).neg()\nf = torch.zeros(2).bitwise_left_shift(1)\ng = x.floor_divide(torch.zeros(2))\nh = x.lerp(x, 0.5)\n",
    "item-refused": "a = torch.zeros(2).item()\nb = torch.zeros(0).item()\nc = torch.zeros(1, 1).item()\n",
    # Strides of results
    "strides-kept": "x = torch.arange(24.0).view(2, 3, 4).permute(2, 0, 1)\na = x.add(1)\nb = x.mul(x)\nc = x.clone()\nd = x.relu()\ne = x.to(torch.float64)\nf = torch.zeros_like(x)\ng = x.add(torch.zeros(3))\nh = x.contiguous()\ni = x.sum(0)\nj = x.softmax(0)\nk = torch.where(x.gt(2), x, 0.0)\n",
    "strides-channels-last": "x = torch.arange(24.0).view(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)\na = x.add(1)\nb = x.relu()\nc = x.clone()\nd = x.mul(torch.ones(2, 1, 1))\ne = x.contiguous()\nf = torch.empty_like(x).fill_(0)\ng = x.to(torch.float16)\n",
    "strides-broadcast": "x = torch.ones(3, 1).expand(3, 4)\na = x.add(1)\nb = x.clone()\nc = x.mul(torch.ones(4))\nd = x.t().add(1)\ne = torch.zeros_like(x)\n",
    # Indices and counting
    "searchsorted": "x = torch.tensor([1.0, 2.0, 2.0, 3.0])\nv = torch.tensor([0.0, 2.0, 2.5, 9.0, nan])\na = torch.searchsorted(x, v)\nb = torch.searchsorted(x, v, right=True)\nc = torch.bucketize(v, x)\n",
    "bincount": "x = torch.tensor([1, 3, 3])\na = x.bincount()\nb = x.bincount(minlength=6)\n",
    "nonzero": "x = torch.tensor([[0.0, 1.0, nan], [-0.0, 0.0, 2.0]])\na = x.nonzero()\nb = x.ne(0).nonzero()\nc = torch.count_nonzero(x, 0)\n",
    "arange": "a = torch.arange(5)\nb = torch.arange(1, 2, 0.3)\nc = torch.arange(5, 0, -2)\nd = torch.arange(0)\ne = torch.arange(1, 0)\nf = torch.arange(0.0, 1.0, 0.1)\ng = torch.arange(0, 5, 0)\nh = torch.linspace(0, 1, 5)\ni = torch.linspace(0, 1, 1)\nj = torch.eye(3)\nk = torch.full([2], 7)\nl = torch.full([2], 7.5)\nm = torch.full([2], True)\nn = torch.logspace(0, 2, 3)\n",
    "tril": "x = torch.arange(12.0).view(3, 4)\na = x.tril()\nb = x.triu(1)\nc = x.tril(-2)\nd = x.triu(-5)\ne = x.t().tril()\nf = torch.tril(torch.ones(2, 0))\n",
    "accumulation": ("x = torch.full([10000], 0.1, dtype=DTYPE)\na = x.sum()\nb = x.mean()\nc = x.var()\n", WIDE),
    "cancellation": ("x = torch.tensor([10000.0, 10001.0, 10002.0], dtype=DTYPE)\na = x.var()\nb = x.std()\nc = x.sub(x.mean())\n", FLOATS),
    "half-overflow": "x = torch.tensor([60000.0, 60000.0], dtype=torch.float16)\na = x.add(x)\nb = x.sum()\nc = x.mean()\nd = x.mul(0.5)\ne = x.dot(x)\nf = x.float().sum()\n",
    "subnormals": ("x = torch.tensor([1e-40, -1e-40, 1e-45], dtype=DTYPE)\na = x.mul(1)\nb = x.add(0)\nc = x.gt(0)\nd = x.mul(2)\n", FLOATS),
}
