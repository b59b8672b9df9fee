/** The syntax tree of TorchScript. Every node carries its place in the text. */
import type { Range } from './source.ts';

export type Expr = { readonly range: Range } & (
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'imaginary'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'constant'; readonly value: true | false | null }
  | { readonly kind: 'ellipsis' }
  | { readonly kind: 'attribute'; readonly object: Expr; readonly name: string }
  | {
      readonly kind: 'call';
      readonly callee: Expr;
      readonly args: readonly Expr[];
      readonly kwargs: readonly Keyword[];
    }
  | { readonly kind: 'subscript'; readonly object: Expr; readonly items: readonly Expr[] }
  | { readonly kind: 'slice'; readonly start?: Expr; readonly end?: Expr; readonly step?: Expr }
  | { readonly kind: 'list'; readonly items: readonly Expr[] }
  | { readonly kind: 'tuple'; readonly items: readonly Expr[] }
  | { readonly kind: 'dict'; readonly keys: readonly Expr[]; readonly values: readonly Expr[] }
  | { readonly kind: 'unary'; readonly op: '-' | 'not' | '~'; readonly operand: Expr }
  | { readonly kind: 'binary'; readonly op: string; readonly left: Expr; readonly right: Expr }
  | { readonly kind: 'conditional'; readonly test: Expr; readonly body: Expr; readonly orElse: Expr }
  | { readonly kind: 'starred'; readonly value: Expr }
  /** Statements that come before a value: a function of JavaScript's put where it is called. */
  | { readonly kind: 'block'; readonly body: Block; readonly result: Expr }
  | {
      readonly kind: 'comprehension';
      readonly element: Expr;
      readonly target: Expr;
      readonly iterable: Expr;
      /** Its `if`s, which only code that Python runs may have. */
      readonly tests?: readonly Expr[];
    }
  | {
      readonly kind: 'dictComprehension';
      readonly key: Expr;
      readonly value: Expr;
      readonly target: Expr;
      readonly iterable: Expr;
      readonly tests?: readonly Expr[];
    }
);

export interface Keyword {
  readonly name: string;
  readonly value: Expr;
  readonly range: Range;
}

export type Statement = { readonly range: Range } & (
  | { readonly kind: 'expression'; readonly value: Expr }
  | { readonly kind: 'assign'; readonly targets: readonly Expr[]; readonly value: Expr; readonly type?: Expr }
  | { readonly kind: 'annotation'; readonly target: Expr; readonly type: Expr }
  | { readonly kind: 'augmented'; readonly target: Expr; readonly op: string; readonly value: Expr }
  | { readonly kind: 'if'; readonly test: Expr; readonly body: Block; readonly orElse: Block }
  | { readonly kind: 'while'; readonly test: Expr; readonly body: Block }
  | { readonly kind: 'for'; readonly target: Expr; readonly iterable: Expr; readonly body: Block }
  | {
      readonly kind: 'with';
      readonly items: readonly { readonly value: Expr; readonly as?: Expr }[];
      readonly body: Block;
    }
  | { readonly kind: 'return'; readonly value?: Expr }
  | { readonly kind: 'raise'; readonly value?: Expr }
  | { readonly kind: 'assert'; readonly test: Expr; readonly message?: Expr }
  | { readonly kind: 'delete'; readonly targets: readonly Expr[] }
  | { readonly kind: 'def'; readonly def: Def }
  | { readonly kind: 'pass' | 'break' | 'continue' }
);

export type Block = readonly Statement[];

export interface Param {
  readonly name: string;
  readonly type?: Expr;
  readonly default?: Expr;
  readonly kwargOnly: boolean;
  readonly range: Range;
}

export interface Def {
  readonly name: string;
  readonly params: readonly Param[];
  readonly returns?: Expr;
  readonly body: Block;
  readonly range: Range;
  readonly decorators?: readonly Expr[];
  /** Reads it again as TorchScript, where it was read as what Python may run. */
  readonly asTorchScript?: () => Def;
}

export interface ClassDef {
  readonly name: string;
  readonly base?: string;
  readonly body: Block;
  readonly range: Range;
  readonly decorators?: readonly Expr[];
}

/** `import a.b as c` binds c to a.b; `from a import b` binds b to a.b. */
export interface Import {
  readonly name: string;
  readonly path: string;
}

export interface File {
  readonly classes: readonly ClassDef[];
  readonly functions: readonly Def[];
  readonly imports: readonly Import[];
  /** `NAME = literal` between the definitions. */
  readonly globals: readonly { readonly name: string; readonly value: Expr }[];
}
