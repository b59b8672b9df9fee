/**
 * The forward of PyTorch's own modules as TorchScript, by class: what a scripted `nn.Linear` runs, under the names that
 * an archive has. Attributes and constants are the module's; `F` is `torch.nn.functional`.
 */
import { type Module, TorchError } from '@sconce/core';
import type { ClassType, JitType } from '../ir/types.ts';

/** Methods as text, or what writes them where they depend on the module's own structure. */
type Methods = string | ((type: ClassType, module: Module) => string);

const one = (body: string, extra = ''): string =>
  `def forward(self, input: Tensor${extra}) -> Tensor:\n    return ${body}\n`;
const two = (body: string): string =>
  `def forward(self, input: Tensor, target: Tensor) -> Tensor:\n    return ${body}\n`;
const has = (type: ClassType, name: string): boolean => type.slotOf(name) !== undefined;
const isNone = (type: ClassType, name: string): boolean => {
  const slot = type.slotOf(name);
  return slot === undefined || type.attributes[slot].type.kind === 'None';
};
const constant = (type: ClassType, name: string): unknown => type.constants.get(name)?.value;
/** A list literal of a constant that is one number or several. */
const list = (type: ClassType, name: string, length: number): string => {
  const value = constant(type, name);
  if (typeof value === 'string') return `self.${name}`;
  const items = Array.isArray(value) ? value : new Array(length).fill(value);
  return `[${items.join(', ')}]`;
};

const conv =
  (dims: number) =>
  (type: ClassType): string => {
    const mode = constant(type, 'padding_mode');
    const zero = `[${new Array(dims).fill(0).join(', ')}]`;
    const sides = constant(type, 'padding');
    const around = Array.isArray(sides) ? sides.toReversed().flatMap((n) => [n, n]) : [];
    const padded =
      mode === 'zeros' ? 'input' : `F.pad(input, [${around.join(', ')}], mode=self.padding_mode)`;
    const padding = mode === 'zeros' ? 'self.padding' : zero;
    return `def forward(self, input: Tensor) -> Tensor:
    return self._conv_forward(input, self.weight, self.bias)
def _conv_forward(self, input: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
    return F.conv${dims}d(${padded}, weight, bias, self.stride, ${padding}, self.dilation, self.groups)
`;
  };

const convTranspose = (dims: number) => (): string =>
  `def forward(self, input: Tensor) -> Tensor:
    return F.conv_transpose${dims}d(input, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation)
`;

const checkDims = (
  allowed: string,
  message: string,
): string => `def _check_input_dim(self, input: Tensor) -> None:
    if ${allowed}:
        raise ValueError("${message} (got {}D input)".format(input.dim()))
`;

const batchNorm =
  (check: string) =>
  (type: ClassType): string => {
    const tracks = constant(type, 'track_running_stats') === true && !isNone(type, 'running_mean');
    // Without a momentum each batch counts as much as all before it.
    const isCumulative = (constant(type, 'momentum') ?? null) === null;
    const momentum = isCumulative ? 'factor' : 'self.momentum';
    const factor = isCumulative
      ? `    factor = 0.0
${tracks ? '    if self.training:\n        factor = 1.0 / float(self.num_batches_tracked)\n' : ''}`
      : '';
    const body = tracks
      ? `    if self.training:
        self.num_batches_tracked.add_(1)
${factor}    if self.training:
        bn_training = True
    else:
        bn_training = False
    return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, bn_training, ${momentum}, self.eps)`
      : `${factor}    return F.batch_norm(input, None, None, self.weight, self.bias, True, ${momentum}, self.eps)`;
    return `def forward(self, input: Tensor) -> Tensor:
    self._check_input_dim(input)
${body}
${check}`;
  };

const instanceNorm =
  (dims: number) =>
  (type: ClassType): string => {
    const tracks = constant(type, 'track_running_stats') === true && !isNone(type, 'running_mean');
    return `def forward(self, input: Tensor) -> Tensor:
    self._check_input_dim(input)
    if input.dim() == self._get_no_batch_dim():
        return self._handle_no_batch_input(input)
    return self._apply_instance_norm(input)
${checkDims(`input.dim() not in [${dims + 1}, ${dims + 2}]`, `expected ${dims + 1}D or ${dims + 2}D input`)}
def _get_no_batch_dim(self) -> int:
    return ${dims + 1}
def _handle_no_batch_input(self, input: Tensor) -> Tensor:
    return self._apply_instance_norm(input.unsqueeze(0)).squeeze(0)
def _apply_instance_norm(self, input: Tensor) -> Tensor:
    return F.instance_norm(input, self.running_mean, self.running_var, self.weight, self.bias, ${tracks ? 'self.training' : 'True'}, self.momentum, self.eps)
`;
  };

const pad = (mode: string, value = ''): string => one(`F.pad(input, self.padding, "${mode}"${value})`);

const maxPool =
  (dims: number) =>
  (type: ClassType): string => {
    const indices = constant(type, 'return_indices') === true;
    const parts = ['kernel_size', 'stride', 'padding', 'dilation']
      .map((name) => list(type, name, dims))
      .join(', ');
    const name = indices ? `max_pool${dims}d_with_indices` : `_max_pool${dims}d`;
    return `def forward(self, input: Tensor)${indices ? ' -> Tuple[Tensor, Tensor]' : ' -> Tensor'}:
    return F.${name}(input, ${parts}, ceil_mode=self.ceil_mode, return_indices=self.return_indices)
`;
  };

const avgPool =
  (dims: number) =>
  (type: ClassType): string => {
    const parts = ['kernel_size', 'stride', 'padding'].map((name) => list(type, name, dims)).join(', ');
    const rest = dims === 1 ? '' : ', self.divisor_override';
    return one(`torch.avg_pool${dims}d(input, ${parts}, self.ceil_mode, self.count_include_pad${rest})`);
  };

const adaptiveAvg =
  (dims: number) =>
  (type: ClassType): string => {
    const size = constant(type, 'output_size');
    const items = Array.isArray(size) ? size : new Array(dims).fill(size);
    const wanted = items.map((n: unknown, i: number) => (n === null ? `input.size(${i - dims})` : String(n)));
    return one(`F.adaptive_avg_pool${dims}d(input, [${wanted.join(', ')}])`);
  };

const adaptiveMax =
  (dims: number) =>
  (type: ClassType): string => {
    const indices = constant(type, 'return_indices') === true;
    const name = indices ? `adaptive_max_pool${dims}d_with_indices` : `_adaptive_max_pool${dims}d`;
    return `def forward(self, input: Tensor)${indices ? ' -> Tuple[Tensor, Tensor]' : ' -> Tensor'}:
    return F.${name}(input, ${list(type, 'output_size', dims)}, self.return_indices)
`;
  };

/** The weights of a recurrent layer in the order that the operator takes them. */
function flatWeights(type: ClassType): string {
  const names: string[] = [];
  for (let layer = 0; has(type, `weight_ih_l${layer}`); layer++)
    for (const direction of ['', '_reverse']) {
      if (!has(type, `weight_ih_l${layer}${direction}`)) continue;
      for (const part of ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh', 'weight_hr'])
        if (!isNone(type, `${part}_l${layer}${direction}`)) names.push(`self.${part}_l${layer}${direction}`);
    }
  return `[${names.join(', ')}]`;
}

const recurrent =
  (operator: string) =>
  (type: ClassType): string => {
    const isLstm = operator === 'lstm';
    const weights = flatWeights(type);
    const projected = has(type, 'weight_hr_l0') && !isNone(type, 'weight_hr_l0');
    const state = isLstm ? 'Tuple[Tensor, Tensor]' : 'Tensor';
    const zeros = (size: string) =>
      `torch.zeros(self.num_layers * num_directions, max_batch_size, ${size}, dtype=input.dtype, device=input.device)`;
    const initial = isLstm
      ? `(${zeros(projected ? 'self.proj_size' : 'self.hidden_size')}, ${zeros('self.hidden_size')})`
      : zeros('self.hidden_size');
    const name =
      operator === 'rnn'
        ? `rnn_${constant(type, 'mode') === 'RNN_RELU' || constant(type, 'nonlinearity') === 'relu' ? 'relu' : 'tanh'}`
        : operator;
    const call = `self.bias, self.num_layers, self.dropout, self.training, self.bidirectional, self.batch_first`;
    const batched = (part: string) => `${part}.unsqueeze(1)`;
    return `def forward(self, input: Tensor, hx: Optional[${state}]=None) -> Tuple[Tensor, ${state}]:
    is_batched = input.dim() == 3
    batch_dim = 0 if self.batch_first else 1
    if not is_batched:
        input = input.unsqueeze(batch_dim)
    num_directions = 2 if self.bidirectional else 1
    max_batch_size = input.size(0) if self.batch_first else input.size(1)
    if hx is None:
        state = ${initial}
    else:
        state = hx
        if not is_batched:
            state = ${isLstm ? `(${batched('state[0]')}, ${batched('state[1]')})` : batched('state')}
    result = torch.${name}(input, ${isLstm ? '[state[0], state[1]]' : 'state'}, ${weights}, ${call})
    output = result[0]
    hidden = ${isLstm ? '(result[1], result[2])' : 'result[1]'}
    if not is_batched:
        output = output.squeeze(batch_dim)
        hidden = ${isLstm ? '(hidden[0].squeeze(1), hidden[1].squeeze(1))' : 'hidden.squeeze(1)'}
    return output, hidden
`;
  };

const cell =
  (operator: string) =>
  (type: ClassType): string => {
    const isLstm = operator === 'lstm';
    const state = isLstm ? 'Tuple[Tensor, Tensor]' : 'Tensor';
    const name =
      operator === 'rnn' ? `rnn_${constant(type, 'nonlinearity') === 'relu' ? 'relu' : 'tanh'}` : operator;
    const zeros = 'torch.zeros(input.size(0), self.hidden_size, dtype=input.dtype, device=input.device)';
    return `def forward(self, input: Tensor, hx: Optional[${state}]=None) -> ${state}:
    is_batched = input.dim() == 2
    if not is_batched:
        input = input.unsqueeze(0)
    if hx is None:
        zeros = ${zeros}
        state = ${isLstm ? '(zeros, zeros)' : 'zeros'}
    else:
        state = hx
        if not is_batched:
            state = ${isLstm ? '(state[0].unsqueeze(0), state[1].unsqueeze(0))' : 'state.unsqueeze(0)'}
    ret = torch.${name}_cell(input, ${isLstm ? '[state[0], state[1]]' : 'state'}, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
    if not is_batched:
        ret = ${isLstm ? '(ret[0].squeeze(0), ret[1].squeeze(0))' : 'ret.squeeze(0)'}
    return ret
`;
  };

/** A chain of the children, each called with what the one before gave. */
const sequential = (type: ClassType): string => `def forward(self, input):
    for module in self:
        input = module(input)
    return input
${length(type)}`;

const isChild = ({ type }: { readonly type: JitType }): boolean =>
  type.kind === 'Class' || type.kind === 'Interface';

/** How many modules a container holds. */
const length = (type: ClassType): string =>
  `def __len__(self) -> int:\n    return ${type.attributes.filter(isChild).length}\n`;

const attention = (type: ClassType): string => {
  const bias = (part: number) =>
    isNone(type, 'in_proj_bias') ? 'None' : `self.in_proj_bias.narrow(0, ${part} * width, width)`;
  const projected = (name: string, part: number) =>
    `F.linear(${name}, self.in_proj_weight.narrow(0, ${part} * width, width), ${bias(part)}).reshape([batch, -1, self.num_heads, size]).transpose(1, 2)`;
  const batched = (name: string) => `    if not is_batched:
        ${name} = ${name}.unsqueeze(0)
    elif not self.batch_first:
        ${name} = ${name}.transpose(0, 1)
`;
  return `def forward(self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Optional[Tensor]=None, need_weights: bool=True, attn_mask: Optional[Tensor]=None, average_attn_weights: bool=True) -> Tuple[Tensor, Optional[Tensor]]:
    is_batched = query.dim() == 3
${['query', 'key', 'value'].map(batched).join('')}    batch = query.size(0)
    width = self.embed_dim
    size = width // self.num_heads
    q = ${projected('query', 0)}
    k = ${projected('key', 1)}
    v = ${projected('value', 2)}
    scores = (q / float(size) ** 0.5).matmul(k.transpose(-2, -1))
    if attn_mask is not None:
        mask = self._as_floats(attn_mask, q)
        if mask.dim() == 3:
            mask = mask.reshape([batch, self.num_heads, q.size(2), k.size(2)])
        scores = scores + mask
    if key_padding_mask is not None:
        scores = scores + self._as_floats(key_padding_mask, q).reshape([batch, 1, 1, k.size(2)])
    weights = torch.dropout(scores.softmax(-1), self.dropout, self.training)
    context = weights.matmul(v).transpose(1, 2).reshape([batch, -1, width])
    output = self.out_proj(context)
    if not is_batched:
        output = output.squeeze(0)
    elif not self.batch_first:
        output = output.transpose(0, 1)
    if not need_weights:
        return output, None
    if average_attn_weights:
        weights = weights.mean([1])
    if not is_batched:
        weights = weights.squeeze(0)
    return output, weights
def _as_floats(self, mask: Tensor, like: Tensor) -> Tensor:
    if mask.dtype == torch.bool:
        return torch.zeros_like(mask, dtype=like.dtype).masked_fill(mask, -torch.inf)
    return mask
`;
};

const encoderLayer = (type: ClassType, module: Module): string => {
  const { activation_relu_or_gelu: activation } = module as unknown as { activation_relu_or_gelu?: number };
  if (activation !== 1 && activation !== 2)
    throw new TorchError(
      "TransformerEncoderLayer cannot be scripted with an activation of one's own: 'relu' and 'gelu' can",
    );
  const mask = 'src_mask: Optional[Tensor], src_key_padding_mask: Optional[Tensor]';
  const masks = 'src_mask, src_key_padding_mask';
  const body =
    constant(type, 'norm_first') === true
      ? `    x = src + self._sa_block(self.norm1(src), ${masks})
    return x + self._ff_block(self.norm2(x))`
      : `    x = self.norm1(src + self._sa_block(src, ${masks}))
    return self.norm2(x + self._ff_block(x))`;
  return `def forward(self, src: Tensor, ${mask.replaceAll('[Tensor]', '[Tensor]=None')}) -> Tensor:
${body}
def _sa_block(self, x: Tensor, ${mask}) -> Tensor:
    return self.dropout1(self.self_attn(x, x, x, key_padding_mask=src_key_padding_mask, need_weights=False, attn_mask=src_mask)[0])
def _ff_block(self, x: Tensor) -> Tensor:
    return self.dropout2(self.linear2(self.dropout(F.${activation === 1 ? 'relu' : 'gelu'}(self.linear1(x)))))
`;
};

const encoder = (type: ClassType): string => {
  const slot = type.slotOf('norm');
  const isNormed = slot !== undefined && type.attributes[slot].type.kind === 'Class';
  return `def forward(self, src: Tensor, mask: Optional[Tensor]=None, src_key_padding_mask: Optional[Tensor]=None) -> Tensor:
    for layer in self.layers:
        src = layer(src, mask, src_key_padding_mask)
    return ${isNormed ? 'self.norm(src)' : 'src'}
`;
};

/** Each way to resample, by how many spatial dims the input has. */
const resamplers: Readonly<Record<string, readonly (string | undefined)[]>> = {
  nearest: ['upsample_nearest1d', 'upsample_nearest2d', 'upsample_nearest3d'],
  'nearest-exact': ['_upsample_nearest_exact1d', '_upsample_nearest_exact2d', '_upsample_nearest_exact3d'],
  linear: ['upsample_linear1d'],
  bilinear: [undefined, 'upsample_bilinear2d'],
  bicubic: [undefined, 'upsample_bicubic2d'],
  trilinear: [undefined, undefined, 'upsample_trilinear3d'],
};

const upsample = (type: ClassType): string => {
  const value = (name: string): unknown => {
    const slot = type.slotOf(name);
    return slot === undefined ? (constant(type, name) ?? null) : undefined;
  };
  const mode = String(value('mode'));
  const operators = resamplers[mode];
  if (!operators) throw new TorchError(`nn.Upsample with mode '${mode}' cannot be scripted`);
  const spread = (of: unknown, dims: number, spell: (n: number) => string) =>
    of === null ? 'None' : `[${(Array.isArray(of) ? of : new Array(dims).fill(of)).map(spell).join(', ')}]`;
  const float = (n: number) => (Number.isInteger(n) ? `${n}.0` : String(n));
  const branches = operators.flatMap((operator, i) => {
    if (!operator) return [];
    const aligned = /linear|cubic/.test(operator)
      ? `${value('align_corners') === true ? 'True' : 'False'}, `
      : '';
    const size = spread(value('size'), i + 1, String);
    const scale = spread(value('scale_factor'), i + 1, float);
    return [
      `    if input.dim() == ${i + 3}:\n        return torch.${operator}(input, ${size}, ${aligned}${scale})\n`,
    ];
  });
  return `def forward(self, input: Tensor) -> Tensor:
${branches.join('')}    raise NotImplementedError("Input Error: got {}D input for mode ${mode}".format(input.dim()))
`;
};

const bn1 = checkDims('input.dim() != 2 and input.dim() != 3', 'expected 2D or 3D input');

/** What there is, by PyTorch's class name. */
export const moduleMethods: Readonly<Record<string, Methods>> = {
  Linear: one('F.linear(input, self.weight, self.bias)'),
  NonDynamicallyQuantizableLinear: one('F.linear(input, self.weight, self.bias)'),
  Bilinear:
    'def forward(self, input1: Tensor, input2: Tensor) -> Tensor:\n    return torch.bilinear(input1, input2, self.weight, self.bias)\n',
  Identity: one('input'),
  Conv1d: conv(1),
  Conv2d: conv(2),
  Conv3d: conv(3),
  ConvTranspose1d: convTranspose(1),
  ConvTranspose2d: convTranspose(2),
  ConvTranspose3d: convTranspose(3),
  BatchNorm1d: batchNorm(bn1),
  BatchNorm2d: batchNorm(checkDims('input.dim() != 4', 'expected 4D input')),
  BatchNorm3d: batchNorm(checkDims('input.dim() != 5', 'expected 5D input')),
  InstanceNorm1d: instanceNorm(1),
  InstanceNorm2d: instanceNorm(2),
  InstanceNorm3d: instanceNorm(3),
  RMSNorm: one('F.rms_norm(input, self.normalized_shape, self.weight, self.eps)'),
  LayerNorm: one('F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)'),
  GroupNorm: one('F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)'),
  ReLU: one('F.relu(input, inplace=self.inplace)'),
  ReLU6: one('F.hardtanh(input, 0.0, 6.0, self.inplace)'),
  SELU: one('F.selu(input, self.inplace)'),
  SiLU: one('F.silu(input, inplace=self.inplace)'),
  Mish: one('F.mish(input, inplace=self.inplace)'),
  Hardswish: one('F.hardswish(input, self.inplace)'),
  Hardsigmoid: one('F.hardsigmoid(input, self.inplace)'),
  Sigmoid: one('torch.sigmoid(input)'),
  Tanh: one('torch.tanh(input)'),
  LogSigmoid: one('torch.log_sigmoid(input)'),
  Softsign: one('F.softsign(input)'),
  Tanhshrink: one('F.tanhshrink(input)'),
  LeakyReLU: one('F.leaky_relu(input, self.negative_slope, self.inplace)'),
  ELU: one('F.elu(input, self.alpha, self.inplace)'),
  CELU: one('F.celu(input, self.alpha, self.inplace)'),
  GELU: one('torch.gelu(input, approximate=self.approximate)'),
  Hardtanh: one('F.hardtanh(input, self.min_val, self.max_val, self.inplace)'),
  Softplus: one('torch.softplus(input, self.beta, self.threshold)'),
  Threshold: one('F._threshold(input, self.threshold, self.value, self.inplace)'),
  Hardshrink: one('torch.hardshrink(input, self.lambd)'),
  Softshrink: one('torch.softshrink(input, self.lambd)'),
  GLU: one('F.glu(input, self.dim)'),
  Softmax: one('F.softmax(input, self.dim, _stacklevel=5)'),
  LogSoftmax: one('F.log_softmax(input, self.dim, _stacklevel=5)'),
  Softmin: one('F.softmin(input, self.dim, _stacklevel=5)'),
  PReLU: one('torch.prelu(input, self.weight)'),
  Dropout: one('F.dropout(input, self.p, self.training, self.inplace)'),
  Dropout1d: one('F.dropout1d(input, self.p, self.training, self.inplace)'),
  Dropout2d: one('F.dropout2d(input, self.p, self.training, self.inplace)'),
  Dropout3d: one('F.dropout3d(input, self.p, self.training, self.inplace)'),
  AlphaDropout: one('F.alpha_dropout(input, self.p, self.training)'),
  MaxPool1d: maxPool(1),
  MaxPool2d: maxPool(2),
  MaxPool3d: maxPool(3),
  AvgPool1d: avgPool(1),
  AvgPool2d: avgPool(2),
  AvgPool3d: avgPool(3),
  AdaptiveAvgPool1d: adaptiveAvg(1),
  AdaptiveAvgPool2d: adaptiveAvg(2),
  AdaptiveAvgPool3d: adaptiveAvg(3),
  AdaptiveMaxPool1d: adaptiveMax(1),
  AdaptiveMaxPool2d: adaptiveMax(2),
  AdaptiveMaxPool3d: adaptiveMax(3),
  Flatten: one('input.flatten(self.start_dim, self.end_dim)'),
  Unflatten: (type) => {
    const size = type.constants.get('unflattened_size')?.value;
    return one(
      Array.isArray(size)
        ? `input.unflatten(self.dim, [${size.join(', ')}])`
        : 'input.unflatten(self.dim, self.unflattened_size)',
    );
  },
  ZeroPad1d: pad('constant', ', 0.0'),
  ZeroPad2d: pad('constant', ', 0.0'),
  ZeroPad3d: pad('constant', ', 0.0'),
  ConstantPad1d: pad('constant', ', self.value'),
  ConstantPad2d: pad('constant', ', self.value'),
  ConstantPad3d: pad('constant', ', self.value'),
  ReflectionPad1d: pad('reflect'),
  ReflectionPad2d: pad('reflect'),
  ReflectionPad3d: pad('reflect'),
  ReplicationPad1d: pad('replicate'),
  ReplicationPad2d: pad('replicate'),
  ReplicationPad3d: pad('replicate'),
  PixelShuffle: one('torch.pixel_shuffle(input, self.upscale_factor)'),
  PixelUnshuffle: one('torch.pixel_unshuffle(input, self.downscale_factor)'),
  Embedding: (type) => {
    const own = (name: string, otherwise: string) =>
      type.constants.has(name) || has(type, name) ? `self.${name}` : otherwise;
    return one(
      `F.embedding(input, self.weight, ${own('padding_idx', 'None')}, ${own('max_norm', 'None')}, ${own('norm_type', '2.0')}, ${own('scale_grad_by_freq', 'False')}, ${own('sparse', 'False')})`,
    );
  },
  CosineSimilarity:
    'def forward(self, x1: Tensor, x2: Tensor) -> Tensor:\n    return torch.cosine_similarity(x1, x2, self.dim, self.eps)\n',
  MSELoss: two('F.mse_loss(input, target, reduction=self.reduction)'),
  L1Loss: two('F.l1_loss(input, target, reduction=self.reduction)'),
  SmoothL1Loss: two('F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)'),
  HuberLoss: two('F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)'),
  NLLLoss: two(
    'F.nll_loss(input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction)',
  ),
  CrossEntropyLoss: two(
    'F.cross_entropy(input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction, label_smoothing=self.label_smoothing)',
  ),
  BCELoss: two('F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)'),
  BCEWithLogitsLoss: two(
    'F.binary_cross_entropy_with_logits(input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction)',
  ),
  KLDivLoss: two('F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)'),
  SoftMarginLoss: two('F.soft_margin_loss(input, target, reduction=self.reduction)'),
  LSTM: recurrent('lstm'),
  GRU: recurrent('gru'),
  RNN: recurrent('rnn'),
  LSTMCell: cell('lstm'),
  GRUCell: cell('gru'),
  RNNCell: cell('rnn'),
  MultiheadAttention: attention,
  TransformerEncoderLayer: encoderLayer,
  TransformerEncoder: encoder,
  Upsample: upsample,
  Sequential: sequential,
  ModuleList: length,
  ModuleDict: length,
};
