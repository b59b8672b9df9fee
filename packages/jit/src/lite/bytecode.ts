/** `bytecode.pkl`: the functions that the mobile interpreter runs, read into plain objects. */
import { NotSupportedError, PickleTuple, TorchError } from '@sconce/core';

export type Instruction = readonly [code: string, x: number, n: number];

export interface OperatorName {
  readonly name: string;
  readonly overload: string;
  /** How many arguments stand on the stack; the rest are defaults. Absent before version 6. */
  readonly given?: number;
}

export interface LiteArgument {
  readonly name: string;
  readonly type: string;
  readonly default: unknown;
}

export interface LiteFunction {
  /** `__torch__.Net.forward` */
  readonly name: string;
  readonly instructions: readonly Instruction[];
  readonly operators: readonly OperatorName[];
  /** As the pickle has them: floats boxed. */
  readonly constants: readonly unknown[];
  /** Annotations: `List[int]`. */
  readonly types: readonly string[];
  /** Absent before version 5. */
  readonly arguments?: readonly LiteArgument[];
  readonly returns?: readonly LiteArgument[];
}

const supported = { lowest: 4, highest: 9 };

const bad = (why: string): TorchError => new TorchError(`the archive is damaged: bytecode.pkl ${why}`);

function tuple(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw bad(`holds no tuple where ${what} should be`);
}

function text(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  throw bad(`holds no text where ${what} should be`);
}

function int(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  throw bad(`holds no int where ${what} should be`);
}

/** `(('instructions', …), ('operators', …), …)`, a table of named parts. */
function part(table: readonly unknown[], name: string): unknown {
  for (const entry of table) if (Array.isArray(entry) && entry[0] === name) return entry[1];
  return undefined;
}

function argumentsOf(value: unknown): readonly LiteArgument[] {
  return tuple(value, 'arguments').map((entry) => {
    const table = tuple(entry, 'an argument');
    return {
      name: text(part(table, 'name'), 'a name'),
      type: text(part(table, 'type'), 'a type'),
      default: part(table, 'default_value') ?? null,
    };
  });
}

function functionOf(value: unknown): LiteFunction {
  const [name, code, schema] = tuple(value, 'a function');
  const table = tuple(code, 'code');
  const list = (what: string): readonly unknown[] => tuple(part(table, what), what);
  const signature = schema instanceof PickleTuple && schema.length > 0 ? schema : undefined;
  return {
    name: text(name, 'a name'),
    instructions: list('instructions').map((entry) => {
      const [op, x, n] = tuple(entry, 'an instruction');
      return [text(op, 'an instruction'), int(x, 'an operand'), int(n, 'an operand')];
    }),
    operators: list('operators').map((entry) => {
      const [operator, overload, given] = tuple(entry, 'an operator');
      return {
        name: text(operator, 'an operator'),
        overload: text(overload, 'an overload'),
        ...(given !== undefined && given !== null && { given: int(given, 'a count') }),
      };
    }),
    constants: list('constants'),
    types: list('types').map((type) => text(type, 'a type')),
    ...(signature && {
      arguments: argumentsOf(part(signature, 'arguments')),
      returns: argumentsOf(part(signature, 'returns')),
    }),
  };
}

/** The functions of an unpickled `bytecode.pkl`. Throws for a version that Sconce does not read, and for a damaged one. */
export function readBytecode(value: unknown): readonly LiteFunction[] {
  const [version, ...functions] = tuple(value, 'the whole');
  const number = int(version, 'its version');
  if (number < supported.lowest || number > supported.highest)
    throw new NotSupportedError(
      `Lite Interpreter version number does not match. The model version must be between ${supported.lowest} and ${supported.highest} but the model version is ${number}`,
    );
  return functions.map(functionOf);
}
