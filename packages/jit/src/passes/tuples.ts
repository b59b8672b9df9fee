/** Simple tuples: what is taken out of a tuple that was just made is what went into it. */
import { allNodes, type Block } from '../ir/graph.ts';

export function lowerSimpleTuples(block: Block): void {
  for (const node of allNodes(block)) {
    if (node.kind !== 'prim::TupleUnpack' && node.kind !== 'prim::TupleIndex') continue;
    const { node: made } = node.inputs[0];
    if (made.kind !== 'prim::TupleConstruct') continue;
    const parts = made.inputs;
    if (node.kind === 'prim::TupleUnpack')
      node.outputs.forEach((output, i) => {
        output.replaceAllUsesWith(parts[i]);
      });
    else {
      const index = node.inputs[1].node.constant?.value;
      if (typeof index === 'number')
        node.output.replaceAllUsesWith(parts[index < 0 ? index + parts.length : index]);
    }
  }
}
