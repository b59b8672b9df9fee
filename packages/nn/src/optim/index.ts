/** `torch.optim`. */
export { Adam, type AdamOptions, AdamW } from './adam.ts';
export { Optimizer } from './optimizer.ts';
export { Adagrad, type AdagradOptions, RMSprop, type RMSpropOptions } from './rmsprop.ts';
export { SGD, type SGDOptions } from './sgd.ts';
