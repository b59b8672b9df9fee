/** Which `for` loops count: those whose index only the loop itself moves and whose end stays where it is. */
import type * as js from 'acorn';

export interface CountedLoop {
  readonly index: js.Identifier;
  readonly start: js.Expression;
  readonly end: js.Expression;
  readonly step: number;
  /** Whether the end is reached: `<=`. */
  readonly inclusive: boolean;
}

/** Arrays that no two names can mean. */
export interface OwnArrays {
  /** Whether a variable holds, all its life, an array that was written out for it. */
  isFresh(name: string): boolean;
  /** Whether a variable is a parameter that nothing is ever assigned to. */
  isParameter(name: string): boolean;
}

/** A loop that `range` describes. Any other `for` loop is a while loop, which is always right. */
export function countedLoop(node: js.ForStatement, arrays: OwnArrays): CountedLoop | undefined {
  const { init, test, update, body } = node;
  if (init?.type !== 'VariableDeclaration' || init.declarations.length !== 1) return undefined;
  const [{ id, init: start }] = init.declarations;
  if (id.type !== 'Identifier' || !start || init.kind === 'const') return undefined;
  if (test?.type !== 'BinaryExpression' || !update) return undefined;
  const { operator, left, right: end } = test;
  if (left.type !== 'Identifier' || left.name !== id.name) return undefined;
  const step = stepOf(update, id.name);
  if (step === undefined) return undefined;
  const up = operator === '<' || operator === '<=';
  const down = operator === '>' || operator === '>=';
  if (step > 0 ? !up : !down) return undefined;
  if (!isWhole(start)) return undefined;
  const changes = changesIn(body);
  if (changes.names.has(id.name) || !isSteady(end, id.name, changes, arrays)) return undefined;
  return { index: id, start, end, step, inclusive: operator.length === 2 };
}

/** A start that is surely an int, so that adding to it stays one: fractions count in while loops. */
const isWhole = (node: js.Expression): boolean =>
  node.type !== 'Literal' || (typeof node.value === 'number' && Number.isInteger(node.value));

function stepOf(update: js.Expression, index: string): number | undefined {
  if (update.type === 'UpdateExpression')
    return update.argument.type === 'Identifier' && update.argument.name === index
      ? update.operator === '++'
        ? 1
        : -1
      : undefined;
  if (
    update.type !== 'AssignmentExpression' ||
    update.left.type !== 'Identifier' ||
    update.left.name !== index
  )
    return undefined;
  const { operator, right } = update;
  if (operator !== '+=' && operator !== '-=') return undefined;
  if (
    right.type !== 'Literal' ||
    typeof right.value !== 'number' ||
    !Number.isInteger(right.value) ||
    right.value <= 0
  )
    return undefined;
  return operator === '+=' ? right.value : -right.value;
}

interface Changes {
  /** Variables assigned, or whose methods that change a list are called. */
  readonly names: ReadonlySet<string>;
  /** Whether an attribute or an item is assigned, or a list changed that is no plain variable. */
  readonly others: boolean;
  /** Variables that a list was changed through. */
  readonly lists: ReadonlySet<string>;
  /** Whether a method of `this` is called, which may assign its attributes. */
  readonly calls: boolean;
}

const mutators = new Set(
  'push pop shift unshift splice reverse sort fill insert clear append set delete'.split(' '),
);

/** Every node below, in no particular order. */
function* nodesIn(node: js.Node): Generator<js.Node> {
  yield node;
  for (const value of Object.values(node))
    if (Array.isArray(value)) {
      for (const item of value) if (item && typeof item.type === 'string') yield* nodesIn(item);
    } else if (value && typeof value === 'object' && typeof value.type === 'string') yield* nodesIn(value);
}

function changesIn(body: js.Node): Changes {
  const names = new Set<string>();
  const lists = new Set<string>();
  let others = false;
  let calls = false;
  const assigned = (pattern: js.Node): void => {
    if (pattern.type === 'MemberExpression') {
      others = true;
      return;
    }
    for (const node of nodesIn(pattern))
      if (node.type === 'Identifier') names.add((node as js.Identifier).name);
  };
  for (const node of nodesIn(body)) {
    if (node.type === 'AssignmentExpression') assigned((node as js.AssignmentExpression).left);
    else if (node.type === 'UpdateExpression') assigned((node as js.UpdateExpression).argument);
    else if (node.type === 'ForOfStatement') {
      const { left } = node as js.ForOfStatement;
      if (left.type !== 'VariableDeclaration') assigned(left);
    } else if (node.type === 'CallExpression') {
      const { callee } = node as js.CallExpression;
      if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') continue;
      if (callee.object.type === 'ThisExpression') calls = true;
      const { name } = callee.property;
      if (!mutators.has(name) && !name.endsWith('_')) continue;
      if (callee.object.type === 'Identifier') lists.add(callee.object.name);
      else others = true;
    }
  }
  return { names, others, lists, calls };
}

/** Two names may be one list, so one that changes stands in the way of every length but those of lists that are surely others. */
function keepsLength(list: js.Expression | js.Super, { lists, others }: Changes, arrays: OwnArrays): boolean {
  if (others) return false;
  if (lists.size === 0) return true;
  if (list.type !== 'Identifier' || lists.has(list.name)) return false;
  if (!arrays.isFresh(list.name) && !arrays.isParameter(list.name)) return false;
  return [...lists].every((name) => arrays.isFresh(name));
}

/** The variables that are assigned to anywhere below. */
export const assignedIn = (node: js.Node): ReadonlySet<string> => changesIn(node).names;

/** Whether an expression is the same in every round. */
function isSteady(
  node: js.Expression | js.PrivateIdentifier | js.Super,
  index: string,
  changes: Changes,
  arrays: OwnArrays,
): boolean {
  switch (node.type) {
    case 'Literal':
      return true;
    case 'Identifier':
      return node.name !== index && !changes.names.has(node.name);
    case 'ParenthesizedExpression':
      return isSteady(node.expression, index, changes, arrays);
    case 'BinaryExpression':
      return isSteady(node.left, index, changes, arrays) && isSteady(node.right, index, changes, arrays);
    case 'UnaryExpression':
      return isSteady(node.argument, index, changes, arrays);
    case 'ThisExpression':
      return !changes.others && !changes.calls;
    case 'MemberExpression': {
      if (node.computed) {
        // `x.shape[0]`: sizes are no one's to change.
        const of = node.object;
        return (
          of.type === 'MemberExpression' &&
          !of.computed &&
          of.property.type === 'Identifier' &&
          of.property.name === 'shape' &&
          isSteady(of.object, index, changes, arrays) &&
          isSteady(node.property, index, changes, arrays)
        );
      }
      const isLength = node.property.type === 'Identifier' && node.property.name === 'length';
      if (isLength && !keepsLength(node.object, changes, arrays)) return false;
      return !changes.others && isSteady(node.object, index, changes, arrays);
    }
    case 'CallExpression': {
      // `x.size(0)`, `x.dim()`, `Math.min(a, b)`: of a tensor that stays, and nothing that acts.
      const { callee } = node;
      if (callee.type !== 'MemberExpression' || callee.computed || callee.property.type !== 'Identifier')
        return false;
      const { name } = callee.property;
      const isMath =
        callee.object.type === 'Identifier' && callee.object.name === 'Math' && name !== 'random';
      if (!isMath && !/^(size|dim|numel)$/.test(name)) return false;
      return (
        (isMath || isSteady(callee.object, index, changes, arrays)) &&
        node.arguments.every((arg) => arg.type !== 'SpreadElement' && isSteady(arg, index, changes, arrays))
      );
    }
    default:
      return false;
  }
}
