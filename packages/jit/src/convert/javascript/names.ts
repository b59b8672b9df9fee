/** Names of JavaScript for a program's values: what it calls them, and none twice. */

const reserved = new Set(
  `arguments await break case catch class const continue debugger default delete do else enum eval export extends false
  finally for function if implements import in instanceof interface let new null package private protected public return
  static super switch this throw true try typeof undefined var void while with yield async of torch nn state weights below
  console Math Map Number Boolean String Infinity NaN`.split(/\s+/),
);

export class NameTable {
  private readonly taken = new Set<string>();

  /** `input.3` is `input`, or `input2` where that is taken; values without a name are numbered. */
  unique(wanted: string | undefined): string {
    const base = (wanted ?? 'v')
      .replace(/(\.\d+)+$/, '')
      .replace(/^self\./, '')
      .replace(/[^A-Za-z0-9_$]/g, '_')
      .replace(/^(?=\d)|^_+$/, 'v');
    let name = base;
    for (
      let i = wanted === undefined ? 0 : 2;
      this.taken.has(name) || reserved.has(name) || (wanted === undefined && name === base);
      i++
    )
      name = `${base}${i}`;
    this.taken.add(name);
    return name;
  }
}

/** `.name`, or `[0]`, or `["…"]`. */
export const property = (name: string): string =>
  /^[A-Za-z_$][\w$]*$/.test(name)
    ? `.${name}`
    : /^\d+$/.test(name)
      ? `[${name}]`
      : `[${JSON.stringify(name)}]`;

/** A key of an object literal. */
export const key = (name: string): string =>
  /^([A-Za-z_$][\w$]*|\d+)$/.test(name) ? name : JSON.stringify(name);
