/** Losses. */
import { ArgumentError, type Callable, callable, isWatched, Module, type Tensor } from '@sconce/core';
import { keywords } from '../keywords.ts';
import { torch } from '../torch.ts';

export type ReductionName = 'none' | 'mean' | 'sum';

/** ATen's number for a reduction. */
export function reductionNumber(reduction: string): number {
  const n = ['none', 'mean', 'sum'].indexOf(reduction);
  if (n < 0) throw new ArgumentError(`${reduction} is not a valid value for reduction`);
  return n;
}

type Values = Record<string, unknown>;

// biome-ignore lint/suspicious/noExplicitAny: arguments are checked by name
export type LossClass = Callable<new (...args: any[]) => Module>;

/** A loss of an input and a target; a tensor argument becomes a buffer. */
function loss<T extends Values>(
  name: string,
  defaults: T,
  forward: (input: Tensor, target: Tensor, a: T) => Tensor,
): LossClass {
  const names = Object.keys(defaults);
  const cls = {
    [name]: class extends Module {
      // biome-ignore lint/suspicious/noExplicitAny: arguments are checked by name
      constructor(...args: any[]) {
        super();
        for (const [key, value] of Object.entries({ ...defaults, ...keywords<T>(name, names, args) })) {
          if (key === 'weight' || key === 'pos_weight') this.register_buffer(key, value as Tensor | null);
          else (this as unknown as Values)[key] = value;
        }
      }
      override forward(input: Tensor, target: Tensor): Tensor {
        return forward(input, target, this as unknown as T);
      }
    },
  }[name];
  return callable(cls);
}

/** As PyTorch's functions record it: both in one shape. */
export const pairOf = (x: Tensor, y: Tensor): [Tensor, Tensor] =>
  isWatched() ? (torch.broadcast_tensors([x, y]) as unknown as [Tensor, Tensor]) : [x, y];

const reduction = 'mean' as string;
const weight = null as Tensor | null;

export const MSELoss = /* @__PURE__ */ loss('MSELoss', { reduction }, (x, y, a) =>
  torch.mse_loss(...pairOf(x, y), reductionNumber(a.reduction)),
);
export const L1Loss = /* @__PURE__ */ loss('L1Loss', { reduction }, (x, y, a) =>
  torch.l1_loss(...pairOf(x, y), reductionNumber(a.reduction)),
);
export const SmoothL1Loss = /* @__PURE__ */ loss('SmoothL1Loss', { reduction, beta: 1 }, (x, y, a) =>
  torch.smooth_l1_loss(...pairOf(x, y), reductionNumber(a.reduction), a.beta),
);
export const HuberLoss = /* @__PURE__ */ loss('HuberLoss', { reduction, delta: 1 }, (x, y, a) =>
  torch.huber_loss(...pairOf(x, y), reductionNumber(a.reduction), a.delta),
);
export const NLLLoss = /* @__PURE__ */ loss('NLLLoss', { weight, ignore_index: -100, reduction }, (x, y, a) =>
  torch.nll_loss_nd(x, y, a.weight, reductionNumber(a.reduction), a.ignore_index),
);
export const CrossEntropyLoss = /* @__PURE__ */ loss(
  'CrossEntropyLoss',
  { weight, ignore_index: -100, reduction, label_smoothing: 0 },
  (x, y, a) =>
    torch.cross_entropy_loss(x, y, a.weight, reductionNumber(a.reduction), a.ignore_index, a.label_smoothing),
);
export const BCELoss = /* @__PURE__ */ loss('BCELoss', { weight, reduction }, (x, y, a) =>
  torch.binary_cross_entropy(x, y, a.weight, reductionNumber(a.reduction)),
);
export const BCEWithLogitsLoss = /* @__PURE__ */ loss(
  'BCEWithLogitsLoss',
  { weight, reduction, pos_weight: weight },
  (x, y, a) =>
    torch.binary_cross_entropy_with_logits(x, y, a.weight, a.pos_weight, reductionNumber(a.reduction)),
);
/** `reduction: 'batchmean'` divides the sum by the batch, which is the divergence's own mean. */
export const KLDivLoss = /* @__PURE__ */ loss('KLDivLoss', { reduction, log_target: false }, (x, y, a) => {
  if (a.reduction !== 'batchmean')
    return torch.kl_div(x, y, reductionNumber(a.reduction), { log_target: a.log_target });
  return torch.kl_div(x, y, 2, { log_target: a.log_target }).div(x.shape[0]);
});
export const SoftMarginLoss = /* @__PURE__ */ loss('SoftMarginLoss', { reduction }, (x, y, a) =>
  torch.soft_margin_loss(x, y, reductionNumber(a.reduction)),
);
