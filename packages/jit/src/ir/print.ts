/** A graph as text, in PyTorch's layout. */
import { location } from '../frontend/source.ts';
import { Device, Tensor } from '../ops/core.ts';
import { escapeText, floatText, shortest17 } from '../ops/text.ts';
import { inlineSimplified } from '../passes/simplified.ts';
import { copyGraph } from './copy.ts';
import { forkedGraph } from './forked.ts';
import type { Func } from './function.ts';
import type { Block, Graph, Node, Value } from './graph.ts';
import { tensorText } from './tensor-text.ts';
import { annotation, graphText } from './type-text.ts';
import { EnumValue, type JitType } from './types.ts';

const declared = (value: Value): string => `%${value.debugName} : ${graphText(value.type)}`;

/** A constant as `[value=…]` shows it. */
function constantText(value: unknown, type: JitType): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'string') return escapeText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') {
    if (type.kind !== 'float') return String(value);
    return Number.isInteger(value) || !Number.isFinite(value) ? floatText(value) : shortest17(value);
  }
  if (value === null) return 'None';
  if (value instanceof Device) return escapeText(String(value));
  if (value instanceof EnumValue) return `${value.type.name}.${value.name}`;
  if (value instanceof Tensor) return tensorText(value);
  if (Array.isArray(value)) {
    const elementType = (i: number): JitType =>
      type.kind === 'List' ? type.element : type.kind === 'Tuple' ? type.elements[i] : type;
    // Only alone is a bool a number.
    const items = value.map((item, i) =>
      typeof item === 'boolean' ? (item ? 'True' : 'False') : constantText(item, elementType(i)),
    );
    if (type.kind === 'List' && items.length === 0) return `annotate(${annotation(type)}, [])`;
    if (type.kind === 'List')
      return value.some((item) => item instanceof Tensor) ? '[<Tensors>]' : `[${items.join(', ')}]`;
    return items.length === 1 ? `(${items[0]},)` : `(${items.join(', ')})`;
  }
  if (value instanceof Map && type.kind === 'Dict')
    return `{${[...value].map(([k, v]) => `${constantText(k, type.key)}: ${constantText(v, type.value)}`).join(', ')}}`;
  return String(value);
}

function attributes(node: Node): string {
  if (node.kind === 'prim::Constant') {
    if (node.name !== undefined) return `[name=${escapeText(node.name)}]`;
    if (node.constant?.value === null || node.constant === undefined) return '';
    return `[value=${constantText(node.constant.value, node.output.type)}]`;
  }
  if (node.warnId !== undefined) return `[warn_id=${node.warnId}]`;
  if (node.types) return `[types=[${node.types.map(graphText).join(', ')}]]`;
  return node.name !== undefined ? `[name=${escapeText(node.name)}]` : '';
}

/** Graphs inside nodes: each is printed after the whole, under the name that its node has there. */
type Subgraphs = [name: string, graph: Graph][];

function kindOf(node: Node, subgraph: Graph | undefined, subgraphs: Subgraphs): string {
  if (!subgraph) return node.kind;
  const name = `${node.kind}_${subgraphs.length}`;
  subgraphs.push([name, subgraph]);
  return name;
}

function printNode(node: Node, indent: string, lines: string[], subgraphs: Subgraphs): void {
  const outputs = node.outputs.map(declared).join(', ');
  const forked = node.kind === 'prim::fork' && node.blocks.length > 0 ? forkedGraph(node) : undefined;
  const inputs = (forked?.captured ?? node.inputs).map((input) => `%${input.debugName}`).join(', ');
  const where = node.range ? location(node.range) : '';
  const place = `${node.scope ? `, scope: ${node.scope}` : ''}${where && ` # ${where}`}`;
  const kind = kindOf(node, forked?.graph ?? node.subgraph, subgraphs);
  lines.push(`${indent}${outputs} = ${kind}${attributes(node)}(${inputs})${place}`);
  if (forked) return;
  node.blocks.forEach((block, i) => {
    lines.push(`${indent}  block${i}(${block.inputs.map(declared).join(', ')}):`);
    printBlock(block, `${indent}    `, lines, subgraphs);
    lines.push(`${indent}    -> (${block.outputs.map((value) => `%${value.debugName}`).join(', ')})`);
  });
}

function printBlock(block: Block, indent: string, lines: string[], subgraphs: Subgraphs): void {
  for (const node of block.nodes) printNode(node, indent, lines, subgraphs);
}

function printGraph(graph: Graph, lines: string[], subgraphs: Subgraphs): void {
  const inputs = graph.inputs.map(declared);
  lines.push(`graph(${inputs.join(',\n      ')}):`);
  printBlock(graph.block, '  ', lines, subgraphs);
  lines.push(`  return (${graph.outputs.map((value) => `%${value.debugName}`).join(', ')})`);
}

export function graphToString(graph: Graph): string {
  const lines: string[] = [];
  const subgraphs: Subgraphs = [];
  printGraph(graph, lines, subgraphs);
  for (const [name, inner] of subgraphs) {
    const own: string[] = [];
    printGraph(inner, own, []);
    lines.push(`with ${name} = ${own.join('\n')}`);
  }
  return `${lines.join('\n')}\n`;
}

/** The function's graph with every call replaced by what it calls, simplified. */
export function inlinedGraph(func: Func): string {
  const graph = copyGraph(func.graph);
  inlineSimplified(graph);
  return graphToString(graph);
}
