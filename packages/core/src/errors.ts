/** The one family of errors that Sconce throws on purpose. */

/** Base of all errors that Sconce throws; the message begins with PyTorch's sentence where PyTorch has one. */
export class TorchError extends Error {
  override name = 'TorchError';
}

/** A Python `ValueError`. */
export class ValueError extends TorchError {
  override name = 'ValueError';
}

/** A Python `TypeError`: an argument of the wrong kind. */
export class ArgumentError extends TorchError {
  override name = 'ArgumentError';
}

/** A Python `IndexError`. */
export class IndexError extends TorchError {
  override name = 'IndexError';
}

/** What is asked for is right, and this backend, or Sconce, does not have it. */
export class NotSupportedError extends TorchError {
  override name = 'NotSupportedError';
}
