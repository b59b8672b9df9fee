/** `to_javascript`: a module as JavaScript that reads as written, an `nn.Module` class for each of its own, and its weights. */
import { saveSafetensors, TorchError } from '@sconce/core';
import { copyGraph, insertConstant } from '../../ir/copy.ts';
import type { Func } from '../../ir/function.ts';
import { allNodes, type Graph, type Node, type Value } from '../../ir/graph.ts';
import { moduleParts, type ScriptModule } from '../../module.ts';
import { Tensor } from '../../ops/core.ts';
import { ScriptObject } from '../../ops/value.ts';
import { AliasAnalysis } from '../../passes/alias.ts';
import { objectsIn } from '../../passes/attributes.ts';
import { propagateConstants, takeDecidedBranches } from '../../passes/constants.ts';
import { foldConvolutionDims } from '../../passes/conv-dims.ts';
import { eliminateDeadCode } from '../../passes/dead-code.ts';
import { removeDropout } from '../../passes/dropout.ts';
import { inlineCalls } from '../../passes/inline.ts';
import { peephole } from '../../passes/peephole.ts';
import { lowerSimpleTuples } from '../../passes/tuples.ts';
import { placeOf } from '../recorder.ts';
import { literal, type Surroundings, type Written, writeMethod } from './method.ts';
import { key, property } from './names.ts';

/** What `to_javascript` may be told. */
export interface JavaScriptOptions {
  /** What the file with the weights will be called; beside the program. */
  readonly weights?: string;
}

/** A module as JavaScript: the text of an ES module, and the weights that it loads. */
export interface JavaScript {
  /** The text of an ES module; its `load()` gives the model. */
  readonly code: string;
  /** The weights, as safetensors. */
  readonly weights: Uint8Array;
}

const isModule = (value: unknown): value is ScriptObject =>
  value instanceof ScriptObject && value.type.isModule;

/** PyTorch's own layers are written as the operators that they are; every other class becomes one. */
const isOwn = ({ type }: ScriptObject): boolean => !type.name.startsWith('__torch__.torch.nn.modules.');

/** What is written about one module. */
interface Class {
  readonly object: ScriptObject;
  readonly path: string;
  readonly methods: Map<string, Written & { readonly func: Func }>;
  /** Attributes that are read or assigned while it runs. */
  readonly attributes: Set<string>;
  readonly constants: Tensor[];
}

class Program {
  private readonly classes = new Map<ScriptObject, Class>();
  private readonly assigned = new Set<string>();
  private readonly texts = new Map<string, string>();
  private readonly names = new Set<string>();
  readonly weights = new Map<string, Tensor>();
  readonly written: string[] = [];

  constructor(private readonly root: ScriptObject) {
    const visit = (object: ScriptObject, path: string): void => {
      if (this.classes.has(object)) return;
      this.classes.set(object, { object, path, methods: new Map(), attributes: new Set(), constants: [] });
      for (const [slot, { name }] of object.type.attributes.entries()) {
        const held = object.slots[slot];
        if (isModule(held)) visit(held, path === '' ? name : `${path}.${name}`);
      }
      for (const func of object.type.methods.values())
        for (const node of allNodes(func.graph.block))
          if (node.kind === 'prim::SetAttr') this.assigned.add(node.name!);
    };
    visit(root, '');
  }

  /** The method's graph as it is written: PyTorch's layers and functions put in, what is known of this module decided. */
  private graphOf(object: ScriptObject, func: Func): Graph {
    const graph = copyGraph(func.graph);
    const calleeOf = (node: Node): Func | undefined => {
      if (node.func && node.kind === 'prim::CallFunction') return node.func;
      const target = objectsIn(graph, object).get(node.inputs[0]);
      return target && !isOwn(target) ? target.type.methods.get(node.name!) : undefined;
    };
    inlineCalls(graph.block, calleeOf);
    for (let round = 0; round < 3; round++) {
      this.decide(graph, object);
      takeDecidedBranches(graph);
      lowerSimpleTuples(graph.block);
      peephole(graph);
      removeDropout(graph);
      propagateConstants(graph);
      eliminateDeadCode(graph.block, new AliasAnalysis(graph));
    }
    return graph;
  }

  /** Flags and numbers that nothing assigns are what they are, and a convolution gives what its weight says. */
  private decide(graph: Graph, root: ScriptObject): void {
    const objects = objectsIn(graph, root);
    foldConvolutionDims(graph, ({ node }) => {
      const holder = node.kind === 'prim::GetAttr' ? objects.get(node.inputs[0]) : undefined;
      return holder?.slots[holder.type.slotOf(node.name!) ?? -1];
    });
    for (const node of [...allNodes(graph.block)]) {
      if (node.kind !== 'prim::GetAttr' || this.assigned.has(node.name!)) continue;
      const object = objects.get(node.inputs[0]);
      const slot = object?.type.slotOf(node.name!);
      const held = slot === undefined ? undefined : object!.slots[slot];
      if (slot === undefined || (typeof held === 'object' && held !== null)) continue;
      node.output.replaceAllUsesWith(
        insertConstant(node, node.name === 'training' ? false : held, node.output.type),
      );
      node.destroy();
    }
  }

  /** Writes a method, and those that it calls. */
  method(object: ScriptObject, name: string): Written {
    const own = this.classes.get(object)!;
    const known = own.methods.get(name);
    if (known) return known;
    const func = object.type.methods.get(name);
    if (!func) throw new TorchError(`Module '${object.type.leafName}' has no method '${name}'`);
    const graph = this.graphOf(object, func);
    const objects = objectsIn(graph, object);
    const paths = new Map<Value, string>([[graph.inputs[0], 'this']]);
    const around: Surroundings = {
      attribute: (node) => {
        const text = `${paths.get(node.inputs[0]) ?? 'this'}${property(node.name!)}`;
        if (objects.has(node.output)) paths.set(node.output, text);
        else {
          const holder = objects.get(node.inputs[0]);
          if (!holder)
            throw new TorchError(
              `${placeOf(node)} cannot be converted to JavaScript: whose attribute it is, is not known`,
            );
          this.classes.get(holder)!.attributes.add(node.name!);
        }
        return text;
      },
      call: (node, args) => {
        const target = objects.get(node.inputs[0]);
        if (!target)
          throw new TorchError(
            `${placeOf(node)} cannot be converted to JavaScript: which module it calls is not known`,
          );
        const { isAsync } = this.method(target, node.name!);
        return { text: `${paths.get(node.inputs[0])}.${node.name}(${args.join(', ')})`, isAsync };
      },
      constant: (tensor) => {
        let at = own.constants.indexOf(tensor);
        if (at < 0) at = own.constants.push(tensor) - 1;
        return `this.constant${at}`;
      },
    };
    const written = { ...writeMethod(graph, around), func };
    own.methods.set(name, written);
    return written;
  }

  /** The class of a module; modules of the same text share one. Gives its name. */
  class(object: ScriptObject): string {
    const { path, methods, constants } = this.classes.get(object)!;
    const lines = [...this.members(object, 'state', '')];
    constants.forEach((tensor, i) => {
      const name = `constant${i}`;
      this.weights.set(path === '' ? name : `${path}.${name}`, tensor);
      lines.push(`this.${name} = state('${name}');`);
    });
    const text = [
      '  constructor(state) {',
      '    super();',
      ...lines.map((line) => `    ${line}`),
      '  }',
      ...[...methods].flatMap(([name, method]) => ['', ...methodText(name, method)]),
    ].join('\n');
    const leaf = object.type.leafName;
    const known = this.texts.get(`${leaf}\n${text}`);
    if (known) return known;
    let name = leaf;
    for (let i = 2; this.names.has(name); i++) name = `${leaf}${i}`;
    this.names.add(name);
    this.texts.set(`${leaf}\n${text}`, name);
    const isRoot = object === this.root;
    this.written.push(`${isRoot ? 'export ' : ''}class ${name} extends nn.Module {\n${text}\n}`);
    return name;
  }

  private tensor(object: ScriptObject, name: string, tensor: Tensor): void {
    const { path } = this.classes.get(object)!;
    const full = path === '' ? name : `${path}.${name}`;
    const window = ({ shape, strides, offset }: Tensor): string => `${shape}/${strides}/${offset}`;
    for (const [other, { storage }] of this.weights)
      if (storage === tensor.storage && window(this.weights.get(other)!) !== window(tensor))
        throw new TorchError(
          `'${other}' and '${full}' are different views of one memory, which no file of weights can say`,
        );
    this.weights.set(full, tensor);
  }

  /** The statements that fill a module. */
  private *members(object: ScriptObject, state: string, indent: string): Generator<string> {
    const { attributes } = this.classes.get(object)!;
    for (const [slot, { name, role }] of object.type.attributes.entries()) {
      const held = object.slots[slot];
      const target = `this${property(name)}`;
      if (isModule(held)) {
        const made = this.child(held, name, state);
        if (made) yield `${indent}${target} = ${made};`;
      } else if (held instanceof Tensor) {
        this.tensor(object, name, held);
        const from = `${state}(${JSON.stringify(name)})`;
        if (role === 'parameter') yield `${indent}${target} = new nn.Parameter(${from});`;
        else if (role === 'buffer') yield `${indent}this.register_buffer(${JSON.stringify(name)}, ${from});`;
        else if (attributes.has(name)) yield `${indent}${target} = ${from};`;
      } else if (attributes.has(name) && name !== 'training')
        yield `${indent}${target} = ${this.valueOf(object, name, held)};`;
    }
  }

  private valueOf(object: ScriptObject, name: string, held: unknown): string {
    if (Array.isArray(held) && held.some((item) => item instanceof Tensor))
      return `[${held
        .map((item, i) => {
          this.tensor(object, `${name}.${i}`, item as Tensor);
          return `state(${JSON.stringify(`${name}.${i}`)})`;
        })
        .join(', ')}]`;
    return literal(held);
  }

  /** What makes a submodule; undefined where it holds nothing and nobody calls it. */
  private child(object: ScriptObject, name: string, state: string): string | undefined {
    const below = `below(${state}, ${JSON.stringify(name)})`;
    if (isOwn(object))
      return this.classes.get(object)!.methods.size > 0 || this.holds(object)
        ? `new ${this.class(object)}(${below})`
        : undefined;
    const parameters: string[] = [];
    const buffers: string[] = [];
    const children: string[] = [];
    for (const [slot, attribute] of object.type.attributes.entries()) {
      const held = object.slots[slot];
      if (isModule(held)) {
        const made = this.child(held, attribute.name, 'state');
        if (made) children.push(`${key(attribute.name)}: (state) => ${made}`);
      } else if (held instanceof Tensor) {
        this.tensor(object, attribute.name, held);
        (attribute.role === 'parameter' ? parameters : buffers).push(attribute.name);
      } else if (this.classes.get(object)!.attributes.has(attribute.name))
        throw new TorchError(
          `${object.type.name} keeps '${attribute.name}' while it runs: that cannot be converted to JavaScript`,
        );
    }
    if (parameters.length + buffers.length + children.length === 0) return undefined;
    const list = (names: readonly string[]): string =>
      `[${names.map((each) => JSON.stringify(each)).join(', ')}]`;
    const parts = [
      `parameters: ${list(parameters)}`,
      `buffers: ${list(buffers)}`,
      `children: { ${children.join(', ')} }`,
    ];
    const shown = parts.filter((_, i) => [parameters, buffers, children][i].length > 0);
    return `layer(${below}, { ${shown.join(', ')} })`;
  }

  private holds(object: ScriptObject): boolean {
    return object.slots.some((held) => held instanceof Tensor || (isModule(held) && this.holds(held)));
  }
}

function methodText(
  name: string,
  { params, body, isAsync, func }: Written & { readonly func: Func },
): string[] {
  const [, ...declared] = func.signature.params;
  const shown = params.map((param, i) => {
    const given = declared[i];
    return given.hasDefault ? `${param} = ${literal(given.default)}` : param;
  });
  return [
    `  ${isAsync ? 'async ' : ''}${name}(${shown.join(', ')}) {`,
    ...body.map((line) => `    ${line}`),
    '  }',
  ];
}

const helpers = `/** The weights whose names go on after this one. */
const below = (state, name) => (rest) => state(\`\${name}.\${rest}\`);

/** What a layer holds: its parameters, buffers and the modules in it. */
function layer(state, { parameters = [], buffers = [], children = {} }) {
  const module = new nn.Module();
  for (const name of parameters) module.register_parameter(name, new nn.Parameter(state(name)));
  for (const name of buffers) module.register_buffer(name, state(name));
  for (const [name, make] of Object.entries(children)) module.add_module(name, make(state));
  return module;
}`;

/**
 * A module as JavaScript over Sconce, as it is in eval mode: its classes as `nn.Module`s, PyTorch's own layers written out
 * as operators. Throws a TorchError that names the operator and its place for what cannot be written.
 */
export async function to_javascript(
  module: ScriptModule,
  { weights: file = 'model.safetensors' }: JavaScriptOptions = {},
): Promise<JavaScript> {
  const { object } = moduleParts(module);
  const program = new Program(object);
  for (const name of object.type.methods.keys()) if (!name.startsWith('__')) program.method(object, name);
  const name = program.class(object);
  const code = `/** ${object.type.leafName}, converted from TorchScript by Sconce. Its weights are in ${file}. */
import * as torch from 'sconce';

const { nn } = torch;

${helpers}

${program.written.join('\n\n')}

/** The model with its weights, which stand beside this file unless they are elsewhere. */
export async function load(weights = new URL(${JSON.stringify(`./${file}`)}, import.meta.url)) {
  const tensors = await torch.load(weights);
  return new ${name}((name) => tensors.get(name)).eval();
}
`;
  return { code, weights: await saveSafetensors(program.weights, { format: 'pt' }) };
}
