/** Type variables of generic schemas, `t` of `t[]`: bound to what a call gives, and replaced by it. */
import { unify } from './type-relations.ts';
import { annotation } from './type-text.ts';
import { dictOf, type JitType, optionalOf } from './types.ts';

/** Binds the type variables of a formal type to an actual one. Returns why it cannot, or undefined when it can. */
export function bindVariables(
  formal: JitType,
  actual: JitType,
  env: Map<string, JitType>,
): string | undefined {
  switch (formal.kind) {
    case 'Var': {
      const bound = env.get(formal.name);
      if (!bound) env.set(formal.name, actual);
      else {
        const both = unify(bound, actual);
        if (!both)
          return `Type variable '${formal.name}' previously matched to type ${annotation(bound)} is matched to type ${annotation(actual)}`;
        env.set(formal.name, both);
      }
      return undefined;
    }
    case 'List':
      if (actual.kind === 'List') return bindVariables(formal.element, actual.element, env);
      if (actual.kind === 'Tuple' && hasVariables(formal)) {
        let all: JitType | undefined = actual.elements[0];
        for (const element of actual.elements) all = all && unify(all, element);
        return all
          ? bindVariables(formal.element, all, env)
          : `Cannot match a tuple to ${annotation(formal)}`;
      }
      return hasVariables(formal) ? `Cannot match ${annotation(formal)} to ${annotation(actual)}` : undefined;
    case 'Optional':
      if (actual.kind === 'Optional') return bindVariables(formal.element, actual.element, env);
      return actual.kind === 'None' ? undefined : bindVariables(formal.element, actual, env);
    case 'Future':
      if (actual.kind === 'Future') return bindVariables(formal.element, actual.element, env);
      return hasVariables(formal) ? `Cannot match a future to ${annotation(actual)}` : undefined;
    case 'Dict':
      if (actual.kind === 'Dict')
        return bindVariables(formal.key, actual.key, env) ?? bindVariables(formal.value, actual.value, env);
      return hasVariables(formal) ? `Cannot match a dict to ${annotation(actual)}` : undefined;
    case 'Tuple':
      if (actual.kind === 'Tuple' && actual.elements.length === formal.elements.length) {
        for (let i = 0; i < formal.elements.length; i++) {
          const problem = bindVariables(formal.elements[i], actual.elements[i], env);
          if (problem) return problem;
        }
        return undefined;
      }
      return hasVariables(formal) ? 'Cannot match a tuple' : undefined;
    default:
      return undefined;
  }
}

export function hasVariables(type: JitType): boolean {
  switch (type.kind) {
    case 'Var':
      return true;
    case 'List':
    case 'Optional':
    case 'Future':
      return hasVariables(type.element);
    case 'Dict':
      return hasVariables(type.key) || hasVariables(type.value);
    case 'Tuple':
      return type.elements.some(hasVariables);
    default:
      return false;
  }
}

/** The type with its variables replaced, or undefined when one is not bound. */
export function substitute(type: JitType, env: ReadonlyMap<string, JitType>): JitType | undefined {
  if (!hasVariables(type)) return type;
  switch (type.kind) {
    case 'Var':
      return env.get(type.name);
    case 'List':
    case 'Optional':
    case 'Future': {
      const element = substitute(type.element, env);
      return element && (type.kind === 'Optional' ? optionalOf(element) : { kind: type.kind, element });
    }
    case 'Dict': {
      const key = substitute(type.key, env);
      const value = substitute(type.value, env);
      return key && value && dictOf(key, value);
    }
    case 'Tuple': {
      const elements = type.elements.map((element) => substitute(element, env));
      return elements.every((element) => element !== undefined) ? { ...type, elements } : undefined;
    }
    default:
      return type;
  }
}
