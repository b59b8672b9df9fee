/** Chunks that a program may change in place: traces of recurrent cells do, and a view of several would refuse it under autograd. */
import { callOperator, findOperator, type Operator, type Tensor } from './core.ts';
import type { ScalarEntry } from './operator.ts';

const parts =
  (name: string) =>
  (...args: unknown[]): Tensor[] => {
    const plain = args.map((arg) => (typeof arg === 'bigint' ? Number(arg) : arg));
    const views = callOperator(findOperator(`aten::${name}`) as Operator, plain) as Tensor[];
    return views.some((view) => view.requires_grad) ? views.map((view) => view.clone() as Tensor) : views;
  };

export const unsafeOperators: readonly ScalarEntry[] = [
  ['aten::unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]', parts('unsafe_chunk')],
  [
    'aten::unsafe_split.Tensor(Tensor self, int split_size, int dim=0) -> Tensor[]',
    parts('unsafe_split.Tensor'),
  ],
  [
    'aten::unsafe_split_with_sizes(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]',
    parts('unsafe_split_with_sizes'),
  ],
];
