/** The losses of `torch.nn.functional` as TorchScript; their `reduction` is text here and a number in the operators. */

const reduced = (name: string, operator: string, extra = '', call = ''): string => `
def ${name}(input: Tensor, target: Tensor, size_average: Optional[bool]=None, reduce: Optional[bool]=None, reduction: str="mean"${extra}) -> Tensor:
    if not (target.size() == input.size()):
        warnings.warn("Using a target size ({}) that is different to the input size ({}). This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.".format(target.size(), input.size()))
    expanded_input, expanded_target = torch.broadcast_tensors(input, target)
    return torch.${operator}(expanded_input, expanded_target, _reduction(reduction)${call})
`;

/** A loss that is one operator over its inputs and parameters. */
const plain = (name: string, inputs: string, rest: string, call: string): string => `
def ${name}(${inputs}, ${rest}size_average: Optional[bool]=None, reduce: Optional[bool]=None, reduction: str="mean") -> Tensor:
    return torch.${name}(${call}, _reduction(reduction))
`;

export const losses: string = `
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
${plain('hinge_embedding_loss', 'input: Tensor, target: Tensor', 'margin: float=1.0, ', 'input, target, margin')}
${plain('cosine_embedding_loss', 'input1: Tensor, input2: Tensor, target: Tensor', 'margin: float=0.0, ', 'input1, input2, target, margin')}
${plain('triplet_margin_loss', 'anchor: Tensor, positive: Tensor, negative: Tensor', 'margin: float=1.0, p: float=2.0, eps: float=1e-06, swap: bool=False, ', 'anchor, positive, negative, margin, p, eps, swap')}
${plain('multi_margin_loss', 'input: Tensor, target: Tensor', 'p: int=1, margin: float=1.0, weight: Optional[Tensor]=None, ', 'input, target, p, margin, weight')}
${plain('multilabel_margin_loss', 'input: Tensor, target: Tensor', '', 'input, target')}
def margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float=0.0, size_average: Optional[bool]=None, reduce: Optional[bool]=None, reduction: str="mean") -> Tensor:
    if input1.dim() != input2.dim() or input1.dim() != target.dim():
        raise RuntimeError("margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: {}, input2: {}, target: {} ".format(input1.size(), input2.size(), target.size()))
    return torch.margin_ranking_loss(input1, input2, target, margin, _reduction(reduction))

def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool=True, full: bool=False, size_average: Optional[bool]=None, eps: float=1e-08, reduce: Optional[bool]=None, reduction: str="mean") -> Tensor:
    return torch.poisson_nll_loss(input, target, log_input, full, eps, _reduction(reduction))

def ctc_loss(log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor, blank: int=0, reduction: str="mean", zero_infinity: bool=False) -> Tensor:
    return torch.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, _reduction(reduction), zero_infinity)

def _reduced(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        ret = loss.mean()
    elif reduction == "sum":
        ret = loss.sum()
    elif reduction == "none":
        ret = loss
    else:
        raise ValueError(reduction + " is not valid")
    return ret

def multilabel_soft_margin_loss(input: Tensor, target: Tensor, weight: Optional[Tensor]=None, size_average: Optional[bool]=None, reduce: Optional[bool]=None, reduction: str="mean") -> Tensor:
    each = -(target * torch.log_sigmoid(input) + (1 - target) * torch.log_sigmoid(-input))
    if weight is not None:
        each = each * weight
    last = input.dim() - 1
    return _reduced(each.sum([last]) / input.size(last), reduction)

def gaussian_nll_loss(input: Tensor, target: Tensor, var: Tensor, full: bool=False, eps: float=1e-06, reduction: str="mean") -> Tensor:
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = var.unsqueeze(-1)
        elif not (input.size()[:-1] == var.size()[:-1] and var.size(-1) == 1):
            raise ValueError("var is of incorrect size")
    if bool(torch.any(var < 0)):
        raise ValueError("var has negative entry/entries")
    var = var.clone()
    var.detach().clamp_(min=eps)
    loss = 0.5 * (torch.log(var) + (input - target) ** 2 / var)
    if full:
        loss = loss + ${0.5 * Math.log(2 * Math.PI)}
    return _reduced(loss, reduction)
`;
