/** Since which version of the archive format an operator means what it means today. */
import type { Node } from '../ir/graph.ts';

const since: Readonly<Record<string, number>> = {
  'aten::div': 4,
  'aten::div_': 4,
  'aten::full': 5,
  'aten::linspace': 8,
  'aten::logspace': 9,
  'aten::gelu': 10,
};

/** The oldest version that may hold this node. */
export function leastVersion(node: Node): number {
  const version = since[node.kind] ?? 0;
  // Numbers divided by numbers never changed.
  return version === 4 && node.inputs[0].type.kind !== 'Tensor' ? 0 : version;
}
