/** The names that `jit.script` is given, and how a function's own text refers to them, whatever a bundler made of it. */
import { isModule, TorchError } from '@sconce/core';
import type * as js from 'acorn';
import { parseExpressionAt } from 'acorn';
import { constant, refused } from '../frontend/sugar.ts';
import type { Sugared } from '../frontend/sugared.ts';
import { Tensor } from '../ops/core.ts';
import { inferScalar } from '../recursive/values.ts';
import { functionParts, ScriptFunction } from '../script-function.ts';
import type { FreeNames } from './expression.ts';
import { importRoot, type KnownNames, operatorOf, renamed } from './names.ts';
import type { AnyFunction } from './text.ts';

/**
 * Names for a compiled function: by the name that its source uses, `{ helper, ALPHA }`; or a function that returns such an
 * object, `() => ({ helper, ALPHA })`, whose text a bundler or minifier has rewritten just as it has the compiled one's.
 */
export type Given = Readonly<Record<string, unknown>> | (() => Readonly<Record<string, unknown>>);

const known = new Set(['torch', 'nn', 'F', 'jit', 'Math', 'console', 'Number', 'String', 'Boolean']);

/** `a.b.c` of an expression that is only that, `(0, a.b)` among it. */
function pathOf(node: js.Expression | js.Super): string | undefined {
  switch (node.type) {
    case 'Identifier':
      return node.name;
    case 'ParenthesizedExpression':
      return pathOf(node.expression);
    case 'MemberExpression': {
      if (node.computed || node.property.type !== 'Identifier') return undefined;
      const object = pathOf(node.object);
      return object && `${object}.${node.property.name}`;
    }
    default:
      return undefined;
  }
}

/** From the text of `() => ({ helper: e })`: what each name is called where the function stands. */
function aliasesOf(given: () => unknown): Map<string, string> {
  const problem = () =>
    new TorchError(
      'jit.script: names are given as an object, { helper }, or as an arrow function that returns one, () => ({ helper })',
    );
  let expression: js.Expression;
  try {
    expression = parseExpressionAt(String(given), 0, { ecmaVersion: 'latest', sourceType: 'module' });
  } catch {
    throw problem();
  }
  if (expression.type !== 'ArrowFunctionExpression' && expression.type !== 'FunctionExpression')
    throw problem();
  let { body }: { body: js.Node } = expression;
  if (body.type === 'BlockStatement') {
    const [only] = (body as js.BlockStatement).body;
    if (only?.type !== 'ReturnStatement' || !only.argument) throw problem();
    body = only.argument;
  }
  if (body.type !== 'ObjectExpression') throw problem();
  const aliases = new Map<string, string>();
  for (const property of (body as js.ObjectExpression).properties) {
    if (property.type !== 'Property' || property.computed) throw problem();
    const { key, value } = property;
    const name =
      key.type === 'Identifier' ? key.name : key.type === 'Literal' ? String(key.value) : undefined;
    const path = pathOf(value as js.Expression);
    if (name !== undefined && path !== undefined) aliases.set(path, name);
  }
  return aliases;
}

export class GivenNames implements FreeNames {
  private readonly values: Readonly<Record<string, unknown>>;
  private readonly aliases?: Map<string, string>;
  private readonly resolved = new Map<string, Sugared>();

  constructor(
    given: Given,
    private readonly names: KnownNames,
    /** Compiles a function that the compiled one calls. */
    private readonly compile: (name: string, fn: AnyFunction) => Sugared,
  ) {
    this.values = typeof given === 'function' ? given() : given;
    if (typeof given === 'function') this.aliases = aliasesOf(given);
  }

  private isKnown(name: string): boolean {
    return Object.hasOwn(this.values, name) || known.has(name);
  }

  find(path: readonly string[]): { name: string; used: number } | undefined {
    if (this.aliases)
      for (let used = path.length; used > 0; used--) {
        const key = this.aliases.get(path.slice(0, used).join('.'));
        if (key !== undefined) return { name: `#${key}`, used };
      }
    const [root, member] = path;
    if (Object.hasOwn(this.values, root) && !this.aliases) return { name: `#${root}`, used: 1 };
    if (known.has(root)) return { name: `#${root}`, used: 1 };
    // What was imported by a name of its own keeps that name as a member of what the bundler keeps it in.
    if (importRoot.test(root) && member !== undefined && this.isKnown(member))
      return { name: `#${member}`, used: 2 };
    return undefined;
  }

  unknown(path: readonly string[]): string {
    const [root, member] = path;
    if (Object.hasOwn(globalThis, root) && /^[A-Z]|^(parse|is)[A-Z]|^structuredClone$/.test(root))
      return `undefined value ${root}: of JavaScript's own objects there are Math, Map, console.log, Number, String, Boolean, Object.keys/values/entries and Array.from here, not ${path.slice(0, 2).join('.')}`;
    if (/^cov_\w+$/.test(root) || root === '__cov__')
      return `undefined value ${root}: this source was instrumented to measure coverage; leave files with compiled functions out of it`;
    if (importRoot.test(root) && member !== undefined)
      return `undefined value ${member}: a compiled function cannot see what its file imports (a bundler has made it '${root}.${member}'). Pass it by name: jit.script(f, { ${member} }), or, where it came by \`import * as torch\`, jit.script(f, () => ({ torch }))`;
    const original = renamed.exec(root)?.[1];
    if (original)
      return `undefined value ${root}: a bundler seems to have renamed '${original}'. Pass the names so that they are renamed along: jit.script(f, () => ({ ${original} }))`;
    return `undefined value ${root}: a compiled function sees only its own names, torch, nn, F, jit and Math. Pass it by name: jit.script(f, { ${root} }), or jit.script(f, () => ({ ${root} })) where the code is minified; what a bundler took out of torch, as () => ({ tanh: torch.tanh })`;
  }

  /** What `#name` stands for. */
  resolve(name: string): Sugared | undefined {
    let found = this.resolved.get(name);
    if (!found) {
      found = this.meaning(name);
      if (found) this.resolved.set(name, found);
    }
    return found;
  }

  private meaning(name: string): Sugared | undefined {
    const exception = /^(RuntimeError|TypeError|ValueError|NotImplementedError)$/.exec(name);
    if (exception) return { kind: 'exception', name: `builtins.${name}` };
    if (name === 'annotate' || name === 'range' || name === 'isinstance')
      return { kind: 'special', form: name };
    if (!Object.hasOwn(this.values, name)) return this.names.find(name);
    const value = this.values[name];
    if (/^(torch|nn|F|jit)$/.test(name) && typeof value === 'object' && value !== null)
      return this.names.find(name);
    return this.sugaredOf(name, value);
  }

  private sugaredOf(name: string, value: unknown): Sugared {
    const scalar = inferScalar(value);
    if (scalar) return constant(scalar.value, scalar.type);
    if (Array.isArray(value))
      return { kind: 'tuple', items: value.map((item, i) => this.sugaredOf(`${name}[${i}]`, item)) };
    if (value instanceof Tensor)
      return refused(
        `python value of type 'Tensor' cannot be used as a value. Perhaps it is a closed over global variable? If so, please consider passing it in as an argument or use a local variable instead: '${name}' is a tensor; a module can hold it as a buffer`,
      );
    if (value instanceof ScriptFunction) return { kind: 'function', func: functionParts(value).func };
    if (isModule(value))
      return refused(
        `'${name}' is a module, which a function cannot hold: make it an attribute of a module and script that`,
      );
    const operator = operatorOf(value);
    if (operator) return { kind: 'builtin', name: operator };
    if (typeof value === 'function') {
      if (/^class\b/.test(String(value)))
        return refused(
          `'${name}' is a class: JavaScript classes are not compiled but as modules; write it as TorchScript text, jit.CompilationUnit`,
        );
      return this.compile(name, value as AnyFunction);
    }
    if (typeof value === 'object') {
      const members = value as Readonly<Record<string, unknown>>;
      return {
        kind: 'module',
        name,
        member: (member) =>
          member in members ? this.sugaredOf(`${name}.${member}`, members[member]) : undefined,
      };
    }
    return refused(`'${name}' is a ${typeof value}, which TorchScript has not`);
  }
}
