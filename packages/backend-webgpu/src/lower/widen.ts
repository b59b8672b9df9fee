/** WGSL over one element as WGSL over four: the same text in vectors of four. */

/** What `widened` texts are written in. M holds two values, as a vec2 does over one element. */
export const aliases = `alias F = vec4<f32>;
alias U = vec4<u32>;
alias I = vec4<i32>;
alias B = vec4<bool>;
alias M = mat2x4<f32>;`;

const tokens =
  /\bvec2<f32>|\b(?:f32|u32|i32|bool)\b|\b(?:0x[0-9a-f]+|\d+)u\b|(?<![\w.[])\d+(?:\.\d+)?(?:e-?\d+)?f\b|(?<![\w.[])\d+i?\b(?!\.)|\b(?:true|false)\b/g;

const types: Readonly<Record<string, string>> = { 'vec2<f32>': 'M', f32: 'F', u32: 'U', i32: 'I', bool: 'B' };

/** Types become vectors, and literals vectors of equal elements; names stay. */
export const widened = (text: string): string =>
  text.replace(tokens, (token) => {
    const type = types[token];
    if (type) return type;
    const last = token.at(-1);
    if (last === 'e') return `B(${token})`;
    if (last === 'u') return `U(${token})`;
    return last === 'f' && !token.startsWith('0x') ? `F(${token})` : `I(${token})`;
  });

/** Whether four elements can go through the statements together: they must not part ways. */
export const canWiden = (text: string): boolean => !/\b(?:if|loop|for|while)\b|vec2<u32>/.test(text);
