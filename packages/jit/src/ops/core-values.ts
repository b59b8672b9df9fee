/** Values between host and tensors, as core offers them. */
export { item, itemNow, tensor, tolist, tolistNow } from '@sconce/core';
