/** Variables: declarations, assignments and what destructuring takes apart. */
import type * as js from 'acorn';
import type { Expr, Statement } from '../frontend/ast.ts';
import { CallbackTranslator } from './callbacks.ts';
import { assignedIn, type OwnArrays } from './counted.ts';
import type { InnerFunction } from './inline.ts';

export abstract class AssignmentTranslator extends CallbackTranslator {
  private readonly declaredTypes = new Map<string, Expr>();
  /** Variables that are constant and were made with an array written out. */
  private readonly fresh = new Set<string>();
  protected readonly parameterNames = new Set<string>();
  private assignedNames?: ReadonlySet<string>;
  protected readonly arrays: OwnArrays = {
    isFresh: (name) => this.fresh.has(this.scopes.find(name)?.name ?? ''),
    isParameter: (name) => {
      this.assignedNames ??= assignedIn(this.text.node.body);
      return this.parameterNames.has(this.scopes.find(name)?.name ?? '') && !this.assignedNames.has(name);
    },
  };

  protected declaration(node: js.VariableDeclaration): Statement[] {
    if (node.kind !== 'let' && node.kind !== 'const' && node.kind !== 'var')
      this.refuse(node, `${node.kind} is not supported`);
    return node.declarations.flatMap(({ id, init }, i): Statement[] => {
      const range = this.range(i === 0 ? node : id);
      const fn = functionOf(init);
      if (fn && id.type === 'Identifier') {
        this.remember(id, fn);
        return [];
      }
      const type = this.typeBefore(id) ?? (i === 0 ? this.typeBefore(node) : undefined);
      // The value is read before the name is known: `const x = x` means the x outside nowhere, and nothing here.
      const value = init ? this.expression(init, id.type === 'ArrayPattern' && !type) : undefined;
      const kind = node.kind as 'const' | 'let' | 'var';
      if (!value) {
        const target = this.target(id, true, kind);
        // TorchScript declares nothing without a value: the type waits for the assignments.
        if (type && target.kind === 'name') this.declaredTypes.set(target.name, type);
        return [];
      }
      if (id.type === 'ObjectPattern')
        return this.fields(id, value, (pattern) => this.target(pattern, true, kind));
      const target = this.target(id, true, kind);
      if (kind === 'const' && target.kind === 'name' && isWrittenOut(init!)) this.fresh.add(target.name);
      return [{ kind: 'assign', targets: [target], value, range, ...(type && { type }) }];
    });
  }

  /** `const { values, indices } = …`: the fields of a named tuple, an object's attributes. */
  private fields(node: js.ObjectPattern, value: Expr, target: (pattern: js.Pattern) => Expr): Statement[] {
    const range = this.range(node);
    const whole = this.name(this.scopes.fresh('_fields'), range);
    this.scopes.note(whole.kind === 'name' ? whole.name : '');
    const parts = node.properties.map((property): Statement => {
      if (property.type === 'RestElement' || property.computed || property.key.type !== 'Identifier')
        return this.refuse(property, 'only plain names can be taken out of an object');
      const at = this.range(property);
      const field: Expr = { kind: 'attribute', object: whole, name: property.key.name, range: at };
      if (property.value.type === 'AssignmentPattern')
        return this.refuse(property, 'a default in a destructuring is not supported');
      return { kind: 'assign', targets: [target(property.value)], value: field, range: at };
    });
    return [{ kind: 'assign', targets: [whole], value, range }, ...parts];
  }

  protected override target(
    node: js.Pattern,
    declare: boolean,
    constant: 'const' | 'let' | 'var' = 'let',
  ): Expr {
    const range = this.range(node);
    switch (node.type) {
      case 'Identifier':
        if (!declare) return this.assigned(node);
        return this.name(
          (constant === 'var'
            ? this.scopes.declareVar(node.name)
            : this.scopes.declare(node.name, constant === 'const', range)
          ).name,
          range,
        );
      case 'ArrayPattern':
        return {
          kind: 'tuple',
          items: node.elements.map((element) =>
            element ? this.target(element, declare, constant) : this.name('_', range),
          ),
          range,
        };
      case 'RestElement':
        return { kind: 'starred', value: this.target(node.argument, declare, constant), range };
      case 'MemberExpression':
        return this.assigned(node);
      case 'AssignmentPattern':
        return this.refuse(node, 'a default in a destructuring is not supported');
      default:
        return this.refuse(node, 'this cannot be assigned to here: take the fields out one by one');
    }
  }

  /** An existing variable, attribute or item that is assigned to. */
  protected assigned(node: js.Pattern): Expr {
    const range = this.range(node);
    if (node.type === 'Identifier') {
      const binding = this.scopes.find(node.name);
      if (!binding)
        return this.refuse(
          node,
          `'${node.name}' is not a variable of this function: only its own can be assigned`,
        );
      if (binding.constant) return this.refuse(node, `Assignment to constant variable '${node.name}'`);
      return this.name(binding.name, range);
    }
    if (node.type === 'MemberExpression') return this.member(node);
    return this.target(node, false);
  }

  protected assignment(node: js.AssignmentExpression): Statement[] {
    const range = this.range(node);
    const { operator } = node;
    if (operator === '=') {
      // `a = b = value` stores the one value in both.
      const targets: js.Pattern[] = [node.left as js.Pattern];
      let value = node.right;
      while (value.type === 'AssignmentExpression' && value.operator === '=') {
        targets.push(value.left as js.Pattern);
        value = value.right;
      }
      const result = this.expression(
        value,
        targets.some((target) => target.type === 'ArrayPattern'),
      );
      const [first] = targets;
      if (first.type === 'ObjectPattern')
        return this.fields(first, result, (pattern) => this.target(pattern, false));
      const stored = targets.map((target) => this.target(target, false));
      const type = stored[0].kind === 'name' ? this.declaredTypes.get(stored[0].name) : undefined;
      return [
        {
          kind: 'assign',
          targets: stored,
          value: result,
          range,
          ...(type && stored.length === 1 && { type }),
        },
      ];
    }
    const target = this.assigned(node.left as js.Pattern);
    if (operator === '??=')
      return [
        {
          kind: 'if',
          test: {
            kind: 'binary',
            op: 'is',
            left: target,
            right: { kind: 'constant', value: null, range },
            range,
          },
          body: [{ kind: 'assign', targets: [target], value: this.expression(node.right), range }],
          orElse: [],
          range,
        },
      ];
    if (operator === '&&=' || operator === '||=') {
      const value = this.expression(node.right);
      const both: Expr = { kind: 'binary', op: operator.slice(0, 2), left: target, right: value, range };
      return [{ kind: 'assign', targets: [target], value: both, range }];
    }
    const op = operator.slice(0, -1);
    if (op === '>>>') return this.refuse(node, '>>>= is not supported');
    const value = this.expression(node.right);
    return [{ kind: 'augmented', target, op, value, range }];
  }
}

/** A function that a declaration gives a name; bundlers wrap one to keep its name. */
function functionOf(init: js.Expression | null | undefined): InnerFunction | undefined {
  if (init?.type === 'ArrowFunctionExpression' || init?.type === 'FunctionExpression') return init;
  if (init?.type === 'CallExpression' && init.callee.type === 'Identifier' && init.callee.name === '__name')
    return functionOf(init.arguments[0] as js.Expression);
  return undefined;
}

/** An array literal, or one that is given its type. */
const isWrittenOut = (node: js.Expression): boolean =>
  node.type === 'ArrayExpression' ||
  (node.type === 'ParenthesizedExpression' && isWrittenOut(node.expression)) ||
  (node.type === 'CallExpression' &&
    node.arguments.length === 2 &&
    node.arguments[1].type === 'ArrayExpression' &&
    node.callee.type === 'MemberExpression' &&
    node.callee.property.type === 'Identifier' &&
    node.callee.property.name === 'annotate');
