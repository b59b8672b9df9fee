/** Where a convolution's gather finds its columns: offsets into the input, kept in memory for the layers that come again. */
import { dtypes } from '@sconce/core/backend';
import type { Heap } from '../memory/heap.ts';
import { numel } from '../memory/layout.ts';
import type { Scratch } from '../memory/scratch.ts';
import type { Geometry } from './conv_geometry.ts';

/** Offsets of all taps and of all positions of some images, in bytes. */
export interface Tables {
  readonly images: number;
  readonly taps: Int32Array;
  readonly bases: Int32Array;
}

export function buildTables(g: Geometry, strides: readonly number[], bytes: number, images: number): Tables {
  const { window, dilation, stride, output, channels } = g;
  const taps = new Int32Array(channels * numel(window));
  let t = 0;
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < window[0]; i++)
      for (let j = 0; j < window[1]; j++)
        for (let l = 0; l < window[2]; l++)
          taps[t++] =
            bytes *
            (c * strides[1]! +
              i * dilation[0] * strides[2]! +
              j * dilation[1] * strides[3]! +
              l * dilation[2] * strides[4]!);
  // Whole panels: what is behind the last position repeats it.
  const count = images * numel(output);
  const bases = new Int32Array(Math.ceil(count / 8) * 8);
  let b = 0;
  for (let n = 0; n < images; n++)
    for (let i = 0; i < output[0]; i++)
      for (let j = 0; j < output[1]; j++)
        for (let l = 0; l < output[2]; l++)
          bases[b++] =
            bytes *
            (n * strides[0]! +
              i * stride[0] * strides[2]! +
              j * stride[1] * strides[3]! +
              l * stride[2] * strides[4]!);
  bases.fill(bases[count - 1]!, count);
  return { images, taps, bases };
}

/** How many layers' tables stay in memory: as many convolutions as a network has that are gathered. */
const SLOTS = 32;
const slotNames = Array.from({ length: SLOTS }, (_, slot) => `tables ${slot}`);

/** The tables of the layers that were computed last, in memory: writing those of a network's first layer takes as long as a tenth of it. */
export class GatherTables {
  private readonly held = new Array<Tables | undefined>(SLOTS);
  private readonly places = new Array<number>(SLOTS).fill(0);
  private next = 0;

  constructor(
    private readonly heap: Heap,
    private readonly scratch: Scratch,
  ) {}

  /** The address of the taps' offsets; those of the positions come next. */
  addressOf(tables: Tables): number {
    const known = this.held.indexOf(tables);
    if (known >= 0) return this.places[known]!;
    const slot = this.next;
    this.next = (slot + 1) % SLOTS;
    const { taps, bases } = tables;
    const { bytes } = dtypes.int32;
    const address = this.scratch.get(slotNames[slot]!, (taps.length + bases.length) * bytes);
    this.heap.i32.set(taps, address >> 2);
    this.heap.i32.set(bases, (address >> 2) + taps.length);
    this.held[slot] = tables;
    this.places[slot] = address;
    return address;
  }
}
