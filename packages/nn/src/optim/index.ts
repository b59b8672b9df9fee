/** `torch.optim`. */
export {};
