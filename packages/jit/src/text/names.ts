/** What names of Python source mean that its author did not define: modules, `typing`, exceptions, and what the caller gave. */
import { isModule, TorchError } from '@sconce/core';
import { builtin, constant, module } from '../frontend/sugar.ts';
import type { Sugared } from '../frontend/sugared.ts';
import type { CompilationUnit } from '../frontend/unit.ts';
import { BoolT, FloatT, type JitType, listOf, TensorT } from '../ir/types.ts';
import { KnownNames } from '../javascript/names.ts';
import { libraryFunction } from '../library/index.ts';
import { Tensor } from '../ops/core.ts';
import { inferScalar, type Typed } from '../recursive/values.ts';
import { functionParts, ScriptFunction } from '../script-function.ts';
import { gradMode } from './grad-mode.ts';

/** Names that the text uses and does not define: functions compiled before, numbers, strings, lists of them. */
export type TextGiven = Readonly<Record<string, unknown>>;

/** Python's `math` that TorchScript has, by operators of the same name. */
const mathOperators = new Set(
  (
    'ceil copysign erf erfc exp expm1 fabs floor gamma lgamma log log1p log10 sqrt isnan isinf isfinite ' +
    'asinh atanh cosh sinh tanh acos asin atan atan2 cos sin tan asinh atanh acosh fmod modf factorial frexp mathremainder ' +
    'degrees radians gcd ldexp pow'
  ).split(' '),
);

const math: Sugared = module('math', (name) => {
  if (name === 'pi') return constant(Math.PI, FloatT);
  if (name === 'e') return constant(Math.E, FloatT);
  if (name === 'inf') return constant(Number.POSITIVE_INFINITY, FloatT);
  if (name === 'nan') return constant(Number.NaN, FloatT);
  if (name === 'tau') return constant(2 * Math.PI, FloatT);
  if (name === 'remainder') return builtin('aten::mathremainder');
  return mathOperators.has(name) ? builtin(`aten::${name}`) : undefined;
});

const exceptions =
  /^(Base)?Exception$|^(Value|Runtime|Type|Index|Key|Assertion|NotImplemented|Attribute|Arithmetic|ZeroDivision|Lookup|Overflow|IO|OS)Error$|^(Warning|UserWarning|RuntimeWarning|DeprecationWarning)$/;

/** Whether a name is one of Python's exceptions. */
export const isException = (name: string): boolean => exceptions.test(name);

/** Types that need no parameters; the generic ones are read in type expressions. */
const types: Readonly<Record<string, JitType>> = { Tensor: TensorT, Any: { kind: 'Any' } };

/** Names of `torch.jit` beside those that JavaScript has too. */
const jitForms: Readonly<Record<string, Sugared>> = {
  is_tracing: { kind: 'macro', name: 'is_tracing', expand: () => constant(false, BoolT) },
  uninitialized: { kind: 'special', form: 'uninitialized' },
  _unwrap_optional: builtin('aten::_unwrap_optional'),
};

export class PythonNames {
  private readonly known: KnownNames;
  private readonly modules: Readonly<Record<string, Sugared>>;

  constructor(
    private readonly unit: CompilationUnit,
    readonly given: TextGiven,
  ) {
    this.known = new KnownNames(libraryFunction(unit));
    this.modules = {
      math,
      torch: module('torch', (name) => this.torch(name)),
      F: this.known.F,
      nn: this.known.nn,
      warnings: module('warnings', (name) => (name === 'warn' ? builtin('aten::warn') : undefined)),
      typing: module('typing', (name) =>
        Object.hasOwn(types, name) ? { kind: 'annotation', type: types[name] } : undefined,
      ),
    };
  }

  /** The meaning of a free name. */
  find(name: string): Sugared | undefined {
    if (Object.hasOwn(this.given, name)) return givenValue(name, this.given[name]);
    if (Object.hasOwn(this.modules, name)) return this.modules[name];
    if (Object.hasOwn(types, name)) return { kind: 'annotation', type: types[name] };
    if (isException(name)) return { kind: 'exception', name: `builtins.${name}` };
    return undefined;
  }

  /** What `import a.b as c` makes of `a.b`. */
  imported(path: string): Sugared | undefined {
    const [root, ...rest] = path.split('.');
    let found = this.find(root);
    for (const part of rest) {
      if (found?.kind !== 'module') return undefined;
      found = found.member(part);
    }
    return found;
  }

  private member(sugared: Sugared, name: string): Sugared | undefined {
    return sugared.kind === 'module' ? sugared.member(name) : undefined;
  }

  private torch(name: string): Sugared | undefined {
    switch (name) {
      case 'jit': {
        const shared = this.member(this.known.torch, 'jit')!;
        return module('torch.jit', (member) =>
          Object.hasOwn(jitForms, member) ? jitForms[member] : this.member(shared, member),
        );
      }
      case 'functional':
        return module('torch.functional', (member) => this.torch(member));
      case 'autograd':
        return module('torch.autograd', (member) =>
          member === 'grad' || member === 'backward'
            ? builtin(`aten::${member}`)
            : gradMode(this.unit, member),
        );
      case 'nn':
        return this.known.nn;
      case 'device':
        return builtin('aten::device');
      case 'no_grad':
      case 'enable_grad':
        return gradMode(this.unit, name);
    }
    return this.member(this.known.torch, name);
  }
}

/** A value of the caller's as a name of the text. */
function givenValue(name: string, value: unknown): Sugared {
  if (value instanceof ScriptFunction) return { kind: 'function', func: functionParts(value).func };
  const known = constantOf(value);
  if (known) return constant(known.value, known.type);
  if (value instanceof Tensor)
    return {
      kind: 'refused',
      message: `python value of type 'Tensor' cannot be used as a value. Perhaps it is a closed over global variable? If so, please consider passing it in as an argument or use a local varible instead.`,
    };
  if (typeof value === 'function' && !isModule(value))
    throw new TorchError(
      `'${name}' is a JavaScript function; compile it first and give what jit.script returns: { ${name}: jit.script(${name}) }`,
    );
  throw new TorchError(
    `'${name}' cannot be given to compiled text: only compiled functions, numbers, strings, booleans, null and arrays of them can`,
  );
}

function constantOf(value: unknown): Typed | undefined {
  const scalar = inferScalar(value);
  if (scalar) return scalar;
  if (Array.isArray(value) && value.length > 0) {
    const items = value.map(constantOf);
    const all = items.filter((item) => item !== undefined);
    if (all.length < items.length) return undefined;
    const kinds = new Set(all.map(({ type }) => type.kind));
    const isNumbers = [...kinds].every((kind) => kind === 'int' || kind === 'float');
    if (kinds.size > 1 && !isNumbers) return undefined;
    return { value: all.map((item) => item.value), type: listOf(kinds.size > 1 ? FloatT : all[0].type) };
  }
  return undefined;
}
