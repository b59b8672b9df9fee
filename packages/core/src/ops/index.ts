/** The table of operators: every family, registered and callable. */
import { install } from '../dispatch/install.ts';
import { register } from '../dispatch/operator.ts';
import { activations } from './activation.ts';
import { arithmetic } from './arithmetic.ts';
import { attentions } from './attention.ts';
import { backwards } from './backward.ts';
import { bags } from './bag.ts';
import { compare } from './compare.ts';
import { convolutions } from './conv.ts';
import { copy } from './copy.ts';
import { creation } from './creation.ts';
import { deformable } from './deformable.ts';
import { folds } from './fold.ts';
import { gathers } from './gather.ts';
import { grids } from './grid.ts';
import { joins } from './join.ts';
import { linearAlgebra } from './linalg.ts';
import { losses } from './loss.ts';
import { margins } from './margin.ts';
import { products } from './matmul.ts';
import { norms } from './norm.ts';
import { pools } from './pool.ts';
import { prepackeds } from './prepacked.ts';
import { quantizedArithmetic } from './quantized/arithmetic.ts';
import { quantizedEmbeddings } from './quantized/embedding.ts';
import './quantized/meaning.ts';
import { quantizedNorms } from './quantized/norm.ts';
import { quantizedProducts } from './quantized/product.ts';
import { quantizations } from './quantized/quantize.ts';
import { quantizedRecurrent } from './quantized/recurrent.ts';
import { queries } from './query.ts';
import { randoms } from './random.ts';
import { reductions } from './reduce.ts';
import { recurrent } from './rnn.ts';
import { roiPools } from './roi-pool.ts';
import { searches } from './search.ts';
import { shapes } from './shape.ts';
import { solvers } from './solve.ts';
import { orders } from './sort.ts';
import { specials } from './special.ts';
import { synonymsOfKnown } from './synonyms.ts';
import { unary } from './unary.ts';
import { upsamples } from './upsample.ts';
import { views } from './view.ts';
import { vision } from './vision.ts';

for (const family of [
  arithmetic,
  unary,
  compare,
  copy,
  creation,
  views,
  reductions,
  products,
  joins,
  activations,
  convolutions,
  norms,
  pools,
  gathers,
  losses,
  orders,
  randoms,
  queries,
  upsamples,
  linearAlgebra,
  attentions,
  recurrent,
  specials,
  vision,
  roiPools,
  deformable,
  quantizations,
  quantizedProducts,
  quantizedArithmetic,
  quantizedNorms,
  quantizedEmbeddings,
  quantizedRecurrent,
  prepackeds,
  grids,
  folds,
  backwards,
  bags,
  searches,
  shapes,
  margins,
  solvers,
])
  register(family);
register(synonymsOfKnown());
install();
