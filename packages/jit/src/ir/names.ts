/** Qualified names, `__torch__.a.Net`: their last part, and names made of others where those are taken. */

/** `Net` of `__torch__.a.Net`. */
export const leafOf = (qualified: string): string => qualified.slice(qualified.lastIndexOf('.') + 1);

const prefix = '___torch_mangle_';

/** The name with `___torch_mangle_N` before its last part, or in place of the one that it has. */
export function mangled(qualified: string, count: number): string {
  const parts = qualified.split('.');
  const known = parts.findIndex((part) => part.startsWith(prefix));
  parts.splice(known < 0 ? -1 : known, known < 0 ? 0 : 1, `${prefix}${count}`);
  return parts.join('.');
}

/** A text without the mangled parts of the names in it. */
export const unmangled = (text: string): string => text.replaceAll(/___torch_mangle_\d+\./g, '');

/** A name, or any text, as a name that TorchScript's source can hold. */
export const identifier = (text: string): string =>
  text.replaceAll(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d|$)/, '_');
