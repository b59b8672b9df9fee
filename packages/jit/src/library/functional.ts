/**
 * `torch.nn.functional` as TorchScript: what a scripted `F.relu(x)` calls, under the name and with the signature that
 * PyTorch gives it in an archive. A name that is missing here is the operator of that name.
 */

/** `relu` and its kin: one operator, in place where asked. */
const inPlaceOr = (name: string, extra = '', call = ''): string => `
def ${name}(input: Tensor${extra}, inplace: bool=False) -> Tensor:
    if inplace:
        result = torch.${name}_(input${call})
    else:
        result = torch.${name}(input${call})
    return result
`;

const dropout = (name: string, operator: string): string => `
def ${name}(input: Tensor, p: float=0.5, training: bool=True, inplace: bool=False) -> Tensor:
    if p < 0.0 or p > 1.0:
        raise ValueError("dropout probability has to be between 0 and 1, but got {}".format(p))
    if inplace:
        result = ${operator === 'dropout' ? 'torch.dropout_(input, p, training)' : `input.copy_(torch.${operator}(input, p, training))`}
    else:
        result = torch.${operator}(input, p, training)
    return result
`;

/** Channels dropped as one; an input without a batch gets one on the way. */
const channelDropout = (name: string, dims: number): string => `
def ${name}(input: Tensor, p: float=0.5, training: bool=True, inplace: bool=False) -> Tensor:
    if p < 0.0 or p > 1.0:
        raise ValueError("dropout probability has to be between 0 and 1, but got {}".format(p))
    is_batched = input.dim() == ${dims + 2}
    if not is_batched:
        input = input.unsqueeze_(0) if inplace else input.unsqueeze(0)
    result = torch.feature_dropout(input, p, training)
    if inplace:
        result = input.copy_(result)
    if not is_batched:
        result = result.squeeze_(0) if inplace else result.squeeze(0)
    return result
`;

const softmax = (name: string, body: string, operator: string): string => `
def ${name}(input: Tensor, dim: Optional[int]=None, _stacklevel: int=3, dtype: Optional[int]=None) -> Tensor:
    if dim is None:
        dim = _get_softmax_dim("${name}", input.dim(), _stacklevel)
    if dtype is None:
        ret = ${body}.${operator}(dim)
    else:
        ret = ${body}.${operator}(dim, dtype=dtype)
    return ret
`;

const maxPool = (dims: number): string => {
  const ones = (n: number) => `[${new Array(dims).fill(n).join(', ')}]`;
  const signature = `input: Tensor, kernel_size: List[int], stride: Optional[List[int]]=None, padding: List[int]=${ones(0)}, dilation: List[int]=${ones(1)}, ceil_mode: bool=False, return_indices: bool=False`;
  const body = (operator: string) => `
    if stride is None:
        stride = torch.jit.annotate(List[int], [])
    return torch.${operator}(input, kernel_size, stride, padding, dilation, ceil_mode)
`;
  return `
def _max_pool${dims}d(${signature}) -> Tensor:${body(`max_pool${dims}d`)}
def max_pool${dims}d_with_indices(${signature}) -> Tuple[Tensor, Tensor]:${body(`max_pool${dims}d_with_indices`)}
`;
};

const adaptivePool = (dims: number): string => `
def adaptive_avg_pool${dims}d(input: Tensor, output_size: List[int]) -> Tensor:
    assert len(input.size()) > len(output_size)
    return torch.adaptive_avg_pool${dims}d(input, output_size)

def adaptive_max_pool${dims}d_with_indices(input: Tensor, output_size: List[int], return_indices: bool=False) -> Tuple[Tensor, Tensor]:
    assert len(input.size()) > len(output_size)
    return torch.adaptive_max_pool${dims}d(input, output_size)
`;

const adaptiveMax = (dims: number): string => `
def _adaptive_max_pool${dims}d(input: Tensor, output_size: List[int], return_indices: bool=False) -> Tensor:
    return adaptive_max_pool${dims}d_with_indices(input, output_size)[0]
`;

const reduced = (name: string, operator: string, extra = '', call = ''): string => `
def ${name}(input: Tensor, target: Tensor, size_average: Optional[bool]=None, reduce: Optional[bool]=None, reduction: str="mean"${extra}) -> Tensor:
    if not (target.size() == input.size()):
        warnings.warn("Using a target size ({}) that is different to the input size ({}). This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.".format(target.size(), input.size()))
    expanded_input, expanded_target = torch.broadcast_tensors(input, target)
    return torch.${operator}(expanded_input, expanded_target, _reduction(reduction)${call})
`;

export const functional: string = `
def _reduction(reduction: str) -> int:
    if reduction == "none":
        ret = 0
    elif reduction == "mean":
        ret = 1
    elif reduction == "sum":
        ret = 2
    else:
        raise ValueError("{} is not a valid value for reduction".format(reduction))
    return ret

def _get_softmax_dim(name: str, ndim: int, stacklevel: int) -> int:
    warnings.warn("Implicit dimension choice for {} has been deprecated. Change the call to include dim=X as an argument.".format(name))
    if ndim == 0 or ndim == 1 or ndim == 3:
        ret = 0
    else:
        ret = 1
    return ret

def _verify_batch_size(size: List[int]) -> None:
    size_prods = size[0]
    for i in range(len(size) - 2):
        size_prods *= size[i + 2]
    if size_prods == 1:
        raise ValueError("Expected more than 1 value per channel when training, got input size {}".format(size))

def _verify_spatial_size(size: List[int]) -> None:
    size_prods = 1
    for i in range(2, len(size)):
        size_prods *= size[i]
    if size_prods == 1:
        raise ValueError("Expected more than 1 spatial element when training, got input size {}".format(size))
${['relu', 'selu', 'silu', 'mish', 'hardswish', 'hardsigmoid'].map((name) => inPlaceOr(name)).join('')}
${inPlaceOr('leaky_relu', ', negative_slope: float=0.01', ', negative_slope')}
${inPlaceOr('elu', ', alpha: float=1.0', ', alpha')}
${inPlaceOr('celu', ', alpha: float=1.0', ', alpha')}
${inPlaceOr('hardtanh', ', min_val: float=-1.0, max_val: float=1.0', ', min_val, max_val')}
def relu6(input: Tensor, inplace: bool=False) -> Tensor:
    if inplace:
        result = torch.hardtanh_(input, 0.0, 6.0)
    else:
        result = torch.hardtanh(input, 0.0, 6.0)
    return result

def _threshold(input: Tensor, threshold: float, value: float, inplace: bool=False) -> Tensor:
    if inplace:
        result = torch.threshold_(input, threshold, value)
    else:
        result = torch.threshold(input, threshold, value)
    return result

def softsign(input: Tensor) -> Tensor:
    return input / (input.abs() + 1)

def tanhshrink(input: Tensor) -> Tensor:
    return input - input.tanh()

def tanh(input: Tensor) -> Tensor:
    return input.tanh()

def sigmoid(input: Tensor) -> Tensor:
    return input.sigmoid()

def glu(input: Tensor, dim: int=-1) -> Tensor:
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    return torch.glu(input, dim)
${softmax('softmax', 'input', 'softmax')}${softmax('log_softmax', 'input', 'log_softmax')}${softmax('softmin', '(-input)', 'softmax')}
${dropout('dropout', 'dropout')}${dropout('alpha_dropout', 'alpha_dropout')}${dropout('dropout2d', 'feature_dropout')}
${channelDropout('dropout1d', 1)}${channelDropout('dropout3d', 3)}
${[1, 2, 3].map((dims) => maxPool(dims)).join('')}
${[2, 3].map((dims) => adaptivePool(dims)).join('')}
def adaptive_max_pool1d_with_indices(input: Tensor, output_size: List[int], return_indices: bool=False) -> Tuple[Tensor, Tensor]:
    return torch.adaptive_max_pool1d(input, output_size)
${[1, 2, 3].map((dims) => adaptiveMax(dims)).join('')}
def batch_norm(input: Tensor, running_mean: Optional[Tensor], running_var: Optional[Tensor], weight: Optional[Tensor]=None, bias: Optional[Tensor]=None, training: bool=False, momentum: float=0.1, eps: float=1e-05) -> Tensor:
    if training:
        _verify_batch_size(input.size())
    return torch.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, True)

def instance_norm(input: Tensor, running_mean: Optional[Tensor]=None, running_var: Optional[Tensor]=None, weight: Optional[Tensor]=None, bias: Optional[Tensor]=None, use_input_stats: bool=True, momentum: float=0.1, eps: float=1e-05) -> Tensor:
    if use_input_stats:
        _verify_spatial_size(input.size())
    return torch.instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, True)

def layer_norm(input: Tensor, normalized_shape: List[int], weight: Optional[Tensor]=None, bias: Optional[Tensor]=None, eps: float=1e-05) -> Tensor:
    return torch.layer_norm(input, normalized_shape, weight, bias, eps)

def group_norm(input: Tensor, num_groups: int, weight: Optional[Tensor]=None, bias: Optional[Tensor]=None, eps: float=1e-05) -> Tensor:
    _verify_batch_size([input.size(0) * input.size(1) // num_groups, num_groups] + list(input.size()[2:]))
    return torch.group_norm(input, num_groups, weight, bias, eps)

def normalize(input: Tensor, p: float=2.0, dim: int=1, eps: float=1e-12) -> Tensor:
    denom = input.norm(p, [dim], True).clamp_min(eps).expand_as(input)
    return input / denom

def embedding(input: Tensor, weight: Tensor, padding_idx: Optional[int]=None, max_norm: Optional[float]=None, norm_type: float=2.0, scale_grad_by_freq: bool=False, sparse: bool=False) -> Tensor:
    if padding_idx is not None:
        if padding_idx > 0:
            assert padding_idx < weight.size(0), "Padding_idx must be within num_embeddings"
        elif padding_idx < 0:
            assert padding_idx >= -weight.size(0), "Padding_idx must be within num_embeddings"
            padding_idx = weight.size(0) + padding_idx
    else:
        padding_idx = -1
    return torch.embedding(weight, input, padding_idx, scale_grad_by_freq, sparse)
${reduced('mse_loss', 'mse_loss')}${reduced('l1_loss', 'l1_loss')}
${reduced('smooth_l1_loss', 'smooth_l1_loss', ', beta: float=1.0', ', beta')}
def huber_loss(input: Tensor, target: Tensor, reduction: str="mean", delta: float=1.0) -> Tensor:
    expanded_input, expanded_target = torch.broadcast_tensors(input, target)
    return torch.huber_loss(expanded_input, expanded_target, _reduction(reduction), delta)

def nll_loss(input: Tensor, target: Tensor, weight: Optional[Tensor]=None, size_average: Optional[bool]=None, ignore_index: int=-100, reduce: Optional[bool]=None, reduction: str="mean") -> Tensor:
    return torch.nll_loss_nd(input, target, weight, _reduction(reduction), ignore_index)

def cross_entropy(input: Tensor, target: Tensor, weight: Optional[Tensor]=None, size_average: Optional[bool]=None, ignore_index: int=-100, reduce: Optional[bool]=None, reduction: str="mean", label_smoothing: float=0.0) -> Tensor:
    return torch.cross_entropy_loss(input, target, weight, _reduction(reduction), ignore_index, label_smoothing)

def binary_cross_entropy(input: Tensor, target: Tensor, weight: Optional[Tensor]=None, size_average: Optional[bool]=None, reduce: Optional[bool]=None, reduction: str="mean") -> Tensor:
    if target.size() != input.size():
        raise ValueError("Using a target size ({}) that is different to the input size ({}) is deprecated. Please ensure they have the same size.".format(target.size(), input.size()))
    if weight is not None:
        weight = weight.expand(torch._infer_size(target.size(), weight.size()))
    return torch.binary_cross_entropy(input, target, weight, _reduction(reduction))

def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Optional[Tensor]=None, size_average: Optional[bool]=None, reduce: Optional[bool]=None, reduction: str="mean", pos_weight: Optional[Tensor]=None) -> Tensor:
    if not (target.size() == input.size()):
        raise ValueError("Target size ({}) must be the same as input size ({})".format(target.size(), input.size()))
    return torch.binary_cross_entropy_with_logits(input, target, weight, pos_weight, _reduction(reduction))

def soft_margin_loss(input: Tensor, target: Tensor, size_average: Optional[bool]=None, reduce: Optional[bool]=None, reduction: str="mean") -> Tensor:
    return torch.soft_margin_loss(input, target, _reduction(reduction))

def kl_div(input: Tensor, target: Tensor, size_average: Optional[bool]=None, reduce: Optional[bool]=None, reduction: str="mean", log_target: bool=False) -> Tensor:
    if reduction == "batchmean":
        reduced = torch.kl_div(input, target, 2, log_target=log_target)
        if input.dim() != 0:
            reduced = reduced / input.size()[0]
    else:
        reduced = torch.kl_div(input, target, _reduction(reduction), log_target=log_target)
    return reduced
`;
