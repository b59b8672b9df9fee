/** The names of a JavaScript function's parameters, as its source has them. */
import { type Expression, type Pattern, parseExpressionAt } from 'acorn';

const options = { ecmaVersion: 'latest' } as const;

function paramsOf(expression: Expression): readonly Pattern[] | undefined {
  if (expression.type === 'FunctionExpression' || expression.type === 'ArrowFunctionExpression')
    return expression.params;
  if (expression.type !== 'ObjectExpression') return undefined;
  const [property] = expression.properties;
  return property?.type === 'Property' ? paramsOf(property.value as Expression) : undefined;
}

function nameOf(pattern: Pattern): string | undefined {
  if (pattern.type === 'Identifier') return pattern.name;
  return pattern.type === 'AssignmentPattern' ? nameOf(pattern.left) : undefined;
}

/** The names, or undefined where the source is not to be had or a parameter has none. */
export function parameterNames(fn: (...args: never[]) => unknown): string[] | undefined {
  const text = Function.prototype.toString.call(fn);
  for (const wrapped of [`(${text})`, `({${text}})`, `({async ${text}})`]) {
    try {
      const params = paramsOf(parseExpressionAt(wrapped, 0, options));
      const names = params?.map(nameOf);
      return names?.every((name) => name !== undefined) ? names : undefined;
    } catch {
      // Methods are no expressions: tried in another form.
    }
  }
  return undefined;
}
