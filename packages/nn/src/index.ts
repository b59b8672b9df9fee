/** `torch.nn`: modules, their functional forms, initialisation; and `torch.optim`. */
export { Module, Parameter } from '@sconce/core';
export * as functional from './functional.ts';
export * as init from './init.ts';
export * from './modules/attention.ts';
export * from './modules/container.ts';
export * from './modules/conv.ts';
export * from './modules/linear.ts';
export * from './modules/loss.ts';
export * from './modules/norm.ts';
export * from './modules/rnn.ts';
export * from './modules/simple.ts';
export * from './modules/transformer.ts';
export * from './modules/upsample.ts';
export * as optim from './optim/index.ts';
