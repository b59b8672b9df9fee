/**
 * Queries: `layer:name:key=value;key=value`. A case's id is a query, and a query selects cases: a missing part or key
 * takes all, `*` stands for any text, keys come in any order.
 */

export interface CaseId {
  readonly layer: string;
  /** The operator or kernel, such as `softmax.int`. */
  readonly name: string;
  readonly params: Readonly<Record<string, string>>;
}

export function formatId({ layer, name, params }: CaseId): string {
  const list = Object.entries(params).map(([key, value]) => `${key}=${value}`);
  return `${layer}:${name}${list.length > 0 ? `:${list.join(';')}` : ''}`;
}

export type Query = (id: CaseId) => boolean;

/** Throws for what is not a query; a typo should not select nothing in silence. */
export function parseQuery(text: string): Query {
  const [layer, name, params, ...rest] = text.trim().split(':');
  if (rest.length > 0 || layer === '' || /\s/.test(text.trim()))
    throw new Error(`not a query: '${text}' (expected layer:name:key=value;key=value, with * for any text)`);
  const wanted = (params ?? '')
    .split(';')
    .filter((part) => part !== '' && part !== '*')
    .map((part) => {
      const at = part.indexOf('=');
      if (at < 0) throw new Error(`not a query: '${text}': '${part}' is not key=value`);
      return [part.slice(0, at), pattern(part.slice(at + 1))] as const;
    });
  const [layerPattern, namePattern] = [pattern(layer), pattern(name || '*')];
  return (id) =>
    layerPattern.test(id.layer) &&
    namePattern.test(id.name) &&
    wanted.every(([key, value]) => id.params[key] !== undefined && value.test(id.params[key]));
}

const pattern = (text: string): RegExp =>
  new RegExp(`^${text.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);

/** A number from a case's id that does not change between runs or machines; it rotates layouts in the quick tier. */
export function hashOf(text: string): number {
  let hash = 2166136261;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
  return (hash ^ (hash >>> 15)) >>> 0;
}
