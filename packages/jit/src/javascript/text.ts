/** A JavaScript function's own text, parsed: its syntax tree by acorn, its comments, and places in it for messages. */
import type { Expression, Function as FunctionNode, MethodDefinition, Node, Property } from 'acorn';
import { parse } from 'acorn';
import { CompileError, type Range, Source } from '../frontend/source.ts';

/** What functions hand out as their text: a function, an arrow, or a method's shorthand. */
export type AnyFunction = (...args: never[]) => unknown;

export interface Comment {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export class FunctionText {
  readonly node: FunctionNode;
  readonly source: Source;
  readonly comments: readonly Comment[];
  private readonly shift: number;

  constructor(
    readonly name: string,
    text: string,
  ) {
    this.source = new Source(text, '<javascript>');
    if (/\{\s*\[native code\]\s*\}\s*$/.test(text))
      throw new CompileError(
        `Can't get source for '${name}'. TorchScript access to source is required in order to carry out compilation: this function is built in or bound, so JavaScript does not show its text. Pass the function itself, before \`bind\`.`,
      );
    if (/^class\b/.test(text))
      throw new CompileError(`'${name}' is a class: script an object of it, jit.script(new ${name}())`);
    const comments: Comment[] = [];
    const read = (prefix: string, suffix: string): Expression | undefined => {
      comments.length = 0;
      try {
        const program = parse(`${prefix}${text}${suffix}`, {
          ecmaVersion: 'latest',
          sourceType: 'module',
          preserveParens: true,
          allowAwaitOutsideFunction: true,
          allowSuperOutsideMethod: true,
          onComment: (_, comment, start, end) => {
            comments.push({ text: comment, start: start - prefix.length, end: end - prefix.length });
          },
        });
        const statement = program.body[0];
        return statement.type === 'ExpressionStatement' ? statement.expression : undefined;
      } catch (error) {
        problem ??= error as SyntaxError & { pos?: number };
        return undefined;
      }
    };
    let problem: (SyntaxError & { pos?: number }) | undefined;
    // A function or an arrow; a method, which alone is no expression.
    let shift = 1;
    let found = functionIn(read('(', '\n)'));
    if (!found) {
      shift = 2;
      found = functionIn(read('({', '\n})'));
    }
    if (!found) {
      shift = 7;
      found = functionIn(read('(class{', '\n})'));
    }
    this.shift = shift;
    if (!found) {
      const at = Math.max(0, (problem?.pos ?? 1) - 1);
      throw new CompileError(
        `cannot read the text of '${name}' as a JavaScript function${problem ? ` (${problem.message.replace(/ \(\d+:\d+\)$/, '')})` : ''}`,
        { source: this.source, start: at, end: at + 1 },
      );
    }
    this.node = found;
    this.comments = comments;
  }

  range(node: { readonly start: number; readonly end: number }): Range {
    return { source: this.source, start: node.start - this.shift, end: node.end - this.shift };
  }

  textOf(node: Node): string {
    return this.source.text.slice(node.start - this.shift, node.end - this.shift);
  }

  /** The comment right before a place, with nothing but blanks, brackets and a declaration's keyword between. */
  commentBefore(node: Node): Comment | undefined {
    const start = node.start - this.shift;
    for (let i = this.comments.length - 1; i >= 0; i--) {
      const comment = this.comments[i];
      if (comment.end > start) continue;
      const between = this.source.text.slice(comment.end, start);
      return /^[\s(]*(?:(?:let|const|var)\s+)?$/.test(between) ? comment : undefined;
    }
    return undefined;
  }
}

function functionIn(expression: Expression | undefined): FunctionNode | undefined {
  switch (expression?.type) {
    case 'ParenthesizedExpression':
      return functionIn(expression.expression);
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      return expression;
    case 'ObjectExpression': {
      const [property] = expression.properties as readonly Property[];
      return expression.properties.length === 1 && property.type === 'Property'
        ? functionIn(property.value)
        : undefined;
    }
    case 'ClassExpression': {
      const [method] = expression.body.body as readonly MethodDefinition[];
      return expression.body.body.length === 1 && method.type === 'MethodDefinition'
        ? functionIn(method.value)
        : undefined;
    }
    default:
      return undefined;
  }
}
