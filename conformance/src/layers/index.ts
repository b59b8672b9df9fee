/** The layers, in the order in which an implementer meets them. */
import type { Layer } from '../case.ts';
import { kernels } from './kernels/index.ts';

export const layers: readonly Layer[] = [kernels];
