// Finds the runnable snippets of a page. A block opened by ```ts run is a program of its own, ```ts more goes on with
// the one above it, and a ```text output block after them is what the program prints.

export interface Snippet {
  readonly line: number;
  code: string;
  output?: string;
}

const fence = /^```(\w*) ?(.*)\n([\s\S]*?)^```$/gm;

export function snippetsOf(page: string): Snippet[] {
  const snippets: Snippet[] = [];
  for (const match of page.matchAll(fence)) {
    const [, language, info, body] = match;
    const last = snippets.at(-1);
    const line = page.slice(0, match.index).split('\n').length;
    if (language === 'ts' && info === 'run') snippets.push({ line, code: body });
    else if (info !== 'more' && info !== 'output') continue;
    else if (!last) throw new Error(`line ${line}: '${info}' follows no runnable snippet`);
    else if (info === 'more') last.code += body;
    else last.output = (last.output ?? '') + body;
  }
  return snippets;
}
