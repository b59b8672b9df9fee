/** Text that remembers which place of the author's source each part of it came from: what debug records are made of. */
import type { Range } from '../frontend/source.ts';

export interface Mark {
  /** Where in the text the part begins. */
  readonly at: number;
  readonly range: Range | undefined;
}

const isSame = (a: Range | undefined, b: Range | undefined): boolean =>
  a === b ||
  (a !== undefined && b !== undefined && a.source === b.source && a.start === b.start && a.end === b.end);

export class Tagged {
  text = '';
  readonly marks: Mark[] = [];

  add(text: string, range: Range | undefined): this {
    if (text === '') return this;
    this.mark(this.text.length, range);
    this.text += text;
    return this;
  }

  append(other: Tagged): this {
    const start = this.text.length;
    for (const { at, range } of other.marks) this.mark(start + at, range);
    this.text += other.text;
    return this;
  }

  private mark(at: number, range: Range | undefined): void {
    const last = this.marks[this.marks.length - 1];
    if (!last || !isSame(last.range, range)) this.marks.push({ at, range });
  }
}
