export {
  bernoulli,
  bernoulli_tensor,
  cauchy,
  exponential,
  geometric,
  log_normal,
} from './distributions.ts';
export {
  default_generator,
  Generator,
  get_rng_state,
  initial_seed,
  manual_seed,
  seed,
  set_rng_state,
} from './generator.ts';
export { random_from_to, random_full, random_full_64, randperm } from './integers.ts';
export { multinomial } from './multinomial.ts';
export { nextNormal, normal } from './normal.ts';
export { uniform } from './uniform.ts';
