/** WebGPU's flags by their numbers, which the standard fixes: Node has them as no globals. */
export const USAGE = {
  MAP_READ: 0x1,
  COPY_SRC: 0x4,
  COPY_DST: 0x8,
  UNIFORM: 0x40,
  STORAGE: 0x80,
  QUERY_RESOLVE: 0x200,
} as const;
export const COMPUTE_STAGE = 0x4;
export const MAP_FOR_READING = 0x1;
