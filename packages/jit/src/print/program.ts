/** A whole program as text: the code and graph of every method and function that a module can reach. */
import { Func } from '../ir/function.ts';
import { allNodes } from '../ir/graph.ts';
import { graphToString } from '../ir/print.ts';
import type { ClassType, JitType } from '../ir/types.ts';
import { moduleParts, type ScriptModule } from '../module.ts';
import { functionCode, methodCode } from './code.ts';
import { Dependencies } from './dependencies.ts';

/** One method or function as text. */
export interface Printed {
  readonly code: string;
  readonly graph: string;
}

/** By qualified name: `__torch__.Net.forward`, `__torch__.torch.nn.functional.relu`. */
export function program_text(module: ScriptModule): Map<string, Printed> {
  const texts = new Map<string, Printed>();
  const reached = new Dependencies();
  reached.addType(moduleParts(module).object.type);
  const follow = (func: Func): void => {
    for (const node of allNodes(func.graph.block)) {
      for (const { type } of [...node.inputs, ...node.outputs]) reached.addType(type as JitType);
      if (node.kind === 'prim::Constant' && node.func) reached.add(node.func);
    }
  };
  // Following a function may reach more.
  for (let i = 0; i < reached.found.length; i++) {
    const named = reached.found[i];
    if (named instanceof Func) {
      follow(named);
      texts.set(named.name, { code: functionCode(named).text, graph: graphToString(named.graph) });
    } else if (named.kind === 'Class')
      for (const [name, func] of (named as ClassType).methods) {
        follow(func);
        // PyTorch shows methods of classes that are no modules as functions.
        const { text } = (named as ClassType).isModule ? methodCode(func) : functionCode(func);
        texts.set(`${named.name}.${name}`, { code: text, graph: graphToString(func.graph) });
      }
  }
  return texts;
}
