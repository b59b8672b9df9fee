/** A mutant: a right backend with one deliberate fault, which the suite must notice. */
import type { Backend, Executable, Expr, Kernel, View } from '@sconce/core';

export interface Mutant {
  readonly name: string;
  /** Where the suite looks for it first; any failure there will do. */
  readonly query: string;
  readonly mutate: (backend: Backend) => Backend;
}

export type KindOf<K extends Kernel['kind']> = Extract<Kernel, { kind: K }>;

/** The backend with its `compile` replaced, and nothing else. */
export const withCompile = (backend: Backend, compile: (kernel: Kernel) => Executable): Backend =>
  Object.assign(Object.create(backend) as Backend, { name: 'mutant', compile });

/** Compiles another kernel than the one asked for. */
export const kernelMutant = <K extends Kernel['kind']>(
  name: string,
  query: string,
  kind: K,
  change: (kernel: KindOf<K>) => KindOf<K>,
): Mutant => ({
  name,
  query,
  mutate: (backend) =>
    withCompile(backend, (kernel) =>
      backend.compile(kernel.kind === kind ? change(kernel as KindOf<K>) : kernel),
    ),
});

/** Compiles expressions in which each node was replaced. */
export const exprMutant = (
  name: string,
  query: string,
  change: (expr: Expr, kernel: Kernel) => Expr,
): Mutant => ({
  name,
  query,
  mutate: (backend) =>
    withCompile(backend, (kernel) => backend.compile(mapExprs(kernel, (e) => change(e, kernel)))),
});

export interface Call<K extends Kernel['kind'] = Kernel['kind']> {
  readonly backend: Backend;
  readonly kernel: KindOf<K>;
  readonly outputs: readonly View[];
  readonly inputs: readonly View[];
  readonly scalars: readonly (number | bigint)[];
  readonly run: Executable;
}

/** Runs a kernel of this kind (`any`: of every kind) in another way. */
export const callMutant = <K extends Kernel['kind']>(
  name: string,
  query: string,
  kind: K | 'any',
  call: (call: Call<K>) => void,
): Mutant => ({
  name,
  query,
  mutate: (backend) =>
    withCompile(backend, (kernel) => {
      const run = backend.compile(kernel);
      if (kind !== 'any' && kernel.kind !== kind) return run;
      return (outputs, inputs, scalars = []) =>
        call({
          backend,
          kernel: kernel as KindOf<K>,
          outputs: outputs.map(plain),
          inputs: inputs.map(plain),
          scalars,
          run,
        });
    }),
});

function mapExprs(kernel: Kernel, f: (expr: Expr) => Expr): Kernel {
  const map = (expr: Expr): Expr =>
    f('args' in expr ? ({ ...expr, args: expr.args.map(map) } as Expr) : expr);
  switch (kernel.kind) {
    case 'pointwise':
      return { ...kernel, exprs: kernel.exprs.map(map) };
    case 'reduce':
      return {
        ...kernel,
        folds: kernel.folds.map((fold) => ({ ...fold, map: map(fold.map) })),
        finish: kernel.finish.map(map),
      };
    case 'matmul':
    case 'conv':
      return kernel.finish ? { ...kernel, finish: map(kernel.finish) } : kernel;
    default:
      return kernel;
  }
}

/** An expression with each node replaced, arguments first. */
export const mapExpr = (expr: Expr, f: (expr: Expr) => Expr): Expr =>
  f('args' in expr ? ({ ...expr, args: expr.args.map((arg) => mapExpr(arg, f)) } as Expr) : expr);

/** A view that may be spread. */
export const plain = ({ memory, dtype, shape, strides, offset }: View): View => ({
  memory,
  dtype,
  shape,
  strides,
  offset,
});
