export * from './api.ts';
export { gradcheck, gradgradcheck } from './gradcheck.ts';
export { enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled } from './mode.ts';
export { Node } from './node.ts';
