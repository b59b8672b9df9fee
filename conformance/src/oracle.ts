/** Where PyTorch's answer is wrong, or one of several: these cases are not applicable to anyone, and say why. */
import { type CaseId, parseQuery } from './query.ts';

const errors: readonly { readonly query: string; readonly reason: string }[] = [
  {
    query: 'ops:log1p:dtype=bfloat16;sample=4',
    reason: "PyTorch's vectorised log1p gives inf above 1e38, where 88.5 is right",
  },
  {
    query: 'ops:log1p:dtype=float32;sample=17',
    reason: "PyTorch's vectorised log1p gives inf above 1e38, where 88.7 is right",
  },
  {
    query: 'autograd:mode:sample=3',
    reason: 'which of several equals gets the gradient is not promised',
  },
];

const compiled = errors.map(({ query, reason }) => ({ matches: parseQuery(query), reason }));

/** Why the case's frozen values are not to be trusted, or undefined. */
export const oracleError = (id: CaseId): string | undefined =>
  compiled.find(({ matches }) => matches(id))?.reason;
