/** The right-hand side that a node is printed as: `torch.add(x, y)`, `self.weight`, `[1, 2]`, … */
import { TorchError } from '@sconce/core';
import type { Node, Value } from '../ir/graph.ts';
import { type JitType, optionalOf, type TupleType } from '../ir/types.ts';
import { PyFloat } from '../ops/core.ts';
import { type JitArgument, jitSchemaOf } from '../ops/operator.ts';
import { escapeText } from '../ops/text.ts';
import { isInferable, literal } from './literal.ts';
import { isIdentifier } from './names.ts';
import type { Printer } from './printer.ts';
import { Tagged } from './tagged.ts';

/** Operators that are written as calls of Python's own functions. */
const functions: Readonly<Record<string, string>> = {
  'aten::Int': 'int',
  'aten::Float': 'float',
  'aten::Bool': 'bool',
  'aten::Complex': 'complex',
  'aten::str': 'str',
  'aten::sorted': 'sorted',
  'prim::Print': 'print',
};

const otherNames: Readonly<Record<string, string>> = {
  'aten::backward': 'torch.autograd.backward',
  'aten::grad': 'torch.autograd.grad',
};

function operatorName(kind: string): string {
  const [namespace, name] = kind.split('::');
  return otherNames[kind] ?? (namespace === 'aten' ? `torch.${name}` : `ops.${namespace}.${name}`);
}

export function rightHandSide(node: Node, printer: Printer): Tagged {
  const out = new Tagged();
  /** Writes text and the uses of values, one after another. */
  const write = (...parts: readonly (string | Value)[]): Tagged => {
    for (const part of parts)
      if (typeof part === 'string') out.add(part, printer.range);
      else out.append(printer.use(part));
    return out;
  };
  const list = (before: string, values: readonly Value[], after: string): Tagged => {
    write(before);
    out.append(printer.uses(values));
    return write(after);
  };
  const { inputs } = node;
  const [first, second] = inputs;
  const typeText = (type: JitType) => printer.typeText(type);
  /** The text with its type where it would not be read as of that type. */
  const annotated = (type: JitType, isNeeded: boolean, print: () => void): Tagged => {
    if (isNeeded) write(`annotate(${typeText(type)}, `);
    print();
    return isNeeded ? write(')') : out;
  };

  const name = functions[node.kind];
  if (name !== undefined) return list(`${name}(`, inputs, ')');
  switch (node.kind) {
    case 'prim::Constant': {
      if (node.func) {
        const { dependencies, nameOf } = printer.options;
        dependencies.add(node.func);
        return write(nameOf?.(node.func) ?? node.func.name);
      }
      return write(literal(node.constant?.value ?? null, node.output.type, printer.options));
    }
    case 'aten::ScalarImplicit':
    case 'aten::FloatImplicit':
    case 'aten::IntImplicit':
    case 'aten::ComplexImplicit':
      return write(`annotate(${typeText(node.output.type)}, `, first, ')');
    case 'prim::TupleConstruct': {
      const type = node.output.type as TupleType;
      return list(
        `${type.name === undefined ? '' : typeText(type)}(`,
        inputs,
        inputs.length === 1 ? ',)' : ')',
      );
    }
    case 'prim::TupleIndex':
      return write('(', first, ')[', second, ']');
    case 'prim::ListConstruct': {
      const { type } = node.output;
      const isOpen = inputs.length === 0 || (type.kind === 'List' && !isInferable(type.element));
      return annotated(type, isOpen, () => list('[', inputs, ']'));
    }
    case 'prim::DictConstruct': {
      const { type } = node.output;
      const isOpen =
        inputs.length === 0 || (type.kind === 'Dict' && !(isInferable(type.key) && isInferable(type.value)));
      return annotated(type, isOpen, () => {
        write('{');
        for (let i = 0; i < inputs.length; i += 2) write(i > 0 ? ', ' : '', inputs[i], ': ', inputs[i + 1]);
        write('}');
      });
    }
    case 'prim::CreateObject': {
      const type = typeText(node.output.type);
      return write(`${type}.__new__(${type})`);
    }
    case 'prim::GetAttr':
      return isIdentifier(node.name!)
        ? write(first, `.${node.name}`)
        : write('getattr(', first, `, ${escapeText(node.name!)})`);
    case 'prim::CallFunction':
      write(first, '(');
      for (const arg of inputs.slice(1)) write(arg, ', ');
      return write(')');
    case 'prim::CallMethod':
      if (first.type.kind === 'Class' || first.type.kind === 'Interface')
        printer.options.dependencies.add(first.type);
      write('(', first, `).${node.name}(`);
      for (const arg of inputs.slice(1)) write(arg, ', ');
      return write(')');
    case 'aten::_unwrap_optional': {
      write('torch._unwrap_optional(');
      const isNone =
        first.type.kind === 'None' ||
        (first.node.kind === 'prim::Constant' && first.node.constant?.value === null);
      if (isNone) write(`annotate(${typeText(optionalOf(node.output.type))}, `, first, ')');
      else write(first);
      return write(')');
    }
    case 'prim::unchecked_cast':
      return write(`unchecked_cast(${typeText(node.output.type)}, `, first, ')');
    case 'prim::Uninitialized':
      return write(`uninitialized(${typeText(node.output.type)})`);
    case 'prim::isinstance': {
      const types = (node.types ?? []).map(typeText);
      return write('isinstance(', first, `, ${types.length === 1 ? types[0] : `(${types.join(', ')})`})`);
    }
    case 'prim::tolist':
      return write(`annotate(${typeText(node.output.type)}, `, first, '.tolist())');
    case 'prim::EnumValue':
      return write('(', first, ').value');
    case 'prim::EnumName':
      return write('(', first, ').name');
    case 'aten::__getitem__': {
      const container = printer.use(first).text;
      return isIdentifier(container) ? write(first, '[', second, ']') : write('(', first, ')[', second, ']');
    }
    default:
      return operatorCall(node, write);
  }
}

function operatorCall(node: Node, write: (...parts: readonly (string | Value)[]) => Tagged): Tagged {
  if (!node.operator) throw new TorchError(`${node.kind} cannot be written as TorchScript`);
  const { args } = jitSchemaOf(node.operator.schema);
  write(`${operatorName(node.kind)}(`);
  const count = args.length === 0 ? 0 : necessaryArguments(node.inputs, args);
  for (let i = 0; i < count; i++)
    write(i > 0 ? ', ' : '', args[i]?.kwargOnly ? `${args[i].name}=` : '', node.inputs[i]);
  return write(')');
}

/** How many arguments must be written: those at the end that are what the schema gives anyway need not. */
function necessaryArguments(inputs: readonly Value[], args: readonly JitArgument[]): number {
  if (args.length > inputs.length) return inputs.length;
  // What a vararg took beyond the schema's arguments is written as well.
  if (inputs.length > args.length) return inputs.length;
  for (let i = args.length - 1; i >= 0; i--) {
    const { node, type } = inputs[i];
    const arg = args[i];
    if (!arg.hasDefault || node.kind !== 'prim::Constant' || node.func) return i + 1;
    if (!isDefault(node.constant?.value ?? null, type, arg)) return i + 1;
  }
  return 0;
}

function isDefault(
  value: unknown,
  type: JitType,
  { default: wanted, type: declared, isFloatDefault = false }: JitArgument,
): boolean {
  if (value === null || wanted === null) return value === wanted;
  const plain = value instanceof PyFloat ? value.value : value;
  if (Array.isArray(plain))
    return (
      Array.isArray(wanted) && plain.length === wanted.length && plain.every((item, i) => item === wanted[i])
    );
  if (typeof plain === 'number' && typeof wanted === 'number') {
    const inner = declared.kind === 'Optional' ? declared.element : declared;
    // A Scalar's default is the int or the float that the schema writes.
    if (inner.kind === 'number' && (type.kind === 'float') !== (isFloatDefault || !Number.isInteger(wanted)))
      return false;
    return Object.is(plain, wanted) || plain === wanted;
  }
  return typeof plain === 'bigint' || typeof wanted === 'bigint'
    ? typeof plain !== 'boolean' &&
        typeof wanted !== 'boolean' &&
        BigInt(plain as bigint) === BigInt(wanted as bigint)
    : plain === wanted;
}
