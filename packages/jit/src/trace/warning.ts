/** TracerWarnings: what a trace cannot know of a program, in PyTorch's sentences. */
import { callersLine } from '@sconce/core';
import { output } from '../ops/tensor.ts';

const constantAdvice =
  "We can't record the data flow of Python values, so this value will be treated as a constant in the future. This means that the trace might not generalize to other inputs!";

/** Something in a traced program that its trace does not do on other inputs. */
export class TracerWarning extends Error {
  override name = 'TracerWarning';
}

export const converting = (what: string): string =>
  `Converting a tensor to a ${what} might cause the trace to be incorrect. ${constantAdvice}`;

export const sentences = {
  len: 'Using len to get tensor shape might cause the trace to be incorrect. Recommended usage would be tensor.shape[0]. Passing a tensor of different shape might lead to errors or silently give incorrect results.',
  iterate:
    "Iterating over a tensor might cause the trace to be incorrect. Passing a tensor of different shape won't change the number of iterations executed (and might lead to errors or silently give incorrect results).",
  tensor:
    'torch.tensor results are registered as constants in the trace. You can safely ignore this warning if you use this function to create tensors out of constant variables that would be the same every time you call this function. In any other case, this might cause the trace to be incorrect.',
  list: "Encountering a list at the output of the tracer might cause the trace to be incorrect, this is only valid if the container structure does not change based on the module's inputs. Consider using a constant container instead (e.g. for `list`, use a `tuple` instead. for `dict`, use a `NamedTuple` instead). If you absolutely need this and know the side effects, pass strict=False to trace() to allow this behavior.",
  dict: "Encountering a dict at the output of the tracer might cause the trace to be incorrect, this is only valid if the container structure does not change based on the module's inputs. Consider using a constant container instead (e.g. for `list`, use a `tuple` instead. for `dict`, use a `NamedTuple` instead). If you absolutely need this and know the side effects, pass strict=False to trace() to allow this behavior.",
} as const;

/** Where warnings go; settable, for tests and for those who want them elsewhere. */
export const tracerWarnings: { show: (warning: TracerWarning) => void } = {
  show: (warning) => output.warn(warning.message),
};

/** The warnings of one trace: each sentence once for each line of the program, as Python shows them. */
export class Warnings {
  private readonly seen = new Set<string>();

  warn(sentence: string): void {
    const place = callersLine();
    const key = `${place}\n${sentence}`;
    if (this.seen.has(key)) return;
    this.seen.add(key);
    tracerWarnings.show(new TracerWarning(`${place ? `${place}: ` : ''}TracerWarning: ${sentence}`));
  }
}
