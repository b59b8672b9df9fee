/** Modules of nn to script: how each is made, and what it is called with. */
import { fromTypedArray, functions, Module, type Tensor } from '@sconce/core';
import * as nn from '@sconce/nn';

// biome-ignore lint/suspicious/noExplicitAny: modules of many kinds
type Any = any;
const torch: Any = functions;

const random = (...shape: number[]): Tensor => functions.randn(shape) as Tensor;
const indices = (shape: number[], ...values: number[]): Tensor =>
  fromTypedArray(BigInt64Array.from(values.map(BigInt)), shape, 'int64');
const unit = (...shape: number[]): Tensor => functions.rand(shape) as Tensor;

/** Adds what each module of a list gives for the same input. */
class Sum extends Module {
  constructor(readonly parts: Any) {
    super();
  }
  override forward(x: Any): Any {
    let y = x;
    for (const part of this.parts) y = torch.add(y, part(x));
    return y;
  }
}

/** The same from a dict of modules. */
class SumOfNamed extends Module {
  constructor(readonly parts: Any) {
    super();
  }
  override forward(x: Any): Any {
    let y = x;
    for (const part of this.parts.values()) y = torch.add(y, part(x));
    for (const [name, part] of this.parts.items()) if (name !== 'act') y = torch.mul(y, part(x));
    return y;
  }
}

/** How each is made, and what it is called with. A case's name begins with its module's. */
export const cases: Readonly<Record<string, readonly [make: () => Module, inputs: () => unknown[]]>> = {
  Linear: [() => nn.Linear(4, 3), () => [random(2, 4)]],
  'Linear without bias': [() => nn.Linear(4, 3, { bias: false }), () => [random(2, 4)]],
  NonDynamicallyQuantizableLinear: [() => nn.NonDynamicallyQuantizableLinear(4, 3), () => [random(2, 4)]],
  Bilinear: [() => nn.Bilinear(2, 3, 4), () => [random(5, 2), random(5, 3)]],
  Identity: [() => nn.Identity(), () => [random(2)]],
  Conv1d: [() => nn.Conv1d(2, 3, 3), () => [random(1, 2, 8)]],
  Conv2d: [() => nn.Conv2d(2, 4, 3, { stride: 2, padding: 1, groups: 2 }), () => [random(1, 2, 8, 8)]],
  'Conv2d reflect': [
    () => nn.Conv2d(2, 3, 3, { padding: 1, padding_mode: 'reflect' }),
    () => [random(1, 2, 5, 5)],
  ],
  'Conv2d same': [() => nn.Conv2d(2, 3, 3, { padding: 'same' } as Any), () => [random(1, 2, 5, 5)]],
  Conv3d: [() => nn.Conv3d(2, 3, 3), () => [random(1, 2, 5, 5, 5)]],
  ConvTranspose1d: [() => nn.ConvTranspose1d(2, 3, 3), () => [random(1, 2, 5)]],
  ConvTranspose2d: [
    () => nn.ConvTranspose2d(2, 3, 3, { stride: 2, output_padding: 1 }),
    () => [random(1, 2, 5, 5)],
  ],
  ConvTranspose3d: [() => nn.ConvTranspose3d(2, 3, 3), () => [random(1, 2, 3, 3, 3)]],
  BatchNorm1d: [() => nn.BatchNorm1d(3), () => [random(4, 3)]],
  BatchNorm2d: [() => nn.BatchNorm2d(3), () => [random(2, 3, 4, 4)]],
  BatchNorm3d: [() => nn.BatchNorm3d(3), () => [random(2, 3, 2, 2, 2)]],
  InstanceNorm1d: [() => nn.InstanceNorm1d(3), () => [random(2, 3, 4)]],
  InstanceNorm2d: [() => nn.InstanceNorm2d(3), () => [random(2, 3, 4, 4)]],
  InstanceNorm3d: [() => nn.InstanceNorm3d(3), () => [random(2, 3, 2, 2, 2)]],
  LayerNorm: [() => nn.LayerNorm([4]), () => [random(2, 4)]],
  GroupNorm: [() => nn.GroupNorm(2, 4), () => [random(2, 4, 3)]],
  RMSNorm: [() => nn.RMSNorm([4]), () => [random(2, 4)]],
  ReLU: [() => nn.ReLU(), () => [random(3)]],
  ReLU6: [() => nn.ReLU6(), () => [random(3)]],
  SELU: [() => nn.SELU(), () => [random(3)]],
  SiLU: [() => nn.SiLU(), () => [random(3)]],
  Mish: [() => nn.Mish(), () => [random(3)]],
  Hardswish: [() => nn.Hardswish(), () => [random(3)]],
  Hardsigmoid: [() => nn.Hardsigmoid(), () => [random(3)]],
  Sigmoid: [() => nn.Sigmoid(), () => [random(3)]],
  Tanh: [() => nn.Tanh(), () => [random(3)]],
  LogSigmoid: [() => nn.LogSigmoid(), () => [random(3)]],
  Softsign: [() => nn.Softsign(), () => [random(3)]],
  Tanhshrink: [() => nn.Tanhshrink(), () => [random(3)]],
  LeakyReLU: [() => nn.LeakyReLU(0.2), () => [random(3)]],
  ELU: [() => nn.ELU(), () => [random(3)]],
  CELU: [() => nn.CELU(), () => [random(3)]],
  GELU: [() => nn.GELU(), () => [random(3)]],
  Hardtanh: [() => nn.Hardtanh(), () => [random(3)]],
  Softplus: [() => nn.Softplus(), () => [random(3)]],
  Threshold: [() => nn.Threshold(0.1, 20.5), () => [random(3)]],
  Hardshrink: [() => nn.Hardshrink(), () => [random(3)]],
  Softshrink: [() => nn.Softshrink(), () => [random(3)]],
  GLU: [() => nn.GLU(), () => [random(2, 4)]],
  Softmax: [() => nn.Softmax({ dim: 1 } as Any), () => [random(2, 4)]],
  LogSoftmax: [() => nn.LogSoftmax({ dim: 1 } as Any), () => [random(2, 4)]],
  Softmin: [() => nn.Softmin({ dim: 1 } as Any), () => [random(2, 4)]],
  PReLU: [() => nn.PReLU(), () => [random(3)]],
  Dropout: [() => nn.Dropout(0.25), () => [random(20)]],
  Dropout1d: [() => nn.Dropout1d(), () => [random(2, 3, 4)]],
  Dropout2d: [() => nn.Dropout2d(), () => [random(2, 3, 4, 4)]],
  Dropout3d: [() => nn.Dropout3d(), () => [random(2, 3, 2, 2, 2)]],
  MaxPool1d: [() => nn.MaxPool1d(2), () => [random(1, 2, 6)]],
  MaxPool2d: [() => nn.MaxPool2d(2), () => [random(1, 2, 6, 6)]],
  'MaxPool2d with indices': [() => nn.MaxPool2d(2, { return_indices: true }), () => [random(1, 2, 6, 6)]],
  MaxPool3d: [() => nn.MaxPool3d(2), () => [random(1, 2, 4, 4, 4)]],
  AvgPool1d: [() => nn.AvgPool1d(2), () => [random(1, 2, 6)]],
  AvgPool2d: [() => nn.AvgPool2d(2), () => [random(1, 2, 6, 6)]],
  AvgPool3d: [() => nn.AvgPool3d(2), () => [random(1, 2, 4, 4, 4)]],
  AdaptiveAvgPool1d: [() => nn.AdaptiveAvgPool1d(2), () => [random(1, 2, 6)]],
  AdaptiveAvgPool2d: [() => nn.AdaptiveAvgPool2d([2, 3]), () => [random(1, 2, 6, 6)]],
  AdaptiveAvgPool3d: [() => nn.AdaptiveAvgPool3d(2), () => [random(1, 2, 4, 4, 4)]],
  AdaptiveMaxPool1d: [() => nn.AdaptiveMaxPool1d(2), () => [random(1, 2, 6)]],
  AdaptiveMaxPool2d: [() => nn.AdaptiveMaxPool2d(2), () => [random(1, 2, 6, 6)]],
  AdaptiveMaxPool3d: [() => nn.AdaptiveMaxPool3d(2), () => [random(1, 2, 4, 4, 4)]],
  Flatten: [() => nn.Flatten(), () => [random(2, 3, 4)]],
  Unflatten: [() => nn.Unflatten(1, [2, 2]), () => [random(3, 4)]],
  ZeroPad1d: [() => nn.ZeroPad1d(1), () => [random(1, 2, 3)]],
  ZeroPad2d: [() => nn.ZeroPad2d(1), () => [random(1, 2, 3, 3)]],
  ZeroPad3d: [() => nn.ZeroPad3d(1), () => [random(1, 2, 3, 3, 3)]],
  ReflectionPad1d: [() => nn.ReflectionPad1d(1), () => [random(1, 2, 3)]],
  ReflectionPad2d: [() => nn.ReflectionPad2d(1), () => [random(1, 2, 3, 3)]],
  ReflectionPad3d: [() => nn.ReflectionPad3d(1), () => [random(1, 2, 3, 3, 3)]],
  ReplicationPad1d: [() => nn.ReplicationPad1d(1), () => [random(1, 2, 3)]],
  ReplicationPad2d: [() => nn.ReplicationPad2d(1), () => [random(1, 2, 3, 3)]],
  ReplicationPad3d: [() => nn.ReplicationPad3d(1), () => [random(1, 2, 3, 3, 3)]],
  ConstantPad1d: [() => nn.ConstantPad1d(1, 0.5), () => [random(1, 2, 3)]],
  ConstantPad2d: [() => nn.ConstantPad2d(1, 0.5), () => [random(1, 2, 3, 3)]],
  ConstantPad3d: [() => nn.ConstantPad3d(1, 0.5), () => [random(1, 2, 3, 3, 3)]],
  PixelShuffle: [() => nn.PixelShuffle(2), () => [random(1, 4, 3, 3)]],
  PixelUnshuffle: [() => nn.PixelUnshuffle(2), () => [random(1, 1, 4, 4)]],
  Embedding: [() => nn.Embedding(5, 3), () => [indices([3], 0, 4, 2)]],
  'Embedding with padding': [() => nn.Embedding(5, 3, { padding_idx: 1 }), () => [indices([3], 0, 1, 2)]],
  CosineSimilarity: [() => nn.CosineSimilarity(), () => [random(2, 4), random(2, 4)]],
  MSELoss: [() => nn.MSELoss(), () => [random(2, 3), random(2, 3)]],
  L1Loss: [() => nn.L1Loss(), () => [random(2, 3), random(2, 3)]],
  SmoothL1Loss: [() => nn.SmoothL1Loss(), () => [random(2, 3), random(2, 3)]],
  HuberLoss: [() => nn.HuberLoss(), () => [random(2, 3), random(2, 3)]],
  NLLLoss: [() => nn.NLLLoss(), () => [random(2, 3), indices([2], 0, 2)]],
  CrossEntropyLoss: [() => nn.CrossEntropyLoss(), () => [random(2, 3), indices([2], 0, 2)]],
  BCELoss: [() => nn.BCELoss(), () => [unit(2, 3), unit(2, 3)]],
  BCEWithLogitsLoss: [() => nn.BCEWithLogitsLoss(), () => [random(2, 3), unit(2, 3)]],
  KLDivLoss: [() => nn.KLDivLoss(), () => [random(2, 3), unit(2, 3)]],
  SoftMarginLoss: [() => nn.SoftMarginLoss(), () => [random(2, 3), random(2, 3).sign() as Tensor]],
  LSTM: [() => nn.LSTM(3, 4, 2, { bidirectional: true, batch_first: true } as Any), () => [random(2, 5, 3)]],
  'LSTM with a state': [() => nn.LSTM(3, 4), () => [random(5, 2, 3), [random(1, 2, 4), random(1, 2, 4)]]],
  'LSTM without a batch': [() => nn.LSTM(3, 4), () => [random(5, 3)]],
  GRU: [() => nn.GRU(3, 4), () => [random(5, 2, 3)]],
  RNN: [() => nn.RNN(3, 4), () => [random(5, 2, 3), random(1, 2, 4)]],
  LSTMCell: [() => nn.LSTMCell(3, 4), () => [random(2, 3), [random(2, 4), random(2, 4)]]],
  GRUCell: [() => nn.GRUCell(3, 4), () => [random(2, 3)]],
  RNNCell: [() => nn.RNNCell(3, 4), () => [random(2, 3), random(2, 4)]],
  MultiheadAttention: [
    () => nn.MultiheadAttention(4, 2, { batch_first: true }),
    () => {
      const x = random(2, 5, 4);
      return [x, x, x];
    },
  ],
  'MultiheadAttention without a batch': [
    () => nn.MultiheadAttention(4, 2),
    () => [random(5, 4), random(3, 4), random(3, 4)],
  ],
  TransformerEncoderLayer: [() => nn.TransformerEncoderLayer(4, 2, 8), () => [random(5, 2, 4)]],
  'TransformerEncoderLayer, norm first': [
    () =>
      nn.TransformerEncoderLayer(4, 2, {
        dim_feedforward: 8,
        norm_first: true,
        activation: 'gelu',
        batch_first: true,
      }),
    () => [random(2, 5, 4)],
  ],
  TransformerEncoder: [
    () =>
      nn.TransformerEncoder([nn.TransformerEncoderLayer(4, 2, 8), nn.TransformerEncoderLayer(4, 2, 8)], {
        norm: nn.LayerNorm([4]),
      }),
    () => [random(5, 2, 4)],
  ],
  Upsample: [() => nn.Upsample({ scale_factor: 2 }), () => [random(1, 2, 3, 3)]],
  'Upsample, bilinear': [() => nn.Upsample({ size: [5, 4], mode: 'bilinear' }), () => [random(1, 2, 3, 3)]],
  'Upsample, aligned': [
    () => nn.Upsample({ scale_factor: 2, mode: 'bilinear', align_corners: true }),
    () => [random(1, 2, 3, 3)],
  ],
  Sequential: [
    () => nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 2))),
    () => [random(2, 4)],
  ],
  'ModuleList in a module': [
    () => new Sum(nn.ModuleList([nn.Linear(4, 4), nn.ReLU()])),
    () => [random(2, 4)],
  ],
  'ModuleDict in a module': [
    () => new SumOfNamed(nn.ModuleDict({ line: nn.Linear(4, 4), act: nn.ReLU() })),
    () => [random(2, 4)],
  ],
};
