/** What a convolution decides from the layouts of its operands alone: kept with its weights, since a network's layers come again. */
import type { ConvKernel, Memory, View } from '@sconce/core/backend';
import { hasLayout, numel } from '../memory/layout.ts';
import { type Geometry, geometryOf, isFlat, stridesOf, type Three } from './conv_geometry.ts';
import { type Planes as PlanesProduct, type Tiling, tilingFor } from './conv_planes.ts';
import { type Planes, reaches, slides, type Window } from './depthwise.ts';
import { canEnd, type Ending, endingOf } from './ending.ts';
import type { Exports } from './engine.ts';
import type { Tables } from './gather_tables.ts';
import type { TiledLayer } from './winograd.ts';

/** How other operands may meet the outputs of loops that do not walk them column by column. */
const WITHOUT_COLUMNS = ['same', 'row'] as const;

export interface Plan {
  /** The output and the inputs that it was made for, by their shapes and strides. */
  readonly operands: readonly Pick<View, 'shape' | 'strides'>[];
  readonly g: Geometry;
  readonly positions: number;
  readonly taps: number;
  /** Whether a channel's outputs are one dense run. */
  readonly isDense: boolean;
  /** Whether the input has to be padded, spread or converted. */
  readonly needsCopy: boolean;
  /** How other operands are met in tiles, and in loops that do not walk the outputs column by column. */
  readonly inTiles: Ending | undefined;
  readonly inLoops: Ending | undefined;
  readonly window: Window;
  readonly planes: Planes;
  /** Whether depthwise windows slide over planes, and over those of the input as they are. */
  readonly isDepthwise: boolean;
  readonly inPlace: boolean;
  /** Where each position is one of the input's, so that its planes are a product's right operand as they are: how that is tiled. */
  readonly tiling: Tiling | undefined;
  /** From the first call that asks: the layer in Winograd's tiles; null where it is not computed so. */
  tiled: TiledLayer | null | undefined;
  /** From the first call on: that product, what a gather goes by, and the code of depthwise windows. */
  product: PlanesProduct | undefined;
  tables: Tables | undefined;
  slide: Exports[string] | undefined;
}

export class Plans {
  /** By the weights' memory: layers share a kernel, but each has weights of its own. */
  private readonly plans = new WeakMap<Memory, Plan>();
  private readonly endsInTiles: boolean;

  constructor(private readonly kernel: ConvKernel) {
    this.endsInTiles = kernel.finish !== undefined && canEnd(kernel.finish);
  }

  of(out: View, inputs: readonly View[]): Plan {
    const { kernel, plans } = this;
    const { dtype, accumulate, finish } = kernel;
    const [x, w, ...others] = inputs as [View, View, ...View[]];
    const last = plans.get(w.memory);
    if (
      last &&
      hasLayout(out, last.operands[0]!) &&
      inputs.every((v, i) => hasLayout(v, last.operands[i + 1]!))
    )
      return last;
    const g = geometryOf(kernel, x, w, out);
    const window: Window = {
      size: [g.window[1], g.window[2]],
      stride: [g.stride[1], g.stride[2]],
      dilation: [g.dilation[1], g.dilation[2]],
    };
    const planesOf = (input: Three, before: Three): Planes => ({
      channels: g.groups,
      input: [input[1], input[2]],
      output: [g.output[1], g.output[2]],
      before: [before[1], before[2]],
    });
    const whole = planesOf(g.input, g.before);
    const inPlace =
      dtype === accumulate &&
      g.holes.every((n) => n === 1) &&
      reaches(window, whole) &&
      x.strides[x.strides.length - 1] === 1;
    const needsCopy =
      dtype !== accumulate ||
      g.before.some((n) => n !== 0) ||
      g.holes.some((n) => n !== 1) ||
      g.padded.some((n, d) => n > g.input[d]!);
    const positions = numel(g.output);
    const isOfPlanes =
      accumulate === 'float32' &&
      !needsCopy &&
      numel(g.window) === 1 &&
      g.stride.every((n) => n === 1) &&
      g.channels > 0 &&
      isFlat(g, stridesOf(x));
    const plan: Plan = {
      operands: [out, ...inputs].map(({ shape, strides }) => ({ shape: [...shape], strides: [...strides] })),
      g,
      positions,
      taps: g.channels * numel(g.window),
      isDense: out.strides.slice(2).every((s, d) => {
        const n = out.shape[2 + d]!;
        return n === 1 || s === numel(out.shape.slice(3 + d));
      }),
      needsCopy,
      inTiles: this.endsInTiles ? endingOf(finish!, out, others, 1) : undefined,
      inLoops: this.endsInTiles ? endingOf(finish!, out, others, 1, WITHOUT_COLUMNS) : undefined,
      window,
      planes: inPlace ? whole : planesOf(g.padded, [0, 0, 0]),
      isDepthwise: g.channels === 1 && g.filters === 1 && slides(window, g.output[2]) && numel(g.window) > 0,
      inPlace,
      tiling: isOfPlanes ? tilingFor(g.filters, positions, g.channels) : undefined,
      tiled: undefined,
      product: undefined,
      tables: undefined,
      slide: undefined,
    };
    plans.set(w.memory, plan);
    return plan;
  }
}
