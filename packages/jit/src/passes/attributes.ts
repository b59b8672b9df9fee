/** Attributes as constants: what a module holds and nothing changes goes into the graphs of its methods. */
import { insertConstant } from '../ir/copy.ts';
import { allNodes, type Graph, type Node, type Value } from '../ir/graph.ts';
import { type Attribute, ClassType } from '../ir/types.ts';
import { alias, Tensor } from '../ops/core.ts';
import { ScriptObject } from '../ops/value.ts';
import { AliasAnalysis } from './alias.ts';

/** The object and the attribute of it that a node reads or writes. */
interface Place {
  readonly object: ScriptObject;
  readonly slot: number;
}

const isModule = (value: unknown): value is ScriptObject =>
  value instanceof ScriptObject && value.type.isModule;

/** Which objects of the module a graph's values are, followed from `self` through its submodules. */
export function objectsIn(graph: Graph, root: ScriptObject): Map<Value, ScriptObject> {
  const objects = new Map<Value, ScriptObject>([[graph.inputs[0], root]]);
  for (const node of allNodes(graph.block)) {
    if (node.kind !== 'prim::GetAttr') continue;
    const held = heldBy(node, objects);
    if (isModule(held)) objects.set(node.output, held);
  }
  return objects;
}

function placeOf(node: Node, objects: ReadonlyMap<Value, ScriptObject>): Place | undefined {
  const object = objects.get(node.inputs[0]);
  const slot = object?.type.slotOf(node.name!);
  return object && slot !== undefined ? { object, slot } : undefined;
}

function heldBy(node: Node, objects: ReadonlyMap<Value, ScriptObject>): unknown {
  const place = placeOf(node, objects);
  return place?.object.slots[place.slot];
}

/** Attributes by object; those that stay attributes. */
class Kept {
  private readonly slots = new Map<ScriptObject, Set<number>>();
  /** Objects that something got hold of which is not followed: they stay as they are, with all inside them. */
  readonly whole = new Set<ScriptObject>();

  add(object: ScriptObject, slot: number): void {
    const slots = this.slots.get(object);
    if (slots) slots.add(slot);
    else this.slots.set(object, new Set([slot]));
    const held = object.slots[slot];
    if (isModule(held)) this.keepWhole(held);
  }

  keepWhole(object: ScriptObject): void {
    if (this.whole.has(object)) return;
    this.whole.add(object);
    for (const held of object.slots) if (isModule(held)) this.keepWhole(held);
  }

  has({ object, slot }: Place): boolean {
    return this.whole.has(object) || (this.slots.get(object)?.has(slot) ?? false);
  }
}

/** Finds what may not become a constant: what is assigned, or goes where it cannot be followed. */
function findAssigned(graph: Graph, objects: ReadonlyMap<Value, ScriptObject>, kept: Kept): void {
  const escapes = (value: Value): void => {
    const object = objects.get(value);
    if (object) kept.keepWhole(object);
  };
  for (const node of allNodes(graph.block)) {
    const isAccess = node.kind === 'prim::GetAttr' || node.kind === 'prim::SetAttr';
    const place = node.kind === 'prim::SetAttr' ? placeOf(node, objects) : undefined;
    if (place) kept.add(place.object, place.slot);
    node.inputs.forEach((input, i) => {
      if (!isAccess || i > 0) escapes(input);
    });
    for (const block of node.blocks) block.outputs.forEach(escapes);
  }
  graph.outputs.forEach(escapes);
}

/** The same for what is changed in place: a buffer that counts, a list that grows. */
function findChanged(graph: Graph, objects: ReadonlyMap<Value, ScriptObject>, kept: Kept): void {
  const aliases = new AliasAnalysis(graph, (node) => heldBy(node, objects));
  for (const node of allNodes(graph.block)) {
    if (node.kind !== 'prim::GetAttr' || isModule(heldBy(node, objects))) continue;
    const place = placeOf(node, objects);
    if (place && aliases.isWritten(node.output)) kept.add(place.object, place.slot);
  }
}

/** Puts the constants in; a name is the path to the attribute, as in PyTorch: `%self.conv.weight`. */
function replaceReads(
  graph: Graph,
  objects: ReadonlyMap<Value, ScriptObject>,
  kept: Kept,
  /** The same memory without a history; one for all places where a tensor stands. */
  constants: Map<Tensor, Tensor>,
  wants: (held: unknown) => boolean,
): void {
  const paths = new Map<Value, string>([[graph.inputs[0], 'self']]);
  for (const node of [...allNodes(graph.block)]) {
    if (node.kind !== 'prim::GetAttr') continue;
    const place = placeOf(node, objects);
    const path = `${paths.get(node.inputs[0]) ?? 'self'}.${node.name}`;
    if (objects.has(node.output)) paths.set(node.output, path);
    if (!place || kept.has(place) || objects.has(node.output)) continue;
    const held = place.object.slots[place.slot];
    if (!wants(held)) continue;
    let value = held;
    if (held instanceof Tensor) {
      value = constants.get(held) ?? alias(held);
      constants.set(held, value as Tensor);
    }
    node.output.setDebugName('');
    node.output.replaceAllUsesWith(insertConstant(node, value, node.output.type, path));
    node.destroy();
  }
}

/** What is left of the module: objects with the attributes that stay, of types of their own. */
function rebuild(
  root: ScriptObject,
  kept: Kept,
): { root: ScriptObject; of: Map<ScriptObject, ScriptObject> } {
  const of = new Map<ScriptObject, ScriptObject | null>();
  const build = (object: ScriptObject, isRoot: boolean): ScriptObject | null => {
    if (kept.whole.has(object) && !isRoot) return object;
    const known = of.get(object);
    if (known !== undefined) return known;
    of.set(object, null);
    const attributes: Attribute[] = [];
    const values: unknown[] = [];
    object.type.attributes.forEach((attribute, slot) => {
      const held = object.slots[slot];
      const inner = isModule(held) ? build(held, false) : undefined;
      if (inner) {
        attributes.push({ ...attribute, type: inner.type });
        values.push(inner);
      } else if (kept.has({ object, slot })) {
        attributes.push({ ...attribute });
        values.push(held);
      }
    });
    if (attributes.length === 0 && !isRoot) return null;
    const type = new ClassType(object.type.name, object.type.isModule);
    for (const attribute of attributes) type.addAttribute(attribute);
    const own = new ScriptObject(type);
    own.slots.splice(0, own.slots.length, ...values);
    of.set(object, own);
    return own;
  };
  const own = build(root, true)!;
  const built = new Map<ScriptObject, ScriptObject>();
  for (const [object, copy] of of) if (copy) built.set(object, copy);
  return { root: own, of: built };
}

/**
 * Puts every attribute that `preserved` does not name and no graph changes into the graphs as a constant, and returns an
 * object that holds the rest. The graphs, copies of the methods with their calls inlined, are changed in place.
 */
export function freezeAttributes(
  root: ScriptObject,
  graphs: readonly Graph[],
  preserved: readonly Place[],
  /** Takes the branches that are decided by now. */
  simplify: (graph: Graph) => void,
): { root: ScriptObject; constants: Iterable<Tensor> } {
  const constants = new Map<Tensor, Tensor>();
  // Flags and numbers first: they decide branches, and what stands in the others neither writes nor is kept.
  const early = new Kept();
  for (const { object, slot } of preserved) early.add(object, slot);
  for (const graph of graphs) findAssigned(graph, objectsIn(graph, root), early);
  for (const graph of graphs) {
    replaceReads(
      graph,
      objectsIn(graph, root),
      early,
      constants,
      (held) => typeof held !== 'object' || held === null,
    );
    simplify(graph);
  }
  const kept = new Kept();
  for (const { object, slot } of preserved) kept.add(object, slot);
  const objects = graphs.map((graph) => objectsIn(graph, root));
  graphs.forEach((graph, i) => {
    findAssigned(graph, objects[i], kept);
    findChanged(graph, objects[i], kept);
  });
  // What one graph keeps, stays for all of them.
  graphs.forEach((graph, i) => {
    replaceReads(graph, objects[i], kept, constants, () => true);
  });
  const { root: own, of } = rebuild(root, kept);
  objects.forEach((known) => {
    for (const [value, object] of known) value.setType((of.get(object) ?? object).type);
  });
  return { root: own, constants: constants.values() };
}

/** `sub.attr` of a module: the object that holds it, and where. */
export function placeNamed(root: ScriptObject, path: string): Place | undefined {
  const names = path.split('.');
  const last = names.pop()!;
  let object: unknown = root;
  for (const name of names) object = object instanceof ScriptObject ? object.get(name) : undefined;
  const slot = object instanceof ScriptObject ? object.type.slotOf(last) : undefined;
  return slot === undefined ? undefined : { object: object as ScriptObject, slot };
}
