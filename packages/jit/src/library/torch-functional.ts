/** What PyTorch itself writes in Python of `torch.*` (`torch.functional`), as TorchScript: norms, unique values, tensordot, cdist. */

/** One overload of `torch.norm`; `p` is text or a number. */
const norm = (p: string, dim: string): string => {
  const isText = p.startsWith('str');
  const dims = dim === 'int' ? '[dim]' : 'dim';
  return `
def norm(input: Tensor, p: ${p}, dim: Optional[${dim}]=None, keepdim: bool=False, out: Optional[Tensor]=None, dtype: Optional[int]=None) -> Tensor:
${
  isText
    ? `    if p != "fro":
        raise RuntimeError("only valid string values are 'fro' and 'nuc', found {}. Sconce computes 'fro'".format(p))
    if dtype is not None:
        raise ValueError("dtype argument is not supported in frobenius norm")
`
    : ''
}    dims = list(range(input.dim())) if dim is None else ${dims}
    if dtype is None:
        ret = torch.norm(input, ${isText ? '2.0' : 'p'}, dims, keepdim)
    else:
        ret = torch.norm(input, ${isText ? '2.0' : 'p'}, dims, keepdim, dtype=dtype)
    if out is not None:
        ret = out.resize_(ret.size()).copy_(ret)
    return ret
`;
};

const sums = (dims: string, parts: string): string => `
def tensordot(a: Tensor, b: Tensor, dims: ${dims}, out: Optional[Tensor]=None) -> Tensor:
${parts}    if out is None:
        ret = torch.tensordot(a, b, dims_a, dims_b)
    else:
        ret = torch.tensordot(a, b, dims_a, dims_b, out=out)
    return ret
`;

/** Of several results those that a form of `unique` hands on. */
const uniqueForm = (name: string, of: string, parameters: string, call: string, items: string): string => {
  const count = items.split(', ').length;
  const returns = count === 1 ? 'Tensor' : `Tuple[${new Array(count).fill('Tensor').join(', ')}]`;
  return `
def ${name}(${parameters}) -> ${returns}:
    output, inverse, counts = ${of}(${call})
    return ${items}
`;
};
const unique = (name: string, items: string): string =>
  uniqueForm(
    name,
    '_unique_impl',
    'input: Tensor, sorted: bool=True, return_inverse: bool=False, return_counts: bool=False, dim: Optional[int]=None',
    'input, sorted, return_inverse, return_counts, dim',
    items,
  );
const consecutive = (name: string, items: string): string =>
  uniqueForm(
    name,
    '_unique_consecutive_impl',
    'input: Tensor, return_inverse: bool=False, return_counts: bool=False, dim: Optional[int]=None',
    'input, return_inverse, return_counts, dim',
    items,
  );

export const torchFunctional: string = `
${norm('str="fro"', 'List[int]')}${norm('Optional[number]', 'List[int]')}
${norm('Optional[number]', 'int')}${norm('str="fro"', 'int')}
${sums(
  'int=2',
  `    if dims < 0:
        raise RuntimeError("tensordot expects dims >= 0, but got dims={}".format(dims))
    dims_a = list(range(-dims, 0))
    dims_b = list(range(dims))
`,
)}${sums('Tuple[List[int], List[int]]', '    dims_a, dims_b = dims\n')}
${sums('List[List[int]]', '    dims_a, dims_b = dims[0], dims[1]\n')}
def cdist(x1: Tensor, x2: Tensor, p: float=2.0, compute_mode: str="use_mm_for_euclid_dist_if_necessary") -> Tensor:
    if compute_mode == "use_mm_for_euclid_dist_if_necessary":
        ret = torch.cdist(x1, x2, p, None)
    elif compute_mode == "use_mm_for_euclid_dist":
        ret = torch.cdist(x1, x2, p, 1)
    elif compute_mode == "donot_use_mm_for_euclid_dist":
        ret = torch.cdist(x1, x2, p, 2)
    else:
        raise ValueError("{} is not a valid value for compute_mode".format(compute_mode))
    return ret

def _unique_impl(input: Tensor, sorted: bool=True, return_inverse: bool=False, return_counts: bool=False, dim: Optional[int]=None) -> Tuple[Tensor, Tensor, Tensor]:
    if dim is None:
        ret = torch._unique2(input, sorted, return_inverse, return_counts)
    else:
        ret = torch.unique_dim(input, dim, sorted, return_inverse, return_counts)
    return ret
${unique('_return_output', 'output')}${unique('_return_inverse', 'output, inverse')}${unique('_return_counts', 'output, counts')}
def _unique_consecutive_impl(input: Tensor, return_inverse: bool=False, return_counts: bool=False, dim: Optional[int]=None) -> Tuple[Tensor, Tensor, Tensor]:
    return torch.unique_consecutive(input, return_inverse, return_counts, dim)
${consecutive('_consecutive_return_output', 'output')}${consecutive('_consecutive_return_inverse', 'output, inverse')}
${consecutive('_consecutive_return_counts', 'output, counts')}
`;
