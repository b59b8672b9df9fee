/** Normalisation layers. */
import { callable, Module, Parameter, type Tensor } from '@sconce/core';
import { keywords } from '../keywords.ts';
import { bool, float, tuple } from '../print.ts';
import { torch } from '../torch.ts';

export interface BatchNormOptions {
  eps: number;
  /** null averages over all batches. */
  momentum: number | null;
  affine: boolean;
  track_running_stats: boolean;
}

class StatisticsNorm extends Module {
  readonly num_features: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly affine: boolean;
  readonly track_running_stats: boolean;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  declare running_mean: Tensor | null;
  declare running_var: Tensor | null;
  declare num_batches_tracked: Tensor | null;

  constructor(num_features: number, o: BatchNormOptions) {
    super();
    this.num_features = num_features;
    this.eps = o.eps;
    this.momentum = o.momentum;
    this.affine = o.affine;
    this.track_running_stats = o.track_running_stats;
    this.weight = o.affine ? Parameter(torch.ones([num_features])) : null;
    this.bias = o.affine ? Parameter(torch.zeros([num_features])) : null;
    const tracked = o.track_running_stats;
    this.register_buffer('running_mean', tracked ? torch.zeros([num_features]) : null);
    this.register_buffer('running_var', tracked ? torch.ones([num_features]) : null);
    this.register_buffer('num_batches_tracked', tracked ? torch.zeros([], { dtype: 'int64' }) : null);
  }

  protected override stateVersion(): number {
    return 2;
  }

  override extra_repr(): string {
    return `${this.num_features}, eps=${float(this.eps)}, momentum=${this.momentum === null ? 'None' : float(this.momentum)}, affine=${bool(this.affine)}, track_running_stats=${bool(this.track_running_stats)}`;
  }
}

const names = ['eps', 'momentum', 'affine', 'track_running_stats'] as const;
type Rest = (number | boolean | null | Partial<BatchNormOptions>)[];

class BatchNormClass extends StatisticsNorm {
  /** Batches seen, on the host: the cumulative average needs it as a number. */
  constructor(num_features: number, ...rest: Rest) {
    const o = keywords<BatchNormOptions>('BatchNorm', names, rest);
    super(num_features, { eps: 1e-5, momentum: 0.1, affine: true, track_running_stats: true, ...o });
    let batches = 0;
    Object.defineProperty(this, 'countBatch', { value: () => ++batches, enumerable: false });
  }

  declare private readonly countBatch: () => number;

  override forward(input: Tensor): Tensor {
    const { running_mean, running_var } = this;
    let momentum = this.momentum ?? 0;
    if (this.training && this.track_running_stats) {
      this.num_batches_tracked?.add_(1);
      if (this.momentum === null) momentum = 1 / this.countBatch();
    }
    const ownStatistics = this.training || running_mean === null || running_var === null;
    const tracked = !this.training || this.track_running_stats;
    return torch.batch_norm(
      input, this.weight, this.bias, tracked ? running_mean : null, tracked ? running_var : null, ownStatistics, momentum, this.eps, false,
    ); // biome-ignore format: one call
  }
}

class BatchNorm1dClass extends BatchNormClass {}
class BatchNorm2dClass extends BatchNormClass {}
class BatchNorm3dClass extends BatchNormClass {}
/** `nn.BatchNorm1d(num_features, { eps, momentum, affine, track_running_stats })` on [N, C] or [N, C, L]. */
export const BatchNorm1d = /* @__PURE__ */ callable(BatchNorm1dClass, 'BatchNorm1d');
/** `nn.BatchNorm2d(num_features, { … })` on [N, C, H, W]. */
export const BatchNorm2d = /* @__PURE__ */ callable(BatchNorm2dClass, 'BatchNorm2d');
/** `nn.BatchNorm3d(num_features, { … })` on [N, C, D, H, W]. */
export const BatchNorm3d = /* @__PURE__ */ callable(BatchNorm3dClass, 'BatchNorm3d');

class InstanceNormClass extends StatisticsNorm {
  constructor(num_features: number, ...rest: Rest) {
    const o = keywords<BatchNormOptions>('InstanceNorm', names, rest);
    super(num_features, { eps: 1e-5, momentum: 0.1, affine: false, track_running_stats: false, ...o });
  }

  override forward(input: Tensor): Tensor {
    const ownStatistics = this.training || !this.track_running_stats;
    return torch.instance_norm(
      input, this.weight, this.bias, this.running_mean, this.running_var, ownStatistics, this.momentum ?? 0, this.eps, false,
    ); // biome-ignore format: one call
  }
}
class InstanceNorm1dClass extends InstanceNormClass {}
class InstanceNorm2dClass extends InstanceNormClass {}
class InstanceNorm3dClass extends InstanceNormClass {}
export const InstanceNorm1d = /* @__PURE__ */ callable(InstanceNorm1dClass, 'InstanceNorm1d');
export const InstanceNorm2d = /* @__PURE__ */ callable(InstanceNorm2dClass, 'InstanceNorm2d');
export const InstanceNorm3d = /* @__PURE__ */ callable(InstanceNorm3dClass, 'InstanceNorm3d');

export interface LayerNormOptions {
  eps: number;
  elementwise_affine: boolean;
  bias: boolean;
}

class LayerNormClass extends Module {
  readonly normalized_shape: readonly number[];
  readonly eps: number;
  readonly elementwise_affine: boolean;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;

  /** `nn.LayerNorm(normalized_shape, { eps, elementwise_affine, bias })` over the last dims. */
  constructor(
    normalized_shape: number | readonly number[],
    ...rest: (number | boolean | Partial<LayerNormOptions>)[]
  ) {
    super();
    const {
      eps = 1e-5,
      elementwise_affine = true,
      bias = true,
    } = keywords<LayerNormOptions>('LayerNorm', ['eps', 'elementwise_affine', 'bias'], rest);
    this.normalized_shape = typeof normalized_shape === 'number' ? [normalized_shape] : [...normalized_shape];
    this.eps = eps;
    this.elementwise_affine = elementwise_affine;
    this.weight = elementwise_affine ? Parameter(torch.ones(this.normalized_shape)) : null;
    this.bias = elementwise_affine && bias ? Parameter(torch.zeros(this.normalized_shape)) : null;
  }

  override forward(input: Tensor): Tensor {
    return torch.layer_norm(input, this.normalized_shape, this.weight, this.bias, this.eps);
  }

  override extra_repr(): string {
    return `${tuple(this.normalized_shape)}, eps=${float(this.eps)}, elementwise_affine=${bool(this.elementwise_affine)}`;
  }
}
export const LayerNorm = /* @__PURE__ */ callable(LayerNormClass, 'LayerNorm');
export type LayerNorm = LayerNormClass;

class RMSNormClass extends Module {
  readonly normalized_shape: readonly number[];
  readonly eps: number | null;
  readonly elementwise_affine: boolean;
  readonly weight: Parameter | null;

  /** `nn.RMSNorm(normalized_shape, { eps, elementwise_affine })` */
  constructor(
    normalized_shape: number | readonly number[],
    ...rest: (number | null | boolean | Partial<LayerNormOptions>)[]
  ) {
    super();
    const { eps = null, elementwise_affine = true } = keywords<{
      eps: number | null;
      elementwise_affine: boolean;
    }>('RMSNorm', ['eps', 'elementwise_affine'], rest);
    this.normalized_shape = typeof normalized_shape === 'number' ? [normalized_shape] : [...normalized_shape];
    this.eps = eps;
    this.elementwise_affine = elementwise_affine;
    this.weight = elementwise_affine ? Parameter(torch.ones(this.normalized_shape)) : null;
  }

  override forward(input: Tensor): Tensor {
    return torch.rms_norm(input, this.normalized_shape, this.weight, this.eps);
  }

  override extra_repr(): string {
    return `${tuple(this.normalized_shape)}, eps=${this.eps === null ? 'None' : float(this.eps)}, elementwise_affine=${bool(this.elementwise_affine)}`;
  }
}
export const RMSNorm = /* @__PURE__ */ callable(RMSNormClass, 'RMSNorm');

class GroupNormClass extends Module {
  readonly num_groups: number;
  readonly num_channels: number;
  readonly eps: number;
  readonly affine: boolean;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;

  /** `nn.GroupNorm(num_groups, num_channels, { eps, affine })` */
  constructor(
    num_groups: number,
    num_channels: number,
    ...rest: (number | boolean | { eps?: number; affine?: boolean })[]
  ) {
    super();
    const { eps = 1e-5, affine = true } = keywords<{ eps: number; affine: boolean }>(
      'GroupNorm',
      ['eps', 'affine'],
      rest,
    );
    this.num_groups = num_groups;
    this.num_channels = num_channels;
    this.eps = eps;
    this.affine = affine;
    this.weight = affine ? Parameter(torch.ones([num_channels])) : null;
    this.bias = affine ? Parameter(torch.zeros([num_channels])) : null;
  }

  override forward(input: Tensor): Tensor {
    return torch.group_norm(input, this.num_groups, this.weight, this.bias, this.eps);
  }

  override extra_repr(): string {
    return `${this.num_groups}, ${this.num_channels}, eps=${float(this.eps)}, affine=${bool(this.affine)}`;
  }
}
export const GroupNorm = /* @__PURE__ */ callable(GroupNormClass, 'GroupNorm');
