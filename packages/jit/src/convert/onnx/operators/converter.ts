/** What turns one call of an operator into nodes of ONNX. */
import type { Call } from '../call.ts';

/** Gives the names of the operator's results: one, or as many as it has; a list's items for a list. */
export type Converter = (call: Call) => string | readonly string[];

/** By the operator's name without `aten::`; an in-place form goes by the name of the plain one. */
export type Converters = Readonly<Record<string, Converter>>;
