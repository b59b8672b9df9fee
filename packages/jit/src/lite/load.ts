/** Archives for the mobile interpreter that hold bytecode and no source: `_save_for_lite_interpreter`. */
import { type StorageLoader, TorchError } from '@sconce/core';
import type { Archive } from '../archive/archive.ts';
import { readPickle, typed } from '../archive/unpickle.ts';
import type { Sugared } from '../frontend/sugared.ts';
import { CompilationUnit } from '../frontend/unit.ts';
import { Func, type Param } from '../ir/function.ts';
import { AnyT, ClassType, type JitType } from '../ir/types.ts';
import type { Device } from '../ops/core.ts';
import { ScriptObject } from '../ops/value.ts';
import { type LiteFunction, readBytecode } from './bytecode.ts';
import { Decompiler } from './decompile.ts';

/** Classes by their names alone: what attributes they have is seen from their objects, what methods from the bytecode. */
class LiteUnit extends CompilationUnit {
  private readonly classes = new Map<string, ClassType>();

  override resolve(name: string): Sugared | undefined {
    return name.startsWith('__torch__.') ? { kind: 'type', type: this.class(name) } : undefined;
  }

  class(name: string): ClassType {
    let type = this.classes.get(name);
    if (!type) this.classes.set(name, (type = new ClassType(name, true)));
    return type;
  }
}

export interface LiteOptions {
  readonly archive: Archive;
  readonly loader: StorageLoader;
  readonly device: Device;
  readonly pending: Promise<unknown>[];
}

/** The module's object, what its program consists of, and the constants that go along when it moves. */
export function loadLite({ archive, loader, device, pending }: LiteOptions): {
  root: ScriptObject;
  unit: CompilationUnit;
  constants: unknown[];
} {
  const unit = new LiteUnit({ version: archive.version, source: () => undefined });
  const read = (pickle: string, folder: 'data' | 'constants') =>
    readPickle({ archive, name: folder, pickle, unit, loader, device, pending, growing: true });
  const functions = readBytecode(read('bytecode', 'constants'));
  for (const code of functions) {
    const dot = code.name.lastIndexOf('.');
    const name = code.name.slice(dot + 1);
    const owner = unit.class(code.name.slice(0, dot));
    owner.methods.set(name, methodOf(name, code, owner, unit));
  }
  const root = read('data', 'data');
  if (!(root instanceof ScriptObject))
    throw new TorchError('the archive is damaged: data.pkl holds no module');
  return { root, unit, constants: functions.flatMap((code) => code.constants) };
}

function methodOf(name: string, code: LiteFunction, owner: ClassType, unit: LiteUnit): Func {
  const params = (): readonly Param[] => {
    const described =
      code.arguments ??
      // Before version 5 only how many there are is known: what the first instruction takes from the stack.
      Array.from(
        { length: code.instructions[0]?.[0] === 'STOREN' ? code.instructions[0][2] : 1 },
        (_, i) => ({
          name: i === 0 ? 'self' : `argument_${i}`,
          type: undefined,
          default: null,
        }),
      );
    return described.map(({ name: param, type: text, default: value }, i) => {
      const type: JitType = i === 0 ? owner : text === undefined ? AnyT : unit.type(text);
      // None and no default are written alike.
      const hasDefault = i > 0 && (value !== null || type.kind === 'Optional' || type.kind === 'Any');
      return {
        name: param,
        type,
        kwargOnly: false,
        hasDefault,
        ...(hasDefault && { default: typed(value, type) }),
      };
    });
  };
  const returns = (): JitType => {
    const text = code.returns?.[0]?.type;
    return text === undefined ? AnyT : unit.type(text);
  };
  return new Func(
    name,
    () => ({ name, params: params(), returns: returns() }),
    (func) => new Decompiler(code, unit).graph(func.signature.params.map(({ type }) => type)),
    undefined,
    () => code.operators.map((operator) => operator.name),
  );
}
