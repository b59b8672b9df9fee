/**
 * Forms of a memory's contents that kernels would make at every call: a convolution's transformed filters, packed
 * weights. A form is kept from the second call on for which the contents are the same, with the memory that it was made
 * from: it goes when that is freed, written to, or when there is no memory left for tensors.
 */
import { OutOfMemoryError, type View } from '@sconce/core/backend';
import type { Block, Heap } from './heap.ts';
import { hasLayout } from './layout.ts';

/** A form of what a view of this layout sees. */
export interface Form extends Pick<View, 'offset' | 'shape' | 'strides'> {
  readonly kind: string;
  /** What the block's generation was when the form was asked for. */
  generation: number;
  /** Undefined until it is worth keeping. */
  kept: Block | undefined;
}

export class Forms {
  private readonly owners = new Set<Block>();
  /** Bytes of all forms that are kept. */
  bytes = 0;

  constructor(private readonly heap: Heap) {}

  /**
   * The address of a form of `view`, which `make` writes at the address it is given; `temporary` gives one for a form that is
   * not kept. `kind` and the view's layout name the form. The address is good until the next call.
   */
  of(
    view: View,
    kind: string,
    bytes: number,
    temporary: () => number,
    make: (pointer: number) => void,
  ): number {
    const kept = this.kept(view, kind, bytes, make);
    if (kept !== undefined) return kept;
    const pointer = temporary();
    make(pointer);
    return pointer;
  }

  /** The same for one who has a way without the form: undefined where it is not kept. */
  kept(view: View, kind: string, bytes: number, make: (pointer: number) => void): number | undefined {
    const owner = view.memory as Block;
    const forms = (owner.forms ??= []);
    let form = forms.find((f) => f.kind === kind && f.offset === view.offset && hasLayout(view, f));
    if (form?.generation !== owner.generation) {
      // What was made from contents that are gone, this form or another.
      for (const f of forms) if (f.generation !== owner.generation) this.drop(f);
      if (!form) {
        const { offset, shape, strides } = view;
        form = { kind, offset, shape: [...shape], strides: [...strides], generation: 0, kept: undefined };
        forms.push(form);
      }
      form.generation = owner.generation;
      return undefined;
    }
    if (!form.kept) {
      form.kept = this.keep(owner, bytes);
      if (form.kept) make(form.kept.pointer);
    }
    return form.kept?.pointer;
  }

  private keep(owner: Block, bytes: number): Block | undefined {
    try {
      const kept = this.heap.bytes(bytes);
      this.owners.add(owner);
      this.bytes += kept.capacity;
      return kept;
    } catch (error) {
      if (error instanceof OutOfMemoryError) return undefined;
      throw error;
    }
  }

  private drop(form: Form): void {
    if (!form.kept) return;
    this.bytes -= form.kept.capacity;
    this.heap.free(form.kept);
    form.kept = undefined;
  }

  /** The block is freed, and its forms with it. */
  release(owner: Block): void {
    if (!owner.forms) return;
    for (const f of owner.forms) this.drop(f);
    owner.forms = undefined;
    this.owners.delete(owner);
  }

  /** Gives all back; false where there was nothing. */
  clear(): boolean {
    if (this.owners.size === 0) return false;
    for (const owner of this.owners) this.release(owner);
    return true;
  }
}
