/** `explain`: what a program needs that Sconce or a backend does not have, found by compiling it, without running it. */
import { type Backend, backendOf, currentBackend, type DType } from '@sconce/core';
import { UnknownOperatorError } from './frontend/builder.ts';
import type { Func } from './ir/function.ts';
import { allNodes, type Node } from './ir/graph.ts';
import { Tensor } from './ops/core.ts';
import { operatorsNamed } from './ops/registry.ts';
import { ScriptObject } from './ops/value.ts';

/** What a backend would do with a program, found without running it. */
export interface Explanation {
  readonly backend: string;
  /** Operators that the program calls and Sconce does not have: it cannot run. */
  readonly unknownOperators: readonly string[];
  /** dtypes of the program's tensors that the backend does not have. */
  readonly missingDTypes: readonly DType[];
  /** Every operator that the program calls, with whether the backend takes it over itself. */
  readonly operators: readonly { readonly name: string; readonly native: boolean }[];
  /** Nothing is missing. */
  readonly runs: boolean;
}

/** Forms of the language that look like operators. */
const forms = new Set(['prim::tolist', 'prim::EnumName', 'prim::EnumValue', 'prim::Uninitialized']);

/** Follows all methods of the object and of those inside it. */
export function explainModule(root: ScriptObject, on?: unknown): Explanation {
  const backend: Backend = on === undefined ? currentBackend() : backendOf(on as never);
  const unknown = new Set<string>();
  const used = new Map<string, boolean>();
  const missing = new Set<DType>();
  const seen = new Set<unknown>();

  const tensor = (value: unknown): void => {
    if (value instanceof Tensor) {
      if (!backend.capabilities.dtypes.has(value.dtype)) missing.add(value.dtype);
    } else if (Array.isArray(value)) value.forEach(tensor);
    else if (value instanceof ScriptObject) object(value);
  };
  const method = (func: Func): void => {
    if (seen.has(func)) return;
    seen.add(func);
    for (const name of func.called())
      if (operatorsNamed(name).length === 0 && !forms.has(name)) unknown.add(name);
    let nodes: Iterable<Node>;
    try {
      nodes = allNodes(func.graph.block);
    } catch (error) {
      if (!(error instanceof UnknownOperatorError)) throw error;
      unknown.add(error.operator);
      return;
    }
    for (const node of nodes) {
      if (node.func) method(node.func);
      if (node.constant) tensor(node.constant.value);
      if (node.operator && !('run' in node.operator))
        used.set(node.operator.schema.name, backend.op?.(node.operator.schema) !== undefined);
    }
  };
  const object = (value: ScriptObject): void => {
    if (seen.has(value)) return;
    seen.add(value);
    value.slots.forEach(tensor);
    for (const func of value.type.methods.values()) method(func);
  };
  object(root);
  return {
    backend: backend.name,
    unknownOperators: [...unknown].sort(),
    missingDTypes: [...missing].sort(),
    operators: [...used]
      .map(([name, native]) => ({ name, native }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    runs: unknown.size === 0 && missing.size === 0,
  };
}
