/** `torch.nn.functional`'s resampling, sampling and windows as TorchScript: interpolate and its kin, grids, fold, unpooling, embedding bags. */

/** One overload of `interpolate`: sizes and factors may each be one number or a list. */
const interpolate = (size: string, scale: string): string => {
  const spread = (name: string, to: string, type: string) =>
    type.startsWith('List')
      ? `        if len(${name}) != dims:
            raise ValueError("Input and ${name === 'size' ? 'output' : name} must have the same number of spatial dimensions, but got input with spatial dimensions of {} and ${name === 'size' ? 'output size' : `${name} of shape`} of {}.".format(input.size()[2:], ${name}))
        ${to} = ${name}
`
      : `        ${to} = [${name} for _ in range(dims)]
`;
  return `
def interpolate(input: Tensor, size: Optional[${size}]=None, scale_factor: Optional[${scale}]=None, mode: str="nearest", align_corners: Optional[bool]=None, recompute_scale_factor: Optional[bool]=None, antialias: bool=False) -> Tensor:
    aligned = False
    if align_corners is not None:
        if mode == "nearest" or mode == "area" or mode == "nearest-exact":
            raise ValueError("align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear")
        aligned = align_corners
    recomputes = mode == "area"
    if recompute_scale_factor is not None and recompute_scale_factor:
        if size is not None:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        recomputes = True
    dims = input.dim() - 2
    sizes = torch.jit.annotate(Optional[List[int]], None)
    scales = torch.jit.annotate(Optional[List[float]], None)
    if size is not None:
        if scale_factor is not None:
            raise ValueError("only one of size or scale_factor should be defined")
${spread('size', 'sizes', size)}    elif scale_factor is not None:
${spread('scale_factor', 'factors', scale)}        if recomputes:
            sizes = [int(torch.floor(float(input.size(i + 2)) * factors[i])) for i in range(dims)]
        else:
            scales = factors
    else:
        raise ValueError("either size or scale_factor should be defined")
    return _resampled(input, sizes, scales, mode, aligned, antialias)
`;
};

/** One overload of `upsample`. */
const upsample = (size: string): string => `
def upsample(input: Tensor, size: Optional[${size}]=None, scale_factor: Optional[float]=None, mode: str="nearest", align_corners: Optional[bool]=None) -> Tensor:
    warnings.warn("nn.functional.upsample is deprecated. Use nn.functional.interpolate instead.")
    return interpolate(input, size, scale_factor, mode, align_corners)
`;

/** One overload of what `upsample` is with a fixed mode. */
const upsampleAs = (name: string, mode: string, size: string, scale: string): string => `
def ${name}(input: Tensor, size: Optional[${size}]=None, scale_factor: Optional[${scale}]=None) -> Tensor:
    warnings.warn("nn.functional.${name} is deprecated. Use nn.functional.interpolate instead.")
    return interpolate(input, size, scale_factor, ${mode})
`;

const unpool = (dims: number, call: string): string => {
  const ints = `BroadcastingList${dims}[int]`;
  return `
def max_unpool${dims}d(input: Tensor, indices: Tensor, kernel_size: ${ints}, stride: Optional[${ints}]=None, padding: ${ints}=0, output_size: Optional[${ints}]=None) -> Tensor:
    steps = kernel_size if stride is None else stride
    sizes = _unpool_output_size(input, kernel_size, steps, padding, output_size)
    return ${call}
`;
};

export const resampling: string = `
def _resampled(input: Tensor, sizes: Optional[List[int]], scales: Optional[List[float]], mode: str, align_corners: bool, antialias: bool) -> Tensor:
    dim = input.dim()
    if antialias and not ((mode == "bilinear" or mode == "bicubic") and dim == 4):
        raise ValueError("Anti-alias option is only supported for bilinear and bicubic modes")
    if mode == "area" and sizes is not None:
        if dim == 3:
            return torch.adaptive_avg_pool1d(input, sizes)
        if dim == 4:
            return adaptive_avg_pool2d(input, sizes)
        if dim == 5:
            return adaptive_avg_pool3d(input, sizes)
    if mode == "nearest":
        if dim == 3:
            return torch.upsample_nearest1d(input, sizes, scales)
        if dim == 4:
            return torch.upsample_nearest2d(input, sizes, scales)
        if dim == 5:
            return torch.upsample_nearest3d(input, sizes, scales)
    if mode == "nearest-exact":
        if dim == 3:
            return torch._upsample_nearest_exact1d(input, sizes, scales)
        if dim == 4:
            return torch._upsample_nearest_exact2d(input, sizes, scales)
        if dim == 5:
            return torch._upsample_nearest_exact3d(input, sizes, scales)
    if dim == 3 and mode == "linear":
        return torch.upsample_linear1d(input, sizes, align_corners, scales)
    if dim == 4 and mode == "bilinear":
        if antialias:
            return torch._upsample_bilinear2d_aa(input, sizes, align_corners, scales)
        return torch.upsample_bilinear2d(input, sizes, align_corners, scales)
    if dim == 4 and mode == "bicubic":
        if antialias:
            return torch._upsample_bicubic2d_aa(input, sizes, align_corners, scales)
        return torch.upsample_bicubic2d(input, sizes, align_corners, scales)
    if dim == 5 and mode == "trilinear":
        return torch.upsample_trilinear3d(input, sizes, align_corners, scales)
    if dim >= 3 and dim <= 5:
        for needed, name in [(3, "linear"), (4, "bilinear"), (5, "trilinear")]:
            if mode == name:
                raise NotImplementedError("Got {}D input, but {} mode needs {}D input".format(dim, mode, needed))
    raise NotImplementedError("Input Error: Only 3D, 4D and 5D input Tensors supported (got {}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact (got {})".format(dim, mode))
${interpolate('int', 'List[float]')}${interpolate('List[int]', 'List[float]')}
${interpolate('int', 'float')}${interpolate('List[int]', 'float')}
${upsample('int')}${upsample('List[int]')}
${upsampleAs('upsample_nearest', 'mode="nearest"', 'int', 'float')}${upsampleAs('upsample_nearest', 'mode="nearest"', 'List[int]', 'float')}
${upsampleAs('upsample_bilinear', 'mode="bilinear", align_corners=True', 'int', 'float')}${upsampleAs('upsample_bilinear', 'mode="bilinear", align_corners=True', 'List[int]', 'float')}
${upsampleAs('upsample_bilinear', 'mode="bilinear", align_corners=True', 'int', 'List[float]')}${upsampleAs('upsample_bilinear', 'mode="bilinear", align_corners=True', 'List[int]', 'List[float]')}
def grid_sample(input: Tensor, grid: Tensor, mode: str="bilinear", padding_mode: str="zeros", align_corners: Optional[bool]=None) -> Tensor:
    how = ["bilinear", "nearest", "bicubic"]
    around = ["zeros", "border", "reflection"]
    if mode not in how:
        raise ValueError("nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{}'".format(mode))
    if padding_mode not in around:
        raise ValueError("nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: '{}'".format(padding_mode))
    aligned = False
    if align_corners is not None:
        aligned = align_corners
    return torch.grid_sampler(input, grid, how.index(mode), around.index(padding_mode), aligned)

def affine_grid(theta: Tensor, size: List[int], align_corners: Optional[bool]=None) -> Tensor:
    if not theta.is_floating_point():
        raise ValueError("Expected theta to have floating point type, but got {}".format(theta.dtype))
    dims = len(size) - 2
    if dims != 2 and dims != 3:
        raise NotImplementedError("affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size {}.".format(size))
    if theta.dim() != 3 or theta.size(-2) != dims or theta.size(-1) != dims + 1:
        raise ValueError("Expected a batch of {}D affine matrices of shape Nx{}x{} for size {}. Got {}.".format(dims, dims, dims + 1, size, theta.size()))
    if min(size) <= 0:
        raise ValueError("Expected non-zero, positive output size. Got {}".format(size))
    aligned = False
    if align_corners is not None:
        aligned = align_corners
    return torch.affine_grid_generator(theta, size, aligned)

def unfold(input: Tensor, kernel_size: BroadcastingList2[int], dilation: BroadcastingList2[int]=1, padding: BroadcastingList2[int]=0, stride: BroadcastingList2[int]=1) -> Tensor:
    return torch.im2col(input, kernel_size, dilation, padding, stride)

def fold(input: Tensor, output_size: BroadcastingList2[int], kernel_size: BroadcastingList2[int], dilation: BroadcastingList2[int]=1, padding: BroadcastingList2[int]=0, stride: BroadcastingList2[int]=1) -> Tensor:
    return torch.col2im(input, output_size, kernel_size, dilation, padding, stride)

def _power(norm_type: Union[int, float]) -> float:
    return float(norm_type) if isinstance(norm_type, int) else norm_type

def _root(means: Tensor, count: int, power: float) -> Tensor:
    return (torch.sign(means) * torch.relu(torch.abs(means))).mul(count).pow(1.0 / power)

def lp_pool1d(input: Tensor, norm_type: Union[int, float], kernel_size: int, stride: Optional[BroadcastingList1[int]]=None, ceil_mode: bool=False) -> Tensor:
    steps = [kernel_size] if stride is None else stride
    power = _power(norm_type)
    return _root(torch.avg_pool1d(input.pow(power), [kernel_size], steps, [0], ceil_mode), kernel_size, power)

def lp_pool2d(input: Tensor, norm_type: Union[int, float], kernel_size: BroadcastingList2[int], stride: Optional[BroadcastingList2[int]]=None, ceil_mode: bool=False) -> Tensor:
    steps = kernel_size if stride is None else stride
    power = _power(norm_type)
    return _root(torch.avg_pool2d(input.pow(power), kernel_size, steps, [0, 0], ceil_mode), kernel_size[0] * kernel_size[1], power)

def _unpool_output_size(input: Tensor, kernel_size: List[int], stride: List[int], padding: List[int], output_size: Optional[List[int]]) -> List[int]:
    dims = len(kernel_size)
    usual = [(input.size(d - dims) - 1) * stride[d] + kernel_size[d] - 2 * padding[d] for d in range(dims)]
    if output_size is None:
        return usual
    wanted = output_size[2:] if len(output_size) == dims + 2 else output_size
    if len(wanted) != dims:
        raise ValueError("output_size should be a sequence containing {} or {} elements, but it has a length of '{}'".format(dims, dims + 2, len(wanted)))
    for d in range(dims):
        if wanted[d] <= usual[d] - stride[d] or wanted[d] >= usual[d] + stride[d]:
            raise ValueError('invalid output_size "{}" (dim {} must be between {} and {})'.format(wanted, d, usual[d] - stride[d], usual[d] + stride[d]))
    return wanted
${unpool(1, 'torch.max_unpool2d(input.unsqueeze(-1), indices.unsqueeze(-1), [sizes[0], 1]).squeeze(-1)')}
${unpool(2, 'torch.max_unpool2d(input, indices, sizes)')}${unpool(3, 'torch.max_unpool3d(input, indices, sizes, steps, padding)')}
def embedding_bag(input: Tensor, weight: Tensor, offsets: Optional[Tensor]=None, max_norm: Optional[float]=None, norm_type: float=2.0, scale_grad_by_freq: bool=False, mode: str="mean", sparse: bool=False, per_sample_weights: Optional[Tensor]=None, include_last_offset: bool=False, padding_idx: Optional[int]=None) -> Tensor:
    if mode != "sum" and mode != "mean" and mode != "max":
        raise ValueError("mode has to be one of sum, mean or max")
    if per_sample_weights is not None:
        if input.size() != per_sample_weights.size():
            raise ValueError("embedding_bag: If per_sample_weights ({}) is not None, then it must have the same shape as the input ({})".format(per_sample_weights.size(), input.size()))
        if mode != "sum":
            raise NotImplementedError("embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got mode='{}'). Please open a feature request on GitHub.".format(mode))
        per_sample_weights = per_sample_weights.reshape([-1])
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError("if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. However, found offsets of type <unknown>")
        starts = torch.arange(0, input.numel(), input.size(1), dtype=input.dtype, device=input.device)
    elif input.dim() == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        starts = offsets
    else:
        raise ValueError("input has to be 1D or 2D Tensor, but got Tensor of dimension {}".format(input.dim()))
    indices = input.reshape([-1])
    if max_norm is not None:
        torch.embedding_renorm_(weight.detach(), indices, max_norm, norm_type)
    how = ["sum", "mean", "max"].index(mode)
    bags = torch.embedding_bag(weight, indices, starts, scale_grad_by_freq, how, sparse, per_sample_weights, include_last_offset, padding_idx)
    return bags[0]
`;
