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
  const ints = `BroadcastingList${dims}[int]`;
  const signature = `input: Tensor, kernel_size: ${ints}, stride: Optional[${ints}]=None, padding: ${ints}=${ones(0)}, dilation: ${ints}=${ones(1)}, ceil_mode: bool=False, return_indices: bool=False`;
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
def adaptive_avg_pool${dims}d(input: Tensor, output_size: BroadcastingList${dims}[int]) -> Tensor:
    assert len(input.size()) > len(output_size)
    return torch.adaptive_avg_pool${dims}d(input, output_size)

def adaptive_max_pool${dims}d_with_indices(input: Tensor, output_size: BroadcastingList${dims}[int], return_indices: bool=False) -> Tuple[Tensor, Tensor]:
    assert len(input.size()) > len(output_size)
    return torch.adaptive_max_pool${dims}d(input, output_size)
`;

const adaptiveMax = (dims: number): string => `
def _adaptive_max_pool${dims}d(input: Tensor, output_size: BroadcastingList${dims}[int], return_indices: bool=False) -> Tensor:
    return adaptive_max_pool${dims}d_with_indices(input, output_size)[0]
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

def rrelu(input: Tensor, lower: float=0.125, upper: float=0.3333333333333333, training: bool=False, inplace: bool=False) -> Tensor:
    result = torch.rrelu(input, lower, upper, training)
    if inplace:
        result = input.copy_(result)
    return result

def gumbel_softmax(logits: Tensor, tau: float=1., hard: bool=False, eps: float=1e-10, dim: int=-1) -> Tensor:
    noise = -torch.empty_like(logits).exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)
    ret = soft
    if hard:
        index = soft.argmax(dim, keepdim=True)
        ret = torch.zeros_like(logits).scatter_(dim, index, 1.0) - soft.detach() + soft
    return ret

def local_response_norm(input: Tensor, size: int, alpha: float=0.0001, beta: float=0.75, k: float=1.0) -> Tensor:
    dim = input.dim()
    if dim < 3:
        raise ValueError("Expected 3D or higher dimensionality                          input (got {} dimensions)".format(dim))
    if input.numel() == 0:
        return input
    squares = (input * input).unsqueeze(1)
    if dim == 3:
        means = torch.avg_pool2d(torch.pad(squares, [0, 0, size // 2, (size - 1) // 2]), [size, 1], [1]).squeeze(1)
    else:
        sizes = input.size()
        flat = squares.view([sizes[0], 1, sizes[1], sizes[2], -1])
        padded = torch.pad(flat, [0, 0, 0, 0, size // 2, (size - 1) // 2])
        means = torch.avg_pool3d(padded, [size, 1, 1], [1]).squeeze(1).view(sizes)
    return input / (means * alpha + k).pow(beta)

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
${dropout('dropout', 'dropout')}${dropout('alpha_dropout', 'alpha_dropout')}${dropout('dropout2d', 'feature_dropout')}${dropout('feature_alpha_dropout', 'feature_alpha_dropout').replace('training: bool=True', 'training: bool=False')}
${channelDropout('dropout1d', 1)}${channelDropout('dropout3d', 3)}
${[1, 2, 3].map((dims) => maxPool(dims)).join('')}
${[2, 3].map((dims) => adaptivePool(dims)).join('')}
def adaptive_max_pool1d_with_indices(input: Tensor, output_size: BroadcastingList1[int], return_indices: bool=False) -> Tuple[Tensor, Tensor]:
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

def rms_norm(input: Tensor, normalized_shape: List[int], weight: Optional[Tensor]=None, eps: Optional[float]=None) -> Tensor:
    return torch.rms_norm(input, normalized_shape, weight, eps)

def group_norm(input: Tensor, num_groups: int, weight: Optional[Tensor]=None, bias: Optional[Tensor]=None, eps: float=1e-05) -> Tensor:
    _verify_batch_size([input.size(0) * input.size(1) // num_groups, num_groups] + list(input.size()[2:]))
    return torch.group_norm(input, num_groups, weight, bias, eps)

def normalize(input: Tensor, p: float=2.0, dim: int=1, eps: float=1e-12, out: Optional[Tensor]=None) -> Tensor:
    denom = input.norm(p, [dim], True).clamp_min(eps).expand_as(input)
    if out is None:
        ret = input / denom
    else:
        ret = torch.div(input, denom, out=out)
    return ret

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
`;
