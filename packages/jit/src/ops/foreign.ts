/** The methods that TorchScript may call on objects of PyTorch's C++ classes: each is one operator. */
import { Func } from '../ir/function.ts';
import { Graph } from '../ir/graph.ts';
import { type ClassType, optionalOf, TensorT, tupleOf } from '../ir/types.ts';
import { operatorsNamed } from './registry.ts';

const unpackers: Readonly<Record<string, string>> = {
  '__torch__.torch.classes.quantized.LinearPackedParamsBase': 'quantized::linear_unpack',
  '__torch__.torch.classes.quantized.Conv2dPackedParamsBase': 'quantized::conv2d_unpack',
};

/** The class with its methods. */
export function withForeignMethods(type: ClassType): ClassType {
  const name = unpackers[type.name];
  if (name === undefined || type.methods.has('unpack')) return type;
  const results = [TensorT, optionalOf(TensorT)];
  const returns = tupleOf(results);
  const params = [{ name: 'self', type, hasDefault: false, kwargOnly: false }];
  const graphOfCall = (): Graph => {
    const graph = new Graph();
    const self = graph.block.paramNode.addOutput(type).setDebugName('self');
    const call = graph.block.append(graph.create(name, [self], results));
    [call.operator] = operatorsNamed(name);
    const tuple = graph.block.append(graph.create('prim::TupleConstruct', call.outputs, [returns]));
    graph.block.returnNode.addInput(tuple.output);
    return graph;
  };
  type.methods.set('unpack', new Func('unpack', () => ({ name: 'unpack', params, returns }), graphOfCall));
  return type;
}
