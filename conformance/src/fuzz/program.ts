/** A program that the fuzzer writes: calls over earlier results. It is run on a backend, and printed as a user would write it. */
import { type Backend, type DType, functions, setCurrentBackend, Tensor, tensor } from '@sconce/core';

/** A result by the number of its statement, a list, or a literal. */
export type Arg = { readonly result: number } | readonly Arg[] | number | boolean | string | null | Options;
export interface Options {
  readonly options: Readonly<Record<string, number | boolean | string | readonly number[]>>;
}

export interface Create {
  readonly kind: 'create';
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly seed: number;
  readonly requires_grad: boolean;
}

export interface Call {
  readonly kind: 'call';
  readonly name: string;
  /** A method of its first argument, or a function of `torch`. */
  readonly isMethod: boolean;
  readonly args: readonly Arg[];
  /** Which of the results is taken where there are several. */
  readonly pick?: number;
  /** Writes to its first argument and has no result of its own. */
  readonly isInplace: boolean;
}

export type Statement = Create | Call;
export type Program = readonly Statement[];

const isResult = (arg: Arg): arg is { readonly result: number } =>
  typeof arg === 'object' && arg !== null && 'result' in arg;
const isOptions = (arg: Arg): arg is Options => typeof arg === 'object' && arg !== null && 'options' in arg;
const isList = (arg: Arg): arg is readonly Arg[] => Array.isArray(arg);

/** The statements whose results an argument is. */
export function resultsIn(args: readonly Arg[]): number[] {
  return args.flatMap((arg) => (isResult(arg) ? [arg.result] : isList(arg) ? resultsIn(arg) : []));
}

/** The same argument with its results counted differently. */
export function renumber(arg: Arg, to: ReadonlyMap<number, number>): Arg {
  if (isResult(arg)) return { result: to.get(arg.result)! };
  return isList(arg) ? arg.map((a) => renumber(a, to)) : arg;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** The i-th value of a created tensor: small numbers, in floats quarters, so that much arithmetic on them is exact. */
const formulas = {
  float: (i: number, seed: number) => (((i * 7919 + seed) % 33) - 16) / 4,
  int: (i: number, seed: number) => ((i * 7919 + seed) % 17) - 8,
  uint8: (i: number, seed: number) => (i * 7919 + seed) % 17,
  bool: (i: number, seed: number) => (i * 7919 + seed) % 3 === 0,
} as const;

const formulaOf = (dtype: DType): keyof typeof formulas =>
  dtype === 'bool' || dtype === 'uint8' ? dtype : dtype.includes('float') ? 'float' : 'int';

function create({ shape, dtype, seed, requires_grad }: Create): Tensor {
  const formula = formulas[formulaOf(dtype)];
  const values = Array.from({ length: sizeOf(shape) }, (_, i) => formula(i, seed));
  const made = tensor(values, { dtype }).reshape([...shape]) as Tensor;
  return requires_grad ? made.requires_grad_(true) : made;
}

type Callable = (...args: unknown[]) => unknown;

function call({ name, isMethod, args, pick }: Call, results: readonly (Tensor | null)[]): Tensor {
  const value = (arg: Arg): unknown =>
    isResult(arg)
      ? results[arg.result]
      : isList(arg)
        ? arg.map(value)
        : isOptions(arg)
          ? { ...arg.options }
          : arg;
  const [first, ...rest] = args.map(value);
  const got = isMethod
    ? ((first as Record<string, Callable>)[name](...rest) as unknown)
    : (functions as unknown as Record<string, Callable>)[name](first, ...rest);
  if (Array.isArray(got)) return got[pick ?? 0] as Tensor;
  return (got instanceof Tensor ? got : Object.values(got as object)[pick ?? 0]) as Tensor;
}

export interface Outcome {
  /** By statement; null for one that writes in place. */
  readonly results: readonly (Tensor | null)[];
  /** Gradients of the leaves that want them, by statement. */
  readonly gradients: ReadonlyMap<number, Tensor>;
}

/** The last float results, whose sum is differentiated. */
export function differentiate(program: Program, results: readonly (Tensor | null)[]): Map<number, Tensor> {
  const gradients = new Map<number, Tensor>();
  const wanted = results.filter((t) => t?.requires_grad && t.grad_fn !== null) as Tensor[];
  if (wanted.length === 0) return gradients;
  const losses = wanted.map((t) => t.sum() as Tensor);
  losses.reduce((a, b) => a.add(b) as Tensor).backward();
  program.forEach((statement, i) => {
    const grad = statement.kind === 'create' && statement.requires_grad ? results[i]!.grad : null;
    if (grad) gradients.set(i, grad);
  });
  return gradients;
}

/** Runs one more statement after those whose results are given. */
export function step(statement: Statement, results: (Tensor | null)[]): void {
  const result = statement.kind === 'create' ? create(statement) : call(statement, results);
  results.push(statement.kind === 'call' && statement.isInplace ? null : result);
}

/** Runs a program on a backend; throws what it throws. */
export function run(program: Program, backend: Backend): Outcome {
  setCurrentBackend(backend);
  const results: (Tensor | null)[] = [];
  for (const statement of program) step(statement, results);
  return { results, gradients: differentiate(program, results) };
}

const literal = (arg: Arg): string => {
  if (isResult(arg)) return `v${arg.result}`;
  if (isList(arg)) return `[${arg.map(literal).join(', ')}]`;
  if (isOptions(arg))
    return `{ ${Object.entries(arg.options)
      .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
      .join(', ')} }`;
  return typeof arg === 'string' ? `'${arg}'` : String(arg);
};

const sources: Record<keyof typeof formulas, (seed: number) => string> = {
  float: (seed) => `(((i * 7919 + ${seed}) % 33) - 16) / 4`,
  int: (seed) => `((i * 7919 + ${seed}) % 17) - 8`,
  uint8: (seed) => `(i * 7919 + ${seed}) % 17`,
  bool: (seed) => `(i * 7919 + ${seed}) % 3 === 0`,
};

/** The program as TypeScript over `import * as torch from 'sconce'`. */
export function codeOf(program: Program): string {
  const lines = program.map((statement, i) => {
    if (statement.kind === 'create') {
      const { shape, dtype, seed, requires_grad } = statement;
      const formula = formulaOf(dtype);
      const count = sizeOf(shape);
      const values =
        count <= 12
          ? `[${Array.from({ length: count }, (_, k) => String(formulas[formula](k, seed))).join(', ')}]`
          : `Array.from({ length: ${count} }, (_, i) => ${sources[formula](seed)})`;
      const grad = requires_grad ? '.requires_grad_(true)' : '';
      return `const v${i} = torch.tensor(${values}, { dtype: '${dtype}' }).reshape([${shape.join(', ')}])${grad};`;
    }
    const { name, isMethod, args, pick, isInplace } = statement;
    const [first, ...rest] = args.map(literal);
    const text = isMethod
      ? `${first}.${name}(${rest.join(', ')})`
      : `torch.${name}(${[first, ...rest].join(', ')})`;
    return `${isInplace ? '' : `const v${i} = `}${text}${pick === undefined ? '' : `[${pick}]`};`;
  });
  return lines.join('\n');
}
