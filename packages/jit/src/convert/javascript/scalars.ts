/** Numbers, strings, lists and dicts of a program as JavaScript has them. */
import type { Node, Value } from '../../ir/graph.ts';
import { dtypeOfCode } from '../../ops/core.ts';

/** Gives the expression of the node's result; undefined for operands that it does not know. */
export type Writer = (args: readonly string[], node: Node) => string | undefined;

const kindOf = (value: Value | undefined): string => value?.type.kind ?? '';
const isPlain = (value: Value): boolean => ['int', 'float', 'bool', 'number', 'str'].includes(kindOf(value));
const allPlain = ({ inputs }: Node): boolean => inputs.every(isPlain);

/** What has the text in JavaScript that Python gives a value; undefined where they write it otherwise. */
const spelling = (expression: string, { type }: Value): string | undefined => {
  if (type.kind === 'int' || type.kind === 'str') return expression;
  return type.kind === 'List' && type.element.kind === 'int'
    ? `\`[\${${expression}.join(', ')}]\``
    : undefined;
};

const infix =
  (operator: string): Writer =>
  ([a, b], node) =>
    allPlain(node) ? `(${a} ${operator} ${b})` : undefined;

/** In parentheses where another sign may not stand before it, nor `**` behind. */
const signed = (text: string): string => (text.startsWith('-') ? `(${text})` : text);

/** A dtype is a number in the program and a name in JavaScript. */
function dtypeText(text: string, value: Value, other: Value): string {
  const code = value.node.constant?.value;
  return other.node.kind === 'prim::dtype' && typeof code === 'number'
    ? JSON.stringify(dtypeOfCode(code))
    : text;
}

const equality =
  (operator: '===' | '!=='): Writer =>
  ([a, b], node) => {
    const [left, right] = node.inputs;
    if (allPlain(node)) return `(${dtypeText(a, left, right)} ${operator} ${dtypeText(b, right, left)})`;
    return node.inputs.every((value) => kindOf(value) === 'List')
      ? `(String(${a}) ${operator} String(${b}))`
      : undefined;
  };

const math =
  (name: string): Writer =>
  (args, node) => {
    if (allPlain(node)) return `Math.${name}(${args.join(', ')})`;
    return args.length === 1 && kindOf(node.inputs[0]) === 'List' ? `Math.${name}(...${args[0]})` : undefined;
  };

const ofNumbers =
  (write: (...args: string[]) => string): Writer =>
  (args, node) =>
    allPlain(node) ? write(...args) : undefined;

/** A number out of a tensor must be waited for. */
const number =
  (plain: (a: string) => string, read: (a: string) => string): Writer =>
  ([a], { inputs: [value] }) =>
    kindOf(value) === 'Tensor' ? read(`(await ${a}.item())`) : isPlain(value) ? plain(a) : undefined;

const element: Writer = ([a, i], { inputs: [container, index] }) => {
  if (kindOf(container) === 'Dict') return `${a}.get(${i})`;
  const known = index.node.constant?.value;
  return typeof known === 'number' && known >= 0 ? `${a}[${known}]` : `${a}.at(${i})`;
};

const length: Writer = ([a], { inputs: [value] }) => {
  if (kindOf(value) === 'Dict') return `${a}.size`;
  return kindOf(value) === 'Tensor' ? `${a}.shape[0]` : `${a}.length`;
};

const ofDict =
  (write: (...args: string[]) => string): Writer =>
  (args, { inputs: [value] }) =>
    kindOf(value) === 'Dict' ? write(...args) : undefined;

const ofList =
  (write: (...args: string[]) => string): Writer =>
  (args, { inputs: [value] }) =>
    kindOf(value) === 'List' ? write(...args) : undefined;

const isNone =
  (operator: string): Writer =>
  ([a, b], { inputs: [, right] }) =>
    `(${kindOf(right) === 'None' ? a : b} ${operator} null)`;

/** Results by the operator's name; tensors' operators of the same names are not here. */
export const scalars: Readonly<Record<string, Writer>> = {
  'aten::add': (args, node) =>
    kindOf(node.inputs[0]) === 'List' ? `[...${args[0]}, ...${args[1]}]` : infix('+')(args, node),
  'aten::sub': infix('-'),
  'aten::mul': infix('*'),
  'aten::div': infix('/'),
  'aten::floordiv': ofNumbers((a, b) => `Math.floor(${a} / ${b})`),
  'aten::__round_to_zero_floordiv': ofNumbers((a, b) => `Math.trunc(${a} / ${b})`),
  'aten::remainder': ofNumbers((a, b) => `(((${a} % ${b}) + ${b}) % ${b})`),
  'aten::pow': ofNumbers((a, b) => `(${signed(a)} ** ${b})`),
  'aten::neg': ofNumbers((a) => `(-${signed(a)})`),
  'prim::abs': math('abs'),
  'prim::min': math('min'),
  'prim::max': math('max'),
  'aten::sqrt': math('sqrt'),
  'aten::floor': math('floor'),
  'aten::ceil': math('ceil'),
  'aten::exp': math('exp'),
  'aten::log': (args, node) => (args.length === 1 ? math('log')(args, node) : undefined),
  'aten::eq': equality('==='),
  'aten::ne': equality('!=='),
  'aten::lt': infix('<'),
  'aten::le': infix('<='),
  'aten::gt': infix('>'),
  'aten::ge': infix('>='),
  'aten::__and__': (args, node) => infix(kindOf(node.inputs[0]) === 'bool' ? '&&' : '&')(args, node),
  'aten::__or__': (args, node) => infix(kindOf(node.inputs[0]) === 'bool' ? '||' : '|')(args, node),
  'aten::__xor__': (args, node) => infix(kindOf(node.inputs[0]) === 'bool' ? '!==' : '^')(args, node),
  'aten::__lshift__': infix('<<'),
  'aten::__rshift__': infix('>>'),
  'aten::__not__': ([a]) => `!${a}`,
  'aten::__is__': isNone('==='),
  'aten::__isnot__': isNone('!=='),
  'aten::Int': number(
    (a) => `Math.trunc(Number(${a}))`,
    (a) => `Math.trunc(Number(${a}))`,
  ),
  'aten::Float': number(
    (a) => `Number(${a})`,
    (a) => `Number(${a})`,
  ),
  'aten::Bool': number(
    (a) => `Boolean(${a})`,
    (a) => `Boolean(${a})`,
  ),
  'aten::IntImplicit': number(
    (a) => a,
    (a) => `Number(${a})`,
  ),
  'aten::FloatImplicit': number(
    (a) => a,
    (a) => `Number(${a})`,
  ),
  'aten::ScalarImplicit': number(
    (a) => a,
    (a) => a,
  ),
  'aten::item': ([a]) => `(await ${a}.item())`,
  'aten::str': ([a], { inputs: [value] }) => {
    const spelled = spelling(a, value);
    return spelled && `String(${spelled})`;
  },
  'aten::size': ([a, dim]) => (dim === undefined ? `[...${a}.shape]` : `${a}.size(${dim})`),
  'aten::dim': ([a]) => `${a}.shape.length`,
  'aten::numel': ([a]) => `${a}.numel()`,
  'aten::is_floating_point': ([a]) => `${a}.is_floating_point()`,
  'aten::len': length,
  'aten::__getitem__': element,
  'prim::TupleIndex': element,
  'aten::append': ofList((a, item) => `${a}.push(${item})`),
  'aten::pop': ofList((a, at) => (at === '-1' ? `${a}.pop()` : `${a}.splice(${at}, 1)[0]`)),
  'aten::extend': ofList((a, b) => `${a}.push(...${b})`),
  'aten::copy': ofList((a) => `[...${a}]`),
  'aten::list': ofList((a) => `[...${a}]`),
  'aten::_set_item': (args, { inputs: [value] }) => {
    const [a, key, item] = args;
    return kindOf(value) === 'Dict' ? `${a}.set(${key}, ${item})` : `${a}.splice(${key}, 1, ${item})`;
  },
  'aten::__contains__': ([a, item], { inputs: [value] }) =>
    kindOf(value) === 'Dict' ? `${a}.has(${item})` : `${a}.includes(${item})`,
  'aten::update': ofDict((a, b) => `${b}.forEach((value, name) => ${a}.set(name, value))`),
  'aten::get': ofDict((a, name, otherwise = 'null') => `(${a}.get(${name}) ?? ${otherwise})`),
  'aten::Delete': (args, { inputs: [value] }) =>
    kindOf(value) === 'Dict' ? `${args[0]}.delete(${args[1]})` : `${args[0]}.splice(${args[1]}, 1)`,
  'aten::insert': ofList((a, at, item) => `${a}.splice(${at}, 0, ${item})`),
  'aten::clear': ([a], { inputs: [value] }) => (kindOf(value) === 'Dict' ? `${a}.clear()` : `${a}.splice(0)`),
  'aten::reverse': ofList((a) => `${a}.reverse()`),
  'aten::keys': ofDict((a) => `[...${a}.keys()]`),
  'aten::values': ofDict((a) => `[...${a}.values()]`),
  'aten::items': ofDict((a) => `[...${a}]`),
  'aten::slice': (args, node) => {
    const [a, start, end] = args;
    if (kindOf(node.inputs[0]) !== 'List' || node.inputs[3]?.node.constant?.value !== 1) return undefined;
    return end === 'null' || end === 'Number.MAX_SAFE_INTEGER'
      ? `${a}.slice(${start})`
      : `${a}.slice(${start}, ${end})`;
  },
  'aten::__range_length': ([low, high, step]) => `Math.max(0, Math.ceil((${high} - ${low}) / ${step}))`,
  'aten::__derive_index': ([i, start, step]) => `(${start} + ${i} * ${step})`,
  'aten::is_grad_enabled': () => 'torch.is_grad_enabled()',
  'aten::format': ([, ...args], { inputs: [value, ...values] }) => {
    const text = value.node.constant?.value;
    const spelled = values.map((of, i) => spelling(args[i], of));
    if (typeof text !== 'string' || spelled.includes(undefined)) return undefined;
    const parts = text.split('{}').map((part) => JSON.stringify(part).slice(1, -1).replace(/[`$]/g, '\\$&'));
    return `\`${parts.map((part, i) => (i === 0 ? part : `\${${spelled[i - 1]}}${part}`)).join('')}\``;
  },
  'aten::warn': ([message]) => `console.warn(${message})`,
  'prim::Print': (args) => `console.log(${args.join(', ')})`,
  'prim::dtype': ([a]) => `${a}.dtype`,
  'prim::device': ([a]) => `${a}.device`,
  'prim::requires_grad': ([a]) => `${a}.requires_grad`,
  'prim::data': ([a]) => `${a}.detach()`,
  'prim::is_cuda': () => 'false',
  'prim::NumToTensor': ([a], { inputs: [value] }) =>
    kindOf(value) === 'int' ? `torch.tensor(${a}, { dtype: 'int64' })` : `torch.tensor(${a})`,
  'prim::ListConstruct': (args) => `[${args.join(', ')}]`,
  'prim::TupleConstruct': (args) => `[${args.join(', ')}]`,
  'prim::DictConstruct': (args) =>
    `new Map([${args.flatMap((key, i) => (i % 2 === 0 ? [`[${key}, ${args[i + 1]}]`] : [])).join(', ')}])`,
  'prim::unchecked_cast': ([a]) => a,
  'prim::Uninitialized': () => 'undefined',
};

/** Those whose result may stand where it is used: nothing that happens in between changes it. */
export function isSteady({ kind, inputs }: Node): boolean {
  if (
    kind === 'prim::unchecked_cast' ||
    kind === 'prim::Uninitialized' ||
    kind === 'prim::dtype' ||
    kind === 'prim::device'
  )
    return true;
  return inputs.length > 0 && inputs.every(isPlain) && !['prim::Print', 'aten::warn'].includes(kind);
}
