/** `torch.nn`: modules, their functional forms, initialisation; and `torch.optim`. */
export { Module, Parameter } from '@sconce/core';
export * as init from './init.ts';
export * from './modules/linear.ts';
export * as optim from './optim/index.ts';
