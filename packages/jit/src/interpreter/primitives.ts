/** What nodes of `prim::` compute that are neither calls nor control flow: containers, attributes, casts. */
import type { Node, Value } from '../ir/graph.ts';
import type { JitType, TupleType } from '../ir/types.ts';
import { output, toList } from '../ops/tensor.ts';
import { valueText } from '../ops/text.ts';
import { makeTuple, ScriptObject } from '../ops/value.ts';
import { coercion, labelled } from './coerce.ts';
import type { Memory } from './instruction.ts';
import { isInstance } from './isinstance.ts';
import { isPlain } from './lifetime.ts';

/** How a result comes from the operands, and what that does with memory. */
export interface Computation {
  readonly memory: Memory;
  readonly run: (args: unknown[]) => unknown;
}

const does = (memory: Memory, run: (args: unknown[]) => unknown): Computation => ({ memory, run });

/** Undefined for what is an operator. */
export function primitive(node: Node): Computation | undefined {
  switch (node.kind) {
    case 'prim::GetAttr': {
      const slot = slotOf(node);
      return does('plain', ([object]) => (object as ScriptObject).slots[slot]);
    }
    case 'prim::SetAttr': {
      const slot = slotOf(node);
      const type = node.inputs[0].type as { attributes?: readonly { type: JitType }[] };
      const coerce = coercion(node.inputs[1].type, type.attributes![slot].type);
      return does('escapes', ([object, value]) => {
        (object as ScriptObject).slots[slot] = coerce ? coerce(value) : value;
      });
    }
    case 'prim::ListConstruct': {
      const { element } = node.output.type as { element: JitType };
      return does(
        isPlain(element) ? 'plain' : 'holds',
        coerced(
          node.inputs,
          () => element,
          (args) => args,
        ),
      );
    }
    case 'prim::TupleConstruct': {
      const type = node.output.type as TupleType;
      return does(
        'holds',
        coerced(
          node.inputs,
          (i) => type.elements[i],
          (args) => makeTuple(args, type),
        ),
      );
    }
    case 'prim::DictConstruct': {
      const { key, value } = node.output.type as { key: JitType; value: JitType };
      return does(
        'holds',
        coerced(
          node.inputs,
          (i) => (i % 2 ? value : key),
          (args) => {
            const dict = new Map<unknown, unknown>();
            for (let i = 0; i < args.length; i += 2) dict.set(args[i], args[i + 1]);
            return dict;
          },
        ),
      );
    }
    case 'prim::TupleUnpack':
      return does('plain', ([tuple]) => (node.outputs.length === 1 ? (tuple as unknown[])[0] : tuple));
    case 'prim::ListUnpack': {
      const count = node.outputs.length;
      return does('plain', ([list]) => {
        const items = list as unknown[];
        if (items.length !== count)
          throw new Error(`Expected ${count} elements in a list but found ${items.length}`);
        return count === 1 ? items[0] : items;
      });
    }
    case 'prim::TupleIndex':
      return does('plain', ([tuple, index]) => {
        const items = tuple as unknown[];
        const at = Number(index) < 0 ? Number(index) + items.length : Number(index);
        if (at < 0 || at >= items.length) throw new Error('Tuple index out of range');
        return items[at];
      });
    case 'prim::CreateObject':
      return does(
        'plain',
        () => new ScriptObject(node.output.type as ConstructorParameters<typeof ScriptObject>[0]),
      );
    case 'prim::Uninitialized':
      return does('plain', () => null);
    case 'prim::unchecked_cast': {
      const coerce = coercion(node.inputs[0].type, node.output.type);
      return does('plain', ([value]) => (coerce ? coerce(value) : value));
    }
    case 'prim::isinstance': {
      const { type } = node.inputs[0];
      const types = node.types!;
      return does('plain', ([value]) => types.some((wanted) => isInstance(value, wanted, type)));
    }
    case 'prim::EnumName':
      return does('plain', ([member]) => (member as { name: string }).name);
    case 'prim::EnumValue':
      return does('plain', ([member]) => (member as { value: unknown }).value);
    case 'prim::ModuleContainerIndex':
      return does('plain', ([object, key]) => (object as ScriptObject).get(String(key)));
    case 'prim::Print': {
      const labels = node.inputs.map((input) => labelled(input.type));
      return does('plain', (args) => print(args.map((arg, i) => labels[i]?.(arg) ?? arg)));
    }
    case 'prim::tolist': {
      return does('plain', ([tensor, dims, element]) =>
        toList(tensor as never, dims as never, element as never),
      );
    }
    default:
      return undefined;
  }
}

/** Formats what `print` shows. */
const print = (args: unknown[]): null => {
  output.print(args.map((arg) => valueText(arg)).join(' '));
  return null;
};

/** `make` over operands that were converted to the types that their container says. */
function coerced(
  inputs: readonly Value[],
  to: (i: number) => JitType,
  make: (args: unknown[]) => unknown,
): (args: unknown[]) => unknown {
  const coercions = inputs.map((input, i) => coercion(input.type, to(i)));
  if (coercions.every((coerce) => coerce === undefined)) return make;
  return (args) => make(args.map((arg, i) => (coercions[i] ? coercions[i](arg) : arg)));
}

const slotOf = (node: Node): number => {
  const { type } = node.inputs[0];
  const slot = type.kind === 'Class' ? type.slotOf(node.name!) : undefined;
  if (slot === undefined) throw new Error(`${node.kind}: no attribute '${node.name}'`);
  return slot;
};
