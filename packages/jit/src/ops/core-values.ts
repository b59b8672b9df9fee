/** Values between host and tensors, as core offers them. */
export { dataNow, get_default_dtype, item, itemNow, tensor, tolist, tolistNow } from '@sconce/core';
